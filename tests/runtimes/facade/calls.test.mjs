// One call: what is sent, on every attempt, and what its answer becomes.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import {
  AuthenticationError,
  CreditEngineError,
  EdgeCreditsError,
  InsufficientCreditsError,
  RateLimitError,
  isEdgeCreditsError,
} from "../../../pkg/js/index.js";
import { onPanic } from "../../../pkg/js/calls.js";
import {
  KEY,
  charged,
  client,
  inVirtualTime,
  json,
  never,
  refused,
  rejection,
  scripted,
} from "./scripted.mjs";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const unhandled = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

/** Every attempt of a call carried the same key and the same bytes. */
function assertOneOperation({ calls }, attempts) {
  assert.equal(calls.length, attempts);
  const sent = calls.map(({ url, method, body, headers }) =>
    JSON.stringify([url, method, body, headers]),
  );
  assert.equal(new Set(sent).size, 1);
  assert.equal(calls[0].headers["idempotency-key"], JSON.parse(calls[0].body).idempotency_key);
}

test("a charge goes out as the API wants it and comes back as the server said it", async () => {
  const fetcher = scripted(charged({ from_the_future: { a: [1] } }));
  const answer = await client(fetcher).consume("cus_1", 5, "AI: chat", {
    metadata: { model: "m" },
  });
  const [call] = fetcher.calls;
  assert.equal(call.url, "https://api.creditengine.dev/v1/customers/cus_1/consume");
  assert.equal(call.redirect, "manual");
  const { "idempotency-key": key, ...headers } = call.headers;
  assert.match(key, UUID);
  assert.deepEqual(headers, {
    accept: "application/json",
    authorization: `Bearer ${KEY}`,
    "content-type": "application/json",
  });
  assert.equal(
    call.body,
    `{"amount":5,"description":"AI: chat","metadata":{"model":"m"},"idempotency_key":"${key}"}`,
  );
  assert.deepEqual(answer, {
    balance: 95,
    transaction_id: "txn_1",
    sequence: 7,
    from_the_future: { a: [1] },
    idempotency_key: key,
    replayed: false,
  });
});

test("a gate says so on the wire, and a read has neither body nor key", async () => {
  const fetcher = scripted(charged(), json(200, { balance: 1 }));
  const ce = client(fetcher);
  await ce.consumeOrFail("cus_1", 5);
  assert.equal(JSON.parse(fetcher.calls[0].body).on_insufficient, "reject");
  assert.deepEqual(await ce.getBalance("cus_1", { includeBreakdown: true }), { balance: 1 });
  const { method, body, url, headers } = fetcher.calls[1];
  assert.deepEqual([method, body, headers["idempotency-key"]], ["GET", undefined, undefined]);
  assert.ok(url.endsWith("/balance?include_breakdown=true"));
});

test("calls do not share keys, and a caller's own key is kept", async () => {
  const fetcher = scripted(charged());
  const ce = client(fetcher);
  await Promise.all([
    ce.consume("c", 1),
    ce.consume("c", 1),
    ce.consume("c", 1, "", {
      idempotencyKey: "user_1_action_7",
    }),
  ]);
  const keys = fetcher.calls.map(({ headers }) => headers["idempotency-key"]);
  assert.equal(new Set(keys).size, 3);
  assert.equal(keys[2], "user_1_action_7");
});

test("a replay is told, by body or by header", async () => {
  const fetcher = scripted(
    charged({ replayed: true }),
    json(200, { balance: 1 }, { "idempotent-replayed": "true" }),
  );
  const ce = client(fetcher);
  assert.equal((await ce.consume("c", 1)).replayed, true);
  assert.equal((await ce.consume("c", 1)).replayed, true);
});

describe("retries", () => {
  for (const [name, first] of [
    ["a reset", new TypeError("fetch failed")],
    ["503", refused(503, "upstream_unavailable")],
    ["500", refused(500, "internal_error")],
    ["429", refused(429, "rate_limited", undefined, { "retry-after": "3" })],
    ["408", new Response("", { status: 408 })],
    ["a bare 502 with HTML", new Response("<html>", { status: 502 })],
    ["a stalled answer", never],
  ]) {
    test(`after ${name}: one key, the same bytes`, async (t) => {
      const fetcher = scripted(first, first, charged());
      const start = () => client(fetcher).consume("cus_1", 5, "d", { metadata: { a: 1 } });
      assert.equal((await inVirtualTime(t, start)).balance, 95);
      assertOneOperation(fetcher, 3);
    });
  }

  for (const status of [400, 401, 402, 403, 404, 405, 409, 413, 415, 422, 501]) {
    test(`none after ${status}`, async () => {
      const fetcher = scripted(refused(status, "some_code"));
      const error = await rejection(client(fetcher).consume("cus_1", 5));
      assert.deepEqual([error.status, error.code, error.attempts], [status, "some_code", 1]);
      // A 501 without one of the API's own codes may be a proxy's, which cannot know.
      assert.equal(error.effect, status === 501 ? "unknown" : "not_applied");
      assert.equal(error.requestId, "req_9");
      assert.equal(fetcher.calls.length, 1);
    });
  }

  test("a hint is waited for", async (t) => {
    const at = [];
    const note = (answer) => () => (at.push(Date.now()), answer);
    const hint = refused(503, "upstream_unavailable", undefined, { "retry-after": "7" });
    const fetcher = scripted(note(hint), note(charged()));
    await inVirtualTime(t, () => client(fetcher).consume("cus_1", 5));
    assert.ok(at[1] - at[0] >= 7000 && at[1] - at[0] < 8000, `${at[1] - at[0]} ms`);
  });

  test("they end with maxRetries, and the error says that the effect is unknown", async (t) => {
    const broken = new TypeError("fetch failed");
    const fetcher = scripted(broken);
    const start = () => rejection(client(fetcher, { maxRetries: 4 }).consume("cus_1", 5));
    const error = await inVirtualTime(t, start);
    assertOneOperation(fetcher, 5);
    assert.deepEqual([error.code, error.effect, error.attempts], ["network_error", "unknown", 5]);
    assert.equal(error.idempotencyKey, fetcher.calls[0].headers["idempotency-key"]);
    assert.equal(error.cause, broken);
    assert.equal(error.retryable, true);
  });

  test("the budget bounds them over all clients of an API", async (t) => {
    const fetcher = scripted(refused(503, "upstream_unavailable"));
    const options = { retryBudget: { percent: 10, burst: 5 }, baseUrl: "https://down.example" };
    const calls = Array.from({ length: 100 }, () => client(fetcher, options).consume("c", 1));
    await inVirtualTime(t, () => Promise.allSettled(calls));
    assert.equal(fetcher.calls.length, 100 + 5);
  });
});

describe("time", () => {
  test("an answer that does not come is a timeout, and the attempt is aborted", async (t) => {
    const fetcher = scripted(never);
    const options = { timeoutMs: 1000, maxRetries: 0 };
    const error = await inVirtualTime(t, () => rejection(client(fetcher, options).consume("c", 1)));
    assert.deepEqual([error.code, error.effect, error.attempts], ["timeout", "unknown", 1]);
    assert.equal(fetcher.calls[0].signal.aborted, true);
  });

  test("a body that stalls half way is a timeout too", async (t) => {
    const start = (controller) => controller.enqueue(new TextEncoder().encode('{"balance":'));
    const fetcher = scripted(() => new Response(new ReadableStream({ start })));
    const options = { timeoutMs: 1000, maxRetries: 0 };
    const error = await inVirtualTime(t, () => rejection(client(fetcher, options).consume("c", 1)));
    assert.deepEqual([error.code, error.effect], ["timeout", "unknown"]);
  });

  test("the deadline caps an attempt and ends the call", async (t) => {
    const began = 1_800_000_000_000;
    const fetcher = scripted(never);
    const options = { timeoutMs: 60_000, deadlineMs: 5000 };
    const error = await inVirtualTime(t, () => rejection(client(fetcher, options).consume("c", 1)));
    assert.equal(error.code, "timeout");
    assert.ok(Date.now() - began <= 5200, `${Date.now() - began} ms`);
  });

  test("an answered call leaves no timer behind", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const cleared = t.mock.method(globalThis, "clearTimeout");
    const started = t.mock.method(globalThis, "setTimeout");
    await client(scripted(charged())).consume("c", 1);
    assert.equal(started.mock.callCount(), 1);
    assert.equal(cleared.mock.callCount(), 1);
  });
});

describe("errors", () => {
  test("402 has both amounts", async () => {
    const details = { current_balance: 2.5, requested: 5 };
    const fetcher = scripted(refused(402, "insufficient_credits", details));
    const error = await rejection(client(fetcher).consumeOrFail("cus_1", 5));
    assert.ok(error instanceof InsufficientCreditsError && error instanceof CreditEngineError);
    assert.deepEqual([error.currentBalance, error.requested, error.status], [2.5, 5, 402]);
    assert.deepEqual(error.details, details);
    assert.equal(error.effect, "not_applied");
  });

  test("429 has the hint", async () => {
    const fetcher = scripted(refused(429, "rate_limited", undefined, { "retry-after-ms": "1500" }));
    const error = await rejection(client(fetcher, { maxRetries: 0 }).consume("cus_1", 5));
    assert.ok(error instanceof RateLimitError);
    assert.deepEqual([error.retryAfterMs, error.retryAfter, error.retryable], [1500, 2, true]);
  });

  test("401, and the key is nowhere in it", async () => {
    const fetcher = scripted(refused(401, "invalid_api_key", { key: KEY }));
    const error = await rejection(client(fetcher).getBalance("cus_1"));
    assert.ok(error instanceof AuthenticationError);
    assert.ok(
      ![error.message, error.stack, JSON.stringify(error)].some((text) => text.includes(KEY)),
    );
  });

  test("names are literals, also where a minifier renames classes", () => {
    for (const errorClass of [
      EdgeCreditsError,
      CreditEngineError,
      InsufficientCreditsError,
      RateLimitError,
      AuthenticationError,
    ]) {
      const error = new errorClass("m");
      const own = Object.getOwnPropertyDescriptor(errorClass.prototype, "name");
      assert.deepEqual([own.value, own.enumerable], [errorClass.name, false]);
      assert.equal(String(error), `${errorClass.name}: m`);
      assert.ok(isEdgeCreditsError(error) && error instanceof Error);
    }
  });

  test("a second copy of the package is recognised", async () => {
    const other = await import("../../../pkg/js/errors.js?copy");
    const error = new other.RateLimitError("m", { code: "rate_limited" });
    assert.equal(error instanceof RateLimitError, false);
    assert.equal(isEdgeCreditsError(error), true);
    for (const value of [null, undefined, 1, "x", {}, new Error("x")]) {
      assert.equal(isEdgeCreditsError(value), false);
    }
  });

  test("the stack leads to the caller", async () => {
    async function theCaller() {
      await client(scripted(refused(404, "not_found"))).consume("c", 1);
    }
    assert.match((await rejection(theCaller())).stack, /theCaller/);
  });

  test("JSON of an error keeps name, message and facts", async () => {
    const error = await rejection(client(scripted(refused(404, "not_found"))).consume("c", 1));
    const { name, message, code, effect } = JSON.parse(JSON.stringify(error));
    assert.deepEqual([name, code, effect], ["CreditEngineError", "not_found", "not_applied"]);
    assert.equal(message, error.message);
  });
});

test("without a fetcher, the global fetch of the moment the call enters is used", async (t) => {
  const fetcher = scripted(charged());
  const original = globalThis.fetch;
  t.after(() => (globalThis.fetch = original));
  const ce = client(undefined);
  globalThis.fetch = (url, init) => fetcher.fetch(url, init);
  const call = ce.consume("c", 1);
  globalThis.fetch = () => assert.fail("another request's fetch");
  assert.equal((await call).balance, 95);
});

test("a panic is told to the calls in flight, with the key to repeat them", async () => {
  const ce = client(scripted(never, charged()));
  const [change, read] = [ce.consume("c", 1, "", { idempotencyKey: "k1" }), ce.getBalance("c")];
  onPanic("panicked at src/somewhere.rs");
  const error = await rejection(change);
  assert.ok(error instanceof CreditEngineError);
  assert.deepEqual(
    [error.code, error.effect, error.idempotencyKey],
    ["internal_error", "unknown", "k1"],
  );
  assert.equal((await rejection(read)).effect, "not_applied");
  assert.equal((await client(scripted(charged())).consume("c", 1)).balance, 95);
});

test("nothing was rejected behind the callers' backs", async () => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(unhandled, []);
});
