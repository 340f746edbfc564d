// Types of edge-credits, written by hand. They need neither the DOM library nor any host's types:
// what a host must offer is said structurally.
/// <reference lib="esnext.disposable" />

/**
 * An amount of credits: a number, or decimal text such as `"0.25"`. At most 6 decimals (9 for the
 * unit `usd`), at most 8 000 000 000 either way. Amounts are exact: `0.1` is a tenth. `NaN`,
 * infinities, `-0`, BigInt and boolean are refused with `invalid_amount`.
 */
export type Amount = number | string;

/** What is known to have happened to the customer's credits. */
export type Effect =
  /** Nothing was charged or granted. */
  | 'not_applied'
  /** The call was carried out. */
  | 'applied'
  /** It may or may not have been; the same call with the same idempotency key settles it. */
  | 'unknown';

/** Live data or the sandbox. The two never meet. */
export type Environment = 'live' | 'test';

// ---------------------------------------------------------------- what a host must offer

/** A response, as `fetch` of any runtime returns it. */
export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: unknown;
}

/**
 * Anything with a `fetch` method: a Cloudflare service binding, a Durable Object stub, or an object
 * of your own. It is called with a URL and an init object (`method`, `headers`, `body`,
 * `redirect: "manual"`, `signal`).
 */
export interface Fetcher {
  fetch(url: string, init?: FetchInit): Promise<FetchResponse>;
}

/** What {@link Fetcher.fetch} is called with, beside the URL. */
export interface FetchInit {
  method?: string;
  headers?: unknown;
  body?: unknown;
  redirect?: string;
  signal?: unknown;
}

/** A Durable Object namespace bound to the ledger's class: `env.LEDGER`. */
export interface LedgerNamespace {
  idFromName(name: string): unknown;
  get(id: unknown): Fetcher;
}

/** Keeps the host awake until a promise settles. */
export type WaitUntil = (promise: Promise<unknown>) => void;

/** A handler's context: Cloudflare's `ctx`, Netlify's second argument. */
export interface WaitUntilContext {
  waitUntil(promise: Promise<unknown>): void;
}

// ---------------------------------------------------------------- configuration

/** Options of {@link CreditEngine}. All are checked by the constructor, which throws. */
export interface CreditEngineConfig {
  /**
   * The API key: `ce_live_…`, or `ce_test_…` for the sandbox. Required, unless `ledger` is given.
   * It is a secret of your server: never send it to a browser.
   */
  apiKey?: string;
  /**
   * The API's URL, without `/v1`: https, or http on this machine. Default:
   * `https://api.creditengine.dev`.
   */
  baseUrl?: string;
  /**
   * Default: `'auto'`, which is stateless in this version. `'persistent'` is not available yet: the
   * constructor throws `invalid_config`.
   */
  mode?: 'persistent' | 'stateless' | 'auto';
  /**
   * Milliseconds after which a cached balance is refreshed. For persistent mode: checked and kept,
   * without effect in this version. Default: 30 000.
   */
  syncIntervalMs?: number;
  /**
   * Whether calls go on while the API cannot be reached. Checked and kept, without effect in this
   * version: a failure throws. Default: `true`.
   */
  gracefulDegradation?: boolean;
  /** Milliseconds one attempt may take: connecting, headers and body. Default: 10 000. */
  timeoutMs?: number;
  /** Attempts after the first one, each with the same idempotency key and body. Default: 2. */
  maxRetries?: number;
  /**
   * Told of failures that no caller waits for: those of background calls. What it throws is
   * ignored. Default: `console.error`.
   */
  onError?: (error: CreditEngineError) => void;
  /** Where requests go instead of the global `fetch`. The URL still starts with `baseUrl`. */
  fetcher?: Fetcher;
  /**
   * The ledger's Durable Object namespace, for a Worker that binds it: calls go straight to the
   * customer's object, and the binding is the permission. No API key is sent; one that is given
   * says the environment. Excludes `fetcher`.
   */
  ledger?: LedgerNamespace;
  /** Live data or the sandbox. Default: what the API key says, else `'live'`. */
  environment?: Environment;
  /** Keeps the host awake for background calls: a function, or an object with `waitUntil`. */
  waitUntil?: WaitUntil | WaitUntilContext;
  /**
   * Milliseconds a whole call may take, retries and waits included.
   * Default: (`maxRetries` + 1) × `timeoutMs` + 20 000.
   */
  deadlineMs?: number;
  /**
   * Bounds retries to `percent` of the calls to this API from this isolate, and `burst` at once, so
   * that an API that is down is not hammered. `false` turns the bound off. Default:
   * `{ percent: 10, burst: 10 }`.
   */
  retryBudget?: boolean | { percent?: number; burst?: number };
  /**
   * Milliseconds after which a cached balance no longer decides a gate. For persistent mode: checked
   * and kept, without effect in this version. Default: 90 000, or `syncIntervalMs` where that is more.
   */
  maxStalenessMs?: number;
  /**
   * Credits that gates may allow per customer while the API cannot be reached. Checked and kept,
   * without effect in this version. Default: 1 000.
   */
  degradedLimit?: Amount;
  /**
   * Paths of an API that has the same bodies elsewhere. `{id}` stands for the customer's id,
   * `{grant_id}` for the grant's. Defaults: `/v1/customers/{id}/balance`, `…/consume`, `…/add`,
   * `…/transactions`, `…/grants/{grant_id}/void`.
   */
  paths?: Partial<Record<'balance' | 'consume' | 'add' | 'transactions' | 'voidGrant', string>>;
}

/** Options of {@link CreditEngine.forRequest}. */
export interface ForRequestOptions<R = unknown> {
  /**
   * What names the request: a header's name, or a function of the request. Only a name that your
   * own infrastructure sets is safe (a queue's message id, a signed client): an end user who may
   * choose it passes every gate as a replay. Default, and where it gives nothing: a fresh name.
   */
  idempotencyKeyFrom?: string | ((request: R) => string | null | undefined);
}

// ---------------------------------------------------------------- calls

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
   * The call's name within its request (see {@link CreditEngine.forRequest}). Default: its number
   * among the calls of the same method and customer.
   */
  label?: string;
}

/** Options of {@link CreditEngine.consume}. */
export interface ConsumeOptions extends ChangeOptions {
  /**
   * Returns at once and finishes under `waitUntil`; where the host has none, the call is awaited.
   * Failures go to `onError`. Never defer a charge that gates work.
   */
  background?: boolean;
}

/** Options of {@link CreditEngine.add}. */
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
  /** Lower numbers are spent first. Default: 0. */
  priority?: number;
  /** For a `refund`: the transaction_id of the charge whose grants are restored. */
  refundOf?: string;
}

/** Options of {@link CreditEngine.voidGrant}. */
export interface VoidGrantOptions {
  /** See {@link ChangeOptions.idempotencyKey}. */
  idempotencyKey?: string;
  /** Kept with the transaction. */
  reason?: string;
  /** See {@link ChangeOptions.label}. */
  label?: string;
}

/** Options of {@link CreditEngine.getBalance}. */
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
  | (string & {});

/** Options of {@link CreditEngine.iterateTransactions}. */
export interface IterateTransactionsOptions {
  /** Transactions per request, 1 to 100. Default: 100. */
  pageSize?: number;
  /** Only this type. */
  type?: TransactionType;
  /** See {@link ChangeOptions.unit}. */
  unit?: string;
}

/** Options of {@link CreditEngine.getTransactions}. */
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

// ---------------------------------------------------------------- answers
// Fields that this version does not know are passed on as the server sent them.

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
  /** True when the key had been used and this is the first answer again; nothing was charged now. */
  replayed: boolean;
  /**
   * True when a repeated request asked for other content than the first time (only under
   * {@link CreditEngine.forRequest}): this is the first answer, and nothing was charged now.
   */
  mismatch?: true;
  customer_id?: string;
  unit?: string;
  /** The ledger's position of the transaction. */
  sequence?: number;
  /** When the transaction was made, RFC 3339. */
  as_of?: string;
}

/** What {@link CreditEngine.consume} and {@link CreditEngine.consumeOrFail} answer. */
export interface ConsumeResponse extends ChangeResponse {}

/** What {@link CreditEngine.add} answers. */
export interface AddResponse extends ChangeResponse {}

/** What {@link CreditEngine.voidGrant} answers. */
export interface VoidGrantResponse extends ChangeResponse {}

/** What {@link CreditEngine.consume} answers with `background: true`. */
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
  /** What was posted right after this entry. */
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

// ---------------------------------------------------------------- the client

/**
 * Charges AI credits from any edge runtime. Every call is one HTTP round trip, retried where that is
 * safe; every change carries an idempotency key, so a retry never charges twice.
 *
 * @example
 * ```js
 * import { CreditEngine, InsufficientCreditsError } from 'edge-credits';
 *
 * const ce = new CreditEngine({ apiKey: 'ce_test_xxx', baseUrl: 'http://127.0.0.1:8787' });
 * await ce.add('cus_1', 100, { type: 'topup' });
 * const { balance } = await ce.consume('cus_1', 5, 'AI: chat completion');
 * try {
 *   await ce.consumeOrFail('cus_1', 1000, 'AI: image generation');
 * } catch (error) {
 *   if (!(error instanceof InsufficientCreditsError)) throw error;
 *   console.log(`need ${error.requested}, have ${error.currentBalance}`);
 * }
 * ```
 */
export class CreditEngine {
  /**
   * Checks the options; sends nothing. May be called at module scope on every runtime.
   *
   * @throws {CreditEngineError} `invalid_config`; the message names the option.
   */
  constructor(config: CreditEngineConfig);

  /**
   * Reads a balance. A customer without transactions has 0.
   *
   * @throws {CreditEngineError} Reading changes nothing: `effect` is always `not_applied`.
   */
  getBalance(customerId: string, options?: GetBalanceOptions): Promise<BalanceResponse>;

  /**
   * Records usage that has happened. It is applied even when credits are short: the balance may go
   * below zero. Use {@link consumeOrFail} before work that must be paid for.
   *
   * @param amount More than 0.
   * @throws {CreditEngineError} With `effect: 'unknown'` after a timeout or a broken connection:
   * repeat the call with `error.idempotencyKey` to settle it.
   *
   * @example
   * ```js
   * await ce.consume('cus_1', 0.25, 'AI: chat', { metadata: { model: 'small' } });
   * ```
   */
  consume(
    customerId: string,
    amount: Amount,
    description?: string,
    options?: ConsumeOptions & { background?: false },
  ): Promise<ConsumeResponse>;
  /** Records usage in the background: the answer does not wait for the charge. */
  consume(
    customerId: string,
    amount: Amount,
    description: string | undefined,
    options: ConsumeOptions & { background: true },
  ): Promise<BackgroundConsumeResponse>;
  consume(
    customerId: string,
    amount: Amount,
    description?: string,
    options?: ConsumeOptions,
  ): Promise<ConsumeResponse | BackgroundConsumeResponse>;

  /**
   * Checks and deducts in one atomic step, or deducts nothing: the gate before expensive work.
   *
   * @param amount More than 0.
   * @throws {InsufficientCreditsError} The balance does not cover the amount; nothing was deducted,
   * and the same key may be tried again after a top-up.
   * @throws {CreditEngineError} As {@link consume}.
   *
   * @example
   * ```js
   * const { transaction_id } = await ce.consumeOrFail('cus_1', 10, 'AI: image');
   * ```
   */
  consumeOrFail(
    customerId: string,
    amount: Amount,
    description?: string,
    options?: ChangeOptions,
  ): Promise<ConsumeResponse>;

  /**
   * Grants credits: a top-up, an adjustment or a refund.
   *
   * @param amount More than 0; an `adjustment` may be negative.
   * @throws {CreditEngineError} As {@link consume}.
   *
   * @example
   * ```js
   * await ce.add('cus_1', 500, { type: 'topup', expiresAt: new Date('2030-01-01') });
   * ```
   */
  add(customerId: string, amount: Amount, options?: AddOptions): Promise<AddResponse>;

  /**
   * Ends a grant: what is left of it is gone.
   *
   * @param grantId The `transaction_id` that {@link add} answered.
   * @throws {CreditEngineError} `not_found`, `grant_ended`, or as {@link consume}.
   */
  voidGrant(
    customerId: string,
    grantId: string,
    options?: VoidGrantOptions,
  ): Promise<VoidGrantResponse>;

  /** Reads one page of a customer's transactions, newest first. */
  getTransactions(
    customerId: string,
    options?: GetTransactionsOptions,
  ): Promise<TransactionsResponse>;

  /**
   * Reads all of a customer's transactions, newest first, a page at a time. Transactions made
   * meanwhile neither repeat nor displace any.
   *
   * @example
   * ```js
   * for await (const { amount, created_at } of ce.iterateTransactions('cus_1')) {
   *   console.log(created_at, amount);
   * }
   * ```
   */
  iterateTransactions(
    customerId: string,
    options?: IterateTransactionsOptions,
  ): AsyncIterableIterator<Transaction>;

  /**
   * The same client with another `waitUntil`: for a client made at module scope, which has no
   * request context yet.
   */
  withContext(context: WaitUntil | WaitUntilContext): CreditEngine;

  /**
   * The same client for one incoming request: its idempotency keys are derived from the request's
   * name, the method, the customer and the call's label or number, so that a request which is
   * delivered twice charges once (see {@link ForRequestOptions.idempotencyKeyFrom}).
   *
   * @example
   * ```js
   * export default {
   *   async queue(batch, env, ctx) {
   *     for (const message of batch.messages) {
   *       const credits = ce.forRequest(message, ctx, { idempotencyKeyFrom: (m) => m.id });
   *       await credits.consume(message.body.customer, 1, 'AI: batch item');
   *     }
   *   },
   * };
   * ```
   */
  forRequest<R>(
    request: R,
    context?: WaitUntil | WaitUntilContext | null,
    options?: ForRequestOptions<R>,
  ): CreditEngine;

  /** How many background calls have not ended. */
  readonly pendingOperations: number;

  /**
   * Waits for background calls; later calls are refused with `client_destroyed`. What
   * {@link withContext} or {@link forRequest} gave ends alone; the client itself ends with all of them.
   */
  destroy(): Promise<void>;

  /** The same as {@link destroy}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

// ---------------------------------------------------------------- errors

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
  cause?: unknown;
}

/** Every error of this package. Use {@link isEdgeCreditsError} where two copies may meet. */
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
  /** What the host's `fetch` threw, if it did. */
  readonly cause?: unknown;
  /** Everything but the cause, for logs. Holds no secret. */
  toJSON(): { [key: string]: unknown };
}

/** Every error of {@link CreditEngine}. */
export class CreditEngineError extends EdgeCreditsError {}

/** The balance does not cover the amount (402). Nothing was deducted. */
export class InsufficientCreditsError extends CreditEngineError {
  /** What may be spent; null when the server did not say. */
  readonly currentBalance: number | null;
  /** What was asked for. */
  readonly requested: number | null;
}

/** Too many requests (429), also after the retries. */
export class RateLimitError extends CreditEngineError {
  /** Seconds to wait, rounded up; null when the server did not say. */
  readonly retryAfter: number | null;
  /** The same in milliseconds. */
  readonly retryAfterMs: number | null;
}

/** The API key is missing, malformed, unknown or revoked (401). */
export class AuthenticationError extends CreditEngineError {}

/** Whether a value is an error of this package, of whichever copy of it. */
export function isEdgeCreditsError(value: unknown): value is EdgeCreditsError;
