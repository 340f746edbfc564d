// edge-credits: everything the package has for callers.
export { ClockNext } from "./clocknext_client.js";
export {
  AllowanceError,
  AuthError,
  ClockNextError,
  ConflictError,
  NetworkError,
  NotFoundError,
  PlanError,
  ServerError,
  ValidationError,
} from "./clocknext_errors.js";
export { CreditEngine } from "./engine.js";
export {
  AuthenticationError,
  CreditEngineError,
  EdgeCreditsError,
  InsufficientCreditsError,
  isEdgeCreditsError,
} from "./errors.js";
export { RateLimitError } from "./rate_limit.js";
export { withCredits } from "./with_credits.js";
