// What calls answer. Fields that this version does not know are passed on as the server sent them.

import type { CreditEngineError } from './errors.js';
import type { TransactionType } from './options.js';

/** What a cache's answer says of itself (persistent mode). Absent where the authority answered. */
export interface CacheState {
  /**
   * `'edge-cache'`: by the cache's own copy of the balance. `'upstream'`: a balance read for this very
   * call. `'degraded'`: by the last one known, while the API cannot be reached.
   */
  source?: 'edge-cache' | 'upstream' | 'degraded';
  /** Charges of this customer that are accepted and not yet acknowledged by the API. */
  pending?: number;
  /** Whether the copy was older than the sync interval. */
  stale?: boolean;
  /** Whether this was answered without authority (`source: 'degraded'`). */
  degraded?: boolean;
  /**
   * What became of charges accepted earlier, where it is not in the order of things. `onError` is
   * told of each once; a cache object repeats them for five minutes.
   */
  notices?: CacheNotice[];
}

/** What became of a charge that a cache had accepted. */
export interface CacheNotice {
  id: number;
  /**
   * `'rejected'`: refused by the API, not applied. `'quarantined'`: whether it was applied is open, and
   * an operator decides. `'paused'`: the API refuses the cache's key, and all charges wait.
   */
  kind: 'rejected' | 'quarantined' | 'paused' | (string & {});
  code: string;
  transaction_id?: string;
  idempotency_key?: string;
  amount?: number;
  unit?: string;
  at: string;
}

/** A customer's balance. */
export interface BalanceResponse extends CacheState {
  /**
   * What may be spent: posted minus held, and minus what a cache has accepted since. Negative when
   * usage exceeded the grants.
   */
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
  /** When the balance was read from the authority, RFC 3339. */
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
  /** When the transaction was made, or in persistent mode the balance was read, RFC 3339. */
  as_of?: string;
}

/** What `CreditEngine.consume` answers. */
export interface ConsumeResponse extends Omit<ChangeResponse, 'balance'>, CacheState {
  /**
   * The balance after the change. While the API is away (`degraded: true`) the last one known, or null
   * where none ever was.
   */
  balance: number | null;
}

/**
 * What `CreditEngine.consumeOrFail` answers. `balance` is null only in stateless mode, where the API is
 * away and this isolate knows none (see `CreditEngineConfig.degradedLimit`).
 */
export interface ConsumeOrFailResponse extends ConsumeResponse {}

/** What `CreditEngine.add` answers. */
export interface AddResponse extends ChangeResponse {}

/** What `CreditEngine.createTopUpSession` answers. */
export interface TopUpSessionResponse {
  /** Where the buyer pays: redirect there. */
  checkoutUrl: string;
  /** The checkout session's id, `cs_…`. */
  sessionId: string;
  /** The key under which the session was opened. */
  idempotency_key: string;
  /** Whether an earlier call with the same key had opened it. */
  replayed: boolean;
  customer_id?: string;
}

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

/** What became of what `CreditEngine.flush` waited for. */
export interface FlushResult {
  /** Applied by the API. */
  delivered: number;
  /** Refused by the API, and not applied. `onError` has been told of each. */
  rejected: number;
  /** Whether they were applied is open. `onError` has been told of each. */
  quarantined: number;
  /** Not yet acknowledged: see `CreditEngine.pendingOperations`. */
  pending: number;
}

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
  /** The hold that it placed or ended. */
  hold_id?: string;
}

/** A page of transactions, newest first. */
export interface TransactionsResponse {
  data: Transaction[];
  pagination: { limit: number; offset: number; total: number; has_more: boolean };
}
