// A response that is metered while it is passed on: byte for byte, chunk by chunk, and no sooner than
// its reader asks for more.

import { openMeter } from "./meter.js";
import { Frames } from "./frames.js";
import { textIn, usageIn } from "./provider_usage.js";

/** Holds credits, makes the call (where it is a function), and gives its response. */
export async function meterStream(engine, source, options) {
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

/** The response of `source`, a function or (a promise of) a response, under a meter that is open. */
export async function meteredResponse(meter, source) {
  let response;
  try {
    // With the request, so that it is not waited for: a model takes longer.
    const told = meter.begin();
    response = await (typeof source === "function" ? source(meter) : source);
    await told;
  } catch (error) {
    meter.abort().catch(() => {});
    await meter.settledOrKept;
    throw error;
  }
  if (response.ok && response.body !== null) {
    return new Response(metered(response, meter), response);
  }
  // A refusal is not charged for.
  (response.ok ? meter.settle() : meter.abort()).catch(() => {});
  await meter.settledOrKept;
  return response;
}

function metered(response, meter) {
  const reader = response.body.getReader();
  const frames = framesOf(response, meter);
  // The end of a body waits for the settlement where the host would not let it be made afterwards.
  const settle = async (reason) => {
    const end = frames.hasFailed && !frames.hasBegun ? meter.abort() : meter.settle(reason);
    end.catch(() => {});
    await meter.settledOrKept;
  };
  return new ReadableStream(
    {
      async pull(controller) {
        let next;
        try {
          next = await reader.read();
        } catch (error) {
          await settle("failed");
          controller.error(error);
          return;
        }
        if (next.done) {
          frames.end();
          await settle("finished");
          controller.close();
          return;
        }
        // Read before it is passed: who gets it may take it away.
        frames.push(next.value);
        controller.enqueue(next.value);
        if (meter.refusal === null) return;
        controller.error(meter.refusal);
        reader.cancel(meter.refusal).catch(() => {});
        await settle("exhausted");
      },
      async cancel(reason) {
        const ended = reader.cancel(reason);
        ended.catch(() => {});
        await settle("cancelled");
        await ended;
      },
    },
    { highWaterMark: 0 },
  );
}

/** What reads along. It must not be able to break the stream. */
function framesOf(response, meter) {
  const state = { hasFailed: false, hasBegun: false };
  const onObject = (object) => {
    const text = textIn(object);
    const usage = usageIn(object);
    state.hasBegun ||= usage !== null || text.output + text.reasoning > 0;
    state.hasFailed ||= (object.error ?? null) !== null || object.type === "error";
    meter.take(text, usage);
  };
  const onText = (bytes) => {
    state.hasBegun = true;
    meter.take({ output: bytes.length, reasoning: 0 }, null);
  };
  const frames = new Frames(response.headers.get("content-type") ?? "", onObject, onText);
  const quietly = (work) => {
    try {
      work();
    } catch {
      // Passed on all the same; what is known is charged.
    }
  };
  return Object.assign(state, {
    push: (bytes) => quietly(() => frames.push(bytes)),
    end: () => quietly(() => frames.end()),
  });
}

function dismiss(source, reason) {
  Promise.resolve(source)
    .then((response) => response?.body?.cancel?.(reason))
    .catch(() => {});
}
