// After the network has healed: waits until everything that was promised stands in the ledger, lets
// the operator clear up, and compares what the cache says with what the ledger says.

import { customerPath, minorUnits, PATIENT_TIMEOUT_MS } from "./calls.mjs";
import { writeOffOf } from "./checker.mjs";
import { standing } from "./history.mjs";
import { pause } from "./random.mjs";

/** How long after healing the last charge may arrive: the longest backoff, and room. */
const LONGEST_DRAIN_MS = 240_000;
/** The operator's view wakes the cache, so it is asked only where the ledger alone does not do. */
export const LOOK_SOON_MS = 10_000;
/** Longer than the cache leaves a failing upstream alone: by then its alarms have done it. */
export const LOOK_LATE_MS = 90_000;
const LONGEST_DISAGREEMENT_MS = 15_000;
const TERMINAL = ["rejected", "quarantined"];
const COUNTS = ["pending", "in_flight", "applied", "rejected", "quarantined"];

/**
 * Waits until each acknowledged charge stands in the ledger or is shown to the operator.
 * @param {object} options
 * @param {import("./history.mjs").Operation[]} options.operations whose charges to wait for
 * @param {number} options.lookAfter how long only the ledger is asked
 * @returns {Promise<{seconds: number, missing: number, looks: number}>} `looks`: how often the
 *   outboxes had to be looked at; 0 means that the cache's own alarms did it all
 */
export async function drain({ world, history, view, operations, lookAfter }) {
  const started = Date.now();
  let looked = started;
  let looks = 0;
  let missing = operations.filter((operation) => standing(operation) === "acknowledged");
  for (;;) {
    missing = await stillMissing(missing, view);
    const now = Date.now();
    if (missing.length > 0 && world.cache && now - looked > lookAfter) {
      looked = now;
      looks += 1;
      const { reported, open } = await outboxes(world, history);
      missing = missing.filter(
        ({ customer, key }) => !TERMINAL.includes(reported.get(customer)?.get(key)),
      );
      // What no outbox has to send any more comes no more.
      if (open === 0) {
        missing = await stillMissing(missing, view);
        break;
      }
    }
    // Without a cache nothing comes later: what is missing now is lost.
    if (missing.length === 0 || !world.cache || now - started > LONGEST_DRAIN_MS) break;
    await pause(100);
  }
  return { seconds: (Date.now() - started) / 1000, missing: missing.length, looks };
}

async function stillMissing(operations, view) {
  await view.refresh();
  const there = new Map();
  for (const customer of view.entries.keys()) there.set(customer, view.keys(customer));
  return operations.filter(({ customer, key }) => !there.get(customer).has(key));
}

/** Waits until no outbox holds anything that is still to be sent. Resolves to what they show. */
export async function empty({ world, history }) {
  if (!world.cache) return { reported: new Map(), totals: null, open: 0 };
  for (const started = Date.now(); ; await pause(250)) {
    const shown = await outboxes(world, history);
    if (shown.open === 0 || Date.now() - started > LONGEST_DRAIN_MS) return shown;
  }
}

/** What the operator is shown: states by customer and key, rows by state, and how much is open. */
async function outboxes(world, history) {
  const reported = new Map();
  const totals = Object.fromEntries(COUNTS.map((state) => [state, 0]));
  const quarantined = [];
  for (const customer of customersOf(history)) {
    const { counts, data } = await outbox(world, customer);
    for (const state of COUNTS) totals[state] += counts[state];
    for (const row of data.filter(({ state }) => state === "quarantined")) {
      quarantined.push({ customer, ...row });
    }
    reported.set(customer, new Map(data.map((row) => [row.idempotency_key, row.state])));
  }
  // A refused charge is not open any more; its caller is told with the next answers.
  for (const [name, kind] of history.notices) {
    const [customer, key] = name.split("\n");
    if (kind === "rejected") reported.get(customer).set(key, kind);
  }
  for (const name of history.writtenOff) {
    const [customer, key] = name.split("\n");
    reported.get(customer).set(key, "rejected");
  }
  return { reported, totals, quarantined, open: totals.pending + totals.in_flight };
}

/** One customer's outbox, all of its pages. */
async function outbox(world, customer) {
  const data = [];
  for (let after = ""; ; ) {
    const page = await world.ways.operator.look(customer, `outbox?limit=100${after}`);
    data.push(...page.data);
    if (page.next_after === undefined || page.next_after === null) {
      return { counts: page.counts, data };
    }
    after = `&after=${encodeURIComponent(page.next_after)}`;
  }
}

/** The operator sends a part of what is quarantined again, writes a part off, and leaves a part. */
export async function clearUp({ world, history, quarantined = [], random }) {
  const done = { retry: 0, "write-off": 0, left: 0 };
  for (const { customer, transaction_id: transaction, idempotency_key: key } of quarantined) {
    const decision = random.pick(Object.keys(done));
    done[decision] += 1;
    if (decision === "left") continue;
    const path = customerPath(customer, `outbox/${encodeURIComponent(transaction)}/${decision}`);
    const { operator } = world.ways;
    const { status, json } = await operator.send("POST", path, undefined, PATIENT_TIMEOUT_MS);
    if (status !== 200) throw new Error(`no ${decision}: ${status} ${JSON.stringify(json)}`);
    if (decision === "write-off") history.writtenOff.add(writeOffOf({ customer, key }));
  }
  return done;
}

/** Where nothing is left over, cache and ledger must come to say the same. */
export async function disagreements({ world, ledgers, quarantined = [] }) {
  if (!world.cache) return [];
  const apart = new Set(quarantined.map(({ customer }) => customer));
  const violations = [];
  for (const [customer, { balance }] of ledgers) {
    if (apart.has(customer)) continue;
    let said;
    for (const started = Date.now(); Date.now() - started < LONGEST_DISAGREEMENT_MS; ) {
      said = await world.ways.operator.look(customer, "balance");
      if (minorUnits(said.balance) === balance) break;
      await pause(250);
    }
    if (minorUnits(said.balance) !== balance) {
      const text = `${customer}: the cache says ${JSON.stringify(said)}, the ledger ${balance}`;
      violations.push({ rule: "drift", text });
    }
  }
  return violations;
}

function customersOf(history) {
  return new Set(history.operations.map(({ customer }) => customer));
}
