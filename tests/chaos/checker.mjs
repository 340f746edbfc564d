// Judges a history against what stands in the ledger afterwards, by the rules for a store that may
// leave its callers without an answer: acknowledged ⇒ there, once, with that amount and id;
// refused ⇒ not there; unknown ⇒ there once or not at all; nothing that nobody asked for. What a
// cache accepted may instead end as quarantined, if the operator is shown it, or as rejected, if the
// operator wrote it off: nothing else is, for the ledger of these runs takes every charge.
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
 * @property {Set<string>} [writtenOff] `customer\nkey` of the charges that the operator wrote off
 * @property {Set<string>} [neverNegative] customers with nothing but gates through one writer
 */

/** The types of entries that the callers cause, and the operation that a key belongs to. */
const OPERATION_OF_TYPE = { consumption: "consume", topup: "add" };
/**
 * @param {Facts} facts
 * @returns {{violations: {rule: string, text: string}[], counts: Record<string, number>}}
 */
export function check({ operations, ledgers, reported = new Map(), ...sets }) {
  const { writtenOff = new Set(), neverNegative = new Set() } = sets;
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
    const groundless = state === "rejected" && !writtenOff.has(writeOffOf(operation));
    const reports = state === "quarantined" || (state === "rejected" && !groundless);
    if (entries.length === 0 && reports) counts.reported += 1;
    if (entries.length > 0 && groundless) note("rejected but present", "was told as rejected");
    checkAnswers(operation, note);
    if (entries.length > 0) checkEntries(operation, stands, entries, note);
    else if (!reports) checkAbsence(operation, stands, state, note);
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

/** How a charge is named among those that were written off. */
export function writeOffOf({ customer, key }) {
  return `${customer}\n${key}`;
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

/** What was accepted must be there. Only what was accepted can come to be rejected. */
function checkAbsence({ attempts }, stands, state, note) {
  const reused = attempts.some(({ outcome }) => outcome === "reused");
  if (stands === "acknowledged" || reused || state === "rejected") {
    note("lost", `is not in the ledger, and is shown as ${state ?? "nothing"}`);
  }
}

function checkEntries({ attempts }, stands, entries, note) {
  const [entry] = entries;
  if (entries.length > 1) note("doubled", `stands ${entries.length} times in the ledger`);
  const reused = attempts.filter(({ outcome }) => outcome === "reused");
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

/**
 * After an outage nobody calls the cache, and a look at an outbox wakes it: what was still missing
 * then has been left lying by the alarms.
 * @param {{drained: {seconds: number, missing: number, looks: number}} | null} outage
 */
export function notByItsAlarms(outage) {
  if (!outage || (outage.drained.missing === 0 && outage.drained.looks === 0)) return [];
  const { seconds, missing, looks } = outage.drained;
  const text = `${missing} missing ${seconds.toFixed(1)} s after the outage and ${looks} looks`;
  return [{ rule: "not drained by its alarms", text }];
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
