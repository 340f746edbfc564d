// A second set of books: what the acknowledgements say must stand in each ledger, and whether it
// does. All amounts are whole numbers of minor units (millionths of a credit), never fractions.

import { minorUnits, settledBalance, statement } from "./example.mjs";

/** 1 credit per 1 000 input tokens. */
export function inputCost({ input }) {
  return input * 1_000;
}

/** 3 credits per 1 000 output tokens. */
export function outputCost({ output }) {
  return output * 3_000;
}

export class Books {
  /** By customer: the grant, the prompts paid for by key, those refunded, and the answers. */
  #books = new Map();

  get customers() {
    return [...this.#books.keys()];
  }

  /** Minor units as the decimal text that the API takes. */
  text(amount) {
    return `${Math.floor(amount / 1e6)}.${String(amount % 1e6).padStart(6, "0")}`;
  }

  granted(customer, amount) {
    this.#books.set(customer, { grant: amount, prompts: new Map(), refunds: 0, answers: [] });
  }

  answered(message) {
    const book = this.#books.get(message.customer);
    this.#pay(book, message);
    book.answers.push(outputCost(message));
  }

  refunded(message) {
    const book = this.#books.get(message.customer);
    this.#pay(book, message);
    book.refunds += inputCost(message);
  }

  #pay(book, message) {
    const key = `chat:${message.id}`;
    if (book.prompts.has(key)) throw new Error(`${key} was acknowledged twice`);
    book.prompts.set(key, inputCost(message));
  }

  /**
   * Reads every ledger and compares entry by entry.
   * @returns {Promise<{differences: string[], entries: number, charges: number, spent: string}>}
   */
  async compare(api, progress) {
    const differences = [];
    let [entries, charges, spent, done] = [0, 0, 0, 0];
    for (const [customer, book] of this.#books) {
      const expected = balanceOf(book);
      const balance = await settledBalance(api, customer, expected);
      if (balance !== expected) differences.push(`${customer} has ${balance}, not ${expected}`);
      const found = await statement(api, customer);
      const consumed = found.filter(({ type }) => type === "consumption");
      differences.push(...compareEntries(customer, book, found));
      entries += found.length;
      charges += consumed.length;
      spent -= sum(consumed.map(({ amount }) => minorUnits(amount)));
      spent -= book.refunds;
      progress((done += 1));
    }
    return { differences, entries, charges, spent: this.text(spent) };
  }
}

function balanceOf({ grant, prompts, refunds, answers }) {
  return grant - sum([...prompts.values()]) + refunds - sum(answers);
}

/** What a statement says against the books of its customer. */
function compareEntries(customer, book, found) {
  const differences = [];
  const prompts = new Map(book.prompts);
  const answers = [];
  const total = { topup: 0, refund: 0 };
  let running = 0;
  for (const entry of found.toReversed()) {
    const amount = minorUnits(entry.amount);
    running += amount;
    if (minorUnits(entry.balance_after) !== running) {
      differences.push(`${customer}: ${entry.id} says ${entry.balance_after} is left`);
    }
    if (entry.type !== "consumption") total[entry.type] = (total[entry.type] ?? 0) + amount;
    else if (!entry.idempotency_key.startsWith("chat:")) answers.push(-amount);
    else if (prompts.get(entry.idempotency_key) === -amount) prompts.delete(entry.idempotency_key);
    else differences.push(`${customer}: nobody acknowledged ${entry.idempotency_key}, ${amount}`);
  }
  const compare = (what, is, wanted) => {
    if (is !== wanted) differences.push(`${customer}: ${what} ${is}, not ${wanted}`);
  };
  for (const key of prompts.keys()) differences.push(`${customer}: ${key} is missing`);
  compare("answers", sorted(answers), sorted(book.answers));
  compare("granted", total.topup, book.grant);
  compare("refunded", total.refund, book.refunds);
  return differences;
}

function sum(amounts) {
  return amounts.reduce((total, amount) => total + amount, 0);
}

function sorted(amounts) {
  return amounts.toSorted((a, b) => a - b).join(" ");
}
