/**
 * The backend of edge-credits, built: re-export it from a Worker of your own, or deploy it as it is.
 *
 * ```js
 * export { default, LedgerObject } from "edge-credits/worker";
 * ```
 *
 * The Worker needs the Durable Object binding `LEDGER` (class `LedgerObject`, a `new_sqlite_classes`
 * migration) and the secret `API_KEYS`.
 */

/** What the Worker reads from its environment. */
export interface WorkerEnv {
  /** The namespace of {@link LedgerObject}. */
  LEDGER: unknown;
  /** JSON list of `{id, env, scopes, sha256}`. Without it every route but `/health` answers 503. */
  API_KEYS?: string;
  /** How far below zero a plain `consume` may take a balance, as decimal text. No limit when absent. */
  OVERDRAFT_LIMIT?: string;
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

/** One customer's ledger, on SQLite. Made by the Workers runtime, never by hand. */
export declare class LedgerObject {
  constructor(ctx: unknown, env: WorkerEnv);
  fetch(request: Host<'Request'>): Promise<Host<'Response'>>;
  alarm(): Promise<void>;
}
