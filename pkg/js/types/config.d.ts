// The options of the client and of its children.

import type { Amount, Environment } from './amounts.js';
import type { CreditEngineError } from './errors.js';
import type { Fetcher, ObjectNamespace, WaitUntil, WaitUntilContext } from './host.js';

/** Options of the client. All are checked by its constructor, which throws. */
export interface CreditEngineConfig {
  /**
   * The API key: `ce_live_…`, or `ce_test_…` for the sandbox. Required, unless `ledger` or
   * `balanceCache` is given.
   * It is a secret of your server: never send it to a browser.
   */
  apiKey?: string;
  /**
   * The API's URL, without `/v1`: https, or http on this machine. Default:
   * `https://api.creditengine.dev`.
   */
  baseUrl?: string;
  /**
   * `'stateless'`: one round trip per call, nothing shared. `'persistent'`: a cache answers at once
   * and sends what it has accepted in the background. Where that cache is:
   *
   * * with `balanceCache`: the customer's Durable Object, one hop away;
   * * without, in a process that lives long (Node, Deno, Bun): this process's memory, shared by all
   *   clients with the same settings;
   * * without, on an edge host or a platform of short-lived processes: `baseUrl` (or `fetcher`) is
   *   taken to be a worker deployed with `UPSTREAM_URL`, and calls go there one by one; where
   *   neither is given the constructor throws `invalid_config`.
   *
   * Default: `'auto'`. With `balanceCache`: persistent. Else stateless with `ledger`, on Workers and
   * other edge hosts, and where `VERCEL`, `AWS_LAMBDA_FUNCTION_NAME`, `NETLIFY`,
   * `CLOUDFLARE_WORKER` or `DENO_DEPLOYMENT_ID` is set; else persistent in memory.
   */
  mode?: 'persistent' | 'stateless' | 'auto';
  /**
   * Milliseconds after which a balance in memory is refreshed, by the next call and in the
   * background. A cache object has its own setting. Default: 30 000.
   */
  syncIntervalMs?: number;
  /**
   * Whether calls go on while the API cannot be reached. In memory: gates then go by the last known
   * balance, however old, and answers say `degraded: true`; with `false` gates and reads are refused
   * with `stale_balance` beyond `maxStalenessMs`.
   *
   * Stateless, once a call's own attempts are over: `consume` is accepted (`degraded: true`, `balance`
   * the last one this isolate was told, or null) and sent in the background under its key, for up to
   * 25 s (it arrives if the API is back 5 s before that); else `onError` gets key and payload.
   * `consumeOrFail` likewise, up to `degradedLimit` and to what the balance that this isolate was told
   * last leaves after what was accepted since, however old that balance is. `getBalance` answers the last known balance, or throws; everything else throws.
   * With `false`: all throw. Default: `true`.
   */
  gracefulDegradation?: boolean;
  /** Milliseconds one attempt may take: connecting, headers and body. Default: 10 000. */
  timeoutMs?: number;
  /** Attempts after the first one, each with the same idempotency key and body. Default: 2. */
  maxRetries?: number;
  /**
   * Told of failures that no caller waits for: those of background calls, and what became of charges
   * that a cache had accepted and the API then refused (`effect: 'not_applied'`) or left open
   * (`'unknown'`), once each. What it throws is ignored. Default: `console.error`.
   */
  onError?: (error: CreditEngineError) => void;
  /**
   * Where requests go instead of the global `fetch`. The URL still starts with `baseUrl`. Clients share
   * what one process remembers (`retryBudget`, `degradedLimit`, balances in memory) if they have the
   * same object: make it once, not per request.
   */
  fetcher?: Fetcher;
  /**
   * The ledger's Durable Object namespace, for a Worker that binds it: calls go straight to the
   * customer's object, and the binding is the permission. No API key is sent; one that is given
   * says the environment. Excludes `fetcher` and `balanceCache`.
   */
  ledger?: ObjectNamespace;
  /**
   * The Durable Object namespace of `BalanceCacheObject`, in this Worker or another (`script_name`):
   * persistent mode, through the customer's object. As with `ledger`, the binding is the permission
   * and the API key only says the environment. Excludes `ledger` and `fetcher`.
   */
  balanceCache?: ObjectNamespace;
  /** Live data or the sandbox. Default: what the API key says, else `'live'`. */
  environment?: Environment;
  /**
   * Keeps the host awake for background calls: a function, or an object with `waitUntil`. `'auto'`
   * asks the host when a call enters: the `waitUntil` of `cloudflare:workers`, the request contexts of
   * Next.js and Vercel, a global `EdgeRuntime.waitUntil` (Supabase). Where there is none, as in Deno
   * Deploy and Node, background calls are awaited. Default: `'auto'`.
   */
  waitUntil?: WaitUntil | WaitUntilContext | 'auto';
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
   * Milliseconds after which a balance in memory no longer decides a gate: it is read again first.
   * A cache object has its own setting. Default: 90 000, or `syncIntervalMs` where that is more.
   */
  maxStalenessMs?: number;
  /**
   * Credits that gates may allow a customer while the API cannot be reached, in stateless mode. Counted
   * per isolate or process, over all its clients, until the API has answered a change of that customer
   * (an answered read frees nothing): where a platform runs *n* isolates at once they allow *n* times as much. Units other than `credits`
   * are not allowed any. 0: gates throw. Default: 1 000.
   */
  degradedLimit?: Amount;
  /**
   * Paths of an API that has the same bodies elsewhere. `{id}` stands for the customer's id,
   * `{grant_id}` for the grant's, `{topic}` for `usage`, `top-consumers`, `actions`, `burn-rate` or
   * `summary`. Defaults: `/v1/customers/{id}/balance`, `…/consume`, `…/add`, `…/transactions`,
   * `…/grants/{grant_id}/void`, `/v1/analytics/{topic}`, `/v1/topup/sessions`.
   */
  paths?: Partial<
    Record<
      | 'balance'
      | 'consume'
      | 'add'
      | 'transactions'
      | 'voidGrant'
      | 'analytics'
      | 'topUpSessions',
      string
    >
  >;
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
