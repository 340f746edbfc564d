// The error classes of the ClockNext API, made here for the reasons that ./errors.js gives.

import { EdgeCreditsError, named } from "./errors.js";

export class ClockNextError extends EdgeCreditsError {}
named(ClockNextError, "ClockNextError");

/** 400, or a signal that was refused before it was sent. */
export class ValidationError extends ClockNextError {}
named(ValidationError, "ValidationError");

/** 401 */
export class AuthError extends ClockNextError {}
named(AuthError, "AuthError");

/** 404 */
export class NotFoundError extends ClockNextError {}
named(NotFoundError, "NotFoundError");

/** 409 */
export class ConflictError extends ClockNextError {}
named(ConflictError, "ConflictError");

/** 422 that speaks of something else than too little. */
export class PlanError extends ClockNextError {}
named(PlanError, "PlanError");

/** 422 that says "insufficient". */
export class AllowanceError extends ClockNextError {}
named(AllowanceError, "AllowanceError");

/** 429 */
export class RateLimitError extends ClockNextError {
  constructor(message, facts = {}) {
    super(message, facts);
    this.retryAfter = this.retryAfterMs === null ? null : Math.ceil(this.retryAfterMs / 1000);
  }
}
named(RateLimitError, "RateLimitError");

/** 5xx */
export class ServerError extends ClockNextError {}
named(ServerError, "ServerError");

/** No answer. */
export class NetworkError extends ClockNextError {}
named(NetworkError, "NetworkError");

const CLASSES = {
  ValidationError,
  AuthError,
  NotFoundError,
  ConflictError,
  PlanError,
  AllowanceError,
  RateLimitError,
  ServerError,
  NetworkError,
};

// The error that these facts are, as JSON text or an object; its class is named by the core.
export function makeFaceError(given, cause) {
  const { class: name, message, ...facts } = typeof given === "string" ? JSON.parse(given) : given;
  const ErrorClass = CLASSES[name] ?? ClockNextError;
  return new ErrorClass(message, { ...facts, cause });
}

// What the readers of arguments, which both faces share, have refused: as an error of this one.
export function reading(read, ErrorClass = ValidationError) {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof EdgeCreditsError) || error instanceof ClockNextError) throw error;
    throw new ErrorClass(error.message, { ...error, cause: error.cause });
  }
}
