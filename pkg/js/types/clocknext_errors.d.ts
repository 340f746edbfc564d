// What calls of the ClockNext client are rejected with.

import { EdgeCreditsError, type ErrorFacts } from './errors.js';

/**
 * Every error of `ClockNext`. Itself: 408, a success that says ERROR, statuses without a class of their
 * own, and what a constructor refuses (`code: 'invalid_config'`). Beside `status`, `retryable` and
 * `idempotencyKey` it says what is known to have happened: `effect`.
 */
export class ClockNextError extends EdgeCreditsError {}

/** 400, or arguments that were refused before anything was sent (`status: null`). */
export class ValidationError extends ClockNextError {}

/** 401: the API key is missing, malformed, unknown or revoked. */
export class AuthError extends ClockNextError {}

/** 404 */
export class NotFoundError extends ClockNextError {}

/** 409: another call is in the way; the same call may succeed later. */
export class ConflictError extends ClockNextError {}

/** 422: unknown model or key, or not part of the customer's plan. */
export class PlanError extends ClockNextError {}

/** 422 whose message says "insufficient": the customer's credits do not cover it. Nothing was deducted. */
export class AllowanceError extends ClockNextError {}

/** Too many requests (429), also after the retries. */
export class RateLimitError extends ClockNextError {
  constructor(message: string, facts?: ErrorFacts);
  /** Seconds to wait, rounded up; null when the server did not say. */
  readonly retryAfter: number | null;
}

/** 5xx, also after the retries: it is not known whether it was carried out. */
export class ServerError extends ClockNextError {}

/** No answer: no connection, or a timeout; also after the retries. */
export class NetworkError extends ClockNextError {}
