// Memory of the runtime over many charges and alarms. What is kept of a charge is on disk; a runtime
// that grows with their number leaks.

import { provide, startCache } from "./contestants.mjs";
import { fixed, slope, table } from "./figures.mjs";
import { quiet, residentMemory } from "./processes.mjs";

/** Few enough that their charges are sent on many at a time: a run then takes minutes, not hours. */
const CUSTOMERS = 10;
/** Charges between two looks. */
const SLICE = 50_000;
const CLIENTS = 32;
/** A slow machine stops here, and says how far it came. */
const MOST_MS = 60 * 60_000;
const PATIENCE_MS = 120_000;

/** @returns {Promise<string[]>} what went wrong, as sentences */
export async function soak({ load, plan, say }) {
  const cache = await startCache({ counting: true });
  const faults = [];
  try {
    await provide(load, cache, CUSTOMERS);
    const looks = [await look(cache, 0)];
    const from = performance.now();
    const job = { call: "consume", customers: CUSTOMERS, clients: CLIENTS };
    let charges = 0;
    while (charges < plan.soak && performance.now() - from < MOST_MS) {
      const requests = Math.min(SLICE, plan.soak - charges);
      const result = await load.run({ ...job, requests, port: cache.port, key: cache.key });
      charges += result.count;
      for (const [status, times] of Object.entries(result.refused)) {
        faults.push(`soak: ${times} × ${status} ${result.sample}`);
      }
      looks.push(await look(cache, charges));
    }
    const seconds = (performance.now() - from) / 1000;
    const rested = await quiet([cache.pid, cache.upstream.pid], PATIENCE_MS);
    if (!rested) faults.push("soak: it did not come to rest");
    const last = await look(cache, charges);
    say(
      `\nmemory over ${charges} charges of ${CUSTOMERS} customers in ${fixed(seconds, 0)} s ` +
        `(${fixed(charges / seconds, 0)}/s), sent on in ${cache.sent()} requests, ` +
        `${last.alarms} alarms`,
    );
    if (charges < plan.soak) say(`stopped after ${MOST_MS / 60_000} minutes, before the ${plan.soak} asked for`);
    for (const line of table(rowsOf([...looks, { ...last, note: "at rest" }]))) say(line);
    const half = looks.slice(looks.length >> 1);
    const grows = (figure) => fixed(slope(half.map((each) => [each.charges / 1e6, each[figure]])), 1);
    if (half.length > 2) {
      say(
        `in the second half: ${grows("cache")} MB per million charges in the cache's runtime, ` +
          `${grows("upstream")} MB in its upstream's`,
      );
    }
  } finally {
    await cache.stop();
  }
  return faults;
}

async function look(cache, charges) {
  const response = await fetch(`http://127.0.0.1:${cache.port}/bench/alarms`);
  return {
    charges,
    alarms: Number(await response.text()),
    cache: residentMemory(cache.pid) / 1024,
    upstream: residentMemory(cache.upstream.pid) / 1024,
  };
}

function rowsOf(looks) {
  return [
    ["charges", "alarms", "cache's runtime MB", "upstream's runtime MB", ""],
    ...looks.map(({ charges, alarms, cache, upstream, note = "" }) => [
      `${charges}`,
      `${alarms}`,
      fixed(cache, 0),
      fixed(upstream, 0),
      note,
    ]),
  ];
}
