// The signals of one context on their way: of one request on the edge, of the process elsewhere. When
// they are sent, and how many together, is decided in the core; here it is performed.
//
// Whatever is awaited here was begun here: on the edge a promise belongs to the request that made it.

import { itemError, nextStep } from "./clocknext_calls.js";
import { keepAlive } from "./context.js";
import { SignalTally } from "./signal_tally.js";

// Hosts end what goes on behind a response after 30 s; what could not be sent is to be told before.
const BEHIND_MS = 25_000;
// How much later a run that is alive may come to what was due: timers are late on a busy host.
const LATE_MS = 5_000;
// How often a run of a turn shows that it is alive, to whoever flushes; and for how long that holds.
const BEAT_MS = 1_000;
const ALIVE_MS = 3_000;

export class SignalDrain {
  tally = new SignalTally();
  // Whether this is a turn's, of a request that the host does not name.
  isTurn;
  #outlet;
  #queue = [];
  // The signals of each request under way.
  #sending = new Set();
  // Whether one has been tried in this run.
  #tried = false;
  // The last signal that is to go without waiting for more, and the last of which `onFlush` was told.
  #mark = -1;
  #told = -1;
  #delivered = 0;
  // What goes on in the context of a request ends by then, whatever comes of it.
  #deadline;
  #isBound = false;
  // The run that goes on, and since when it has been called without stirring.
  #run = null;
  #called;
  #stirred = 0;
  #wake = () => {};
  #flushes = [];

  // `outlet` sends, and is told how each signal ended.
  constructor(outlet, isTurn = false) {
    this.#outlet = outlet;
    this.isTurn = isTurn;
  }

  // Takes a signal and sees to it that it is sent: behind the response, where there is a `waitUntil`.
  add(entry, waitUntil) {
    this.tally.began(entry);
    this.#queue.push(entry);
    this.#outlet.waiting += 1;
    if (this.#run === null) this.#begin(waitUntil);
    else {
      this.#called ??= entry.since;
      this.#wake();
    }
    // Whoever adds is alive: the host's time counts from here at the earliest.
    if (this.#isBound) this.#deadline = entry.since + BEHIND_MS;
  }

  // Gives a signal back that still waits. False where it does not.
  giveBack(entry) {
    const at = this.#queue.lastIndexOf(entry);
    if (at < 0) return false;
    this.#queue.splice(at, 1);
    this.#outlet.waiting -= 1;
    this.tally.left(entry);
    return true;
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

  // Whether a turn has shown of late that something goes on.
  isAlive(now) {
    return now - this.#stirred < ALIVE_MS;
  }

  // Whether the host has ended the request whose context this goes on in, so that nothing here will ever
  // settle. A run that is alive ends all by its deadline, and stirs when it is called.
  isAbandoned(now) {
    const called = this.#called === undefined ? Infinity : this.#called + BEHIND_MS;
    return now > Math.min(this.#deadline, called) + LATE_MS;
  }

  // Gives up what such a run had in hand; the next signal begins another.
  abandon() {
    this.#rest();
    const sent = [...this.#sending].flat();
    this.#sending.clear();
    this.#outlet.sending -= sent.length;
    for (const entry of sent) this.#end(entry, "dropped", "abandoned");
    this.#give("abandoned");
    this.#mark = this.#outlet.lastNumber;
    this.#tell();
  }

  #begin(waitUntil) {
    // Also where the host refuses: it ends what it does not keep awake all the sooner.
    this.#isBound = waitUntil !== null;
    if (this.#isBound) this.#outlet.bound.add(this);
    // Never rejects: a host would report that as an unhandled rejection.
    let end;
    const ended = new Promise((resolve) => (end = resolve));
    keepAlive(waitUntil, ended);
    this.#run = {};
    this.#stirred = Date.now();
    this.#goOn(this.#run).then(end);
  }

  async #goOn(run) {
    // What the caller tracks in the same breath belongs together.
    await null;
    while (this.#run === run) {
      this.#called = undefined;
      this.#stirred = Date.now();
      this.#tell();
      const facts = this.#facts();
      const [word, figure, bytes] = this.#next(facts);
      if (word === "rest") this.#rest();
      else if (word === "expire") this.#give("deadline");
      else if (word === "wait") await this.#pause(figure);
      else {
        if (!facts.flushing) this.#mark = this.#outlet.lastNumber;
        void this.#send(this.#take(figure, bytes));
      }
    }
  }

  // Where the module cannot say what comes next, it cannot send either.
  #next(facts) {
    try {
      return nextStep(facts);
    } catch (error) {
      for (const entry of this.#leave()) this.#end(entry, "rejected", errorFor(entry, error));
      this.#tell();
      return [this.#sending.size > 0 ? "wait" : "rest"];
    }
  }

  #rest() {
    this.#run = null;
    this.#tried = false;
    this.#called = undefined;
    this.#deadline = undefined;
    this.#outlet.bound.delete(this);
  }

  #facts() {
    const [oldest] = this.#queue;
    return {
      ...this.#outlet.facts,
      waiting: this.#queue.length,
      sending: this.#sending.size,
      since: oldest?.since,
      flushing: oldest?.number <= this.#mark,
      tried: this.#tried,
      deadline: this.#deadline,
    };
  }

  // Until something has ended or come, or the time is up.
  async #pause(figure) {
    let timer;
    const limit = this.isTurn ? Math.min(figure ?? BEAT_MS, BEAT_MS) : figure;
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

  // Gives up what waits.
  #give(reason) {
    for (const entry of this.#leave()) this.#end(entry, "dropped", reason);
  }

  #leave() {
    const left = this.#queue.splice(0);
    this.#outlet.waiting -= left.length;
    return left;
  }

  async #send(entries) {
    this.#sending.add(entries);
    this.#outlet.sending += entries.length;
    const again = entries.length > 1 ? await this.#batch(entries) : await this.#single(entries[0]);
    // Given up meanwhile, and told: the host had only halted.
    if (!this.#sending.delete(entries)) return;
    this.#outlet.sending -= entries.length;
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
      if (!entry.alone && failedInside(error)) return [leftOpen(entry, error)];
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
      if (error.code === "no_batch") this.#outlet.refusesBatches();
      if (error.code === "no_batch" || failedInside(error)) {
        return entries.map((entry) => leftOpen(entry, error));
      }
      for (const entry of entries) this.#end(entry, "rejected", errorFor(entry, error));
      return [];
    }
    if (results?.length !== entries.length) {
      this.#outlet.refusesBatches();
      return entries.map((entry) => leftOpen(entry, { effect: "unknown" }));
    }
    return entries.filter((entry, index) => {
      const error = itemError(results[index], entry.key);
      if (error?.retryable) return leftOpen(entry, error);
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
    if (entry.over) return;
    entry.over = true;
    // What had no answer now may have been carried out before.
    if (entry.isOpen && why?.status === null) why.effect = "unknown";
    // An attempt that the deadline cut short is a signal that the deadline has cost.
    const late = why?.code === "deadline";
    if (how === "delivered") this.#delivered += 1;
    const end = late ? "dropped" : how;
    this.tally.ended(entry, end, why);
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

// Whether the module's own failure has ended a call, whoever's it was: its signals go once more, each alone and
// under its key. A server may use the same word of itself, but has a status.
function failedInside({ code, status }) {
  return code === "internal_error" && status === null;
}

// A signal that is to be sent again: what became of it this time may not be known.
function leftOpen(entry, { effect }) {
  entry.isOpen ||= effect === "unknown";
  return entry;
}

// One failure of several signals, as each one's own.
function errorFor({ key }, error) {
  const facts = { ...error, idempotencyKey: key, cause: error.cause };
  return new error.constructor(error.message, facts);
}
