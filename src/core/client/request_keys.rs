//! The keys of the calls made while handling one request: derived, so that the same request,
//! handled again, makes the same keys.
//!
//! Decides how a call is told from its like. A shell keeps the request's name and counts its calls,
//! where the host's garbage collector finds them when the request ends.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};

use crate::client::arguments::ApiMethod;
use crate::client::checks::Checked;
use crate::client::error::ClientError;
use crate::idempotency::IdempotencyKey;

/// The request that a call belongs to, and the call's place in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct RequestName {
    /// The request's own name, or a fresh one (a UUID) where it has none that can be trusted.
    ///
    /// Take a name from outside only where its sender is trusted (a queue's message id, a signed
    /// client): an end user who repeats a name would pass every gate as a replay.
    pub base: String,
    /// How many unlabelled calls of the same method on the same customer came before.
    pub earlier: u64,
}

impl RequestName {
    /// The key of the call: by its label, or else by its number among its like.
    ///
    /// `invalid_idempotency_key` when the request's name is empty: all such requests would share
    /// their keys.
    pub(crate) fn key(
        &self,
        method: ApiMethod,
        customer: &str,
        label: Option<&str>,
    ) -> Checked<IdempotencyKey> {
        if self.base.is_empty() {
            return Err(ClientError::argument(
                "invalid_idempotency_key",
                "idempotencyKeyFrom",
                "gave an empty text: every such request would share its keys",
            ));
        }
        // The two kinds of name carry a mark each: a label "0" is not the first call.
        let mut name;
        match label {
            Some(label) => {
                name = "label:".to_owned();
                name.push_str(label);
            }
            None => {
                name = "call:".to_owned();
                name.push_str(&self.earlier.to_string());
            }
        }
        Ok(IdempotencyKey::derive(&self.base, method.as_str(), customer, &name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_call_of_a_request_has_a_key_of_its_own_and_keeps_it() {
        let keys = || {
            let mut keys = BTreeSet::new();
            for (base, method, customer, earlier, label) in [
                ("msg_1", ApiMethod::Consume, "a", 0, None),
                ("msg_1", ApiMethod::Consume, "a", 1, None),
                ("msg_1", ApiMethod::Consume, "a", 0, Some("0")),
                ("msg_1", ApiMethod::Consume, "a", 0, Some("call:0")),
                ("msg_1", ApiMethod::Consume, "b", 0, None),
                ("msg_1", ApiMethod::ConsumeOrFail, "a", 0, None),
                ("msg_1", ApiMethod::Add, "a", 0, None),
                ("msg_2", ApiMethod::Consume, "a", 0, None),
            ] {
                let name = RequestName { base: base.to_owned(), earlier };
                keys.insert(name.key(method, customer, label).unwrap());
            }
            keys
        };
        assert_eq!(keys().len(), 8);
        assert_eq!(keys(), keys());
    }

    #[test]
    fn a_label_does_not_depend_on_what_came_before() {
        let key = |earlier| {
            let name = RequestName { base: "msg_1".to_owned(), earlier };
            name.key(ApiMethod::Consume, "a", Some("draft")).unwrap()
        };
        assert_eq!(key(0), key(7));
    }

    #[test]
    fn an_empty_name_is_refused() {
        let error = RequestName::default().key(ApiMethod::Consume, "a", None).unwrap_err();
        assert_eq!(error.code, "invalid_idempotency_key");
    }
}
