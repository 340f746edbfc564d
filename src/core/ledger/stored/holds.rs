//! A hold's row. The cache's own holds have the same columns, but for what they reserve, and some
//! besides.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Columns, SqlValue, amount, draws_from_text, draws_to_text, number, optional, text};
use crate::credits::Credits;
use crate::ids::{TransactionId, Unit};
use crate::ledger::account::Corrupt;
use crate::ledger::entry::Draw;
use crate::ledger::hold::{Hold, HoldState, MAX_HOLD_TTL, Notes, OnExpiry};

/// The columns of a hold, in the order of [`hold_to_row`].
pub const HOLD_COLUMNS: [&str; 15] = [
    "sequence",
    "id",
    "unit",
    "amount",
    "reserves",
    "progress",
    "on_expiry",
    "placed_at",
    "ttl",
    "expires_at",
    "state",
    "captured",
    "description",
    "metadata",
    "open",
];

/// A hold as a row; `open` is 1 for those that an account must load.
///
/// # Errors
/// [`Corrupt`] for a value no store could keep; a decided hold has none.
pub fn hold_to_row(hold: &Hold) -> Result<Vec<SqlValue>, Corrupt> {
    let mut row = values(hold, Some(draws_to_text(&hold.reserves)?))?;
    row.push(SqlValue::Integer(i64::from(hold.is_open())));
    Ok(row)
}

/// What both kinds of holds have in their rows, from number to notes.
pub(crate) fn values(hold: &Hold, reserves: Option<SqlValue>) -> Result<Vec<SqlValue>, Corrupt> {
    let ttl = i64::try_from(hold.ttl.as_millis()).map_err(|_| Corrupt)?;
    let mut row = Vec::from([
        number(hold.sequence)?,
        text(hold.id.as_str()),
        text(hold.unit.as_str()),
        amount(hold.amount),
    ]);
    row.extend(reserves);
    row.extend([
        hold.progress.map_or(SqlValue::Null, amount),
        text(hold.on_expiry.as_str()),
        SqlValue::Integer(hold.placed_at.as_millis()),
        SqlValue::Integer(ttl),
        SqlValue::Integer(hold.expires_at.as_millis()),
        text(hold.state.as_str()),
        amount(hold.captured),
        optional(hold.notes.description.as_deref()),
        optional(hold.notes.metadata.as_deref()),
    ]);
    Ok(row)
}

/// Reads [`hold_to_row`] back.
///
/// # Errors
/// [`Corrupt`] when a value is missing, of the wrong type or out of its range.
pub fn hold_from_row(row: Vec<SqlValue>) -> Result<Hold, Corrupt> {
    let mut row = Columns::new(row);
    let hold = read(&mut row, |row| draws_from_text(&row.text()?))?;
    let open = row.integer()? == 1;
    if is_reserved(&hold) && open == hold.is_open() { Ok(hold) } else { Err(Corrupt) }
}

/// Reads [`values`] back.
pub(crate) fn read(
    row: &mut Columns,
    reserves: impl FnOnce(&mut Columns) -> Result<Vec<Draw>, Corrupt>,
) -> Result<Hold, Corrupt> {
    let hold = Hold {
        sequence: row.sequence()?,
        id: TransactionId::parse(&row.text()?).map_err(|_| Corrupt)?,
        unit: Unit::parse(&row.text()?).map_err(|_| Corrupt)?,
        amount: row.amount()?,
        reserves: reserves(row)?,
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
    if is_possible(&hold) { Ok(hold) } else { Err(Corrupt) }
}

/// Whether it reserves what it holds, of grants that were there.
fn is_reserved(hold: &Hold) -> bool {
    let placed_before = 1..hold.sequence;
    let reserves =
        |reserve: &Draw| placed_before.contains(&reserve.grant) && reserve.amount.is_positive();
    let mut amounts = hold.reserves.iter().map(|reserve| reserve.amount);
    let sum = amounts.try_fold(Credits::ZERO, Credits::checked_add);
    hold.reserves.iter().all(reserves) && sum == Some(hold.amount)
}

/// Whether it holds something for some time, and has taken what its state says, no more than it held.
fn is_possible(hold: &Hold) -> bool {
    let within = |part: Credits| !part.is_negative() && part <= hold.amount;
    let captured = match hold.state {
        HoldState::Open | HoldState::Released => hold.captured.is_zero(),
        HoldState::Captured => hold.captured.is_positive() && within(hold.captured),
        HoldState::Expired => hold.captured == hold.captured_on_expiry(),
    };
    hold.amount.is_positive()
        && hold.progress.is_none_or(within)
        && !hold.ttl.is_zero()
        && hold.ttl <= MAX_HOLD_TTL
        && hold.expires_at >= hold.placed_at.plus(hold.ttl)
        && captured
}
