// One request that is paid for: charged before its work or after it, refused where it is not covered,
// given back when the work fails. Shared by `withCredits` and the Hono middleware, which differ in how
// they are called and in nothing else.
//
// A request is charged under a key that is derived from its name. Where the same name comes again
// (only by `idempotencyKeyFrom`), the gate answers that it is a replay, and then the work is not done
// a second time unless the options say so: what was paid for once would otherwise be had twice.

import { options as optionsOf } from "./arguments.js";
import { internals } from "./engine.js";
import { InsufficientCreditsError, isEdgeCreditsError, refuse } from "./errors.js";
import { insufficient, PROBLEMS, problemResponse, unavailable } from "./problems.js";

const CODE = "invalid_config";
/** The name of the charge among the calls of its request; the handler's own calls have others. */
const LABEL = "paid-request";

/** Reads the options once, when a handler is wrapped. */
export function readPaidOptions(given) {
  const { client, customer, amount, charge = "before", onReplay = "refuse", ...rest } = optionsOf(
    given,
    "options",
    CODE,
  );
  if (typeof client?.forRequest !== "function" && typeof client !== "function") {
    throw refuse(CODE, "client", "client must be a CreditEngine, or a function that gives one");
  }
  if (typeof customer !== "function") {
    throw refuse(CODE, "customer", "customer must be a function: it says whose request this is");
  }
  if (amount === undefined || amount === null) {
    throw refuse(CODE, "amount", "amount is missing: credits, or a function that gives them");
  }
  oneOf("charge", charge, ["before", "after"]);
  if (typeof onReplay !== "function") oneOf("onReplay", onReplay, ["refuse", "run"]);
  const { refundOn = onReplay === "run" ? "never" : "error", idempotencyKeyFrom, atLeast } = rest;
  if (typeof refundOn !== "function") oneOf("refundOn", refundOn, ["error", "never"]);
  const { description, metadata, unit, respond } = rest;
  if (respond !== undefined && typeof respond !== "function") {
    throw refuse(CODE, "respond", "respond must be a function of the problem");
  }
  const settings = { client, customer, amount, charge, onReplay, refundOn, idempotencyKeyFrom };
  checkTogether(settings);
  return { ...settings, atLeast, description, metadata, unit, respond };
}

function oneOf(param, value, words) {
  if (words.includes(value)) return;
  const choice = words.map((word) => `"${word}"`).join(" or ");
  throw refuse(CODE, param, `${param} must be ${choice}, or what the documentation says besides`);
}

function checkTogether({ charge, onReplay, refundOn, idempotencyKeyFrom }) {
  if (onReplay === "run" && refundOn !== "never" && charge === "before") {
    const message =
      'onReplay "run" and refundOn exclude each other: a request that failed and was refunded would ' +
      "run again for nothing when it is repeated";
    throw refuse(CODE, "refundOn", message);
  }
  if (charge === "after" && idempotencyKeyFrom !== undefined && onReplay !== "run") {
    const message =
      'charge "after" with idempotencyKeyFrom needs onReplay "run": that a request is a repeat is ' +
      "known when it is charged, and then the work has been done again";
    throw refuse(CODE, "onReplay", message);
  }
}

export class PaidRequest {
  #settings;
  #args;
  #request;
  #context;
  #cost = null;
  /** What the handler is given, once `open` has let it run. */
  credits = null;

  /** `args` are what the options' functions are called with; `context` may have a `waitUntil`. */
  constructor(settings, args, { request, context }) {
    this.#settings = settings;
    this.#args = args;
    this.#request = request;
    this.#context = context;
  }

  /** Whether the work may be done: null, or the response that says why not. */
  async open() {
    const settings = this.#settings;
    const customerId = await settings.customer(...this.#args);
    // A response of the caller's own: to a login, say.
    if (typeof customerId === "object" && customerId !== null) return customerId;
    if (!customerId) return this.#refusal(PROBLEMS.unknownCustomer);
    const { client, idempotencyKeyFrom } = settings;
    const engine = typeof client === "function" ? await client(...this.#args) : client;
    const own = engine.forRequest(this.#request, this.#context, { idempotencyKeyFrom });
    this.credits = { client: own, customerId, charge: null };
    try {
      return settings.charge === "before" ? await this.#gate() : await this.#check();
    } catch (error) {
      return this.#failure(error);
    }
  }

  /** What follows from how the work ended: `{response}`, `{error}`, or both. */
  async close(outcome) {
    const { charge, refundOn } = this.#settings;
    const failed = typeof refundOn === "function" ? await refundOn(outcome) : isFailure(outcome);
    const unpaid = failed && refundOn !== "never";
    if (charge === "before" && unpaid) await this.#refund();
    if (charge === "after" && !unpaid) await this.#chargeAfter(outcome);
  }

  async #gate() {
    this.#cost = await this.#read(this.#settings.amount);
    if (isNothing(this.#cost)) return null;
    const { client, customerId } = this.credits;
    const options = { ...(await this.#notes()), label: LABEL };
    const description = await this.#read(this.#settings.description);
    const charge = await client.consumeOrFail(customerId, this.#cost, description, options);
    this.credits.charge = charge;
    return charge.replayed ? this.#replay() : null;
  }

  async #replay() {
    const { onReplay } = this.#settings;
    if (onReplay === "run") return null;
    if (onReplay === "refuse") return this.#refusal(PROBLEMS.duplicate);
    return (await onReplay(this.credits, ...this.#args)) || null;
  }

  // Work that is charged when it is done is done for whoever has credits left.
  async #check() {
    const { atLeast = null } = this.#settings;
    if (atLeast === false) return null;
    const { client, customerId } = this.credits;
    const { balance } = await client.getBalance(customerId, { unit: this.#settings.unit });
    const enough = atLeast === null ? balance > 0 : balance >= Number(atLeast);
    return enough ? null : this.#refusal(insufficient(balance, atLeast));
  }

  async #chargeAfter({ response }) {
    const cost = await this.#read(this.#settings.amount, response);
    if (isNothing(cost)) return;
    const { client, customerId } = this.credits;
    const options = { ...(await this.#notes()), label: LABEL, background: true };
    const description = await this.#read(this.#settings.description);
    try {
      await client.consume(customerId, cost, description, options);
    } catch (error) {
      // The work is done, and its caller not to blame.
      internals.report(client, error);
    }
  }

  async #refund() {
    const { client, customerId, charge } = this.credits;
    // A replay's charge is that of the request before.
    if (charge === null || charge.replayed) return;
    const { transaction_id: refundOf } = charge;
    const options = {
      type: "refund",
      refundOf,
      unit: this.#settings.unit,
      description: "The request failed",
      idempotencyKey: refundOf === undefined ? undefined : `refund:${refundOf}`,
    };
    // What was accepted and not yet sent must arrive before it can be given back. Asked for before
    // this work itself is waited for.
    const arrived = client.flush();
    const give = () => client.add(customerId, this.#cost, options);
    const isOnItsWay = charge.pending > 0 || charge.degraded === true;
    const work = arrived.then(() => (isOnItsWay ? whenFound(give) : give()));
    await internals.later(client, work);
  }

  async #notes() {
    const { metadata, unit } = this.#settings;
    return { metadata: await this.#read(metadata), unit };
  }

  #read(option, ...more) {
    return typeof option === "function" ? option(...this.#args, ...more) : option;
  }

  #failure(error) {
    if (!isEdgeCreditsError(error)) throw error;
    if (error instanceof InsufficientCreditsError) {
      return this.#refusal(insufficient(error.currentBalance, error.requested), error);
    }
    internals.report(this.credits.client, error);
    return this.#refusal(error.retryable ? unavailable(error) : PROBLEMS.failed, error);
  }

  async #refusal(problem, error) {
    const { respond } = this.#settings;
    const own = respond && (await respond({ ...problem, error }, ...this.#args));
    return own || problemResponse(problem);
  }
}

/** A cache elsewhere sends what it has accepted soon, and does not say when: some seconds are given. */
async function whenFound(give) {
  for (let pause = 250; ; pause *= 2) {
    try {
      return await give();
    } catch (error) {
      if (error.code !== "not_found" || pause > 4000) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function isNothing(cost) {
  return cost === undefined || cost === null || Number(cost) === 0;
}

// A host's framework may have made a response of what was thrown: then that counts.
function isFailure({ response }) {
  return response === undefined || response.status >= 500;
}
