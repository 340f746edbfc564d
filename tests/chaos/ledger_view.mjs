// What stands in the ledgers, read from the ledger worker itself, past every proxy and cache; and
// what the operator of a cache is shown.

import { minorUnits } from "./calls.mjs";

const PAGE = 100;

/** The ledgers as read so far; `refresh` reads on. Entries never change, so none is read twice. */
export class LedgerView {
  /** @type {Map<string, import("./checker.mjs").Entry[]>} by customer, oldest first */
  entries = new Map();
  #calls;

  /** @param {import("./calls.mjs").Calls} calls straight to the ledger */
  constructor(calls, customers) {
    this.#calls = calls;
    for (const customer of customers) this.entries.set(customer, []);
  }

  /** Reads what is new of all customers. */
  async refresh() {
    for (const [customer, known] of this.entries) {
      const newest = known.at(-1)?.sequence ?? 0;
      const fresh = [];
      for (let before = Infinity; before > newest + 1; ) {
        const from = before === Infinity ? "" : `&before_sequence=${before}`;
        const page = await this.#calls.look(customer, `transactions?limit=${PAGE}${from}`);
        const entries = page.data.map(entryOf);
        fresh.push(...entries.filter(({ sequence }) => sequence > newest));
        if (entries.length < PAGE) break;
        before = entries.at(-1).sequence;
      }
      known.push(...fresh.reverse());
    }
  }

  /** Every key that stands in the ledger of `customer`. */
  keys(customer) {
    return new Set(this.entries.get(customer).map(({ key }) => key));
  }

  /** The facts for the checker: everything read afresh, and each balance. */
  async ledgers() {
    for (const customer of this.entries.keys()) this.entries.set(customer, []);
    await this.refresh();
    const ledgers = new Map();
    for (const [customer, entries] of this.entries) {
      const { balance } = await this.#calls.look(customer, "balance");
      ledgers.set(customer, { entries, balance: minorUnits(balance) });
    }
    return ledgers;
  }
}

function entryOf({ id, type, idempotency_key: key, amount, balance_after: after, sequence }) {
  return { id, type, key, amount: minorUnits(amount), balanceAfter: minorUnits(after), sequence };
}
