// The core's meter, as the numbers that it is kept as between two questions. What they mean is the core's
// business, but for the first ten: what it is told, and then what it answers (see `src/meter.rs`).

import { meterAsk } from "#client";

import { openMeter } from "./calls.js";

/** Ten, and those of the core's meter. */
const NUMBERS = 49;
/** A count that nobody told. */
const ABSENT = -1;
const KINDS = ["input", "cacheRead", "cacheWrite", "output", "reasoning"];
/** What an answer is about, by its number. */
const WORDS = [null, "progress", "hold", "capture", "release", "consume"];
const [SEE, REPORT, DUE, HELD, SETTLE, ENDED, ACKNOWLEDGED, PASS] = [0, 1, 2, 3, 4, 5, 6, 7];

export class MeterNumbers {
  #numbers = new Float64Array(NUMBERS);
  /** What is to be held before the call, as decimal text; undefined where the caller has. */
  first;
  /** A part of more bytes than these may be more than a step. */
  partBytes;

  /** `amounts` in the core's order; `recent` are costs in minor units. */
  constructor({ inputTokens, maxOutputTokens, recent, ...figures }) {
    const dearest = recent.reduce((most, cost) => Math.max(most, cost), 0);
    const counts = [inputTokens ?? 0, maxOutputTokens ?? ABSENT, recent.length, dearest];
    this.#numbers.set(counts);
    this.first = openMeter(this.#numbers, figures);
    this.partBytes = this.#numbers[9];
  }

  get tokens() {
    return Object.fromEntries(KINDS.map((kind, at) => [kind, this.#numbers[at]]));
  }

  get isEstimated() {
    return this.#numbers[5] > 0;
  }

  /** In minor units, which are whole. */
  get cost() {
    return this.#numbers[6];
  }

  get used() {
    return this.cost / 10 ** this.#numbers[7];
  }

  /** So many bytes of text and of reasoning. */
  see(output, reasoning) {
    this.#ask(SEE, [output, reasoning]);
  }

  /** The counts of a report, as `provider_usage.js` reads them. */
  report(counts) {
    const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
    this.#ask(REPORT, counts.map((value) => (isCount(value) ? value : ABSENT)));
  }

  /** `["progress", amount]` of the last hold, `["hold", amount]` besides, or null. */
  due(isPause) {
    return this.#ask(DUE, [Number(isPause)]);
  }

  /** The last report is acknowledged. */
  acknowledged() {
    this.#ask(ACKNOWLEDGED, []);
  }

  /** Whether the part that was counted last may be passed on; when it is late, it may. */
  pass(isLate) {
    this.#ask(PASS, [Number(isLate)]);
    const may = this.#numbers[9] >= 0;
    if (may) this.partBytes = this.#numbers[9];
    return may;
  }

  held(isGranted) {
    this.#ask(HELD, [Number(isGranted)]);
  }

  /** `["capture", amount]` or `["release", "0"]`; behind the last hold `["consume", amount]` or null. */
  settle(index) {
    return this.#ask(SETTLE, [index]);
  }

  /** The hold had ended, and so many credits were taken of it. */
  ended(index, captured) {
    // The text of an answer's number, less its point: exact for all that was ever held.
    this.#ask(ENDED, [index, Math.round(captured * 10 ** this.#numbers[7])]);
  }

  #ask(question, told) {
    this.#numbers.set(told);
    const amount = meterAsk(this.#numbers, question);
    const word = WORDS[this.#numbers[8]];
    return word === null ? null : [word, amount];
  }
}
