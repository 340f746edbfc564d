//! What a caller learns later of a charge that a cache had accepted, as the error that goes to
//! `onError`.
//!
//! Decides code, words and effect of notices, wherever the cache is: in this process, or behind an
//! object or a worker whose answers carry them. Who is told how often is the shell's.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;

use crate::cache::NoticeKind;
use crate::client::error::{ClientError, ErrorClass};
use crate::error::Effect;
use crate::wire::errors::Code;
use crate::wire::members::Members;
use crate::wire::reading::{JsonObject, amount_text, request_id};

/// A notice, each part as text and absent where it does not apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// What happened; `None` is a kind that this version does not know.
    pub kind: Option<NoticeKind>,
    /// Why: the API's code, or the cache's.
    pub code: Option<String>,
    /// Whose charge.
    pub customer_id: Option<String>,
    /// The charge.
    pub transaction_id: Option<String>,
    /// Its key.
    pub idempotency_key: Option<String>,
    /// How much, as decimal text.
    pub amount: Option<String>,
    /// Of what.
    pub unit: Option<String>,
    /// When it was found out, RFC 3339.
    pub at: Option<String>,
}

impl Told {
    /// Reads a notice of an answer. What is malformed is absent.
    #[must_use]
    pub fn of<J: JsonObject>(notice: &J) -> Self {
        let name = |name| notice.text(name).and_then(|text| request_id(&text));
        Self {
            kind: notice.text("kind").and_then(|kind| NoticeKind::parse(&kind)),
            code: name("code"),
            customer_id: notice.text("customer_id"),
            transaction_id: name("transaction_id"),
            // A key may be longer than a name, and is the caller's own.
            idempotency_key: notice.text("idempotency_key"),
            amount: amount_text(notice, "amount"),
            unit: name("unit"),
            at: name("at"),
        }
    }

    /// The error that says it.
    #[must_use]
    pub fn to_error(&self) -> Box<ClientError> {
        let code = self.code.as_deref();
        let (usual, effect, words) = match self.kind {
            Some(NoticeKind::Rejected) => (
                "rejected",
                Effect::NotApplied,
                "A charge that the cache had accepted was refused by the API, for good: it is not \
                 applied there.",
            ),
            Some(NoticeKind::Paused) => (
                Code::InvalidApiKey.as_str(),
                Effect::NotApplied,
                "The API refuses the key. Charges that the cache has accepted wait, and are sent \
                 when it takes the key again.",
            ),
            Some(NoticeKind::Quarantined) | None => (
                "quarantined",
                Effect::Unknown,
                "It is unknown whether a charge that the cache had accepted was applied, and it is \
                 not sent again by itself.",
            ),
        };
        let mut message = words.to_owned();
        if let Some(code) = code {
            message.push_str(" The reason given: ");
            message.push_str(code);
            message.push('.');
        }
        let mut error = ClientError::local(code.unwrap_or(usual), &message);
        if error.code == Code::InvalidApiKey.as_str() {
            error.class = ErrorClass::Authentication;
        }
        error.effect = effect;
        error.idempotency_key = self.idempotency_key.clone();
        error.details = Some(self.details());
        error
    }

    fn details(&self) -> String {
        Members::new()
            .text("kind", self.kind.map(NoticeKind::as_str))
            .text("customer_id", self.customer_id.as_deref())
            .text("transaction_id", self.transaction_id.as_deref())
            .display("amount", self.amount.as_deref())
            .text("unit", self.unit.as_deref())
            .text("at", self.at.as_deref())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::reading::RawObject;

    fn error(notice: &str) -> ClientError {
        *Told::of(&RawObject::read(notice).unwrap()).to_error()
    }

    #[test]
    fn each_kind_says_what_is_known() {
        let table = [
            ("rejected", "insufficient_credits", Effect::NotApplied, ErrorClass::Engine),
            ("quarantined", "dedupe_window_passed", Effect::Unknown, ErrorClass::Engine),
            ("paused", "invalid_api_key", Effect::NotApplied, ErrorClass::Authentication),
            ("paused", "insufficient_scope", Effect::NotApplied, ErrorClass::Engine),
            // A kind of the future: nothing may be concluded from it.
            ("teleported", "x", Effect::Unknown, ErrorClass::Engine),
        ];
        for (kind, code, effect, class) in table {
            let notice = std::format!(
                r#"{{"id":1,"kind":"{kind}","code":"{code}","transaction_id":"txn_1",
                    "idempotency_key":"k","amount":2.5,"unit":"credits","at":"2026-01-31T00:00:00Z",
                    "customer_id":"cus_1"}}"#
            );
            let error = error(&notice);
            assert_eq!(
                (error.code.as_str(), error.effect, error.class.clone()),
                (code, effect, class)
            );
            assert_eq!(error.idempotency_key.as_deref(), Some("k"));
            assert!(!error.retryable && error.message.contains(code));
            let details = error.details.unwrap();
            assert!(
                details.contains(r#""customer_id":"cus_1","transaction_id":"txn_1","amount":2.5"#)
            );
        }
    }

    #[test]
    fn what_is_malformed_is_left_out() {
        let error = error(r#"{"kind":7,"code":"a\nb","amount":"1; drop","transaction_id":[]}"#);
        assert_eq!((error.code.as_str(), error.effect), ("quarantined", Effect::Unknown));
        assert_eq!(error.details.as_deref(), Some("{}"));
    }
}
