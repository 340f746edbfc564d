// The signals of a client that wait or are under way, and in whose context each is sent.
//
// A client may be shared by requests that run at once. On the edge what a request has tracked is then
// sent by that request, under its own `waitUntil`: see `#drain`.

import { ambientContext } from "./context.js";
import { SignalDrain } from "./signal_drain.js";

// How many microtasks after the last signal the turn of a request is taken to be over. A host runs all
// of a turn's microtasks before it lets another request in, so that any number is safe; with this many, signals
// that are tracked one after another, each awaited, still go together.
const TURN_MICROTASKS = 32;
// How often a flush looks for what another turn sends, and for how long.
const LOOK_MS = 20;
const LOOK_FOR_MS = 25_000;

export class SignalBuffer {
  #outlet;
  #waitUntil;
  #own;
  // The flush that was asked for last.
  #flushed = {};
  // By what the host calls its request, where it does.
  #byOwner = new WeakMap();
  // Of the turn that runs now, where the host does not.
  #turn = null;
  #turnLeft = 0;
  #counted = 0;

  // `waitUntil` is this client's own, or null where the host is to be asked.
  constructor(outlet, waitUntil) {
    this.#outlet = outlet;
    this.#waitUntil = waitUntil;
    this.#own = new SignalDrain(outlet);
  }

  // Whether what goes on here goes on in the context of a request, which the host may end.
  get isOfRequest() {
    return this.#waitUntil !== null || ambientContext() !== null;
  }

  // Takes a signal, or says why not.
  add(entry) {
    const outlet = this.#outlet;
    outlet.sweep();
    const refused = outlet.refusal;
    outlet.counts.tracked += 1;
    if (refused !== undefined) {
      outlet.ended(entry, "dropped", refused);
      return refused;
    }
    entry.number = outlet.lastNumber += 1;
    entry.since = Date.now();
    const [drain, waitUntil, isTurn] = this.#drain();
    drain.add(entry, waitUntil);
    if (isTurn) this.#mind(drain, entry, waitUntil);
    return undefined;
  }

  flush() {
    this.#outlet.sweep();
    const [drain, , isTurn] = this.#drain();
    const { lastNumber } = this.#outlet;
    // One that is asked for again while it goes on, by the same request, is the same.
    const isSame = this.#flushed.drain === drain && this.#flushed.lastNumber === lastNumber;
    if (isSame && !isTurn) return this.#flushed.result;
    const result = this.#finish(drain, isTurn);
    const flushed = { drain, lastNumber, result };
    this.#flushed = flushed;
    const forget = () => (this.#flushed = this.#flushed === flushed ? {} : this.#flushed);
    result.then(forget);
    return result;
  }

  async #finish(given, isTurn) {
    const drain = isTurn ? await this.#living(given) : given;
    if (isTurn) await this.#watch(drain);
    else await drain.flush();
    // Of turns, this one's alone: which others are of the same request, and which of somebody else's, the
    // host does not say.
    return { ...drain.tally.take(), pending: this.#outlet.waiting + this.#outlet.sending };
  }

  // In whose context a signal is sent now: the client's own; else that of the request, where the host names
  // it; else that of the turn that runs, which belongs to one request and no other.
  #drain() {
    if (this.#waitUntil !== null) return [this.#own, this.#waitUntil];
    const context = ambientContext();
    if (context === null) return [this.#own, null];
    const { waitUntil, owner } = context;
    if (owner === undefined) return [this.#ofTurn(), waitUntil, true];
    if (!this.#byOwner.has(owner)) {
      this.#byOwner.set(owner, new SignalDrain(this.#outlet));
    }
    return [this.#byOwner.get(owner), waitUntil];
  }

  #ofTurn() {
    this.#turnLeft = TURN_MICROTASKS;
    if (this.#turn === null) {
      this.#turn = new SignalDrain(this.#outlet, true);
      this.#count();
    }
    return this.#turn;
  }

  // Nobody can add to a turn that is over: what it has goes at once.
  #count() {
    queueMicrotask(() => {
      this.#counted += 1;
      this.#turnLeft -= 1;
      if (this.#turnLeft > 0) return this.#count();
      this.#turn.push();
      this.#turn = null;
    });
  }

  // A turn that the host has killed in the middle was not counted to its end, and would take what others track.
  // While a turn is alive, its count is always next: it has gone on when this looks.
  #mind(turn, entry, waitUntil) {
    const counted = this.#counted;
    queueMicrotask(() => {
      if (this.#counted !== counted) return;
      if (this.#turn === turn) this.#turn = null;
      if (turn.giveBack(entry)) this.#ofTurn().add(entry, waitUntil);
    });
  }

  async #living(turn) {
    const counted = this.#counted;
    await null;
    if (this.#counted !== counted) return turn;
    if (this.#turn === turn) this.#turn = null;
    return this.#ofTurn();
  }

  // Earlier turns of this request have promises of their own, and so have other requests: looked for by
  // the clock, not awaited, and only while they show that they are alive.
  async #watch(own) {
    own.push();
    const last = this.#outlet.lastNumber;
    const until = Date.now() + LOOK_FOR_MS;
    const isOpen = (turn, now) => !turn.tally.isSettled(last) && (turn === own || turn.isAlive(now));
    for (let now = Date.now(); now < until; now = Date.now()) {
      const turns = [...this.#outlet.bound].filter(({ isTurn }) => isTurn);
      if (!turns.some((turn) => isOpen(turn, now))) break;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      this.#outlet.sweep();
    }
  }
}
