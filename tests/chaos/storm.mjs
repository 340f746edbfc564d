// When programs are killed, stopped and exchanged. Every kill strikes under load: before each, so
// many calls must have been acknowledged since the last one.

import { pause } from "./random.mjs";

const LEAST_ACKNOWLEDGED = 20;
const LONGEST_WAIT_FOR_LOAD_MS = 60_000;
const LONGEST_LIFE_MS = 700;
const LONGEST_DOWN_MS = 300;
/** Up to longer than a caller, and the cache, wait for an answer. */
const LONGEST_STOP_MS = 2_800;

/** What else happens around a kill of the main program, each in turn. */
const EXTRAS = {
  ledger: ["stop", "nothing", "stop soon"],
  cache: ["stop", "kill the ledger", "stop the ledger", "both at once", "nothing"],
};

/**
 * Kills the main program `kills` times.
 * @param {object} options
 * @param {import("./world.mjs").World} options.world
 * @param {import("./history.mjs").History} options.history
 * @param {import("./random.mjs").Random} options.random
 * @param {(done: number) => void} options.onKill
 * @returns how many calls were in flight at the kills
 */
export async function killAgainAndAgain({ world, history, kills, random, onKill }) {
  const extra = random.deck(EXTRAS[world.mode]);
  // Every other start of a program is that of its other build.
  const upgrades = new Map();
  for (const program of Object.values(world.programs)) {
    upgrades.set(program, random.deck([true, false]));
  }
  let struck = 0;
  for (let kill = 1; kill <= kills; kill += 1) {
    await underLoad(world, history, random);
    const restart = (program) => {
      const downFor = random.between(0, LONGEST_DOWN_MS);
      return program.restart({ downFor, upgrade: upgrades.get(program)() });
    };
    await around(extra(), world, random, restart);
    struck += history.inFlight;
    await restart(world.main);
    onKill(kill);
  }
  return struck;
}

async function around(what, world, random, restart) {
  const stop = random.between(100, LONGEST_STOP_MS);
  switch (what) {
    case "stop":
      return world.main.stopFor(stop);
    case "stop soon":
      return world.main.stopFor(random.between(10, 200));
    case "stop the ledger":
      return world.ledger.stopFor(stop);
    case "kill the ledger":
      return restart(world.ledger);
    case "both at once":
      return Promise.all([restart(world.ledger), restart(world.cache)]);
    default:
      return undefined;
  }
}

/** Resolves at some moment after enough has been acknowledged. */
async function underLoad(world, history, random) {
  const enough = history.acknowledged + LEAST_ACKNOWLEDGED;
  for (let waited = 0; history.acknowledged < enough; waited += 10) {
    world.standing();
    if (waited > LONGEST_WAIT_FOR_LOAD_MS) throw new Error("the callers get nothing done any more");
    await pause(10);
  }
  await pause(random.between(0, LONGEST_LIFE_MS));
}
