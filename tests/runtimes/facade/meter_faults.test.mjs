// What metering cannot be made to do, by what a provider answers, a user writes or a caller passes.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { PRESUMED_INPUT, fixture } from "../streams/fixtures.mjs";
import { PRICE, setUp, settledOf, streamed } from "../streams/world.mjs";
import { rejection } from "./scripted.mjs";

describe("what it cannot be made to do", () => {
  const paidFor = async (text, type, rest) => {
    const world = setUp(rest);
    await (await world.meter(streamed([new TextEncoder().encode(text)], {}, type))).text();
    return settledOf(world);
  };

  test("text names no price of its own", async () => {
    for (const text of ['{"prompt_tokens":0,"completion_tokens":0} abcd', "data: twelve", "error: no"]) {
      const { used } = await paidFor(text, "text/plain");
      assert.equal(used, PRESUMED_INPUT + Math.ceil(text.length / 4), text);
    }
  });

  test("an answer of an unknown shape is charged for its text, not for its files", async () => {
    const object = { verdict: "four four four", picture: "A".repeat(100_000) };
    assert.equal((await paidFor(JSON.stringify(object), "application/json")).used, PRESUMED_INPUT + 4);
    const workersAi = { result: { response: "hi", usage: { prompt_tokens: 3, completion_tokens: 2 } } };
    assert.equal((await paidFor(JSON.stringify(workersAi), "application/json")).used, 5);
    assert.equal((await paidFor('{"answer":"is cut', "application/json")).used, PRESUMED_INPUT + 5);
    assert.equal((await paidFor("\u0000".repeat(1000), "application/octet-stream")).used, 11);
  });

  test("sound is not text", async () => {
    const event = { type: "response.audio.delta", delta: "A".repeat(4000) };
    const said = { type: "response.audio_transcript.delta", delta: "four four" };
    const text = [event, said].map((one) => `data: ${JSON.stringify(one)}\n\n`).join("");
    assert.equal((await paidFor(text, "text/event-stream")).used, PRESUMED_INPUT + 3);
  });

  test("reasoning under two names is counted once, and a cache without input stays beside it", async () => {
    const delta = { reasoning: "four", reasoning_content: "four" };
    const twice = `data: ${JSON.stringify({ choices: [{ delta }] })}\n\n`;
    assert.equal((await paidFor(twice, "text/event-stream")).tokens.reasoning, 1);
    const start = { message: { usage: { input_tokens: 25, cache_read_input_tokens: 100, output_tokens: 1 } } };
    const end = { usage: { cache_read_input_tokens: 100, output_tokens: 9 } };
    const text = [start, end].map((one) => `data: ${JSON.stringify(one)}\n\n`).join("");
    assert.equal((await paidFor(text, "text/event-stream")).used, 134);
  });

  test("what a user writes is no file", async () => {
    const world = setUp({ options: { hold: undefined, inputTokens: undefined, maxOutputTokens: 1 } });
    const request = { messages: [{ content: `data: ${"x".repeat(4000)}` }] };
    await (await world.meter(streamed([]), { request })).text();
    assert.ok(world.books.calls[0][1].amount > 1000);
  });

  test("a promise of a response that fails while the credits are held is nobody's crash", async () => {
    const world = setUp();
    const error = new Error("no route");
    world.books.gates.holds = new Promise((done) => setTimeout(done, 20));
    assert.equal(await rejection(world.meter(Promise.reject(error))), error);
    await world.ce.flush();
    assert.equal(world.books.open.length, 0);
  });

  test("a body that somebody reads already is not held for", async () => {
    const world = setUp();
    const response = streamed([new Uint8Array(1)]);
    response.body.getReader();
    assert.ok((await rejection(world.meter(response))) instanceof TypeError);
    await world.ce.flush();
    assert.equal(world.books.open.length, 0);
  });

  test("onSettled may be async and fail: onError is told", async () => {
    const told = [];
    const world = setUp({ config: { onError: (error) => told.push(error) } });
    const onSettled = async () => { throw new Error("db"); };
    await (await world.meter(streamed([]), { onSettled })).text();
    await world.ce.flush();
    assert.deepEqual(told.map(({ code, cause }) => [code, cause.message]), [["option_failed", "db"]]);
  });

  test("flush does not wait for a stream that is open, and destroy leaves it its end", async () => {
    const { bytes } = await fixture("openai-chat-usage.sse");
    const world = setUp();
    const response = await world.meter(streamed([bytes]));
    assert.equal((await world.ce.flush()).pending, 0);
    await world.ce.destroy();
    await response.text();
    await new Promise((done) => setTimeout(done, 5));
    assert.equal(world.books.taken, 1336);
  });

  test("two meters of one label are not one hold", async () => {
    const world = setUp();
    const own = world.ce.forRequest(new Request("https://app.example/"));
    const options = { customerId: "c", price: PRICE, hold: 100, label: "chat" };
    const one = await own.meter(options);
    assert.equal((await rejection(own.meter(options))).code, "duplicate_request");
    await one.settle();
  });

  test("metadata that leaves no room for the tokens stays as it is", async () => {
    const metadata = { note: "x".repeat(8150), tokens: "mine" };
    const world = setUp();
    await (await world.meter(streamed([]), { metadata })).text();
    await world.ce.flush();
    const [, sent] = world.books.calls.find(([what]) => what === "capture");
    assert.deepEqual(sent.metadata, metadata);
  });

  test("names that there are not are refused", async () => {
    const world = setUp();
    for (const [options, param] of [
      [{ price: { ...PRICE, cached: 1 } }, "price.cached"],
      [{ hold: { max: 5 } }, "hold.max"],
    ]) {
      assert.equal((await rejection(world.meter(() => {}, options))).details.param, param);
    }
  });
});
