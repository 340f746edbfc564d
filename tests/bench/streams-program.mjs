// One turn of `streams.mjs`, in a process of its own: reads a stream of chat completions, bare or metered,
// and prints what it cost as JSON. Started with `--expose-gc`.

import { CreditEngine } from "edge-credits";

const { contestant, chunks, warmUp, bytes } = JSON.parse(process.argv[2]);
/** What is read between two looks at the memory. */
const LOOK_EVERY = 5e6;

/** An event as OpenAI sends them, of 256 bytes. */
function event() {
  const head = 'data: {"id":"chatcmpl-9xYz","object":"chat.completion.chunk","created":1790000000,';
  const model = '"model":"gpt-4o-mini-2024-07-18","system_fingerprint":"fp_1","choices":[{"index":0,';
  const open = '"delta":{"content":"';
  const close = '"},"logprobs":null,"finish_reason":null}]}\n\n';
  const text = " token".repeat(9).padEnd(256 - (head + model + open + close).length, ".");
  return new TextEncoder().encode(head + model + open + text + close);
}

/** Answers of a ledger that is never in the way. */
const fetcher = {
  async fetch(url, { body }) {
    const { amount = 0 } = JSON.parse(body ?? "{}");
    const hold_id = `txn_${"0a".repeat(16)}`;
    const facts = { hold_id, amount, captured: amount, balance: 1, unit: "credits" };
    const answer = { ...facts, transaction_id: hold_id, expires_at: "2030-01-01T00:00:00Z" };
    return new Response(JSON.stringify(answer), { headers: { "content-type": "application/json" } });
  },
};
const ce = new CreditEngine({ apiKey: "ce_test_0123456789", fetcher, mode: "stateless" });

async function responseOf(source) {
  const response = new Response(source, { headers: { "content-type": "text/event-stream" } });
  if (contestant === "bare") return response;
  return ce.meterStream(response, {
    customerId: "cus_1",
    price: { input: 3, output: 15 },
    hold: 1000,
    inputTokens: 100,
  });
}

/** A chunk at a time; each waits until the one before has been read. `sent` is when the last one left. */
function source(count, clock) {
  const chunk = event();
  let left = count;
  const pull = (controller) => {
    if (left === 0) return controller.close();
    left -= 1;
    const copy = chunk.slice();
    clock.sent = performance.now();
    controller.enqueue(copy);
  };
  return new ReadableStream({ pull }, { highWaterMark: 0 });
}

/** From when a chunk leaves its source until its reader has it, in microseconds. */
async function delays(count) {
  const clock = { sent: 0 };
  const response = await responseOf(source(count, clock));
  const times = new Float64Array(count);
  const reader = response.body.getReader();
  for (let at = 0; at < count; at += 1) {
    await reader.read();
    times[at] = (performance.now() - clock.sent) * 1000;
  }
  await reader.read();
  return times;
}

/** What is kept in memory along a long stream, in bytes: `[read, kept]` at every look. */
async function memory(length) {
  const size = event().length;
  const response = await responseOf(source(Math.ceil(length / size), { sent: 0 }));
  const reader = response.body.getReader();
  const looks = [];
  let read = 0;
  const start = performance.now();
  let looking = 0;
  for (let next = 0; ; ) {
    if (read >= next) {
      const before = performance.now();
      globalThis.gc();
      const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
      looks.push([read, heapUsed + external + arrayBuffers, rss]);
      next += LOOK_EVERY;
      looking += performance.now() - before;
    }
    const { done, value } = await reader.read();
    if (done) break;
    read += value.length;
  }
  const seconds = (performance.now() - start - looking) / 1000;
  return { looks, read, seconds };
}

await delays(warmUp);
const times = await delays(chunks);
const kept = await memory(bytes);
await ce.flush();
console.log(JSON.stringify({ times: Array.from(times), ...kept }));
