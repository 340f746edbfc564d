// A ledger of holds for the tests of the facade: what a client asks of it, in order, and books that add
// up. It answers when it is told to, so that a test can look in between.

import { createHash } from "node:crypto";

const ANSWERED = { status: 200, headers: { "content-type": "application/json" } };

export class Books {
  /** `[what, body]` of every call. */
  calls = [];
  holds = new Map();
  consumed = [];
  #balance;
  /** Awaited before a call of that name is answered. */
  gates = {};
  /** So many holds are placed, and the answers are lost. */
  lost = 0;
  /** Answers instead of the books: by name, in turn. */
  refusals = {};

  constructor(balance) {
    this.#balance = balance;
  }

  /** What was taken in all. */
  get taken() {
    const captured = [...this.holds.values()].map((hold) => hold.captured ?? 0);
    return [...captured, ...this.consumed].reduce((sum, amount) => sum + amount, 0);
  }

  get open() {
    return [...this.holds.values()].filter(({ state }) => state === "open");
  }

  get fetcher() {
    return { fetch: (url, init) => this.#answer(url, init) };
  }

  count(what) {
    return this.calls.filter(([name]) => name === what).length;
  }

  async #answer(url, { body }) {
    const what = url.split("/").at(-1).split("?")[0];
    const given = JSON.parse(body ?? "{}");
    this.calls.push([what, given]);
    await this.gates[what];
    const refusal = this.refusals[what]?.shift();
    if (refusal instanceof Error) throw refusal;
    if (refusal) return refusal;
    if (what === "holds") return this.#place(given);
    if (what === "consume") return this.#consume(given);
    return this.#change(url.split("/").at(-2), what, given);
  }

  get #available() {
    return this.#balance - this.taken - this.open.reduce((sum, hold) => sum + hold.amount, 0);
  }

  #place({ amount, idempotency_key: key, metadata }) {
    const hold_id = `txn_${createHash("md5").update(key).digest("hex")}`;
    const held = this.holds.get(hold_id);
    // As it was placed.
    if (held) return told({ ...held, state: "open", replayed: true }, this.#available);
    if (amount > this.#available) {
      const details = { current_balance: this.#available, requested: amount };
      const error = { code: "insufficient_credits", message: "no", details };
      return new Response(JSON.stringify({ error }), { ...ANSWERED, status: 402 });
    }
    const hold = { hold_id, amount, used: null, state: "open", metadata };
    this.holds.set(hold_id, hold);
    if (this.lost-- > 0) throw new TypeError("the connection broke");
    return told(hold, this.#available);
  }

  #consume({ amount }) {
    this.consumed.push(amount);
    return told({ transaction_id: `txn_${this.consumed.length}` }, this.#available);
  }

  #change(id, what, { used, amount }) {
    const hold = this.holds.get(id);
    if (hold.state !== "open") {
      const details = { captured: hold.captured };
      const error = { code: `hold_${hold.state}`, message: "ended", details };
      return new Response(JSON.stringify({ error }), { ...ANSWERED, status: 409 });
    }
    if ((used ?? amount ?? 0) > hold.amount) throw new TypeError("more than is held");
    if (what === "progress") hold.used = Math.max(hold.used ?? 0, used);
    if (what === "capture") Object.assign(hold, { captured: amount, state: "already_captured" });
    if (what === "release") Object.assign(hold, { captured: 0, state: "already_released" });
    return told({ ...hold, transaction_id: `${id}` }, this.#available);
  }

  /** The holds' time is over. */
  expire() {
    for (const hold of this.open) Object.assign(hold, { captured: hold.used ?? 0, state: "expired" });
  }
}

function told(facts, balance) {
  const expires_at = "2030-01-01T00:00:00Z";
  return new Response(JSON.stringify({ expires_at, unit: "credits", balance, ...facts }), ANSWERED);
}
