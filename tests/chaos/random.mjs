// Seeded choices. A seed repeats what is chosen, part by part; how the parts interleave is the
// machine's business, so a run is repeated in kind, not step by step.

/** A source of choices; `fork` gives a part its own, so that it does not depend on the others. */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** An independent source for the part called `label`. */
  fork(label) {
    let seed = this.#state ^ 0x9e3779b9;
    for (const character of label) seed = Math.imul(seed ^ character.codePointAt(0), 0x01000193);
    return new Random(seed);
  }

  /** A fraction from 0 up to but not including 1 (mulberry32). */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `least` to `most`, both included. */
  between(least, most) {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[this.between(0, list.length - 1)];
  }

  /** Draws each of `list` once before any of them again: no kind of fault stays away for long. */
  deck(list) {
    let cards = [];
    return () => {
      if (cards.length === 0) {
        cards = [...list];
        for (let last = cards.length - 1; last > 0; last -= 1) {
          const other = this.between(0, last);
          [cards[last], cards[other]] = [cards[other], cards[last]];
        }
      }
      return cards.pop();
    };
  }
}

/** Resolves after `milliseconds`. */
export function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}
