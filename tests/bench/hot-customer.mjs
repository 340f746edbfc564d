// One hot customer for a minute: charges come as fast as eight clients make them, and are sent on
// to an API 50 ms away. Does the outbox keep up, and how many charges go in one request?

import { setTimeout as sleep } from "node:timers/promises";

import { operatorOf } from "./operator.mjs";
import { CREDITS, provide, startCache } from "./contestants.mjs";
import { fixed, slope, table } from "./figures.mjs";
import { processorTime } from "./processes.mjs";

const CUSTOMER = "hot";
const CLIENTS = 8;
/** Between two looks at the outbox. */
const LOOK_MS = 1_000;
/** Lines that are printed of them. */
const LINES = 12;
/** Longer than a full outbox takes to drain. */
const PATIENCE_MS = 120_000;

/** @returns {Promise<string[]>} what went wrong, as sentences */
export async function hotCustomer({ load, plan, say }) {
  const cache = await startCache();
  try {
    await provide(load, cache, 1);
    const job = { call: "consume", customers: 1, port: cache.port, key: cache.key };
    await load.run({ ...job, clients: CLIENTS, seconds: plan.warmUp });
    const drained = async () => (await operatorOf(cache, CUSTOMER)).open === 0;
    await until(drained);
    const before = await operatorOf(cache, CUSTOMER);
    const sentBefore = cache.sent();
    const looks = [];
    const from = performance.now();
    const seconds = plan.minute;
    let running = true;
    const result = load.run({ ...job, clients: CLIENTS, seconds }).finally(() => {
      running = false;
    });
    while (running) {
      await Promise.race([sleep(LOOK_MS), result]);
      looks.push(await look(cache, from, sentBefore));
    }
    const { count, refused, sample, pending, p50, p99 } = await result;
    const ended = performance.now();
    const empty = await until(drained);
    const draining = (performance.now() - ended) / 1000;
    const after = await operatorOf(cache, CUSTOMER);
    const requests = cache.sent() - sentBefore;
    say(`\none hot customer for ${seconds} s, ${CLIENTS} clients, the API ${cache.distance} ms away`);
    for (const line of table(rowsOf(looks))) say(line);
    const grows = slope(looks.slice(looks.length >> 1).map((each) => [each.at, each.open]));
    say(
      `${count} charges accepted (${fixed(count / seconds, 0)}/s, p50 ${fixed(p50, 2)} ms, p99 ` +
        `${fixed(p99, 2)} ms), sent on in ${requests} requests: ` +
        `${fixed(count / requests, 1)} charges a request`,
    );
    say(
      `most pending in an answer ${pending}; in the second half the outbox grew by ` +
        `${fixed(grows, 1)} a second; empty ${fixed(draining, 1)} s after the last charge`,
    );
    return [
      ...Object.entries(refused).map(([status, times]) => `${times} × ${status} ${sample}`),
      ...(empty ? [] : ["the outbox did not drain"]),
      ...(await audit(cache, count, before, after)),
    ].map((fault) => `hot customer: ${fault}`);
  } finally {
    await cache.stop();
  }
}

async function look(cache, from, sentBefore) {
  const at = (performance.now() - from) / 1000;
  const { counts, open } = await operatorOf(cache, CUSTOMER);
  const processor = processorTime(cache.pid);
  return { at, open, inFlight: counts.in_flight, sent: cache.sent() - sentBefore, processor };
}

function rowsOf(looks) {
  const every = Math.max(1, Math.ceil(looks.length / LINES));
  const shown = looks.filter((_, index) => index % every === every - 1);
  return [
    ["second", "waiting", "in flight", "requests sent"],
    ...shown.map(({ at, open, inFlight, sent }) => [
      fixed(at, 0),
      `${open}`,
      `${inFlight}`,
      `${sent}`,
    ]),
  ];
}

/** Every charge that was accepted is in the upstream's books once, and nothing else is. */
async function audit(cache, count, before, after) {
  const applied = after.counts.applied - before.counts.applied;
  const faults = applied === count ? [] : [`${count} accepted and ${applied} applied`];
  for (const state of ["rejected", "quarantined"]) {
    if (after.counts[state] > 0) faults.push(`${after.counts[state]} ${state}`);
  }
  const { port, key } = cache.upstream;
  const response = await fetch(`http://127.0.0.1:${port}/v1/customers/${CUSTOMER}/balance`, {
    headers: { authorization: `Bearer ${key}` },
  });
  const spent = CREDITS - Number((await response.json()).balance);
  if (spent !== after.counts.applied) {
    faults.push(`${after.counts.applied} applied, and the upstream was charged ${spent}`);
  }
  return faults;
}

async function until(condition) {
  const end = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > end) return false;
    await sleep(50);
  }
  return true;
}
