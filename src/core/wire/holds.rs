//! Holds on the wire: what is asked about them, and what is answered.
//!
//! Every answer shows the hold by the same fields. Those that moved or reserved credits add what any
//! receipt has: the balance, the transaction, whether it was replayed.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::credits::{Credits, Decimal};
use crate::http::parse_query;
use crate::ids::{CustomerId, TransactionId, Unit};
use crate::ledger::{
    Adjust, Capture, Command, DEFAULT_HOLD_TTL, Hold, HoldState, MAX_HOLD_TTL, MAX_OPEN_HOLDS,
    MIN_HOLD_TTL, OnExpiry, Place, Receipt, Release,
};
use crate::time::Timestamp;
use crate::wire::errors::{ApiError, Code};
use crate::wire::fields::{Fields, field_error, id_error, missing};
use crate::wire::replies::{available_after, to_json};
use crate::wire::requests::{
    DEFAULT_PAGE_ITEMS, KeySource, MAX_PAGE_ITEMS, negative_amount, parse_number, parse_sequence,
    parse_unit, read_call,
};

/// Reads a hold's id out of a path segment that has been percent-decoded.
///
/// # Errors
/// `invalid_id`.
pub fn parse_hold_id(segment: &str) -> Result<TransactionId, ApiError> {
    TransactionId::parse(segment).map_err(|error| id_error("hold_id", error))
}

/// Reads `POST …/holds`.
///
/// # Errors
/// Any 400 or 422 of the tables for bodies, amounts, ids and keys.
pub fn parse_hold(body: &str, key: &KeySource<'_>) -> Result<Command, ApiError> {
    let mut fields = Fields::parse(body)?;
    let unit = fields.unit()?;
    let amount = fields.amount(&unit)?;
    if amount.is_negative() {
        return Err(negative_amount());
    }
    let ttl = read_ttl(&mut fields)?.unwrap_or(DEFAULT_HOLD_TTL);
    let on_expiry = match fields.text("on_expiry")? {
        None => OnExpiry::CaptureProgress,
        Some(rule) => OnExpiry::parse(&rule).ok_or_else(|| {
            let problem = "is none of capture_progress, release and capture_all";
            field_error(Code::InvalidRequest, "on_expiry", problem)
        })?,
    };
    let call = read_call(&mut fields, Some(key), "description")?;
    fields.finish()?;
    Ok(Command::Hold(Place { call, unit, amount, ttl, on_expiry }))
}

/// Reads `POST …/holds/{hold_id}/capture`.
///
/// # Errors
/// Any 400 or 422 of the tables for bodies, amounts and ids.
pub fn parse_capture(
    hold: TransactionId,
    body: &str,
    key: &KeySource<'_>,
) -> Result<Command, ApiError> {
    let mut fields = Fields::parse(body)?;
    let used = read_used(&mut fields, "amount")?;
    let call = read_call(&mut fields, Some(key), "description")?;
    fields.finish()?;
    Ok(Command::Capture(Capture { call, hold, used }))
}

/// Reads `POST …/holds/{hold_id}/release`.
///
/// # Errors
/// Any 400 of the tables for bodies and ids.
pub fn parse_release(
    hold: TransactionId,
    body: &str,
    key: &KeySource<'_>,
) -> Result<Command, ApiError> {
    let mut fields = Fields::parse(body)?;
    let call = read_call(&mut fields, Some(key), "description")?;
    fields.finish()?;
    Ok(Command::Release(Release { call, hold }))
}

/// Reads `POST …/holds/{hold_id}/extend`.
///
/// # Errors
/// Any 400 of the tables for bodies.
pub fn parse_extend(body: &str) -> Result<Adjust, ApiError> {
    let mut fields = Fields::parse(body)?;
    let ttl = read_ttl(&mut fields)?.ok_or_else(|| missing("ttl_ms"))?;
    skip_key(fields)?;
    Ok(Adjust::Extend { ttl })
}

/// Reads `POST …/holds/{hold_id}/progress`.
///
/// # Errors
/// Any 400 or 422 of the tables for bodies and amounts.
pub fn parse_progress(body: &str) -> Result<Adjust, ApiError> {
    let mut fields = Fields::parse(body)?;
    let (unit, used) = read_used(&mut fields, "used")?.ok_or_else(|| missing("used"))?;
    skip_key(fields)?;
    Ok(Adjust::Progress { unit, used })
}

/// A key may stand there, as in any call, and means nothing: the same change twice is the change.
fn skip_key(mut fields: Fields<'_>) -> Result<(), ApiError> {
    fields.text("idempotency_key")?;
    fields.finish()
}

/// A time to live in whole milliseconds.
fn read_ttl(fields: &mut Fields<'_>) -> Result<Option<Duration>, ApiError> {
    const NAME: &str = "ttl_ms";
    let Some(value) = fields.take(NAME)? else { return Ok(None) };
    let number: i64 = serde_json::from_str(value.get())
        .map_err(|_| field_error(Code::InvalidType, NAME, "is not a whole number"))?;
    let ttl = u64::try_from(number).ok().map(Duration::from_millis);
    match ttl.filter(|ttl| (MIN_HOLD_TTL..=MAX_HOLD_TTL).contains(ttl)) {
        Some(ttl) => Ok(Some(ttl)),
        None => {
            let (least, most) = (MIN_HOLD_TTL.as_millis(), MAX_HOLD_TTL.as_millis());
            let problem = format!("is not between {least} and {most}");
            Err(field_error(Code::InvalidRequest, NAME, &problem))
        }
    }
}

/// How much of a hold was used, which may be nothing.
fn read_used(
    fields: &mut Fields<'_>,
    name: &'static str,
) -> Result<Option<(Unit, Credits)>, ApiError> {
    let unit = fields.unit()?;
    let used = fields.optional_amount(name, &unit)?;
    if used.is_some_and(Credits::is_negative) {
        return Err(field_error(Code::AmountNegative, name, "is negative"));
    }
    Ok(used.map(|used| (unit, used)))
}

/// What `GET …/holds` asks for: open ones, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldsQuery {
    /// Only this unit.
    pub unit: Option<Unit>,
    /// Most items: 1 to [`MAX_PAGE_ITEMS`].
    pub limit: u32,
    /// Only holds that were placed before this sequence number.
    pub before_sequence: Option<u64>,
}

/// Reads the query of `GET …/holds`. Unknown parameters are ignored, as usual for reads.
///
/// # Errors
/// `invalid_request` or `invalid_id` naming the parameter.
pub fn parse_holds_query(query: &str) -> Result<HoldsQuery, ApiError> {
    let mut page = HoldsQuery { unit: None, limit: DEFAULT_PAGE_ITEMS, before_sequence: None };
    for (name, value) in parse_query(query) {
        match name.as_str() {
            "unit" => page.unit = Some(parse_unit(&value)?),
            "limit" => page.limit = parse_number(&name, &value, 1, MAX_PAGE_ITEMS)?,
            "before_sequence" => page.before_sequence = Some(parse_sequence(&name, &value)?),
            _ => {}
        }
    }
    Ok(page)
}

#[derive(Serialize)]
struct HoldBody<'a> {
    hold_id: &'a str,
    state: &'static str,
    unit: &'a str,
    amount: Decimal,
    used: Option<Decimal>,
    captured: Decimal,
    on_expiry: &'static str,
    placed_at: Timestamp,
    expires_at: Timestamp,
    description: Option<&'a str>,
    metadata: Option<&'a RawValue>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    receipt: Option<ReceiptPart<'a>>,
}

/// What a receipt adds.
#[derive(Serialize)]
struct ReceiptPart<'a> {
    balance: Decimal,
    transaction_id: &'a str,
    idempotency_key: Option<&'a str>,
    replayed: bool,
    customer_id: &'a str,
    sequence: u64,
    as_of: Timestamp,
}

fn body_of<'a>(hold: &'a Hold, receipt: Option<ReceiptPart<'a>>) -> HoldBody<'a> {
    let decimal = |amount: Credits| amount.decimal(hold.unit.scale());
    HoldBody {
        hold_id: hold.id.as_str(),
        state: hold.state.as_str(),
        unit: hold.unit.as_str(),
        amount: decimal(hold.amount),
        used: hold.progress.map(decimal),
        captured: decimal(hold.captured),
        on_expiry: hold.on_expiry.as_str(),
        placed_at: hold.placed_at,
        expires_at: hold.expires_at,
        description: hold.notes.description.as_deref(),
        // Kept as the caller's JSON text, so any name in it is only data.
        metadata: hold.notes.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        receipt,
    }
}

/// The answer to reading, extending and reporting progress.
#[must_use]
pub fn hold_body(hold: &Hold) -> String {
    to_json(&body_of(hold, None))
}

/// The answer to placing, capturing and releasing.
pub(super) fn placed_or_ended_body(
    receipt: &Receipt,
    hold: &Hold,
    customer: &CustomerId,
) -> String {
    let entry = &receipt.entry;
    let receipt = ReceiptPart {
        balance: available_after(entry),
        transaction_id: entry.id.as_str(),
        idempotency_key: entry.record.as_ref().map(|record| record.key.as_str()),
        replayed: receipt.replayed,
        customer_id: customer.as_str(),
        sequence: entry.sequence,
        as_of: entry.time,
    };
    to_json(&body_of(hold, Some(receipt)))
}

/// The answer to `GET …/holds`: of all open holds, newest first, the page.
#[must_use]
pub fn holds_body<'a>(open: impl Iterator<Item = &'a Hold>, query: &HoldsQuery) -> String {
    #[derive(Serialize)]
    struct PageBody<'a> {
        data: Vec<HoldBody<'a>>,
        pagination: Pagination,
    }
    #[derive(Serialize)]
    struct Pagination {
        limit: u32,
        has_more: bool,
        next_before_sequence: Option<u64>,
    }
    let asked_for = |hold: &&Hold| {
        query.unit.as_ref().is_none_or(|unit| *unit == hold.unit)
            && query.before_sequence.is_none_or(|before| hold.sequence < before)
    };
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let mut matching = open.filter(asked_for);
    let page: Vec<&Hold> = matching.by_ref().take(limit).collect();
    let has_more = matching.next().is_some();
    let last = page.last().map(|hold| hold.sequence);
    let next_before_sequence = last.filter(|_| has_more);
    let pagination = Pagination { limit: query.limit, has_more, next_before_sequence };
    to_json(&PageBody {
        data: page.into_iter().map(|hold| body_of(hold, None)).collect(),
        pagination,
    })
}

pub(super) fn unknown_hold() -> ApiError {
    let message = "This customer has no hold with this id. Nothing was changed.";
    ApiError::about(Code::NotFound, "hold_id", message)
}

pub(super) fn other_hold_unit(unit: &Unit) -> ApiError {
    let message = format!(
        "The hold is in {}, and what is used of it is told in that unit. Nothing was changed.",
        unit.as_str()
    );
    ApiError::about(Code::InvalidRequest, "unit", &message)
}

pub(super) fn hold_ended(state: HoldState, unit: &Unit, captured: Credits) -> ApiError {
    #[derive(Serialize)]
    struct Details<'a> {
        state: &'static str,
        captured: Decimal,
        unit: &'a str,
    }
    let captured = captured.decimal(unit.scale());
    let (code, how) = match state {
        HoldState::Released => (Code::HoldAlreadyReleased, "was released before"),
        HoldState::Expired => (Code::HoldExpired, "expired before, and ended by its own rule"),
        HoldState::Captured | HoldState::Open => (Code::HoldAlreadyCaptured, "was captured before"),
    };
    let message = format!(
        "The hold {how}: {captured} of it was captured, the rest is free again. This call changed \
         nothing; record what was used beyond that by consume."
    );
    let details = Details { state: state.as_str(), captured, unit: unit.as_str() };
    ApiError::new(code, &message).with_details(&details)
}

pub(super) fn more_than_held(unit: &Unit, held: Credits) -> ApiError {
    #[derive(Serialize)]
    struct Details<'a> {
        held: Decimal,
        unit: &'a str,
    }
    let held = held.decimal(unit.scale());
    let message = format!(
        "The hold is of {held} only. Nothing was changed; capture at most that, and record the rest \
         by consume."
    );
    ApiError::new(Code::CaptureExceedsHold, &message)
        .with_details(&Details { held, unit: unit.as_str() })
}

pub(super) fn too_many_holds() -> ApiError {
    let message = format!(
        "The customer has {MAX_OPEN_HOLDS} open holds, the most a ledger keeps. Nothing was changed; \
         capture or release some, or let some expire."
    );
    ApiError::new(Code::TooManyHolds, &message)
}
