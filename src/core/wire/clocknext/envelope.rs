//! How answers of the ClockNext API are wrapped, and which status an error has there.
//!
//! There are two envelopes. A client tells them apart by a top-level `statusDetail`; here the path
//! says which one a route speaks: usage the new one, everything else the old one.

use alloc::format;
use alloc::string::String;

use crate::wire::errors::{ApiError, Code};
use crate::wire::members::Members;

/// Where the API's paths begin.
pub const PREFIX: &str = "/api/v1/";

/// How an answer is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// `{"ok", …}`, the payload beside it.
    Old,
    /// `{"statusCode", "statusDetail": {"status", "message"}, "result"}`.
    New,
}

impl Envelope {
    /// The envelope that a path answers in; `None` for a path that is not of this API.
    ///
    /// ```
    /// use edge_credits_core::wire::clocknext::envelope::Envelope;
    /// assert_eq!(Envelope::of("/api/v1/usage/batch"), Some(Envelope::New));
    /// assert_eq!(Envelope::of("/api/v1/customers/c/usage"), Some(Envelope::Old));
    /// assert_eq!(Envelope::of("/v1/customers/c/balance"), None);
    /// ```
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let first = path.strip_prefix(PREFIX)?.split('/').next();
        Some(if first == Some("usage") { Self::New } else { Self::Old })
    }

    /// A successful answer. `payload` is the text of a JSON object.
    #[must_use]
    pub fn success(self, payload: &str) -> String {
        match self {
            Self::Old => {
                let inner = payload.trim_start().strip_prefix('{').unwrap_or("}");
                let comma = if inner.trim_start().starts_with('}') { "" } else { "," };
                format!("{{\"ok\":true{comma}{inner}")
            }
            Self::New => {
                let detail = r#""statusDetail":{"status":"SUCCESS","message":"OK"}"#;
                format!("{{\"statusCode\":200,{detail},\"result\":{payload}}}")
            }
        }
    }

    /// An error. Besides what the API has, `code`, `details` and `requestId` of the Credit Engine
    /// API's errors.
    #[must_use]
    pub fn failure(self, error: &ApiError, request_id: &str) -> String {
        let message = message(error);
        let mut body = Members::new();
        match self {
            Self::Old => body.display("ok", Some(false)).text("error", Some(&message)),
            Self::New => {
                let mut detail = Members::new();
                detail.text("status", Some("ERROR")).text("message", Some(&message));
                body.display("statusCode", Some(status(error.code)))
                    .display("statusDetail", Some(detail.finish()))
                    .display("result", Some("null"))
            }
        };
        body.text("code", Some(error.code.as_str()))
            .display("details", error.details.as_deref())
            .text("requestId", Some(request_id))
            .finish()
    }
}

/// The HTTP status of an error on this API. A status decides the class of the error in an SDK, and
/// with it whether the SDK tries again.
#[must_use]
pub const fn status(code: Code) -> u16 {
    match code {
        // 422, and the word "insufficient" in the message, is how SDKs know a shortage.
        Code::InsufficientCredits => 422,
        // 409 is tried again there, and what has ended stays ended.
        Code::HoldAlreadyCaptured | Code::HoldAlreadyReleased | Code::HoldExpired => 422,
        // To SDKs a customer who was deleted is one who is not there.
        Code::CustomerClosed => 404,
        other => other.status(),
    }
}

fn message(error: &ApiError) -> String {
    if error.code == Code::InsufficientCredits {
        format!("Insufficient balance. {}", error.message)
    } else {
        error.message.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::Credits;
    use crate::ids::{CustomerId, Unit};
    use crate::ledger::Rejection;
    use crate::wire::rejections;
    use alloc::string::ToString as _;

    #[test]
    fn successes_carry_their_payload() {
        for (payload, old) in
            [("{}", r#"{"ok":true}"#), (r#"{"a":{"b":1}}"#, r#"{"ok":true,"a":{"b":1}}"#)]
        {
            assert_eq!(Envelope::Old.success(payload), old);
            let new = Envelope::New.success(payload);
            let value: serde_json::Value = serde_json::from_str(&new).unwrap();
            assert_eq!(value["statusCode"], 200);
            assert_eq!(value["statusDetail"]["status"], "SUCCESS");
            assert_eq!(value["result"].to_string(), payload);
        }
    }

    #[test]
    fn failures_say_so_in_both() {
        let error = ApiError::about(Code::InvalidType, "name", "The \"name\" is no text.");
        assert_eq!(
            Envelope::Old.failure(&error, "r-1"),
            r#"{"ok":false,"error":"The \"name\" is no text.","code":"invalid_type","details":{"param":"name"},"requestId":"r-1"}"#
        );
        assert_eq!(
            Envelope::New.failure(&ApiError::new(Code::NotFound, "no"), "r-1"),
            r#"{"statusCode":404,"statusDetail":{"status":"ERROR","message":"no"},"result":null,"code":"not_found","requestId":"r-1"}"#
        );
    }

    /// The classes that an SDK makes of a status, by the table of the API.
    fn class(status: u16, message: &str) -> &'static str {
        match status {
            400 => "Validation",
            401 => "Auth",
            404 => "NotFound",
            409 => "Conflict, tried again",
            422 if message.to_lowercase().contains("insufficient") => "Allowance",
            422 => "Plan",
            429 => "RateLimit",
            500.. => "Server",
            _ => "Base",
        }
    }

    #[test]
    fn every_code_has_the_class_that_it_means() {
        for code in Code::ALL {
            let error = ApiError::new(*code, "Something.");
            let got = class(status(*code), &message(&error));
            let expected = match code {
                Code::InsufficientCredits => "Allowance",
                Code::InvalidApiKey => "Auth",
                Code::NotFound | Code::CustomerClosed => "NotFound",
                Code::IdempotencyKeyInUse => "Conflict, tried again",
                Code::RateLimited => "RateLimit",
                other => match other.status() {
                    400 => "Validation",
                    409 | 422 => "Plan",
                    500.. => "Server",
                    _ => "Base",
                },
            };
            assert_eq!(got, expected, "{}", code.as_str());
        }
    }

    #[test]
    fn a_shortage_is_told_by_its_word() {
        let customer = CustomerId::parse("c").unwrap();
        let ten = Credits::from_minor_units(10).unwrap();
        let rejection = Rejection::InsufficientCredits {
            unit: Unit::credits(),
            available: Credits::ZERO,
            requested: ten,
        };
        let body = Envelope::New.failure(&rejections::to_error(&rejection, &customer), "r");
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(value["statusCode"], 422);
        assert!(value["statusDetail"]["message"].as_str().unwrap().starts_with("Insufficient "));
        assert_eq!(value["details"]["requested"].to_string(), "0.00001");
    }
}
