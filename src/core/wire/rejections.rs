//! The ledger's refusals as errors of the API: code, words and details.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::credits::{Credits, Decimal};
use crate::ids::{CustomerId, Unit};
use crate::ledger::{MAX_OPEN_GRANTS, MAX_UNITS, Receipt, Rejection};
use crate::wire::errors::{ApiError, Code};
use crate::wire::holds::{
    hold_ended, more_than_held, other_hold_unit, too_many_holds, unknown_hold,
};
use crate::wire::replies::receipt_body;

#[derive(Serialize)]
struct Shortfall {
    current_balance: Decimal,
    requested: Decimal,
    unit: String,
}

#[derive(Serialize)]
struct Reuse<'a> {
    field: &'a str,
    first: Box<RawValue>,
}

#[derive(Serialize)]
struct RefundLimit {
    param: &'static str,
    refundable: Decimal,
}

/// The error that a refused command is answered with.
#[must_use]
pub fn to_error(rejection: &Rejection, customer: &CustomerId) -> ApiError {
    match rejection {
        Rejection::KeyReused { field, first } => key_reused(field, first, customer),
        Rejection::Closed => ApiError::new(
            Code::CustomerClosed,
            "This customer was deleted, and their ledger takes nothing new. Nothing was changed.",
        ),
        Rejection::ExpiryPassed => ApiError::about(
            Code::InvalidRequest,
            "expires_at",
            "The grant would expire before it can be used. Nothing was granted; send an expires_at \
             after now and after effective_at.",
        ),
        Rejection::UnknownCharge => ApiError::about(
            Code::NotFound,
            "refund_of",
            "This customer has no charge with this transaction id. Nothing was refunded.",
        ),
        Rejection::UnknownGrant => ApiError::about(
            Code::NotFound,
            "grant_id",
            "This customer has no grant with this id. Nothing was voided.",
        ),
        Rejection::UnknownHold => unknown_hold(),
        Rejection::OtherUnit { unit } => other_unit(unit),
        Rejection::OtherHoldUnit { unit } => other_hold_unit(unit),
        Rejection::GrantEnded => ApiError::about(
            Code::GrantEnded,
            "grant_id",
            "Nothing is left of this grant to void: it is used up, expired or already voided. \
             Nothing was changed.",
        ),
        Rejection::HoldEnded { state, unit, captured } => hold_ended(*state, unit, *captured),
        Rejection::RefundExceedsCharge { unit, refundable } => too_much_back(unit, *refundable),
        Rejection::CaptureExceedsHold { unit, held } => more_than_held(unit, *held),
        Rejection::TooManyHolds => too_many_holds(),
        Rejection::TooManyGrants => {
            let message = format!(
                "The customer would have more than {MAX_OPEN_GRANTS} open grants, the most a ledger \
                 holds. Nothing was changed; void some, or let some expire or be spent."
            );
            ApiError::new(Code::TooManyGrants, &message)
        }
        Rejection::TooManyUnits => units_full(),
        Rejection::InsufficientCredits { unit, available, requested } => {
            insufficient(unit, *available, *requested)
        }
        Rejection::Overflow => overflow(),
        Rejection::Inconsistent => ApiError::new(
            Code::InvariantViolation,
            "This customer's ledger does not add up, so it was left untouched. Nothing was changed; \
             report the request id to whoever runs this deployment.",
        ),
    }
}

fn key_reused(field: &str, first: &Receipt, customer: &CustomerId) -> ApiError {
    reused(field, RawValue::from_string(receipt_body(first, customer)).ok())
}

/// The error for a key that stands for another call; `first` is the body of that one's answer.
pub(super) fn reused(field: &str, first: Option<Box<RawValue>>) -> ApiError {
    let message = format!(
        "This idempotency key already stands for a call with another {field}. Nothing was changed; \
         the first call stays as it was. Use a new key for a new call."
    );
    let error = ApiError::new(Code::IdempotencyKeyReused, &message);
    match first {
        Some(first) => error.with_details(&Reuse { field, first }),
        None => error,
    }
}

pub(super) fn units_full() -> ApiError {
    let message = format!(
        "The customer has {MAX_UNITS} units, the most a ledger holds, and this call names another. \
         Nothing was changed; is the unit misspelled?"
    );
    ApiError::about(Code::TooManyUnits, "unit", &message)
}

pub(super) fn overflow() -> ApiError {
    ApiError::new(
        Code::AmountOverflow,
        "The balance would leave the range of amounts (8 billion credits). Nothing was changed.",
    )
}

fn other_unit(unit: &Unit) -> ApiError {
    let message = format!(
        "The charge was in {}; a refund goes back in the unit of its charge. Nothing was refunded.",
        unit.as_str()
    );
    ApiError::about(Code::InvalidRequest, "unit", &message)
}

fn too_much_back(unit: &Unit, refundable: Credits) -> ApiError {
    let refundable = refundable.decimal(unit.scale());
    let message = format!(
        "Only {refundable} of this charge can still be refunded. Nothing was refunded; send at \
         most that much."
    );
    let details = RefundLimit { param: "amount", refundable };
    ApiError::new(Code::RefundExceedsCharge, &message).with_details(&details)
}

pub(super) fn insufficient(unit: &Unit, available: Credits, requested: Credits) -> ApiError {
    let scale = unit.scale();
    let (current_balance, requested) = (available.decimal(scale), requested.decimal(scale));
    let message = format!(
        "The balance is {current_balance} and the call asks for {requested}. Nothing was charged; \
         add credits and repeat the call, with the same key if you like."
    );
    let details = Shortfall { current_balance, requested, unit: unit.as_str().to_owned() };
    ApiError::new(Code::InsufficientCredits, &message).with_details(&details)
}
