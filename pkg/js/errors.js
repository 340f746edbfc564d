// The error classes of the package. They are made here and not in wasm, so that `instanceof`,
// `name` and own fields work in every runtime; the client hands over the facts (see `makeError`).
//
// `name` is a literal on each prototype, because minifiers rename classes. Two copies of the
// package have two sets of classes: there `isEdgeCreditsError(error)` and `error.code` still work.

const BRAND = Symbol.for("edge-credits.error");

export function named(errorClass, name) {
  const value = (object, key, content) =>
    Object.defineProperty(object, key, { value: content, writable: true, configurable: true });
  value(errorClass.prototype, "name", name);
}

export class EdgeCreditsError extends Error {
  constructor(message, facts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code ?? "unknown_error";
    this.status = facts.status ?? null;
    this.details = facts.details ?? null;
    this.retryable = facts.retryable ?? false;
    this.effect = facts.effect ?? "unknown";
    this.idempotencyKey = facts.idempotencyKey ?? null;
    this.requestId = facts.requestId ?? null;
    this.attempts = facts.attempts ?? 0;
    this.retryAfterMs = facts.retryAfterMs ?? null;
  }

  get [BRAND]() {
    return true;
  }

  // What a log needs: `JSON.stringify(error)` would otherwise lose the name and the message. The
  // cause stays out: it is somebody else's object and may hold anything.
  toJSON() {
    return { name: this.name, message: this.message, ...this };
  }
}
named(EdgeCreditsError, "EdgeCreditsError");

export class CreditEngineError extends EdgeCreditsError {}
named(CreditEngineError, "CreditEngineError");

export class InsufficientCreditsError extends CreditEngineError {
  constructor(message, facts = {}) {
    super(message, { code: "insufficient_credits", effect: "not_applied", ...facts });
    this.currentBalance = facts.currentBalance ?? null;
    this.requested = facts.requested ?? null;
  }
}
named(InsufficientCreditsError, "InsufficientCreditsError");

export class RateLimitError extends CreditEngineError {
  constructor(message, facts = {}) {
    super(message, { code: "rate_limited", effect: "not_applied", retryable: true, ...facts });
    this.retryAfter = this.retryAfterMs === null ? null : Math.ceil(this.retryAfterMs / 1000);
  }
}
named(RateLimitError, "RateLimitError");

export class AuthenticationError extends CreditEngineError {
  constructor(message, facts = {}) {
    super(message, { code: "invalid_api_key", effect: "not_applied", ...facts });
  }
}
named(AuthenticationError, "AuthenticationError");

export function isEdgeCreditsError(value) {
  return typeof value === "object" && value !== null && value[BRAND] === true;
}

const CLASSES = { InsufficientCreditsError, RateLimitError, AuthenticationError };

// Called by the client with the facts as JSON text; `cause` is what the host's fetch threw, if it
// did. The class is named by the core.
export function makeError(text, cause) {
  const { class: className, message, ...facts } = JSON.parse(text);
  const ErrorClass = CLASSES[className] ?? CreditEngineError;
  return new ErrorClass(message, { ...facts, cause });
}

// An argument that cannot cross into wasm, or that the facade itself must refuse: nothing was sent.
export function refuse(code, param, message, cause) {
  const details = { param };
  return new CreditEngineError(message, { code, details, effect: "not_applied", cause });
}
