// What goes wrong on the way to a test ledger, on demand.

const WHEN = ["before", "after-commit"];
const KNOWN = ["status", "when", "code", "retryAfter", "body", "delayMs", "times", "on"];
/** What only an answer has. */
const OF_ANSWERS = ["code", "retryAfter", "body"];
/** Statuses whose answers have no body, in which the error would stand. */
const BARE = [204, 205, 304];
/** The longest that a timer waits. */
const LONGEST_DELAY = 2 ** 31 - 1;

export class Faults {
  #away = false;
  #waiting = [];
  #routes;

  /** @param {string[]} routes the last segments of the ledger's paths */
  constructor(routes) {
    this.#routes = routes;
  }

  /** Whether nobody answers. */
  outage(away = true) {
    this.#away = Boolean(away);
  }

  next(fault = {}) {
    this.#judge(fault);
    const { when = "before", times = 1 } = fault;
    this.#waiting.push({ ...fault, when, left: times });
  }

  #judge(fault) {
    must(typeof fault === "object" && fault !== null, "a fault is an object");
    const unknown = Object.keys(fault).find((name) => !KNOWN.includes(name));
    must(!unknown, `a fault has no \`${unknown}\`; it has: ${KNOWN.join(", ")}`);
    const { when, times, status, delayMs, on } = fault;
    must(when === undefined || WHEN.includes(when), `when is one of: ${WHEN.join(", ")}`);
    const counts = times === undefined || (Number.isSafeInteger(times) && times > 0);
    must(counts, "times is a whole number above 0");
    const waits =
      delayMs === undefined ||
      (typeof delayMs === "number" && delayMs >= 0 && delayMs <= LONGEST_DELAY);
    must(waits, `delayMs is a number from 0 to ${LONGEST_DELAY}`);
    const known = on === undefined || this.#routes.includes(on);
    must(known, `on is the end of a path: ${this.#routes.join(", ")}`);
    if (status !== undefined) judgeAnswer(fault);
    const lost = OF_ANSWERS.find((name) => fault[name] !== undefined && status === undefined);
    must(!lost, `\`${lost}\` is part of an answer: give its status, too`);
  }

  clear() {
    this.#away = false;
    this.#waiting = [];
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

function judgeAnswer({ status, code, retryAfter, body }) {
  const answers = Number.isInteger(status) && status >= 200 && status <= 599;
  must(answers, "status is a whole number from 200 to 599");
  must(!BARE.includes(status), `an answer with status ${status} has no body, and so no error`);
  must(code === undefined || (typeof code === "string" && code !== ""), "code is text");
  must(body === undefined || typeof body === "string", "body is text");
  must(code === undefined || body === undefined, "code stands in the error that body replaces");
  const asks =
    retryAfter === undefined ||
    (Number.isSafeInteger(retryAfter) && retryAfter >= 0) ||
    isRetryAfter(retryAfter);
  must(asks, "retryAfter is whole seconds, or a date as HTTP writes it");
}

/** Whether that is the header's text: seconds, or a date that comes back as it was given. */
function isRetryAfter(text) {
  if (typeof text !== "string") return false;
  const date = new Date(text);
  return /^\d+$/.test(text) || (!Number.isNaN(date.valueOf()) && date.toUTCString() === text);
}

/** A fault that makes no sense is refused: ignored, it would make a test pass that tests nothing. */
function must(holds, why) {
  if (!holds) throw new TypeError(why);
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
