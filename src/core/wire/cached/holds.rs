//! What a cache answers about the holds that it keeps: the fields of the ledger's answers without
//! `sequence`, and what goes out with any answer of a cache.

use alloc::format;
use alloc::string::String;

use serde_json::value::RawValue;

use super::{Aside, notices, source};
use crate::cache::{HoldReceipt, HoldRefusal};
use crate::ids::{CustomerId, TransactionId};
use crate::ledger::Hold;
use crate::wire::errors::ApiError;
use crate::wire::holds::hold_body;
use crate::wire::members::Members;
use crate::wire::rejections::{reused, to_error};

/// The answer to placing, capturing and releasing. Balance and source of a replay are those of the
/// first answer.
#[must_use]
pub fn local_hold_body(
    receipt: &HoldReceipt,
    customer: &CustomerId,
    aside: Option<Aside<'_>>,
) -> String {
    let HoldReceipt { hold, told, transaction, replayed, stale } = receipt;
    let mut rest = Members::new();
    rest.nullable("balance", told.available.map(|left| left.decimal(hold.unit.scale())))
        .text("transaction_id", Some(transaction.as_str()))
        .text("idempotency_key", Some(told.key.as_str()))
        .display("replayed", Some(replayed))
        .text("customer_id", Some(customer.as_str()))
        .nullable_time("as_of", told.as_of);
    source(&mut rest, told.source, *stale, aside.map(|aside| aside.pending));
    notices(&mut rest, aside.map_or(&[], |aside| aside.notices));
    joined(&hold_body(hold), &rest.finish())
}

/// The answer to reading a hold. What it came to can be quoted, also where its time was over.
#[must_use]
pub fn local_state_body(hold: &Hold, charge: Option<&TransactionId>) -> String {
    let Some(charge) = charge else { return hold_body(hold) };
    let rest = Members::new().text("transaction_id", Some(charge.as_str())).finish();
    joined(&hold_body(hold), &rest)
}

/// Two objects, neither of them empty, as one.
fn joined(one: &str, other: &str) -> String {
    let (first, second) = (one.strip_suffix('}'), other.strip_prefix('{'));
    format!("{},{}", first.unwrap_or_default(), second.unwrap_or_default())
}

/// The error that a call about a hold is answered with.
#[must_use]
pub fn hold_refusal(refusal: &HoldRefusal, customer: &CustomerId) -> ApiError {
    match refusal {
        HoldRefusal::KeyReused { field, first } => {
            let body = local_hold_body(first, customer, None);
            reused(field, RawValue::from_string(body).ok())
        }
        HoldRefusal::Rule(rejection) => to_error(rejection, customer),
    }
}
