// Words that the other types share.

/**
 * An amount of credits: a number, or decimal text such as `"0.25"`. At most 6 decimals (9 for the
 * unit `usd`), at most 8 000 000 000 either way. Amounts are exact: `0.1` is a tenth. `NaN`,
 * infinities, `-0`, BigInt and boolean are refused with `invalid_amount`.
 */
export type Amount = number | string;

/** What is known to have happened to the customer's credits. */
export type Effect =
  /** Nothing was charged or granted. */
  | 'not_applied'
  /** The call was carried out. */
  | 'applied'
  /** It may or may not have been; the same call with the same idempotency key settles it. */
  | 'unknown';

/** Live data or the sandbox. The two never meet. */
export type Environment = 'live' | 'test';
