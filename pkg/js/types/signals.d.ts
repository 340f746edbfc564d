// Usage signals: what is reported, and what comes of it.

import type { ClockNextError } from './clocknext_errors.js';

/** The tokens of a model's call; whole numbers, 0 where they are left out. */
export interface SignalTokens {
  /** Read. Whether it includes those of the cache is the catalog's convention. */
  input?: number;
  /** Written. */
  output?: number;
  /** Read from the provider's cache. */
  cache?: number;
}

/** What every signal has. */
export interface SignalFields {
  /** Whose usage it is. */
  customerId: string;
  /** The catalog's id of the model, in any case. */
  model: string;
  tokens?: SignalTokens;
  /** Who of the customer's people. A worker of this package takes 128 bytes, as of `model` and `runId`. */
  member?: string;
  /**
   * Your own data, an object that JSON can hold. A signal has at most 64 KB; a worker of this package takes 8 KB
   * of `custom`, and rejects a signal with more (`onError`).
   */
  custom?: { readonly [key: string]: unknown };
  /**
   * A number of your own, sent as a property of this name. A name that is like one of a signal's own fields,
   * or speaks of tokens, is refused: a slip of the pen must not pass for usage.
   */
  metric?: { ref: string; value: number };
  /**
   * Your own name of this signal, 1 to 255 visible ASCII characters without a comma: reported again under
   * it, by any process, it counts once. One is made where you give none, and is the same on every attempt.
   */
  idempotencyKey?: string;
}

/** The stable key of a credit, or of an outcome's step, by either of its two names. */
export type SignalKey =
  | { key: string; agentKey?: undefined }
  | { agentKey: string; key?: undefined };

/** Usage that is metered against a credit. */
export type CreditSignal = SignalFields &
  SignalKey & { type?: 'credit'; runId?: undefined; complete?: undefined };

/** Usage that is paid from the customer's USD wallet, at the model's cost. */
export type WalletSignal = SignalFields & {
  type?: 'wallet';
  key?: undefined;
  agentKey?: undefined;
  runId?: undefined;
  complete?: undefined;
};

/** A step of a workflow. */
export type OutcomeSignal = SignalFields &
  SignalKey & {
    type?: 'outcome';
    /** The run that the step belongs to; without it, the customer's open run of that workflow. */
    runId?: string;
    /** Whether the run ends with it. A run is billed once, when it is complete. */
    complete?: boolean;
  };

/** Any signal, by its type. */
export type Signal =
  | (CreditSignal & { type: 'credit' })
  | (WalletSignal & { type: 'wallet' })
  | (OutcomeSignal & { type: 'outcome' });

/** A signal as hooks are told of it: tracked again as it is, it is the same one, and counts once. */
export type TrackedSignal = Signal & { idempotencyKey: string };

/** Options of `track` and its kin. */
export interface TrackOptions {
  /** Whether to send it at once and wait for the result. Default: false; true in mode `'sync'`. */
  wait?: boolean;
}

/** Of a signal that waits to be sent. */
export interface QueuedSignal {
  /** False when it was dropped at once: then `dropped` says why. */
  queued: boolean;
  /** The key that it goes under. */
  idempotencyKey: string;
  dropped?: DropReason;
}

/** Of a signal that was waited for: the server's answer. */
export interface RecordedSignal {
  queued: false;
  /** The key that it went under. */
  idempotencyKey: string;
  /** What was recorded. */
  usageLog: UsageLog;
  readonly [key: string]: unknown;
}

/** What the server has recorded. Fields that this version does not know are there too. */
export interface UsageLog {
  id: string;
  type: 'credit' | 'wallet' | 'outcome';
  model: string;
  /** Whether it was known already, by its key: then this is the first result. */
  duplicate?: boolean;
  /** Units of the credit that it took. */
  creditsUsed?: number | null;
  /** USD at the model's price. */
  providedCost?: number | null;
  /** USD with base price and margin. */
  customerCost?: number | null;
  creditName?: string | null;
  agentKey?: string | null;
  /** What is left of the unit. */
  balanceAfter?: number | null;
  createdAt?: string;
  readonly [key: string]: unknown;
}

/**
 * Why a signal was dropped: the queue was full; the host's time behind the response was over; the host had
 * ended the request that was to send it (it took too much CPU, threw, or its `waitUntil` was refused), which
 * the client's next use finds, some 30 s later; or it failed for good. What was under way at a
 * `'deadline'`, or when a request was `'abandoned'`, may have arrived: tracked again as it is, it counts once.
 */
export type DropReason = 'queue_full' | 'deadline' | 'abandoned' | 'send_failed';

/** Before a pause. */
export interface RetryNotice {
  /** The attempt that has failed, from 1. */
  attempt: number;
  /** Milliseconds until the next. */
  delayMs: number;
  /** What it came to. */
  error: ClockNextError;
}

/**
 * What a flush came to, and what has ended since the last one: of the process; on the edge of the request, and
 * never of another's. Where the Workers runtime does not say which request is running (neither `waitUntil: ctx` nor
 * `withContext`), of what was tracked since the last awaited fetch or timer alone: the rest is told by
 * `onError` and `onDrop`.
 */
export interface SignalFlush {
  /** Signals that the server has recorded. */
  delivered: number;
  /** Those that it refused, or that could not be sent: at most the last 1000. */
  rejected: { signal: TrackedSignal; error: ClockNextError }[];
  /** Those that the host left no time for (`onDrop`, reasons `'deadline'` and `'abandoned'`). */
  dropped: number;
  /** Signals of this client that still wait or are under way, of other requests, say. */
  pending: number;
}

/** What became of all signals of a client. `tracked` = `delivered` + `rejected` + `dropped` + `pending`. */
export interface SignalStats {
  tracked: number;
  delivered: number;
  rejected: number;
  /** `'queue_full'`, `'deadline'` and `'abandoned'`. */
  dropped: number;
  /** Neither delivered nor given up yet. */
  pending: number;
  /** Of these, those that wait in the buffer. */
  waiting: number;
  /** Of these, those of the buffer that are under way. */
  sending: number;
}

/** A customer's recorded usage, newest first. */
export interface UsagePage {
  customer?: unknown;
  totals?: { readonly [key: string]: unknown };
  logs: UsageLog[];
  readonly [key: string]: unknown;
}

/** `cnk.signals` */
export interface Signals {
  /**
   * Reports usage. In mode `'async'` it resolves at once, and the signal is sent behind: what becomes of it
   * is told by `onError`, `onDrop` and `flush`.
   *
   * @example
   * ```js
   * const signal = { customerId: 'cus_1', model: 'llama-3.3-70b-versatile', tokens: { input: 1200, output: 340 } };
   * const { queued } = await cnk.signals.track({ type: 'wallet', ...signal });
   * console.log(queued); // true
   * const { usageLog } = await cnk.signals.wallet(signal, { wait: true });
   * console.log(usageLog.type, usageLog.duplicate); // wallet false
   * ```
   *
   * @throws {ValidationError} when the signal is none: nothing was sent. With `{ wait: true }` also what
   * the server's answer becomes, {@link AllowanceError} for instance.
   */
  track(signal: Signal, options: TrackOptions & { wait: true }): Promise<RecordedSignal>;
  track(signal: Signal, options?: TrackOptions): Promise<QueuedSignal & Partial<RecordedSignal>>;
  /** Usage that is metered against a credit, by its key. As {@link Signals.track}. */
  credit(signal: CreditSignal, options: TrackOptions & { wait: true }): Promise<RecordedSignal>;
  credit(
    signal: CreditSignal,
    options?: TrackOptions,
  ): Promise<QueuedSignal & Partial<RecordedSignal>>;
  /** Usage that is paid from the customer's USD wallet. As {@link Signals.track}. */
  wallet(signal: WalletSignal, options: TrackOptions & { wait: true }): Promise<RecordedSignal>;
  wallet(
    signal: WalletSignal,
    options?: TrackOptions,
  ): Promise<QueuedSignal & Partial<RecordedSignal>>;
  /** A step of a workflow. As {@link Signals.track}. */
  outcome(signal: OutcomeSignal, options: TrackOptions & { wait: true }): Promise<RecordedSignal>;
  outcome(
    signal: OutcomeSignal,
    options?: TrackOptions,
  ): Promise<QueuedSignal & Partial<RecordedSignal>>;
  /**
   * Prices and checks a signal as it would be recorded, and records nothing.
   *
   * @throws {AllowanceError} when it would be refused, as the signal itself would be.
   */
  verify(signal: Signal): Promise<{ usageLog: UsageLog; readonly [key: string]: unknown }>;
  /** A customer's recorded usage. `limit`: rows, as the server bounds them. */
  list(query?: { customerId?: string; limit?: number }): Promise<UsagePage>;
}
