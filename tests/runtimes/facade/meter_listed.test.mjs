// A meter whose price is a model of a list: what its quote says is what is held, and what its tokens come to
// by that list is what is taken.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { credits } from "../../../pkg/js/ai-sdk.js";
import { withCredits } from "../../../pkg/js/index.js";
import { fixture } from "../streams/fixtures.mjs";
import { setUp, settledOf, streamed } from "../streams/world.mjs";
import { rejection } from "./scripted.mjs";

const TERMS = { pricePerCredit: 0.01, marginPercent: 50, basePrice: 0.001 };
/** A tenth of a credit for each call: the base. */
const BASE = 0.1;
const sse = (...objects) =>
  new TextEncoder().encode(objects.map((object) => `data: ${JSON.stringify(object)}\n\n`).join(""));
const openAi = sse({
  usage: {
    prompt_tokens: 10_000,
    completion_tokens: 500,
    prompt_tokens_details: { cached_tokens: 8000 },
    completion_tokens_details: { reasoning_tokens: 100 },
  },
});
const anthropic = sse(
  { type: "message_start", message: { usage: { input_tokens: 2000, cache_read_input_tokens: 8000, output_tokens: 1 } } },
  { type: "message_delta", usage: { output_tokens: 500 } },
);
const OWN = { modelId: "acme-large", inputPrice: 3, outputPrice: "15", cachePrice: 0.3 };

/** What tokens cost by hand: USD for a million, half as much again, at a cent. */
const worth = (...parts) => BASE + parts.reduce((sum, [count, price]) => sum + (count * price * 1.5) / 1e4, 0);
const near = (actual, expected, what) => assert.ok(Math.abs(actual - expected) < 1e-6, `${what}: ${actual}, not ${expected}`);

describe("a model of a list", () => {
  for (const [what, price, bytes, cost] of [
    ["cached inside of the input", { model: "gpt-4o" }, openAi, worth([2000, 2.5], [8000, 1.25], [500, 10])],
    ["cached beside the input", { model: "Claude-Sonnet-4-5" }, anthropic, worth([2000, 3], [8000, 0.3], [500, 15])],
    ["of the caller's own", { model: "acme-large", models: [OWN] }, openAi, worth([2000, 3], [8000, 0.3], [500, 15])],
  ]) {
    test(what, async () => {
      const world = setUp({ options: { price: { ...TERMS, ...price }, hold: 100 } });
      await (await world.meter(streamed([bytes]))).text();
      const { used, captured } = await settledOf(world);
      near(used, cost, what);
      near(captured, cost, what);
    });
  }

  test("holds what its quote says, of the model that the request names", async () => {
    const world = setUp({ options: { hold: undefined, inputTokens: 1200, price: TERMS } });
    const request = { model: "gpt-4o", max_tokens: 800, messages: [] };
    await (await world.meter(streamed([openAi]), { request })).text();
    const { high } = world.ce.quote({ ...TERMS, model: "gpt-4o", inputTokens: 1200, maxOutputTokens: 800 });
    assert.equal(world.books.calls[0][1].amount, high);
    near(high, worth([1200, 2.5], [800, 10]), "by hand");
  });

  test("costs its base, where the provider has told of nothing else", async () => {
    const world = setUp({ options: { price: { model: "gpt-5-nano", ...TERMS }, hold: 1, inputTokens: 0 } });
    await (await world.meter(streamed([]))).text();
    near((await settledOf(world)).used, worth([1, 0.4]), "a token");
  });

  test("is refused before anything is held or called", async () => {
    for (const [price, code, param] of [
      [{ ...TERMS, model: "gpt-0" }, "unknown_model", "model"],
      [{ ...TERMS, model: "gpt-4o", models: [OWN] }, "unknown_model", "model"],
      [TERMS, "invalid_request", "model"],
      [{ model: "gpt-4o" }, "invalid_request", "pricePerCredit"],
      [{ ...TERMS, model: "gpt-4o", models: {} }, "invalid_request", "models"],
      [{ ...TERMS, model: "gpt-4o", modles: [] }, "invalid_request", "price.modles"],
      [{ model: "gpt-4o", input: 3, output: 15 }, "invalid_request", "price.model"],
    ]) {
      const world = setUp();
      let called = 0;
      const error = await rejection(world.meter(() => (called += 1), { price }));
      const found = [error.code, error.details.param, error.effect, called, world.books.calls.length];
      assert.deepEqual(found, [code, param, "not_applied", 0, 0], JSON.stringify(price));
    }
  });

  test("by withCredits, too", async () => {
    const world = setUp();
    const { bytes } = await fixture("openai-chat-usage.sse");
    const handler = withCredits(() => streamed([bytes]), {
      client: world.ce,
      customer: () => "c",
      consume: "metered",
      meter: { price: { ...TERMS, model: "gpt-4o" }, hold: 100 },
    });
    await (await handler(new Request("https://app.example/"))).text();
    await world.ce.flush();
    assert.ok(world.books.taken > BASE && world.books.taken < 100);
  });

  test("by the AI SDK's middleware: the model that is called", async () => {
    const world = setUp();
    const middleware = credits({ client: world.ce, customer: "c", hold: 100, price: TERMS });
    const usage = { inputTokens: { total: 10_000, cacheRead: 8000 }, outputTokens: { total: 500 } };
    const call = (modelId) => ({
      params: { prompt: [] },
      model: { modelId },
      doGenerate: async () => ({ content: [], usage }),
    });
    await middleware.wrapGenerate(call("gpt-4o"));
    await world.ce.flush();
    near(world.books.taken, worth([2000, 2.5], [8000, 1.25], [500, 10]), "by hand");
    assert.equal((await rejection(middleware.wrapGenerate(call("gpt-0")))).code, "unknown_model");
  });
});
