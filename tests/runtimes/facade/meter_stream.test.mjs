// Responses that are metered while they are passed on: every provider's shape, cut anywhere, by anyone.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { PRESUMED_INPUT, errorFirst, fixture, fixtures, pieces } from "../streams/fixtures.mjs";
import { body, setUp, settledOf, streamed, sum } from "../streams/world.mjs";
import { rejection } from "./scripted.mjs";

/** Chunkings: all at once, byte by byte, and sizes that meet neither lines nor characters. */
const CHUNKINGS = { whole: [1e9], bytes: [1], odd: [7, 1, 13, 2, 64, 3] };

describe("every provider's answer, cut into chunks anywhere", async () => {
  for (const { name, type, bytes, tokens, estimated } of await fixtures()) {
    for (const [chunking, sizes] of Object.entries(CHUNKINGS)) {
      test(`${name}, ${chunking}`, async () => {
        const world = setUp();
        const headers = { "content-type": type, "x-request-id": "r", "set-cookie": "a=b" };
        const init = { status: 201, statusText: "Made", headers };
        const source = () => new Response(body(pieces(bytes, sizes)), init);
        const response = await world.meter(source);
        assert.deepEqual([response.status, response.statusText], [201, "Made"]);
        assert.deepEqual(Object.fromEntries(response.headers), headers);
        assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes, "byte for byte");
        const settlement = await settledOf(world);
        assert.deepEqual(settlement.tokens, tokens);
        assert.equal(settlement.estimated, estimated);
        assert.equal(settlement.used, sum(tokens));
        assert.deepEqual([settlement.reason, settlement.captured], ["finished", sum(tokens)]);
        assert.equal(world.books.taken, sum(tokens));
        assert.deepEqual(world.books.open, []);
      });
    }
  }
});

test("prices are for a million tokens of each kind, and rounded once", async () => {
  const { bytes } = await fixture("anthropic.sse");
  const price = { input: "3", output: 15, cacheRead: 0.3, cacheWrite: "3.75" };
  const world = setUp({ options: { price, hold: 1 } });
  await (await world.meter(streamed([bytes]))).text();
  // 25 × 3 + 2000 × 0.3 + 300 × 3.75 + 89 × 15 micro-credits.
  assert.equal((await settledOf(world)).captured, 0.003135);
  const [, { metadata }] = world.books.calls.find(([what]) => what === "capture");
  const tokens = { input: 25, cacheRead: 2000, cacheWrite: 300, output: 89, reasoning: 0 };
  assert.deepEqual(metadata, { tokens, estimated: false });
});

describe("a stream that is cut at every chunk", async () => {
  const { bytes } = await fixture("anthropic.sse");
  const chunks = pieces(bytes, [97]);
  /** What has been used by the first `count` chunks, as an uncut stream of just them tells it. */
  const truth = async (count) => {
    const world = setUp();
    await (await world.meter(streamed(chunks.slice(0, count)))).text();
    return (await settledOf(world)).used;
  };

  for (let count = 0; count <= chunks.length; count += 1) {
    test(`${count} of ${chunks.length} chunks, then the reader cancels`, async () => {
      const world = setUp();
      const cancelled = {};
      const response = await world.meter(streamed(chunks, { cancelled }));
      const reader = response.body.getReader();
      for (let read = 0; read < count; read += 1) await reader.read();
      await reader.cancel("enough");
      assert.deepEqual(cancelled, { reason: "enough", at: count }, "so the provider is told");
      const { reason, used } = await settledOf(world);
      assert.equal(reason, "cancelled");
      assert.equal(used, await truth(count));
      assert.ok(used > 0 && used < 10_000);
      assert.equal(world.books.taken, used);
    });

    test(`${count} of ${chunks.length} chunks, then the provider breaks off`, async () => {
      const world = setUp();
      const response = await world.meter(streamed(chunks, { cut: count }));
      const reader = response.body.getReader();
      for (let read = 0; read < count; read += 1) assert.equal((await reader.read()).value, chunks[read]);
      assert.equal((await rejection(reader.read())).message, "the connection broke");
      const { reason, used } = await settledOf(world);
      assert.deepEqual([reason, used], ["failed", await truth(count)]);
      assert.equal(world.books.taken, used);
    });

    test(`${count} of ${chunks.length} chunks, and nothing more: a process that died`, async () => {
      const world = setUp({ options: { progressEvery: 100 } });
      const response = await world.meter(streamed(chunks));
      const reader = response.body.getReader();
      for (let read = 0; read < count; read += 1) {
        await reader.read();
        await new Promise((done) => setImmediate(done));
      }
      await new Promise((done) => setTimeout(done, 5));
      world.books.expire();
      const used = await truth(count);
      assert.ok(world.books.taken > 0);
      assert.ok(Math.abs(world.books.taken - used) <= 100, `${world.books.taken} of ${used}`);
    });
  }
});

describe("the hold comes first", () => {
  test("without credits nothing is called", async () => {
    const world = setUp({ balance: 5 });
    let called = 0;
    const error = await rejection(world.meter(() => (called += 1)));
    assert.equal(error.name, "InsufficientCreditsError");
    assert.deepEqual([error.requested, called], [10_000, 0]);
  });

  test("and a response that is there is dismissed", async () => {
    const cancelled = {};
    const world = setUp({ balance: 5 });
    await rejection(world.meter(streamed([new Uint8Array(1)], { cancelled })));
    await new Promise((done) => setImmediate(done));
    assert.equal(cancelled.reason.name, "InsufficientCreditsError");
  });

  test("a call that fails is not charged", async () => {
    const world = setUp();
    const error = new Error("no route");
    assert.equal(await rejection(world.meter(() => Promise.reject(error))), error);
    await world.ce.flush();
    assert.deepEqual([world.books.taken, world.books.open.length], [0, 0]);
  });

  test("nor is a refusal, which is passed on as it is", async () => {
    const world = setUp();
    const refusal = new Response('{"error":{"code":"rate_limit"}}', { status: 429 });
    const response = await world.meter(() => refusal);
    assert.equal(response, refusal);
    await world.ce.flush();
    assert.deepEqual([world.books.taken, world.books.open.length], [0, 0]);
  });

  test("nor is an answer without a body", async () => {
    const world = setUp();
    assert.equal((await world.meter(() => new Response(null, { status: 204 }))).status, 204);
    await world.ce.flush();
    assert.deepEqual([world.books.taken, world.books.open.length], [0, 0]);
  });

  test("nor is a stream whose first word is an error; one that broke later is", async () => {
    const first = setUp();
    await (await first.meter(streamed([await errorFirst()]))).text();
    await first.ce.flush();
    assert.deepEqual([first.books.taken, first.books.open.length], [0, 0]);
    const { bytes } = await fixture("openai-chat.sse");
    const later = setUp();
    await (await later.meter(streamed([bytes, await errorFirst()]))).text();
    assert.equal((await settledOf(later)).used, 23);
  });

  test("a hold that was placed before is used, and ended", async () => {
    const { bytes } = await fixture("openai-chat-usage.sse");
    const world = setUp();
    const hold = await world.ce.hold("c", 5000);
    await (await world.meter(streamed([bytes]), { hold })).text();
    await settledOf(world);
    assert.deepEqual([world.books.holds.size, world.books.taken], [1, 1336]);
  });
});

describe("how much is held", () => {
  const held = async (options, config) => {
    const world = setUp({ options: { hold: undefined, inputTokens: undefined, ...options }, config });
    await (await world.meter(streamed([]))).text();
    return world.books.calls[0][1].amount;
  };
  const request = { messages: [{ role: "user", content: "x".repeat(352) }], max_tokens: 500 };

  test("the worst case of the request", async () => {
    assert.equal(JSON.stringify(request).length, 412);
    assert.equal(await held({ request }), 103 + 500);
    assert.equal(await held({ request: JSON.stringify(request) }), 603);
    assert.equal(await held({ request: { ...request, n: 3 } }), 105 + 1500);
    assert.equal(await held({ request, inputTokens: 7, maxOutputTokens: 9 }), 16);
    const google = { contents: [], generationConfig: { maxOutputTokens: 64 } };
    assert.equal(await held({ request: google, inputTokens: 0 }), 64);
    assert.equal(await held({ inputTokens: 4 }), 4100, "4 096 are presumed");
  });

  test("files are not text", async () => {
    const url = `data:image/png;base64,${"A".repeat(1e6)}`;
    const picture = { messages: [{ content: [{ image_url: { url } }] }], max_tokens: 1 };
    assert.ok((await held({ request: picture })) < 20);
  });

  test("no more than a cap", async () => {
    assert.equal(await held({ request, hold: { cap: 50 } }), 50);
  });

  test("by what the customer's calls have cost", async () => {
    const { bytes } = await fixture("openai-chat-usage.sse");
    const world = setUp({ options: { hold: { policy: "learned" }, customerId: "learner" } });
    for (let calls = 0; calls < 4; calls += 1) {
      await (await world.meter(streamed([bytes]))).text();
      await world.ce.flush();
    }
    const amounts = world.books.calls.filter(([what]) => what === "holds").map(([, { amount }]) => amount);
    assert.deepEqual(amounts, [4106, 4106, 4106, 2004]);
  });
});

describe("while it runs", () => {
  const text = (count) => {
    const chunk = { choices: [{ delta: { content: "four".repeat(count) } }] };
    return new TextEncoder().encode(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  const turn = () => new Promise((done) => setTimeout(done, 2));

  test("one report at a time, and no chunk waits for it", async () => {
    const world = setUp({ options: { progressEvery: 10 } });
    const chunks = Array.from({ length: 50 }, () => text(10));
    const response = await world.meter(streamed(chunks));
    await turn();
    assert.deepEqual(world.books.calls.at(-1)[1].used, 11, "the input, and a token");
    let answer;
    world.books.gates.progress = new Promise((resolve) => (answer = resolve));
    const reader = response.body.getReader();
    for (let read = 0; read < 40; read += 1) await reader.read();
    assert.equal(world.books.count("progress"), 2, "one is on its way");
    answer();
    await turn();
    assert.equal(world.books.calls.at(-1)[1].used, 410, "the next one tells all");
    assert.equal(world.books.count("progress"), 3);
    while (!(await reader.read()).done);
    assert.equal((await settledOf(world)).used, 510);
  });

  test("the end does not wait for a report that hangs", async () => {
    const world = setUp();
    const response = await world.meter(streamed([text(2000), text(1)]));
    world.books.gates.progress = new Promise(() => {});
    await response.text();
    await turn();
    assert.equal(world.settled[0].used, 2011);
  });

  test("what is not asked for is not read", async () => {
    const world = setUp();
    const pulled = { count: 0 };
    const response = await world.meter(streamed([text(1), text(1), text(1)], { pulled }));
    await turn();
    assert.equal(pulled.count, 0);
    const reader = response.body.getReader();
    await reader.read();
    await turn();
    assert.equal(pulled.count, 1);
    await reader.cancel();
  });

  test("more than is held: as much again, each hold captured for its part", async () => {
    const world = setUp({ options: { hold: 100 } });
    const response = await world.meter(streamed([text(90), text(100), text(100)]));
    const reader = response.body.getReader();
    for (;;) {
      const { done } = await reader.read();
      await turn();
      if (done) break;
    }
    const settlement = await settledOf(world);
    assert.deepEqual([settlement.used, settlement.captured, settlement.consumed], [300, 300, 0]);
    const holds = [...world.books.holds.values()].map(({ amount, captured }) => [amount, captured]);
    assert.deepEqual(holds, [[100, 100], [100, 100], [200, 100]]);
  });

  test("without credits for more it ends, and the rest is charged", async () => {
    const world = setUp({ balance: 150, options: { hold: 100 } });
    const response = await world.meter(streamed([text(90), text(100)]));
    await response.text();
    await turn();
    const settlement = await settledOf(world);
    assert.deepEqual([settlement.captured, settlement.consumed], [100, 100]);
    assert.equal(world.books.consumed.length, 1);
  });

  test("or is stopped, where that is wanted", async () => {
    const world = setUp({ balance: 150, options: { hold: 100, onExhausted: "stop" } });
    const cancelled = {};
    const response = await world.meter(streamed([text(99), text(1), text(500)], { cancelled }));
    const reader = response.body.getReader();
    await reader.read();
    await turn();
    await turn();
    const error = await rejection((async () => { for (;;) if ((await reader.read()).done) return; })());
    assert.equal(error.name, "InsufficientCreditsError");
    assert.equal(cancelled.at, 1, "no more is read");
    assert.deepEqual(await settledOf(world).then(({ reason, used }) => [reason, used]), ["exhausted", 109]);
  });

  test("a hold that is running out is extended", async (t) => {
    const world = setUp({ options: { hold: { amount: 100, ttlMs: 10_000 } } });
    const response = await world.meter(streamed([text(1), text(1), text(1)]));
    const reader = response.body.getReader();
    await reader.read();
    t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 6000 });
    await reader.read();
    await turn();
    assert.deepEqual(world.books.calls.filter(([what]) => what === "extend").map(([, { ttl_ms }]) => ttl_ms), [10_000]);
    await reader.cancel();
  });
});

describe("the end", () => {
  test("a hold that expired meanwhile is made good, once", async () => {
    const { bytes } = await fixture("openai-chat-usage.sse");
    const world = setUp();
    const response = await world.meter(streamed([bytes]));
    await new Promise((done) => setTimeout(done, 2));
    world.books.expire();
    const before = world.books.taken;
    assert.equal(before, 11, "what was reported");
    await response.text();
    const { captured, consumed } = await settledOf(world);
    assert.deepEqual([captured, consumed], [11, 1325]);
    assert.equal(world.books.taken, 1336);
    const [, { idempotency_key: key }] = world.books.calls.find(([what]) => what === "consume");
    assert.match(key, /^rest:txn_/);
  });

  test("what cannot be settled is told, with all it takes to do it by hand", async () => {
    const { bytes } = await fixture("openai-chat-usage.sse");
    const told = [];
    const world = setUp({ config: { onError: (error) => told.push(error), maxRetries: 0 } });
    const code = { error: { code: "invalid_api_key", message: "no" } };
    world.books.refusals.capture = [new Response(JSON.stringify(code), { status: 401 })];
    await (await world.meter(streamed([bytes]))).text();
    await world.ce.flush();
    assert.deepEqual(world.settled, []);
    const [{ code: found, details }] = told;
    assert.equal(found, "invalid_api_key");
    assert.deepEqual([details.customer_id, details.used, details.captured], ["c", 1336, 0]);
  });

  test("a call of a name that was used is not made again", async () => {
    const { bytes } = await fixture("openai-chat.sse");
    const world = setUp({ options: { idempotencyKey: "job-7" } });
    await (await world.meter(streamed([bytes]))).text();
    await world.ce.flush();
    let called = 0;
    const error = await rejection(world.meter(() => (called += 1)));
    assert.deepEqual([error.code, error.effect, called], ["duplicate_request", "not_applied", 0]);
    assert.equal(world.books.taken, 23);
  });
});
