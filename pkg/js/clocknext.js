// edge-credits/clocknext: the ClockNext client and its errors.
export { ClockNext } from "./clocknext_client.js";
export {
  AllowanceError,
  AuthError,
  ClockNextError,
  ConflictError,
  NetworkError,
  NotFoundError,
  PlanError,
  RateLimitError,
  ServerError,
  ValidationError,
} from "./clocknext_errors.js";
export { EdgeCreditsError, isEdgeCreditsError } from "./errors.js";
