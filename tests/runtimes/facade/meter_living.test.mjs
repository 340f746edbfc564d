// A metered call while it lives, where time passes, answers are lost and callers hang up: nothing that was
// used is free, nothing that was not is charged, and nobody is stopped.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { credits } from "../../../pkg/js/ai-sdk.js";
import { withCredits } from "../../../pkg/js/index.js";
import { PRICE, setUp, settledOf, streamed } from "../streams/world.mjs";
import { rejection } from "./scripted.mjs";

const text = (count) => {
  const chunk = { choices: [{ delta: { content: "four".repeat(count) } }] };
  return new TextEncoder().encode(`data: ${JSON.stringify(chunk)}\n\n`);
};
const pause = (ms = 5) => new Promise((done) => setTimeout(done, ms));
/** Long enough for everything that waits for no timer. */
const turn = async () => {
  for (let turns = 0; turns < 20; turns += 1) await new Promise((done) => setImmediate(done));
};
const told = (world) => world.books.calls.filter(([what]) => what === "progress").map(([, { used }]) => used);

describe("time", () => {
  test("of a caller's hold that is over stops nobody", async () => {
    const world = setUp();
    const hold = await world.ce.hold("c", 5000);
    hold.expiresAt = new Date(Date.now() - 50);
    world.books.refusals.extend = Array.from({ length: 100 }, () => new TypeError("away"));
    const meter = await world.ce.meter({ customerId: "c", price: PRICE, hold });
    let calls = 0;
    const extend = hold.extend.bind(hold);
    hold.extend = (ttlMs) => {
      calls += 1;
      if (calls > 100) throw new Error("it spins");
      assert.ok(ttlMs >= 60_000, "it gets time of its own");
      return extend(ttlMs);
    };
    meter.begin();
    meter.add({ input: 40, output: 2 });
    await pause(20);
    assert.equal(calls, 1);
    assert.equal((await meter.settle()).used, 42);
  });

  test("passes while a provider is silent: its hold is extended, and that of an unread answer is not", async (t) => {
    for (const isRead of [true, false]) {
      const world = setUp({ options: { hold: { amount: 100, ttlMs: 60_000 } } });
      const never = new ReadableStream({ start: (controller) => controller.enqueue(text(7)) });
      t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.now() });
      const headers = { "content-type": "text/event-stream" };
      const reader = (await world.meter(() => new Response(never, { headers }))).body.getReader();
      await reader.read();
      if (isRead) reader.read();
      for (let seconds = 0; seconds < 70; seconds += 1) {
        t.mock.timers.tick(1000);
        await turn();
      }
      assert.equal(world.books.count("extend"), isRead ? 2 : 0);
      await reader.cancel();
      t.mock.timers.reset();
    }
  });
});

describe("a pause", () => {
  test("that falls into a report on its way is minded behind it", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const world = setUp();
    const reader = (await world.meter(streamed([text(600), text(10), text(1)]))).body.getReader();
    await turn();
    let answer;
    world.books.gates.progress = new Promise((resolve) => (answer = resolve));
    await reader.read();
    await reader.read();
    for (let seconds = 0; seconds < 3; seconds += 1) {
      await turn();
      t.mock.timers.tick(1000);
    }
    assert.deepEqual(told(world), [11, 610]);
    answer();
    await turn();
    assert.deepEqual(told(world), [11, 610, 620]);
  });

  test("follows a first report that was lost: nothing is free", async (t) => {
    const world = setUp({ config: { maxRetries: 0, onError() {} } });
    world.books.refusals.progress = [new TypeError("away")];
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const meter = await world.ce.meter({ customerId: "c", price: PRICE, hold: 100, inputTokens: 10 });
    meter.begin();
    for (let seconds = 0; seconds < 3; seconds += 1) {
      await turn();
      t.mock.timers.tick(1000);
    }
    await turn();
    world.books.expire();
    assert.deepEqual([told(world), world.books.taken], [[11, 11], 11]);
  });
});

test("what came together is charged as far as it was read, where the credits end", async () => {
  const events = Buffer.concat(Array.from({ length: 30 }, () => text(50)));
  const options = { hold: 600, inputTokens: 10, onExhausted: "stop", progressEvery: 50 };
  const world = setUp({ balance: 1000, options });
  const reader = (await world.meter(streamed([new Uint8Array(events)]))).body.getReader();
  let bytes = 0;
  const error = await rejection((async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      bytes += value.length;
      await pause();
    }
  })());
  assert.equal(error.name, "InsufficientCreditsError");
  const { used } = await settledOf(world);
  assert.equal(used, 10 + (bytes / text(50).length) * 50, "each event that was charged has been read");
});

test("parts of a Buffer are copies", async () => {
  const world = setUp({ options: { progressEvery: 100 } });
  const events = Buffer.concat(Array.from({ length: 20 }, () => text(20)));
  const own = Buffer.from(events);
  const reader = (await world.meter(streamed([own]))).body.getReader();
  const parts = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(Buffer.from(value));
    if (value.buffer !== own.buffer) structuredClone(value, { transfer: [value.buffer] });
  }
  assert.deepEqual(Buffer.concat(parts), events);
  assert.equal((await settledOf(world)).used, 410);
});

describe("who hangs up", () => {
  const paid = (world, handler, rest) =>
    withCredits(handler, {
      client: world.ce,
      customer: () => "c",
      consume: "metered",
      meter: { price: PRICE, hold: 1000, inputTokens: 10, ...rest },
    });
  const called = async (handler, world, rest) => {
    const caller = new AbortController();
    const request = new Request("https://app.example/", { signal: caller.signal });
    const answered = Promise.resolve(paid(world, handler, rest)(request)).catch((error) => error);
    await pause();
    caller.abort();
    const answer = await answered;
    await world.ce.flush();
    return answer;
  };
  /** As `fetch` with a signal. */
  const silent = ({ signal }) =>
    new Promise((_, fail) => signal.addEventListener("abort", () => fail(signal.reason)));

  test("before a handler has its answer pays what was begun", async () => {
    const world = setUp();
    assert.equal((await called(silent, world)).name, "AbortError");
    assert.deepEqual([world.books.taken, world.books.open.length], [11, 0]);
  });

  test("likewise where the handler makes an answer of it", async () => {
    const world = setUp();
    const caught = (request) => silent(request).catch(() => new Response("gone", { status: 499 }));
    assert.equal((await called(caught, world)).status, 499);
    assert.deepEqual([world.books.taken, world.books.open.length], [11, 0]);
  });

  test("is not minded where the signal is null: the answer comes whole", async () => {
    const world = setUp();
    const late = () => pause(20).then(() => streamed([text(7), text(8)]));
    await (await called(late, world, { signal: null })).text();
    await world.ce.flush();
    assert.equal(world.books.taken, 25);
  });

  test("before a model is called is charged nothing", async () => {
    const world = setUp();
    const caller = new AbortController();
    world.books.gates.holds = pause().then(() => caller.abort("stop"));
    let calls = 0;
    const middleware = credits({ client: world.ce, customer: "c", hold: 100, price: PRICE });
    const call = { params: { prompt: [], abortSignal: caller.signal }, doStream: () => (calls += 1) };
    assert.equal(await rejection(middleware.wrapStream(call)), "stop");
    await world.ce.flush();
    assert.deepEqual([calls, world.books.taken, world.books.open.length], [0, 0, 0]);
  });

  test("of a call that was made before its hold pays for it", async () => {
    const world = setUp();
    const caller = new AbortController();
    world.books.gates.holds = pause().then(() => caller.abort("stop"));
    const made = new Promise(() => {});
    assert.equal(await rejection(world.meter(made, { signal: caller.signal })), "stop");
    assert.equal((await settledOf(world)).captured, 11);
  });

  test("of a meter that was fed pays, whether it began or not", async () => {
    const world = setUp();
    const caller = new AbortController();
    const { signal } = caller;
    const meter = await world.ce.meter({ customerId: "c", price: PRICE, hold: 1000, signal });
    meter.add({ input: 40, output: 2 });
    caller.abort();
    await pause();
    assert.deepEqual([world.books.taken, world.books.open.length], [42, 0]);
  });
});
