// edge-credits/credit-engine: the Credit Engine client and its errors.
export { CreditEngine } from "./engine.js";
export {
  AuthenticationError,
  CreditEngineError,
  EdgeCreditsError,
  InsufficientCreditsError,
  isEdgeCreditsError,
  RateLimitError,
} from "./errors.js";
