// A metered call that is broken off by a signal: what it used until then is taken, once, and its source ends.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { withCredits } from "../../../pkg/js/index.js";
import { PRICE, setUp, settledOf, streamed } from "../streams/world.mjs";
import { rejection } from "./scripted.mjs";

const text = (count) => {
  const chunk = { choices: [{ delta: { content: "four".repeat(count) } }] };
  return new TextEncoder().encode(`data: ${JSON.stringify(chunk)}\n\n`);
};
const turn = () => new Promise((done) => setTimeout(done, 5));

describe("a signal", () => {
  test("ends the stream between two parts: what was passed on is taken", async () => {
    const world = setUp();
    const [caller, cancelled] = [new AbortController(), {}];
    const parts = streamed([text(7), text(8)], { cancelled });
    const response = await world.meter(parts, { signal: caller.signal });
    const reader = response.body.getReader();
    await reader.read();
    caller.abort("hung up");
    assert.equal(await rejection(reader.read()), "hung up");
    assert.deepEqual(cancelled, { reason: "hung up", at: 1 }, "so the provider is told");
    assert.deepEqual(await settledOf(world).then(({ reason, used }) => [reason, used]), ["cancelled", 17]);
    assert.equal(world.books.taken, 17);
  });

  test("ends one that nobody has read, or reads any more", async () => {
    for (const reads of [0, 1]) {
      const world = setUp();
      const [caller, cancelled] = [new AbortController(), {}];
      const response = await world.meter(streamed([text(7)], { cancelled }), { signal: caller.signal });
      if (reads > 0) await response.body.getReader().read();
      caller.abort();
      await turn();
      assert.equal(cancelled.reason.name, "AbortError");
      assert.equal((await settledOf(world)).captured, reads > 0 ? 17 : 11);
      assert.deepEqual(world.books.open, []);
    }
  });

  test("ends the wait for a provider's next part", async () => {
    const world = setUp();
    const caller = new AbortController();
    const never = new ReadableStream({ start: (controller) => controller.enqueue(text(7)) });
    const headers = { "content-type": "text/event-stream" };
    const response = await world.meter(new Response(never, { headers }), { signal: caller.signal });
    const reader = response.body.getReader();
    await reader.read();
    const next = rejection(reader.read());
    await turn();
    caller.abort("hung up");
    assert.equal(await next, "hung up");
    assert.equal((await settledOf(world)).used, 17);
  });

  test("ends the wait for an answer, which is dismissed when it comes: its input is taken", async () => {
    const world = setUp();
    const [caller, cancelled] = [new AbortController(), {}];
    let answer;
    const source = () => new Promise((resolve) => (answer = resolve));
    const failed = rejection(world.meter(source, { signal: caller.signal }));
    await turn();
    caller.abort("hung up");
    assert.equal(await failed, "hung up");
    answer(streamed([text(7)], { cancelled }));
    await turn();
    assert.equal(cancelled.reason, "hung up");
    assert.deepEqual(await settledOf(world).then(({ reason, used }) => [reason, used]), ["cancelled", 11]);
  });

  test("before the call is made nothing is called, nor taken", async () => {
    const world = setUp();
    const caller = new AbortController();
    world.books.gates.holds = turn().then(() => caller.abort("hung up"));
    let called = 0;
    const failed = rejection(world.meter(() => (called += 1), { signal: caller.signal }));
    assert.equal(await failed, "hung up");
    await world.ce.flush();
    assert.deepEqual([called, world.books.taken, world.books.open.length], [0, 0, 0]);
  });

  test("behind the end it changes nothing, and nobody listens to it", async () => {
    const world = setUp();
    const caller = new AbortController();
    const { signal } = caller;
    let listeners = 0;
    const { addEventListener: add, removeEventListener: remove } = signal;
    signal.addEventListener = (...given) => ((listeners += 1), add.apply(signal, given));
    signal.removeEventListener = (...given) => ((listeners -= 1), remove.apply(signal, given));
    await (await world.meter(() => Promise.resolve(streamed([text(7)])), { signal })).text();
    assert.equal(listeners, 0);
    caller.abort();
    assert.equal((await settledOf(world)).reason, "finished");
  });

  test("ends a meter that is fed by hand", async () => {
    for (const begins of [true, false]) {
      const world = setUp();
      const caller = new AbortController();
      const { signal } = caller;
      const meter = await world.ce.meter({ customerId: "c", price: PRICE, hold: 1000, signal });
      if (begins) await meter.begin();
      caller.abort();
      await turn();
      assert.deepEqual([world.books.taken, world.books.open.length], [begins ? 1 : 0, 0]);
    }
  });

  test("is no other thing", async () => {
    const world = setUp();
    const error = await rejection(world.meter(() => {}, { signal: "hung up" }));
    assert.deepEqual([error.details.param, world.books.calls.length], ["signal", 0]);
  });
});

describe("withCredits", () => {
  const paid = (world, handler) =>
    withCredits(handler, {
      client: world.ce,
      customer: () => "c",
      consume: "metered",
      meter: { price: PRICE, hold: 1000, inputTokens: 10 },
    });

  test("uses the request's own", async () => {
    const world = setUp();
    const [caller, cancelled] = [new AbortController(), {}];
    const handler = paid(world, () => streamed([text(7), text(8)], { cancelled }));
    const request = new Request("https://app.example/", { signal: caller.signal });
    const response = await handler(request);
    await response.body.getReader().read();
    caller.abort();
    await turn();
    assert.equal(cancelled.at, 1);
    assert.deepEqual([world.books.taken, world.books.open.length], [17, 0]);
  });

  test("which may be aborted before the handler has answered", async () => {
    const world = setUp();
    const [caller, cancelled] = [new AbortController(), {}];
    const handler = paid(world, async () => {
      caller.abort();
      return streamed([text(7)], { cancelled });
    });
    const request = new Request("https://app.example/", { signal: caller.signal });
    const { body } = await handler(request);
    await rejection(body.getReader().read());
    assert.equal(cancelled.at, 0);
    assert.deepEqual([world.books.taken, world.books.open.length], [11, 0]);
  });
});
