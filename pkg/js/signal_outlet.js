// The way out of a client's signals, and what became of them: what all its contexts share. Plain data beside the
// calls, so that no request waits for another's.

import { perform, refusalOf } from "./clocknext_calls.js";

// How often what a host may have ended is looked for, and how much later than it may what is alive can end.
const SWEEP_MS = 1_000;
const LATE_MS = 5_000;
// Servers that one isolate remembers.
const MAX_SERVERS = 64;

// By server: whether it is ours, as far as that is known, and takes batches. Plain data, of no request.
const servers = new Map();

/** What all contexts of a client share: the way out, the counts, the hooks. */
export class SignalOutlet {
  waiting = 0;
  sending = 0;
  lastNumber = -1;
  counts = { tracked: 0, delivered: 0, rejected: 0, dropped: 0 };
  // The drains that go on in the context of a request.
  bound = new Set();
  // Signals whose callers wait for the answer, in the context of a request, oldest first.
  #waited = new Set();
  #isTelling = false;
  #swept = 0;
  #settings;
  #limits;
  #server;

  constructor(settings, limits) {
    this.#settings = settings;
    this.#limits = limits;
    if (servers.size >= MAX_SERVERS) servers.clear();
    if (!servers.has(settings.server)) servers.set(settings.server, { batches: true });
    this.#server = servers.get(settings.server);
  }

  // Facts for the pace: the limits, and whether batches can be sent.
  get facts() {
    const { ours, batches } = this.#server;
    return { ...this.#limits, ours: ours === undefined ? undefined : ours && batches };
  }

  // Why there is no room for another signal, or undefined.
  get refusal() {
    return refusalOf(this.waiting, this.#limits.maxQueueSize);
  }

  refusesBatches() {
    this.#server.batches = false;
  }

  // Performs a call; `onAttempt` hears of each attempt that has ended.
  ask(call, onAttempt = () => {}) {
    return perform(this.#settings, call, (ours, pause) => {
      if (ours !== undefined) this.#server.ours = ours || (this.#server.ours ?? false);
      if (pause !== undefined) this.#settings.hooks.onRetry?.(pause);
      onAttempt();
    });
  }

  // Sends a signal for whom waits for its answer.
  async send(entry, isOfRequest) {
    const { body, key } = entry;
    this.counts.tracked += 1;
    entry.since = Date.now();
    if (isOfRequest) this.#waited.add(entry);
    try {
      const result = await this.ask({ method: "signal", body, key });
      this.#answered(entry, "delivered");
      return result;
    } catch (error) {
      this.#answered(entry, "rejected");
      throw error;
    }
  }

  #answered(entry, how) {
    this.#waited.delete(entry);
    if (!entry.over) this.counts[how] += 1;
  }

  // A signal of the buffer has ended. `why` is the error of a rejection, the reason of a drop; `error` what the
  // last attempt of a dropped one came to.
  ended({ signal }, how, why, error) {
    this.counts[how] += 1;
    if (how === "delivered") return;
    const { onDrop } = this.#settings.hooks;
    if (onDrop === undefined && how === "dropped") sayDropped(why, this.counts.dropped);
    // Whoever tracks again what is dropped has the answer of that; told of it, too, it would never end.
    if (this.#isTelling && why === "queue_full") return;
    const failure = how === "rejected" ? why : error;
    // When what is being done is done: a hook may track.
    queueMicrotask(() => this.#tell(signal, failure, how === "rejected" ? "send_failed" : why));
  }

  #tell(signal, failure, reason) {
    const { onError, onDrop } = this.#settings.hooks;
    this.#isTelling = true;
    if (failure !== undefined) onError(failure, signal);
    onDrop?.(signal, reason);
    this.#isTelling = false;
  }

  flushed(delivered) {
    this.#settings.hooks.onFlush?.(delivered);
  }

  // A host that ends a request says nothing to what goes on in its context, and settles nothing there: what
  // such a drain has in hand is given up, and told, by whoever comes next; so is what callers waited for.
  sweep() {
    const now = Date.now();
    if (Math.abs(now - this.#swept) < SWEEP_MS) return;
    this.#swept = now;
    for (const drain of this.bound) if (drain.isAbandoned(now)) drain.abandon();
    const since = now - this.#limits.longestMs - LATE_MS;
    for (const entry of this.#waited) {
      if (entry.since >= since) break;
      this.#waited.delete(entry);
      entry.over = true;
      this.ended(entry, "dropped", "abandoned");
    }
  }
}

// Losses are said where nobody listens: each time that there are twice as many.
function sayDropped(reason, dropped) {
  if ((dropped & (dropped - 1)) !== 0) return;
  console.error(`ClockNext: a signal was dropped (${reason}); ${dropped} so far, see onDrop`);
}
