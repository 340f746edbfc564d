// Handlers whose responses are metered, and meters that are fed by hand.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { credits } from "../../../pkg/js/hono.js";
import { withCredits } from "../../../pkg/js/index.js";
import { Books } from "../streams/books.mjs";
import { fixture } from "../streams/fixtures.mjs";
import { client, rejection } from "./scripted.mjs";

/** A credit for each token. */
const METER = { price: { input: 1e6, output: 1e6 }, hold: 5000, inputTokens: 10 };
const { bytes } = await fixture("openai-chat-usage.sse");
const answer = (status = 200) =>
  new Response(bytes, { status, headers: { "content-type": "text/event-stream", "x-own": "1" } });

function setUp(handler, { balance = 1e6, ...options } = {}) {
  const books = new Books(balance);
  const told = [];
  const ce = client(books.fetcher, { onError: (error) => told.push(error) });
  const all = { client: ce, customer: () => "c", consume: "metered", meter: METER, ...options };
  return { books, ce, told, paid: withCredits(handler, all), options: all };
}
const request = (headers = {}) => new Request("https://app.example/chat", { headers });
const nothingTaken = ({ books }) => assert.deepEqual([books.taken, books.open.length], [0, 0]);

describe("withCredits, metered", () => {
  test("passes the response on and charges what it used", async () => {
    const world = setUp(async (_, given) => {
      assert.deepEqual([given.charge, given.meter.used], [null, 11]);
      return answer(201);
    });
    const response = await world.paid(request());
    assert.deepEqual([response.status, response.headers.get("x-own")], [201, "1"]);
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes);
    await world.ce.flush();
    assert.deepEqual([world.books.taken, world.books.holds.size, world.told], [1336, 1, []]);
  });

  test("takes its options from the request, description and metadata with them", async () => {
    const meter = async (given) => ({ ...METER, hold: Number(given.headers.get("x-most")) });
    const world = setUp(() => answer(), { meter, description: "AI: chat", metadata: { model: "m" } });
    await (await world.paid(request({ "x-most": "2000" }))).text();
    await world.ce.flush();
    const [, placed] = world.books.calls[0];
    assert.deepEqual([placed.amount, placed.description], [2000, "AI: chat"]);
    const [, { metadata }] = world.books.calls.find(([what]) => what === "capture");
    assert.equal(metadata.model, "m");
    assert.equal(metadata.tokens.reasoning, 64);
  });

  test("402 where the hold is not covered, and the handler does not run", async () => {
    let runs = 0;
    const world = setUp(() => (runs += 1), { balance: 4000 });
    const response = await world.paid(request());
    const { code, requested, current_balance: has } = await response.json();
    assert.deepEqual([response.status, code, requested, has, runs], [402, "insufficient_credits", 5000, 4000, 0]);
  });

  for (const status of [400, 404, 429, 500, 503]) {
    test(`a ${status} is passed on, and free`, async () => {
      const world = setUp(() => answer(status));
      const response = await world.paid(request());
      assert.equal(response.status, status);
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes);
      await world.ce.flush();
      nothingTaken(world);
    });
  }

  test("a handler that throws is free, and what it throws is thrown", async () => {
    const error = new Error("no");
    const world = setUp(() => Promise.reject(error));
    assert.equal(await rejection(world.paid(request())), error);
    await world.ce.flush();
    nothingTaken(world);
  });

  test("with refundOn 'never' it pays for the input that was read", async () => {
    const world = setUp(() => Promise.reject(new Error("no")), { refundOn: "never" });
    await rejection(world.paid(request()));
    await world.ce.flush();
    assert.equal(world.books.taken, 11);
  });

  test("a repeat of a named request is refused, and does not run", async () => {
    let runs = 0;
    const handler = () => ((runs += 1), answer());
    const world = setUp(handler, { idempotencyKeyFrom: "x-name" });
    await (await world.paid(request({ "x-name": "one" }))).text();
    const again = await world.paid(request({ "x-name": "one" }));
    assert.deepEqual([again.status, (await again.json()).code, runs], [409, "duplicate_request", 1]);
    await (await world.paid(request({ "x-name": "two" }))).text();
    await world.ce.flush();
    assert.deepEqual([runs, world.books.taken], [2, 2672]);
  });

  test("one that came to nothing may come again", async () => {
    const statuses = [429, 500, 200];
    const world = setUp(() => answer(statuses.shift()), { idempotencyKeyFrom: "x-name" });
    for (const status of [429, 500, 200]) {
      const response = await world.paid(request({ "x-name": "job" }));
      assert.equal(response.status, status);
      await response.text();
      await world.ce.flush();
    }
    assert.equal(world.books.taken, 1336);
    assert.equal((await world.paid(request({ "x-name": "job" }))).status, 409);
  });

  test("nor is it a repeat where only the answer to its hold was lost", async () => {
    const world = setUp(() => answer(), { idempotencyKeyFrom: "x-name" });
    world.books.lost = 1;
    const response = await world.paid(request({ "x-name": "job" }));
    assert.equal(response.status, 200);
    await response.text();
    await world.ce.flush();
    assert.deepEqual([world.books.taken, world.books.count("holds")], [1336, 2]);
  });

  test("a handler may count itself", async () => {
    const world = setUp((_, { meter }) => {
      meter.add({ input: 7, output: 3, cacheRead: 100 });
      return Response.json({ text: "what no provider says" });
    });
    await (await world.paid(request())).text();
    await world.ce.flush();
    assert.equal(world.books.taken, 110, "and is not counted again");
  });

  test("Hono's response is replaced by the metered one", async () => {
    const world = setUp(() => {});
    const c = {
      req: { raw: request() },
      res: undefined,
      set(name, value) {
        this[name] = value;
      },
    };
    await credits(world.options)(c, async () => (c.res = answer()));
    assert.deepEqual(Buffer.from(await c.res.arrayBuffer()), bytes);
    await world.ce.flush();
    assert.equal(world.books.taken, 1336);
  });

  for (const [name, options, param] of [
    ["no meter", { meter: undefined }, "meter"],
    ["an amount besides", { amount: 5 }, "amount"],
    ["a repeat that is to run", { onReplay: "run" }, "onReplay"],
    ["a least balance", { atLeast: 5 }, "atLeast"],
    ["a meter that is not asked for", { consume: "before", amount: 5 }, "meter"],
    ["another word", { consume: "during" }, "consume"],
  ]) {
    test(`refused when the handler is wrapped: ${name}`, () => {
      assert.throws(() => setUp(() => {}, options), (error) => {
        assert.deepEqual([error.code, error.details.param], ["invalid_config", param]);
        return true;
      });
    });
  }
});

describe("a meter fed by hand", () => {
  const setUpMeter = async (options = {}) => {
    const books = new Books(1e6);
    const ce = client(books.fetcher);
    const meter = await ce.meter({ customerId: "c", ...METER, ...options });
    return { books, ce, meter };
  };
  const turn = () => new Promise((done) => setTimeout(done, 2));

  test("estimates, reports and settles, once", async () => {
    const { books, meter } = await setUpMeter();
    await meter.begin();
    assert.deepEqual(books.calls.at(-1), ["progress", { ...books.calls.at(-1)[1], used: 11 }]);
    meter.estimate("abcdefg");
    meter.estimate("hm", "reasoning");
    assert.deepEqual(meter.tokens, { input: 10, cacheRead: 0, cacheWrite: 0, output: 2, reasoning: 1 });
    meter.add({ input: 12, output: 40 });
    meter.add({ output: 50, reasoning: 5 });
    assert.equal(meter.used, 67);
    const [one, two] = [meter.settle(), meter.settle("cancelled")];
    assert.equal(one, two);
    const settlement = await one;
    assert.deepEqual([settlement.reason, settlement.captured, settlement.estimated], ["finished", 67, false]);
    meter.add({ output: 4000 });
    meter.estimate("x".repeat(4000));
    await turn();
    assert.deepEqual([meter.used, books.taken, books.count("capture")], [67, 67, 1]);
    assert.equal((await meter.abort()).captured, 67, "it has ended");
  });

  test("aborted, it takes nothing, of none of its holds", async () => {
    const { books, meter } = await setUpMeter({ hold: 100 });
    meter.estimate("x".repeat(800));
    await turn();
    await turn();
    assert.equal(books.holds.size, 3);
    const { reason, used, captured } = await meter.abort();
    assert.deepEqual([reason, used, captured], ["aborted", 0, 0]);
    assert.deepEqual([books.taken, books.open.length], [0, 0]);
  });

  test("counts that are none change nothing", async () => {
    const { meter } = await setUpMeter();
    for (const output of [-1, 1.5, NaN, "7", null, 2 ** 60, undefined]) meter.add({ output });
    assert.equal(meter.used, 11);
    await meter.abort();
  });

  test("options that make no meter are refused, and nothing is held", async () => {
    const books = new Books(1e6);
    const ce = client(books.fetcher);
    for (const [options, param] of [
      [{ price: { input: 1 } }, "price"],
      [{ price: { input: 1, output: "1e3" } }, "price.output"],
      [{ price: { input: -1, output: 1 } }, "price.input"],
      [{ hold: { cap: 0 } }, "hold.cap"],
      [{ hold: { policy: "brave" } }, "hold.policy"],
      [{ progressEvery: 0 }, "progressEvery"],
      [{ inputTokens: 1.5 }, "inputTokens"],
      [{ maxOutputTokens: -1 }, "maxOutputTokens"],
      [{ onExhausted: "panic" }, "onExhausted"],
      [{ onSettled: 7 }, "onSettled"],
      [{ customerId: "" }, "customerId"],
      [{ maxTokens: 7 }, "maxTokens"],
    ]) {
      const error = await rejection(ce.meter({ customerId: "c", ...METER, ...options }));
      assert.equal(error.details?.param, param, error.message);
      assert.equal(error.effect, "not_applied");
    }
    assert.deepEqual(books.calls, []);
  });
});
