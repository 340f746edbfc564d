// Usage signals over a real socket: priced by the catalog, taken from the ledger once, whatever is
// repeated, refused or spread over customers. What a kill does is in usage_crash.test.mjs.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";

import { ledgerApi } from "./api.mjs";
import { clocknextApi } from "./clocknext/api.mjs";
import { REFUSED_BATCHES, REFUSED_SIGNALS } from "./clocknext/refused_signals.mjs";
import { priceList, signal, step, wallet } from "./clocknext/signals.mjs";
import { faceKeys, startLedger } from "./clocknext/world.mjs";
import { exchange } from "./raw.mjs";
import { cacheWorker, startWorkerd } from "./workerd.mjs";

const given = faceKeys();
const { keys, cnk, API_KEYS } = given;
let runtime;
let origin;
let engine;
let next;

before(async () => {
  ({ runtime, origin, engine, next } = await startLedger(given));
  await priceList(next);
});
after(() => runtime?.stop());

/** The log of a signal that must be taken. */
async function taken(body, api = next) {
  const answer = await api.request("POST", "/usage", body);
  assert.equal(answer.status, 200, JSON.stringify(answer.json));
  const { statusCode, statusDetail, result } = answer.json;
  assert.deepEqual([statusCode, statusDetail.status], [200, "SUCCESS"]);
  assert.equal(result.duplicate, result.usageLog.duplicate);
  return result.usageLog;
}

async function refused(body, status, api = next) {
  const answer = await api.request("POST", "/usage", body);
  assert.equal(answer.status, status, JSON.stringify(answer.json));
  assert.equal(answer.json.statusDetail.status, "ERROR");
  return { code: answer.json.code, message: answer.json.statusDetail.message };
}

const remaining = async (customer, unit) =>
  (await engine.balance(customer, `?unit=${unit}`)).balance;

describe("signals", () => {
  test("are priced to the last decimal, and both faces say so", async () => {
    await engine.grant("acme", 10, { unit: "api" });
    await engine.grant("acme", 1, { unit: "usd" });
    // 1 000 × 1 + 500 × 2 = 0.002 USD; × 1.3 = 0.0026; at a cent, 0.26 credits.
    const log = await taken(signal("acme", { member: "eve", custom: { feature: "x" }, pages: 3 }));
    assert.deepEqual(
      [log.providedCost, log.customerCost, log.creditsUsed, log.creditName, log.balanceAfter],
      [0.002, 0.0026, 0.26, "API credits", 9.74],
    );
    assert.deepEqual([log.member, log.custom, log.metrics], ["eve", { feature: "x" }, { pages: 3 }]);
    assert.equal(await remaining("acme", "api"), 9.74);
    const balances = await next.balances("acme");
    assert.equal(balances.credits.find(({ agentKey }) => agentKey === "api").remaining, 9.74);
    // One token from the cache costs a ten-millionth of a dollar, and is not lost.
    const token = await taken(wallet("acme", { inputTokens: 0, outputTokens: 0, cacheTokens: 1 }));
    assert.deepEqual([token.amount, token.creditsUsed, token.unit], [0.0000001, null, "usd"]);
    assert.equal((await next.balances("acme")).walletBalanceUsd, 0.9999999);
    assert.equal(await remaining("acme", "usd"), 0.9999999);
    // On the other face the signal is a transaction, with the whole story.
    const page = await engine.transactions("acme", "?unit=api&limit=1");
    assert.deepEqual([page.data[0].id, page.data[0].action], [log.id, "api"]);
    assert.equal(page.data[0].metadata.signal.catalogVersion, log.catalogVersion);
  });

  test("are taken once, however often and at whatever price they are repeated", async () => {
    await engine.grant("again", 10, { unit: "api" });
    const body = signal("again");
    const first = await taken(body);
    const many = await Promise.all(Array.from({ length: 10 }, () => taken(body)));
    for (const repeat of many) assert.deepEqual(repeat, { ...first, duplicate: true });
    await next.good("POST", "/models", { modelId: "again/model", inputPrice: 5, outputPrice: 5 });
    const other = signal("again", { model: "again/model" });
    const billed = await taken(other);
    await next.good("POST", "/models", { modelId: "again/model", inputPrice: 50, outputPrice: 50 });
    assert.deepEqual(await taken(other), { ...billed, duplicate: true });
    const { version } = await next.good("DELETE", "/models/again%2Fmodel");
    assert.notEqual(version, billed.catalogVersion);
    assert.deepEqual(await taken(other), { ...billed, duplicate: true });
    const gone = await refused({ ...other, idempotencyKey: randomUUID() }, 422);
    assert.equal(gone.code, "unknown_model");
    const changed = await refused({ ...body, inputTokens: 999 }, 422);
    assert.equal(changed.code, "idempotency_key_reused");
    // 10, less 0.26, less 1 500 × 5 per million × 1.3 at a cent.
    assert.equal(await remaining("again", "api"), 8.765);
  });

  test("that are not covered say insufficient, and others do not", async () => {
    const short = await refused(signal("poor"), 422);
    assert.match(short.message, /insufficient/i);
    const unknown = await refused(signal("poor", { agentKey: "nope" }), 422);
    assert.doesNotMatch(unknown.message, /insufficient/i);
    // For nothing there is enough, and it is on record.
    const free = await taken(signal("poor", { inputTokens: 0, outputTokens: 0 }));
    assert.deepEqual([free.creditsUsed, free.balanceAfter, typeof free.id], [0, 0, "string"]);
  });

  test("can be tried without being taken", async () => {
    await engine.grant("dry", 1, { unit: "api" });
    const body = signal("dry", { dryRun: true });
    const log = await taken(body);
    assert.deepEqual([log.creditsUsed, log.balanceAfter, log.id, log.dryRun], [0.26, 0.74, null, true]);
    assert.equal(await remaining("dry", "api"), 1);
    assert.equal((await taken({ ...body, dryRun: false })).duplicate, false);
    assert.match((await refused(signal("dry", { inputTokens: 10_000, dryRun: true }), 422)).message, /insufficient/i);
  });

  test("count cached tokens beside the input or inside of it", async () => {
    await engine.grant("cached", 1, { unit: "usd" });
    const call = { inputTokens: 1_000, outputTokens: 0, cacheTokens: 800 };
    // 1 000 × 1 + 800 × 0.1; and 200 × 1 + 800 × 0.1.
    assert.equal((await taken(wallet("cached", call))).amount, 0.00108);
    assert.equal((await taken(wallet("cached", { ...call, cachedTokens: "inside" }))).amount, 0.00028);
  });

  test("of an environment are not seen in the other, and neither is its catalog", async () => {
    const other = clocknextApi(origin, cnk.test.text);
    assert.equal((await refused(signal("acme"), 422, other)).code, "unknown_model");
    const known = await refused(signal("acme", { model: "gpt-5-mini" }), 422, other);
    assert.equal(known.code, "unknown_key");
  });

  for (const { what, change, body, type, status, code } of REFUSED_SIGNALS) {
    test(`refused: ${what}`, async () => {
      const headers = [["Authorization", `Bearer ${cnk.live.text}`], ["Content-Type", type ?? "application/json"]];
      const sent = body ?? JSON.stringify({ ...signal("victim"), ...change });
      const answer = await exchange(origin, { method: "POST", path: "/api/v1/usage", headers, body: sent });
      assert.deepEqual([answer.status, answer.json.code], [status, code], JSON.stringify(answer.json));
      assert.equal(answer.json.statusCode, status);
      assert.doesNotMatch(answer.json.statusDetail.message, /insufficient/i);
      assert.equal((await next.good("GET", "/usage?customerId=victim")).result.totals.signals, 0);
    });
  }
});

describe("runs of an outcome", () => {
  test("are billed once, when they are complete", async () => {
    await engine.grant("runs", 2, { unit: "usd" });
    const run = { runId: "r-1" };
    await taken(step("runs", "triage", run));
    await taken(step("runs", "answer", run));
    assert.equal(await remaining("runs", "usd"), 2);
    const ends = Array.from({ length: 5 }, () => taken(step("runs", "answer", { ...run, complete: true })));
    const bills = (await Promise.all(ends)).map(({ amount }) => amount);
    assert.deepEqual(bills.toSorted(), [0, 0, 0, 0, 0.99], "of five ends at once, one bills");
    // Without a name: the open run, which ends with its last step.
    const opened = await taken(step("runs", "triage"));
    const ended = await taken(step("runs", "answer"));
    assert.deepEqual([ended.runId, ended.amount, ended.runComplete], [opened.runId, 0.99, true]);
    assert.equal(await remaining("runs", "usd"), 0.02);
    const short = await refused(step("runs", "answer"), 422);
    assert.match(short.message, /insufficient/i);
    const { totals } = (await next.good("GET", "/usage?customerId=runs&limit=1")).result;
    assert.deepEqual(
      [totals.outcome.signals, totals.outcome.customerCost, totals.outcome.providedCost],
      [9, 1.98, 0.011],
    );
  });
});

describe("a batch", () => {
  const send = async (signals, api = next) => (await api.good("POST", "/usage/batch", { signals })).result.results;

  test("is answered signal by signal, each as it would be alone", async () => {
    await engine.grant("batch", 0.5, { unit: "api" });
    const first = signal("batch");
    const results = await send([
      first,
      first,
      signal("batch"),
      signal("batch", { model: "gpt-0" }),
      signal("batch", { idempotencyKey: undefined }),
      signal("batch", { inputTokens: 0, outputTokens: 0 }),
    ]);
    assert.deepEqual(results.map(({ statusCode }) => statusCode), [200, 200, 422, 422, 400, 200]);
    assert.deepEqual(results.slice(0, 2).map(({ result }) => result.duplicate), [false, true]);
    assert.match(results[2].statusDetail.message, /insufficient/i);
    assert.deepEqual([results[3].code, results[4].code], ["unknown_model", "invalid_request"]);
    assert.equal(results[5].result.usageLog.balanceAfter, 0.24);
  });

  test("of several customers reaches each of them, and keeps its order", async () => {
    const customers = Array.from({ length: 9 }, (_, n) => `many-${n}`);
    await Promise.all(customers.map((id) => engine.grant(id, 10, { unit: "api" })));
    const signals = Array.from({ length: 100 }, (_, n) => signal(customers[n % 9]));
    signals[50] = { ...signals[50], customerId: undefined };
    const results = await send(signals);
    assert.equal(results.length, 100);
    results.forEach((result, n) => {
      if (n === 50) return assert.equal(result.statusCode, 400);
      assert.equal(result.result.usageLog.customerId, customers[n % 9]);
      assert.equal(result.result.usageLog.idempotencyKey, signals[n].idempotencyKey);
    });
    const again = await send(signals);
    assert.ok(again.every(({ result }, n) => n === 50 || result.duplicate));
    for (const id of customers) {
      const sent = signals.filter(({ customerId }) => customerId === id).length;
      assert.equal(await remaining(id, "api"), Math.round((10 - 0.26 * sent) * 100) / 100);
    }
  });

  for (const { what, body, status, code } of REFUSED_BATCHES) {
    test(`refused: ${what}`, async () => {
      const headers = [["Authorization", `Bearer ${cnk.live.text}`], ["Content-Type", "application/json"]];
      const answer = await exchange(origin, { method: "POST", path: "/api/v1/usage/batch", headers, body });
      assert.deepEqual([answer.status, answer.json.code], [status, code]);
    });
  }
});

describe("what was used", () => {
  test("is told newest first, page by page, on both paths", async () => {
    await engine.grant("page", 10, { unit: "api" });
    for (let n = 0; n < 5; n += 1) await taken(signal("page", { inputTokens: n }));
    const { result } = await next.good("GET", "/usage?customerId=page&limit=2");
    assert.deepEqual(result.logs.map(({ inputTokens }) => inputTokens), [4, 3]);
    assert.deepEqual([result.totals.signals, result.totals.inputTokens], [5, 10]);
    assert.equal(result.customer.id, "page");
    const before = result.logs[1].sequence;
    const older = await next.good("GET", `/usage?customerId=page&beforeSequence=${before}`);
    assert.deepEqual(older.result.logs.map(({ inputTokens }) => inputTokens), [2, 1, 0]);
    const { ok, ...old } = await next.good("GET", "/customers/page/usage?limit=2");
    assert.deepEqual([ok, old], [true, result]);
    // Of a customer who has a record, the record.
    const { customer } = await next.good("POST", "/customers", { name: "Acme", email: "a@acme.test" });
    const recorded = await next.good("GET", `/usage?customerId=${customer.id}`);
    assert.deepEqual([recorded.result.customer, recorded.result.logs], [customer, []]);
    for (const query of ["", "?customerId=", "?customerId=page&limit=0", "?customerId=page&limit=101"]) {
      assert.equal((await next.request("GET", `/usage${query}`)).status, 400, query);
    }
  });
});

describe("the catalog", () => {
  test("begins with public prices and their date", async () => {
    const other = clocknextApi(origin, cnk.test.text);
    const { models, version } = await other.good("GET", "/models");
    assert.match(version, /^20\d\d-\d\d-\d\d\+0\.[0-9a-f]{12}$/);
    const { inputPrice, outputPrice, cachePrice } = models.find(({ modelId }) => modelId === "gpt-5-mini");
    assert.deepEqual([inputPrice, outputPrice, cachePrice], [0.25, 2, 0.025]);
    assert.deepEqual((await other.good("GET", "/credit-types")).creditTypes, []);
    const { catalog } = await other.good("GET", "/catalog");
    assert.deepEqual([catalog.version, catalog.models.length], [version, models.length]);
  });

  test("is edited by an operator's key, and each edit has its version", async () => {
    const user = clocknextApi(origin, cnk.user.text);
    const model = { modelId: "edit/me", inputPrice: 1, outputPrice: 1 };
    assert.equal((await user.request("POST", "/models", model)).status, 403);
    assert.equal((await user.request("GET", "/models")).status, 200);
    const first = await next.good("POST", "/models", model);
    const second = await next.good("POST", "/models", { ...model, inputPrice: 3 });
    const edits = ({ version }) => Number(version.split("+")[1]);
    assert.equal(edits(second), edits(first) + 1);
    assert.equal(second.model.inputPrice, 3);
    const third = await next.good("DELETE", "/models/EDIT%2FME");
    assert.equal(edits(third), edits(first) + 2);
    assert.equal((await next.request("DELETE", "/models/edit%2Fme")).status, 404);
  });

  test("refuses what makes no sense, and stays as it was", async () => {
    const before = await next.good("GET", "/catalog");
    for (const [path, body, status] of [
      ["/models", { modelId: "x", inputPrice: -1, outputPrice: 1 }, 400],
      ["/models", { modelId: "x", inputPrice: 1e-12, outputPrice: 1 }, 400],
      ["/models", { modelId: "x", inputPrice: 9e15, outputPrice: 1 }, 422],
      ["/models", { modelId: "x", inputPrice: 1, outputPrice: 1, price: 1 }, 400],
      ["/credit-types", { name: "x", agentKey: "usd", pricePerCredit: 1 }, 400],
      ["/credit-types", { name: "x", agentKey: "x", pricePerCredit: 0 }, 400],
      ["/outcomes", { name: "x", pricePerOutcome: 1, steps: [] }, 400],
      ["/outcomes", { name: "x", pricePerOutcome: 1, steps: [{ name: "t", agentKey: "ticket.triage" }] }, 400],
    ]) {
      assert.equal((await next.request("POST", path, body)).status, status, JSON.stringify(body));
    }
    assert.deepEqual(await next.good("GET", "/catalog"), before);
  });
});

describe("what an owner enters", () => {
  test("a wallet is filled, corrected, and told page by page", async () => {
    const enter = (body) => next.request("POST", "/customers/purse/wallet", body);
    const filled = await enter({ amount: "20.000000001", description: "wire", idempotencyKey: "w1" });
    assert.deepEqual([filled.json.ok, filled.json.walletBalanceUsd], [true, 20.000000001]);
    const again = await enter({ amount: "20.000000001", idempotencyKey: "w1" });
    assert.deepEqual([again.json.duplicate, again.json.entry.id], [true, filled.json.entry.id]);
    assert.equal((await enter({ amount: 5, idempotencyKey: "w1" })).status, 422);
    assert.equal((await enter({ amount: -0.5, description: "fee" })).json.walletBalanceUsd, 19.500000001);
    assert.equal((await enter({ amount: 0 })).status, 400);
    const page = await next.good("GET", "/customers/purse/wallet?limit=1");
    assert.deepEqual([page.walletBalanceUsd, page.entries[0].description], [19.500000001, "fee"]);
    const older = await next.good("GET", `/customers/purse/wallet?limit=1&cursor=${page.nextCursor}`);
    assert.deepEqual([older.entries[0].type, older.nextCursor], ["topup", null]);
    assert.equal(await remaining("purse", "usd"), 19.500000001);
    const user = clocknextApi(origin, cnk.user.text);
    assert.equal((await user.request("POST", "/customers/purse/wallet", { amount: 1 })).status, 403);
    assert.deepEqual((await next.good("GET", "/customers/nobody/wallet")).entries, []);
  });

  test("credits are adjusted up and down", async () => {
    const adjust = (body) => next.request("POST", "/customers/adjusted/credits/adjust", body);
    assert.equal((await adjust({ agentKey: "api", amount: 5, description: "gift" })).json.remaining, 5);
    assert.equal((await adjust({ key: "api", amount: -1.5 })).json.remaining, 3.5);
    assert.equal((await adjust({ agentKey: "usd", amount: 1 })).status, 400);
    assert.equal(await remaining("adjusted", "api"), 3.5);
    // Nothing is given under a key that is surely a slip.
    const mistyped = await adjust({ agentKey: "apy", amount: 5 });
    assert.deepEqual([mistyped.status, mistyped.json.code], [422, "unknown_key"]);
    assert.deepEqual(mistyped.json.details.known, ["api"]);
    assert.match(mistyped.json.error, /called "api"/);
    const ofStep = await adjust({ agentKey: "ticket.triage", amount: 5 });
    assert.deepEqual([ofStep.status, /outcome/.test(ofStep.json.error)], [422, true]);
    assert.equal((await next.balances("adjusted")).credits.length, 1);
    // What the customer has had goes on, whatever the catalog says of it; credits always do.
    await engine.grant("adjusted", 1, { unit: "old_units" });
    assert.equal((await adjust({ agentKey: "old_units", amount: 1 })).json.remaining, 2);
    const included = [{ unit: "planned", amount: 4 }];
    await next.good("PUT", "/customers/adjusted/plan", { name: "Pro", included });
    assert.equal((await adjust({ agentKey: "planned", amount: 1 })).json.remaining, 5);
    assert.equal((await adjust({ amount: 2 })).json.remaining, 2);
  });
});

test("a cache passes signals on, and knows afterwards what is left", async (t) => {
  const bindings = {
    API_KEYS,
    UPSTREAM_URL: origin,
    UPSTREAM_KEY_LIVE: keys.admin.text,
    UPSTREAM_KEY_TEST: keys.test.text,
  };
  const cache = await startWorkerd({ workers: [cacheWorker(bindings)] });
  t.after(() => cache.stop());
  const through = clocknextApi(cache.urls.cache, cnk.live.text);
  const cached = ledgerApi(cache.urls.cache, keys.admin.text);
  const ids = ["cache-a", "cache-b"];
  for (const id of ids) {
    await engine.grant(id, 1, { unit: "api" });
    assert.equal((await cached.balance(id, "?unit=api")).balance, 1);
  }
  await taken(signal("cache-a"), through);
  assert.equal((await cached.balance("cache-a", "?unit=api")).balance, 0.74);
  const { result } = await through.good("POST", "/usage/batch", { signals: ids.map((id) => signal(id)) });
  assert.deepEqual(result.results.map(({ result }) => result.usageLog.balanceAfter), [0.48, 0.74]);
  assert.equal((await cached.balance("cache-b", "?unit=api")).balance, 0.74);
  assert.match((await refused(signal("cache-c"), 422, through)).message, /insufficient/i);
  // So with what an owner enters.
  assert.equal((await cached.balance("cache-a", "?unit=usd")).balance, 0);
  await through.good("POST", "/customers/cache-a/wallet", { amount: 3 });
  assert.equal((await cached.balance("cache-a", "?unit=usd")).balance, 3);
  await through.good("POST", "/customers/cache-a/credits/adjust", { agentKey: "api", amount: 1 });
  assert.equal((await cached.balance("cache-a", "?unit=api")).balance, 1.48);
  const models = await through.good("GET", "/models");
  assert.ok(models.models.some(({ modelId }) => modelId === "acme/one"));
});
