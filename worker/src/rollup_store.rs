//! Sums per day in SQL: the rows of [`edge_credits_core::analytics::rollup`], which a ledger keeps for
//! its customer and the directory for an environment.
//!
//! Decides statements, and nothing about what counts. Sums are bound and read as decimal text: numbers
//! cross as doubles, and a sum over many customers may exceed what one holds.

use std::collections::BTreeSet;

use edge_credits_core::analytics::day::{Day, Window};
use edge_credits_core::analytics::pace::Pace;
use edge_credits_core::analytics::rollup::{Known, Rollup, lookups};
use edge_credits_core::analytics::tally::{FACT_COLUMNS, Fact, Lines, Tally, fact_from_row};
use edge_credits_core::ids::Unit;
use edge_credits_core::ledger::EntryKind;
use edge_credits_core::ledger::stored::SqlValue;
use edge_credits_core::time::Timestamp;

use crate::storage::{Row, Storage};
use crate::store::{StoreError, read, text};

/// Adding stops at the largest integer: beyond it SQLite goes over to floats.
const ADD: &str = "DO UPDATE SET \
    consumed = min(9223372036854775807, consumed + excluded.consumed), \
    added = min(9223372036854775807, added + excluded.added), \
    expired = min(9223372036854775807, expired + excluded.expired), \
    transactions = transactions + excluded.transactions";

/// The sums of a row, as text.
pub(crate) const SUMS: &str = "CAST(consumed AS TEXT), CAST(added AS TEXT), \
    CAST(expired AS TEXT), CAST(transactions AS TEXT)";

/// Places for sums that are bound as text.
pub(crate) const PLACES: &str =
    "CAST(? AS INTEGER), CAST(? AS INTEGER), CAST(? AS INTEGER), CAST(? AS INTEGER)";

/// The entries after a position, oldest first, as far as analytics needs them.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn facts(
    storage: &dyn Storage,
    after: u64,
    limit: u32,
) -> Result<Vec<Fact>, StoreError> {
    let columns = FACT_COLUMNS.join(", ");
    let statement =
        format!("SELECT {columns} FROM entries WHERE sequence > ? ORDER BY sequence LIMIT ?");
    let after = SqlValue::Integer(i64::try_from(after).unwrap_or(i64::MAX));
    read(storage.query(&statement, &[after, SqlValue::Integer(limit.into())])?, fact_from_row)
}

/// When an entry was made.
///
/// # Errors
/// [`StoreError`], also when there is no such entry.
pub(crate) fn time_of(storage: &dyn Storage, sequence: u64) -> Result<Timestamp, StoreError> {
    let sequence = SqlValue::Integer(i64::try_from(sequence).unwrap_or(i64::MAX));
    let rows = storage.query("SELECT time FROM entries WHERE sequence = ?", &[sequence])?;
    match rows.first().map(Vec::as_slice) {
        Some([SqlValue::Integer(time)]) => Ok(Timestamp::from_millis(*time)),
        _ => Err(StoreError::Corrupt),
    }
}

/// Remembers how far the entries have been worked off.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn set_pace(storage: &dyn Storage, pace: &Pace) -> Result<(), StoreError> {
    let number = |position: u64| {
        i64::try_from(position).map(SqlValue::Integer).map_err(|_| StoreError::Corrupt)
    };
    let retry_at = pace.retry_at.map_or(SqlValue::Null, |at| SqlValue::Integer(at.as_millis()));
    let failures = SqlValue::Integer(pace.failures.into());
    let values = [number(pace.reported)?, number(pace.folded)?, failures, retry_at];
    let statement = "UPDATE meta SET reported = ?, folded = ?, failures = ?, retry_at = ?";
    storage.execute(statement, &values)?;
    Ok(())
}

/// The actions that the days of some lines have.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn known(storage: &dyn Storage, lines: &Lines) -> Result<Known, StoreError> {
    let mut known = Known::new();
    for (unit, day) in lookups(lines) {
        let statement = "SELECT action, kind FROM actions WHERE unit = ? AND day = ?";
        let mut actions = BTreeSet::new();
        for row in storage.query(statement, &[text(unit.as_str()), number(day)])? {
            let [SqlValue::Text(action), SqlValue::Text(kind)] = row.as_slice() else {
                return Err(StoreError::Corrupt);
            };
            actions.insert((action.clone(), kind_of(kind)?));
        }
        known.insert((unit, day), actions);
    }
    Ok(known)
}

/// Adds to the rows. Runs inside the caller's transaction.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn add(storage: &dyn Storage, rollup: &Rollup) -> Result<(), StoreError> {
    let statement = format!(
        "INSERT INTO days (unit, day, consumed, added, expired, transactions) \
         VALUES (?, ?, {PLACES}) ON CONFLICT (unit, day) {ADD}"
    );
    for ((unit, day), tally) in &rollup.days {
        let mut values = vec![text(unit.as_str()), number(*day)];
        values.extend(sums(*tally));
        storage.execute(&statement, &values)?;
    }
    let statement = format!(
        "INSERT INTO actions (unit, day, action, kind, consumed, added, expired, transactions) \
         VALUES (?, ?, ?, ?, {PLACES}) ON CONFLICT (unit, day, action, kind) {ADD}"
    );
    for (name, tally) in &rollup.actions {
        let (unit, kind) = (text(name.unit.as_str()), text(name.kind.as_str()));
        let mut values = vec![unit, number(name.day), text(&name.action), kind];
        values.extend(sums(*tally));
        storage.execute(&statement, &values)?;
    }
    Ok(())
}

/// The sums of each day of a window that has any.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn days(
    storage: &dyn Storage,
    unit: &Unit,
    window: Window,
) -> Result<Vec<(Day, Tally)>, StoreError> {
    let statement =
        format!("SELECT day, {SUMS} FROM days WHERE unit = ? AND day BETWEEN ? AND ? ORDER BY day");
    let rows = storage.query(&statement, &within(unit, window))?;
    let day = |row: Row| match row.split_first() {
        Some((SqlValue::Integer(day), sums)) => Ok((day_of(*day)?, tally(sums)?)),
        _ => Err(StoreError::Corrupt),
    };
    rows.into_iter().map(day).collect()
}

/// The sums of each action and kind on each day of a window.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn actions(
    storage: &dyn Storage,
    unit: &Unit,
    window: Window,
) -> Result<Vec<(String, EntryKind, Tally)>, StoreError> {
    let statement =
        format!("SELECT action, kind, {SUMS} FROM actions WHERE unit = ? AND day BETWEEN ? AND ?");
    let rows = storage.query(&statement, &within(unit, window))?;
    let action = |row: Row| match row.as_slice() {
        [SqlValue::Text(action), SqlValue::Text(kind), sums @ ..] => {
            Ok((action.clone(), kind_of(kind)?, tally(sums)?))
        }
        _ => Err(StoreError::Corrupt),
    };
    rows.into_iter().map(action).collect()
}

/// A unit and the ends of a window, as parameters.
pub(crate) fn within(unit: &Unit, window: Window) -> [SqlValue; 3] {
    [text(unit.as_str()), number(window.first), number(window.last)]
}

pub(crate) fn number(day: Day) -> SqlValue {
    SqlValue::Integer(day.number().into())
}

pub(crate) fn day_of(number: i64) -> Result<Day, StoreError> {
    Day::from_number(number).ok_or(StoreError::Corrupt)
}

/// Sums as parameters for [`PLACES`].
pub(crate) fn sums(tally: Tally) -> [SqlValue; 4] {
    let sums = [tally.consumed, tally.added, tally.expired, tally.transactions];
    sums.map(|sum| SqlValue::Text(sum.to_string()))
}

/// Reads [`SUMS`].
pub(crate) fn tally(columns: &[SqlValue]) -> Result<Tally, StoreError> {
    let mut numbers = [0_i64; 4];
    if columns.len() != numbers.len() {
        return Err(StoreError::Corrupt);
    }
    for (number, column) in numbers.iter_mut().zip(columns) {
        let SqlValue::Text(digits) = column else { return Err(StoreError::Corrupt) };
        *number = digits.parse().map_err(|_| StoreError::Corrupt)?;
    }
    let [consumed, added, expired, transactions] = numbers;
    Ok(Tally { consumed, added, expired, transactions })
}

fn kind_of(word: &str) -> Result<EntryKind, StoreError> {
    EntryKind::parse(word).ok_or(StoreError::Corrupt)
}
