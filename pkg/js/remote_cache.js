// What the answers of a cache behind an object or a worker say beside their own call: how much
// waits to be sent, and what became of earlier charges.

import { toldError } from "./calls.js";

// Customers whose waiting charges are counted, and notices that are remembered as told: what an
// isolate of 128 MB does not feel. Beyond, the oldest are forgotten; a notice that is repeated
// (for five minutes) after 10 000 others is then told twice.
const MAX_KEPT = 10_000;

// The notices that this isolate has told, whichever client read them.
const told = new Set();

export class RemoteCache {
  #pending = new Map();

  // Takes note of an answer; returns the errors that are news.
  note(customerId, { pending, notices }) {
    // Answers that passed through the cache, of lists and grants, do not say how much waits.
    if (Number.isSafeInteger(pending)) {
      this.#pending.delete(customerId);
      if (pending > 0) keep(this.#pending, () => this.#pending.set(customerId, pending));
    }
    return Array.isArray(notices) ? newsOf(customerId, notices) : [];
  }

  // Nothing is asked of the module.
  hooks() {
    return {};
  }

  // Nothing waits here.
  flush() {
    return { counts: { delivered: 0, rejected: 0, quarantined: 0 }, done: Promise.resolve() };
  }

  arrived() {
    return Promise.resolve(true);
  }

  // Charges that the last answer of each customer said were waiting.
  get pending() {
    let sum = 0;
    for (const count of this.#pending.values()) sum += count;
    return sum;
  }
}

function newsOf(customerId, notices) {
  const news = [];
  for (const notice of notices) {
    if (typeof notice !== "object" || notice === null) continue;
    // Numbers start again with another cache; the charge and the time tell them apart.
    const { id, kind, at, transaction_id: charge } = notice;
    const name = JSON.stringify([customerId, id, kind, at, charge]);
    if (told.has(name)) continue;
    keep(told, () => told.add(name));
    news.push(toldError({ ...notice, customer_id: customerId }));
  }
  return news;
}

function keep(collection, add) {
  if (collection.size >= MAX_KEPT) collection.delete(collection.keys().next().value);
  add();
}
