// A hold, as its holder has it: what can be told of it, and how it ends. When it may end, and what
// that costs, is decided by the ledger.

import { amount, count, metadata, options, text } from "./arguments.js";

// How a hold that is disposed of may have ended without us.
const ENDED = ["hold_already_captured", "hold_already_released", "hold_expired"];

// Places a hold. `start(method, given)` makes a call; `given` are the arguments of this one.
export async function place(start, given) {
  return new Hold(await start("hold", given), given.customerId, start);
}

class Hold {
  #start;
  #about;
  // The end that was asked for first, if any.
  #end = null;

  constructor(answer, customerId, start) {
    this.#start = start;
    this.#about = { customerId, holdId: answer.hold_id, unit: answer.unit };
    this.id = answer.hold_id;
    this.amount = answer.amount;
    this.unit = answer.unit;
    this.balance = answer.balance;
    this.expiresAt = new Date(answer.expires_at);
    this.replayed = answer.replayed;
  }

  async progress(used) {
    return this.#start("reportHold", { ...this.#about, amount: amount(used) });
  }

  async extend(ttlMs) {
    const about = { ...this.#about, ttlMs: count(ttlMs, "ttlMs") };
    const answer = await this.#start("extendHold", about);
    this.expiresAt = new Date(answer.expires_at);
    return answer;
  }

  capture(used, callOptions) {
    const given = () => (used === undefined || used === null ? {} : { amount: amount(used) });
    return this.#finish("captureHold", given, callOptions);
  }

  release(callOptions) {
    return this.#finish("releaseHold", () => ({}), callOptions);
  }

  // What was asked for decides: work that was captured is not given back because the capture failed.
  // The hold's own rule ends it then.
  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    if (this.#end !== null) return void (await this.#end.catch(() => {}));
    await this.release().catch((error) => {
      if (!ENDED.includes(error.code)) throw error;
    });
  }

  #finish(method, given, callOptions) {
    const work = (async () => {
      const chosen = options(callOptions);
      const notes = {
        description: text(chosen.description, "description"),
        metadata: metadata(chosen.metadata),
      };
      return this.#start(method, { ...this.#about, ...notes, ...given() });
    })();
    this.#end ??= work;
    return work;
  }
}
