// What is asked of the analytics, and what they answer. Fields that this version does not know are
// passed on as the server sent them.
//
// Consumed is what usage and negative adjustments took; added is what top-ups, positive adjustments and
// refunds brought. A refund counts on its own day and does not lower what was consumed before. What was
// left of a grant that expired or was voided, and what was taken back of a purchase whose money was
// paid back, is neither: it is `expired`.

import type { TransactionType } from './options.js';

/**
 * UTC days that end with today, which is still going on: `'last_7_days'` is today and the six days
 * before, `'current_month'` begins with the first of the month.
 */
export type AnalyticsPeriod = 'last_7_days' | 'last_30_days' | 'last_90_days' | 'current_month';

/** What all questions share. */
export interface AnalyticsOptions {
  /** What is counted. Default: `credits`. */
  unit?: string;
}

/** Options of `CreditEngine.getUsageAnalytics`. */
export interface UsageAnalyticsOptions extends AnalyticsOptions {
  /** Default: `'last_30_days'`. */
  period?: AnalyticsPeriod;
  /** Default: `'day'`. Weeks begin on Monday. */
  groupBy?: 'day' | 'week' | 'action';
  /** Only this customer. Default: all of them. */
  customerId?: string;
}

/** Options of `CreditEngine.getTopConsumers`. */
export interface TopConsumersOptions extends AnalyticsOptions {
  /** Default: `'last_30_days'`. */
  period?: AnalyticsPeriod;
  /** How many customers, 1 to 100. Default: 10. */
  limit?: number;
}

/** Options of `CreditEngine.getActionBreakdown`. */
export interface ActionBreakdownOptions extends AnalyticsOptions {
  /** Default: `'last_30_days'`. */
  period?: AnalyticsPeriod;
}

/** Options of `CreditEngine.getBurnRate`. */
export interface BurnRateOptions extends AnalyticsOptions {
  /** Over today and so many days before it that there are this many, 1 to 90. Default: 30. */
  days?: number;
  /** Only this customer. Default: all of them together. */
  customerId?: string;
}

/** Options of `CreditEngine.getAnalyticsSummary`. */
export interface AnalyticsSummaryOptions extends AnalyticsOptions {
  /** Default: `'last_30_days'`. */
  period?: AnalyticsPeriod;
}

/** What every answer says beside its data. */
export interface AnalyticsResponse<Data> {
  data: Data;
  /** When it was answered, RFC 3339; of all customers, by what ledgers had reported by then. */
  as_of?: string;
  /** The first UTC day, `YYYY-MM-DD`. */
  from?: string;
  /** The last UTC day. */
  to?: string;
  unit?: string;
  /** Of one customer. */
  customer_id?: string;
}

/** What some transactions come to. */
export interface UsageSums {
  consumed: number;
  added: number;
  /** By how much the balance changed: added − consumed − expired. */
  net: number;
  /** Transactions of every type. */
  transaction_count: number;
  /** Gone without use: left of grants that ended, or of a purchase whose money was paid back. */
  expired?: number;
}

/** One UTC day. Days without transactions are there too. */
export interface UsageByDay extends UsageSums {
  /** `YYYY-MM-DD` */
  day: string;
}

/** One week, or what of it lies in the period. */
export interface UsageByWeek extends UsageSums {
  /** Its Monday, `YYYY-MM-DD`, which may lie before the period. */
  day: string;
  /** As ISO 8601 numbers it, such as `2026-W47`. */
  week?: string;
}

/** One action. The most consumed comes first. */
export interface UsageByAction extends UsageSums {
  /** `(other)` for what is beyond 200 actions and types a day. */
  action: string;
}

/** What `CreditEngine.getUsageAnalytics` answers. */
export interface UsageAnalyticsResponse<
  Line extends UsageByDay | UsageByWeek | UsageByAction = UsageByDay,
> extends AnalyticsResponse<Line[]> {}

/** One of the customers who consumed most. */
export interface TopConsumer {
  customer_id: string;
  total_consumed: number;
  total_added: number;
  transaction_count: number;
}

/** What `CreditEngine.getTopConsumers` answers. */
export interface TopConsumersResponse extends AnalyticsResponse<TopConsumer[]> {}

/** One action and type of transaction. */
export interface ActionUsage extends UsageByAction {
  type: TransactionType;
}

/** What `CreditEngine.getActionBreakdown` answers. */
export interface ActionBreakdownResponse extends AnalyticsResponse<ActionUsage[]> {}

/** How fast credits go. Averages are rounded to the unit's last decimal, half away from zero. */
export interface BurnRate {
  daily_avg_consumed: number;
  daily_avg_added: number;
  /** The first less the second. */
  net_daily_burn: number;
  /**
   * Whole days until nothing is left, if it goes on like this; at most 36 500. Null when no more is
   * consumed than added.
   */
  projection_days_remaining: number | null;
  /**
   * What is left now: of one customer what is available, of all customers what is posted, in which
   * credits are still counted that holds reserve.
   */
  balance?: number;
}

/** What `CreditEngine.getBurnRate` answers. */
export interface BurnRateResponse extends AnalyticsResponse<BurnRate> {}

/** A period in figures. */
export interface PeriodSummary {
  total_consumed: number;
  total_added: number;
  /** By how much all balances changed together. */
  net_change: number;
  total_transactions: number;
  /** Customers who consumed something. */
  active_customers: number;
  /** Gone without use: left of grants that ended, or of a purchase whose money was paid back. */
  total_expired?: number;
}

/**
 * The period of the same length before, and by how many percent the figures have changed since: two
 * decimals, null where the figure was 0.
 */
export interface PeriodComparison extends PeriodSummary {
  total_consumed_change_percent: number | null;
  total_added_change_percent: number | null;
  net_change_percent: number | null;
  total_transactions_change_percent: number | null;
  active_customers_change_percent: number | null;
  from?: string;
  to?: string;
}

/** A period in figures, and the one before it. */
export interface AnalyticsSummary extends PeriodSummary {
  comparison: PeriodComparison;
}

/** What `CreditEngine.getAnalyticsSummary` answers. */
export interface AnalyticsSummaryResponse extends AnalyticsResponse<AnalyticsSummary> {}
