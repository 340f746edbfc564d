// What calls answer. Fields that this version does not know are passed on as the server sent them.

import type { CreditEngineError } from './errors.js';
import type { TransactionType } from './options.js';

/** A customer's balance. */
export interface BalanceResponse {
  /** What may be spent: posted minus held. Negative when usage exceeded the grants. */
  balance: number;
  customer_id: string;
  /** The unit's display name. */
  credit_name: string;
  unit?: string;
  /** What the grants hold, minus usage that no grant covered. */
  posted?: number;
  /** What is reserved for work in flight. */
  held?: number;
  /** The ledger's position of this balance. */
  sequence?: number;
  /** When the balance was read, RFC 3339. */
  as_of?: string;
  /** With `includeBreakdown`: what is left per product. */
  breakdown?: ProductBalance[];
}

/** What is left of the grants of one product. */
export interface ProductBalance {
  product: string | null;
  balance: number;
  /** When the next of these grants ends, RFC 3339; null when none does. */
  expires_at: string | null;
}

/** What a change of a balance answers. */
export interface ChangeResponse {
  /** The balance after the change: what may be spent now. */
  balance: number;
  transaction_id: string;
  /** The key the call was made under, to be quoted or repeated. */
  idempotency_key: string;
  /** True when the key had been used: this is the first answer again, nothing was charged now. */
  replayed: boolean;
  /**
   * True when a repeated request asked for other content than the first time (only under
   * `CreditEngine.forRequest`): this is the first answer, and nothing was charged now.
   */
  mismatch?: true;
  customer_id?: string;
  unit?: string;
  /** The ledger's position of the transaction. */
  sequence?: number;
  /** When the transaction was made, RFC 3339. */
  as_of?: string;
}

/** What `CreditEngine.consume` and `CreditEngine.consumeOrFail` answer. */
export interface ConsumeResponse extends ChangeResponse {}

/** What `CreditEngine.add` answers. */
export interface AddResponse extends ChangeResponse {}

/** What `CreditEngine.voidGrant` answers. */
export interface VoidGrantResponse extends ChangeResponse {}

/** What `CreditEngine.consume` answers with `background: true`. */
export type BackgroundConsumeResponse =
  /** Under way, and held in memory only: it ends with the host's `waitUntil`. */
  | { queued: true; durable: false; idempotency_key: string }
  /** The host has no `waitUntil`, so the call was awaited. */
  | ({ queued: false } & ConsumeResponse)
  /** Likewise, and it failed; `onError` has been told. */
  | { queued: false; idempotency_key: string; error: CreditEngineError };

/** One entry of a customer's ledger. */
export interface Transaction {
  id: string;
  type: TransactionType;
  /** Signed: negative for what was spent. */
  amount: number;
  /** What could be spent right after this entry: posted minus held. */
  balance_after: number;
  description: string | null;
  metadata: { [key: string]: unknown } | null;
  /** `metadata.action`, else what the description says. */
  action: string | null;
  /** RFC 3339. */
  created_at: string;
  idempotency_key: string | null;
  unit?: string;
  sequence?: number;
  product?: string | null;
  /** For a refund: the transaction it gives back. */
  refund_of?: string | null;
}

/** A page of transactions, newest first. */
export interface TransactionsResponse {
  data: Transaction[];
  pagination: { limit: number; offset: number; total: number; has_more: boolean };
}
