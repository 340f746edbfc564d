// The buffer of the ClockNext face: how it is drained, and whose promise it is that waits.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { clockNextDouble } from "../clocknext/double.mjs";
import { assertAddsUp, assertOnce, settle, track, wallet, watched } from "./clocknext_world.mjs";
import { inVirtualTime, never, rejection } from "./scripted.mjs";

describe("flush and close", () => {
  test("a flush settles what was tracked before it, whatever comes after", async () => {
    const double = clockNextDouble();
    const { cnk } = watched(double);
    let over = false;
    await track(cnk, 5);
    const more = (async () => {
      for (let index = 5; !over; index += 1) {
        await cnk.signals.wallet(wallet(index));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    await cnk.flush();
    for (let index = 0; index < 5; index += 1) assert.ok(double.signals.has(`k${index}`));
    over = true;
    await more;
    await cnk.close();
    assertAddsUp(cnk);
    assert.equal(cnk.stats.pending, 0);
  });

  test("flushes at the same time wait for the same signals, and send none twice", async () => {
    const double = clockNextDouble();
    const { cnk } = watched(double);
    await track(cnk, 8);
    const results = await Promise.all([cnk.flush(), cnk.flush(), cnk.flush()]);
    for (const { delivered, pending } of results) assert.deepEqual([delivered, pending], [8, 0]);
    assertOnce(double, 8);
    assert.deepEqual((await cnk.flush()).delivered, 0);
  });

  test("what was refused behind is told by the next flush", async (t) => {
    const double = clockNextDouble();
    const { cnk } = watched(double, { batch: { maxIntervalMs: 0 } });
    await cnk.signals.wallet({ customerId: "refuse", model: "m" });
    while (cnk.stats.pending > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal((await cnk.flush()).rejected.length, 1);
    assert.equal((await cnk.flush()).rejected.length, 0);
  });

  test("close drains and takes no more; so does await using", async () => {
    const double = clockNextDouble();
    const { cnk } = watched(double);
    await track(cnk, 2);
    assert.equal((await cnk.close()).delivered, 2);
    const error = await rejection(cnk.signals.wallet(wallet(9)));
    assert.deepEqual([error.code, error.effect], ["client_closed", "not_applied"]);
    assert.equal((await rejection(cnk.customers.list())).code, "client_closed");
    assert.equal(
      (await rejection(cnk.withContext(() => {}).signals.wallet(wallet(9)))).code,
      "client_closed",
    );
    const { cnk: other } = watched(double);
    await other.signals.wallet(wallet(10));
    await other[Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]();
    assertOnce(double, 3);
    assert.equal(cnk.stats.tracked, 2);
  });

  test("a drained client keeps no process awake", async (t) => {
    const double = clockNextDouble();
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const started = t.mock.method(globalThis, "setTimeout");
    const cleared = t.mock.method(globalThis, "clearTimeout");
    const { cnk } = watched(double);
    await track(cnk, 7);
    await cnk.close();
    const ended = cleared.mock.calls.filter(({ arguments: [timer] }) => timer !== undefined);
    assert.equal(ended.length, started.mock.callCount());
  });
});

describe("behind a response", () => {
  /** A request's context, and what was registered with it. */
  const context = () => {
    const promises = [];
    return { promises, waitUntil: (promise) => promises.push(promise) };
  };

  test("the first signal registers one promise, which never rejects and sends all", async () => {
    const double = clockNextDouble({ ours: true });
    const ctx = context();
    const { cnk } = watched(double, { waitUntil: ctx, batch: { maxIntervalMs: 50 } });
    for (let index = 0; index < 50; index += 1) await cnk.signals.wallet(wallet(index));
    assert.equal(ctx.promises.length, 1);
    await ctx.promises[0];
    assertOnce(double, 50);
    assert.ok(double.requests.length <= 4, `${double.requests.length} requests`);
  });

  test("requests that share a client have promises of their own", async () => {
    const double = clockNextDouble();
    const { cnk, told } = watched(double, { waitUntil: () => assert.fail("the parent's") });
    const contexts = [context(), context(), context()];
    const requests = contexts.map(async (ctx, index) => {
      const mine = cnk.withContext(ctx);
      await track(mine, 4, index * 4);
      return mine.flush();
    });
    for (const { delivered } of await Promise.all(requests)) assert.equal(delivered, 4);
    assert.deepEqual(
      contexts.map(({ promises }) => promises.length),
      [1, 1, 1],
    );
    assertOnce(double, 12);
    assert.deepEqual(told.flushes, [4, 4, 4]);
    assert.equal(cnk.stats.delivered, 12);
  });

  test("the host's own context is found, and tells requests apart", async () => {
    const double = clockNextDouble();
    const { cnk } = watched(double);
    const name = Symbol.for("@vercel/request-context");
    let current;
    globalThis[name] = { get: () => current };
    try {
      const contexts = [context(), context()];
      for (let index = 0; index < 6; index += 1) {
        current = contexts[index % 2];
        await cnk.signals.wallet(wallet(index));
      }
      assert.deepEqual(
        contexts.map(({ promises }) => promises.length),
        [1, 1],
      );
      // Each of its own, and nothing of the other's.
      for (current of contexts) assert.equal((await cnk.flush()).delivered, 3);
      assert.equal((await cnk.flush()).delivered, 0);
      assertOnce(double, 6);
    } finally {
      delete globalThis[name];
    }
  });

  test("after 25 s what is left is told as lost, waiting or under way", async (t) => {
    const double = clockNextDouble();
    const ctx = context();
    const { cnk, told } = watched({ fetch: never }, { waitUntil: ctx, timeoutMs: 600_000 });
    const began = 1_800_000_000_000;
    await inVirtualTime(t, async () => {
      await track(cnk, 30);
      await ctx.promises[0];
    });
    assert.ok(Date.now() - began <= 25_200, `${Date.now() - began} ms`);
    assert.equal(told.drops.length, 30);
    assert.deepEqual(new Set(told.drops.map(([, reason]) => reason)), new Set(["deadline"]));
    // Only one was ever sent: nobody knows whether it arrived.
    assert.deepEqual(
      told.errors.map(([{ code, effect }]) => [code, effect]),
      [["deadline", "unknown"]],
    );
    assert.deepEqual((await cnk.flush()).dropped, 30);
    assertAddsUp(cnk);
    assert.equal(cnk.stats.dropped, 30);
    assert.equal(double.requests.length, 0);
  });

  test("a request that goes on tracking is given its time anew", async (t) => {
    const double = clockNextDouble();
    const ctx = context();
    // Something is always under way.
    const slow = {
      fetch: async (url, init) => {
        await new Promise((resolve) => setTimeout(resolve, 4_000));
        return double.fetch(url, init);
      },
    };
    const { cnk, told } = watched(slow, { waitUntil: ctx });
    await inVirtualTime(t, async () => {
      for (let index = 0; index < 40; index += 1) {
        await cnk.signals.wallet(wallet(index));
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
      await cnk.flush();
    });
    assert.deepEqual([told.drops, ctx.promises.length], [[], 1]);
    assertOnce(double, 40);
  });

  test("what a request had in hand that the host has killed is given up by whoever comes next", async (t) => {
    const double = clockNextDouble();
    let answers = false;
    const fetcher = { fetch: (...call) => (answers ? double.fetch(...call) : never()) };
    for (const how of ["add", "flush", "stats"]) {
      const batch = { maxIntervalMs: 0, maxQueueSize: 4, maxConcurrency: 1 };
      const { cnk, told } = watched(fetcher, { batch });
      // Nothing of it goes on, not even its timers.
      const timers = t.mock.method(globalThis, "setTimeout", () => 0);
      await track(cnk.withContext(context()), 5);
      await settle();
      timers.mock.restore();
      const { waiting, sending, dropped } = cnk.stats;
      assert.deepEqual([waiting, sending, dropped], [3, 1, 1]);
      const clock = t.mock.method(Date, "now", () => performance.timeOrigin + 40_000_000);
      const began = Date.now();
      clock.mock.mockImplementation(() => began + 30_001);
      answers = true;
      const other = cnk.withContext(context());
      if (how === "add") await track(other, 4, 10);
      if (how === "flush") assert.equal((await other.flush()).pending, 0);
      if (how === "stats") assert.equal(cnk.stats.pending, 0);
      await settle();
      const lost = ["k0", "k1", "k2", "k3"].map((key) => [key, "abandoned"]);
      assert.deepEqual(told.drops.slice(1).sort(), lost, how);
      assertAddsUp(cnk);
      clock.mock.restore();
      if (how === "add") assert.equal((await other.flush()).delivered, 4);
      assert.equal(cnk.stats.dropped, 5);
      answers = false;
    }
  });

  test("so is what somebody waited for who is no more, and it is counted", async (t) => {
    const { cnk, told } = watched({ fetch: never });
    const timers = t.mock.method(globalThis, "setTimeout", () => 0);
    void cnk.withContext(context()).signals.wallet(wallet(0), { wait: true });
    await settle();
    timers.mock.restore();
    const { now } = Date;
    // Five attempts of 10 s, and as many pauses of up to a minute, may take as long.
    t.mock.method(Date, "now", () => now() + 350_000);
    assert.equal(cnk.stats.pending, 1);
    Date.now.mock.mockImplementation(() => now() + 355_500);
    assert.deepEqual([cnk.stats.pending, cnk.stats.dropped], [0, 1]);
    await settle();
    assert.deepEqual(told.drops, [["k0", "abandoned"]]);
    assertAddsUp(cnk);
  });

  test("where no request can be killed, who waits is waited for, however the clock jumps", async (t) => {
    const double = clockNextDouble();
    let open;
    const opened = new Promise((resolve) => (open = resolve));
    const { cnk, told } = watched({ fetch: (...call) => opened.then(() => double.fetch(...call)) });
    const waited = cnk.signals.wallet(wallet(0), { wait: true });
    await settle();
    const { now } = Date;
    t.mock.method(Date, "now", () => now() + 3_600_000);
    assert.deepEqual([cnk.stats.pending, cnk.stats.dropped], [1, 0]);
    open();
    assert.equal((await waited).usageLog.id, "log_1");
    assert.deepEqual([cnk.stats.delivered, cnk.stats.dropped, told.drops], [1, 0, []]);
  });

  test("a request that the host had only halted ends once, whatever it does then", async (t) => {
    const double = clockNextDouble();
    let open;
    const opened = new Promise((resolve) => (open = resolve));
    const fetcher = { fetch: (...call) => opened.then(() => double.fetch(...call)) };
    const { cnk, told } = watched(fetcher, { batch: { maxIntervalMs: 0 } });
    const mine = cnk.withContext(context());
    await track(mine, 2);
    await settle();
    const { now } = Date;
    t.mock.method(Date, "now", () => now() + 31_000);
    assert.deepEqual([cnk.stats.dropped, cnk.stats.pending], [2, 0]);
    t.mock.restoreAll();
    open();
    await settle();
    await track(mine, 2, 2);
    assert.equal((await mine.flush()).delivered, 2);
    assert.equal(told.drops.length, 2);
    assertAddsUp(cnk);
    const { tracked, delivered, dropped, pending } = cnk.stats;
    assert.deepEqual([tracked, delivered, dropped, pending], [4, 2, 2, 0]);
  });

  test("a waitUntil that throws is none", async () => {
    const double = clockNextDouble();
    const waitUntil = () => {
      throw new Error("module scope");
    };
    const { cnk } = watched(double, { waitUntil });
    await track(cnk, 2);
    assert.equal((await cnk.flush()).delivered, 2);
  });
});
