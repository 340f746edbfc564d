//! THE table of error codes of the Credit Engine API: code, status, and what a client makes of it.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;

use serde::Serialize;
use serde_json::value::RawValue;

/// Declares the table once: variant, code on the wire, HTTP status.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $status:literal;)*) => {
        /// An error code that our worker answers with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code, in the table's order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code's text on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The HTTP status that carries it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }
        }
    };
}

codes! {
    /// The body is not JSON.
    InvalidJson = "invalid_json", 400;
    /// The body nests deeper than 16 levels.
    JsonTooDeep = "json_too_deep", 400;
    /// An object names a field twice.
    DuplicateField = "duplicate_field", 400;
    /// A header that may appear once appears twice.
    DuplicateHeader = "duplicate_header", 400;
    /// A field or parameter is missing or out of its range.
    InvalidRequest = "invalid_request", 400;
    /// A field has the wrong type.
    InvalidType = "invalid_type", 400;
    /// An id breaks the rules for ids.
    InvalidId = "invalid_id", 400;
    /// A URL is not acceptable.
    InvalidUrl = "invalid_url", 400;
    /// The amount is zero.
    AmountZero = "amount_zero", 400;
    /// The amount is negative, or minus zero.
    AmountNegative = "amount_negative", 400;
    /// The amount has more decimals than the unit.
    AmountPrecision = "amount_precision", 400;
    /// The body has a field that the operation does not know.
    UnknownField = "unknown_field", 400;
    /// The metadata is over 8 KB.
    MetadataTooLarge = "metadata_too_large", 400;
    /// The idempotency key breaks the rules for keys.
    InvalidIdempotencyKey = "invalid_idempotency_key", 400;
    /// Header and body name different keys.
    IdempotencyKeyConflict = "idempotency_key_conflict", 400;
    /// The deployment sells no such pack.
    UnknownPack = "unknown_pack", 400;
    /// A webhook is not signed by whom it must be, or not recently.
    InvalidSignature = "invalid_signature", 400;
    /// The API key is missing, malformed, unknown or revoked.
    InvalidApiKey = "invalid_api_key", 401;
    /// The balance does not cover the amount.
    InsufficientCredits = "insufficient_credits", 402;
    /// The API key may not do this.
    InsufficientScope = "insufficient_scope", 403;
    /// The customer was deleted: their ledger takes nothing new.
    CustomerClosed = "customer_closed", 403;
    /// No such path, grant, charge or hold.
    NotFound = "not_found", 404;
    /// The path exists, for another verb.
    MethodNotAllowed = "method_not_allowed", 405;
    /// The hold was captured before, and another end is asked for now.
    HoldAlreadyCaptured = "hold_already_captured", 409;
    /// The hold was released before, and another end is asked for now.
    HoldAlreadyReleased = "hold_already_released", 409;
    /// The hold's time was over before this, and it ended by its own rule.
    HoldExpired = "hold_expired", 409;
    /// The call of this key is running.
    IdempotencyKeyInUse = "idempotency_key_in_use", 409;
    /// The body is over the limit.
    BodyTooLarge = "body_too_large", 413;
    /// The body is not `application/json` in UTF-8.
    UnsupportedMediaType = "unsupported_media_type", 415;
    /// The key stands for a call with other content.
    IdempotencyKeyReused = "idempotency_key_reused", 422;
    /// The amount is beyond the largest amount.
    AmountTooLarge = "amount_too_large", 422;
    /// The balance would leave the range of amounts.
    AmountOverflow = "amount_overflow", 422;
    /// The grant has already been voided, has expired or is used up.
    GrantEnded = "grant_ended", 422;
    /// The customer has as many open grants as a ledger holds.
    TooManyGrants = "too_many_grants", 422;
    /// More is to be captured of a hold, or is reported as used, than it reserves.
    CaptureExceedsHold = "capture_exceeds_hold", 422;
    /// The customer has as many open holds as a ledger keeps.
    TooManyHolds = "too_many_holds", 422;
    /// The customer has as many units as a ledger holds.
    TooManyUnits = "too_many_units", 422;
    /// The catalog has no such model.
    UnknownModel = "unknown_model", 422;
    /// The catalog has no such credit type or outcome step.
    UnknownKey = "unknown_key", 422;
    /// The refunds of a charge would exceed it.
    RefundExceedsCharge = "refund_exceeds_charge", 422;
    /// Stripe will not open such a checkout session.
    StripeRefused = "stripe_refused", 422;
    /// Too many calls at once.
    RateLimited = "rate_limited", 429;
    /// The headers are over the limit.
    HeadersTooLarge = "headers_too_large", 431;
    /// Something failed on our side.
    InternalError = "internal_error", 500;
    /// The ledger found itself inconsistent and stopped.
    InvariantViolation = "invariant_violation", 500;
    /// The deployment sells nothing: it has no Stripe key, or no packs, or Stripe knows neither.
    TopupNotConfigured = "topup_not_configured", 501;
    /// Stripe did not answer, or not as itself.
    StripeUnavailable = "stripe_unavailable", 502;
    /// The deployment lacks a setting.
    NotConfigured = "not_configured", 503;
    /// A cache knows no balance, and the API behind it is away.
    UpstreamUnavailable = "upstream_unavailable", 503;
    /// A cache's balance is too old for a gate, and the API behind it is away.
    StaleBalance = "stale_balance", 503;
    /// As many charges wait in a cache's outbox as may.
    OutboxFull = "outbox_full", 503;
}

impl Code {
    /// The code of this text, if it is one of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

/// An error as our worker answers it.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// Which error.
    pub code: Code,
    /// For a person: what happened, what it means for their credits, what to do next. Never holds
    /// a secret or a caller's raw body.
    pub message: String,
    /// More, as JSON text of an object.
    pub details: Option<Box<RawValue>>,
}

impl ApiError {
    /// An error without details.
    #[must_use]
    pub fn new(code: Code, message: &str) -> Self {
        Self { code, message: message.to_owned(), details: None }
    }

    /// The error with details, given as something that serializes to a JSON object.
    #[must_use]
    pub fn with_details<T: Serialize>(mut self, details: &T) -> Self {
        self.details = serde_json::value::to_raw_value(details).ok();
        self
    }

    /// An error about one field, query parameter or path segment.
    #[must_use]
    pub fn about(code: Code, param: &str, message: &str) -> Self {
        #[derive(Serialize)]
        struct Details<'a> {
            param: &'a str,
        }
        Self::new(code, message).with_details(&Details { param })
    }

    /// The body: `{"error": {"code", "message", "details", "request_id"}}`.
    #[must_use]
    pub fn to_body(&self, request_id: &str) -> String {
        #[derive(Serialize)]
        struct Body<'a> {
            error: Inner<'a>,
        }
        #[derive(Serialize)]
        struct Inner<'a> {
            code: &'static str,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            details: Option<&'a RawValue>,
            request_id: &'a str,
        }
        let error = Inner {
            code: self.code.as_str(),
            message: &self.message,
            details: self.details.as_deref(),
            request_id,
        };
        // Strings and checked JSON text always serialize; the fallback keeps the function total.
        serde_json::to_string(&Body { error }).unwrap_or_else(|_| "{}".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_read_back() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
            assert!((400..600).contains(&code.status()));
        }
    }

    #[test]
    fn bodies_escape_and_carry_details() {
        let error = ApiError::about(Code::InvalidType, "amount", "the \"amount\" is no number");
        assert_eq!(
            error.to_body("req_1"),
            r#"{"error":{"code":"invalid_type","message":"the \"amount\" is no number","details":{"param":"amount"},"request_id":"req_1"}}"#
        );
    }
}
