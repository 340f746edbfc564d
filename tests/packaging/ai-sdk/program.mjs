// What the middleware of edge-credits/ai-sdk does with the real `ai` package and its own model for
// tests, against the ledger in memory: one line of JSON for each story, by its name.

import { generateText, stepCountIs, streamText, tool, wrapLanguageModel } from "ai";
import { MockLanguageModelV4, simulateReadableStream } from "ai/test";
import { CreditEngine, InsufficientCreditsError } from "edge-credits";
import { credits } from "edge-credits/ai-sdk";
import { createTestLedger } from "edge-credits/testing";
import { z } from "zod";

/** Credits for a million tokens. */
const price = { input: 1000, cacheRead: 100, output: 4000 };
const USAGE = {
  inputTokens: { total: 1000, noCache: 600, cacheRead: 400, cacheWrite: undefined },
  outputTokens: { total: 200, text: 150, reasoning: 50 },
};
const UNKNOWN = { inputTokens: { total: undefined }, outputTokens: { total: undefined } };
const STOP = { unified: "stop", raw: "stop" };
const TEXT = "Once upon a time there was a ledger. ".repeat(8);
const finish = { type: "finish", usage: USAGE, finishReason: STOP };
const start = { type: "text-start", id: "1" };
const delta = { type: "text-delta", id: "1", delta: TEXT };
const end = { type: "text-end", id: "1" };

/** A customer with so many credits, and a model that is paid for. */
async function shop({ balance = 100, model, ...more }) {
  const ledger = createTestLedger();
  const reported = [];
  const onError = (error) => reported.push(error.code);
  const ce = new CreditEngine({ apiKey: ledger.apiKey, fetcher: ledger, mode: "stateless", onError });
  if (balance > 0) await ce.add("ada", balance);
  const middleware = credits({ client: ce, customer: "ada", price, description: "AI: chat", ...more });
  const mock = new MockLanguageModelV4(model(ledger));
  const paid = wrapLanguageModel({ model: mock, middleware });
  const told = async () => {
    const entries = await ledger.entries("ada");
    return {
      balance: await ledger.balance("ada"),
      kinds: entries.map(({ type }) => type).filter((type) => type !== "topup"),
      charges: entries.filter(({ type }) => type === "consumption").map((entry) => ({
        amount: entry.amount,
        action: entry.action,
        tokens: entry.metadata?.tokens,
        estimated: entry.metadata?.estimated,
      })),
      reports: ledger.requests.filter(({ path }) => path.endsWith("/progress")).length,
      calls: mock.doGenerateCalls.length + mock.doStreamCalls.length,
      reported,
    };
  };
  return { ce, ledger, paid, told };
}

const answered = { content: [{ type: "text", text: TEXT }], finishReason: STOP, usage: USAGE, warnings: [] };
const streaming = (chunks, pause = null) => ({
  doStream: async () => ({
    stream: simulateReadableStream({ chunks, initialDelayInMs: null, chunkDelayInMs: pause }),
  }),
});

/** A stream that says something, or nothing, and then what `then` does. */
function saying(then, said = delta) {
  let turns = 0;
  return {
    doStream: async ({ abortSignal }) => ({
      stream: new ReadableStream({
        pull(controller) {
          turns += 1;
          if (turns === 1) return controller.enqueue(start);
          if (turns === 2 && said) return controller.enqueue(said);
          return then(controller, abortSignal);
        },
      }),
    }),
  };
}

/** Reads it to its end. Whether a stream that fails throws is the AI SDK's to say. */
async function read(textStream, onPiece = () => {}) {
  try {
    for await (const piece of textStream) onPiece(piece);
  } catch {
    // Its error is told to `onError`, too.
  }
}

const stories = {
  async generated() {
    let heldBefore;
    const { ledger, paid, told } = await shop({
      model: (ledger) => ({
        doGenerate: async () => {
          heldBefore = (await ledger.entries("ada")).map(({ type }) => type);
          return answered;
        },
      }),
    });
    const { text } = await generateText({ model: paid, prompt: "Tell.", maxOutputTokens: 500 });
    return { ...(await told()), heldBefore, same: text === TEXT, requests: ledger.requests.length };
  },

  async streamed() {
    const { paid, told } = await shop({
      model: () => streaming([{ type: "stream-start", warnings: [] }, start, ...Array(20).fill(delta), end, finish], 1),
      progressEvery: "0.05",
    });
    const { textStream } = streamText({ model: paid, prompt: "Tell.", maxOutputTokens: 5000 });
    let text = "";
    await read(textStream, (piece) => (text += piece));
    return { ...(await told()), same: text === TEXT.repeat(20) };
  },

  async short() {
    const made = await shop({ balance: 0.001, model: () => ({ doGenerate: answered, ...streaming([finish]) }) });
    const thrown = await generateText({ model: made.paid, prompt: "Tell." }).catch((error) => error);
    let shown;
    const { textStream } = streamText({ model: made.paid, prompt: "Tell.", onError: ({ error }) => (shown = error) });
    await read(textStream);
    const isShort = (error) => error instanceof InsufficientCreditsError;
    return { ...(await made.told()), thrown: isShort(thrown), shown: isShort(shown) };
  },

  async refused() {
    const fails = async () => {
      throw new Error("the provider refused");
    };
    const { paid, told } = await shop({ model: () => ({ doGenerate: fails, doStream: fails }) });
    const thrown = await generateText({ model: paid, prompt: "Tell.", maxRetries: 0 }).catch((error) => error);
    let shown;
    const { textStream } = streamText({ model: paid, prompt: "Tell.", maxRetries: 0, onError: ({ error }) => (shown = error) });
    await read(textStream);
    return { ...(await told()), messages: [thrown.message, shown.message] };
  },

  async broken() {
    const model = () => saying((controller) => controller.error(new Error("cut")));
    const { paid, told } = await shop({ model });
    const { textStream } = streamText({ model: paid, prompt: "Tell.", onError: () => {} });
    await read(textStream);
    return told();
  },

  async failedAtOnce() {
    const model = () => streaming([{ type: "error", error: new Error("overloaded") }]);
    const { paid, told } = await shop({ model });
    const { textStream } = streamText({ model: paid, prompt: "Tell.", onError: () => {} });
    await read(textStream);
    return told();
  },

  async aborted() {
    const model = () =>
      saying((controller, signal) => new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          controller.error(signal.reason);
          resolve();
        });
      }));
    const { ce, paid, told } = await shop({ model });
    const abort = new AbortController();
    const { textStream } = streamText({
      model: paid,
      prompt: "Tell.",
      abortSignal: abort.signal,
      onError: () => {},
      onAbort: () => {},
    });
    await read(textStream, () => abort.abort());
    await ce.destroy();
    return told();
  },

  async abortedBeforeAWord() {
    const abort = new AbortController();
    const waits = (controller, signal) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          controller.error(signal.reason);
          resolve();
        });
        abort.abort();
      });
    const { ce, paid, told } = await shop({ model: () => saying(waits, null) });
    const options = { model: paid, prompt: "Tell.", abortSignal: abort.signal };
    const { textStream } = streamText({ ...options, onError: () => {}, onAbort: () => {} });
    await read(textStream);
    await ce.destroy();
    return told();
  },

  async typedByATool() {
    const id = { id: "t" };
    const input = JSON.stringify({ words: TEXT });
    const chunks = [
      { type: "tool-input-start", ...id, toolName: "look" },
      { type: "tool-input-delta", ...id, delta: input.slice(0, 100) },
      { type: "tool-input-delta", ...id, delta: input.slice(100) },
      { type: "tool-input-end", ...id },
      { type: "tool-call", toolCallId: "t", toolName: "look", input },
      { type: "finish", usage: UNKNOWN, finishReason: { unified: "tool-calls", raw: "tool_calls" } },
    ];
    const { paid, told } = await shop({ model: () => streaming(chunks) });
    const look = tool({ inputSchema: z.object({ words: z.string() }) });
    const { fullStream } = streamText({ model: paid, prompt: "Tell.", tools: { look } });
    await read(fullStream);
    return { ...(await told()), bytes: input.length };
  },

  async tools() {
    const callsTool = {
      content: [{ type: "tool-call", toolCallId: "t", toolName: "look", input: "{}" }],
      finishReason: { unified: "tool-calls", raw: "tool_calls" },
      usage: USAGE,
      warnings: [],
    };
    const { paid, told } = await shop({ model: () => ({ doGenerate: [callsTool, answered] }) });
    const look = tool({ inputSchema: z.object({}), execute: async () => "seen" });
    await generateText({ model: paid, prompt: "Tell.", tools: { look }, stopWhen: stepCountIs(3) });
    return told();
  },

  async uncounted() {
    const answer = { ...answered, usage: UNKNOWN };
    const { paid, told } = await shop({ model: () => ({ doGenerate: answer }) });
    await generateText({ model: paid, prompt: "Tell." });
    return told();
  },

  async wrong() {
    const client = new CreditEngine({ apiKey: "ce_test_x" });
    const made = (options) => {
      try {
        return typeof credits(options).wrapStream;
      } catch (error) {
        return [error.code, error.details?.param];
      }
    };
    return [
      made({ customer: "ada", price }),
      made({ client, customer: "ada", price, idempotencyKey: "k" }),
      made({ client, customer: "ada", price, hold: { capture() {} } }),
      made({ client, customer: () => "ada", price, hold: 5 }),
    ];
  },
};

for (const [name, tell] of Object.entries(stories)) console.log(JSON.stringify([name, await tell()]));
