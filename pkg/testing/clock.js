// The time of a test ledger: it stands still until it is moved.

export class Clock {
  #now;
  #moved;

  /** @param {() => Promise<void>} moved does what has become due */
  constructor(start, moved) {
    this.#now = start;
    this.#moved = moved;
  }

  now() {
    return this.#now;
  }

  advance(ms) {
    if (!Number.isSafeInteger(ms) || ms < 0) {
      throw new TypeError("advance takes a whole number of milliseconds, 0 or more");
    }
    return this.set(this.#now + ms);
  }

  set(time) {
    const wanted = instant(time);
    this.#now = wanted;
    return this.#moved();
  }
}

/** @param {number | string | Date} time */
export function instant(time) {
  const wanted =
    time instanceof Date ? time.getTime() : typeof time === "string" ? Date.parse(time) : time;
  if (Number.isSafeInteger(wanted) && wanted > 0) return wanted;
  throw new TypeError("a time is a Date, a date as text or milliseconds since 1970");
}
