// The ClockNext face: what is sent, what answers become, and errors.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as root from "../../../pkg/js/index.js";
import { ClockNext, RateLimitError } from "../../../pkg/js/clocknext.js";
import { clockNextDouble, enveloped } from "../clocknext/double.mjs";
import { inVirtualTime, rejection } from "./scripted.mjs";

export const KEY = "cnk_0123456789";

function client(fetcher, options = {}) {
  return new ClockNext({ apiKey: KEY, fetcher, mode: "sync", ...options });
}

const CREDIT = { customerId: "cus_123", model: "llama", key: "api_credit" };

describe("signals that are waited for", () => {
  test("each type is sent by its names, once, with a key", async () => {
    const double = clockNextDouble();
    const cnk = client(double);
    const credit = await cnk.signals.credit({
      ...CREDIT,
      member: "alice@acme.com",
      tokens: { input: 1200, output: 340, cache: 0 },
      custom: { feature: "summarize" },
    });
    await cnk.signals.wallet({ customerId: "c", model: "m", tokens: { input: 8, output: 5 } });
    const run = { runId: "r", complete: true, metric: { ref: "pages", value: 2.5 } };
    await cnk.signals.outcome({ customerId: "c", model: "m", agentKey: "t.s", ...run });
    await cnk.signals.track({
      type: "Wallet",
      customerId: "c",
      model: "m",
      idempotencyKey: "mine",
    });

    assert.equal(credit.queued, false);
    assert.equal(credit.usageLog.type, "credit");
    const [first, second, third, fourth] = double.requests;
    assert.equal(`${first.method} ${first.url.pathname}`, "POST /api/v1/usage");
    assert.equal(first.headers.authorization, `Bearer ${KEY}`);
    assert.equal(first.headers["content-type"], "application/json");
    assert.match(first.headers["user-agent"], /^edge-credits-js\//);
    const { idempotencyKey, ...sent } = first.body;
    assert.match(
      idempotencyKey,
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    assert.equal(credit.idempotencyKey, idempotencyKey);
    assert.deepEqual(sent, {
      customerId: "cus_123",
      type: "credit",
      model: "llama",
      inputTokens: 1200,
      outputTokens: 340,
      cacheTokens: 0,
      agentKey: "api_credit",
      member: "alice@acme.com",
      custom: { feature: "summarize" },
    });
    assert.deepEqual(
      [second.body.type, second.body.inputTokens, second.body.outputTokens, second.body.agentKey],
      ["wallet", 8, 5, undefined],
    );
    const { runId, complete, pages, agentKey } = third.body;
    assert.deepEqual([runId, complete, pages, agentKey], ["r", true, 2.5, "t.s"]);
    assert.deepEqual([fourth.body.type, fourth.body.idempotencyKey], ["wallet", "mine"]);
    assert.deepEqual(cnk.stats, {
      tracked: 4,
      delivered: 4,
      rejected: 0,
      dropped: 0,
      waiting: 0,
      sending: 0,
      pending: 0,
    });
  });

  test("a retry carries the same body, and the repeat is a duplicate", async (t) => {
    const double = clockNextDouble();
    double.meets.push(async ({ body }) => {
      await double.handle({
        method: "POST",
        url: "http://x/api/v1/usage",
        headers: {},
        text: JSON.stringify(body),
      });
      return [500, "lost"];
    });
    const retries = [];
    const cnk = client(double, { onRetry: (retry) => retries.push(retry) });
    const { usageLog } = await inVirtualTime(t, () => cnk.signals.credit(CREDIT));
    assert.equal(usageLog.duplicate, true);
    const texts = double.requests
      .filter(({ headers }) => headers.authorization)
      .map(({ text }) => text);
    assert.equal(texts.length, 2);
    assert.equal(texts[0], texts[1]);
    const [{ attempt, delayMs, error }] = retries;
    assert.equal(attempt, 1);
    assert.ok(delayMs >= 100 && delayMs < 200, `${delayMs}`);
    assert.ok(error instanceof root.ServerError);
  });

  test("verify prices and writes nothing; list asks for a customer's", async () => {
    const double = clockNextDouble();
    const cnk = client(double);
    const { usageLog } = await cnk.signals.verify({ type: "credit", ...CREDIT });
    assert.equal(usageLog.type, "credit");
    assert.equal(double.requests[0].body.dryRun, true);
    assert.equal(cnk.stats.tracked, 0);
    const { customer, logs } = await cnk.signals.list({ customerId: "a/1", limit: 5 });
    assert.equal(customer, "a/1");
    assert.equal(double.requests[1].url.search, "?customerId=a%2F1&limit=5");
    assert.ok(Array.isArray(logs));
  });

  test("what makes no signal is refused before it is sent", async () => {
    const double = clockNextDouble();
    const cnk = client(double);
    const table = [
      [undefined, "invalid_id"],
      [{ ...CREDIT, customerId: " " }, "invalid_id"],
      [{ ...CREDIT, customerId: 7 }, "invalid_id"],
      [{ ...CREDIT, customerId: "\ud800" }, "invalid_id"],
      [{ ...CREDIT, model: "" }, "invalid_request"],
      [{ ...CREDIT, key: undefined }, "invalid_request"],
      [{ ...CREDIT, tokens: { input: 1.5 } }, "invalid_request"],
      [{ ...CREDIT, tokens: { input: -1 } }, "invalid_request"],
      [{ ...CREDIT, tokens: { output: 2 ** 53 } }, "invalid_request"],
      [{ ...CREDIT, custom: [] }, "invalid_request"],
      [{ ...CREDIT, custom: { n: 1n } }, "invalid_request"],
      [{ ...CREDIT, metric: { ref: "type", value: 1 } }, "invalid_request"],
      [{ ...CREDIT, metric: { ref: "x", value: NaN } }, "invalid_request"],
      [{ ...CREDIT, idempotencyKey: "" }, "invalid_idempotency_key"],
    ];
    for (const [signal, code] of table) {
      const error = await rejection(cnk.signals.credit(signal));
      assert.ok(error instanceof root.ValidationError, `${code}: ${error}`);
      assert.deepEqual([error.code, error.effect, error.status], [code, "not_applied", null]);
    }
    assert.equal(double.requests.length, 0);
    assert.equal(cnk.stats.tracked, 0);
  });
});

describe("errors", () => {
  const failure = async (status, body, headers, options = {}) => {
    const double = clockNextDouble();
    double.meets.push([status, body, headers]);
    const retry = { maxAttempts: 1, ...options };
    return rejection(client(double, { retry }).signals.credit({ ...CREDIT, idempotencyKey: "k" }));
  };

  test("by status, in both envelopes", async () => {
    const table = [
      [400, "bad", root.ValidationError, false],
      [401, "bad", root.AuthError, false],
      [404, "bad", root.NotFoundError, false],
      [408, "bad", root.ClockNextError, true],
      [409, "bad", root.ConflictError, true],
      [418, "bad", root.ClockNextError, false],
      [422, "bad", root.PlanError, false],
      [422, "Insufficient credits", root.AllowanceError, false],
      [429, "bad", RateLimitError, true],
      [503, "bad", root.ServerError, true],
    ];
    for (const [status, message, ErrorClass, retryable] of table) {
      for (const body of [enveloped(status, message), { ok: false, error: message }, message]) {
        const error = await failure(status, body);
        assert.equal(error.constructor, ErrorClass, `${status} ${JSON.stringify(body)}`);
        assert.ok(error instanceof root.ClockNextError && error instanceof root.EdgeCreditsError);
        assert.equal(error.name, ErrorClass.name);
        const { idempotencyKey } = error;
        assert.deepEqual([error.status, error.retryable, idempotencyKey], [status, retryable, "k"]);
        assert.equal(error.message, message);
      }
    }
  });

  test("a 2xx that says no, and one that says nothing", async () => {
    for (const body of [enveloped(500, "nope"), { ok: false, error: "nope" }]) {
      const error = await failure(200, body);
      assert.equal(error.constructor, root.ClockNextError);
      assert.deepEqual([error.message, error.status, error.retryable], ["nope", 200, false]);
    }
    const double = clockNextDouble();
    double.meets.push([200, ""], [200, "<html>"], [204, ""]);
    const cnk = client(double);
    for (let index = 0; index < 3; index += 1) {
      const { idempotencyKey, ...rest } = await cnk.signals.credit(CREDIT);
      assert.deepEqual(rest, { queued: false });
    }
  });

  test("no answer is a NetworkError with its cause", async () => {
    const broken = new TypeError("fetch failed");
    const fetcher = { fetch: () => Promise.reject(broken) };
    const error = await rejection(
      client(fetcher, { retry: { maxAttempts: 1 } }).signals.credit(CREDIT),
    );
    assert.equal(error.constructor, root.NetworkError);
    assert.deepEqual([error.status, error.retryable, error.cause], [null, true, broken]);
    assert.equal(error.effect, "unknown");
  });

  test("the root's RateLimitError is that of both faces", async () => {
    const error = await failure(429, "slow", { "retry-after-ms": "1500" });
    assert.ok(error instanceof RateLimitError && error instanceof root.RateLimitError);
    assert.deepEqual([error.retryAfterMs, error.retryAfter], [1500, 2]);
    const engine = new (await import("../../../pkg/js/credit-engine.js")).RateLimitError("m");
    assert.ok(engine instanceof root.RateLimitError);
    assert.ok(!(engine instanceof RateLimitError));
    assert.ok(!(new root.ServerError("m") instanceof root.RateLimitError));
    assert.ok(!(new Error("m") instanceof root.RateLimitError));
  });

  test("a hint beyond a minute ends the call, which says so", async () => {
    const error = await failure(429, "slow", { "retry-after": "61" }, { maxAttempts: 5 });
    assert.match(error.message, /longer than 60 s/);
    assert.equal(error.attempts, 1);
  });

  test("the key is in none", async () => {
    const error = await failure(401, { ok: false, error: `who is ${KEY}?` });
    const texts = [error.message, error.stack, JSON.stringify(error)];
    assert.ok(!texts.some((text) => text.includes(KEY)), error.message);
  });
});

describe("customers and the portal", () => {
  test("made, read, changed, walked and deleted", async () => {
    const double = clockNextDouble();
    const cnk = client(double);
    const made = await cnk.customers.create({ name: "Acme", email: "ops@acme.com" });
    assert.deepEqual(made, { id: "cus_1", name: "Acme", email: "ops@acme.com" });
    assert.deepEqual(await cnk.customers.get(made.id), made);
    const changed = await cnk.customers.update(made.id, {
      notes: "VIP",
      phone: null,
      city: undefined,
    });
    assert.equal(changed.notes, "VIP");
    assert.equal(double.requests.at(-1).text, '{"notes":"VIP","phone":null}');
    for (let index = 0; index < 6; index += 1) {
      await cnk.customers.create({ name: `n${index}`, email: "e@x" });
    }
    const page = await cnk.customers.list({ limit: 5, q: "ac" });
    assert.deepEqual([page.customers.length, page.nextCursor], [5, "5"]);
    assert.equal(double.requests.at(-1).url.search, "?limit=5&q=ac");
    const seen = [];
    for await (const customer of cnk.customers.iterate({ limit: 3 })) seen.push(customer.id);
    assert.deepEqual(seen, ["cus_7", "cus_6", "cus_5", "cus_4", "cus_3", "cus_2", "cus_1"]);
    for (const about of ["usage", "balances", "plan", "revenue"]) {
      assert.equal((await cnk.customers[about](made.id, { limit: 50 })).asked, about);
    }
    await cnk.customers.revenue(made.id, { range: "30d" });
    assert.equal(double.requests.at(-1).url.search, "?range=30d");
    assert.equal(await cnk.customers.delete(made.id), undefined);
    assert.ok((await rejection(cnk.customers.get(made.id))) instanceof root.NotFoundError);
    const token = await cnk.portal.createToken({ customerId: "cus_2", ttlSeconds: 600 });
    assert.deepEqual([token.token, token.expiresIn], ["t", 600]);
    assert.equal(double.requests.at(-1).text, '{"customerId":"cus_2","ttlSeconds":600}');
  });

  test("a customer is not made twice because an answer was lost", async (t) => {
    const double = clockNextDouble();
    double.meets.push([500, "oops"]);
    const cnk = client(double);
    const made = () => cnk.customers.create({ name: "Acme", email: "e" });
    const error = await inVirtualTime(t, () => rejection(made()));
    assert.deepEqual(
      [error.constructor, error.attempts, error.effect],
      [root.ServerError, 1, "unknown"],
    );
    assert.equal(double.requests.length, 1);
    double.meets.push([500, "oops"], [500, "oops"]);
    t.mock.timers.reset();
    await rejection(cnk.customers.get("x"));
    assert.equal(double.requests.length, 4);
  });

  test("what cannot be asked is refused before it is sent", async () => {
    const double = clockNextDouble();
    const cnk = client(double);
    for (const call of [
      () => cnk.customers.get(""),
      () => cnk.customers.get(".."),
      () => cnk.customers.get(undefined),
      () => cnk.customers.create({ name: "Acme" }),
      () => cnk.customers.create({ name: " ", email: "e" }),
      () => cnk.customers.update("c", [1]),
      () => cnk.customers.list({ limit: -1 }),
      () => cnk.portal.createToken({}),
      () => cnk.portal.createToken({ customerId: "c", ttlSeconds: 1.5 }),
    ]) {
      const error = await rejection(call());
      assert.ok(error instanceof root.ValidationError, String(error));
      assert.equal(error.effect, "not_applied");
    }
    assert.equal(double.requests.length, 0);
  });

  test("pages that do not advance are not walked for ever", async () => {
    const same = { ok: true, customers: [{ id: "a" }], nextCursor: "x" };
    const double = clockNextDouble();
    double.meets.push([200, same], [200, same], [200, same]);
    const walk = async () => {
      for await (const _ of client(double).customers.iterate());
    };
    assert.equal((await rejection(walk())).code, "protocol_error");
    assert.equal(double.requests.length, 2);
  });
});

describe("configuration", () => {
  test("what makes no client is a ClockNextError", () => {
    for (const config of [
      undefined,
      {},
      { apiKey: "cnk_a b" },
      { apiKey: KEY, mode: "auto" },
      { apiKey: KEY, baseUrl: "http://example.com" },
      { apiKey: KEY, batch: { maxSize: 0 } },
      { apiKey: KEY, retry: { maxAttempts: 0 } },
      { apiKey: KEY, onDrop: 1 },
      { apiKey: KEY, fetcher: {} },
    ]) {
      const make = () => new ClockNext(config);
      const isOne = (error) =>
        error.constructor === root.ClockNextError && error.code === "invalid_config";
      assert.throws(make, isOne, JSON.stringify(config));
    }
  });

  test("a browser gets no key, unless it is meant: then it is warned", (t) => {
    const warned = t.mock.method(console, "warn", () => {});
    globalThis.window = globalThis;
    globalThis.document = {};
    try {
      assert.throws(() => new ClockNext({ apiKey: KEY }), /must not be in a browser/);
      assert.equal(warned.mock.callCount(), 0);
      assert.ok(new ClockNext({ apiKey: KEY, allowBrowser: true }));
      assert.equal(warned.mock.callCount(), 1);
    } finally {
      delete globalThis.window;
      delete globalThis.document;
    }
  });
});
