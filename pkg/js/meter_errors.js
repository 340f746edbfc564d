// What is told of a metered call that could not be reported or settled. `details` say whose it is.

import { CreditEngineError } from "./errors.js";

/** The ledger does not answer reports; the call goes on all the same. */
export function unacknowledged(details, cause) {
  const message =
    "The ledger does not acknowledge how much a metered call has used. The call goes on, and is charged " +
    `at its end; if this process dies before, only for what was acknowledged. ${cause?.message ?? ""}`;
  const facts = { effect: "unknown", retryable: true, details, cause };
  return new CreditEngineError(message.trim(), { code: "progress_unacknowledged", ...facts });
}

/** What was not taken is said, so that it can be made good by hand; the hold's own rule comes first. */
export function unsettled(details, cause) {
  const message = `A metered call could not be settled: ${cause.message}`;
  const { code, status, effect, idempotencyKey } = cause;
  return new CreditEngineError(message, { code, status, effect, idempotencyKey, details, cause });
}

export function amountsOf({ used, captured, consumed }) {
  return { used, captured, consumed };
}
