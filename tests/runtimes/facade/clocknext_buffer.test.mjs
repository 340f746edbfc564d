// The buffer of the ClockNext face: when signals go, together or one by one, and what becomes of each.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { AllowanceError, ClockNext, ServerError } from "../../../pkg/js/clocknext.js";
import { clockNextDouble } from "../clocknext/double.mjs";
import {
  BATCH,
  KEY,
  USAGE,
  assertAddsUp,
  assertOnce,
  paths,
  settle,
  track,
  wallet,
  watched,
} from "./clocknext_world.mjs";
import { inVirtualTime } from "./scripted.mjs";

describe("when signals go", () => {
  test("a few wait for the interval, then go one by one to the public API", async (t) => {
    const double = clockNextDouble();
    const { cnk, told } = watched(double);
    t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_800_000_000_000 });
    assert.deepEqual(await cnk.signals.wallet(wallet(0)), { queued: true, idempotencyKey: "k0" });
    await track(cnk, 2, 1);
    await settle();
    t.mock.timers.tick(1_999);
    await settle();
    assert.equal(double.requests.length, 0);
    assert.equal(cnk.stats.waiting, 3);
    t.mock.timers.tick(1);
    await settle();
    assert.deepEqual(paths(double), [USAGE, USAGE, USAGE]);
    assertOnce(double, 3);
    assert.deepEqual(told.flushes, [3]);
    assertAddsUp(cnk);
  });

  test("as many as the size go at once", async (t) => {
    const double = clockNextDouble();
    const { cnk } = watched(double, { batch: { maxSize: 4 } });
    t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_800_000_000_000 });
    await track(cnk, 3);
    await settle();
    assert.equal(double.requests.length, 0);
    await track(cnk, 1, 3);
    await settle();
    assertOnce(double, 4);
  });

  test("five requests at a time, once it is known whose server it is", async () => {
    const double = clockNextDouble();
    let [now, most] = [0, 0];
    const firstAlone = [];
    const slow = {
      fetch: async (url, init) => {
        now += 1;
        most = Math.max(most, now);
        firstAlone.push(now);
        await new Promise((resolve) => setTimeout(resolve, 5));
        now -= 1;
        return double.fetch(url, init);
      },
    };
    const { cnk } = watched(slow);
    await track(cnk, 23);
    await cnk.flush();
    assertOnce(double, 23);
    assert.equal(most, 5);
    assert.deepEqual(firstAlone.slice(0, 2), [1, 1]);
  });

  test("our own server gets one, and then all the others together", async () => {
    const double = clockNextDouble({ ours: true });
    const { cnk, told } = watched(double);
    await track(cnk, 150);
    const { delivered, rejected, pending } = await cnk.flush();
    assert.deepEqual([delivered, rejected, pending], [150, [], 0]);
    assert.deepEqual(paths(double), [USAGE, BATCH, BATCH]);
    assert.deepEqual(
      double.requests.map(({ body }) => body.signals?.length),
      [undefined, 100, 49],
    );
    assertOnce(double, 150);
    assert.deepEqual(told.flushes, [150]);
    // The isolate knows it by now.
    await track(cnk, 50, 150);
    await cnk.flush();
    assert.deepEqual(paths(double).slice(3), [BATCH]);
  });

  test("a batch is no larger than a body may be", async () => {
    const double = clockNextDouble({ ours: true });
    const { cnk } = watched(double);
    await cnk.signals.wallet(wallet(0), { wait: true });
    const custom = { text: "é".repeat(15_000) };
    await Promise.all(
      Array.from({ length: 60 }, () =>
        cnk.signals.wallet({ ...wallet(), idempotencyKey: undefined, custom }),
      ),
    );
    await cnk.flush();
    assertOnce(double, 61);
    for (const { text } of double.requests) assert.ok(Buffer.byteLength(text) < 1024 * 1024);
    assert.ok(double.requests.length > 2);
  });
});

describe("what becomes of each", () => {
  test("a refusal in a batch is told with its own error, and the others arrive", async () => {
    const double = clockNextDouble({ ours: true });
    const { cnk, told } = watched(double);
    await cnk.signals.wallet(wallet(0), { wait: true });
    await track(cnk, 3, 1);
    await cnk.signals.credit({ customerId: "refuse", model: "m", key: "k", idempotencyKey: "no" });
    const { delivered, rejected } = await cnk.flush();
    assert.equal(delivered, 3);
    const [{ signal, error }] = rejected;
    assert.ok(error instanceof AllowanceError);
    assert.deepEqual([error.status, error.idempotencyKey], [422, "no"]);
    assert.deepEqual(signal, {
      customerId: "refuse",
      model: "m",
      key: "k",
      type: "credit",
      idempotencyKey: "no",
    });
    assert.deepEqual(told.errors, [[error, "no"]]);
    assert.deepEqual(told.drops, [["no", "send_failed"]]);
    const { tracked, delivered: all, rejected: no } = cnk.stats;
    assert.deepEqual([tracked, all, no], [5, 4, 1]);
    assertAddsUp(cnk);
  });

  test("one that may pass later is sent again alone, under its key", async () => {
    const double = clockNextDouble({ ours: true });
    const { cnk } = watched(double);
    await cnk.signals.wallet(wallet(0), { wait: true });
    double.meets.push(({ body }) => {
      const { handle } = double;
      return handle({
        method: "POST",
        url: `http://x${BATCH}`,
        headers: {},
        text: JSON.stringify({ signals: body.signals.slice(1) }),
      }).then(([status, text]) => {
        const answer = JSON.parse(text);
        answer.result.results.unshift({
          statusCode: 429,
          statusDetail: { status: "ERROR", message: "slow" },
        });
        return [status, answer];
      });
    });
    await track(cnk, 3, 1);
    const { delivered, rejected } = await cnk.flush();
    assert.deepEqual([delivered, rejected], [3, []]);
    assertOnce(double, 4);
    assert.equal(double.requests.at(-1).body.idempotencyKey, "k1");
  });

  test("where the batch is not taken, each goes alone; nothing is counted twice", async () => {
    for (const answer of [
      [404, "none"],
      [413, "large"],
      [200, "{}"],
      [200, { ok: true, results: [] }],
    ]) {
      const double = clockNextDouble({ ours: true });
      const { cnk } = watched(double);
      await cnk.signals.wallet(wallet(0), { wait: true });
      double.meets.push(answer);
      await track(cnk, 4, 1);
      const { delivered } = await cnk.flush();
      assert.equal(delivered, 4, JSON.stringify(answer));
      assertOnce(double, 5);
      assert.deepEqual(paths(double), [USAGE, BATCH, USAGE, USAGE, USAGE, USAGE]);
    }
  });

  test("while the API fails each is retried, told, and lost by name in the end", async (t) => {
    const double = clockNextDouble();
    const failing = { fetch: async () => new Response("oops", { status: 500 }) };
    const { cnk, told } = watched(failing);
    const result = await inVirtualTime(t, async () => {
      await track(cnk, 3);
      return cnk.flush();
    });
    assert.equal(result.delivered, 0);
    assert.equal(result.rejected.length, 3);
    for (const { error } of result.rejected) {
      assert.ok(error instanceof ServerError);
      assert.deepEqual([error.attempts, error.effect], [5, "unknown"]);
    }
    assert.equal(told.retries.length, 12);
    assert.deepEqual(
      told.drops.map(([, reason]) => reason),
      Array(3).fill("send_failed"),
    );
    assert.deepEqual(told.flushes, [0]);
    assert.equal(cnk.stats.rejected, 3);
    // What a hook was told of can be tracked again as it is.
    const { signal } = result.rejected[0];
    t.mock.timers.reset();
    const { cnk: later } = watched(double);
    await later.signals.track(signal);
    await later.flush();
    assert.deepEqual([...double.signals.keys()], [signal.idempotencyKey]);
  });

  test("a batch that fails for good is each one's failure", async (t) => {
    const double = clockNextDouble({ ours: true });
    const { cnk, told } = watched(double, { retry: { maxAttempts: 2 } });
    await cnk.signals.wallet(wallet(0), { wait: true });
    double.meets.push([503, "away"], [503, "away"]);
    const { rejected } = await inVirtualTime(t, async () => {
      await track(cnk, 3, 1);
      return cnk.flush();
    });
    const keys = rejected.map(({ error }) => error.idempotencyKey);
    assert.deepEqual(keys, ["k1", "k2", "k3"]);
    assert.equal(new Set(rejected.map(({ error }) => error)).size, 3);
    assert.equal(told.retries.length, 1);
    assertAddsUp(cnk);
  });

  test("a server that speaks of its own failure as the module would is retried as any other", async () => {
    for (const ours of [true, false]) {
      const double = clockNextDouble({ ours });
      const { cnk, told } = watched(double, { retry: { maxAttempts: 3, baseDelayMs: 0 } });
      await cnk.signals.wallet(wallet(0), { wait: true });
      const failed = [500, { statusCode: 500, code: "internal_error", statusDetail: { status: "ERROR", message: "storage" } }];
      double.meets.push(...Array(200).fill(failed));
      await track(cnk, 20, 1);
      const { rejected } = await cnk.flush();
      assert.deepEqual(new Set(rejected.map(({ error }) => error.code)), new Set(["internal_error"]));
      assert.equal(told.drops.length, 20);
      // One batch, or each by itself: three attempts in all.
      assert.equal(double.requests.length - 1, ours ? 3 : 60);
    }
  });

  test("a hook that tracks again what was dropped is not told of that", async () => {
    const double = clockNextDouble();
    const again = [];
    const { cnk } = watched(double, {
      batch: { maxQueueSize: 1 },
      onDrop: (signal) => again.push(cnk.signals.track(signal)),
    });
    await track(cnk, 3);
    await settle();
    const answers = await Promise.all(again);
    assert.deepEqual(answers.map(({ dropped }) => dropped), ["queue_full", "queue_full"]);
    const { tracked, dropped, pending } = cnk.stats;
    assert.deepEqual([tracked, dropped, pending], [5, 4, 1]);
    await cnk.close();
    assertAddsUp(cnk);
  });

  test("a full queue takes no more, and says which", async () => {
    const double = clockNextDouble();
    const { cnk, told } = watched(double, { batch: { maxQueueSize: 10, maxSize: 100 } });
    const answers = await track(cnk, 13);
    assert.equal(answers.filter(({ queued }) => queued).length, 10);
    assert.deepEqual(answers[12], { queued: false, idempotencyKey: "k12", dropped: "queue_full" });
    assert.deepEqual(told.drops, [
      ["k10", "queue_full"],
      ["k11", "queue_full"],
      ["k12", "queue_full"],
    ]);
    await cnk.flush();
    assertOnce(double, 10);
    const { tracked, delivered, dropped, pending } = cnk.stats;
    assert.deepEqual([tracked, delivered, dropped, pending], [13, 10, 3, 0]);
  });

  test("a loss that nobody listens for is said, ever more seldom", async (t) => {
    const said = t.mock.method(console, "error", () => {});
    const cnk = new ClockNext({
      apiKey: KEY,
      fetcher: clockNextDouble(),
      batch: { maxQueueSize: 1 },
    });
    await track(cnk, 101);
    const lines = said.mock.calls.map(({ arguments: [line] }) => line);
    assert.equal(lines.length, 7);
    assert.match(lines[6], /queue_full\); 64 so far/);
    await cnk.close();
  });

  test("hooks that throw change nothing", async () => {
    const double = clockNextDouble();
    const fail = () => {
      throw new Error("mine");
    };
    const hooks = { onError: fail, onFlush: async () => fail(), onRetry: fail, onDrop: fail };
    const { cnk } = watched(double, { ...hooks, retry: { baseDelayMs: 0 } });
    double.meets.push([500, "oops"]);
    await track(cnk, 2);
    await cnk.signals.wallet({ customerId: "refuse", model: "m" });
    const { delivered, rejected } = await cnk.flush();
    assert.deepEqual([delivered, rejected.length], [2, 1]);
  });
});
