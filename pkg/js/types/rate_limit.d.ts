// Of the package's root alone.

import type { RateLimitError as ClockNextRateLimitError } from './clocknext_errors.js';
import { RateLimitError as CreditEngineRateLimitError } from './errors.js';

/**
 * Too many requests (429). The one of `edge-credits` itself: `instanceof` recognises that of either
 * client. (`edge-credits/credit-engine` and `edge-credits/clocknext` have each their own.)
 */
export class RateLimitError extends CreditEngineRateLimitError {
  static [Symbol.hasInstance](
    value: unknown,
  ): value is CreditEngineRateLimitError | ClockNextRateLimitError;
}
