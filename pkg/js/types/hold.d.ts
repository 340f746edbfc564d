// Holds: credits reserved for work whose cost is known only when it ends.

import type { Amount } from './amounts.js';
import type { ChangeResponse } from './answers.js';
import type { ChangeOptions } from './options.js';

/** What becomes of a hold that nobody has ended when its time is over. */
export type OnExpiry =
  /** What was reported as used is taken, the rest is free again. */
  | 'capture_progress'
  /** All of it is free again. */
  | 'release'
  /** All of it is taken. */
  | 'capture_all';

/** Options of `CreditEngine.hold`. */
export interface HoldOptions extends ChangeOptions {
  /** Kept with the hold, and with the charge that it becomes where that has none of its own. */
  description?: string;
  /** Milliseconds after which it ends by its own rule: a second to a day. Default: 15 minutes. */
  ttlMs?: number;
  /** That rule. Default: `'capture_progress'`. */
  onExpiry?: OnExpiry;
}

/** Options of `Hold.capture` and `Hold.release`. */
export interface EndHoldOptions {
  /** Kept with the transaction; the hold's own where there is none. */
  description?: string;
  /** Likewise. */
  metadata?: { readonly [key: string]: unknown };
}

/** A hold as the API tells it. */
export interface HoldState {
  hold_id: string;
  state: 'open' | 'captured' | 'released' | 'expired' | (string & {});
  unit: string;
  /** What is held while it is open. */
  amount: number;
  /** What was reported as used; null where nothing ever was. */
  used: number | null;
  /** What was taken of it. */
  captured: number;
  on_expiry: OnExpiry | (string & {});
  /** RFC 3339. */
  placed_at: string;
  /** RFC 3339. */
  expires_at: string;
  description?: string | null;
  metadata?: { [key: string]: unknown } | null;
}

/** What the end of a hold answers. `transaction_id` names the charge, for a refund too. */
export interface EndHoldResponse extends ChangeResponse, Omit<HoldState, 'unit'> {}

/** Options of `CreditEngine.getHolds`. */
export interface GetHoldsOptions {
  /** Holds per page, 1 to 100. Default: 20. */
  limit?: number;
  /** Only holds placed before this sequence number: `pagination.next_before_sequence` of a page. */
  beforeSequence?: number;
  /** Only holds of this unit. Default: of every unit. */
  unit?: string;
}

/** A page of open holds. */
export interface HoldsPage {
  /** Newest first. */
  data: AttachedHold[];
  pagination: {
    limit: number;
    has_more: boolean;
    /** `beforeSequence` for the next page; null on the last. */
    next_before_sequence: number | null;
  };
}

/**
 * Credits that are reserved: neither spent by others nor lost to a grant's expiry while it lasts. It
 * ends once; the same end asked for again is answered as the first time, and any other is refused with
 * `hold_already_captured`, `hold_already_released` or `hold_expired`, where `error.details.captured`
 * says what was taken.
 */
export interface AttachedHold {
  /** Names it, in this process and any other. */
  readonly id: string;
  readonly unit: string;
  readonly amount: number;
  readonly description: string | null;
  readonly metadata: { [key: string]: unknown } | null;
  /** Where it is in its life, as the last answer about it told; so are the three that follow. */
  readonly state: HoldState['state'];
  /** What was reported as used; null where nothing ever was. */
  readonly used: number | null;
  /** What was taken of it. */
  readonly captured: number;
  /** When it ends by its own rule. Moved by {@link extend}. */
  readonly expiresAt: Date;

  /**
   * Reports how much has been used so far, in all. A number smaller than one reported before is
   * ignored, so reports may be repeated and may overtake each other.
   *
   * @throws {CreditEngineError} `capture_exceeds_hold`, or that the hold has ended.
   */
  progress(used: Amount): Promise<HoldState>;

  /** Lets it last until so many milliseconds from now, unless it lasts longer already. */
  extend(ttlMs: number): Promise<HoldState>;

  /**
   * Takes what was used, and frees the rest.
   *
   * @param used At most what is held, and 0 is a release. Default: what was reported by
   * {@link progress}, or all of it where nothing ever was.
   * @throws {CreditEngineError} `capture_exceeds_hold`, or that the hold has ended otherwise.
   */
  capture(used?: Amount, options?: EndHoldOptions): Promise<EndHoldResponse>;

  /** Frees all of it. */
  release(options?: EndHoldOptions): Promise<EndHoldResponse>;
}

/** A hold in the hands of who placed it. */
export interface Hold extends AttachedHold {
  /** What may be spent beside it, as of its placing. */
  readonly balance: number;
  /** True when the key had been used: this is the hold of the first call, which may have ended. */
  readonly replayed: boolean;

  /**
   * For `await using`: releases it, unless its end has been asked for. Where a capture was asked for
   * and failed, the hold is left to its own rule, so that work which was done is not given away.
   */
  [Symbol.asyncDispose](): Promise<void>;
}
