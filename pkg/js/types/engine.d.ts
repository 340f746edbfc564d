// The client.

import type { Amount } from './amounts.js';
import type {
  AddResponse,
  BackgroundConsumeResponse,
  BalanceResponse,
  ConsumeOrFailResponse,
  ConsumeResponse,
  FlushResult,
  TopUpSessionResponse,
  VoidGrantResponse,
} from './answers.js';
import type { CreditEngineConfig, ForRequestOptions } from './config.js';
import type { EngineHistory } from './engine_history.js';
import type { EngineHolds } from './engine_holds.js';
import type { WaitUntil, WaitUntilContext } from './host.js';
import type {
  AddOptions,
  ChangeOptions,
  ConsumeOptions,
  CreateTopUpSessionOptions,
  FlushOptions,
  GetBalanceOptions,
  VoidGrantOptions,
} from './options.js';

/** Its methods by subject. */
export interface CreditEngine extends EngineHolds, EngineHistory {}

/**
 * Charges AI credits from any edge runtime. Stateless, every call is one HTTP round trip, retried
 * where that is safe; persistent, a cache answers at once and sends behind
 * ({@link CreditEngineConfig.mode}). Every change carries an idempotency key, so a retry never charges
 * twice.
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
   * Reads a balance. A customer without transactions has 0. In memory it is answered from memory,
   * but for `includeBreakdown`, which only the API knows.
   *
   * @throws {CreditEngineError} Reading changes nothing: `effect` is always `not_applied`.
   */
  getBalance(customerId: string, options?: GetBalanceOptions): Promise<BalanceResponse>;

  /**
   * Records usage that has happened. It is applied even when credits are short: the balance may go
   * below zero. Use {@link consumeOrFail} before work that must be paid for.
   *
   * In persistent mode this resolves when the cache has accepted the charge, which is then sent until
   * the API has settled it; `transaction_id` stays the one to quote. Held in memory it ends with the
   * process: see {@link flush} and {@link destroy}. `onError` is told when the API refuses it after
   * all.
   *
   * @param amount More than 0.
   * @throws {CreditEngineError} With `effect: 'unknown'` after a timeout or a broken connection:
   * repeat the call with `error.idempotencyKey` to settle it. (With `gracefulDegradation`, the default,
   * such a charge is accepted instead and sent in the background.)
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
   * Checks and deducts in one atomic step, or deducts nothing: the gate before expensive work. In
   * persistent mode the cache decides, by its copy of the balance less all that it has accepted
   * since; before it turns anybody away it reads the balance once more.
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
  ): Promise<ConsumeOrFailResponse>;

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

  /**
   * Opens a checkout session, in which the customer buys credits: redirect to `checkoutUrl`. The
   * credits are there when the payment is, whether the buyer comes back or not. With a `ce_test_` key
   * of a deployment without a Stripe test key it is a page of the deployment's own, and no money moves.
   *
   * @throws {CreditEngineError} `unknown_pack` (`details.packs` lists what is sold),
   * `topup_not_configured`, `invalid_url`; `stripe_unavailable` with `effect: 'unknown'`: repeat the
   * call with `error.idempotencyKey`, which opens one session at most.
   *
   * @example
   * ```js
   * const { checkoutUrl, sessionId } = await ce.createTopUpSession({
   *   customerId: 'cus_1',
   *   successUrl: 'https://app.example.com/credits?success=true',
   *   cancelUrl: 'https://app.example.com/credits',
   * });
   * ```
   */
  createTopUpSession(options: CreateTopUpSessionOptions): Promise<TopUpSessionResponse>;

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

  /**
   * What has been accepted and is not yet acknowledged by the API. In memory: the waiting charges of
   * all clients with the same settings, once this one has charged. Through a cache object or worker:
   * what the last answer for each customer reported. Background calls that have not ended are added.
   */
  readonly pendingOperations: number;

  /**
   * Waits until everything that was accepted before this call is settled: background calls, and in
   * memory the waiting charges. While the API is away that takes as long as it is away; `timeoutMs`
   * bounds it. What a cache object or worker has accepted is safe there, and not waited for.
   *
   * @example
   * ```js
   * process.on('SIGTERM', async () => {
   *   const { pending } = await ce.flush({ timeoutMs: 10_000 });
   *   process.exit(pending === 0 ? 0 : 1);
   * });
   * ```
   */
  flush(options?: FlushOptions): Promise<FlushResult>;

  /**
   * Waits for background calls and, in memory, for everything that is queued; later calls are refused
   * with `client_destroyed`. What {@link withContext} or {@link forRequest} gave ends alone; the
   * client itself ends with all of them. In memory a process that has nothing else to do ends by
   * itself once its charges have arrived, without this.
   */
  destroy(): Promise<void>;

  /** The same as {@link destroy}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
