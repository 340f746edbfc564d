//! What a caller is told when a call did not succeed.
//!
//! Decides the fields and the words of errors. Which error an answer means is decided by
//! [`crate::wire::reading`]; when to give up, by [`crate::client::exchange`].

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::Effect;

/// Which class of the public API an error is an instance of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// `CreditEngineError`
    Engine,
    /// `InsufficientCreditsError`: amounts as decimal text, `None` where the server did not say.
    InsufficientCredits {
        /// What was available when the call was judged.
        current_balance: Option<String>,
        /// What the call asked for.
        requested: Option<String>,
    },
    /// `RateLimitError`
    RateLimit,
    /// `AuthenticationError`
    Authentication,
}

impl ErrorClass {
    /// The class's name in JavaScript.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Engine => "CreditEngineError",
            Self::InsufficientCredits { .. } => "InsufficientCreditsError",
            Self::RateLimit => "RateLimitError",
            Self::Authentication => "AuthenticationError",
        }
    }
}

/// A call that did not succeed, or was refused before it was sent.
///
/// Never holds an API key: a server's text that echoes one is masked.
#[derive(Clone, Debug)]
pub struct ClientError {
    /// Which class the caller gets.
    pub class: ErrorClass,
    /// The stable code: the server's, or one of the client's own (`invalid_config`,
    /// `invalid_amount`, `invalid_id`, `invalid_request`, `invalid_idempotency_key`,
    /// `metadata_too_large`, `timeout`, `network_error`, `aborted`, `overloaded`,
    /// `protocol_error`).
    pub code: String,
    /// For a person: what happened, what it means for their credits, what to do next.
    pub message: String,
    /// The HTTP status of the last answer; `None` when there was none.
    pub status: Option<u16>,
    /// More, as JSON text of an object.
    pub details: Option<Box<RawValue>>,
    /// Whether the same call, under the same key, may succeed later.
    pub retryable: bool,
    /// What is known to have happened to the customer's credits.
    pub effect: Effect,
    /// The key that every attempt carried; `None` for reads, and when no key could be made.
    pub idempotency_key: Option<String>,
    /// The server's name of the last answer.
    pub request_id: Option<String>,
    /// How many times the call was sent.
    pub attempts: u32,
    /// How long the server asked to wait.
    pub retry_after: Option<Duration>,
}

impl ClientError {
    /// An error of the client's own, before anything was sent: effect `not_applied`.
    #[must_use]
    pub fn local(code: &str, message: &str) -> Box<Self> {
        Box::new(Self {
            class: ErrorClass::Engine,
            code: code.to_owned(),
            message: message.to_owned(),
            status: None,
            details: None,
            retryable: false,
            effect: Effect::NotApplied,
            idempotency_key: None,
            request_id: None,
            attempts: 0,
            retry_after: None,
        })
    }

    /// The configuration cannot be used: `invalid_config`.
    #[must_use]
    pub fn config(message: &str) -> Box<Self> {
        Self::local("invalid_config", message)
    }

    /// An argument was refused before anything was sent; `reason` ends the sentence that its name
    /// begins.
    #[must_use]
    pub fn argument(code: &str, name: &str, reason: &str) -> Box<Self> {
        #[derive(Serialize)]
        struct Details<'a> {
            param: &'a str,
        }
        let mut message = name.to_owned();
        message.push(' ');
        message.push_str(reason);
        message.push_str(". Nothing was sent or charged.");
        let mut error = Self::local(code, &message);
        error.details = serde_json::value::to_raw_value(&Details { param: name }).ok();
        error
    }

    /// The error as the JSON object from which the JavaScript error is made: `class`, `code`,
    /// `message`, `status`, `details`, `retryable`, `effect`, `idempotencyKey`, `requestId`,
    /// `attempts`, `retryAfterMs`, `currentBalance`, `requested`; absent is left out.
    #[must_use]
    pub fn to_json(&self) -> String {
        let (current_balance, requested) = match &self.class {
            ErrorClass::InsufficientCredits { current_balance, requested } => {
                (current_balance.as_deref(), requested.as_deref())
            }
            _ => (None, None),
        };
        let facts = Facts {
            class: self.class.name(),
            code: &self.code,
            message: &self.message,
            status: self.status,
            details: self.details.as_deref(),
            retryable: self.retryable,
            effect: self.effect.as_str(),
            idempotency_key: self.idempotency_key.as_deref(),
            request_id: self.request_id.as_deref(),
            attempts: self.attempts,
            retry_after_ms: self.retry_after.map(millis),
            current_balance: current_balance.and_then(number),
            requested: requested.and_then(number),
        };
        // Strings and checked JSON text always serialize; the fallback keeps the function total.
        serde_json::to_string(&facts).unwrap_or_else(|_| "{}".to_owned())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts<'a> {
    class: &'a str,
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a RawValue>,
    retryable: bool,
    effect: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_balance: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested: Option<&'a RawValue>,
}

/// Decimal text as a JSON number.
fn number(text: &str) -> Option<&RawValue> {
    serde_json::from_str(text).ok()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Two errors are equal when a caller could not tell them apart.
impl PartialEq for ClientError {
    fn eq(&self, other: &Self) -> bool {
        self.to_json() == other.to_json()
    }
}
