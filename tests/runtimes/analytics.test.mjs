// Analytics over a real socket: what the directory of an environment says is what its ledgers hold,
// after kills -9 too; a customer's own ledger answers for the customer; and without a directory only
// what reaches over customers is refused.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { ledgerApi } from "./api.mjs";
import { makeKeys } from "./keys.mjs";
import { cacheWorker, ledgerWorker, startWorkerd } from "./workerd.mjs";

/** Real time passes between a charge and its report: a deployment waits for 10 s, this one briefly. */
const BINDINGS = { REPORT_DELAY_MS: "50" };
const keys = makeKeys();

/** `ask(topic, query)` resolves to `{status, json}`. */
function askerOf(origin, key) {
  return async (topic, query = "") => {
    const headers = { authorization: `Bearer ${key}` };
    const response = await fetch(`${origin}/v1/analytics/${topic}${query}`, { headers });
    return { status: response.status, json: await response.json() };
  };
}

/** The first answer that `check` takes, asked for up to 20 s. */
async function eventually(ask, check) {
  const end = Date.now() + 20_000;
  for (;;) {
    const answer = await ask();
    if (check(answer)) return answer;
    if (Date.now() > end) throw new Error(`it never came true: ${JSON.stringify(answer)}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** Everything in some ledgers, recounted: sums by customer and by action. */
async function recount(api, customers) {
  const total = { consumed: 0, added: 0, transaction_count: 0 };
  const byCustomer = new Map();
  const byAction = new Map();
  const add = (map, name, { consumed, added }) => {
    const sums = map.get(name) ?? { consumed: 0, added: 0, transaction_count: 0 };
    sums.consumed += consumed;
    sums.added += added;
    sums.transaction_count += 1;
    map.set(name, sums);
  };
  for (const customer of customers) {
    for (let before = ""; ; ) {
      const { data } = await api.transactions(customer, `?limit=100${before}`);
      for (const { amount, type, action } of data) {
        const sums = { consumed: Math.max(0, -amount), added: Math.max(0, amount) };
        total.consumed += sums.consumed;
        total.added += sums.added;
        total.transaction_count += 1;
        add(byCustomer, customer, sums);
        add(byAction, `${action}/${type}`, sums);
      }
      if (data.length === 0) break;
      before = `&before_sequence=${data.at(-1).sequence}`;
    }
  }
  return { total, byCustomer, byAction };
}

function sumOf(lines) {
  const total = { consumed: 0, added: 0, transaction_count: 0 };
  for (const line of lines) for (const name of Object.keys(total)) total[name] += line[name];
  return total;
}

/** Fails unless the directory says what the ledgers hold. It may have to be told first. */
async function agree(api, ask, customers) {
  const { total, byCustomer, byAction } = await recount(api, customers);
  const usage = await eventually(
    () => ask("usage", "?period=last_7_days"),
    ({ json }) => sumOf(json.data).transaction_count >= total.transaction_count,
  );
  assert.deepEqual(sumOf(usage.json.data), total);
  const actions = (await ask("actions", "?period=last_7_days")).json.data;
  assert.deepEqual(sumOf(actions), total);
  for (const { action, type, consumed, added, transaction_count } of actions) {
    const sums = byAction.get(`${action}/${type}`);
    assert.deepEqual({ consumed, added, transaction_count }, sums, `${action}/${type}`);
  }
  const ranking = [...byCustomer]
    .filter(([, { consumed }]) => consumed > 0)
    .map(([customer_id, { consumed, added, transaction_count }]) => ({
      customer_id,
      total_consumed: consumed,
      total_added: added,
      transaction_count,
    }))
    .sort((one, other) => other.total_consumed - one.total_consumed || (one.customer_id < other.customer_id ? -1 : 1));
  const top = (await ask("top-consumers", "?period=last_7_days&limit=100")).json.data;
  assert.deepEqual(top, ranking);
  const summary = (await ask("summary", "?period=last_7_days")).json.data;
  assert.equal(summary.total_consumed, total.consumed);
  assert.equal(summary.active_customers, ranking.length);
  const burn = (await ask("burn-rate")).json.data;
  assert.equal(burn.balance, total.added - total.consumed);
  return total;
}

describe("a deployment with a directory", () => {
  let runtime;
  let api;
  let sandbox;
  let ask;
  before(async () => {
    const bindings = { ...BINDINGS, API_KEYS: keys.secret };
    const cache = { UPSTREAM_KEY_LIVE: keys.live.text, UPSTREAM_KEY_TEST: keys.test.text };
    runtime = await startWorkerd({ workers: [ledgerWorker(bindings)] });
    const upstream = { ...cache, API_KEYS: keys.secret, UPSTREAM_URL: runtime.urls.ledger };
    const front = await startWorkerd({ workers: [cacheWorker(upstream)] });
    const stop = runtime.stop;
    runtime = { ...runtime, cache: front.urls.cache, stop: () => Promise.all([stop(), front.stop()]) };
    api = ledgerApi(runtime.urls.ledger, keys.admin.text);
    sandbox = ledgerApi(runtime.urls.ledger, keys.test.text);
    ask = askerOf(runtime.urls.ledger, keys.admin.text);
  });
  after(() => runtime?.stop());

  test("it says what the ledgers hold", async () => {
    const customers = ["ana/1", "bob: 50%", "cleo ☕"];
    for (const [index, customer] of customers.entries()) {
      await api.grant(customer, 100, { description: "Starter" });
      for (let charge = 0; charge <= index; charge += 1) {
        await api.consume(customer, { amount: 2 + index, description: "AI: chat" });
      }
    }
    await api.add("ana/1", { amount: 5, type: "refund", description: "AI: chat" });
    await api.add("bob: 50%", { amount: -3, type: "adjustment" });
    const total = await agree(api, ask, customers);
    assert.deepEqual(total, { consumed: 23, added: 305, transaction_count: 11 });
    const { json } = await ask("summary");
    for (const field of ["as_of", "from", "to", "unit"]) assert.equal(typeof json[field], "string");
    const { comparison } = json.data;
    assert.equal(comparison.total_consumed, 0);
    assert.equal(comparison.total_consumed_change_percent, null);
  });

  test("a customer's own ledger is never behind", async () => {
    await api.grant("dora", 50);
    for (let charge = 1; charge <= 5; charge += 1) {
      await api.consume("dora", { amount: 4, description: "image" });
      const { json } = await ask("usage", "?customer_id=dora&period=last_7_days");
      assert.equal(json.data.at(-1).consumed, 4 * charge);
      assert.equal(json.customer_id, "dora");
    }
    const { json } = await ask("burn-rate", "?customer_id=dora&days=1");
    assert.deepEqual(json.data, {
      daily_avg_consumed: 20,
      daily_avg_added: 50,
      net_daily_burn: -30,
      projection_days_remaining: null,
      balance: 30,
    });
    const actions = await ask("usage", "?customer_id=dora&group_by=action");
    assert.equal(actions.json.data[0].action, "image");
    const nobody = await ask("usage", "?customer_id=nobody");
    assert.equal(sumOf(nobody.json.data).transaction_count, 0);
  });

  test("test data and live data do not meet", async () => {
    await sandbox.consume("ana/1", { amount: 7, description: "sandbox only" });
    const asked = askerOf(runtime.urls.ledger, keys.test.text);
    const { json } = await eventually(
      () => asked("top-consumers"),
      (answer) => answer.json.data.length > 0,
    );
    assert.deepEqual(json.data, [
      { customer_id: "ana/1", total_consumed: 7, total_added: 0, transaction_count: 1 },
    ]);
    const live = (await ask("actions")).json.data.map(({ action }) => action);
    assert.ok(!live.includes("sandbox only"));
  });

  test("through a cache the questions reach the API behind it", async () => {
    const asked = askerOf(runtime.cache, keys.live.text);
    const [behind, through] = [await ask("top-consumers"), await asked("top-consumers")];
    assert.deepEqual(through.json.data, behind.json.data);
    const mine = await asked("usage", "?customer_id=dora&group_by=action");
    assert.equal(mine.json.data[0].action, "image");
    const wrong = await asked("summary", "?period=always");
    assert.deepEqual([wrong.status, wrong.json.error.code], [400, "invalid_request"]);
  });

  test("no report is taken from outside", async () => {
    const headers = { authorization: `Bearer ${keys.admin.text}`, "content-type": "application/json" };
    const response = await fetch(`${runtime.urls.ledger}/reports`, { method: "POST", headers, body: "{}" });
    assert.equal(response.status, 404);
  });
});

test("without a directory a customer's own questions are answered, and no others", async () => {
  const worker = ledgerWorker({ API_KEYS: keys.secret, ...BINDINGS });
  delete worker.objects.DIRECTORY;
  const runtime = await startWorkerd({ workers: [worker] });
  try {
    const api = ledgerApi(runtime.urls.ledger, keys.admin.text);
    const ask = askerOf(runtime.urls.ledger, keys.admin.text);
    await api.consume("ana", { amount: 3 });
    const mine = await ask("usage", "?customer_id=ana");
    assert.equal(mine.json.data.at(-1).consumed, 3);
    for (const topic of ["usage", "top-consumers", "actions", "burn-rate", "summary"]) {
      const { status, json } = await ask(topic);
      assert.deepEqual([status, json.error.code], [503, "not_configured"]);
      assert.match(json.error.message, /DIRECTORY.*DirectoryObject/);
    }
  } finally {
    await runtime.stop();
  }
});

test("a mistyped delay stops everything, and says so", async () => {
  const runtime = await startWorkerd({
    workers: [ledgerWorker({ API_KEYS: keys.secret, REPORT_DELAY_MS: "soon" })],
  });
  try {
    const api = ledgerApi(runtime.urls.ledger, keys.admin.text);
    const { status, json } = await api.consume("ana", { amount: 3 });
    assert.deepEqual([status, json.error.code], [503, "not_configured"]);
    assert.match(json.error.message, /REPORT_DELAY_MS/);
    const health = await (await fetch(`${runtime.urls.ledger}/health`)).json();
    assert.equal(health.configured, false);
  } finally {
    await runtime.stop();
  }
});

test("kill -9 under load: afterwards the directory agrees with the ledgers", async (t) => {
  const kills = 5;
  const customers = ["a", "b", "c", "d", "e"];
  const state = await mkdtemp(join(tmpdir(), "edge-credits-analytics-"));
  const start = () =>
    startWorkerd({ workers: [ledgerWorker({ ...BINDINGS, API_KEYS: keys.secret })], state });
  let runtime;
  try {
    let charges = 0;
    for (let kill = 0; kill < kills; kill += 1) {
      runtime = await start();
      const api = ledgerApi(runtime.urls.ledger, keys.admin.text);
      // Until the server is gone. What was not answered may stand in the ledger or not; the directory
      // has to agree with the ledger.
      const client = async (customer) => {
        for (let n = 0; ; n += 1) {
          const charge = { amount: 1 + (n % 3), description: `AI: ${n % 4}` };
          const answer = await api.consume(customer, charge).catch(() => undefined);
          if (answer?.status !== 200) return;
          charges += 1;
        }
      };
      const load = Promise.all(customers.map((customer) => client(customer)));
      // Late enough that reports are on their way whenever it comes.
      const enough = charges + 50 + 7 * kill;
      await Promise.all([
        new Promise((done) => setTimeout(done, 200)),
        eventually(() => charges, (count) => count >= enough),
      ]);
      await runtime.stop();
      await load;
    }
    runtime = await start();
    const api = ledgerApi(runtime.urls.ledger, keys.admin.text);
    const total = await agree(api, askerOf(runtime.urls.ledger, keys.admin.text), customers);
    assert.ok(total.transaction_count >= charges && charges > 250, "there was load before each kill");
    t.diagnostic(
      `figure: ${kills} kills -9 while ledgers reported, ${total.transaction_count} entries, each counted once`,
    );
  } finally {
    await runtime?.stop();
    await rm(state, { recursive: true, force: true });
  }
});
