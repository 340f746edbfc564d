// `cargo xtask bench cache` runs this: the balance cache beside other ways to charge, in one run.
//
// Figures are compared within a run, as ratios. Nothing here asserts a time: a run fails when
// something was answered wrongly, did not come to rest, or could not be measured in this build.

import { availableParallelism, cpus } from "node:os";

import { ceiling } from "./ceiling.mjs";
import { hasCache } from "./contestants.mjs";
import { startLoad } from "./load.mjs";
import { sideBySide } from "./side-by-side.mjs";

/** What a run does. `seconds` is the length of a turn, `warmUp` the same before it counts. */
function planOf({ quick = false, seconds, rounds } = {}) {
  const plan = quick
    ? { seconds: 0.4, warmUp: 0.5, rounds: 3, clients: [1, 8, 64] }
    : { seconds: 1, warmUp: 1.5, rounds: 5, clients: [1, 8, 64] };
  return { ...plan, ...(seconds && { seconds }), ...(rounds && { rounds }) };
}

const BENCHES = { cache };

async function cache({ load, plan, say }) {
  const withCache = await hasCache();
  const faults = withCache ? [] : ["the cache object is not available in this build"];
  await ceiling({ load, plan, say });
  faults.push(...(await sideBySide({ load, plan, withCache, say })));
  return faults;
}

async function main() {
  const options = JSON.parse(process.argv[2] ?? "{}");
  const name = options.name ?? "cache";
  const bench = BENCHES[name];
  if (!bench) throw new Error(`there is no bench \`${name}\`; there are: ${Object.keys(BENCHES)}`);
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
    const faults = await bench({ load, plan, say });
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
