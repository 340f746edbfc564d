// Sandbox and production never meet. The same customer ids, the same idempotency keys, the ids and
// positions of one environment used in the other: against the ledger, the cache in front of it, and in
// the client's own memory.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CreditEngine } from "../../pkg/js/index.js";
import { ledgerApi } from "./api.mjs";
import { makeKey } from "./keys.mjs";
import { cacheWorker, ledgerWorker, startWorkerd } from "./workerd.mjs";

const ENVIRONMENTS = ["live", "test"];
const SCOPES = ["use", "grant", "admin"];
const keys = Object.fromEntries(ENVIRONMENTS.map((env) => [env, makeKey(env, SCOPES)]));
const secret = JSON.stringify(Object.values(keys).map(({ entry }) => entry));

let ledger;
let cache;

before(async () => {
  ledger = await startWorkerd({ workers: [ledgerWorker({ API_KEYS: secret })] });
  cache = await startWorkerd({ workers: [cacheWorker(cacheBindings(ledger.urls.ledger))] });
});
after(async () => {
  await cache?.stop();
  await ledger?.stop();
});

function cacheBindings(upstream) {
  const [UPSTREAM_KEY_LIVE, UPSTREAM_KEY_TEST] = ENVIRONMENTS.map((env) => keys[env].text);
  return { API_KEYS: secret, UPSTREAM_URL: upstream, UPSTREAM_KEY_LIVE, UPSTREAM_KEY_TEST };
}

const WORLDS = { "the ledger": () => ledger.urls.ledger, "the cache": () => cache.urls.cache };

/** Both environments of a world, and every order of the two. */
function sides(url) {
  const side = (env) => Object.assign(ledgerApi(url, keys[env].text), { env });
  const [live, sandbox] = ENVIRONMENTS.map(side);
  return [
    [live, sandbox],
    [sandbox, live],
  ];
}

/** Waits until a cache has sent what it accepted; a ledger has nothing waiting. */
async function arrived(side, customer) {
  while (((await side.balance(customer)).pending ?? 0) > 0) {
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** Requests that a caller could make up to reach the other environment. */
const header = (env) => ({ "x-edge-credits-environment": env });

for (const [world, url] of Object.entries(WORLDS)) {
  describe(world, () => {
    test("the same customer and the same keys are two of everything", async () => {
      for (const [mine, theirs] of sides(url())) {
        const customer = `same, ${world}, ${mine.env}`;
        const grant = { amount: 100, type: "topup", idempotency_key: "g" };
        const granted = await mine.add(customer, grant);
        assert.equal((await theirs.balance(customer)).balance, 0);
        const other = await theirs.add(customer, { ...grant, amount: 7 });
        // Another amount under the key: were it the same record, this would be refused.
        assert.deepEqual([other.status, other.json.replayed], [200, false]);
        assert.notEqual(other.json.transaction_id, granted.json.transaction_id);

        const charge = { amount: 5, idempotency_key: "c" };
        const mineFirst = await mine.gate(customer, charge);
        const theirsFirst = await theirs.gate(customer, { ...charge, amount: 3 });
        assert.deepEqual([mineFirst.json.balance, theirsFirst.json.balance], [95, 4]);
        assert.notEqual(mineFirst.json.transaction_id, theirsFirst.json.transaction_id);
        const [again, theirsAgain] = [
          await mine.gate(customer, charge),
          await theirs.gate(customer, { ...charge, amount: 3 }),
        ];
        for (const [replay, first] of [[again, mineFirst], [theirsAgain, theirsFirst]]) {
          assert.equal(replay.json.replayed, true);
          assert.equal(replay.json.transaction_id, first.json.transaction_id);
        }
        // The sandbox's gate does not see production's credits, nor the other way.
        const dear = await theirs.gate(customer, { amount: 50, idempotency_key: "d" });
        assert.deepEqual([dear.status, dear.json.error.details.current_balance], [402, 4]);
      }
    });

    test("neither takes the other's transactions: to refund, to void, to begin a page at", async () => {
      for (const [mine, theirs] of sides(url())) {
        const customer = `ids, ${world}, ${mine.env}`;
        const { transaction_id: grant } = await mine.grant(customer, 100);
        await theirs.grant(customer, 9);
        const charge = (await mine.gate(customer, { amount: 5 })).json.transaction_id;
        for (let row = 0; row < 4; row += 1) await mine.consume(customer, { amount: 1 });
        await arrived(mine, customer);
        const refund = { amount: 5, type: "refund", refund_of: charge };
        const refunded = await theirs.add(customer, refund);
        assert.deepEqual([refunded.status, refunded.json.error?.code], [404, "not_found"]);
        const voided = await theirs.voidGrant(customer, grant);
        assert.deepEqual([voided.status, voided.json.error?.code], [404, "not_found"]);
        assert.equal((await theirs.balance(customer)).balance, 9);
        assert.equal((await mine.balance(customer)).balance, 91);
        const own = (await mine.transactions(customer)).data;
        assert.equal(own.length, 6);
        for (const query of ["", `?before_sequence=${own[0].sequence}`, "?offset=0&limit=100"]) {
          const { data, pagination } = await theirs.transactions(customer, query);
          assert.deepEqual([data.length, pagination.total], [1, 1], query);
          assert.ok(own.every(({ id }) => id !== data[0].id));
        }
        // Its own refund goes through: the refusals above were about whose it is.
        assert.equal((await mine.add(customer, refund)).status, 200);
      }
    });

    test("the key alone says which it is, whatever the request claims", async () => {
      for (const [mine, theirs] of sides(url())) {
        const customer = `claims, ${world}, ${mine.env}`;
        await mine.grant(customer, 10);
        for (const env of ENVIRONMENTS) {
          const gate = await theirs.gate(customer, { amount: 1 }, header(env));
          assert.equal(gate.status, 402, `${theirs.env} claims ${env}`);
        }
        const named = await theirs.consume(customer, { amount: 1, environment: mine.env });
        assert.deepEqual([named.status, named.json.error.code], [400, "unknown_field"]);
        // Ids that look like the names of the other environment's objects.
        for (const id of [`4:${mine.env}${customer.length}:${customer}`, `${mine.env}:${customer}`]) {
          assert.equal((await theirs.balance(id)).balance, 0, id);
          assert.equal((await mine.balance(id)).balance, 0, id);
        }
        assert.equal((await mine.balance(customer)).balance, 10);
      }
    });

    // A cache has no such route: it makes batches, and takes none.
    const skip = world !== "the ledger";
    test("a batch of the other's keys is made of new charges", { skip }, async () => {
      for (const [mine, theirs] of sides(url())) {
        const customer = `batch, ${world}, ${mine.env}`;
        await mine.grant(customer, 10);
        await theirs.grant(customer, 20);
        const items = ["a", "b"].map((idempotency_key) => ({ amount: 1, idempotency_key }));
        const [first, second] = [await mine.batch(customer, items), await theirs.batch(customer, items)];
        for (const { json } of [first, second]) {
          assert.ok(json.results, JSON.stringify(json));
          assert.deepEqual(json.results.map(({ body }) => body.replayed), [false, false]);
        }
        await arrived(mine, customer);
        await arrived(theirs, customer);
        assert.equal((await mine.balance(customer)).balance, 8);
        assert.equal((await theirs.balance(customer)).balance, 18);
      }
    });
  });
}

test("what waits in a cache is told to, and touched by, its own environment alone", async (t) => {
  // Nobody is there: everything waits.
  const lonely = await startWorkerd({ workers: [cacheWorker(cacheBindings("http://127.0.0.1:9"))] });
  t.after(lonely.stop);
  const url = lonely.urls.cache;
  const operate = async (env, method, path) => {
    const headers = { authorization: `Bearer ${keys[env].text}` };
    const response = await fetch(`${url}/v1/customers/c/outbox${path}`, { method, headers });
    return { status: response.status, text: await response.text() };
  };
  for (const [mine, theirs] of sides(url)) {
    const { json } = await mine.consume("c", { amount: 1, idempotency_key: "w" });
    const id = json.transaction_id;
    const own = await operate(mine.env, "GET", "");
    assert.ok(own.text.includes(id), `${JSON.stringify(json)} ${own.text}`);
    assert.ok(!(await operate(theirs.env, "GET", "")).text.includes(id));
    for (const act of ["retry", "write-off"]) {
      const answer = await operate(theirs.env, "POST", `/${id}/${act}`);
      assert.ok(answer.status >= 400, `${act}: ${answer.status} ${answer.text}`);
    }
    assert.ok((await operate(mine.env, "GET", "")).text.includes(id), "it still waits");
  }
});

for (const mode of ["stateless", "persistent"]) {
  test(`one process with a client of each, ${mode}`, async () => {
    const make = (env) => new CreditEngine({ apiKey: keys[env].text, baseUrl: ledger.urls.ledger, mode });
    const [live, sandbox] = ENVIRONMENTS.map(make);
    const customer = `process ${mode}`;
    await live.add(customer, 50);
    await sandbox.add(customer, 8);
    const idempotencyKey = "one";
    const charged = await live.consumeOrFail(customer, 5, "", { idempotencyKey });
    const other = await sandbox.consumeOrFail(customer, 2, "", { idempotencyKey });
    assert.deepEqual([charged.balance, other.balance, other.replayed], [45, 6, false]);
    assert.notEqual(charged.transaction_id, other.transaction_id);
    await Promise.all([live.flush(), sandbox.flush()]);
    assert.equal((await live.getBalance(customer)).balance, 45);
    assert.equal((await sandbox.getBalance(customer)).balance, 6);
    await Promise.all([live.destroy(), sandbox.destroy()]);
  });
}

test("while the API is away, neither knows the other's balance or draws on its limit", async () => {
  let away = false;
  const fetcher = {
    async fetch(...args) {
      if (away) throw new Error("away");
      return fetch(...args);
    },
  };
  const make = (env) => {
    const options = { mode: "stateless", maxRetries: 0, degradedLimit: 10, onError() {} };
    return new CreditEngine({ apiKey: keys[env].text, baseUrl: ledger.urls.ledger, fetcher, ...options });
  };
  const [live, sandbox] = ENVIRONMENTS.map(make);
  await live.add("away", 50);
  away = true;
  assert.equal((await live.getBalance("away")).balance, 50);
  await assert.rejects(sandbox.getBalance("away"), { code: "network_error" });
  assert.equal((await live.consumeOrFail("away", 10)).degraded, true);
  await assert.rejects(live.consumeOrFail("away", 1));
  assert.equal((await sandbox.consumeOrFail("away", 10)).balance, null);
  away = false;
  await Promise.all([live.flush(), sandbox.flush()]);
  assert.deepEqual([(await live.getBalance("away")).balance, (await sandbox.getBalance("away")).balance], [40, -10]);
});
