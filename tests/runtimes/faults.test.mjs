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
import { cacheWorker, ledgerWorker, startWorkerd } from "./workerd.mjs";

/** More uses of the storage than any call has; the sweep must end before. */
const MOST_USES = 200;
/** More uses of the storage than a charge and its sending have, by the cache. */
const CACHE_USES = 20;
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

test("the cache: error and trap at every use of the storage, by a charge and by what sends it", async (t) => {
  const upstream = await startWorkerd({ workers: [ledgerWorker({ API_KEYS: keys.secret })] });
  t.after(() => upstream.stop());
  const bindings = {
    API_KEYS: keys.secret,
    UPSTREAM_URL: upstream.urls.ledger,
    UPSTREAM_KEY_LIVE: keys.admin.text,
    // A conversation that is cut off is over 5 s later.
    UPSTREAM_TIMEOUT_MS: "1000",
  };
  const worker = { ...cacheWorker(bindings), directory, main: "main.js" };
  const cache = await startWorkerd({ workers: [worker] });
  t.after(() => cache.stop());
  const there = ledgerApi(upstream.urls.ledger, keys.admin.text);
  const edge = ledgerApi(cache.urls.cache, keys.admin.text);
  const charge = { amount: 4, idempotency_key: "once" };
  const customers = [];
  const failed = { error: 0, trap: 0 };
  for (const kind of ["error", "trap"]) {
    for (let use = 1; use <= CACHE_USES; use += 1) {
      const customer = `${kind} ${use}`;
      customers.push(customer);
      await there.grant(customer, 10);
      await edge.balance(customer);
      const headers = { "x-fault": `${kind} ${use}`, "x-fault-stays": "true" };
      const faulty = await edge.gate(customer, charge, headers);
      assert.ok([200, 500].includes(faulty.status), JSON.stringify(faulty.json));
      if (faulty.status === 500) failed[kind] += 1;
      // The work behind the answer runs into it.
      await new Promise((done) => setTimeout(done, 50));
      const again = await edge.gate(customer, charge);
      assert.equal(again.status, 200, `${customer}: ${JSON.stringify(again.json)}`);
      if (faulty.status === 200) assert.equal(again.json.replayed, true, customer);
    }
    assert.ok(failed[kind] > 1 && failed[kind] < CACHE_USES, `${kind}: ${failed[kind]}`);
  }
  for (const customer of customers) {
    let balance;
    for (let waited = 0; balance?.pending !== 0; waited += 1) {
      assert.ok(waited < 600, `${customer} does not drain`);
      if (waited > 0) await new Promise((done) => setTimeout(done, 100));
      balance = await edge.balance(customer);
    }
    assert.equal((await there.balance(customer)).balance, 6, customer);
    assert.equal((await there.transactions(customer, "?type=consumption")).pagination.total, 1);
  }
  t.diagnostic(
    `figure: cache: ${customers.length} faults, ${failed.error + failed.trap} of them seen by the ` +
      "caller; each charge stands once",
  );
});

async function holds(customer, balance, entries) {
  assert.equal((await api.balance(customer)).balance, balance);
  assert.equal((await api.transactions(customer)).pagination.total, entries);
}
