//! The row of a hold that is local to the cache.

use alloc::vec::Vec;

use super::{key, optional_instant};
use crate::cache::holds::{Ended, LocalHold, Told};
use crate::cache::rows::Source;
use crate::idempotency::IdempotencyKey;
use crate::ids::TransactionId;
use crate::ledger::stored::holds::{read, values};
use crate::ledger::stored::{Columns, SqlValue, amount, optional, text};
use crate::ledger::{Corrupt, HoldState};

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
    let end = ended.as_ref().and_then(|ended| ended.told.as_ref());
    let mut row = values(hold, None)?;
    row.extend([
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
    ]);
    Ok(row)
}

/// Reads [`local_hold_to_row`] back.
///
/// # Errors
/// [`Corrupt`] when a value is missing, of the wrong type or out of its range.
pub fn local_hold_from_row(row: Vec<SqlValue>) -> Result<LocalHold, Corrupt> {
    let mut row = Columns::new(row);
    let hold = read(&mut row, |_| Ok(Vec::new()))?;
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
    if has_ended_so(&local) { Ok(local) } else { Err(Corrupt) }
}

/// Whether it has ended exactly where it says how, and has made a charge where it took something.
fn has_ended_so(local: &LocalHold) -> bool {
    let hold = &local.hold;
    let asked_for = match hold.state {
        HoldState::Open => local.ended.is_none(),
        HoldState::Expired => local.ended.as_ref().is_some_and(|ended| ended.told.is_none()),
        HoldState::Captured | HoldState::Released => {
            local.ended.as_ref().is_some_and(|ended| ended.told.is_some())
        }
    };
    let charged = local.ended.as_ref().is_some_and(|ended| ended.charge.is_some());
    asked_for && charged == hold.captured.is_positive()
}
