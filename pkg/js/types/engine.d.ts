// The client.

import type { Amount } from './amounts.js';
import type {
  ActionBreakdownOptions,
  ActionBreakdownResponse,
  AnalyticsSummaryOptions,
  AnalyticsSummaryResponse,
  BurnRateOptions,
  BurnRateResponse,
  TopConsumersOptions,
  TopConsumersResponse,
  UsageAnalyticsOptions,
  UsageAnalyticsResponse,
  UsageByAction,
  UsageByDay,
  UsageByWeek,
} from './analytics.js';
import type {
  AddResponse,
  BackgroundConsumeResponse,
  BalanceResponse,
  ConsumeOrFailResponse,
  ConsumeResponse,
  FlushResult,
  TopUpSessionResponse,
  Transaction,
  TransactionsResponse,
  VoidGrantResponse,
} from './answers.js';
import type { CreditEngineConfig, ForRequestOptions } from './config.js';
import type { AttachedHold, GetHoldsOptions, Hold, HoldOptions, HoldsPage } from './hold.js';
import type { WaitUntil, WaitUntilContext } from './host.js';
import type { Meter, MeterOptions, MeterSource } from './meter.js';
import type { Quote, QuoteOptions } from './quote.js';
import type {
  AddOptions,
  ChangeOptions,
  ConsumeOptions,
  CreateTopUpSessionOptions,
  FlushOptions,
  GetBalanceOptions,
  GetTransactionsOptions,
  IterateTransactionsOptions,
  VoidGrantOptions,
} from './options.js';

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
   * Reserves credits for work whose cost is known only when it ends: a gate, like
   * {@link consumeOrFail}, for the most that the work may cost. Then {@link Hold.capture} takes what it
   * did cost. A hold that nobody ends, because the process died, ends by its own rule. It is the
   * ledger's in every mode, and one HTTP round trip.
   *
   * @param amount More than 0.
   * @throws {InsufficientCreditsError} The balance does not cover the amount; nothing is held.
   * @throws {CreditEngineError} As {@link add}.
   *
   * @example
   * ```js
   * const hold = await ce.hold('cus_1', 5, { description: 'AI: chat', ttlMs: 60_000 });
   * try {
   *   await hold.progress(1.25); // how much so far, in all
   *   await hold.capture(2.5); // the rest is free again
   * } finally {
   *   await hold[Symbol.asyncDispose](); // what `await using` does by itself
   * }
   * ```
   */
  hold(customerId: string, amount: Amount, options?: HoldOptions): Promise<Hold>;

  /**
   * Finds a hold by its id, open or not: a process that has lost its object, or never had it, goes on
   * from here, and may report, extend, capture or release. It is not ended by leaving a scope.
   *
   * @throws {CreditEngineError} `not_found`, `invalid_id`, or as {@link getBalance}.
   *
   * @example
   * ```js
   * await ce.add('cus_1', 100);
   * const { id } = await ce.hold('cus_1', 5); // kept with the job, say
   * const found = await ce.getHold('cus_1', id);
   * if (found.state === 'open') await found.capture(2.5);
   * ```
   */
  getHold(customerId: string, holdId: string): Promise<AttachedHold>;

  /** Reads one page of a customer's open holds, newest first. */
  getHolds(customerId: string, options?: GetHoldsOptions): Promise<HoldsPage>;

  /**
   * Makes a call to a model, and charges the customer for the tokens that it used, however it ends. The
   * most that it may cost is held first: where credits do not cover that, the call is not made. Then the
   * response is passed on, byte for byte and chunk by chunk, while its tokens are counted: from the usage
   * that OpenAI (chat completions, responses), Anthropic, Google and compatible providers report, in
   * server-sent events, NDJSON, a JSON array or one JSON body; and where that has not come, or never does,
   * as one token for every four bytes of text. What has been used is reported to the ledger meanwhile.
   *
   * The end is settled once: at the end of the body, when the reader cancels it, when the provider breaks
   * it off, and by the hold's expiry when this process dies. A response that is not `ok` costs nothing.
   *
   * @param source The call, as a function that is run when the credits are held. A response that is
   * there already is metered too.
   * @throws {InsufficientCreditsError} The balance does not cover the hold; nothing was called.
   * @throws {CreditEngineError} As {@link hold}; `duplicate_request` where the call's idempotency key
   * has been used before. What `source` throws is thrown, and nothing is charged.
   *
   * @example
   * ```js
   * const body = { model: 'small', stream: true, max_tokens: 400, messages: [] };
   * const call = async () =>
   *   new Response('data: {"usage":{"prompt_tokens":100,"completion_tokens":20}}\n\n', {
   *     headers: { 'content-type': 'text/event-stream' },
   *   }); // or: fetch('https://api.openai.com/v1/chat/completions', …)
   * const response = await ce.meterStream(call, {
   *   customerId: 'cus_1',
   *   price: { input: 250, output: 1000 }, // credits for 1 000 000 tokens
   *   request: body,
   *   description: 'AI: chat',
   *   onSettled: ({ used }) => console.log(used),
   * });
   * await response.text(); // return it to whoever asked
   * ```
   */
  meterStream<Answer>(
    source: MeterSource<Answer>,
    options: MeterOptions,
  ): Promise<Answer>;

  /**
   * Holds credits for a call, and gives its meter: {@link meterStream} for what is no response, such as
   * the stream of an SDK.
   *
   * @throws {InsufficientCreditsError} As {@link meterStream}.
   */
  meter(options: MeterOptions): Promise<Meter>;

  /**
   * What a model call will cost, before it is made: credits if the model writes nothing, and if it
   * writes as much as it may. Computed here, by public list prices (dated by `listDate`) or your own
   * `models`; nothing is sent. What is charged in the end is yours to say, or your server's catalog's.
   *
   * @example
   * ```js
   * const { high } = ce.quote({
   *   model: 'gpt-5-mini',
   *   inputTokens: 1200,
   *   maxOutputTokens: 800,
   *   pricePerCredit: 0.01,
   *   marginPercent: 30,
   * });
   * const hold = await ce.hold('cus_1', high);
   * ```
   */
  quote(options: QuoteOptions): Quote;
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
   * What was consumed and added, day by day, week by week or by action: of all customers, or of one.
   * Days are UTC; a period ends with today. Of one customer it is exact at the instant of the answer; over
   * all customers it is what their ledgers have reported, some ten seconds behind them.
   *
   * @throws {CreditEngineError} `not_configured` where the deployment has no directory, which knows
   * all customers; `invalid_request` for a period or a grouping that there is not.
   *
   * @example
   * ```js
   * const { data } = await ce.getUsageAnalytics({ period: 'last_7_days', customerId: 'cus_1' });
   * for (const { day, consumed } of data) console.log(day, consumed);
   * ```
   */
  getUsageAnalytics(
    options?: UsageAnalyticsOptions & { groupBy?: 'day' },
  ): Promise<UsageAnalyticsResponse<UsageByDay>>;
  getUsageAnalytics(
    options: UsageAnalyticsOptions & { groupBy: 'week' },
  ): Promise<UsageAnalyticsResponse<UsageByWeek>>;
  getUsageAnalytics(
    options: UsageAnalyticsOptions & { groupBy: 'action' },
  ): Promise<UsageAnalyticsResponse<UsageByAction>>;
  getUsageAnalytics(
    options?: UsageAnalyticsOptions,
  ): Promise<UsageAnalyticsResponse<UsageByDay | UsageByWeek | UsageByAction>>;

  /**
   * The customers who consumed most, the most first. Nobody who consumed nothing.
   *
   * @throws {CreditEngineError} As {@link getUsageAnalytics}.
   */
  getTopConsumers(options?: TopConsumersOptions): Promise<TopConsumersResponse>;

  /**
   * What was consumed and added for what: a line for each action and type of transaction. The action
   * is `metadata.action`, else what the description says.
   *
   * @throws {CreditEngineError} As {@link getUsageAnalytics}.
   */
  getActionBreakdown(options?: ActionBreakdownOptions): Promise<ActionBreakdownResponse>;

  /**
   * How fast credits go, and how long those that are left will last: of all customers together, or of
   * one.
   *
   * @throws {CreditEngineError} As {@link getUsageAnalytics}.
   *
   * @example
   * ```js
   * const { data } = await ce.getBurnRate({ days: 7, customerId: 'cus_1' });
   * if ((data.projection_days_remaining ?? Infinity) < 3) console.log('top up soon');
   * ```
   */
  getBurnRate(options?: BurnRateOptions): Promise<BurnRateResponse>;

  /**
   * A period in figures, and the period of the same length before it.
   *
   * @throws {CreditEngineError} As {@link getUsageAnalytics}.
   */
  getAnalyticsSummary(options?: AnalyticsSummaryOptions): Promise<AnalyticsSummaryResponse>;

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
