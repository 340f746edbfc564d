// Batches over HTTP on workerd: many charges, one answer, one commit.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { ledgerApi } from "./api.mjs";
import { makeKeys } from "./keys.mjs";
import { ledgerWorker, startWorkerd } from "./workerd.mjs";

const KILOBYTE = 1024;

const keys = makeKeys();
let runtime;
let api;

before(async () => {
  runtime = await startWorkerd({ workers: [ledgerWorker({ API_KEYS: keys.secret })] });
  api = ledgerApi(runtime.urls.ledger, keys.admin.text);
});
after(() => runtime?.stop());

const charges = (count, rest = {}) =>
  Array.from({ length: count }, (_, n) => ({ amount: 1, idempotency_key: `charge-${n}`, ...rest }));
/** `status` or `status code` of each result. */
const told = (answer) =>
  answer.json.results.map(({ status, body }) =>
    [status, body.error?.code, body.replayed && "replayed"].filter(Boolean).join(" "),
  );

test("a hundred charges, and once more: each is carried out once", async (t) => {
  await api.grant("hundred", 1000);
  const items = charges(100, { description: "AI: chat", metadata: { model: "small" } });
  const started = performance.now();
  const answer = await api.batch("hundred", items);
  const took = performance.now() - started;
  assert.equal(answer.status, 200, JSON.stringify(answer.json));
  assert.deepEqual(Object.keys(answer.json), ["results"]);
  assert.equal(answer.headers.get("idempotent-replayed"), null);
  const { results } = answer.json;
  assert.deepEqual(
    results.map(({ status, body }) => [status, body.balance, body.sequence, body.idempotency_key]),
    items.map((item, n) => [200, 999 - n, n + 2, item.idempotency_key]),
  );
  const again = await api.batch("hundred", items);
  assert.deepEqual(
    again.json.results,
    results.map(({ status, body }) => ({ status, body: { ...body, replayed: true } })),
  );
  // A charge of the batch is a charge like any other.
  const single = await api.consume("hundred", items[41]);
  assert.deepEqual(single.json, { ...results[41].body, replayed: true });
  const { data } = await api.transactions("hundred", "?limit=1");
  assert.deepEqual([data[0].description, data[0].action], ["AI: chat", "chat"]);
  const { balance, sequence } = await api.balance("hundred");
  assert.deepEqual([balance, sequence], [900, 101]);

  await api.grant("one by one", 1000);
  const begun = performance.now();
  for (const item of items) await api.consume("one by one", item);
  const alone = performance.now() - begun;
  t.diagnostic(
    `figure: 100 charges: ${took.toFixed(0)} ms in one batch, ${alone.toFixed(0)} ms one by one`,
  );
});

test("what refuses an item is its own", async () => {
  await api.grant("mixed", 10);
  const key = (name) => ({ idempotency_key: name });
  const gate = { on_insufficient: "reject" };
  let metadata = 1;
  for (let depth = 0; depth < 16; depth += 1) metadata = { a: metadata };
  const items = [
    { amount: 4, ...key("a") },
    { amount: 7, ...gate, ...key("b") },
    { amount: 4, ...key("a") },
    { amount: 5, ...key("a") },
    { amount: 1 },
    { amount: -1, ...key("c") },
    { amount: "1.5", ...gate, ...key("d") },
    { amount: 1, type: "topup", ...key("e") },
    { amount: 1, ...key("not,a key") },
    { amount: 1, ...key("f"), metadata },
    { amount: 1, ...key("g"), metadata: { text: "x".repeat(8 * KILOBYTE) } },
    "charge",
    null,
    { amount: 1, unit: "usd", ...key("h") },
    { amount: 4.5, ...gate, ...key("i") },
    { amount: 1, ...gate, ...key("b") },
  ];
  const answer = await api.batch("mixed", items);
  assert.equal(answer.status, 200);
  assert.deepEqual(told(answer), [
    "200",
    "402 insufficient_credits",
    "200 replayed",
    "422 idempotency_key_reused",
    "400 invalid_request",
    "400 amount_negative",
    "200",
    "400 unknown_field",
    "400 invalid_idempotency_key",
    "400 json_too_deep",
    "400 metadata_too_large",
    "400 invalid_request",
    "400 invalid_request",
    "200",
    "200",
    "402 insufficient_credits",
  ]);
  const [, refused, , reused, keyless] = answer.json.results.map(({ body }) => body.error);
  const requestId = answer.headers.get("x-request-id");
  assert.equal(refused.request_id, requestId, "an item's error names the request");
  assert.deepEqual(refused.details, { current_balance: 6, requested: 7, unit: "credits" });
  assert.equal(reused.details.first.transaction_id, answer.json.results[0].body.transaction_id);
  assert.deepEqual(keyless.details, { param: "idempotency_key" });
  assert.equal((await api.balance("mixed")).balance, 0);
  assert.equal((await api.balance("mixed", "?unit=usd")).balance, -1);
  assert.equal((await api.transactions("mixed")).pagination.total, 4, "with the grant");
});

test("a header names no item's key", async () => {
  const headers = { "idempotency-key": "of-the-request" };
  const items = [{ amount: 1 }, { amount: 2, idempotency_key: "own" }];
  const first = await api.batch("headers", items, headers);
  assert.deepEqual(told(first), ["400 invalid_request", "200"]);
  const other = await api.batch("headers", [{ amount: 3, idempotency_key: "other" }], headers);
  assert.deepEqual(told(other), ["200"]);
  assert.equal((await api.balance("headers")).balance, -5);
});

test("a batch may have 1 MB, and any other call 64 KB", async () => {
  const url = `${runtime.urls.ledger}/v1/customers/large`;
  const headers = {
    authorization: `Bearer ${keys.spender.text}`,
    "content-type": "application/json",
  };
  const sent = async (route, good, bytes) => {
    const body = good + " ".repeat(bytes - good.length);
    const answer = await fetch(`${url}/${route}`, { method: "POST", headers, body });
    return [answer.status, (await answer.json()).error?.message ?? ""];
  };
  const charge = '{"amount": 1, "idempotency_key": "k"}';
  const batch = `{"items": [${charge}]}`;
  const over = (limit) => [413, `The body is over ${limit} KB. Nothing was changed.`];
  assert.deepEqual(await sent("batch", batch, 1024 * KILOBYTE), [200, ""]);
  assert.deepEqual(await sent("batch", batch, 1024 * KILOBYTE + 1), over(1024));
  assert.deepEqual(await sent("consume", charge, 64 * KILOBYTE), [200, ""]);
  assert.deepEqual(await sent("consume", charge, 64 * KILOBYTE + 1), over(64));
  const grant = '{"amount": 1, "type": "topup"}';
  assert.deepEqual(await sent("add", grant, 64 * KILOBYTE + 1), over(64));
  assert.deepEqual(await sent("nothing", grant, 64 * KILOBYTE + 1), over(64));
  // A hundred items with as much as each may carry.
  const full = charges(100, {
    description: "d".repeat(KILOBYTE),
    metadata: { text: "m".repeat(8 * KILOBYTE - 11) },
  });
  assert.ok(JSON.stringify({ items: full }).length > 900 * KILOBYTE);
  const answer = await api.batch("full", full);
  assert.deepEqual(told(answer), full.map(() => "200"));
});

test("batches at once are taken one after the other", async () => {
  await api.grant("crowd", 100);
  const gates = (batch) =>
    charges(20).map((item) => ({
      ...item,
      on_insufficient: "reject",
      idempotency_key: `${batch}-${item.idempotency_key}`,
    }));
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, batch) => api.batch("crowd", gates(batch))),
  );
  const outcomes = answers.flatMap(told);
  assert.equal(outcomes.filter((outcome) => outcome === "200").length, 100);
  assert.equal(outcomes.filter((outcome) => outcome === "402 insufficient_credits").length, 100);
  const { balance, sequence } = await api.balance("crowd");
  assert.deepEqual([balance, sequence], [0, 101]);
});
