// The `RateLimitError` of the package's root: an error of either face is an instance of it.

import { RateLimitError as FaceRateLimitError } from "./clocknext_errors.js";
import { RateLimitError as EngineRateLimitError, named } from "./errors.js";

export class RateLimitError extends EngineRateLimitError {
  static [Symbol.hasInstance](value) {
    return value instanceof EngineRateLimitError || value instanceof FaceRateLimitError;
  }
}
named(RateLimitError, "RateLimitError");
