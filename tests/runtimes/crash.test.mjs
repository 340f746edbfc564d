// kill -9 of the runtime under load: what was acknowledged is there, once, after the restart; what
// was not acknowledged is there once or not at all, and the same key settles which.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { ledgerApi } from "./api.mjs";
import { makeKeys } from "./keys.mjs";
import { ledgerWorker, startWorkerd } from "./workerd.mjs";

const KILLS = 6;
const CUSTOMERS = ["a", "b", "c", "d"];
const CLIENTS_PER_CUSTOMER = 4;
const GRANTED = 1_000_000;
const ACKNOWLEDGED_PER_KILL = 100;

test("kill -9 under load loses nothing that was acknowledged", async (t) => {
  const state = await mkdtemp(join(tmpdir(), "edge-credits-crash-"));
  const keys = makeKeys();
  const start = () =>
    startWorkerd({ workers: [ledgerWorker({ API_KEYS: keys.secret })], state });
  /** Every charge that was sent: `key → {customer, transaction?}`; no transaction = no answer. */
  const sent = new Map();
  let runtime;
  try {
    runtime = await start();
    let api = ledgerApi(runtime.urls.ledger, keys.admin.text);
    for (const customer of CUSTOMERS) await api.grant(customer, GRANTED);
    for (let kill = 0; kill < KILLS; kill += 1) {
      // Another moment each time; under load this is always in the middle of something.
      const load = startLoad(api, sent, kill, ACKNOWLEDGED_PER_KILL + 7 * kill);
      await load.reached;
      await runtime.stop();
      await load.ended;
      runtime = await start();
      api = ledgerApi(runtime.urls.ledger, keys.admin.text);
    }
    const present = await statements(api);
    const { acknowledged, unknown, applied } = judge(sent, present);
    await settle(api, sent);
    assert.ok(acknowledged >= ACKNOWLEDGED_PER_KILL * KILLS, "there was load before each kill");
    assert.ok(unknown > 0, "no request was in flight at any kill: the kills hit nothing");
    t.diagnostic(
      `figure: ${KILLS} kills -9, ${acknowledged} acknowledged, 0 missing; ${unknown} without an answer, ` +
        `${applied} of them applied`,
    );
  } finally {
    await runtime?.stop();
    await rm(state, { recursive: true, force: true });
  }
});

/**
 * Charges 1 in a closed loop per client until the server is gone. `reached` resolves when `enough`
 * were acknowledged, `ended` when every client has seen the server go.
 */
function startLoad(api, sent, round, enough) {
  let acknowledged = 0;
  let reach;
  let miss;
  const reached = new Promise((resolve, reject) => ([reach, miss] = [resolve, reject]));
  const client = async (customer, number) => {
    for (let n = 0; ; n += 1) {
      const key = `${customer}-${round}-${number}-${n}`;
      const charge = { customer };
      sent.set(key, charge);
      try {
        const { status, json } = await api.gate(customer, { amount: 1, idempotency_key: key });
        if (status !== 200) throw new Error(`${status} ${JSON.stringify(json)}`);
        charge.transaction = json.transaction_id;
      } catch (error) {
        // Before `enough` are through nobody has killed anything: this is another failure.
        return miss(error);
      }
      acknowledged += 1;
      if (acknowledged === enough) reach();
    }
  };
  const numbers = Array.from({ length: CLIENTS_PER_CUSTOMER }, (_, number) => number);
  const clients = CUSTOMERS.flatMap((customer) => numbers.map((n) => client(customer, n)));
  return { reached, ended: Promise.all(clients) };
}

/** Every consumption in every ledger, by key; a key that stands there twice is a failure. */
async function statements(api) {
  const present = new Map();
  for (const customer of CUSTOMERS) {
    let sequence = Infinity;
    for (;;) {
      const before = sequence === Infinity ? "" : `&before_sequence=${sequence}`;
      const { data } = await api.transactions(customer, `?limit=100${before}`);
      for (const entry of data) {
        assert.ok(entry.sequence < sequence, "newest first");
        if (sequence !== Infinity) assert.equal(entry.sequence, sequence - 1, "no gap");
        sequence = entry.sequence;
        if (entry.type !== "consumption") continue;
        assert.ok(!present.has(entry.idempotency_key), `${entry.idempotency_key} stands twice`);
        present.set(entry.idempotency_key, entry);
      }
      if (data.length === 0 || sequence === 1) break;
    }
  }
  return present;
}

function judge(sent, present) {
  let acknowledged = 0;
  let unknown = 0;
  let applied = 0;
  for (const [key, { transaction }] of sent) {
    if (transaction) {
      acknowledged += 1;
      assert.equal(present.get(key)?.id, transaction, `${key} was acknowledged and is missing`);
    } else {
      unknown += 1;
      if (present.has(key)) applied += 1;
    }
  }
  for (const key of present.keys()) assert.ok(sent.has(key), `${key} was never sent`);
  return { acknowledged, unknown, applied };
}

/** Sends everything that had no answer again: afterwards each charge stands exactly once. */
async function settle(api, sent) {
  for (const [key, { customer, transaction }] of sent) {
    if (transaction) continue;
    const { status } = await api.gate(customer, { amount: 1, idempotency_key: key });
    assert.equal(status, 200);
  }
  for (const customer of CUSTOMERS) {
    const charges = [...sent.values()].filter((charge) => charge.customer === customer).length;
    assert.equal((await api.balance(customer)).balance, GRANTED - charges);
  }
}
