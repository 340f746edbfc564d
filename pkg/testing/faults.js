// What goes wrong on the way to a test ledger, on demand.

const WHEN = ["before", "after-commit"];
const KNOWN = ["status", "when", "code", "retryAfter", "body", "delayMs", "times", "on"];

export class Faults {
  #away = false;
  #waiting = [];

  /** Whether nobody answers. */
  outage(away = true) {
    this.#away = Boolean(away);
  }

  next(fault = {}) {
    const unknown = Object.keys(fault).find((name) => !KNOWN.includes(name));
    if (unknown) throw new TypeError(`a fault has no \`${unknown}\`; it has: ${KNOWN.join(", ")}`);
    const { when = "before", times = 1, status } = fault;
    if (!WHEN.includes(when)) throw new TypeError(`when is one of: ${WHEN.join(", ")}`);
    if (!(Number.isSafeInteger(times) && times > 0))
      throw new TypeError("times is a whole number above 0");
    if (status !== undefined && !(Number.isInteger(status) && status >= 200 && status <= 599)) {
      throw new TypeError("status is a whole number from 200 to 599");
    }
    this.#waiting.push({ ...fault, when, left: times });
  }

  clear() {
    this.#away = false;
    this.#waiting = [];
  }

  get pending() {
    return this.#waiting.reduce((sum, { left }) => sum + left, 0);
  }

  /**
   * Carries a request to the ledger, or not.
   * @param {{route: string, signal?: AbortSignal}} request
   * @param {() => Promise<Response>} deliver
   */
  async carry({ route, signal }, deliver) {
    if (this.#away) throw broken("nobody answers");
    const fault = this.#taken(route);
    if (!fault) return deliver();
    if (fault.delayMs) await delay(fault.delayMs, signal);
    const only =
      fault.status === undefined && fault.delayMs !== undefined && fault.when === "before";
    if (only) return deliver();
    if (fault.when === "after-commit") await deliver();
    if (fault.status === undefined) throw broken("the connection was cut");
    return answer(fault);
  }

  #taken(route) {
    const at = this.#waiting.findIndex(({ on }) => on === undefined || on === route);
    const fault = this.#waiting[at];
    if (fault) fault.left -= 1;
    if (fault?.left === 0) this.#waiting.splice(at, 1);
    return fault;
  }
}

/** As `fetch` fails where there is no connection, or none any more. */
function broken(why) {
  return new TypeError("fetch failed", { cause: new Error(`edge-credits/testing: ${why}`) });
}

function answer({ status, code, retryAfter, body }) {
  const headers = { "content-type": body === undefined ? "application/json" : "text/html" };
  if (retryAfter !== undefined) headers["retry-after"] = String(retryAfter);
  const message = "This answer was asked for in a test.";
  const error = { code: code ?? (status === 429 ? "rate_limited" : "internal_error"), message };
  return new Response(body ?? JSON.stringify({ error }), { status, headers });
}

function delay(ms, signal) {
  return new Promise((done, fail) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      fail(signal.reason);
    });
  });
}
