// What callers may pass, and what is refused before anything is sent.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "node:util";

import { CreditEngine, CreditEngineError, isEdgeCreditsError } from "../../../pkg/js/index.js";
import { KEY, charged, client, json, namespace, rejection, scripted } from "./scripted.mjs";

/** Asserts that a call is refused here: code and argument, nothing sent, nothing applied. */
async function refusedLocally(start, code, param) {
  const fetcher = scripted(charged());
  const error = await rejection(start(client(fetcher)));
  assert.ok(error instanceof CreditEngineError, `${error?.stack}`);
  assert.equal(error.code, code, error.message);
  assert.equal(error.details?.param, param, error.message);
  assert.deepEqual([error.effect, error.attempts, error.status], ["not_applied", 0, null]);
  assert.equal(fetcher.calls.length, 0);
}

describe("amounts", () => {
  const touched = { count: 0, valueOf: () => (touched.count += 1) };
  const refused = [
    NaN,
    Infinity,
    -Infinity,
    -0,
    0,
    -1,
    1e-7,
    1e300,
    5n,
    true,
    null,
    undefined,
    [],
    [5],
    {},
    touched,
    new Number(5),
    "",
    " 5",
    "5 ",
    "+5",
    "0x10",
    "1_000",
    "1,5",
    "1e3",
    "-0",
    "five",
    "\ud800",
  ];
  for (const amount of refused) {
    test(`${inspect(amount)} is refused`, () =>
      refusedLocally((ce) => ce.consume("cus_1", amount), "invalid_amount", "amount"));
  }

  test("an amount's valueOf is never called", () => assert.equal(touched.count, 0));

  for (const [amount, text] of [
    [5, "5"],
    [0.1, "0.1"],
    [1e-6, "0.000001"],
    [1e3, "1000"],
    ["0.250", "0.25"],
    [8e9, "8000000000"],
    [0.1 + 0.7, null],
  ]) {
    test(`${JSON.stringify(amount)} is sent as ${text ?? "nothing: 17 decimals"}`, async () => {
      const fetcher = scripted(charged());
      const call = client(fetcher).consume("cus_1", amount);
      if (text === null) return assert.equal((await rejection(call)).code, "invalid_amount");
      await call;
      assert.match(fetcher.calls[0].body, new RegExp(`^\\{"amount":${text.replace(".", "\\.")},`));
    });
  }

  test("only an adjustment may be negative", async () => {
    await refusedLocally((ce) => ce.add("cus_1", -5), "invalid_amount", "amount");
    const fetcher = scripted(charged());
    await client(fetcher).add("cus_1", -5, { type: "adjustment" });
    assert.match(fetcher.calls[0].body, /"amount":-5,"type":"adjustment"/);
  });
});

describe("text", () => {
  const half = "a\ud800b";
  for (const [name, start, code] of [
    ["customerId", (ce) => ce.consume(half, 1), "invalid_id"],
    ["customerId", (ce) => ce.getBalance(half), "invalid_id"],
    ["description", (ce) => ce.consume("cus_1", 1, half), "invalid_request"],
    [
      "idempotencyKey",
      (ce) => ce.consume("cus_1", 1, "", { idempotencyKey: half }),
      "invalid_idempotency_key",
    ],
    ["unit", (ce) => ce.consume("cus_1", 1, "", { unit: half }), "invalid_request"],
    ["metadata", (ce) => ce.consume("cus_1", 1, "", { metadata: { a: half } }), "invalid_request"],
    [
      "metadata",
      (ce) => ce.consume("cus_1", 1, "", { metadata: { [half]: 1 } }),
      "invalid_request",
    ],
    ["grantId", (ce) => ce.voidGrant("cus_1", half), "invalid_id"],
  ]) {
    test(`half a surrogate pair in ${name} is refused`, () => refusedLocally(start, code, name));
  }

  test("pairs, and the spelling of an escape, are text like any other", async () => {
    const fetcher = scripted(charged());
    const metadata = { "😀": "\\ud800", b: "\\\\ud83d" };
    await client(fetcher).consume("cus_😀", 1, "😀", { metadata });
    const body = JSON.parse(fetcher.calls[0].body);
    assert.deepEqual([body.description, body.metadata], ["😀", metadata]);
    assert.ok(fetcher.calls[0].url.endsWith("/customers/cus_%F0%9F%98%80/consume"));
  });

  for (const customer of [undefined, null, 7, "", ".", "..", " a", "a\n", "x".repeat(129)]) {
    test(`${JSON.stringify(customer)} is no customer`, () =>
      refusedLocally((ce) => ce.consume(customer, 1), "invalid_id", "customerId"));
  }

  for (const customer of ["a/b", "../../x", "a?b#c", "%2e%2e", "a b", "ключ"]) {
    test(`${JSON.stringify(customer)} stays one path segment`, async () => {
      const fetcher = scripted(json(200, { balance: 1 }));
      await client(fetcher).getBalance(customer);
      const { pathname } = new URL(fetcher.calls[0].url);
      assert.equal(decodeURIComponent(pathname.split("/")[3]), customer);
      assert.equal(pathname.split("/").length, 5);
    });
  }
});

describe("metadata", () => {
  const cycle = {};
  cycle.self = cycle;
  const thrower = {
    get x() {
      throw new Error("no");
    },
  };
  for (const [name, metadata] of Object.entries({
    "a cycle": cycle,
    "a BigInt": { n: 1n },
    "an array": [1],
    "a string": "{}",
    "a function": () => {},
    "a getter that throws": thrower,
    "a toJSON without an object": { toJSON: () => 7 },
  })) {
    test(`${name} is refused`, () =>
      refusedLocally(
        (ce) => ce.consume("cus_1", 1, "", { metadata }),
        "invalid_request",
        "metadata",
      ));
  }

  test("more than 8 KB is refused", () =>
    refusedLocally(
      (ce) => ce.consume("cus_1", 1, "", { metadata: { a: "x".repeat(9000) } }),
      "metadata_too_large",
      "metadata",
    ));

  test("keys of Object.prototype go out and come back as data", async () => {
    const text = '{"__proto__":{"a":1},"constructor":2,"toString":"x","hasOwnProperty":null}';
    const body = `{"data":[{"id":"txn_1","metadata":${text}}],"pagination":{"has_more":false}}`;
    const fetcher = scripted(charged(), () => new Response(body));
    const ce = client(fetcher);
    await ce.consume("cus_1", 1, "", { metadata: JSON.parse(text) });
    assert.ok(fetcher.calls[0].body.includes(`"metadata":${text}`));
    const { data } = await ce.getTransactions("cus_1");
    assert.equal(JSON.stringify(data[0].metadata), text);
    assert.equal({}.a, undefined);
  });
});

test("every option is read exactly once", async () => {
  const reads = {};
  const counted = (values) =>
    Object.defineProperties(
      {},
      Object.fromEntries(
        Object.entries(values).map(([name, value]) => [
          name,
          { enumerable: true, get: () => ((reads[name] = (reads[name] ?? 0) + 1), value) },
        ]),
      ),
    );
  const fetcher = scripted(charged());
  const ce = new CreditEngine(counted({ apiKey: KEY, fetcher, timeoutMs: 500, maxRetries: 0 }));
  await ce.add(
    "cus_1",
    1,
    counted({
      type: "topup",
      idempotencyKey: "k1",
      metadata: {},
      unit: "credits",
      product: "pro",
      priority: 1,
      expiresAt: new Date(2e12),
      effectiveAt: "2026-01-01T00:00:00Z",
      description: "d",
    }),
  );
  assert.deepEqual([...new Set(Object.values(reads))], [1], JSON.stringify(reads));
  assert.deepEqual(JSON.parse(fetcher.calls[0].body), {
    amount: 1,
    type: "topup",
    unit: "credits",
    product: "pro",
    priority: 1,
    description: "d",
    effective_at: "2026-01-01T00:00:00.000Z",
    expires_at: "2033-05-18T03:33:20.000Z",
    metadata: {},
    idempotency_key: "k1",
  });
});

describe("options of calls", () => {
  for (const [name, start, code = "invalid_request", param = name] of [
    ["expiresAt", (ce) => ce.add("c", 1, { expiresAt: new Date(NaN) })],
    ["expiresAt", (ce) => ce.add("c", 1, { expiresAt: "tomorrow" })],
    ["effectiveAt", (ce) => ce.add("c", 1, { effectiveAt: 5 })],
    ["type", (ce) => ce.add("c", 1, { type: "gift" })],
    ["priority", (ce) => ce.add("c", 1, { priority: 1.5 })],
    ["refundOf", (ce) => ce.add("c", 1, { type: "refund", refundOf: "x" }), "invalid_id"],
    ["limit", (ce) => ce.getTransactions("c", { limit: 0 })],
    ["limit", (ce) => ce.getTransactions("c", { limit: 101 })],
    ["limit", (ce) => ce.getTransactions("c", { limit: 1e12 })],
    ["offset", (ce) => ce.getTransactions("c", { offset: -1 })],
    ["background", (ce) => ce.consume("c", 1, "", { background: "yes" })],
    [
      "idempotencyKey",
      (ce) => ce.consume("c", 1, "", { idempotencyKey: "a,b" }),
      "invalid_idempotency_key",
    ],
    [
      "idempotencyKey",
      (ce) => ce.consume("c", 1, "", { idempotencyKey: "" }),
      "invalid_idempotency_key",
    ],
    ["options", (ce) => ce.consume("c", 1, "", "key")],
    ["grantId", (ce) => ce.voidGrant("c", "grant_1"), "invalid_id"],
  ]) {
    test(`${start.toString().slice(8)} is refused`, () => refusedLocally(start, code, param));
  }
});

describe("options of the client", () => {
  const fetcher = scripted(charged());
  for (const config of [
    undefined,
    {},
    "key",
    { apiKey: "" },
    { apiKey: "sk_1" },
    { apiKey: 7 },
    { apiKey: "ce_live_a b" },
    { apiKey: KEY, environment: "live" },
    { apiKey: KEY, mode: "fast" },
    { apiKey: KEY, mode: "persistent", ledger: namespace().objects },
    { mode: "stateless", balanceCache: namespace().objects },
    { balanceCache: namespace().objects, ledger: namespace().objects },
    { balanceCache: namespace().objects, fetcher },
    { balanceCache: {} },
    { apiKey: KEY, baseUrl: "credits.example" },
    { apiKey: KEY, baseUrl: "http://credits.example" },
    { apiKey: KEY, baseUrl: "https://u:p@credits.example" },
    { apiKey: KEY, baseUrl: "ftp://x.example" },
    { apiKey: KEY, timeoutMs: 0 },
    { apiKey: KEY, timeoutMs: "10" },
    { apiKey: KEY, timeoutMs: NaN },
    { apiKey: KEY, maxRetries: -1 },
    { apiKey: KEY, maxRetries: 1e9 },
    { apiKey: KEY, maxRetries: 1.5 },
    { apiKey: KEY, deadlineMs: 0 },
    { apiKey: KEY, onError: "log" },
    { apiKey: KEY, waitUntil: {} },
    { apiKey: KEY, waitUntil: "ctx" },
    { apiKey: KEY, fetcher: {} },
    { apiKey: KEY, fetcher, ledger: namespace().objects },
    { ledger: {} },
    { apiKey: KEY, retryBudget: "no" },
    { apiKey: KEY, retryBudget: { burst: -1 } },
    { apiKey: KEY, degradedLimit: -1 },
    { apiKey: KEY, degradedLimit: 1n },
    { apiKey: KEY, gracefulDegradation: 1 },
    { apiKey: KEY, paths: { consume: "/v2/consume" } },
    { apiKey: KEY, syncIntervalMs: 50_000, maxStalenessMs: 10_000 },
  ]) {
    test(`${inspect(config, { breakLength: Infinity })} makes no client`, () => {
      const judge = (error) =>
        isEdgeCreditsError(error) &&
        error.code === "invalid_config" &&
        !error.message.includes("0123");
      assert.throws(() => new CreditEngine(config), judge);
    });
  }

  test("every option of the API is accepted", async () => {
    const ce = new CreditEngine({
      apiKey: KEY,
      baseUrl: "https://credits.example/api/",
      mode: "stateless",
      syncIntervalMs: 30_000,
      gracefulDegradation: true,
      timeoutMs: 10_000,
      maxRetries: 2,
      onError() {},
      fetcher,
      waitUntil() {},
      environment: "test",
      deadlineMs: 60_000,
      retryBudget: { percent: 5, burst: 2 },
      maxStalenessMs: 90_000,
      degradedLimit: 10.5,
      paths: { consume: "/v2/{id}/spend" },
    });
    await ce.consume("cus_1", 1);
    assert.equal(fetcher.calls.at(-1).url, "https://credits.example/api/v2/cus_1/spend");
  });
});
