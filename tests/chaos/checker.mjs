// Judges a history against what stands in the ledger afterwards, by the rules for a store that may
// leave its callers without an answer: acknowledged ⇒ there, once, with that amount and id;
// refused ⇒ not there; unknown ⇒ there once or not at all; nothing that nobody asked for. A charge
// that a cache accepted may instead end as rejected or quarantined, if the operator is shown it.
//
// It decides on data alone: no clock, no network, nothing of the code under test.

import { standing } from "./history.mjs";

/**
 * @typedef {object} Entry of the ledger
 * @property {string} id
 * @property {string} type
 * @property {string} key
 * @property {number} amount signed, in minor units
 * @property {number} balanceAfter
 * @property {number} sequence
 *
 * @typedef {object} Facts
 * @property {import("./history.mjs").Operation[]} operations
 * @property {Map<string, {entries: Entry[], balance: number}>} ledgers by customer; oldest first
 * @property {Map<string, Map<string, string>>} [reported] by customer and key: the state under
 *   which the operator is shown a charge (rejected, quarantined, or open)
 * @property {Set<string>} [neverNegative] customers with nothing but gates through one writer
 */

/** The types of entries that the callers cause, and the operation that a key belongs to. */
const OPERATION_OF_TYPE = { consumption: "consume", topup: "add" };
const TERMINAL = ["rejected", "quarantined"];

/**
 * @param {Facts} facts
 * @returns {{violations: {rule: string, text: string}[], counts: Record<string, number>}}
 */
export function check({ operations, ledgers, reported = new Map(), neverNegative = new Set() }) {
  const violations = [];
  const counts = { acknowledged: 0, unknown: 0, refused: 0, "unknown, applied": 0, reported: 0 };
  const found = index(ledgers);
  for (const operation of operations) {
    const name = nameOf(operation);
    const entries = found.get(name) ?? [];
    found.delete(name);
    const state = reported.get(operation.customer)?.get(operation.key);
    const note = (rule, text) => {
      const told = JSON.stringify(operation.attempts);
      violations.push({ rule, text: `${name.replaceAll("\n", " ")}: ${text}; attempts ${told}` });
    };
    const stands = standing(operation);
    counts[stands] += 1;
    if (stands === "unknown" && entries.length > 0) counts["unknown, applied"] += 1;
    if (entries.length === 0 && TERMINAL.includes(state)) counts.reported += 1;
    checkAnswers(operation, note);
    checkPresence(operation, stands, entries, state, note);
  }
  for (const [name, entries] of found) {
    const text = `${name.replaceAll("\n", " ")}: ${entries.length} entries that nobody asked for`;
    violations.push({ rule: "phantom", text });
  }
  for (const [customer, ledger] of ledgers) {
    checkBooks(customer, ledger, neverNegative.has(customer), violations);
  }
  return { violations, counts };
}

function nameOf({ customer, kind, key }) {
  return `${customer}\n${kind === "add" ? "add" : "consume"}\n${key}`;
}

/** All entries by customer, operation and key. An unforeseen type is nobody's operation. */
function index(ledgers) {
  const found = new Map();
  for (const [customer, { entries }] of ledgers) {
    for (const entry of entries) {
      const name = `${customer}\n${OPERATION_OF_TYPE[entry.type] ?? entry.type}\n${entry.key}`;
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(entry);
    }
  }
  return found;
}

/** The answers of one operation must not contradict each other. */
function checkAnswers({ attempts }, note) {
  const accepted = attempts.filter(({ outcome }) => outcome === "ok");
  if (new Set(accepted.map(({ transaction }) => transaction)).size > 1) {
    note("contradiction", "acknowledged under several ids");
  }
  if (new Set(accepted.map(({ amount }) => amount)).size > 1) {
    note("contradiction", "acknowledged with several amounts");
  }
  if (accepted.filter(({ replayed }) => !replayed).length > 1) {
    note("contradiction", "accepted as new more than once");
  }
  for (const before of accepted) {
    for (const after of attempts) {
      if (after.began < before.ended) continue;
      const forgotten =
        after.code === "insufficient_credits" ||
        (after.outcome === "reused" && after.amount === before.amount);
      if (forgotten) note("forgotten", "acknowledged, and later judged as if it had not been");
    }
  }
}

function checkPresence({ attempts }, stands, entries, state, note) {
  const [entry] = entries;
  if (entries.length > 1) note("doubled", `stands ${entries.length} times in the ledger`);
  const reused = attempts.filter(({ outcome }) => outcome === "reused");
  if (!entry) {
    const must = stands === "acknowledged" || reused.length > 0;
    if (must && !TERMINAL.includes(state)) {
      note("lost", `is not in the ledger, and is shown as ${state ?? "nothing"}`);
    }
    return;
  }
  const amount = Math.abs(entry.amount);
  if (stands === "refused") {
    note("refused but present", `stands in the ledger with ${amount}`);
    return;
  }
  const accepted = attempts.filter(({ outcome }) => outcome === "ok");
  const open = attempts.filter(({ outcome }) => outcome === "unknown");
  const possible = accepted.length > 0 ? accepted : open;
  if (!possible.some((attempt) => attempt.amount === amount)) {
    note("altered", `stands in the ledger with ${amount}`);
  }
  if (reused.some((attempt) => attempt.amount === amount)) {
    note("contradiction", "stands with the content that was called another");
  }
  if (accepted.some(({ transaction }) => transaction !== entry.id)) {
    note("altered", `stands in the ledger as ${entry.id}`);
  }
}

/** A ledger must add up by itself. */
function checkBooks(customer, { entries, balance }, neverNegative, violations) {
  const note = (rule, text) => violations.push({ rule, text: `${customer}: ${text}` });
  let sum = 0;
  for (const [place, entry] of entries.entries()) {
    if (entry.sequence !== place + 1) note("books", `entry ${place + 1} has ${entry.sequence}`);
    const spends = entry.type === "consumption";
    if (spends !== entry.amount < 0) note("books", `entry ${entry.sequence} has the wrong sign`);
    sum += entry.amount;
    if (entry.balanceAfter !== sum) note("books", `entry ${entry.sequence} does not add up`);
    if (neverNegative && entry.balanceAfter < 0) {
      note("overdrawn", `${entry.balanceAfter} after entry ${entry.sequence}, with gates alone`);
    }
  }
  if (balance !== sum) note("books", `the balance is ${balance}, and its entries come to ${sum}`);
}
