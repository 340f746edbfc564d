// A checkout session: where its buyer comes back to, and its answer under the names of the Credit
// Engine SDK.

import { text } from "./arguments.js";
import { urlParts } from "./config.js";
import { CreditEngineError } from "./errors.js";

// A URL as given, and its pieces.
export function returnUrl(url, param) {
  const given = text(url, param, "invalid_url");
  return given === undefined ? undefined : { text: given, ...urlParts(given) };
}

// The one answer whose names are not those of the wire: so the Credit Engine SDK has them.
export function topUpSession({ checkout_url, session_id, ...rest }) {
  if (typeof checkout_url === "string" && typeof session_id === "string") {
    return { checkoutUrl: checkout_url, sessionId: session_id, ...rest };
  }
  const message =
    "the API answered without a checkout URL or a session's id; is baseUrl right? Repeat the call " +
    "with the same idempotency key: it opens one session at most.";
  const { idempotency_key: idempotencyKey } = rest;
  const facts = { code: "protocol_error", effect: "unknown", idempotencyKey };
  throw new CreditEngineError(message, facts);
}
