// Replays recorded model requests as credits spent by 50 customers through the example edge
// function, then checks every ledger against its own arithmetic over what was acknowledged.
//
// One customer in five is granted too little and runs out. Some messages are sent twice at once
// under one id, and some meet a model that fails. Ends with status 1 when anything differs.

import { Books } from "./books.mjs";
import { startExample } from "./example.mjs";
import { promptOf } from "./model.mjs";
import { showProgress } from "./progress.mjs";
import { needs, readTrace } from "./requests.mjs";

/** Messages on their way at one time. */
const AT_ONCE = 24;
/** One customer in so many is granted this share of what it will ask for. */
const SHORT_EVERY = 5;
const SHORT_PERCENT = 60;
/** The others get this much more than they need, for gates that are refunded only later. */
const ROOM_MINOR_UNITS = 1_000_000_000;

/** What the example can answer; anything else is a failure of this run. */
const OUTCOMES = new Map([
  [200, "answered"],
  [402, "refused"],
  [409, "replays"],
  [502, "refunded"],
]);

const ALL_RIGHT = "every ledger is right to the minor unit";

async function grantAll(example, messages, books) {
  let index = 0;
  for (const [customer, need] of needs(messages)) {
    index += 1;
    const short = index % SHORT_EVERY === 0;
    const amount = short ? Math.floor((need * SHORT_PERCENT) / 100) : need + ROOM_MINOR_UNITS;
    await example.api().grant(customer, books.text(amount));
    books.granted(customer, amount);
  }
}

/** Sends every message, each so often as it says, and books what is acknowledged. */
async function replay(example, messages, books) {
  const sends = messages.flatMap((message) => Array(message.copies).fill(message));
  const progress = showProgress("replaying", sends.length);
  const tally = { counts: new Map(), latencies: [], unexpected: [] };
  let next = 0;
  let done = 0;
  const client = async () => {
    while (next < sends.length) {
      const message = sends[next++];
      await send(example, message, books, tally);
      progress(++done);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  return { ...tally, seconds: (performance.now() - started) / 1000 };
}

async function send(example, message, books, tally) {
  const { customer, id, input, output, fails } = message;
  const prompt = promptOf(input, fails ? "fail" : String(output));
  const started = performance.now();
  const { status, error } = await example.chat({ user: customer, prompt, id });
  tally.latencies.push(performance.now() - started);
  const outcome = OUTCOMES.get(status);
  if (!outcome) return void tally.unexpected.push(`${id}: ${status} ${error ?? ""}`);
  tally.counts.set(outcome, (tally.counts.get(outcome) ?? 0) + 1);
  if (status === 200) books.answered(message);
  if (status === 502) books.refunded(message);
}

function percentile(sorted, percent) {
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))];
}

function report({ counts, latencies, seconds }, { entries, charges, spent }, messages, customers) {
  const sorted = latencies.toSorted((a, b) => a - b);
  const milliseconds = (percent) => `${percentile(sorted, percent).toFixed(1)} ms`;
  const rows = [
    ["recorded requests", messages.length],
    ["customers", customers],
    ["sent", `${latencies.length} in ${seconds.toFixed(1)} s, ${AT_ONCE} at a time`],
    ["charges in the ledgers", charges],
    ["entries in the ledgers", entries],
    ["credits spent", spent],
    ["refusals (out of credits)", counts.get("refused") ?? 0],
    ["replays (charged once)", counts.get("replays") ?? 0],
    ["refunds (the model failed)", counts.get("refunded") ?? 0],
    ["p50", milliseconds(50)],
    ["p99", milliseconds(99)],
  ];
  console.log();
  for (const [name, value] of rows) console.log(`${name.padEnd(28)} ${value}`);
}

const messages = await readTrace(process.argv[2]);
const example = await startExample();
const books = new Books();
try {
  await grantAll(example, messages, books);
  const tally = await replay(example, messages, books);
  const progress = showProgress("checking the ledgers", books.customers.length);
  const found = await books.compare(example.api(), progress);
  report(tally, found, messages, books.customers.length);
  const differences = [...tally.unexpected, ...found.differences];
  for (const outcome of OUTCOMES.values()) {
    if (!tally.counts.has(outcome)) differences.push(`no ${outcome}: the run proves little`);
  }
  for (const difference of differences.slice(0, 20)) console.log(`DIFFERS: ${difference}`);
  const verdict = differences.length > 0 ? `${differences.length} differences` : ALL_RIGHT;
  console.log(`\n${books.customers.length} ledgers checked: ${verdict}`);
  process.exitCode = differences.length > 0 ? 1 : 0;
} finally {
  await example.stop();
}
