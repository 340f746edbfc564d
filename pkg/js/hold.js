// A hold, as its holder has it: what can be told of it, and how it ends. When it may end, and what
// that costs, is decided by the ledger.

import { amount, count, metadata, options, text } from "./arguments.js";

// How a hold that is disposed of may have ended without us.
const ENDED = ["hold_already_captured", "hold_already_released", "hold_expired"];

// Places a hold. `start(method, given)` makes a call; `given` are the arguments of this one.
export async function place(start, given) {
  return new Hold(await start("hold", given), given.customerId, start);
}

// Finds a hold by its id, whoever placed it.
export async function attach(start, given) {
  return new AttachedHold(await start("getHold", given), given.customerId, start);
}

// Finds the open holds, a page of them.
export async function attachAll(start, given) {
  const page = await start("getHolds", given);
  const data = (page.data ?? []).map((hold) => new AttachedHold(hold, given.customerId, start));
  return { ...page, data };
}

// A hold that somebody else may be using: to leave its scope does not end it.
class AttachedHold {
  #start;
  #about;

  constructor(answer, customerId, start) {
    this.#start = start;
    this.#about = { customerId, holdId: answer.hold_id, unit: answer.unit };
    this.id = answer.hold_id;
    this.unit = answer.unit;
    this.amount = answer.amount;
    this.description = answer.description ?? null;
    this.metadata = answer.metadata ?? null;
    this.#note(answer);
  }

  async progress(used) {
    return this.#note(await this.#start("reportHold", { ...this.#about, amount: amount(used) }));
  }

  async extend(ttlMs) {
    const about = { ...this.#about, ttlMs: count(ttlMs, "ttlMs") };
    return this.#note(await this.#start("extendHold", about));
  }

  capture(used, callOptions) {
    const given = () => (used === undefined || used === null ? {} : { amount: amount(used) });
    return this.#finish("captureHold", given, callOptions);
  }

  release(callOptions) {
    return this.#finish("releaseHold", () => ({}), callOptions);
  }

  async #finish(method, given, callOptions) {
    const chosen = options(callOptions);
    const notes = {
      description: text(chosen.description, "description"),
      metadata: metadata(chosen.metadata),
    };
    return this.#note(await this.#start(method, { ...this.#about, ...notes, ...given() }));
  }

  // The hold as it was last told.
  #note(answer) {
    this.state = answer.state;
    this.used = answer.used ?? null;
    this.captured = answer.captured;
    this.expiresAt = new Date(answer.expires_at);
    return answer;
  }
}

class Hold extends AttachedHold {
  // The end that was asked for first, if any.
  #end = null;

  constructor(answer, customerId, start) {
    super(answer, customerId, start);
    this.balance = answer.balance;
    this.replayed = answer.replayed;
  }

  capture(used, callOptions) {
    return this.#ends(super.capture(used, callOptions));
  }

  release(callOptions) {
    return this.#ends(super.release(callOptions));
  }

  // What was asked for decides: work that was captured is not given back because the capture failed.
  // The hold's own rule ends it then.
  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    if (this.#end !== null) return void (await this.#end.catch(() => {}));
    await this.release().catch((error) => {
      if (!ENDED.includes(error.code)) throw error;
    });
  }

  #ends(work) {
    this.#end ??= work;
    return work;
  }
}
