// The charge that lets one request in: made once, told apart from that of an earlier request of the
// same name, and given back where no work was had for it.
//
// **Whose charge a replay is.** A gate answers that its key was used before in two cases: an attempt
// of this very call was carried out and its answer lost, or another request of the same name came
// before. Without a name that can come again only the first is possible. With one, each charge
// carries a mark, a random word in its metadata, and the ledger's entry shows whose it is.

import { INTERNALS } from "./internals.js";

/** The name of the charge among the calls of its request; the handler's own calls have others. */
export const LABEL = "paid-request";
/** The mark's name in the metadata. */
const MARK = "edge_credits_request";
/** How often one name is charged anew after its charge was given back. */
const MAX_TIMES = 20;
/** Keys that are remembered as charged, for when the ledger cannot be asked. */
const MAX_KEPT = 10_000;
/** Between attempts behind the response: hosts end such work after 30 s. */
const PAUSES_MS = [250, 500, 1000, 2000, 4000, 8000];

export class PaidCharge {
  #client;
  #inner;
  #asked;
  #mark = null;
  #lately;
  #sending;
  /** What the gate answered; its `replayed` says that an earlier request made the charge. */
  answer = null;
  /** The key under which it is not known whether this request was charged; null where it is. */
  unsettledKey = null;

  /**
   * `asked` is {customerId, amount, description, metadata, unit}; `lately` the keys that were
   * charged lately, a set that requests share.
   */
  constructor(client, asked, lately) {
    this.#client = client;
    this.#inner = client[INTERNALS];
    this.#asked = this.#inner.isNamed ? this.#marked(asked) : asked;
    this.#lately = lately;
  }

  /** Charges; with `anew`, once more where an earlier request's charge was given back. */
  async make({ anew }) {
    let label = LABEL;
    for (let times = 1; ; times += 1) {
      await this.#gate({ label });
      const { answer } = this;
      if (answer.degraded && this.#lately.has(answer.idempotency_key)) answer.replayed = true;
      if (this.#inner.isNamed) this.#remember(answer.idempotency_key);
      if (!answer.replayed || answer.degraded || !anew || times === MAX_TIMES) return;
      if (!(await this.#wasGivenBack())) return;
      label = `${LABEL}:${answer.transaction_id}`;
    }
  }

  /** Finds out what became of a charge that no answer settled, and gives it back. */
  async settle() {
    const again = () => this.#gate({ idempotencyKey: this.unsettledKey });
    try {
      await persist(again);
    } catch (error) {
      if (error.effect === "not_applied") return;
      throw error;
    }
    await this.giveBack();
  }

  /** Gives back what this request was charged; nothing, if an earlier one made the charge. */
  async giveBack() {
    if (this.answer.replayed || !(await this.#hasArrived())) return;
    const { transaction_id: refundOf } = this.answer;
    const { customerId, amount, unit } = this.#asked;
    const options = {
      type: "refund",
      refundOf,
      unit,
      description: "The request failed",
      idempotencyKey: refundOf === undefined ? undefined : refundKey(refundOf),
    };
    // A cache elsewhere sends what it has accepted soon, and does not say when.
    const isOnItsWay = this.answer.pending > 0;
    const isWorthAPause = ({ code, retryable }) =>
      retryable || (isOnItsWay && code === "not_found");
    try {
      await persist(() => this.#client.add(customerId, amount, options), isWorthAPause);
    } catch (error) {
      // All that is needed to do it by hand.
      const details = { customer_id: customerId, amount, unit, refund_of: refundOf };
      error.details = { ...details, ...error.details };
      throw error;
    }
  }

  async #gate(name) {
    const { customerId, amount, description, metadata, unit } = this.#asked;
    const options = { metadata, unit, ...name };
    try {
      const { charge, sending } = await this.#inner.gate(customerId, amount, description, options);
      this.#sending = sending;
      this.unsettledKey = charge.idempotency_key;
      this.answer = { ...charge, replayed: charge.replayed && !(await this.#isOwn(charge)) };
      this.unsettledKey = null;
    } catch (error) {
      if (error.effect === "unknown") this.unsettledKey = error.idempotencyKey;
      throw error;
    }
  }

  /** Whether a replayed charge is this request's: its own attempt's, whose answer was lost. */
  async #isOwn({ transaction_id: id, sequence }) {
    if (!this.#inner.isNamed) return true;
    // A cache holds it, whose entry cannot be read: taken for a repeat, which runs nothing twice.
    if (!Number.isSafeInteger(sequence)) return false;
    const { customerId, unit } = this.#asked;
    const entry = { beforeSequence: sequence + 1, limit: 1, unit };
    const { data } = await this.#client.getTransactions(customerId, entry);
    const [found] = data ?? [];
    return found?.id === id && found.metadata?.[MARK] === this.#mark;
  }

  async #wasGivenBack() {
    const { customerId, unit } = this.#asked;
    const refunds = { type: "refund", limit: 100, unit };
    const { data } = await this.#client.getTransactions(customerId, refunds);
    const key = refundKey(this.answer.transaction_id);
    return (data ?? []).some((refund) => refund.idempotency_key === key);
  }

  /** What was accepted without the API must arrive before it can be given back. */
  async #hasArrived() {
    const sending = this.#sending;
    if (sending === undefined) return this.#inner.arrived(this.answer.transaction_id);
    try {
      const sent = await sending;
      return !sent.replayed || (await this.#isOwn(sent));
    } catch {
      // It was not delivered, and `onError` has been told what it was.
      return false;
    }
  }

  #marked(asked) {
    const { metadata = {} } = asked;
    // What is no object is refused where the charge is made.
    if (metadata === null || typeof metadata !== "object" || Array.isArray(metadata)) return asked;
    this.#mark = crypto.randomUUID();
    return { ...asked, metadata: { ...metadata, [MARK]: this.#mark } };
  }

  #remember(key) {
    if (this.#lately.size >= MAX_KEPT) this.#lately.delete(this.#lately.keys().next().value);
    this.#lately.add(key);
  }
}

function refundKey(transactionId) {
  return `refund:${transactionId}`;
}

/** Does something that may be done again, until it is done or there is no more time for it. */
export async function persist(work, isWorthAPause = ({ retryable }) => retryable) {
  for (const pause of PAUSES_MS) {
    try {
      return await work();
    } catch (error) {
      if (!isWorthAPause(error)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return work();
}
