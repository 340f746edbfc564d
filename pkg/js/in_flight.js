// The calls of one module that are under way. When it panics their own promises never settle, so they are
// told here.

export class InFlight {
  #rejects = new Set();

  // What the module has promised, or a rejection should it panic.
  async until(outcome) {
    let reject;
    const panicked = new Promise((_, rejectIt) => (reject = rejectIt));
    this.#rejects.add(reject);
    try {
      return await Promise.race([outcome, panicked]);
    } finally {
      this.#rejects.delete(reject);
    }
  }

  // Ends all that are under way; the error that they are told.
  panicked(message) {
    const panic = new Error(message);
    for (const reject of this.#rejects) reject(panic);
    this.#rejects.clear();
    return panic;
  }
}
