// A response that is metered while it is passed on, byte for byte.

import { openMeter } from "./meter.js";
import { Frames } from "./frames.js";
import { onAbort, passedOn } from "./passed_on.js";
import { anyTextIn, textIn, usageIn } from "./provider_usage.js";

/** Bodies that hold text, in whatever shape. */
const WITH_TEXT = /json|event-stream/i;
/** Most bytes that are taken for text although nobody could read them: they may hold a file. */
const MAX_UNREAD = 64 * 1024;
const [LF, CR] = [10, 13];
/** Events that end a stream which has not begun. */
const FAILURES = new Set(["error", "response.failed"]);

/** Holds credits, makes the call (where it is a function), and gives its response. */
export async function meterStream(engine, source, options) {
  // It may fail while the credits are held, and is looked at then.
  if (typeof source !== "function") Promise.resolve(source).catch(() => {});
  let meter;
  try {
    meter = await openMeter(engine, options);
  } catch (error) {
    // Nobody will read what has come already.
    if (typeof source !== "function") dismiss(source, error);
    throw error;
  }
  return meteredResponse(meter, source);
}

/**
 * The response of `source`, a function or (a promise of) a response, under a meter that is open. A `signal`
 * that is aborted breaks the call off, and what it has used until then is taken.
 */
export async function meteredResponse(meter, source, signal = meter.signal) {
  try {
    const response = await answerOf(meter, source, signal);
    if (response.ok && response.body !== null) {
      return new Response(metered(response, meter, signal), response);
    }
    // A refusal is not charged for, nor is no answer.
    meter.abort().catch(() => {});
    await meter.settledOrKept;
    return response;
  } catch (error) {
    // What is broken off before it is made has not happened.
    const ended = signal?.aborted && meter.hasBegun ? meter.settle("cancelled") : meter.abort();
    ended.catch(() => {});
    await meter.settledOrKept;
    throw error;
  }
}

/** Waited for until the signal is aborted; nobody will read what comes after that. */
async function answerOf(meter, source, signal) {
  if (signal?.aborted && !meter.hasBegun && typeof source === "function") throw signal.reason;
  // With the request, so that it is not waited for: a model takes longer.
  const told = meter.begin();
  meter.isAwaited = true;
  const made = typeof source === "function" ? source(meter) : source;
  let response = made;
  if (typeof made?.then === "function") {
    let unheed;
    const aborted = new Promise((_, fail) => {
      unheed = onAbort(signal, () => (dismiss(made, signal.reason), fail(signal.reason)));
    });
    response = await Promise.race([made, aborted]).finally(unheed);
  }
  meter.isAwaited = false;
  await told;
  return response;
}

function metered(response, meter, signal) {
  const frames = framesOf(response, meter);
  // The end of a body waits for the settlement where the host would not let it be made afterwards.
  const end = async (reason) => {
    frames.close(reason);
    const settled = frames.hasFailed && !frames.hasBegun ? meter.abort() : meter.settle(reason);
    settled.catch(() => {});
    await meter.settledOrKept;
  };
  const note = (chunk) => frames.push(chunk);
  const isEvents = /^text\/event-stream\b/i.test(response.headers.get("content-type") ?? "");
  const partsOf = (chunk) => parts(chunk, meter, isEvents ? isEventEnd : isLineEnd);
  return passedOn(response.body, meter, { note, end, partsOf, signal });
}

/**
 * What has come together, because this side was slow, may be more than a step: then it is passed on in parts
 * that are whole events, or lines. Copies, because whoever reads on may take a chunk.
 */
function* parts(chunk, meter, isEnd) {
  let start = 0;
  while (chunk.length - start > meter.partBytes) {
    const end = endOf(chunk, start, Math.max(1, meter.partBytes), isEnd);
    if (end === chunk.length) break;
    yield copied(chunk, start, end);
    start = end;
  }
  yield start === 0 ? chunk : copied(chunk, start);
}

/** Of a Buffer, `slice` is no copy. */
function copied(bytes, start, end) {
  return Uint8Array.prototype.slice.call(bytes, start, end);
}

/** The last end within so many bytes, else the first behind them. */
function endOf(bytes, start, most, isEnd) {
  for (let at = start + most - 1; at >= start; at -= 1) if (isEnd(bytes, at)) return at + 1;
  for (let at = start + most; at < bytes.length; at += 1) if (isEnd(bytes, at)) return at + 1;
  return bytes.length;
}

function isLineEnd(bytes, at) {
  return bytes[at] === LF;
}

function isEventEnd(bytes, at) {
  return bytes[at] === LF && (bytes[at - 1] === LF || (bytes[at - 1] === CR && bytes[at - 2] === LF));
}

/** What reads along. It must not be able to break the stream. */
function framesOf(response, meter) {
  const state = { hasFailed: false, hasBegun: false };
  let bytes = 0;
  let objects = 0;
  let plain = 0;
  const onObject = (object) => {
    objects += 1;
    if (!state.hasBegun) plain += anyTextIn(object);
    const text = textIn(object);
    const usage = usageIn(object);
    state.hasBegun ||= usage !== null || text.output + text.reasoning > 0;
    state.hasFailed ||= isFailure(object);
    meter.read(text, usage);
  };
  const onText = (part) => {
    state.hasBegun = true;
    meter.read({ output: part.length, reasoning: 0 }, null);
  };
  const type = response.headers.get("content-type") ?? "";
  const frames = new Frames(type, onObject, onText);
  const quietly = (work) => {
    try {
      work();
    } catch {
      // Passed on all the same; what is known is charged.
    }
  };
  return Object.assign(state, {
    push(part) {
      bytes += part.length;
      quietly(() => frames.push(part));
    },
    /** An answer whose shape is not known is charged for its text, and so is one that was cut in it. */
    close(reason) {
      if (reason === "finished") quietly(() => frames.end());
      if (state.hasBegun || state.hasFailed || !WITH_TEXT.test(type)) return;
      const isWhole = objects > 0;
      // Of events that were read, and had no text yet, there is none.
      if (isWhole && reason !== "finished") return;
      const output = isWhole ? plain : Math.min(bytes, MAX_UNREAD);
      quietly(() => meter.read({ output, reasoning: 0 }, null));
    },
  });
}

function isFailure({ type, error, response }) {
  return (error ?? response?.error ?? null) !== null || FAILURES.has(type);
}

function dismiss(source, reason) {
  Promise.resolve(source)
    .then((response) => response?.body?.cancel?.(reason))
    .catch(() => {});
}
