// The options of the client and of its children.

import type { Amount, Environment } from './amounts.js';
import type { CreditEngineError } from './errors.js';
import type { Fetcher, LedgerNamespace, WaitUntil, WaitUntilContext } from './host.js';

/** Options of the client. All are checked by its constructor, which throws. */
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
   * Milliseconds after which a cached balance no longer decides a gate. For persistent mode:
   * checked and kept, without effect in this version. Default: 90 000, or `syncIntervalMs` where
   * that is more.
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

/** Options of `forRequest`. */
export interface ForRequestOptions<R = unknown> {
  /**
   * What names the request: a header's name, or a function of the request. Only a name that your
   * own infrastructure sets is safe (a queue's message id, a signed client): an end user who may
   * choose it passes every gate as a replay. Default, and where it gives nothing: a fresh name.
   */
  idempotencyKeyFrom?: string | ((request: R) => string | null | undefined);
}
