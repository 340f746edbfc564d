// The options of a meter, read once: what the core judges, and what stays here.

import { amount, count, metadata, options, requiredText, text } from "./arguments.js";
import { refuse } from "./errors.js";
import { byteLength } from "./provider_usage.js";
import { askedOf, modelsOf } from "./quote.js";

const KNOWN = new Set([
  "customerId", "price", "hold", "request", "inputTokens", "maxOutputTokens", "progressEvery",
  "onExhausted", "onSettled", "description", "metadata", "unit", "idempotencyKey", "label", "signal",
]);
/** What a price may say of each kind of token, in the core's order. */
const KINDS = ["input", "cacheRead", "cacheWrite", "output", "reasoning"];
/** And instead of that, as a quote names it. */
const LISTED = ["models", "model", "pricePerCredit", "marginPercent", "basePrice"];
const POLICIES = ["worst_case", "learned"];
/** As the ledger's own. */
const DEFAULT_TTL_MS = 15 * 60 * 1000;
const MIN_OWN_TTL_MS = 60 * 1000;
/** Text for which one token is taken, as the core takes it. */
const BYTES_PER_TOKEN = 4;

export function readMeterOptions(given) {
  const chosen = options(given);
  onlyKnown(chosen, "", KNOWN);
  const { hold, onSettled, onExhausted = "finish" } = chosen;
  if (onSettled !== undefined && typeof onSettled !== "function") {
    throw refuse("invalid_request", "onSettled", "onSettled must be a function");
  }
  oneOf("onExhausted", onExhausted, ["finish", "stop"]);
  const signal = signalOf(chosen.signal);
  const customerId = requiredText(chosen.customerId, "customerId", "invalid_id");
  const unit = text(chosen.unit, "unit") ?? (isHold(hold) ? hold.unit : undefined);
  const request = bodyOf(chosen.request);
  const sizing = sizingOf(hold);
  const own = isHold(hold) ? hold : null;
  const listed = listedPrice(chosen.price, request);
  const prices = listed === null ? pricesOf(chosen.price) : [];
  return {
    customerId,
    // A name is only needed to find the customer's other calls at this price.
    priced: sizing.policy === "learned" ? [unit, prices, listed && entryOf(listed)] : null,
    own,
    onSettled,
    signal,
    stops: onExhausted === "stop",
    learns: sizing.policy === "learned",
    leftMs: own === null ? (sizing.ttlMs ?? DEFAULT_TTL_MS) : own.expiresAt - Date.now(),
    ttlMs: own === null ? (sizing.ttlMs ?? DEFAULT_TTL_MS) : ttlOf(own),
    isNamed: (chosen.idempotencyKey ?? chosen.label ?? null) !== null,
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
      listed,
      amounts: [
        ...KINDS.map((_, index) => prices[index]),
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
  const named = options(price, "price");
  onlyKnown(named, "price.", new Set(KINDS));
  return KINDS.map((kind) => optional(named[kind], `price.${kind}`));
}

/** A price that names a model of a list, or takes the request's; null where it says what tokens cost. */
function listedPrice(price, request) {
  const named = options(price, "price");
  if (KINDS.some((kind) => named[kind] !== undefined)) return null;
  if (!LISTED.some((name) => name in named)) return null;
  onlyKnown(named, "price.", new Set(LISTED));
  const asked = askedOf(named, LISTED.slice(1));
  asked.model ??= text(request?.model ?? undefined, "price.model");
  return { asked, models: modelsOf(named) };
}

/** The model's own entry, as text: lists are long, and are not kept. */
function entryOf({ asked, models }) {
  const isIt = ({ modelId }) => String(modelId).toLowerCase() === String(asked.model).toLowerCase();
  const { inputPrice, outputPrice, cachePrice } = models?.find((entry) => entry && isIt(entry)) ?? {};
  return [...Object.values(asked), inputPrice, outputPrice, cachePrice].map(String);
}

function sizingOf(hold) {
  if (hold === undefined || hold === null || isHold(hold)) return {};
  if (typeof hold !== "object") return { amount: amount(hold, "hold") };
  const { policy = "worst_case", cap, ttlMs, amount: fixed, ...rest } = hold;
  onlyKnown(rest, "hold.", new Set());
  oneOf("hold.policy", policy, POLICIES);
  return {
    policy,
    cap: optional(cap, "hold.cap"),
    amount: optional(fixed, "hold.amount"),
    ttlMs: count(ttlMs, "hold.ttlMs"),
  };
}

export function signalOf(signal) {
  if (signal === undefined || signal === null) return null;
  const { aborted, addEventListener: add, removeEventListener: remove } = signal;
  if (typeof aborted === "boolean" && typeof add === "function" && typeof remove === "function") return signal;
  throw refuse("invalid_request", "signal", "signal must be an AbortSignal");
}

/** What a caller's hold is extended by: what is left of it, which may be next to nothing, or this. */
function ttlOf(hold) {
  return Math.max(hold.expiresAt - Date.now(), MIN_OWN_TTL_MS);
}

function isHold(hold) {
  return typeof hold?.capture === "function" && typeof hold.progress === "function";
}

function optional(value, param) {
  return value === undefined || value === null ? undefined : amount(value, param);
}

function onlyKnown(object, prefix, known) {
  const param = Object.keys(object).find((name) => !known.has(name));
  if (param === undefined) return;
  throw refuse("invalid_request", prefix + param, `there is no option ${prefix}${param}`);
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

/** Only where providers look for files: what a user writes may begin with anything. */
function isFile(name, value) {
  if (typeof value !== "string") return false;
  if (["data", "file_data", "b64_json"].includes(name) && /^[\w+/=-]*$/.test(value)) return true;
  const places = ["url", "image_url", "data", "file_data"];
  return places.includes(name) && /^data:[^,\s]*;base64,/.test(value);
}

function limitOf(request) {
  if (request === null || typeof request !== "object") return undefined;
  const limits = [
    request.max_completion_tokens,
    request.max_output_tokens,
    request.max_tokens,
    request.generationConfig?.maxOutputTokens,
  ];
  const isPositive = (value) => Number.isSafeInteger(value) && value > 0;
  const limit = limits.find(isPositive);
  return limit === undefined ? undefined : limit * (isPositive(request.n) ? request.n : 1);
}
