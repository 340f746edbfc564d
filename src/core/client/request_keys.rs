//! The keys of the calls made while handling one request: derived, so that the same request,
//! handled again, makes the same keys.
//!
//! Decides which name a call has among its like. What a key is derived from, and why a header is
//! not trusted by default, is said at [`RequestKeys::new`].

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::client::arguments::ApiMethod;
use crate::client::error::ClientError;
use crate::entropy::Entropy;
use crate::idempotency::IdempotencyKey;

/// Different (method, customer) pairs that one request may charge without a label. Far above what
/// a request does within a platform's 1,000 subrequests.
pub const MAX_PAIRS: usize = 1_000;

/// The key source of one request: plain data, kept by the shell for as long as the request.
#[derive(Clone, Debug)]
pub struct RequestKeys {
    base: String,
    counts: Vec<(ApiMethod, String, u64)>,
}

impl RequestKeys {
    /// Keys derived from the request's own name, or from a fresh one when it has none.
    ///
    /// Pass a name only where its sender is trusted (a queue's message id, a signed client): an end
    /// user who repeats a name would pass every gate as a replay.
    ///
    /// # Errors
    /// `invalid_idempotency_key` when the name is empty: all such requests would share their keys.
    pub fn new(base: Option<&str>, entropy: &Entropy) -> Result<Self, Box<ClientError>> {
        let base = match base {
            None => entropy.uuid(),
            Some("") => {
                return Err(ClientError::argument(
                    "invalid_idempotency_key",
                    "idempotencyKeyFrom",
                    "gave an empty text: every such request would share its keys",
                ));
            }
            Some(name) => name.to_owned(),
        };
        Ok(Self { base, counts: Vec::new() })
    }

    /// The key of the next call of this method on this customer: by its label, or else by its
    /// number among the unlabelled calls of that method and customer.
    pub(crate) fn next(
        &mut self,
        method: ApiMethod,
        customer: &str,
        label: Option<&str>,
    ) -> Result<IdempotencyKey, Box<ClientError>> {
        // The two kinds of name carry a mark each: a label "0" is not the first call.
        let mut name = "label:".to_owned();
        match label {
            Some(label) => name.push_str(label),
            None => {
                name = "call:".to_owned();
                name.push_str(&self.count(method, customer)?.to_string());
            }
        }
        Ok(IdempotencyKey::derive(&self.base, method.as_str(), customer, &name))
    }

    fn count(&mut self, method: ApiMethod, customer: &str) -> Result<u64, Box<ClientError>> {
        let like = |entry: &&mut (ApiMethod, String, u64)| entry.0 == method && entry.1 == customer;
        if let Some((_, _, count)) = self.counts.iter_mut().find(like) {
            *count += 1;
            return Ok(*count);
        }
        if self.counts.len() >= MAX_PAIRS {
            return Err(ClientError::local(
                "invalid_request",
                "this request charges more than 1000 customers: give each call a label or an \
                 idempotencyKey. Nothing was sent or charged.",
            ));
        }
        self.counts.push((method, customer.to_owned(), 0));
        Ok(0)
    }
}
