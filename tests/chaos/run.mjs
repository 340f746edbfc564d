// One run, from an empty disk to a verdict:
//
//   grants → callers under faults and kills → (outage) → heal → settle → drain → read all → check

import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { check, notByItsAlarms } from "./checker.mjs";
import { Clients, CUSTOMERS } from "./clients.mjs";
import { clearUp, disagreements, drain, empty, LOOK_LATE_MS, LOOK_SOON_MS } from "./drain.mjs";
import { History } from "./history.mjs";
import { LedgerView } from "./ledger_view.mjs";
import { pause, Random } from "./random.mjs";
import { killAgainAndAgain } from "./storm.mjs";
import { World } from "./world.mjs";

/** How much longer than the kills the storm may last for a fault that has not had its turn. */
const LONGEST_WAIT_FOR_FAULTS_MS = 90_000;
/** How long the customers that then fall silent go on charging into an outage. */
const FIRST_PART_OF_OUTAGE_MS = 15_000;

/**
 * @param {object} options
 * @param {"ledger" | "cache"} options.mode
 * @param {number} options.kills
 * @param {number} options.seed
 * @param {number} [options.outageSeconds] cache mode only
 * @param {(line: string) => void} [options.say]
 * @param {(world: World) => void} [options.onWorld] for whoever must end the programs at once
 * @param {(directory: string) => Promise<string>} [options.damage] see `World.build`
 * @returns the figures: see `report.mjs`, which prints them
 */
export async function run({ mode, kills, seed, outageSeconds = 0, say = () => {}, ...hooks }) {
  const random = new Random(seed);
  const { onWorld, damage } = hooks;
  const world = await World.build({ mode, random: random.fork("world"), damage });
  onWorld?.(world);
  let keep = true;
  try {
    const history = new History();
    const clients = new Clients({ ...world.ways, history, random: random.fork("clients") });
    const customers = CUSTOMERS.map(({ id }) => id);
    const view = new LedgerView(world.ways.direct, customers);
    const parts = { world, history, clients, view, random: random.fork("operator"), say };
    const started = Date.now();

    await clients.grant();
    world.storm(true);
    clients.start();
    const struck = await killAgainAndAgain({
      world,
      history,
      kills,
      random: random.fork("storm"),
      onKill: (kill) => say(`kill ${kill} of ${kills}`),
    });
    await everyFaultHasFired(world);
    await clients.stop();
    world.storm(false);
    await world.settled();
    const outage = outageSeconds > 0 ? await passOutage(parts, outageSeconds) : null;
    const figures = { mode, seed, struck, outage, ...(await verdict(parts, outage)) };
    figures.seconds = (Date.now() - started) / 1000;
    keep = figures.violations.length > 0;
    if (keep) {
      figures.kept = world.home;
      await writeFile(join(world.home, "history.json"), JSON.stringify(history.operations));
    }
    return figures;
  } finally {
    await world.close({ keep });
  }
}

/** Goes on for a moment where the kills were over before each fault had its turn. */
async function everyFaultHasFired({ proxies }) {
  const missing = () =>
    Object.values(proxies).some(({ counts }) => Object.values(counts).includes(0));
  const started = Date.now();
  while (missing() && Date.now() - started < LONGEST_WAIT_FOR_FAULTS_MS) await pause(50);
}

/**
 * The ledger cannot be reached for as long as said. Half of the customers stop calling early on:
 * what they were promised depends on nothing but the cache's own alarms.
 */
async function passOutage({ world, history, clients, view, say }, seconds) {
  await drain({ world, history, view, operations: history.operations, lookAfter: LOOK_SOON_MS });
  await empty({ world, history });
  const before = history.acknowledged;
  const earlier = history.operations.length;
  world.back.refuse(true);
  const ends = Date.now() + seconds * 1000;
  clients.start();
  const first = Math.min(FIRST_PART_OF_OUTAGE_MS, (seconds * 1000) / 2);
  say(`outage of ${seconds} s: all customers go on`);
  await pause(first);
  await clients.stop(CUSTOMERS.filter((_, place) => place % 2 === 0));
  say("outage: every other customer is silent");
  await pause(Math.max(0, ends - Date.now()));
  await clients.stop();
  const accepted = history.acknowledged - before;
  world.back.refuse(false);
  say("outage over: draining, without a call to the cache");
  const operations = history.operations.slice(earlier);
  const drained = await drain({ world, history, view, operations, lookAfter: LOOK_LATE_MS });
  return { seconds, accepted, turnedAway: world.back.turnedAway, drained };
}

async function verdict({ world, history, clients, view, random, say }, outage) {
  world.standing();
  say("the network is well: callers come back to what they do not know");
  await clients.settle();
  await world.settled();
  say("draining");
  const { operations } = history;
  const drained = await drain({ world, history, view, operations, lookAfter: LOOK_SOON_MS });
  let shown = await empty({ world, history });
  const { quarantined } = shown;
  const cleared = await clearUp({ world, history, quarantined, random });
  if (quarantined?.length > 0) shown = await empty({ world, history });
  say("reading every ledger");
  const ledgers = await view.ledgers();
  const sole = CUSTOMERS.filter(({ kinds, elsewhere }) => !elsewhere && kinds.join() === "gate");
  const { violations, counts } = check({
    operations,
    ledgers,
    reported: shown.reported,
    writtenOff: history.writtenOff,
    neverNegative: new Set(sole.map(({ id }) => id)),
  });
  violations.push(...notByItsAlarms(outage));
  if (shown.open > 0) {
    violations.push({ rule: "not drained", text: `${shown.open} charges are still to be sent` });
  }
  for (const [name, { unanswered }] of Object.entries(world.proxies)) {
    for (const text of unanswered) violations.push({ rule: "unanswered", text: `${name} ${text}` });
  }
  violations.push(...(await disagreements({ world, ledgers, quarantined: shown.quarantined })));
  const { reads } = clients;
  const { totals } = shown;
  return { ...observed(world, history), violations, counts, drained, cleared, totals, reads };
}

/** What happened, by kind. */
function observed(world, history) {
  const attempts = { ok: 0, refused: 0, reused: 0, unknown: 0 };
  const codes = {};
  for (const { outcome, code } of history.operations.flatMap((each) => each.attempts)) {
    attempts[outcome] += 1;
    if (code) codes[code] = (codes[code] ?? 0) + 1;
  }
  const each = (parts, read) =>
    Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, read(part)]));
  return {
    operations: history.operations.length,
    attempts,
    codes,
    programs: each(world.programs, ({ counts }) => counts),
    faults: each(world.proxies, ({ counts }) => counts),
  };
}
