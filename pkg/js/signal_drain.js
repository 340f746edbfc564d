// The signals of one context on their way: of one request on the edge, of the process elsewhere. When
// they are sent, and how many together, is decided in the core; here it is performed.
//
// Whatever is awaited here was begun here: on the edge a promise belongs to the request that made it.

import { itemError, pace } from "./clocknext_calls.js";
import { keepAlive } from "./context.js";
import { SignalTally } from "./signal_tally.js";

// Hosts end what goes on behind a response after 30 s; what could not be sent is to be told before.
const BEHIND_MS = 25_000;

export class SignalDrain {
  tally = new SignalTally();
  #outlet;
  #scope;
  #queue = [];
  // Requests under way.
  #sending = 0;
  // Whether one has been tried in this run.
  #tried = false;
  // The last signal that is to go without waiting for more, and the last of which `onFlush` was told.
  #mark = -1;
  #told = -1;
  #delivered = 0;
  #deadline;
  #isRunning = false;
  #isBehind = false;
  #wake = () => {};
  #flushes = [];

  // `outlet` sends, and is told how each signal ended; `scope` counts what this drain shares with others.
  constructor(outlet, scope) {
    this.#outlet = outlet;
    this.#scope = scope;
  }

  // Takes a signal and sees to it that it is sent: behind the response, where there is a `waitUntil`.
  add(entry, waitUntil) {
    this.tally.began(entry);
    this.#scope?.began(entry);
    this.#queue.push(entry);
    this.#outlet.waiting += 1;
    if (this.#isRunning) this.#wake();
    else this.#begin(waitUntil);
    // Whoever adds is alive: the host's time counts from here at the earliest.
    if (this.#isBehind) this.#deadline = entry.since + BEHIND_MS;
  }

  // Sends what waits without waiting for more.
  push() {
    this.#mark = this.#outlet.lastNumber;
    this.#wake();
  }

  // Sends what waits; resolves when that has ended, whatever comes meanwhile.
  async flush() {
    this.push();
    const number = this.#mark;
    while (!this.tally.isSettled(number)) {
      await new Promise((resolve) => this.#flushes.push(resolve));
    }
  }

  #begin(waitUntil) {
    this.#isRunning = true;
    // Never rejects: a host would report that as an unhandled rejection.
    let end;
    const ended = new Promise((resolve) => (end = resolve));
    this.#isBehind = keepAlive(waitUntil, ended);
    this.#run().then(end);
  }

  async #run() {
    // What the caller tracks in the same breath belongs together.
    await null;
    for (;;) {
      this.#tell();
      const facts = this.#facts();
      const [word, figure, bytes] = pace(facts);
      if (word === "rest") break;
      if (word === "expire") this.#expire();
      else if (word === "wait") await this.#pause(figure);
      else {
        if (!facts.flushing) this.#mark = this.#outlet.lastNumber;
        void this.#send(this.#take(figure, bytes));
      }
    }
    this.#isRunning = false;
    this.#tried = false;
    this.#deadline = undefined;
  }

  #facts() {
    const [oldest] = this.#queue;
    return {
      ...this.#outlet.facts,
      waiting: this.#queue.length,
      sending: this.#sending,
      since: oldest?.since,
      flushing: oldest?.number <= this.#mark,
      tried: this.#tried,
      deadline: this.#deadline,
    };
  }

  // Until something has ended or come, or the time is up.
  async #pause(limit) {
    let timer;
    await new Promise((resolve) => {
      this.#wake = resolve;
      if (limit !== undefined) timer = setTimeout(resolve, limit);
    });
    clearTimeout(timer);
  }

  #take(most, bytes) {
    let [taken, size] = [0, 0];
    while (taken < most && taken < this.#queue.length) {
      const { alone, bytes: more } = this.#queue[taken];
      size += more;
      if (taken > 0 && (alone || size > bytes)) break;
      taken += 1;
      if (alone) break;
    }
    this.#outlet.waiting -= taken;
    return this.#queue.splice(0, taken);
  }

  #expire() {
    const left = this.#queue.splice(0);
    this.#outlet.waiting -= left.length;
    for (const entry of left) this.#end(entry, "dropped", "deadline");
  }

  async #send(entries) {
    this.#sending += 1;
    this.#outlet.sending += entries.length;
    const again = entries.length > 1 ? await this.#batch(entries) : await this.#single(entries[0]);
    this.#outlet.sending -= entries.length;
    this.#sending -= 1;
    for (const entry of again) entry.alone = true;
    this.#queue.unshift(...again);
    this.#outlet.waiting += again.length;
    this.#wake();
  }

  async #single(entry) {
    const { body, key } = entry;
    try {
      await this.#ask({ method: "signal", body, key });
      this.#end(entry, "delivered");
    } catch (error) {
      this.#end(entry, "rejected", error);
    }
    return [];
  }

  // Resolves to the signals that are to be sent again, each alone and under its key: what has arrived
  // is not counted twice.
  async #batch(entries) {
    const body = `{"signals":[${entries.map((entry) => entry.body).join(",")}]}`;
    let results;
    try {
      ({ results } = await this.#ask({ method: "batch", body }));
    } catch (error) {
      if (error.code !== "no_batch") {
        for (const entry of entries) this.#end(entry, "rejected", errorFor(entry, error));
        return [];
      }
    }
    if (results?.length !== entries.length) {
      this.#outlet.refusesBatches();
      return entries;
    }
    return entries.filter((entry, index) => {
      const error = itemError(results[index], entry.key);
      if (error?.retryable) return true;
      this.#end(entry, error === undefined ? "delivered" : "rejected", error);
      return false;
    });
  }

  #ask(call) {
    return this.#outlet.ask({ ...call, deadline: this.#deadline }, () => {
      this.#tried = true;
      this.#wake();
    });
  }

  #end(entry, how, why) {
    // An attempt that the deadline cut short is a signal that the deadline has cost.
    const late = why?.code === "deadline";
    if (how === "delivered") this.#delivered += 1;
    const end = late ? "dropped" : how;
    this.tally.ended(entry, end, why);
    this.#scope?.ended(entry, end, why);
    this.#outlet.ended(entry, end, late ? "deadline" : why, late ? why : undefined);
  }

  // Tells of a flush when all that was to go has gone, and whoever waits for signals.
  #tell() {
    for (const resolve of this.#flushes.splice(0)) resolve();
    if (this.#mark <= this.#told || !this.tally.isSettled(this.#mark)) return;
    this.#told = this.#mark;
    const delivered = this.#delivered;
    this.#delivered = 0;
    this.#outlet.flushed(delivered);
  }
}

// One failure of several signals, as each one's own.
function errorFor({ key }, error) {
  const facts = { ...error, idempotencyKey: key, cause: error.cause };
  return new error.constructor(error.message, facts);
}
