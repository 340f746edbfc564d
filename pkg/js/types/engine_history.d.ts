// Methods of the client that look back: transactions and analytics.

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
import type { Transaction, TransactionsResponse } from './answers.js';
import type { GetTransactionsOptions, IterateTransactionsOptions } from './options.js';

/** Lists and sums of `CreditEngine`. */
export interface EngineHistory {
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
}
