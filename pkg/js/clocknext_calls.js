// One call to `/api/v1`, from plain arguments to a parsed answer or an error of the face: what ./calls.js
// is to the other one.
//
// Should the module panic, which is a defect, the next call runs on a fresh instance, and the calls that were
// under way are told here.

import { ask, pace, refusal, signal, signalOptions, verdict } from "#clocknext";
import { ClockNextError, makeFaceError } from "./clocknext_errors.js";
import { InFlight } from "./in_flight.js";

const inFlight = new InFlight();
const onPanic = (message) => void inFlight.panicked(message);

// What the facade keeps of the options: the mode and the buffer's limits.
export function limitsOf({ options }) {
  return JSON.parse(judged(() => signalOptions(options)));
}

// A signal that is written down: its type, its idempotency key and its body.
export function writeSignal(input) {
  const [type, key, body, bytes] = judged(() => signal(input));
  return { type, key, body, bytes };
}

// What a buffer does next, and why it takes no more. They decide by figures alone, so that a module which has
// failed inside is asked once more, on its fresh instance.
export const nextStep = (facts) => again(() => pace(facts));
export const refusalOf = (waiting, most) => again(() => refusal(waiting, most));

// Performs a call; resolves to the payload of its answer. `watch` as the client has it.
export async function perform({ options, host }, call, watch) {
  const told = (ours, pause) => watch(ours, pauseOf(pause));
  const promise = judged(() => ask(options, call, { ...host, onPanic, watch: told }));
  try {
    const [body, enveloped] = await inFlight.until(promise);
    const answer = JSON.parse(body);
    return enveloped ? (answer.result ?? {}) : answer;
  } catch (thrown) {
    throw toError(thrown, call.key);
  }
}

// The error that an answer to a batch holds for one of its signals, or undefined.
export function itemError(item, key) {
  let facts;
  try {
    facts = verdict(item, key);
  } catch (thrown) {
    return toError(thrown, key);
  }
  return facts === undefined ? undefined : makeFaceError(facts);
}

// What is told of a pause.
function pauseOf(text) {
  if (text === undefined) return undefined;
  const { attempt, delayMs, error } = JSON.parse(text);
  return { attempt, delayMs, error: makeFaceError(error) };
}

function again(decide) {
  try {
    return decide();
  } catch {
    return judged(decide);
  }
}

function judged(judge) {
  try {
    return judge();
  } catch (thrown) {
    throw toError(thrown, null);
  }
}

// The client throws [facts as JSON, cause]; anything else is a failure inside it.
function toError(thrown, key = null) {
  if (Array.isArray(thrown)) {
    const [text, cause] = thrown;
    const facts = JSON.parse(text);
    // Refused here, before anything was sent.
    const local = facts.class === "CreditEngineError" && facts.code !== "invalid_config";
    return makeFaceError(local ? { ...facts, class: "ValidationError" } : facts, cause);
  }
  return new ClockNextError(`The client failed inside: ${thrown?.message}.`, {
    code: "internal_error",
    effect: key === null ? "not_applied" : "unknown",
    retryable: true,
    idempotencyKey: key,
    cause: thrown,
  });
}
