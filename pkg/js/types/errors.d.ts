// What calls are rejected with.

import type { Effect } from './amounts.js';

/** Facts of a failed call. */
export interface ErrorFacts {
  code?: string;
  status?: number | null;
  details?: { readonly [key: string]: unknown } | null;
  retryable?: boolean;
  effect?: Effect;
  idempotencyKey?: string | null;
  requestId?: string | null;
  attempts?: number;
  retryAfterMs?: number | null;
  cause?: unknown;
}

/** Every error of this package. Use `isEdgeCreditsError` where two copies may meet. */
export class EdgeCreditsError extends Error {
  constructor(message: string, facts?: ErrorFacts);
  /** A stable word, such as `insufficient_credits`, `timeout` or `invalid_amount`. */
  readonly code: string;
  /** The HTTP status; null when there was no answer or the call was refused before sending. */
  readonly status: number | null;
  /** More from the server, or `{ param }` naming the argument that was refused. */
  readonly details: { readonly [key: string]: unknown } | null;
  /** Whether the same call with the same key may succeed later. */
  readonly retryable: boolean;
  /** What happened to the customer's credits, as far as it is known. */
  readonly effect: Effect;
  /** The key the call was made under; null for reads and calls refused before they had one. */
  readonly idempotencyKey: string | null;
  /** The server's name of the request, for its operator. */
  readonly requestId: string | null;
  /** How many requests were sent. */
  readonly attempts: number;
  /** How long the server says to wait, in milliseconds (429, 503); null when it did not say. */
  readonly retryAfterMs: number | null;
  /** What the host's `fetch` threw, if it did. */
  readonly cause?: unknown;
  /** Everything but the cause, for logs. Holds no secret. */
  toJSON(): { [key: string]: unknown };
}

/** Every error of `CreditEngine`. */
export class CreditEngineError extends EdgeCreditsError {}

/** The balance does not cover the amount (402). Nothing was deducted. */
export class InsufficientCreditsError extends CreditEngineError {
  constructor(
    message: string,
    facts?: ErrorFacts & { currentBalance?: number | null; requested?: number | null },
  );
  /** What may be spent; null when the server did not say. */
  readonly currentBalance: number | null;
  /** What was asked for. */
  readonly requested: number | null;
}

/** Too many requests (429), also after the retries. */
export class RateLimitError extends CreditEngineError {
  constructor(message: string, facts?: ErrorFacts);
  /** Seconds to wait, rounded up; null when the server did not say. */
  readonly retryAfter: number | null;
}

/** The API key is missing, malformed, unknown or revoked (401). */
export class AuthenticationError extends CreditEngineError {}

/** Whether a value is an error of this package, of whichever copy of it. */
export function isEdgeCreditsError(value: unknown): value is EdgeCreditsError;
