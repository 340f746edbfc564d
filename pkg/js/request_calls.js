// The calls of one incoming request, counted, so that each gets a name of its own: a request that
// is delivered again makes the same names, and from them the same idempotency keys.

import { text } from "./arguments.js";
import { refuse } from "./errors.js";

// Different methods and customers that one request may have unlabelled calls for. A platform's
// limit on subrequests (1,000) comes first.
const MAX_COUNTS = 1000;

export class RequestCalls {
  #base;
  #counts = new Map();

  constructor(request, idempotencyKeyFrom) {
    const name = trustedName(request, idempotencyKeyFrom);
    /** Whether the request's name may come again. */
    this.isNamed = Boolean(name);
    this.#base = name || freshName();
  }

  // The name of the next call: the request's, and how many like it came before. A call with a label
  // or a key of its own is not counted.
  next(method, { customerId, label, idempotencyKey }) {
    if (label !== undefined || idempotencyKey !== undefined)
      return { base: this.#base, earlier: 0 };
    const like = JSON.stringify([method, customerId]);
    const earlier = this.#counts.get(like) ?? 0;
    if (earlier === 0 && this.#counts.size >= MAX_COUNTS) {
      const message = "one request charges too many customers: give each call a label";
      throw refuse("invalid_request", "label", message);
    }
    this.#counts.set(like, earlier + 1);
    return { base: this.#base, earlier };
  }
}

// Undefined, or empty, where the request has no trusted name.
function trustedName(request, source) {
  if (source === undefined || source === null) return undefined;
  const param = "idempotencyKeyFrom";
  if (typeof source === "function") return text(source(request), param, "invalid_idempotency_key");
  if (typeof source !== "string") {
    const message = "idempotencyKeyFrom must be a header's name or a function of the request";
    throw refuse("invalid_request", param, message);
  }
  if (typeof request?.headers?.get !== "function") {
    const message = `the request has no headers, so none can be its name: ${source}`;
    throw refuse("invalid_request", "request", message);
  }
  return request.headers.get(source);
}

function freshName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
