// Memory over many charges and alarms. What is kept of a charge is on disk; code that keeps something
// of each in memory leaks, and one byte a charge is one MB per million of them.
//
// A look is taken when nothing is on its way any more and the heaps have been collected. What tells a
// leak from noise, the strictest first:
//
//   wasm     what our code allocates. It never shrinks, and grows by pages of 64 KB: a busy slice may
//            take some once, a leak takes them at a steady pace. So it is the second half that counts.
//   heap     what the JavaScript around it still holds after a collection. Steady to some KB.
//   runtime  the whole process: the two above, SQLite's pages, what allocators keep for later. It
//            wanders by tens of MB and grows without any leak. The hand-written object of floor/
//            takes as many charges in the same turns: what that grows by is the runtime's own.
//
// A run fails when wasm or heap grow by more than LEAK_BYTES a charge and NOISE_BYTES besides. What
// the process grows by is printed, and judged by nobody.

import { customers } from "./calls.mjs";
import { provide, startCache, startFloor } from "./contestants.mjs";
import { fixed, lines, slope } from "./figures.mjs";
import { heapOf } from "./inspector.mjs";
import { quiet, residentMemory } from "./processes.mjs";

/** Few enough that their charges are sent on many at a time: a run then takes minutes, not hours. */
const CUSTOMERS = 10;
/** So many looks, unless the slices between them come to more charges than SLICE. */
const LOOKS = 10;
/** Charges between two looks, at most. */
const SLICE = 50_000;
const CLIENTS = 32;
/** A slow machine stops here, and says how far it came. */
const MOST_MS = 60 * 60_000;
const PATIENCE_MS = 120_000;
/** The least that is called a leak: nothing that is kept of a charge is smaller. */
const LEAK_BYTES = 8;
/** Growth that is none: a few pages, or what a heap is larger by after other code has run. */
const NOISE_BYTES = 512 * 1024;
const MB = 2 ** 20;

/** @returns {Promise<string[]>} what went wrong, as sentences */
export async function soak({ load, plan, say }) {
  const starts = [startCache, startFloor].map((start) => start({ inside: true }));
  const [cache, floor] = await Promise.all(starts);
  try {
    await provide(load, cache, CUSTOMERS);
    say(`\nmemory in MB over ${plan.soak} charges of ${CUSTOMERS} customers, the floor's in turns`);
    const run = { load, plan, say, cache, floor, faults: [] };
    const { looks, seconds } = await charge(run);
    const { charges, alarms } = looks.at(-1);
    say(
      `${charges} charges in ${fixed(seconds, 0)} s (${fixed(charges / seconds, 0)}/s), sent on in ` +
        `${cache.sent()} requests; ${alarms} alarms`,
    );
    if (charges < plan.soak) say(`stopped after ${MOST_MS / 60_000} minutes, before all were made`);
    return [...run.faults, ...judge(looks, say)];
  } finally {
    await Promise.all([cache.stop(), floor.stop()]);
  }
}

/** The charges in turns, with a look and a line after each; `seconds` are the cache's own. */
async function charge({ load, plan, say, cache, floor, faults }) {
  const print = lines(COLUMNS.map(([title]) => title), say);
  const looks = [];
  const note = async (charges) => {
    if (!(await quiet([cache.pid, cache.upstream.pid, floor.pid], PATIENCE_MS))) {
      faults.push(`soak: it did not come to rest after ${charges} charges`);
    }
    looks.push({ charges, ...(await look(cache, floor)) });
    print(COLUMNS.map(([, figure]) => figure(looks.at(-1))));
  };
  await note(0);
  const slice = Math.min(SLICE, Math.ceil(plan.soak / LOOKS));
  const from = performance.now();
  let [charges, took] = [0, 0];
  while (charges < plan.soak && performance.now() - from < MOST_MS) {
    const requests = Math.min(slice, plan.soak - charges);
    for (const { name, port, key } of [floor, cache]) {
      const job = { call: "consume", customers: CUSTOMERS, clients: CLIENTS, requests, port, key };
      const turn = performance.now();
      const { count, refused, sample } = await load.run(job);
      if (name === cache.name) {
        charges += count;
        took += performance.now() - turn;
      }
      for (const [status, times] of Object.entries(refused)) {
        faults.push(`soak: ${name}: ${times} × ${status} ${sample}`);
      }
    }
    await note(charges);
  }
  return { looks, seconds: took / 1000 };
}

const COLUMNS = [
  ["charges", ({ charges }) => `${charges}`],
  [" alarms", ({ alarms }) => `${alarms}`],
  ["cache: wasm", ({ cache }) => inMB(cache.wasm)],
  [" heap", ({ cache }) => inMB(cache.heap)],
  ["runtime", ({ cache }) => inMB(cache.runtime, 0)],
  ["its ledger: wasm", ({ ledger }) => inMB(ledger.wasm)],
  [" heap", ({ ledger }) => inMB(ledger.heap)],
  ["runtime", ({ ledger }) => inMB(ledger.runtime, 0)],
  ["floor: heap", ({ floor }) => inMB(floor.heap)],
  ["runtime", ({ floor }) => inMB(floor.runtime, 0)],
];

async function look(cache, floor) {
  const { upstream } = cache;
  const [ofCache, ofLedger] = await Promise.all([cache, upstream].map(insideOf));
  return {
    alarms: ofCache.alarms,
    cache: { wasm: ofCache.wasm, ...(await memoryOf(cache)) },
    ledger: { wasm: ofLedger.wasm, ...(await memoryOf(upstream)) },
    floor: await memoryOf(floor),
  };
}

/** What inside/main.js tells. */
async function insideOf({ port }) {
  return (await fetch(`http://127.0.0.1:${port}/bench/inside`)).json();
}

async function memoryOf({ pid, inspector, port, key }) {
  const [customer] = customers(CUSTOMERS);
  const url = `http://127.0.0.1:${port}/v1/customers/${customer}/balance`;
  const headers = { authorization: `Bearer ${key}` };
  const read = async () => (await fetch(url, { headers })).arrayBuffer();
  // The heap first: a runtime gives back what its collection has freed.
  const heap = await heapOf(inspector, read);
  return { heap, runtime: residentMemory(pid) * 1024 };
}

/** Says what grew by how much in the second half. @returns {string[]} the leaks, as sentences */
function judge(looks, say) {
  const half = looks.slice(looks.length >> 1);
  if (half.length < 3) return [];
  const charges = half.at(-1).charges - half[0].charges;
  const leaks = [];
  for (const who of ["cache", "ledger", "floor"]) {
    const grown = Object.keys(half[0][who]).map((what) => {
      const points = half.map((each) => [each.charges, each[who][what]]);
      const bytes = slope(points);
      const judged = who !== "floor" && what !== "runtime";
      if (judged && bytes * charges > NOISE_BYTES + LEAK_BYTES * charges) {
        leaks.push(`soak: the ${what} of the ${who} grows by ${fixed(bytes, 0)} bytes a charge`);
      }
      return `${what} ${fixed(bytes, 1)}`;
    });
    say(`in the second half, bytes a charge, ${who}: ${grown.join(", ")}`);
  }
  return leaks;
}

function inMB(bytes, digits = 2) {
  return fixed(bytes / MB, digits);
}
