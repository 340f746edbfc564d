//! What a caller is told when a call did not succeed.
//!
//! Decides the fields and the words of errors. Which error an answer means is decided by
//! [`crate::wire::reading`]; when to give up, by [`crate::client::exchange`].

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use crate::error::Effect;
use crate::wire::members::Members;

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
    /// One of the ClockNext API's.
    Face(FaceClass),
}

/// An error class of the ClockNext API, by its name in JavaScript. A name and no enum, so that a module
/// which makes none does not hold all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaceClass(&'static str);

impl FaceClass {
    /// All that have no class of their own.
    pub const BASE: Self = Self("ClockNextError");
    /// 400
    pub const VALIDATION: Self = Self("ValidationError");
    /// 401
    pub const AUTH: Self = Self("AuthError");
    /// 404
    pub const NOT_FOUND: Self = Self("NotFoundError");
    /// 409
    pub const CONFLICT: Self = Self("ConflictError");
    /// 422 that speaks of something else than too little.
    pub const PLAN: Self = Self("PlanError");
    /// 422 that says "insufficient".
    pub const ALLOWANCE: Self = Self("AllowanceError");
    /// 429
    pub const RATE_LIMIT: Self = Self("RateLimitError");
    /// 5xx
    pub const SERVER: Self = Self("ServerError");
    /// No answer.
    pub const NETWORK: Self = Self("NetworkError");
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
            Self::Face(class) => class.0,
        }
    }
}

/// A call that did not succeed, or was refused before it was sent.
///
/// Never holds an API key: a server's text that echoes one is masked.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    pub details: Option<String>,
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
        let mut message = name.to_owned();
        message.push(' ');
        message.push_str(reason);
        message.push_str(". Nothing was sent or charged.");
        let mut error = Self::local(code, &message);
        error.details = Some(Members::new().text("param", Some(name)).finish());
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
        Members::new()
            .text("class", Some(self.class.name()))
            .text("code", Some(&self.code))
            .text("message", Some(&self.message))
            .display("status", self.status.map(u64::from))
            .display("details", self.details.as_deref())
            .display("retryable", Some(self.retryable))
            .text("effect", Some(self.effect.as_str()))
            .text("idempotencyKey", self.idempotency_key.as_deref())
            .text("requestId", self.request_id.as_deref())
            .display("attempts", Some(u64::from(self.attempts)))
            .display("retryAfterMs", self.retry_after.map(millis))
            .display("currentBalance", current_balance)
            .display("requested", requested)
            .finish()
    }
}

fn millis(pause: Duration) -> u64 {
    u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)
}
