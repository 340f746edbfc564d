// Runs in a project with the packed package: reports so many signals, or lets so many wait. Prints one line of
// JSON.

import { ClockNext } from "edge-credits/clocknext";

const { url, contestant, what, count } = JSON.parse(process.argv[2]);
const signal = {
  customerId: "cus_123",
  model: "gpt-4o",
  tokens: { input: 1200, output: 340 },
  custom: { feature: "summarize" },
};

async function plain() {
  const { tokens, ...rest } = signal;
  const body = { ...rest, type: "wallet", inputTokens: tokens.input, outputTokens: tokens.output };
  const headers = { "content-type": "application/json", authorization: "Bearer cnk_bench" };
  for (let index = 0; index < count; index += 1) {
    const text = JSON.stringify({ ...body, idempotencyKey: crypto.randomUUID() });
    const response = await fetch(`${url}/api/v1/usage`, { method: "POST", headers, body: text });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    await response.json();
  }
}

function client(batch) {
  const onDrop = (_, reason) => {
    throw new Error(`dropped: ${reason}`);
  };
  return new ClockNext({ apiKey: "cnk_bench", baseUrl: url, batch, onDrop });
}

async function throughput() {
  const started = performance.now();
  let tracked = started;
  if (contestant === "loop") {
    await plain();
    tracked = performance.now();
  } else {
    const cnk = client({ maxQueueSize: 100_000 });
    for (let index = 0; index < count; index += 1) await cnk.signals.wallet(signal);
    tracked = performance.now();
    await cnk.close();
  }
  const seconds = (performance.now() - started) / 1000;
  return { perSecond: count / seconds, callMicros: ((tracked - started) * 1000) / count };
}

async function memory() {
  const cnk = client({ maxSize: 10_000, maxIntervalMs: 60_000, maxQueueSize: 100_000 });
  const used = () => {
    for (let times = 0; times < 3; times += 1) globalThis.gc();
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    return heapUsed + external + arrayBuffers;
  };
  // What is made once is not the signals'.
  for (let index = 0; index < 500; index += 1) await cnk.signals.wallet(signal);
  const before = used();
  const most = count - 501;
  for (let index = 0; index < most; index += 1) await cnk.signals.wallet(signal);
  const bytes = (used() - before) / most;
  const waiting = cnk.stats.waiting;
  if (waiting !== count - 1) throw new Error(`${waiting} wait`);
  const body = JSON.stringify({
    ...signal,
    tokens: undefined,
    type: "wallet",
    inputTokens: 1200,
    outputTokens: 340,
    idempotencyKey: crypto.randomUUID(),
  }).length;
  await cnk.close();
  return { bytes, body };
}

console.log(JSON.stringify(await (what === "memory" ? memory() : throughput())));
