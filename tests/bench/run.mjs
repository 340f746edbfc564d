// `cargo xtask bench` runs this: the balance cache beside other ways to charge, or the client beside
// others, in one run.
//
// Figures are compared within a run, as ratios. Nothing here asserts a time: a run fails when
// something was answered wrongly, did not come to rest, or could not be measured in this build.

import { availableParallelism, cpus } from "node:os";

import { analytics } from "./analytics.mjs";
import { ceiling } from "./ceiling.mjs";
import { client } from "./client.mjs";
import { hasCache } from "./contestants.mjs";
import { hotCustomer } from "./hot-customer.mjs";
import { inMemory } from "./in-memory.mjs";
import { startLoad } from "./load.mjs";
import { sideBySide } from "./side-by-side.mjs";
import { signals } from "./signals.mjs";
import { soak } from "./soak.mjs";
import { streams } from "./streams.mjs";

/** What a run does. `seconds` is the length of a turn, `warmUp` the same before it counts. */
function planOf({ quick = false, seconds, rounds, soak } = {}) {
  const plan = quick
    ? { seconds: 0.4, warmUp: 0.5, rounds: 3, minute: 10, soak: 20_000, calls: 300 }
    : { seconds: 1, warmUp: 1.5, rounds: 5, minute: 60, soak: 1_000_000, calls: 2_000 };
  const given = Object.entries({ seconds, rounds, soak }).filter(([, value]) => value !== undefined);
  return { ...plan, callsToWarm: 200, clients: [1, 8, 64], ...Object.fromEntries(given) };
}

/** What can be measured of the cache; `cache` is all of it. */
const PARTS = {
  "side-by-side": async ({ load, plan, say, withCache }) => {
    await ceiling({ load, plan, say });
    return sideBySide({ load, plan, say, withCache });
  },
  "hot-customer": ifCached(hotCustomer),
  soak: ifCached(soak),
  "in-memory": inMemory,
};

/** Measured where it is named, and not with the cache. */
const OTHERS = { analytics, signals, streams };

function ifCached(part) {
  // What is not there is reported once for all.
  return async (bench) => (bench.withCache ? part(bench) : []);
}

function partsOf(name) {
  if (name === "cache") return Object.values(PARTS);
  if (name === "client") return [client];
  if (Object.hasOwn(PARTS, name)) return [PARTS[name]];
  if (Object.hasOwn(OTHERS, name)) return [OTHERS[name]];
  const names = ["client", "cache", ...Object.keys({ ...PARTS, ...OTHERS })].join(", ");
  throw new Error(`there is no bench \`${name}\`; there are: ${names}`);
}

async function main() {
  const options = JSON.parse(process.argv[2] ?? "{}");
  const parts = partsOf(options.name ?? "cache");
  const plan = planOf(options);
  const say = (line) => console.log(line);
  const cores = availableParallelism();
  say(
    `${cores} cores (${cpus()[0]?.model.trim() ?? "unknown"}): the runtime, its upstream and the ` +
      `load generator share them.\nClosed loop, ${plan.rounds} rounds of ${plan.seconds} s a turn; ` +
      "contestants take turns, medians are shown. Compare within this run only.",
  );
  const load = startLoad();
  try {
    const withCache = await hasCache();
    const faults = withCache ? [] : ["the cache object: not available in this build"];
    for (const part of parts) {
      const unforeseen = (error) => [error.stack];
      faults.push(...(await part({ load, plan, say, withCache, quick: options.quick }).catch(unforeseen)));
    }
    for (const fault of faults) say(`\nFAULT: ${fault}`);
    process.exitCode = faults.length > 0 ? 1 : 0;
  } finally {
    load.stop();
  }
}

main().catch((error) => {
  console.error(`error: ${error.message}`);
  process.exit(1);
});
