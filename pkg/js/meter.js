// One call that is metered: its holds, what the ledger is told of them while it runs, and its one end.
//
// Performs. What tokens cost, when a report is due, when more is to be held and what each hold is
// captured for is decided in the core, whose meter this keeps as numbers that mean nothing here.

import { refuse } from "./errors.js";
import { INTERNALS } from "./internals.js";
import { amountsOf, unacknowledged, unsettled } from "./meter_errors.js";
import { ownHold } from "./meter_hold.js";
import { MeterNumbers } from "./meter_numbers.js";
import { readMeterOptions } from "./meter_options.js";
import { persist } from "./paid_charge.js";
import { onAbort } from "./passed_on.js";
import { byteLength } from "./provider_usage.js";
import { recentCosts, rememberCost } from "./recent_calls.js";

/** What a response waits at most for the ledger to be told that there is something to pay for. */
const FIRST_REPORT_MS = 2000;
/** And a part of it, for the ledger to hear of those before: none that is slower stops a paid stream. */
const MOST_WAIT_MS = 3000;
/** In a pause of twice this, at the latest, the ledger is told of all that there is: nothing may ever come. */
const PAUSE_MS = 1000;

/** Longer ones are none to a host. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Between two tries to extend a hold. */
const MIN_RENEWAL_MS = 1000;
/** Most bytes of metadata, as the ledger takes them. */
const MAX_METADATA_BYTES = 8192;
const NOTHING = { output: 0, reasoning: 0 };

/** Holds credits for a call, and gives its meter. */
export async function openMeter(engine, given) {
  const plan = readMeterOptions(given);
  const inner = engine[INTERNALS];
  const name = plan.learns ? JSON.stringify([inner.account, plan.customerId, plan.priced]) : null;
  const recent = plan.learns ? recentCosts(name) : [];
  const numbers = new MeterNumbers({ ...plan.figures, recent });
  const hold = plan.own ?? (await ownHold(engine, plan, numbers.first));
  return new Meter({ engine, plan, numbers, hold, name });
}

export class Meter {
  #engine;
  #plan;
  #numbers;
  #name;
  #holds;
  #renewAt;
  #reporting = null;
  #placing = null;
  #end = null;
  #resolve;
  #isKept;
  #byHand = false;
  /** Counts what came, so that a pause is noticed. */
  #came = 0;
  #passed = 0;
  #pause = null;
  /** The ledger does not answer reports: nobody waits for them until it does. */
  #isDeaf = false;
  #isTold = false;
  #isPaused = false;
  #renewal = null;
  #isAwaited = false;
  #heard = null;
  #unheed = () => {};
  /** Ends a part's waiting. */
  #wake = () => {};
  /** Settles when a body that is still open need not keep the host awake any more. */
  settledOrKept;
  /** The call has been made, or is being made. */
  hasBegun = false;
  /** What refused more credits in the middle of the call, where that is to end it. */
  refusal = null;

  constructor({ engine, plan, numbers, hold, name }) {
    Object.assign(this, { hold });
    this.#engine = engine;
    this.#plan = plan;
    this.#numbers = numbers;
    this.#name = name;
    this.#holds = [hold];
    this.#renewAt = Date.now() + plan.leftMs / 2;
    // Now, because a host asks for it while the request lasts.
    const ended = new Promise((resolve) => (this.#resolve = resolve));
    this.#isKept = engine[INTERNALS].keep(ended);
    this.settledOrKept = this.#isKept ? Promise.resolve() : ended;
  }

  /** The caller's, by which the call is broken off. */
  get signal() {
    return this.#plan.signal;
  }

  /** Credits used so far. */
  get used() {
    return this.#numbers.used;
  }

  /** Tokens so far, each counted once. */
  get tokens() {
    return this.#numbers.tokens;
  }

  /** The provider has told what the call has used in all so far; what it does not tell stays. */
  add(usage) {
    const { input, cacheRead, cacheWrite, output, reasoning } = usage;
    this.#byHand = true;
    this.#take(NOTHING, [input, cacheRead, cacheWrite, output, reasoning, NaN, 1, 1]);
  }

  /** Text has gone by, which its usage will count when it is told. */
  estimate(text, kind = "output") {
    const bytes = byteLength(text);
    this.#byHand = true;
    this.#take({ ...NOTHING, [kind === "reasoning" ? kind : "output"]: bytes }, null);
  }

  /**
   * What a part of a response says: bytes of its text, and then the counts that it reports, as
   * `provider_usage.js` reads them, which count that text too. Who counts by hand is not contradicted.
   */
  read(text, counts) {
    if (!this.#byHand) this.#take(text, counts);
  }

  #take({ output, reasoning }, counts) {
    if (this.#end !== null) return;
    this.hasBegun = true;
    if (output + reasoning > 0) this.#numbers.see(output, reasoning);
    if (counts !== null) this.#numbers.report(counts);
    this.#came += 1;
    this.#awaitPause();
    this.#pump();
  }

  // One timer at a time, whatever comes: it looks whether anything has.
  #awaitPause() {
    if (this.#pause !== null) return;
    const came = this.#came;
    this.#pause = setTimeout(() => {
      this.#pause = null;
      if (this.#came === came) this.#pump(true);
      else this.#awaitPause();
    }, PAUSE_MS);
  }

  /**
   * The call is made: tells the ledger what it has used already, so that a process which dies from here
   * on is paid for. Never rejects, and does not wait long.
   */
  async begin() {
    this.hasBegun = true;
    this.#awaitPause();
    this.#pump();
    let timer;
    const enough = new Promise((resolve) => (timer = setTimeout(resolve, FIRST_REPORT_MS)));
    await Promise.race([this.#reporting, enough]);
    clearTimeout(timer);
  }

  /** A part of more bytes than these is better passed on in smaller ones, each as soon as it may. */
  get partBytes() {
    return this.#isDeaf ? Infinity : this.#numbers.partBytes;
  }

  /**
   * Before a part that was counted is passed on: null, or what to wait for, so that no more is passed on
   * than a step beyond what the ledger has heard of. Never rejects, and lasts some seconds at most.
   */
  heard() {
    if (this.#heard !== null || this.#came === this.#passed) return this.#heard;
    this.#passed = this.#came;
    if (this.#isBehind()) this.#heard = this.#hearing().finally(() => (this.#heard = null));
    return this.#heard;
  }

  #isBehind() {
    try {
      if (this.#numbers.pass(this.#isDeaf || this.#reporting === null)) return false;
    } catch {
      return false; // The client has failed inside: what is paid for is passed on.
    }
    return this.#end === null;
  }

  /**
   * Whether somebody waits for the call, who may have to wait for long: then its holds are extended while
   * nothing comes. Those of an answer that nobody reads expire.
   */
  set isAwaited(isAwaited) {
    this.#isAwaited = isAwaited;
    if (!isAwaited || this.#renewal !== null || this.#end !== null) return;
    const wait = Math.max(MIN_RENEWAL_MS, this.#renewAt - Date.now());
    this.#renewal = setTimeout(() => {
      this.#renewal = null;
      if (!this.#isAwaited) return;
      this.#pump();
      this.isAwaited = true;
    }, Math.min(wait, MAX_TIMER_MS));
    // What waits keeps its process alive by itself.
    this.#renewal.unref?.();
    globalThis.Deno?.unrefTimer?.(this.#renewal);
  }

  async #hearing() {
    let isLate = false;
    const enough = new Promise((resolve) => (this.#wake = resolve));
    const timer = setTimeout(() => {
      isLate = true;
      this.#wake();
    }, MOST_WAIT_MS);
    do await Promise.race([this.#reporting, enough]);
    while (!isLate && this.#isBehind());
    clearTimeout(timer);
    if (!isLate) return;
    this.#numbers.pass(true);
    this.#unheard();
  }

  // Said once of a call: what it uses is charged at its end all the same.
  #unheard(cause) {
    this.#isDeaf = true;
    if (this.#isTold || this.#end !== null) return;
    this.#isTold = true;
    this.#engine[INTERNALS].report(unacknowledged(this.#about({ used: this.used }), cause));
  }

  /** The call has ended: takes what it used. Once; asked again, it answers the same. */
  settle(reason = "finished") {
    return this.#finish(() => this.#settle(reason));
  }

  /** Ends with the caller's signal; for who has no stream that does. */
  heed() {
    const end = () => (this.hasBegun ? this.settle("cancelled") : this.abort());
    this.#unheed = onAbort(this.signal, () => void end().catch(() => {}));
    return this;
  }

  /** The call has not happened: takes nothing. */
  abort() {
    return this.#finish(() => this.#release());
  }

  #finish(work) {
    if (this.#end === null) {
      this.#end = work();
      clearTimeout(this.#pause);
      clearTimeout(this.#renewal);
      this.#unheed();
      this.#wake();
      // A hold that is being placed has to be given back.
      const all = Promise.allSettled([this.#end, this.#placing]);
      this.#engine[INTERNALS].watch(all.then(() => this.#end));
      all.then(this.#resolve);
    }
    return this.#end;
  }

  // One at a time; what becomes due meanwhile is told by the next.
  #pump(isPause = false) {
    // A pause that comes while something is on its way is minded when that has come.
    this.#isPaused ||= isPause;
    if (this.#reporting !== null || this.#end !== null) return;
    const due = this.#due();
    if (!due) return;
    this.#reporting = this.#carryOut(due)
      // A report that is lost is made good by the next one, and by the end.
      .catch((error) => (this.#awaitPause(), this.#unheard(error)))
      .then(() => {
        this.#reporting = null;
        this.#pump();
      });
  }

  #due() {
    if (Date.now() >= this.#renewAt) return ["extend"];
    const isPause = this.#isPaused;
    this.#isPaused = false;
    try {
      return this.#numbers.due(isPause);
    } catch {
      return null; // The client has failed inside; the end tells.
    }
  }

  async #carryOut([word, amount]) {
    const { ttlMs } = this.#plan;
    if (word === "extend") {
      // Where that fails, there is time for another try, but never at once.
      this.#renewAt = Date.now() + Math.max(MIN_RENEWAL_MS, ttlMs / 8);
      await Promise.all(this.#holds.map((hold) => hold.extend(ttlMs)));
      this.#renewAt = Date.now() + ttlMs / 2;
    } else if (word === "hold") await (this.#placing = this.#holdMore(amount));
    else {
      await this.#holds.at(-1).progress(amount);
      this.#numbers.acknowledged();
      this.#isDeaf = false;
    }
  }

  async #holdMore(amount) {
    const { customerId, holdOptions, stops } = this.#plan;
    const idempotencyKey = `more:${this.hold.id}:${this.#holds.length}`;
    const place = () => this.#engine.hold(customerId, amount, { ...holdOptions, idempotencyKey });
    try {
      const more = await place().catch((error) => {
        // It may be there: found out under the same key.
        if (error.effect === "unknown") return place();
        throw error;
      });
      if (this.#end !== null) return void (await persist(() => more.release()));
      this.#holds.push(more);
      this.#numbers.held(true);
    } catch (error) {
      this.#numbers.held(false);
      if (stops && error.code === "insufficient_credits") this.refusal = error;
    }
  }

  async #release() {
    const answers = await Promise.all(this.#holds.map((hold) => persist(() => hold.release())));
    return this.#tell(this.#settlement("aborted", { balance: answers.at(-1).balance }));
  }

  async #settle(reason) {
    const parts = { captured: 0, consumed: 0 };
    const faults = [];
    for (const [index, hold] of this.#holds.entries()) {
      await this.#endHold(index, hold, parts).catch((error) => faults.push(error));
    }
    const rest = this.#numbers.settle(this.#holds.length);
    if (rest) await this.#charge(rest[1], parts).catch((error) => faults.push(error));
    const settlement = this.#settlement(reason, parts);
    if (faults.length > 0) throw unsettled(this.#about(amountsOf(settlement)), faults[0]);
    if (this.#name !== null) rememberCost(this.#name, this.#numbers.cost);
    return this.#tell(settlement);
  }

  async #tell(settlement) {
    try {
      await this.#plan.onSettled?.(settlement);
    } catch (cause) {
      const message = `onSettled of a metered call has thrown: ${cause?.message ?? cause}`;
      this.#engine[INTERNALS].report(refuse("option_failed", "onSettled", message, cause));
    }
    return settlement;
  }

  async #endHold(index, hold, parts) {
    const [word, amount] = this.#numbers.settle(index);
    try {
      const end = () => (word === "capture" ? hold.capture(amount, this.#notes()) : hold.release());
      const { balance, captured, transaction_id: id } = await persist(end);
      parts.balance = balance;
      if (word === "capture") parts.transaction_id ??= id;
      parts.captured += captured;
    } catch (error) {
      if (error.code !== "hold_expired") throw error;
      const captured = error.details?.captured;
      parts.captured += captured ?? 0;
      // What is not said is taken for all of it: nobody is charged twice.
      this.#numbers.ended(index, captured ?? hold.amount);
    }
  }

  async #charge(amount, parts) {
    const { customerId, holdOptions } = this.#plan;
    const { description, metadata } = this.#notes();
    const idempotencyKey = `rest:${this.hold.id}`;
    const options = { unit: holdOptions.unit, metadata, idempotencyKey };
    const charge = () => this.#engine.consume(customerId, amount, description, options);
    const { balance, transaction_id: id } = await persist(charge);
    Object.assign(parts, { balance, consumed: Number(amount) });
    parts.transaction_id ??= id;
  }

  /** What the charge is kept with: the tokens, too. */
  #notes() {
    const { description, metadata } = this.#plan.notes;
    const { tokens, isEstimated: estimated } = this.#numbers;
    const whole = { tokens, estimated, ...metadata };
    const isTooLong = byteLength(JSON.stringify(whole)) > MAX_METADATA_BYTES;
    return { description, metadata: isTooLong ? metadata : whole };
  }

  #settlement(reason, parts) {
    const used = reason === "aborted" ? 0 : this.used;
    const { tokens, isEstimated: estimated } = this.#numbers;
    return { reason, used, tokens, estimated, captured: 0, consumed: 0, ...parts };
  }

  /** Whose call it is, for errors. */
  #about(facts) {
    const { customerId, holdOptions } = this.#plan;
    return { customer_id: customerId, hold_id: this.hold.id, unit: holdOptions.unit, ...facts };
  }
}
