// What became of the signals of one scope: of a client's own, or of one request's. Plain data: whoever
// waits looks at it, and nobody is woken by another request.

// Rejections that are kept until `flush` asks; a client of which nobody asks keeps no more.
const MAX_KEPT = 1_000;

export class SignalTally {
  // Numbers of the signals that have not ended, oldest first.
  #open = new Set();
  #report = newReport();

  began(entry) {
    this.#open.add(entry.number);
  }

  left(entry) {
    this.#open.delete(entry.number);
  }

  // `how`: "delivered", "rejected" (with its error) or "dropped".
  ended(entry, how, error) {
    this.left(entry);
    if (how !== "rejected") return void (this.#report[how] += 1);
    if (this.#report.rejected.length === MAX_KEPT) this.#report.rejected.shift();
    this.#report.rejected.push({ signal: entry.signal, error });
  }

  // Whether everything up to this signal has ended.
  isSettled(number) {
    const [oldest] = this.#open;
    return oldest === undefined || oldest > number;
  }

  // What has ended since somebody asked last.
  take() {
    const report = this.#report;
    this.#report = newReport();
    return report;
  }
}

function newReport() {
  return { delivered: 0, rejected: [], dropped: 0 };
}
