// One request that is paid for: charged before its work or after it, refused where it is not
// covered, given back when the work fails. Shared by `withCredits` and the Hono middleware, which
// differ in how they are called and in nothing else.
//
// A request is charged under a key that is derived from its name. Where the same name comes again
// (only by `idempotencyKeyFrom`), the work is not done a second time unless the options say so: what
// was paid for once would otherwise be had twice. Whether it comes again is `PaidCharge`'s to say.

import { isEdgeCreditsError, refuse } from "./errors.js";
import { INTERNALS } from "./internals.js";
import { signalOf } from "./meter_options.js";
import { meteredResponse } from "./meter_stream.js";
import { LABEL, PaidCharge } from "./paid_charge.js";
import { insufficient, notSetUp, PROBLEMS, problemResponse, unavailable } from "./problems.js";

export class PaidRequest {
  #settings;
  #args;
  #request;
  #context;
  #lately;
  #charge = null;
  #signal = null;
  /** What the handler is given, once `open` has let it run. */
  credits = null;

  /**
   * `args` are what the options' functions are called with; `context` may have a `waitUntil`; `lately`
   * is a set that the requests of one handler share.
   */
  constructor(settings, args, { request, context, lately }) {
    this.#settings = settings;
    this.#args = args;
    this.#request = request;
    this.#context = context;
    this.#lately = lately;
  }

  /** Whether the work may be done: null, or the response that says why not. */
  async open() {
    const settings = this.#settings;
    const customerId = await settings.customer(...this.#args);
    // A response of the caller's own: to a login, say.
    if (typeof customerId === "object" && customerId !== null) return customerId;
    if (!customerId) return this.#refusal(PROBLEMS.unknownCustomer);
    const { client, idempotencyKeyFrom: from } = settings;
    const engine = typeof client === "function" ? await client(...this.#args) : client;
    const idempotencyKeyFrom = typeof from === "function" ? () => from(...this.#args) : from;
    const own = engine.forRequest(this.#request, this.#context, { idempotencyKeyFrom });
    this.credits = { client: own, customerId, charge: null, meter: null };
    const open = { before: () => this.#gate(), metered: () => this.#hold(), after: () => this.#check() };
    try {
      return await open[settings.consume]();
    } catch (error) {
      return this.#failure(error);
    }
  }

  /** What follows from how the work ended, `{response}`, `{error}`, or both; gives what to answer. */
  async close(outcome) {
    const { consume, refundOn } = this.#settings;
    const unpaid = refundOn !== "never" && (await this.#hasFailed(outcome));
    if (this.credits.meter !== null) {
      return this.#closeMetered(outcome.response, unpaid);
    }
    if (consume === "before") {
      if (unpaid && this.#charge !== null) await this.#behind(this.#charge.giveBack());
    } else if (!unpaid && outcome.response !== undefined) {
      await this.#behind(this.#consumeAfter(outcome.response));
    }
    return outcome.response;
  }

  // Work that failed is free; what failed because its caller has hung up is not: the provider was at work.
  async #closeMetered(response, unpaid) {
    const { meter } = this.credits;
    meter.isAwaited = false;
    const isFree = unpaid && typeof this.#settings.refundOn === "function";
    const isBrokenOff = this.#signal?.aborted === true && !isFree;
    if (response !== undefined && !(isBrokenOff ? !response.ok : unpaid)) {
      return meteredResponse(meter, response, this.#signal);
    }
    const end = isBrokenOff ? meter.settle("cancelled") : unpaid ? meter.abort() : meter.settle("failed");
    // A failure of it is told by the client.
    end.catch(() => {});
    await meter.settledOrKept;
    return response;
  }

  // The most that the work may cost is held, and what it uses is counted while it is answered.
  async #hold() {
    const { client, customerId } = this.credits;
    const { signal, ...given } = (await this.#read(this.#settings.meter)) ?? {};
    // Hosts abort a request's own signal when its caller hangs up; null is none.
    this.#signal = signal === undefined ? this.#request?.signal : signalOf(signal);
    const meter = await client.meter({ ...(await this.#notes()), label: LABEL, ...given, customerId });
    this.credits.meter = meter;
    // With the work, which is longer.
    meter.begin();
    meter.isAwaited = true;
    return null;
  }

  async #gate() {
    const amount = await this.#read(this.#settings.amount);
    if (isFree(amount) || amount === undefined) return null;
    const { client, customerId } = this.credits;
    const asked = { customerId, amount, ...(await this.#notes()) };
    const charge = new PaidCharge(client, asked, this.#lately);
    try {
      // A repeat that is to run anyway needs no charge of its own.
      await charge.make({ anew: this.#settings.onReplay !== "run" });
    } catch (error) {
      if (charge.unsettledKey !== null) await this.#settle(charge);
      throw error;
    }
    this.#charge = charge;
    this.credits.charge = charge.answer;
    return charge.answer.replayed ? this.#replay() : null;
  }

  // The work is not done: what was charged all the same is given back. Where a repeat is to run on the
  // charge that there is, it is left to that.
  async #settle(charge) {
    const { isNamed } = this.credits.client[INTERNALS];
    this.#charge = charge;
    if (isNamed && this.#settings.onReplay === "run") return;
    await this.#behind(charge.settle());
  }

  async #replay() {
    const { onReplay } = this.#settings;
    if (onReplay === "run") return null;
    if (onReplay === "refuse") return this.#refusal(PROBLEMS.duplicate);
    return (await onReplay(this.credits, ...this.#args)) || null;
  }

  // Work that is charged when it is done is done for whoever has credits left.
  async #check() {
    const { atLeast } = this.#settings;
    if (atLeast === false) return null;
    const { client, customerId } = this.credits;
    const { balance } = await client.getBalance(customerId, { unit: this.#settings.unit });
    const enough = atLeast === undefined ? balance > 0 : balance >= Number(atLeast);
    return enough ? null : this.#refusal(insufficient(balance, atLeast ?? null));
  }

  // The amount is asked for before anybody reads the response, so that it may take a copy of the body;
  // it may be told when that has ended.
  async #consumeAfter(response) {
    const { client, customerId } = this.credits;
    let amount;
    try {
      amount = await this.#read(this.#settings.amount, response);
      if (isFree(amount)) return;
      const { description, metadata, unit } = await this.#notes();
      const options = { metadata, unit, label: LABEL, background: true };
      await client.consume(customerId, amount, description, options);
    } catch (error) {
      // The work is done, and its caller not to blame.
      const told = isEdgeCreditsError(error) ? error : optionFailed("amount", error);
      const { unit } = this.#settings;
      told.details = { customer_id: customerId, amount, unit, ...told.details };
      throw told;
    }
  }

  async #hasFailed(outcome) {
    const { refundOn } = this.#settings;
    if (typeof refundOn !== "function") return isFailure(outcome);
    try {
      return await refundOn(outcome);
    } catch (error) {
      this.credits.client[INTERNALS].report(optionFailed("refundOn", error));
      return isFailure(outcome);
    }
  }

  #behind(work) {
    return this.credits.client[INTERNALS].behind(work);
  }

  async #notes() {
    const { description, metadata, unit } = this.#settings;
    return {
      description: await this.#read(description),
      metadata: await this.#read(metadata),
      unit,
    };
  }

  #read(option, ...first) {
    return typeof option === "function" ? option(...first, ...this.#args) : option;
  }

  #failure(error) {
    if (!isEdgeCreditsError(error)) throw error;
    const isSettled = (this.#charge?.unsettledKey ?? null) === null;
    if (error.code === "insufficient_credits") {
      const { currentBalance, requested } = error;
      return this.#refusal(insufficient(currentBalance, requested, isSettled), error);
    }
    if (error.code === "duplicate_request") return this.#refusal(PROBLEMS.duplicate, error);
    this.credits.client[INTERNALS].report(error);
    const problem = error.retryable ? unavailable(error, isSettled) : notSetUp(isSettled);
    return this.#refusal(problem, error);
  }

  async #refusal(problem, error) {
    const { respond } = this.#settings;
    const own = respond && (await respond({ ...problem, error }, ...this.#args));
    return own || problemResponse(problem);
  }
}

// Nothing else is free: a price that is lost, or no number, is refused as an amount.
function isFree(amount) {
  if (typeof amount === "string") return /^0(\.0+)?$/.test(amount);
  return amount === null || Object.is(amount, 0);
}

function optionFailed(option, cause) {
  const message = `${option} of withCredits has thrown: ${cause?.message ?? cause}`;
  return refuse("option_failed", option, message, cause);
}

// A host's framework may have made a response of what was thrown: then that counts.
function isFailure({ response }) {
  return response === undefined || response.status >= 500;
}
