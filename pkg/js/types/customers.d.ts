// Customers of the ClockNext API, and tokens for its portal.

import type { UsagePage } from './signals.js';

/** What a customer is made of. */
export interface CustomerFields {
  name: string;
  email: string;
  description?: string | null;
  website?: string | null;
  phone?: string | null;
  legalName?: string | null;
  addressLine1?: string | null;
  addressLine2?: string | null;
  city?: string | null;
  state?: string | null;
  country?: string | null;
  pincode?: string | null;
  taxId?: string | null;
  notes?: string | null;
  logoUrl?: string | null;
  currencyCode?: string | null;
  creditAllowance?: number | null;
}

/** A customer. Fields that this version does not know are there too. */
export interface Customer extends CustomerFields {
  id: string;
  createdAt?: string;
  updatedAt?: string;
  readonly [key: string]: unknown;
}

/** A page of customers, newest first. */
export interface CustomerPage {
  customers: Customer[];
  /** For the next page; null at the end. */
  nextCursor: string | null;
  readonly [key: string]: unknown;
}

/** Which customers. */
export interface CustomerQuery {
  /** Rows of a page. */
  limit?: number;
  /** Words that name or email begin with. */
  q?: string;
  /** `nextCursor` of the page before. */
  cursor?: string;
}

/** What is left to a customer. */
export interface CustomerBalances {
  credits: {
    creditId: string;
    creditName: string;
    agentKey?: string | null;
    remaining: number;
    readonly [key: string]: unknown;
  }[];
  /** Our worker tells how many runs of each outcome are open and complete; they are paid from the wallet. */
  outcomes: {
    outcomeId?: string;
    outcomeName?: string;
    open?: number;
    completed?: number;
    readonly [key: string]: unknown;
  }[];
  units: { readonly [key: string]: unknown }[];
  walletBalanceUsd: number;
  readonly [key: string]: unknown;
}

/** What a customer has brought in, and cost, in USD. */
export interface CustomerRevenue {
  revenue: number;
  cost: number;
  profit: number;
  margin: number | null;
  readonly [key: string]: unknown;
}

/**
 * `cnk.customers`. Reads and `delete` are tried again as signals are; `create` and `update` are sent once,
 * because the API has no idempotency key for them: after an error with `effect: 'unknown'`, look before
 * you repeat it.
 */
export interface Customers {
  /**
   * Makes a customer.
   *
   * @example
   * ```js
   * const customer = await cnk.customers.create({ name: 'Acme', email: 'ops@acme.com' });
   * await cnk.customers.update(customer.id, { notes: 'VIP', phone: null });
   * console.log((await cnk.customers.get(customer.id)).notes); // VIP
   * ```
   */
  create(customer: CustomerFields): Promise<Customer>;
  get(customerId: string): Promise<Customer>;
  /** A page of customers; without a query the newest. */
  list(query?: CustomerQuery): Promise<CustomerPage>;
  /** Every customer, newest first, page by page (`limit`: rows of a page, 100). */
  iterate(query?: CustomerQuery): AsyncGenerator<Customer, void, undefined>;
  /** Changes what is named: null clears, what is left out stays. */
  update(customerId: string, changes: Partial<CustomerFields>): Promise<Customer>;
  /** At a server of this package the key needs the scope `admin`. */
  delete(customerId: string): Promise<void>;
  /** What `signals.list` tells of one customer. */
  usage(customerId: string, query?: { limit?: number }): Promise<UsagePage>;
  balances(customerId: string): Promise<CustomerBalances>;
  /** What the customer is on. */
  plan(customerId: string): Promise<{ readonly [key: string]: unknown }>;
  /** `range`: days, such as `'30d'`. */
  revenue(customerId: string, query?: { range?: string }): Promise<CustomerRevenue>;
}

/** A token with which a browser may show one customer's page. */
export interface PortalToken {
  token: string;
  /** When it ends, as RFC 3339 text. */
  expiresAt: string;
  /** Seconds until then. */
  expiresIn: number;
  readonly [key: string]: unknown;
}

/** `cnk.portal` */
export interface Portal {
  /**
   * A short-lived token for one customer's page, `<baseUrl>/portal/embed?token=…`: this, and no API key, is
   * for browsers.
   */
  createToken(options: {
    customerId: string;
    ttlSeconds?: number;
    memberEmail?: string;
  }): Promise<PortalToken>;
}
