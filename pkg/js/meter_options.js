// The options of a meter, read once: what the core judges, and what stays here.

import { amount, count, metadata, options, requiredText, text } from "./arguments.js";
import { refuse } from "./errors.js";
import { byteLength } from "./provider_usage.js";

const KNOWN = new Set([
  "customerId", "price", "hold", "request", "inputTokens", "maxOutputTokens", "progressEvery",
  "onExhausted", "onSettled", "description", "metadata", "unit", "idempotencyKey", "label",
]);
const POLICIES = ["worst_case", "learned"];
/** As the ledger's own. */
const DEFAULT_TTL_MS = 15 * 60 * 1000;
/** Text for which one token is taken, as the core takes it. */
const BYTES_PER_TOKEN = 4;

export function readMeterOptions(given) {
  const chosen = options(given);
  for (const name of Object.keys(chosen)) {
    if (!KNOWN.has(name)) throw refuse("invalid_request", name, `there is no option ${name}`);
  }
  const { hold, onSettled, onExhausted = "finish" } = chosen;
  if (onSettled !== undefined && typeof onSettled !== "function") {
    throw refuse("invalid_request", "onSettled", "onSettled must be a function");
  }
  oneOf("onExhausted", onExhausted, ["finish", "stop"]);
  const customerId = requiredText(chosen.customerId, "customerId", "invalid_id");
  const unit = text(chosen.unit, "unit");
  const request = bodyOf(chosen.request);
  const sizing = sizingOf(hold);
  const own = isHold(hold) ? hold : null;
  const prices = pricesOf(chosen.price);
  return {
    customerId,
    priced: [unit, prices],
    own,
    onSettled,
    stops: onExhausted === "stop",
    learns: sizing.policy === "learned",
    ttlMs: sizing.ttlMs ?? DEFAULT_TTL_MS,
    idempotencyKey: chosen.idempotencyKey,
    notes: { description: text(chosen.description, "description"), metadata: chosen.metadata },
    holdOptions: {
      unit,
      label: chosen.label,
      idempotencyKey: chosen.idempotencyKey,
      description: chosen.description,
      metadata: metadata(chosen.metadata) && chosen.metadata,
      ttlMs: sizing.ttlMs,
    },
    figures: {
      unit,
      amounts: [
        ...prices,
        own ? amount(own.amount) : undefined,
        sizing.amount,
        sizing.cap,
        optional(chosen.progressEvery, "progressEvery"),
      ],
      inputTokens: count(chosen.inputTokens, "inputTokens") ?? inputOf(request),
      maxOutputTokens: count(chosen.maxOutputTokens, "maxOutputTokens") ?? limitOf(request),
    },
  };
}

/** In the core's order. */
function pricesOf(price) {
  const { input, cacheRead, cacheWrite, output, reasoning } = options(price, "price");
  return [
    optional(input, "price.input"),
    optional(cacheRead, "price.cacheRead"),
    optional(cacheWrite, "price.cacheWrite"),
    optional(output, "price.output"),
    optional(reasoning, "price.reasoning"),
  ];
}

function sizingOf(hold) {
  if (hold === undefined || hold === null || isHold(hold)) return {};
  if (typeof hold !== "object") return { amount: amount(hold, "hold") };
  const { policy = "worst_case", cap, ttlMs, amount: fixed } = hold;
  oneOf("hold.policy", policy, POLICIES);
  return {
    policy,
    cap: optional(cap, "hold.cap"),
    amount: optional(fixed, "hold.amount"),
    ttlMs: count(ttlMs, "hold.ttlMs"),
  };
}

function isHold(hold) {
  return typeof hold?.capture === "function" && typeof hold.progress === "function";
}

function optional(value, param) {
  return value === undefined || value === null ? undefined : amount(value, param);
}

function oneOf(param, value, words) {
  if (words.includes(value)) return;
  const choice = words.map((word) => `"${word}"`).join(" or ");
  throw refuse("invalid_request", param, `${param} must be ${choice}`);
}

/** What is sent to the provider, as an object; text that is no JSON is a prompt. */
function bodyOf(request) {
  if (typeof request !== "string") return request ?? null;
  try {
    return JSON.parse(request);
  } catch {
    return request;
  }
}

/** Tokens of the input until the provider reports them: by the length of its JSON, files left out. */
function inputOf(request) {
  if (request === null) return undefined;
  const json = JSON.stringify(request, (name, value) => (isFile(name, value) ? undefined : value));
  return Math.ceil(byteLength(json ?? "") / BYTES_PER_TOKEN);
}

function isFile(name, value) {
  if (typeof value !== "string") return false;
  return value.startsWith("data:") || ["data", "file_data", "b64_json"].includes(name);
}

function limitOf(request) {
  const { generationConfig, n = 1, ...body } = Object(request);
  const limits = [
    body.max_completion_tokens,
    body.max_output_tokens,
    body.max_tokens,
    generationConfig?.maxOutputTokens,
  ];
  const limit = limits.find((value) => Number.isSafeInteger(value) && value > 0);
  return limit === undefined ? undefined : limit * (Number.isSafeInteger(n) && n > 0 ? n : 1);
}
