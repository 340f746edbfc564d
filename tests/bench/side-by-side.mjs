// Every call on every contestant, at 1, 8 and 64 clients, on one hot customer and on many.
//
// The machine's speed wanders, so that contestants take turns in short rounds, in another order
// each time, and the medians of the rounds are compared. Between two turns everything that is still
// being sent on has to come to rest: no contestant runs in the wake of another.

import { CALLS } from "./calls.mjs";
import {
  CUSTOMERS, DISTANCE_MS, provide, startApi, startCache, startFloor, wake,
} from "./contestants.mjs";
import { fixed, median, table } from "./figures.mjs";
import { processorTime, quiet } from "./processes.mjs";

/** What is aimed at: the cache's requests per second over the floor's. */
const AIM = 0.8;
/** Longer than a full outbox takes to drain. */
const PATIENCE_MS = 120_000;

const TITLES = {
  cache: "cache object",
  floor: "floor: hand-written object",
  api: "API at 0 ms (ledger mode)",
  distant: `API at ${DISTANCE_MS} ms`,
};

/** @returns {Promise<string[]>} what went wrong, as sentences */
export async function sideBySide({ load, plan, withCache, say }) {
  const [api, distant] = await startApi();
  const all = [await startFloor(), api, distant];
  if (withCache) all.unshift(await startCache());
  const faults = [];
  try {
    for (const one of all.filter(({ name }) => name !== "distant")) {
      for (const customers of [1, CUSTOMERS]) await provide(load, one, customers);
    }
    await warmUp(load, all, plan);
    const met = [];
    for (const customers of [1, CUSTOMERS]) {
      for (const call of Object.keys(CALLS)) {
        say(`\n${call}, ${customers === 1 ? "one hot customer" : `${customers} customers`}`);
        const rows = [HEADINGS];
        for (const clients of plan.clients) {
          const job = { call, clients, customers, seconds: plan.seconds };
          const results = await rounds({ load, all, job, plan, faults });
          rows.push(...rowsOf(clients, all, results));
          if (withCache) met.push(ratio(results, "cache", "floor", "rate"));
        }
        for (const line of table(rows)) say(line);
      }
    }
    if (withCache) say(verdict(met));
    faults.push(...all.flatMap(complaints));
  } finally {
    for (const one of all) await one.stop();
  }
  return faults;
}

/** Optimising compilers and statement caches have done their work after this. */
async function warmUp(load, all, plan) {
  for (const one of all) {
    for (const customers of [1, CUSTOMERS]) {
      for (const call of Object.keys(CALLS)) {
        await turn(load, one, { call, clients: 32, customers, seconds: plan.warmUp });
      }
    }
  }
}

/** The medians per contestant over rounds in which everyone has one turn. */
async function rounds({ load, all, job, plan, faults }) {
  const turns = new Map(all.map(({ name }) => [name, []]));
  for (let round = 0; round < plan.rounds; round += 1) {
    const order = all.map((_, index) => all[(index + round) % all.length]);
    for (const one of order) {
      const result = await turn(load, one, job);
      faults.push(...faultsOf(one, job, result));
      turns.get(one.name).push(result);
    }
  }
  const middle = (results) => {
    const of = (figure) => median(results.map((result) => result[figure]));
    const figures = ["rate", "p50", "p99", "processor", "generator", "local"];
    return Object.fromEntries(figures.map((figure) => [figure, of(figure)]));
  };
  return new Map([...turns].map(([name, results]) => [name, middle(results)]));
}

/** One turn, with all that it causes until the contestant rests again. */
async function turn(load, one, job) {
  const pids = one.upstream ? [one.pid, one.upstream.pid] : [one.pid];
  await wake(load, one, job.customers);
  const before = processorTime(one.pid);
  const result = await load.run({ ...job, port: one.port, key: one.key });
  const rested = await quiet(pids, PATIENCE_MS);
  const sampled = Object.values(result.sources).reduce((sum, count) => sum + count, 0);
  return {
    ...result,
    rested,
    rate: result.count / result.seconds,
    // To its rest: what is sent on later is part of a call's price.
    processor: (processorTime(one.pid) - before) / result.count,
    local: sampled > 0 ? (result.sources["edge-cache"] ?? 0) / sampled : Number.NaN,
  };
}

function faultsOf(one, job, { refused, sample, rested }) {
  const where = `${one.name}, ${job.call}, ${job.clients} clients, ${job.customers} customers`;
  const statuses = Object.entries(refused).map(([status, count]) => `${count} × ${status}`);
  const faults = rested ? [] : [`${where}: it did not come to rest`];
  if (statuses.length > 0) faults.push(`${where}: ${statuses.join(", ")} ${sample}`);
  return faults;
}

/** What the runtime itself complained of. */
function complaints({ name, output }) {
  const text = output().trim();
  return text ? [`${name}: the runtime says: ${text.slice(-500)}`] : [];
}

const HEADINGS = [
  "clients", "req/s", "÷ floor", "p50 ms", "÷ floor", "p99 ms", "÷ floor", "CPU µs/call",
  "÷ floor", "from cache", "",
];

function rowsOf(clients, all, results) {
  return all.map(({ name }) => {
    const own = results.get(name);
    const cells = ["rate", "p50", "p99", "processor"].flatMap((figure) => [
      fixed(own[figure], figure === "rate" || figure === "processor" ? 0 : 2),
      fixed(ratio(results, name, "floor", figure), 2),
    ]);
    const local = Number.isFinite(own.local) ? `${fixed(own.local * 100, 0)} %` : "";
    return [`${clients}`, ...cells, local, TITLES[name]];
  });
}

function ratio(results, name, other, figure) {
  return results.get(name)[figure] / results.get(other)[figure];
}

function verdict(ratios) {
  const met = ratios.filter((ratio) => ratio >= AIM).length;
  const lowest = fixed(Math.min(...ratios), 2);
  return (
    `\naim: the cache object at ≥ ${AIM} of the floor's requests per second: met in ${met} of ` +
    `${ratios.length} settings; lowest ratio ${lowest}, median ${fixed(median(ratios), 2)}`
  );
}
