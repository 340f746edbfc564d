// The options of calls.

import type { Amount } from './amounts.js';

/** Options that every call which changes a balance takes. */
export interface ChangeOptions {
  /**
   * The call's name, 1 to 255 visible ASCII characters without a comma: the same key charges once,
   * however often it is sent, for at least 30 days. Default: a fresh UUID per call.
   */
  idempotencyKey?: string;
  /** Any JSON object, up to 8 KB, kept with the transaction. Its `action` groups usage. */
  metadata?: { readonly [key: string]: unknown };
  /** What is counted: `credits`, a credit type, or `usd`. Default: `credits`. */
  unit?: string;
  /**
   * The call's name within its request (see `CreditEngine.forRequest`). Default: its number
   * among the calls of the same method and customer.
   */
  label?: string;
}

/** Options of `CreditEngine.consume`. */
export interface ConsumeOptions extends ChangeOptions {
  /**
   * Returns at once and finishes under `waitUntil`; where the host has none, the call is awaited.
   * Failures go to `onError`; arguments that are refused still throw. Never defer a charge that gates work.
   */
  background?: boolean;
}

/** Options of `CreditEngine.add`. */
export interface AddOptions extends ChangeOptions {
  /** Why credits are added. An `adjustment` may be negative. Default: `'topup'`. */
  type?: 'topup' | 'adjustment' | 'refund';
  description?: string;
  /** The plan or pack the grant belongs to, for the balance's breakdown. */
  product?: string;
  /** When the grant comes into effect: a Date or RFC 3339 text. Default: now. */
  effectiveAt?: Date | string;
  /** When what is left of the grant ends. Default: never. */
  expiresAt?: Date | string;
  /** Lower numbers are spent first: 0 to 1 000. Default: 100. */
  priority?: number;
  /** For a `refund`: the transaction_id of the charge whose grants are restored. */
  refundOf?: string;
}

/** Options of `CreditEngine.voidGrant`. */
export interface VoidGrantOptions {
  /** See {@link ChangeOptions.idempotencyKey}. */
  idempotencyKey?: string;
  /** Kept with the transaction. */
  reason?: string;
  /** See {@link ChangeOptions.label}. */
  label?: string;
}

/** What `CreditEngine.createTopUpSession` takes. */
export interface CreateTopUpSessionOptions {
  /** Whose credits are bought. */
  customerId: string;
  /**
   * Where the buyer goes who has paid: `https`, or `http` on a loopback host. `{CHECKOUT_SESSION_ID}`
   * in it becomes the session's id.
   */
  successUrl: string;
  /** Where the buyer goes who has not. */
  cancelUrl: string;
  /** The pack of so many credits, of those that the deployment sells. Default: its default pack. */
  credits?: Amount;
  /** The pack of this price at Stripe; excludes `credits`. */
  priceId?: string;
  /** See {@link ChangeOptions.idempotencyKey}: a key opens one session. */
  idempotencyKey?: string;
  /** See {@link ChangeOptions.label}. */
  label?: string;
}

/** Options of `CreditEngine.getBalance`. */
export interface GetBalanceOptions {
  /** Adds `breakdown`: what is left per product. Default: `false`. */
  includeBreakdown?: boolean;
  /** See {@link ChangeOptions.unit}. */
  unit?: string;
}

/** What a transaction was. */
export type TransactionType =
  | 'consumption'
  | 'topup'
  | 'adjustment'
  | 'refund'
  | 'expiry'
  | 'void'
  | 'scheduled'
  | 'hold'
  | 'release'
  | (string & {});

/** Options of `CreditEngine.iterateTransactions`. */
export interface IterateTransactionsOptions {
  /** Transactions per request, 1 to 100. Default: 100. */
  pageSize?: number;
  /** Only this type. */
  type?: TransactionType;
  /** See {@link ChangeOptions.unit}. */
  unit?: string;
}

/** Options of `CreditEngine.getTransactions`. */
export interface GetTransactionsOptions {
  /** Transactions per page, 1 to 100. Default: 20. */
  limit?: number;
  /** How many of the newest to skip. Slower the larger it is; `beforeSequence` is not. */
  offset?: number;
  /** Only transactions older than this sequence number. */
  beforeSequence?: number;
  /** Only this type. */
  type?: TransactionType;
  /** See {@link ChangeOptions.unit}. */
  unit?: string;
}

/** Options of `CreditEngine.flush`. */
export interface FlushOptions {
  /** Milliseconds to wait at most; what is then still waiting is counted in `pending`. Default: no limit. */
  timeoutMs?: number;
}
