// The ClockNext client and its options.

import type { ClockNextError } from './clocknext_errors.js';
import type { Customers, Portal } from './customers.js';
import type { Fetcher, WaitUntil, WaitUntilContext } from './host.js';
import type {
  DropReason,
  SignalFlush,
  RetryNotice,
  Signals,
  SignalStats,
  TrackedSignal,
} from './signals.js';

/** Options of the client. All are checked by its constructor, which throws. */
export interface ClockNextConfig {
  /**
   * The API key, `cnk_…`. It may change all customers: it is for servers alone. In a browser the constructor
   * refuses it.
   */
  apiKey: string;
  /**
   * The API's URL, without `/api/v1`: https, or http on this machine. Your Worker's, or that of the service.
   * Default: `https://app.clocknext.com` (its newer host is `https://payments.clocknext.com`).
   */
  baseUrl?: string;
  /** An object that carries the requests, such as a service binding (`env.CREDITS`). Make it once. */
  fetcher?: Fetcher;
  /**
   * `'async'`: signals wait in a buffer, and `track` resolves at once. `'sync'`: each is sent, and answered, at
   * once. Default: `'async'`.
   */
  mode?: 'async' | 'sync';
  /** Milliseconds one attempt may take: connecting, headers and body. Default: 10 000. */
  timeoutMs?: number;
  /** How signals are buffered. */
  batch?: {
    /** So many that wait are sent at once. Default: 20; at most 10 000. */
    maxSize?: number;
    /** Milliseconds that a signal waits for others. Default: 2000; at most 60 000. */
    maxIntervalMs?: number;
    /** Requests under way at one time. Default: 5; at most 100. */
    maxConcurrency?: number;
    /**
     * Signals that may wait; beyond, a new one is dropped (`onDrop`, `'queue_full'`). Default: 10 000; at most
     * 100 000.
     */
    maxQueueSize?: number;
  };
  /**
   * How often and how soon a call is tried again: after no answer, 408, 409, 429 and 5xx, in pauses of
   * `min(baseDelayMs · 2^(n−1), maxDelayMs)` times a random half to whole. `Retry-After` (on 429 and 503)
   * replaces the pause, up to 60 s; beyond that the call ends. Signals, reads and deletions only.
   */
  retry?: {
    /** In all. Default: 5; at most 20. */
    maxAttempts?: number;
    /** Default: 200; at most 60 000. */
    baseDelayMs?: number;
    /** Default: 10 000; at most 600 000. */
    maxDelayMs?: number;
  };
  /** A buffered signal has failed for good. Default: `console.error`. */
  onError?: (error: ClockNextError, signal: TrackedSignal) => void;
  /** What was to be sent together has been: how many arrived. */
  onFlush?: (delivered: number) => void;
  /** Before the pause between two attempts, of any call. */
  onRetry?: (retry: RetryNotice) => void;
  /**
   * A buffered signal was lost, and why. It can be kept and tracked again as it is, under its
   * `idempotencyKey`: then it counts once, even if it had arrived. Later, and not here, where the queue may still
   * be full: of a signal that is not taken then, the answer of `track` alone tells. Default: a line on the
   * console, each time that there are twice as many.
   */
  onDrop?: (signal: TrackedSignal, reason: DropReason) => void;
  /**
   * What keeps the host awake until buffered signals are sent: a handler's context (`ctx`), a function, or
   * `'auto'`, which asks the host at each signal. A client whose `waitUntil` is one request's context
   * belongs to that request, and what it tracks has 25 s, whether or not the host takes the promise.
   * Default: `'auto'`.
   */
  waitUntil?: 'auto' | WaitUntil | WaitUntilContext;
  /** Whether the API key may be used in a browser, where only you see the page. It warns. Default: false. */
  allowBrowser?: boolean;
}

/**
 * The ClockNext API: usage signals, customers, the portal.
 *
 * Every buffered signal ends once: delivered, rejected (`onError`), or dropped with a reason (`onDrop`); see
 * {@link ClockNext.stats}. On the edge the first signal of a request registers one promise with `waitUntil`,
 * which sends what the request tracks; 25 s after its last signal what is left is dropped with the reason
 * `'deadline'`, because hosts end such work after 30 s. Against a server of this package signals go together,
 * up to 100 in one request; against others one by one, as their API has it.
 *
 * @example
 * ```js
 * import { ClockNext } from 'edge-credits/clocknext';
 *
 * const cnk = new ClockNext({ apiKey: process.env.CREDITS_API_KEY, baseUrl: process.env.CREDITS_URL });
 *
 * await cnk.signals.wallet({
 *   customerId: 'cus_1',
 *   model: 'llama-3.3-70b-versatile',
 *   tokens: { input: 1200, output: 340 },
 * });
 * const { delivered, rejected } = await cnk.flush();
 * console.log(delivered, rejected.length); // 1 0
 * await cnk.close();
 * ```
 */
export class ClockNext {
  /** @throws {ClockNextError} `invalid_config`, naming the option. */
  constructor(config: ClockNextConfig);
  /** Usage that is reported. */
  readonly signals: Signals;
  /** Customers and what is known of them. */
  readonly customers: Customers;
  /** Tokens for customers' pages. */
  readonly portal: Portal;
  /** What became of the signals so far. */
  get stats(): SignalStats;
  /**
   * A client for one request: what it tracks is sent by that request, kept awake by its context. It shares
   * options, limits and counts with this one.
   *
   * @example
   * ```js
   * import { env } from 'cloudflare:workers';
   * import { ClockNext } from 'edge-credits/clocknext';
   *
   * const cnk = new ClockNext({ apiKey: env.CREDITS_API_KEY, baseUrl: env.CREDITS_URL }); // once
   *
   * export default {
   *   async fetch(request, env, ctx) {
   *     const mine = cnk.withContext(ctx);
   *     await mine.signals.wallet({ customerId: 'cus_1', model: 'gpt-4o', tokens: { input: 800, output: 5000 } });
   *     return new Response('ok'); // sent behind it
   *   },
   * };
   * ```
   */
  withContext(context: WaitUntil | WaitUntilContext): ClockNext;
  /**
   * Sends what waits, and resolves when what was tracked before has ended. Of a client that is shared by the
   * requests of a Worker, without {@link ClockNext.withContext}, it waits for theirs too, while they go on and for up to 25 s, and
   * reports only what was tracked since the last awaited fetch or timer: see {@link SignalFlush}.
   */
  flush(): Promise<SignalFlush>;
  /** Takes no more signals and flushes. */
  close(): Promise<SignalFlush>;
  /** As {@link ClockNext.close}. */
  [Symbol.asyncDispose](): Promise<void>;
}
