// Charges that this process's memory has accepted and the API has not settled: who to tell, and what
// to tell should memory be lost.
//
// The module decides what becomes of a charge and says so here, once; this file counts, waits and
// reports. Charges of clients with the same settings lie together, as their balances do in the
// module: on one desk.

import { CreditEngineError, makeError } from "./errors.js";

// Open charges by desk and transaction id, and those who wait for some of them.
const desks = new Map();
const waits = new Set();

// What one client knows of its desk.
export class MemoryCache {
  #desk = null;
  #report;
  #onSettled;

  constructor(report) {
    this.#report = report;
    // What concerns no charge is for the client that called last on its desk: the module calls that
    // one's function.
    this.#onSettled = (...news) => onSettled(report, ...news);
  }

  // What the module calls: when it has accepted the charge of these arguments, and when that is
  // settled.
  hooks(charge) {
    const report = this.#report;
    const onAccepted = (desk, id, key) => {
      this.#desk = desk;
      if (!desks.has(desk)) desks.set(desk, new Map());
      desks.get(desk).set(id, { charge, key, report });
    };
    return { onAccepted, onSettled: this.#onSettled };
  }

  get pending() {
    return this.#open().size;
  }

  // Waits for everything that is open now. `counts` is filled in as it goes.
  flush() {
    const counts = { delivered: 0, rejected: 0, quarantined: 0 };
    const ids = new Set(this.#open().keys());
    if (ids.size === 0) return { counts, done: Promise.resolve() };
    const done = new Promise((resolve) => {
      waits.add({ desk: this.#desk, ids, counts, resolve });
    });
    return { counts, done };
  }

  // Waits for one charge; at once where it is not open. Says whether it was delivered.
  arrived(id) {
    if (!this.#open().has(id)) return Promise.resolve(true);
    const counts = { delivered: 0, rejected: 0, quarantined: 0 };
    return new Promise((resolve) => {
      const settled = () => resolve(counts.delivered === 1);
      waits.add({ desk: this.#desk, ids: new Set([id]), counts, resolve: settled });
    });
  }

  // Everything is counted where it happens.
  note() {
    return [];
  }

  #open() {
    return desks.get(this.#desk) ?? new Map();
  }
}

// What became of a charge; what has no id concerns all of them.
function onSettled(report, desk, word, id, facts) {
  const open = desks.get(desk);
  const entry = open?.get(id);
  if (facts !== undefined) tell(facts, entry, report);
  if (entry === undefined) return;
  open.delete(id);
  if (open.size === 0) desks.delete(desk);
  count(desk, id, word);
}

// The module has failed, and its memory with it. Each charge may have been sent or not: whoever
// accepted it is told, with all that is needed to send it again under its key.
export function onMemoryLost(cause) {
  for (const [desk, open] of desks) {
    desks.delete(desk);
    for (const [id, { charge, key, report }] of open) {
      const message =
        "The client failed inside, and with it went the memory of this charge. It is unknown " +
        "whether it was applied: call consume again with the same idempotency key to settle it.";
      const details = { transaction_id: id, ...detailsOf(charge) };
      const facts = { code: "memory_lost", effect: "unknown", retryable: true, details, cause };
      report(new CreditEngineError(message, { ...facts, idempotencyKey: key }));
      count(desk, id, "quarantined");
    }
  }
}

function tell(facts, entry, report) {
  const error = makeError(facts);
  if (entry !== undefined) error.details = { ...detailsOf(entry.charge), ...error.details };
  (entry?.report ?? report)(error);
}

function count(desk, id, word) {
  for (const wait of waits) {
    if (wait.desk !== desk || !wait.ids.delete(id)) continue;
    wait.counts[word] += 1;
    if (wait.ids.size > 0) continue;
    waits.delete(wait);
    wait.resolve();
  }
}

// What was to be charged, for whoever must charge it again.
export function detailsOf({ customerId, amount, unit = "credits", description, metadata }) {
  const payload = { customer_id: customerId, amount: amount.text, unit, description };
  return { ...payload, metadata: metadata === undefined ? undefined : JSON.parse(metadata) };
}
