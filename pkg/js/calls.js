// One call, from plain arguments to a parsed answer or an error of the package. Beside `meter_numbers.js` the
// only file that talks to the wasm client.
//
// There is no handle to free and nothing to rebuild: when the client has panicked, the next call runs
// on a fresh instance. The calls that were in flight then are told here, because their own promises
// will never settle, and so are the charges that its memory held.

import { begin, check, meterOpen, nextPage, quote, told } from "#client";
import { CreditEngineError, makeError } from "./errors.js";
import { InFlight } from "./in_flight.js";
import { onMemoryLost } from "./open_charges.js";

const inFlight = new InFlight();

export function onPanic(message) {
  onMemoryLost(inFlight.panicked(message));
}

// The mode that the options come to; throws unless they make a client.
export function modeOf({ options }) {
  try {
    return check(options);
  } catch (thrown) {
    throw toError(thrown, null);
  }
}

// Makes a meter in these numbers; throws unless the amounts make one. Gives what is to be held.
export function openMeter(numbers, { unit, amounts, listed }) {
  try {
    return meterOpen(numbers, unit, amounts, listed?.asked, listed?.models);
  } catch (thrown) {
    throw toError(thrown, null);
  }
}

// What a model call will cost, by a price list; throws unless the question makes sense.
export function quoted(asked, models) {
  try {
    return JSON.parse(quote(asked, models));
  } catch (thrown) {
    throw toError(thrown, null);
  }
}

// A notice of a cache, as the error that `onError` is told.
export function toldError(notice) {
  return makeError(told(notice));
}

// Starts a call. `key` is its idempotency key, null for reads; `answer` is a promise of the answer.
// Arguments that are refused throw here, before anything is sent. Where a charge is accepted while the
// API is away, `onAccepted` gets the promise of its sending, before the answer is there.
export function perform(settings, call, onAccepted) {
  let key;
  let outcome;
  try {
    const hooks = settings.cache.hooks(call.arguments);
    [key, outcome] = begin(settings.options, call, { ...settings.host, ...hooks, onPanic });
  } catch (thrown) {
    throw toError(thrown, null);
  }
  return { key, answer: settle(key, outcome, onAccepted) };
}

// The options of the page of transactions after this one, or null after the last. `position` are
// the options by which this one was asked for.
export function pageAfter(position, { data, pagination }) {
  const facts = {
    rows: data?.length,
    lastSequence: data?.at(-1)?.sequence,
    hasMore: pagination?.has_more,
  };
  try {
    const next = nextPage({ ...position, ...facts });
    return next ? Object.fromEntries([next]) : null;
  } catch (thrown) {
    throw toError(thrown, null);
  }
}

async function settle(key, outcome, onAccepted) {
  try {
    const [body, replayed, mismatch, sending] = await inFlight.until(outcome);
    if (sending !== undefined) onAccepted(settle(key, sending));
    return completed(JSON.parse(body), key, replayed, mismatch);
  } catch (thrown) {
    // Made here, and not where it was noticed, so that its stack leads to the caller.
    throw toError(thrown, key);
  }
}

// The answer to a change, completed by what a server need not repeat.
function completed(answer, key, replayed, mismatch) {
  if (key === null) return answer;
  answer.idempotency_key = key;
  answer.replayed = replayed;
  if (mismatch) answer.mismatch = true;
  return answer;
}

// The client throws [facts as JSON, cause]. Anything else is a failure inside it, and what became
// of a change that was under way is not known.
function toError(thrown, key) {
  if (Array.isArray(thrown)) return makeError(...thrown);
  const change = key !== null;
  const advice = change ? " Repeat the call with the same idempotency key to settle it." : "";
  return new CreditEngineError(`The client failed inside: ${thrown?.message}.${advice}`, {
    code: "internal_error",
    effect: change ? "unknown" : "not_applied",
    retryable: true,
    idempotencyKey: key,
    cause: thrown,
  });
}
