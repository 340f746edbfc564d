// Plans and revenue over a real socket, and what a kill leaves of them.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ledgerApi } from "./api.mjs";
import { clocknextApi, clocknextKey } from "./clocknext/api.mjs";
import { priceList, signal, wallet } from "./clocknext/signals.mjs";
import { makeKeys } from "./keys.mjs";
import { ledgerWorker, startWorkerd } from "./workerd.mjs";

const keys = makeKeys();
const cnk = { live: clocknextKey("live", ["admin"]), user: clocknextKey("live", ["use"]) };
const entries = [...JSON.parse(keys.secret), ...Object.values(cnk).map(({ entry }) => entry)];
const bindings = { API_KEYS: JSON.stringify(entries), REPORT_DELAY_MS: "50" };
let state;
let runtime;
let engine;
let next;

async function start() {
  runtime = await startWorkerd({ workers: [ledgerWorker(bindings)], state });
  engine = ledgerApi(runtime.urls.ledger, keys.admin.text);
  next = clocknextApi(runtime.urls.ledger, cnk.live.text);
}

before(async () => {
  state = await mkdtemp(join(tmpdir(), "edge-credits-plans-"));
  await start();
  await priceList(next);
});
after(async () => {
  await runtime?.stop();
  await rm(state, { recursive: true, force: true });
});

const create = async (name) =>
  (await next.good("POST", "/customers", { name, email: "a@b.c" })).customer.id;
const pro = { name: "Pro", included: [{ amount: 100 }, { unit: "api", amount: "5.5" }] };

test("a plan gives what it includes once, however often it is set", async () => {
  const id = await create("Acme");
  const path = next.customer(id, "/plan");
  assert.equal((await next.good("GET", path)).plan, null);
  const answers = await Promise.all(Array.from({ length: 5 }, () => next.good("PUT", path, pro)));
  for (const { plan } of answers) {
    assert.deepEqual([plan.name, plan.period], ["Pro", "month"]);
    assert.deepEqual(plan.included, [
      { unit: "credits", amount: 100 },
      { unit: "api", amount: 5.5 },
    ]);
  }
  const { credits } = await next.balances(id);
  assert.deepEqual(credits.map(({ agentKey, remaining }) => [agentKey, remaining]), [
    ["api", 5.5],
    ["credits", 100],
  ]);
  assert.deepEqual([credits[0].creditId, credits[0].creditName], ["api", "API credits"]);
  assert.equal(credits[0].expiresAt, answers[0].plan.periodEnd);
  assert.equal((await engine.gate(id, { amount: 100 })).status, 200);
  const user = clocknextApi(runtime.urls.ledger, cnk.user.text);
  assert.equal((await user.request("PUT", path, pro)).status, 403);
  assert.equal((await user.good("GET", path)).plan.name, "Pro");
  assert.equal((await next.good("DELETE", path)).plan, null);
  for (const [body, code] of [
    [{}, "invalid_request"],
    [{ ...pro, period: "moon" }, "invalid_request"],
    [{ ...pro, included: [{ amount: -1 }] }, "amount_negative"],
    [{ ...pro, included: [{ amount: 1 }, { amount: 2 }] }, "invalid_request"],
    [{ ...pro, grants: [] }, "unknown_field"],
  ]) {
    const { status, json } = await next.request("PUT", path, body);
    assert.deepEqual([status, json.code], [400, code]);
  }
  assert.equal((await next.good("GET", path)).plan, null);
});

test("kill -9 amid plans: each customer has what the plan includes, once", async () => {
  const ids = await Promise.all(Array.from({ length: 12 }, (_, index) => create(`Mortal ${index}`)));
  for (let round = 0; round < 4; round += 1) {
    const calls = ids.map((id) => next.request("PUT", next.customer(id, "/plan"), pro).catch(() => {}));
    await new Promise((done) => setTimeout(done, 10 + round * 25));
    await runtime.stop();
    await Promise.all(calls);
    await start();
  }
  for (const id of ids) {
    await next.good("PUT", next.customer(id, "/plan"), pro);
    const { units } = await next.balances(id);
    assert.deepEqual(units.map(({ unit, balance }) => [unit, balance]), [
      ["api", 5.5],
      ["credits", 100],
    ]);
  }
});

test("revenue is what signals were charged, cost what their models cost", async () => {
  const id = await create("Payer");
  const path = (query = "") => next.customer(id, `/revenue${query}`);
  const nothing = await next.good("GET", path());
  assert.deepEqual([nothing.revenue, nothing.cost, nothing.margin, nothing.range], [0, 0, null, "30d"]);
  await engine.grant(id, 10, { unit: "api" });
  await engine.grant(id, 1, { unit: "usd" });
  // 1 000 tokens in and 500 out at 1 and 2 USD a million cost 0.002; 30 % on top is 0.0026.
  await next.good("POST", "/usage", signal(id));
  await next.good("POST", "/usage", wallet(id));
  const told = await next.good("GET", path("?range=7d"));
  assert.deepEqual([told.revenue, told.cost, told.profit, told.margin, told.signals], [
    0.0046, 0.004, 0.0006, 13.04, 2,
  ]);
  assert.equal(told.range, "7d");
  for (const range of ["0d", "367d", "7", "week"]) {
    assert.equal((await next.request("GET", path(`?range=${range}`))).status, 400);
  }
});

test("a customer who was deleted takes no signal, and repeats are answered", async () => {
  const id = await create("Gone");
  await engine.grant(id, 10, { unit: "api" });
  const first = signal(id);
  await next.good("POST", "/usage", first);
  await next.good("DELETE", next.customer(id));
  const { status, json } = await next.request("POST", "/usage", signal(id));
  assert.deepEqual([status, json.code], [404, "customer_closed"]);
  assert.equal((await next.good("POST", "/usage", first)).result.duplicate, true);
});
