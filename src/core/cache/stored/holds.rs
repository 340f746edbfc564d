//! The row of a hold that is local to the cache.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::{id, instant, key, optional_instant, unit};
use crate::cache::holds::{Ended, LocalHold, Told};
use crate::cache::rows::Source;
use crate::credits::Credits;
use crate::idempotency::IdempotencyKey;
use crate::ids::TransactionId;
use crate::ledger::stored::{Columns, SqlValue, amount, number, optional, text};
use crate::ledger::{Corrupt, Hold, HoldState, MAX_HOLD_TTL, Notes, OnExpiry};

/// The columns of a hold, in the order of [`local_hold_to_row`].
pub const LOCAL_HOLD_COLUMNS: [&str; 24] = [
    "number",
    "id",
    "unit",
    "amount",
    "progress",
    "on_expiry",
    "placed_at",
    "ttl",
    "expires_at",
    "state",
    "captured",
    "description",
    "metadata",
    "key",
    "available",
    "as_of",
    "source",
    "ended_at",
    "end_key",
    "end_available",
    "end_as_of",
    "end_source",
    "charge",
    "lease",
];

/// A hold as a row.
///
/// # Errors
/// [`Corrupt`] for a value no store could keep; a decided hold has none.
pub fn local_hold_to_row(local: &LocalHold) -> Result<Vec<SqlValue>, Corrupt> {
    let LocalHold { hold, placed, ended, .. } = local;
    let ttl = i64::try_from(hold.ttl.as_millis()).map_err(|_| Corrupt)?;
    let end = ended.as_ref().and_then(|ended| ended.told.as_ref());
    Ok(Vec::from([
        number(hold.sequence)?,
        text(hold.id.as_str()),
        text(hold.unit.as_str()),
        amount(hold.amount),
        hold.progress.map_or(SqlValue::Null, amount),
        text(hold.on_expiry.as_str()),
        instant(hold.placed_at),
        SqlValue::Integer(ttl),
        instant(hold.expires_at),
        text(hold.state.as_str()),
        amount(hold.captured),
        optional(hold.notes.description.as_deref()),
        optional(hold.notes.metadata.as_deref()),
        text(placed.key.as_str()),
        placed.available.map_or(SqlValue::Null, amount),
        optional_instant(placed.as_of),
        text(placed.source.as_str()),
        optional_instant(ended.as_ref().map(|ended| ended.at)),
        optional(end.map(|told| told.key.as_str())),
        end.and_then(|told| told.available).map_or(SqlValue::Null, amount),
        optional_instant(end.and_then(|told| told.as_of)),
        optional(end.map(|told| told.source.as_str())),
        optional(ended.as_ref().and_then(|ended| ended.charge.as_ref()).map(TransactionId::as_str)),
        SqlValue::Integer(i64::from(local.lease)),
    ]))
}

/// Reads [`local_hold_to_row`] back.
///
/// # Errors
/// [`Corrupt`] when a value is missing, of the wrong type or out of its range.
pub fn local_hold_from_row(row: Vec<SqlValue>) -> Result<LocalHold, Corrupt> {
    let mut row = Columns::new(row);
    let hold = Hold {
        sequence: row.sequence()?,
        id: id(&mut row)?,
        unit: unit(&mut row)?,
        amount: row.amount()?,
        reserves: Vec::new(),
        progress: row.optional_amount()?,
        on_expiry: OnExpiry::parse(&row.text()?).ok_or(Corrupt)?,
        placed_at: row.time()?,
        ttl: Duration::from_millis(row.count()?),
        expires_at: row.time()?,
        state: HoldState::parse(&row.text()?).ok_or(Corrupt)?,
        captured: row.amount()?,
        notes: Arc::new(Notes {
            description: row.optional_text()?,
            metadata: row.optional_text()?,
        }),
    };
    let placed = Told {
        key: key(&mut row)?,
        available: row.optional_amount()?,
        as_of: row.optional_time()?,
        source: Source::parse(&row.text()?).ok_or(Corrupt)?,
    };
    let at = row.optional_time()?;
    let (end_key, available) = (row.optional_text()?, row.optional_amount()?);
    let (as_of, source) = (row.optional_time()?, row.optional_text()?);
    let told = match (end_key, source) {
        (Some(key), Some(source)) => Some(Told {
            key: IdempotencyKey::parse(&key).map_err(|_| Corrupt)?,
            available,
            as_of,
            source: Source::parse(&source).ok_or(Corrupt)?,
        }),
        (None, None) => None,
        _ => return Err(Corrupt),
    };
    let charge = row.optional_text()?.map(|id| TransactionId::parse(&id).map_err(|_| Corrupt));
    let charge = charge.transpose()?;
    let ended = match (at, told, charge) {
        (Some(at), told, charge) => Some(Ended { at, charge, told }),
        (None, None, None) => None,
        _ => return Err(Corrupt),
    };
    let lease = match row.integer()? {
        0 => false,
        1 => true,
        _ => return Err(Corrupt),
    };
    let local = LocalHold { hold, placed, ended, lease };
    if is_possible(&local) { Ok(local) } else { Err(Corrupt) }
}

/// Whether it took no more than it held, and has ended exactly where it says how.
fn is_possible(local: &LocalHold) -> bool {
    let hold = &local.hold;
    let within = |part: Credits| !part.is_negative() && part <= hold.amount;
    let captured = match hold.state {
        HoldState::Open | HoldState::Released => hold.captured.is_zero(),
        HoldState::Captured => hold.captured.is_positive(),
        HoldState::Expired => hold.captured == hold.captured_on_expiry(),
    };
    let asked_for = match hold.state {
        HoldState::Open => local.ended.is_none(),
        HoldState::Expired => local.ended.as_ref().is_some_and(|ended| ended.told.is_none()),
        HoldState::Captured | HoldState::Released => {
            local.ended.as_ref().is_some_and(|ended| ended.told.is_some())
        }
    };
    let charged = local.ended.as_ref().is_some_and(|ended| ended.charge.is_some());
    hold.amount.is_positive()
        && hold.progress.is_none_or(within)
        && within(hold.captured)
        && !hold.ttl.is_zero()
        && hold.ttl <= MAX_HOLD_TTL
        && hold.expires_at >= hold.placed_at.plus(hold.ttl)
        && captured
        && asked_for
        && charged == hold.captured.is_positive()
}
