// A disk that fails, and a module that falls, at every single use of the storage on workerd: each
// time nothing is applied, the ledger is whole, and the same key goes through afterwards, once.

import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ledgerApi } from "./api.mjs";
import { makeKeys } from "./keys.mjs";
import { REPOSITORY } from "./project.mjs";
import { ledgerWorker, startWorkerd } from "./workerd.mjs";

/** More uses of the storage than any call has; the sweep must end before. */
const MOST_USES = 200;
const EXPIRY = "2200-01-01T00:00:00Z";

const keys = makeKeys();
let directory;
let runtime;
let api;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "edge-credits-faults-"));
  const worker = ledgerWorker({ API_KEYS: keys.secret });
  await cp(worker.directory, directory, { recursive: true });
  await cp(join(REPOSITORY, "tests", "runtimes", "faults", "main.js"), join(directory, "main.js"));
  runtime = await startWorkerd({ workers: [{ ...worker, directory, main: "main.js" }] });
  api = ledgerApi(runtime.urls.ledger, keys.admin.text);
});
after(async () => {
  await runtime?.stop();
  if (directory) await rm(directory, { recursive: true, force: true });
});

/** Calls, what must come before each, and the balance after it. */
const CALLS = {
  // The customer's first call also makes the tables; an expiry also sets the alarm.
  "the first grant": {
    prepare: async () => {},
    call: (customer, headers) =>
      api.add(customer, { amount: 10, type: "topup", expires_at: EXPIRY }, headers),
    balances: [0, 10],
    entries: [0, 1],
  },
  "a charge": {
    prepare: (customer) => api.grant(customer, 10),
    call: (customer, headers) => api.gate(customer, { amount: 4 }, headers),
    balances: [10, 6],
    entries: [1, 2],
  },
  // All of a batch or nothing; the key of the sweep is its second item's.
  "a batch": {
    prepare: (customer) => api.grant(customer, 10),
    call: async (customer, headers) => {
      const items = ["before", headers["idempotency-key"], "after"];
      const charges = items.map((idempotency_key) => ({ amount: 2, idempotency_key }));
      const answer = await api.batch(customer, charges, headers);
      return { ...answer, json: answer.json.results?.[1].body ?? answer.json };
    },
    balances: [10, 4],
    entries: [1, 4],
  },
};

for (const kind of ["error", "trap"]) {
  for (const [name, { prepare, call, balances, entries }] of Object.entries(CALLS)) {
    test(`${name}: ${kind} at every use of the storage`, async (t) => {
      let fired = 0;
      for (let use = 1; ; use += 1) {
        assert.ok(use < MOST_USES, "the call ends");
        const customer = `${kind} ${name} ${use}`;
        await prepare(customer);
        const key = { "idempotency-key": "once" };
        const faulty = await call(customer, { ...key, "x-fault": `${kind} ${use}` });
        if (faulty.headers.get("x-fault-fired") !== "true") {
          assert.equal(faulty.status, 200, "without a fault it goes through");
          break;
        }
        fired += 1;
        assert.equal(faulty.status, 500, JSON.stringify(faulty.json));
        await holds(customer, balances[0], entries[0]);
        const again = await call(customer, key);
        assert.deepEqual([again.status, again.json.replayed], [200, false], `at use ${use}`);
        await holds(customer, balances[1], entries[1]);
        const replay = await call(customer, key);
        assert.equal(replay.json.replayed, true);
      }
      assert.ok(fired > 1, "the storage was used");
      t.diagnostic(`figure: ${t.name}: ${fired} uses, each rolled back whole`);
    });
  }
}

async function holds(customer, balance, entries) {
  assert.equal((await api.balance(customer)).balance, balance);
  assert.equal((await api.transactions(customer)).pagination.total, entries);
}
