// Persistent mode in memory: answers at once, charges that arrive later, and what is said of those
// that do not.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { AuthenticationError, InsufficientCreditsError } from "../../../pkg/js/index.js";
import { onPanic } from "../../../pkg/js/calls.js";
import { inMemory, world } from "./memory_world.mjs";
import { inVirtualTime, json, refused, rejection } from "./scripted.mjs";

const unhandled = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

describe("charges", () => {
  test("the first call reads the balance, later ones are answered at once and sent behind", async () => {
    const api = world(100);
    const { ce } = inMemory(api);
    const first = await ce.consume("cus_1", 5, "AI: chat", { metadata: { model: "m" } });
    assert.deepEqual([first.balance, first.source, first.pending], [95, "upstream", 1]);
    assert.deepEqual([first.degraded, first.stale, first.replayed], [false, false, false]);
    assert.match(first.transaction_id, /^txn_[0-9a-f]{32}$/);
    const calls = api.calls.length;
    const answer = ce.consumeOrFail("cus_1", 20);
    assert.equal(api.calls.length, calls, "nothing is sent before the answer");
    const { balance, source, idempotency_key: key } = await answer;
    assert.deepEqual([balance, source], [75, "edge-cache"]);
    assert.equal(ce.pendingOperations, 2);
    await ce.destroy();
    assert.equal(ce.pendingOperations, 0);
    assert.deepEqual([...api.charges().values()], [5, 20]);
    assert.ok(api.charges().has(key), "under the key that was answered");
    const sent = api.calls.filter(({ method }) => method === "POST").map(({ body }) => body);
    assert.match(sent[0], /^{"amount":5,"description":"AI: chat","metadata":{"model":"m"},"idem/);
    assert.ok(sent.every((body) => !body.includes("on_insufficient")), "accepted is promised");
  });

  test("n callers at once never pass a gate together, nor do two clients", async () => {
    const api = world(10);
    const clients = [inMemory(api).ce, inMemory(api).ce];
    const calls = Array.from({ length: 40 }, (_, index) => clients[index % 2].consumeOrFail("cus_1", 1));
    const outcomes = await Promise.allSettled(calls);
    const passed = outcomes.filter(({ status }) => status === "fulfilled");
    assert.equal(passed.length, 10);
    for (const { reason } of outcomes.filter(({ status }) => status === "rejected")) {
      assert.ok(reason instanceof InsufficientCreditsError);
      assert.deepEqual([reason.status, reason.currentBalance, reason.requested], [402, 0, 1]);
      assert.deepEqual([reason.effect, typeof reason.idempotencyKey], ["not_applied", "string"]);
    }
    await Promise.all(clients.map((ce) => ce.destroy()));
    assert.equal(api.left(), 0);
  });

  test("the same key charges once, and other content under it is refused", async () => {
    const api = world(100);
    const { ce } = inMemory(api);
    const call = (amount) => ce.consume("cus_1", amount, undefined, { idempotencyKey: "k1" });
    const first = await call(5);
    const again = await call(5);
    assert.deepEqual(again, { ...first, replayed: true, pending: again.pending });
    const error = await rejection(call(6));
    assert.deepEqual(
      [error.code, error.status, error.effect, error.idempotencyKey],
      ["idempotency_key_reused", 422, "not_applied", "k1"],
    );
    assert.equal(error.details.field, "amount");
    assert.equal(error.details.first.transaction_id, first.transaction_id);
    await ce.flush();
    assert.equal((await call(5)).replayed, true, "after it has been sent too");
    await ce.destroy();
    assert.deepEqual([...api.charges()], [["k1", 5]]);
  });

  test("a request that is handled again gets its first answers, whatever it asks for", async () => {
    const api = world(100);
    const { ce } = inMemory(api);
    const handle = (amount) => {
      const request = ce.forRequest({ id: "m1" }, null, { idempotencyKeyFrom: ({ id }) => id });
      return request.consumeOrFail("cus_1", amount);
    };
    const first = await handle(5);
    const { replayed, mismatch, transaction_id: id } = await handle(7);
    assert.deepEqual([replayed, mismatch, id], [true, true, first.transaction_id]);
    await ce.destroy();
    assert.equal(api.left(), 95);
  });

  test("arguments are judged as everywhere, and nothing is sent", async () => {
    const api = world();
    const { ce } = inMemory(api);
    for (const [amount, options, code] of [
      [0, {}, "invalid_amount"],
      [1, { unit: "a b" }, "invalid_id"],
      [1, { metadata: { a: "x".repeat(9000) } }, "metadata_too_large"],
      [1, { idempotencyKey: "a,b" }, "invalid_idempotency_key"],
    ]) {
      assert.equal((await rejection(ce.consume("cus_1", amount, "d", options))).code, code);
    }
    assert.equal((await rejection(ce.getBalance(".."))).code, "invalid_id");
    assert.equal(api.calls.length, 0);
  });
});

describe("balances", () => {
  test("are answered from memory, and read again in the background when they are stale", async (t) => {
    const api = world(100);
    const { ce } = inMemory(api, { syncIntervalMs: 1000, maxStalenessMs: 60_000 });
    await inVirtualTime(t, async () => {
      const first = await ce.getBalance("cus_1");
      assert.deepEqual([first.balance, first.credit_name, first.source], [100, "tokens", "upstream"]);
      assert.equal((await ce.getBalance("cus_1")).source, "edge-cache");
      assert.equal(api.calls.length, 1);
      api.grant(50);
      await new Promise((resolve) => setTimeout(resolve, 2000));
      const stale = await ce.getBalance("cus_1");
      assert.deepEqual([stale.balance, stale.stale, stale.source], [100, true, "edge-cache"]);
      await new Promise((resolve) => setTimeout(resolve, 500));
      assert.equal((await ce.getBalance("cus_1")).balance, 150);
      assert.equal(api.calls.length, 2);
    });
  });

  test("a top-up made elsewhere counts before anybody is turned away", async () => {
    const api = world(10);
    const { ce } = inMemory(api);
    await ce.getBalance("cus_1");
    api.grant(50);
    assert.equal((await ce.consumeOrFail("cus_1", 30)).balance, 30);
    await ce.destroy();
  });

  test("an add goes straight through and counts when it answers; lists go through", async () => {
    const api = world(10);
    const { ce } = inMemory(api);
    await ce.consume("cus_1", 4);
    await ce.add("cus_1", 100);
    const { balance, source } = await ce.getBalance("cus_1");
    assert.deepEqual([balance, source], [106, "edge-cache"]);
    const broken = await ce.getBalance("cus_1", { includeBreakdown: true });
    assert.deepEqual(broken.breakdown, [], "the cache knows no products, so the API is asked");
    await ce.destroy();
  });
});

describe("while the API is away", () => {
  test("usage and gates go on up to the last known balance, and arrive when it is back", async (t) => {
    const api = world(100);
    const { ce, errors } = inMemory(api);
    await inVirtualTime(t, async () => {
      await ce.getBalance("cus_1");
      api.away = true;
      await ce.consumeOrFail("cus_1", 60, undefined, { idempotencyKey: "a" });
      await new Promise((resolve) => setTimeout(resolve, 300_000));
      const usage = await ce.consume("cus_1", 10, undefined, { idempotencyKey: "b" });
      assert.deepEqual([usage.balance, usage.degraded, usage.source], [30, true, "degraded"]);
      const error = await rejection(ce.consumeOrFail("cus_1", 31));
      assert.equal(error.code, "insufficient_credits");
      assert.equal(ce.pendingOperations, 2);
      const early = await ce.flush({ timeoutMs: 1000 });
      assert.deepEqual(early, { delivered: 0, rejected: 0, quarantined: 0, pending: 2 });
      api.away = false;
      const late = await ce.flush();
      assert.deepEqual(late, { delivered: 2, rejected: 0, quarantined: 0, pending: 0 });
    });
    assert.deepEqual([...api.charges()], [["a", 60], ["b", 10]]);
    assert.deepEqual(errors, []);
  });

  test("without gracefulDegradation an old balance decides nothing; usage is recorded", async (t) => {
    const api = world(100);
    const { ce } = inMemory(api, { gracefulDegradation: false });
    await inVirtualTime(t, async () => {
      await ce.getBalance("cus_1");
      api.away = true;
      await new Promise((resolve) => setTimeout(resolve, 91_000));
      for (const call of [() => ce.consumeOrFail("cus_1", 1), () => ce.getBalance("cus_1")]) {
        const error = await rejection(call());
        assert.deepEqual(
          [error.code, error.status, error.retryable, error.effect],
          ["stale_balance", 503, true, "not_applied"],
        );
      }
      assert.equal((await ce.consume("cus_1", 1)).balance, 99);
      api.away = false;
      await ce.flush();
    });
    assert.equal(api.left(), 99);
  });

  test("from the start: usage is accepted without a balance, a gate is not", async (t) => {
    const api = world(100);
    api.away = true;
    const { ce } = inMemory(api);
    await inVirtualTime(t, async () => {
      const usage = await ce.consume("cus_1", 1);
      assert.deepEqual([usage.balance, usage.degraded], [null, true]);
      const error = await rejection(ce.consumeOrFail("cus_1", 1));
      assert.deepEqual([error.code, error.status], ["upstream_unavailable", 503]);
      api.away = false;
      await ce.destroy();
    });
    assert.equal(api.left(), 99);
  });
});

describe("what the API does not take", () => {
  test("is reported once, with key and payload, and not taken from the balance", async () => {
    const api = world(100);
    const { ce, errors } = inMemory(api);
    await ce.getBalance("cus_1");
    api.refuse = (_method, route) => route === "consume" && refused(402, "insufficient_credits");
    const metadata = { model: "m" };
    const { idempotency_key: key, transaction_id: id } = await ce.consume("cus_1", 5, "AI", { metadata });
    const counts = await ce.flush();
    assert.deepEqual(counts, { delivered: 0, rejected: 1, quarantined: 0, pending: 0 });
    assert.equal(errors.length, 1);
    const [{ code, effect, idempotencyKey, details }] = errors;
    assert.deepEqual([code, effect, idempotencyKey], ["insufficient_credits", "not_applied", key]);
    const { at, ...rest } = details;
    assert.match(at, /^\d{4}-\d\d-\d\dT/);
    assert.deepEqual(rest, {
      kind: "rejected",
      customer_id: "cus_1",
      transaction_id: id,
      amount: 5,
      unit: "credits",
      description: "AI",
      metadata,
    });
    assert.equal((await ce.getBalance("cus_1")).balance, 100);
    await ce.destroy();
  });

  test("is quarantined where its form is refused: its fate is open", async () => {
    const api = world(100);
    const { ce, errors } = inMemory(api);
    await ce.getBalance("cus_1");
    api.refuse = (_method, route) => route === "consume" && refused(422, "unknown_product");
    await ce.consume("cus_1", 5);
    const counts = await ce.flush();
    assert.deepEqual(counts, { delivered: 0, rejected: 0, quarantined: 1, pending: 0 });
    assert.deepEqual([errors[0].code, errors[0].effect], ["unknown_product", "unknown"]);
    await ce.destroy();
  });

  test("a key that was never accepted is an error of the call; one that is revoked pauses", async (t) => {
    const api = world(100);
    const { ce, errors } = inMemory(api);
    const denied = () => refused(401, "invalid_api_key");
    await inVirtualTime(t, async () => {
      api.refuse = denied;
      for (const call of [() => ce.consume("a", 1), () => ce.getBalance("a")]) {
        assert.ok((await rejection(call())) instanceof AuthenticationError);
      }
      api.refuse = null;
      await ce.getBalance("b");
      api.refuse = denied;
      await ce.consume("b", 1);
      await new Promise((resolve) => setTimeout(resolve, 5000));
      assert.equal(ce.pendingOperations, 1);
      api.refuse = null;
      await ce.destroy();
    });
    assert.equal(api.left("b"), 99);
    // Once per customer, whether or not the call threw besides.
    const paused = errors.map(({ details }) => [details.kind, details.customer_id]);
    assert.deepEqual(paused, [["paused", "a"], ["paused", "b"]]);
    assert.ok(errors.every((error) => error instanceof AuthenticationError));
  });
});

test("a refused key is told to the client it belongs to, whoever else called last", async (t) => {
  const [mine, theirs] = [world(100), world(100)];
  const { ce, errors } = inMemory(mine);
  const other = inMemory(theirs);
  await inVirtualTime(t, async () => {
    await ce.getBalance("cus_1");
    mine.refuse = () => refused(401, "invalid_api_key");
    await ce.consume("cus_1", 1);
    const called = other.ce.getBalance("cus_1");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await called;
    assert.deepEqual(other.errors, []);
    assert.deepEqual(errors.map(({ details }) => details.kind), ["paused"]);
    mine.refuse = null;
    await Promise.all([ce.destroy(), other.ce.destroy()]);
  });
});

describe("the end", () => {
  test("destroy refuses new calls at once, and waits for what is queued", async () => {
    const api = world(100);
    const { ce } = inMemory(api);
    for (let index = 0; index < 20; index += 1) await ce.consume("cus_1", 1);
    const end = ce.destroy();
    assert.equal((await rejection(ce.consume("cus_1", 1))).code, "client_destroyed");
    await end;
    assert.deepEqual([ce.pendingOperations, api.left()], [0, 80]);
  });

  test("flush settles what was accepted before it, and a caller may come back from onError", async () => {
    const api = world(100);
    const again = [];
    const { ce } = inMemory(api, { onError: () => again.push(ce.consume("cus_2", 1)) });
    await ce.getBalance("cus_1");
    api.refuse = (_method, route, body) => route === "consume" && body.includes('"bad"') && refused(402, "x");
    await ce.consume("cus_1", 1, undefined, { idempotencyKey: "bad" });
    await ce.consume("cus_1", 2, undefined, { idempotencyKey: "good" });
    const { delivered, rejected } = await ce.flush();
    assert.deepEqual([delivered, rejected, again.length], [1, 1, 1]);
    await Promise.all(again);
    await ce.destroy();
    assert.equal(api.left("cus_2"), 99);
  });

  test("a charge made inside onError, when the last one is given up, is sent by itself", async (t) => {
    const api = world(100);
    const again = [];
    const onError = ({ code }) => {
      if (code === "dedupe_window_passed") again.push(ce.consume("cus_1", 7));
    };
    const { ce } = inMemory(api, { onError });
    await inVirtualTime(t, async () => {
      await ce.getBalance("cus_1");
      api.away = true;
      await ce.consume("cus_1", 1);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      // The process was suspended for a day; the API is back when it wakes up.
      t.mock.timers.setTime(Date.now() + 86_400_000);
      api.away = false;
      await new Promise((resolve) => setTimeout(resolve, 700_000));
      assert.equal(again.length, 1);
      await Promise.all(again);
      assert.equal(ce.pendingOperations, 0, "nobody else calls, and still it arrives");
    });
    assert.deepEqual([...api.charges().values()], [7]);
    await ce.destroy();
  });

  test("memory that is lost with the module is reported, charge by charge", async () => {
    const api = world(100);
    const { ce, errors } = inMemory(api);
    await ce.getBalance("cus_1");
    api.away = true;
    const { idempotency_key: key } = await ce.consume("cus_1", 5, "AI", { metadata: { a: 1 } });
    const waiting = ce.flush();
    onPanic("panicked at the test");
    assert.deepEqual(await waiting, { delivered: 0, rejected: 0, quarantined: 1, pending: 0 });
    const [{ code, effect, retryable, idempotencyKey, details }] = errors;
    assert.deepEqual([code, effect, retryable], ["memory_lost", "unknown", true]);
    assert.equal(idempotencyKey, key);
    assert.deepEqual([details.customer_id, details.amount, details.metadata], ["cus_1", "5", { a: 1 }]);
    assert.equal(ce.pendingOperations, 0);
    api.away = false;
  });
});

test("our own worker is sent batches, in order and each with its key", async () => {
  const api = world(1000);
  const batches = [];
  const books = api.fetch;
  api.fetch = async (url, init) => {
    if (url.endsWith("/batch")) {
      const { items } = JSON.parse(init.body);
      batches.push(items.length);
      const results = [];
      for (const item of items) {
        const one = { method: "POST", body: JSON.stringify(item) };
        const answer = await books(url.replace("batch", "consume"), one);
        results.push({ status: answer.status, body: await answer.json() });
      }
      return json(200, { results });
    }
    const answer = await books(url, init);
    return json(answer.status, await answer.json(), { "x-edge-credits": "0.1.0" });
  };
  const { ce } = inMemory(api);
  await ce.getBalance("cus_1");
  for (let index = 0; index < 150; index += 1) await ce.consume("cus_1", 1);
  assert.equal((await ce.flush()).delivered, 150);
  assert.equal(api.left(), 850);
  assert.equal(Math.max(...batches), 100);
  await ce.destroy();
});

test("nothing was rejected behind the callers' backs", async () => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(unhandled, []);
});
