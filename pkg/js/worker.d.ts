/**
 * The backend of edge-credits, built: re-export it from a Worker of your own, or deploy it as it is.
 *
 * ```js
 * export { default, DirectoryObject, LedgerObject } from "edge-credits/worker";
 * ```
 *
 * The Worker needs the Durable Object binding `LEDGER` (class `LedgerObject`, a `new_sqlite_classes`
 * migration) and the secret `API_KEYS`; for analytics over all customers also the binding `DIRECTORY`
 * (class `DirectoryObject`, likewise).
 *
 * With `UPSTREAM_URL` it is a cache in front of that Credit Engine API instead: re-export
 * `BalanceCacheObject`, and bind it as `BALANCE_CACHE`.
 */

/** What the Worker reads from its environment. */
export interface WorkerEnv {
  /** The namespace of {@link LedgerObject}: for a ledger. */
  LEDGER?: unknown;
  /** The namespace of {@link DirectoryObject}: for analytics over all customers. */
  DIRECTORY?: unknown;
  /** How long a charge waits for others to be reported to the directory with, in ms: 10000. */
  REPORT_DELAY_MS?: string;
  /** The namespace of {@link BalanceCacheObject}: for a cache. */
  BALANCE_CACHE?: unknown;
  /** JSON list of `{id, env, scopes, sha256}`. Without it every route but `/health` answers 503. */
  API_KEYS?: string;
  /** How far below zero a plain `consume` may take a balance, as decimal text. No limit when absent. */
  OVERDRAFT_LIMIT?: string;
  /** The Credit Engine API that the Worker is a cache of; https, or http on this machine. */
  UPSTREAM_URL?: string;
  /** Its key for live data, `ce_live_…`. */
  UPSTREAM_KEY_LIVE?: string;
  /** Its key for test data, `ce_test_…`. */
  UPSTREAM_KEY_TEST?: string;
  /** The age at which a balance is read again in the background, in ms: 30000. */
  SYNC_INTERVAL_MS?: string;
  /** The age at which a gate reads it first, in ms: 90000. */
  MAX_STALENESS_MS?: string;
  /** `"false"`: gates are refused while the API is away and the balance is older than that. */
  GRACEFUL_DEGRADATION?: string;
  /** How long one request to the API may take, in ms: 10000. */
  UPSTREAM_TIMEOUT_MS?: string;
  /** Who keeps holds: `"cache"`, `"upstream"`, or by what the API is, `"auto"`. */
  HOLDS_AT?: 'auto' | 'cache' | 'upstream';
  /** How long the API remembers idempotency keys, in hours: 24. */
  UPSTREAM_KEY_HOURS?: string;
}

/** The global class of that name, in whichever library the project has; else unknown. */
type Host<Name extends string> = typeof globalThis extends Record<Name, { prototype: infer Instance }>
  ? Instance
  : unknown;

/** The HTTP API. */
declare const handler: {
  fetch(
    request: Host<'Request'>,
    env: WorkerEnv,
    ctx: { waitUntil(promise: Promise<unknown>): void },
  ): Promise<Host<'Response'>>;
};
export default handler;

/** One customer's balance in front of a remote API, on SQLite. Made by the Workers runtime. */
export declare class BalanceCacheObject {
  constructor(ctx: unknown, env: WorkerEnv);
  fetch(request: Host<'Request'>): Promise<Host<'Response'>>;
  alarm(): Promise<void>;
}

/** What all customers of an environment used, on SQLite. Made by the Workers runtime. */
export declare class DirectoryObject {
  constructor(ctx: unknown, env: WorkerEnv);
  fetch(request: Host<'Request'>): Promise<Host<'Response'>>;
  alarm(): Promise<void>;
}

/** One customer's ledger, on SQLite. Made by the Workers runtime, never by hand. */
export declare class LedgerObject {
  constructor(ctx: unknown, env: WorkerEnv);
  fetch(request: Host<'Request'>): Promise<Host<'Response'>>;
  alarm(): Promise<void>;
}
