/**
 * The ledger in memory, for your own tests: the very module that is deployed, with its routes, keys and
 * rules, on SQLite in memory. Nothing listens and nothing is sent. It can be told to fail, and its clock
 * is yours. What a client remembers of one ledger (balances, limits, its retry budget) it does not take
 * for another's: tests that make a ledger each do not depend on their order.
 *
 * Node ≥ 22.16 (which says once that its SQLite is experimental), Deno ≥ 2.9 and Bun ≥ 1.4. In workerd
 * itself, test against the objects that it has.
 *
 * @example
 * ```js
 * import assert from 'node:assert/strict';
 * import { CreditEngine } from 'edge-credits';
 * import { createTestLedger } from 'edge-credits/testing';
 *
 * const ledger = createTestLedger({ now: '2027-01-01T00:00:00Z' });
 * const ce = new CreditEngine({ apiKey: ledger.apiKey, fetcher: ledger, mode: 'stateless' });
 * await ce.add('cus_1', 100, { type: 'topup', expiresAt: '2027-02-01T00:00:00Z' });
 *
 * // The charge is made, and its answer is lost: the client asks again under the same key.
 * ledger.fail.next({ when: 'after-commit' });
 * await ce.consume('cus_1', 5, 'AI: chat');
 * assert.equal(await ledger.balance('cus_1'), 95);
 * assert.equal((await ledger.entries('cus_1')).length, 2);
 *
 * await ledger.clock.advance(32 * 24 * 3_600_000);
 * assert.equal(await ledger.balance('cus_1'), 0);
 * ```
 *
 * @module
 */
/// <reference lib="esnext.disposable" />

import type { Transaction } from '../js/types/answers.js';
import type { Fetcher, ObjectNamespace } from '../js/types/host.js';

/** Options of {@link createTestLedger}. */
export interface TestLedgerOptions {
  /** What time it is for the ledger: a `Date`, a date as text, or milliseconds since 1970. Now, where absent. */
  now?: Date | string | number;
  /** The worker's variables, such as `{ OVERDRAFT_LIMIT: '1000' }`; not `API_KEYS`, see `key()`. */
  settings?: Record<string, string>;
}

/** A ledger in memory of its own. */
export function createTestLedger(options?: TestLedgerOptions): TestLedger;

/** What {@link createTestLedger} makes. */
export interface TestLedger extends Fetcher {
  /** A sandbox key that may do everything. Each ledger has keys of its own, drawn when it is made. */
  readonly apiKey: string;

  /**
   * Another key.
   *
   * @param options `env`: `test` where absent. `scopes`: `['admin']` where absent, which is everything; at least one.
   */
  key(options?: { env?: 'live' | 'test'; scopes?: ('use' | 'grant' | 'admin')[] }): string;

  /** What stands in the place of a Worker's binding: `new CreditEngine({ ledger: testLedger.namespace })`. */
  readonly namespace: ObjectNamespace;

  /** The ledger's time. It stands still until it is moved; the client's own time goes on. */
  readonly clock: TestClock;

  /** While true, every request fails as if nobody were there. */
  outage(away?: boolean): void;

  /** Faults for the requests to come. */
  readonly fail: TestFaults;

  /** Every request that was sent, refused, lost and repeated ones included, oldest first. */
  readonly requests: TestRequest[];

  /** A customer's transactions, oldest first, read past all faults. */
  entries(customerId: string, options?: { env?: 'live' | 'test'; unit?: string }): Promise<Transaction[]>;

  /** A customer's balance, read past all faults. */
  balance(customerId: string, options?: { env?: 'live' | 'test'; unit?: string }): Promise<number>;
}

/** One request as it was sent. */
export interface TestRequest {
  method: string;
  /** Such as `/v1/customers/cus_1/consume`. */
  path: string;
  /** The header, or null. A repeat has the same as the first. */
  idempotencyKey: string | null;
}

/** The time of a {@link TestLedger}. */
export interface TestClock {
  /** Milliseconds since 1970. */
  now(): number;
  /**
   * Moves it on by milliseconds; resolves when the alarms that came due have been served. Ten seconds
   * after a charge the analytics over all customers know of it.
   */
  advance(ms: number): Promise<void>;
  /** Moves it to an instant, an earlier one too: ledgers must bear that. */
  set(time: Date | string | number): Promise<void>;
}

/** Faults of a {@link TestLedger}, served in order. */
export interface TestFaults {
  /** Something goes wrong with the next request. Throws where the fault makes no sense. */
  next(fault: TestFault): void;
  /** Takes back what was not served yet, and the outage. */
  clear(): void;
}

/**
 * What goes wrong. `{}`: the connection breaks before anything is done. `{ when: 'after-commit' }`: the
 * ledger does as it is asked, and the answer is lost. `{ status: 429, retryAfter: 2 }`: refused on the
 * way. `{ delayMs: 50 }` alone: it takes that long, and then all is well.
 */
export interface TestFault {
  /** `before` the ledger has seen the request (the default), or `after-commit`. */
  when?: 'before' | 'after-commit';
  /**
   * The status of the answer that the client gets, from 200 to 599 but for 204, 205 and 304, which have
   * no body. Where absent the connection breaks, and there is no `code`, `retryAfter` or `body`.
   */
  status?: number;
  /** The error code in that answer, which then has no `body`. */
  code?: string;
  /** The header `Retry-After`: whole seconds, or a date as HTTP writes it. */
  retryAfter?: number | string;
  /** The body instead of an error in JSON, as from a proxy: text or HTML. */
  body?: string;
  /** Milliseconds of real time before anything else. */
  delayMs?: number;
  /** How many requests it is for: 1. */
  times?: number;
  /**
   * Only for requests whose path ends so: `consume`, `batch`, `add`, `balance`, `transactions`, `void`;
   * `holds`, `progress`, `extend`, `capture`, `release`; `sessions`, `pay`, `cancel`, `stripe`
   * (top-ups); `usage`, `top-consumers`, `actions`, `burn-rate`, `summary`.
   */
  on?: string;
}
