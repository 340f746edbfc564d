//! The batch of charges: `{"items": […]}` as the server reads it, `{"results": […]}` as it answers,
//! and that answer as a sender reads it.
//!
//! Decides what hurts only its own item and what refuses the whole. An item is a consume body and is
//! read as one, so whatever is wrong inside of it is that item's result; what is wrong around the
//! items leaves nothing to answer one by one. Read [`BatchRequest`] and [`read_results`].

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::ids::CustomerId;
use crate::ledger::{Batch, Receipt, Rejection};
use crate::wire::errors::{ApiError, Code};
use crate::wire::fields::{Fields, field_error, missing};
use crate::wire::members::Members;
use crate::wire::rejections::to_error;
use crate::wire::replies::receipt_body;
use crate::wire::requests::parse_keyed_consume;

/// Most items of a batch: what one commit carries while other calls on the customer wait for some
/// milliseconds at most, and as many as a page of transactions shows.
pub const MAX_BATCH_ITEMS: usize = 100;

/// Largest body of a batch, in bytes: [`MAX_BATCH_ITEMS`] items with 8 KB of metadata, 1 KB of
/// description, a key and the other fields, spelled plainly.
pub const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// A batch as it was asked for.
#[derive(Debug)]
pub struct BatchRequest {
    /// The items that can be judged by the ledger.
    pub batch: Batch,
    /// For each item, why it never gets there; `None` for those in `batch`.
    refused: Vec<Option<ApiError>>,
}

/// Reads `POST …/batch`. Each item names its own idempotency key: it is a call of its own.
///
/// # Errors
/// `invalid_json`, `duplicate_field`, `unknown_field`, `invalid_type` or `invalid_request` for what
/// stands around the items; nothing inside of one is an error here.
pub fn parse_batch(body: &str) -> Result<BatchRequest, ApiError> {
    const NAME: &str = "items";
    let mut fields = Fields::split(body)?;
    let list = fields.take(NAME)?.ok_or_else(|| missing(NAME))?;
    if !list.get().starts_with('[') {
        return Err(field_error(Code::InvalidType, NAME, "is not a list"));
    }
    fields.finish()?;
    // A list by its first character, in text that is JSON, is a list.
    let Listed(items) = serde_json::from_str(list.get()).unwrap_or_default();
    if !(1..=MAX_BATCH_ITEMS).contains(&items.len()) {
        let problem = format!("does not hold 1 to {MAX_BATCH_ITEMS} items");
        return Err(field_error(Code::InvalidRequest, NAME, &problem));
    }
    let (mut consumes, mut refused) = (Vec::new(), Vec::new());
    for item in items {
        match parse_keyed_consume(item.get()) {
            Ok(consume) => {
                consumes.push(consume);
                refused.push(None);
            }
            Err(error) => refused.push(Some(error)),
        }
    }
    Ok(BatchRequest { batch: Batch::new(consumes), refused })
}

impl BatchRequest {
    /// The answer: `{"results": [{"status", "body"}, …]}`, for each item what the same call alone
    /// would be answered, in order. `outcomes` is what the ledger said to [`BatchRequest::batch`].
    #[must_use]
    pub fn answer(
        &self,
        outcomes: &[Result<Receipt, Rejection>],
        customer: &CustomerId,
        request_id: &str,
    ) -> String {
        let mut outcomes = outcomes.iter();
        let failed = |error: &ApiError| result(error.code.status(), &error.to_body(request_id));
        let told = |outcome: &Result<Receipt, Rejection>| match outcome {
            Ok(receipt) => result(200, &receipt_body(receipt, customer)),
            Err(rejection) => failed(&to_error(rejection, customer)),
        };
        // There is an outcome for each item that was not refused. An answer that lacked one would be
        // of another length than the batch, and no reader takes that for an answer.
        let results = self.refused.iter().filter_map(|refused| match refused {
            Some(error) => Some(failed(error)),
            None => outcomes.next().map(told),
        });
        let results: Vec<String> = results.collect();
        Members::new().display("results", Some(format!("[{}]", results.join(",")))).finish()
    }
}

fn result(status: u16, body: &str) -> String {
    Members::new().display("status", Some(status)).display("body", Some(body)).finish()
}

/// What a batch's answer says of one item: what a server would answer to that call alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemResult<'a> {
    /// An HTTP status, 200 to 599.
    pub status: u16,
    /// JSON text of an object.
    pub body: &'a str,
}

/// Reads the answer to a batch of `items` items. `None` where it is no such answer, which leaves
/// open what became of every one of them; members that are not known are passed over.
///
/// The bodies stay unread, so how much of them is looked at, and how deep, is the caller's choice.
#[must_use]
pub fn read_results(answer: &str, items: usize) -> Option<Vec<ItemResult<'_>>> {
    let Results { results: Listed(results) } = object(answer)?;
    let results: Vec<ItemResult<'_>> =
        results.into_iter().map(ItemResult::read).collect::<Option<_>>()?;
    (results.len() == items).then_some(results)
}

#[derive(Deserialize)]
struct Results<'a> {
    #[serde(borrow)]
    results: Listed<'a>,
}

impl<'a> ItemResult<'a> {
    fn read(item: &'a RawValue) -> Option<Self> {
        #[derive(Deserialize)]
        struct Item<'a> {
            status: u16,
            #[serde(borrow)]
            body: &'a RawValue,
        }
        let Item { status, body } = object(item.get())?;
        let body = body.get();
        ((200..600).contains(&status) && body.starts_with('{')).then_some(Self { status, body })
    }
}

/// Reads an object by the names of its members: serde alone would take a list of their values, too.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    let value: &RawValue = serde_json::from_str(text).ok()?;
    value.get().starts_with('{').then(|| serde_json::from_str(value.get()).ok()).flatten()
}

/// A list's items as written: [`MAX_BATCH_ITEMS`], and one more by which a longer list is known. The
/// rest is passed over, so that a body of commas does not become a vector many times its size.
#[derive(Default)]
pub(crate) struct Listed<'a>(pub(crate) Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Listed<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Listed<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while items.len() <= MAX_BATCH_ITEMS {
                    match seq.next_element::<&'de RawValue>()? {
                        Some(item) => items.push(item),
                        None => return Ok(Listed(items)),
                    }
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Listed(items))
            }
        }
        deserializer.deserialize_seq(Collect)
    }
}

#[cfg(test)]
mod tests;
