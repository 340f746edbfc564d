// What the callers did and what they were told: the only thing, beside the ledger itself, that the
// checker believes. An operation is a customer's idempotency key with all its attempts.

/**
 * @typedef {object} Attempt
 * @property {number} amount in minor units
 * @property {number} began position among all beginnings and ends of attempts
 * @property {number} ended the same; Infinity while it is under way
 * @property {"ok" | "refused" | "reused" | "unknown"} outcome refused: certain that this attempt
 *   changed nothing; reused: the key stands for other content
 * @property {string} [code] why it was not ok
 * @property {string} [transaction] the id that an ok answer gave
 * @property {boolean} [replayed] whether an ok answer called itself a repeat
 *
 * @typedef {object} Operation
 * @property {string} customer
 * @property {"gate" | "plain" | "add"} kind
 * @property {string} key
 * @property {Attempt[]} attempts in the order in which they began
 */

export class History {
  /** @type {Operation[]} */
  operations = [];
  /** Attempts under way. */
  inFlight = 0;
  /** Attempts that were acknowledged. */
  acknowledged = 0;
  /** What answers told about charges accepted earlier: `customer\nkey` → kind. */
  notices = new Map();
  /** `customer\nkey` of the charges that the operator wrote off. */
  writtenOff = new Set();
  #clock = 0;

  /** A new operation, without attempts. */
  operation(customer, kind, key) {
    const operation = { customer, kind, key, attempts: [] };
    this.operations.push(operation);
    return operation;
  }

  /** Notes an attempt of `operation` and what comes of it; resolves to the attempt. */
  async attempt(operation, amount, perform) {
    const attempt = { amount, began: this.#tick(), ended: Infinity, outcome: "unknown" };
    operation.attempts.push(attempt);
    this.inFlight += 1;
    const { notices = [], ...result } = await perform();
    this.inFlight -= 1;
    Object.assign(attempt, result, { ended: this.#tick() });
    if (attempt.outcome === "ok") this.acknowledged += 1;
    for (const { idempotency_key: key, kind } of notices) {
      this.notices.set(`${operation.customer}\n${key}`, kind);
    }
    return attempt;
  }

  #tick() {
    this.#clock += 1;
    return this.#clock;
  }
}

/** How an operation stands for its caller: the best that any attempt was told. */
export function standing({ attempts }) {
  const told = (outcome) => attempts.some((attempt) => attempt.outcome === outcome);
  if (told("ok")) return "acknowledged";
  // Another content of the same key was accepted, so something of this operation stands.
  return told("unknown") || told("reused") ? "unknown" : "refused";
}
