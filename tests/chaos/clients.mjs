// The callers: several for each customer at once, each in a loop of its own. What they do when they
// are left without an answer differs, as it does among real ones: they try again with the same key,
// give up, or come back with other content. Some repeat what they know to be done.

import { customerPath } from "./calls.mjs";
import { pause } from "./random.mjs";

const CALLERS_PER_CUSTOMER = 4;
const LONGEST_THOUGHT_MS = 50;
const MOST_ATTEMPTS = 6;
const LONGEST_BACKOFF_MS = 200;
/** Amounts in minor units: odd ones, so that a wrong one stands out. */
const LEAST_CHARGE = 1;
const MOST_CHARGE = 9_999_999;
const LEAST_GRANT = 20_000_000;
const MOST_GRANT = 160_000_000;

/** The customers, and how each is used. */
export const CUSTOMERS = [
  // Gates and grants alone, and as much granted as asked for: often short, never below zero.
  { id: "gates-1", grant: 60_000_000, kinds: ["gate"], adds: true },
  { id: "kunde/ß: 2", grant: 60_000_000, kinds: ["gate"], adds: true },
  { id: "gates-rich", grant: 1e15, kinds: ["gate"], adds: false },
  { id: "mixed", grant: 1e15, kinds: ["gate", "plain"], adds: true },
  { id: "plain", grant: 1e12, kinds: ["plain"], adds: false },
  // Somebody else spends from this balance, past whatever stands in front of the ledger.
  { id: "shared", grant: 1e12, kinds: ["gate", "plain"], adds: true, elsewhere: true },
];

export class Clients {
  /** Reads that were answered, by what the answer called its source. */
  reads = {};
  #calls;
  #direct;
  #history;
  #running = new Map();
  #number = 0;

  /**
   * @param {object} options
   * @param {import("./calls.mjs").Calls} options.calls to the worker under test, faults included
   * @param {import("./calls.mjs").Calls} options.direct to the ledger, past everything
   * @param {import("./history.mjs").History} options.history
   * @param {import("./random.mjs").Random} options.random
   */
  constructor({ calls, direct, history, random }) {
    this.#calls = calls;
    this.#direct = direct;
    this.#history = history;
    this.random = random;
  }

  /** Gives every customer something to spend, before anything is disturbed. */
  async grant() {
    for (const { id, grant } of CUSTOMERS) {
      const operation = this.#history.operation(id, "add", "first-grant");
      const { outcome, code } = await this.#attempt(operation, grant, this.#direct);
      if (outcome !== "ok") throw new Error(`no first grant for ${id}: ${code}`);
    }
  }

  /** Sets callers of these customers to work. */
  start(customers = CUSTOMERS) {
    for (const customer of customers) {
      const state = { on: true };
      const done = [];
      const callers = Array.from({ length: CALLERS_PER_CUSTOMER }, () =>
        this.#work(customer, state, done, this.#calls),
      );
      // Who spends elsewhere repeats there, too: one operation never takes two ways.
      if (customer.elsewhere) callers.push(this.#work(customer, state, [], this.#direct));
      this.#running.set(customer.id, { state, callers });
    }
  }

  /** Stops them, each after its call. */
  async stop(customers = CUSTOMERS) {
    const stopping = customers.map(({ id }) => this.#running.get(id)).filter(Boolean);
    for (const { state } of stopping) state.on = false;
    await Promise.all(stopping.flatMap(({ callers }) => callers));
    for (const { id } of customers) this.#running.delete(id);
  }

  /** Comes back to half of the operations that nobody knows the end of, with the same key. */
  async settle() {
    for (const operation of this.#history.operations) {
      const [{ amount }] = operation.attempts;
      const open = operation.attempts.every(({ outcome }) => outcome === "unknown");
      if (open && this.random.chance(0.5)) await this.#attempt(operation, amount, this.#calls);
    }
  }

  async #work(customer, state, done, calls) {
    this.#number += 1;
    const random = this.random.fork(`caller ${this.#number}`);
    while (state.on) {
      if (random.chance(0.05)) await this.#read(customer, calls);
      else await this.#operate(customer, done, calls, random);
      await pause(random.between(0, LONGEST_THOUGHT_MS));
    }
  }

  async #read({ id }, calls) {
    // A read changes nothing, so where it fails there is nothing to settle.
    const answer = await calls.send("GET", customerPath(id, "balance")).catch(() => null);
    const read = answer?.status === 200 && answer.json;
    const source = read ? (answer.json.source ?? "answered") : "failed";
    this.reads[source] = (this.reads[source] ?? 0) + 1;
  }

  async #operate({ id, kinds, adds }, done, calls, random) {
    const kind = adds && random.chance(0.05) ? "add" : random.pick(kinds);
    this.#number += 1;
    const operation = this.#history.operation(id, kind, `${kind}-${this.#number}`);
    const amount =
      kind === "add"
        ? random.between(LEAST_GRANT, MOST_GRANT)
        : random.between(LEAST_CHARGE, MOST_CHARGE);
    const attempt = () => this.#attempt(operation, amount, calls);
    // An impatient caller sends the same twice at once.
    const first = random.chance(0.03) ? [attempt(), attempt()] : [attempt()];
    let open = (await Promise.all(first)).every(({ outcome }) => outcome === "unknown");
    for (let more = 1; open && more < MOST_ATTEMPTS && random.chance(0.8); more += 1) {
      await pause(random.between(0, LONGEST_BACKOFF_MS));
      open = (await attempt()).outcome === "unknown";
    }
    // Same key, other content: with the outcome known, and with it unknown.
    if (random.chance(open ? 0.1 : 0.03)) await this.#attempt(operation, amount + 1, calls);
    if (!open) done.push({ operation, amount });
    // The same call again, long after it was settled.
    const repeated = random.chance(0.03) && done.length > 0 && random.pick(done);
    if (repeated) await this.#attempt(repeated.operation, repeated.amount, calls);
  }

  #attempt(operation, amount, calls) {
    return this.#history.attempt(operation, amount, () => calls.attempt(operation, amount));
  }
}
