// edge-credits/ai-sdk: a language-model middleware for the AI SDK (`ai`), which meters each call of a
// model. The AI SDK itself is not imported: what is needed of it is the shape of its calls.
//
// Reads along and performs. What tokens cost and what is held and taken for them is the meter's.

import { options as readOptions } from "./arguments.js";
import { refuse } from "./errors.js";
import { passedOn } from "./passed_on.js";
import { byteLength } from "./provider_usage.js";

// Each call of the model has its own: a loop of tools makes several.
const NOT_FOR_A_MODEL = ["request", "inputTokens", "maxOutputTokens", "idempotencyKey", "label", "signal"];
const NOTHING = { output: 0, reasoning: 0 };

export function credits(given) {
  const { client, customer, hold, ...options } = readOptions(given);
  if (typeof client?.meter !== "function") {
    throw refuse("invalid_config", "client", "client must be a CreditEngine");
  }
  const wrong = NOT_FOR_A_MODEL.find((name) => name in options);
  if (wrong !== undefined) {
    throw refuse("invalid_config", wrong, `${wrong} is each call's own, and cannot be set for all`);
  }
  if (typeof hold?.capture === "function") {
    throw refuse("invalid_config", "hold", "a hold serves one call: name an amount, or a policy");
  }
  const open = async ({ params, model }) => {
    const customerId = typeof customer === "function" ? await customer({ params, model }) : customer;
    const { maxOutputTokens } = params;
    const request = { prompt: textsOf(params.prompt), tools: params.tools };
    const price = priceOf(options.price, model);
    return client.meter({ ...options, price, hold, customerId, request, maxOutputTokens });
  };
  return {
    specificationVersion: "v4",
    wrapGenerate: async (call) => generate(await open(call), call),
    wrapStream: async (call) => stream(await open(call), call),
  };
}

async function generate(meter, { doGenerate, params }) {
  const result = await begun(meter, doGenerate, params);
  for (const part of result.content ?? []) meter.read(textOf(part), null);
  meter.read(NOTHING, countsOf(result.usage));
  await ended(meter, meter.settle());
  return result;
}

async function stream(meter, { doStream, params }) {
  const result = await begun(meter, doStream, params);
  return { ...result, stream: metered(result.stream, meter, params) };
}

// The call is made, and the ledger told of it. One that fails has not happened; one that its caller
// breaks off has: the provider was at work.
async function begun(meter, call, params) {
  // Broken off while credits were held: it is not made.
  if (isBrokenOff(params)) {
    await ended(meter, meter.abort());
    throw params.abortSignal.reason;
  }
  try {
    const told = meter.begin();
    meter.isAwaited = true;
    const result = await call();
    meter.isAwaited = false;
    await told;
    return result;
  } catch (error) {
    await ended(meter, isBrokenOff(params) ? meter.settle("cancelled") : meter.abort());
    throw error;
  }
}

// The end of a call waits for its settlement only where the host would not let it be made afterwards.
// What could not be settled is told to the client's `onError`; the answer is the caller's all the same.
async function ended(meter, end) {
  end.catch(() => {});
  await meter.settledOrKept;
}

function metered(source, meter, params) {
  const seen = { begun: false, failed: false, typed: new Set() };
  const end = (reason) => {
    const hasFailed = seen.failed || reason === "failed";
    const nothing = hasFailed && !seen.begun && reason !== "cancelled";
    const ends = hasFailed && reason === "finished" ? "failed" : reason;
    return ended(meter, nothing ? meter.abort() : meter.settle(ends));
  };
  const signal = params.abortSignal;
  const broken = () => (isBrokenOff(params) ? "cancelled" : "failed");
  return passedOn(source, meter, { note: (part) => note(meter, seen, part), end, broken, signal });
}

// What a part of the stream says. A tool's input that has come bit by bit comes whole once more.
function note(meter, seen, part) {
  if (part.type === "error") seen.failed = true;
  if (part.type === "tool-input-delta") seen.typed.add(part.id);
  const again = part.type === "tool-call" && seen.typed.has(part.toolCallId);
  const text = again ? NOTHING : textOf(part);
  const counts = part.type === "finish" ? countsOf(part.usage) : null;
  seen.begun ||= counts !== null || text.output + text.reasoning > 0;
  meter.read(text, counts);
}

/** Bytes of text that a part brings, of an answer or of a stream. */
function textOf({ type, text, delta, input }) {
  const bytes = byteLength([text, delta, type === "tool-call" ? input : ""].find(isText) ?? "");
  const isReasoning = type === "reasoning" || type === "reasoning-delta";
  return isReasoning ? { output: 0, reasoning: bytes } : { output: bytes, reasoning: 0 };
}

function isText(value) {
  return typeof value === "string";
}

/** A usage as the meter reads it (`usageIn` of `provider_usage.js`): totals contain their parts. */
function countsOf(usage) {
  const { inputTokens: into, outputTokens: out } = usage ?? {};
  const counts = [
    into?.total ?? into?.noCache,
    into?.cacheRead,
    into?.cacheWrite,
    out?.total ?? out?.text,
    out?.reasoning,
  ].map((count) => count ?? NaN);
  if (counts.every(Number.isNaN)) return null;
  const isBeside = [into?.total, out?.total].map((total) => Number((total ?? null) === null));
  return [...counts, NaN, ...isBeside];
}

/** A price that says neither what tokens cost nor of which model, is that of the model that is called. */
function priceOf(price, model) {
  if (price === null || typeof price !== "object") return price;
  const isSaid = ["model", "input", "output"].some((name) => name in price);
  return isSaid ? price : { ...price, model: model?.modelId };
}

/** A prompt without its files, whose size says nothing of their tokens. */
function textsOf(prompt) {
  const isKept = (part) => part.type !== "file" && part.type !== "reasoning-file";
  const messages = Array.isArray(prompt) ? prompt : [];
  return messages.map(({ role, content }) => ({
    role,
    content: Array.isArray(content) ? content.filter(isKept) : content,
  }));
}

function isBrokenOff(params) {
  return params.abortSignal?.aborted === true;
}
