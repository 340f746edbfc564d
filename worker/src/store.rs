//! The ledger's rows in SQL: what [`edge_credits_core::ledger`] asks to be looked up and written.
//!
//! Decides statements, and nothing about credits: rows go in and out in the core's own form, which
//! is checked there. Every lookup is by an index or bounded by a page.

use core::time::Duration;

use edge_credits_core::analytics::pace::Pace;
use edge_credits_core::ids::{CustomerId, Environment, Owner, TransactionId, Unit};
use edge_credits_core::ledger::stored::{
    ENTRY_COLUMNS, GRANT_COLUMNS, HOLD_COLUMNS, SqlValue, entry_from_row, entry_to_row,
    grant_from_row, grant_to_row, hold_from_row, hold_to_row,
};
use edge_credits_core::ledger::{AlarmIntent, Corrupt, Entry, EntryKind, Found, Grant, Hold};
use edge_credits_core::ledger::{Lookups, Writes};
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::requests::PageQuery;

use crate::storage::{Row, Storage, StorageError};

/// Why rows could not be had or kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StoreError {
    /// The storage failed.
    Storage(StorageError),
    /// The rows are there and make no sense.
    Corrupt,
}

impl From<StorageError> for StoreError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<Corrupt> for StoreError {
    fn from(_: Corrupt) -> Self {
        Self::Corrupt
    }
}

/// One transaction; rows that make no sense roll it back like a failing statement.
///
/// # Errors
/// [`StoreError`]; nothing is kept then.
pub(crate) fn in_transaction(
    storage: &dyn Storage,
    mut work: impl FnMut() -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut corrupt = false;
    let result = storage.transaction(&mut || match work() {
        Ok(()) => Ok(()),
        Err(StoreError::Storage(error)) => Err(error),
        Err(StoreError::Corrupt) => {
            corrupt = true;
            Err(StorageError("a row makes no sense".to_owned()))
        }
    });
    if corrupt { Err(StoreError::Corrupt) } else { Ok(result?) }
}

/// What the object knows about itself.
pub(crate) struct Meta {
    /// Whose ledger it is.
    pub(crate) owner: Owner,
    /// When the account's alarm was last set for.
    pub(crate) alarm_due: Option<Timestamp>,
    /// How far the entries have been worked off for analytics.
    pub(crate) pace: Pace,
}

/// Whose ledger this is, and the alarm that stands.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn meta(storage: &dyn Storage) -> Result<Meta, StoreError> {
    let columns = "SELECT environment, customer, alarm_due, reported, folded, \
        failures, retry_at FROM meta";
    let rows = storage.query(columns, &[])?;
    let [row] = rows.as_slice() else { return Err(StoreError::Corrupt) };
    let [SqlValue::Text(environment), SqlValue::Text(customer), alarm_due, pace @ ..] =
        row.as_slice()
    else {
        return Err(StoreError::Corrupt);
    };
    let [
        SqlValue::Integer(reported),
        SqlValue::Integer(folded),
        SqlValue::Integer(failures),
        retry_at,
    ] = pace
    else {
        return Err(StoreError::Corrupt);
    };
    let position = |value: i64| u64::try_from(value).map_err(|_| StoreError::Corrupt);
    let pace = Pace {
        reported: position(*reported)?,
        folded: position(*folded)?,
        failures: u32::try_from(*failures).unwrap_or(u32::MAX),
        retry_at: instant(retry_at)?,
        armed: None,
    };
    let alarm_due = instant(alarm_due)?;
    Ok(Meta { owner: owner_of(environment, customer)?, alarm_due, pace })
}

/// A time that may be missing.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub(crate) fn instant(value: &SqlValue) -> Result<Option<Timestamp>, StoreError> {
    match value {
        SqlValue::Null => Ok(None),
        SqlValue::Integer(millis) => Ok(Some(Timestamp::from_millis(*millis))),
        SqlValue::Text(_) => Err(StoreError::Corrupt),
    }
}

/// Whose ledger this is, whatever version its tables have.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn owner(storage: &dyn Storage) -> Result<Owner, StoreError> {
    let rows = storage.query("SELECT environment, customer FROM meta", &[])?;
    let [row] = rows.as_slice() else { return Err(StoreError::Corrupt) };
    let [SqlValue::Text(environment), SqlValue::Text(customer)] = row.as_slice() else {
        return Err(StoreError::Corrupt);
    };
    owner_of(environment, customer)
}

fn owner_of(environment: &str, customer: &str) -> Result<Owner, StoreError> {
    let environment = Environment::parse(environment).ok_or(StoreError::Corrupt)?;
    let customer = CustomerId::parse(customer).map_err(|_| StoreError::Corrupt)?;
    Ok(Owner { environment, customer })
}

/// The rows of an account that are open.
pub(crate) type OpenRows = (Vec<Grant>, Vec<Hold>);

/// The last entry, and the open grants and holds: what an account is loaded from.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn account_rows(storage: &dyn Storage) -> Result<(Option<Entry>, OpenRows), StoreError> {
    let last = entries(storage, "ORDER BY sequence DESC LIMIT 1", &[])?.pop();
    Ok((last, (grants(storage, "open = 1", &[])?, holds(storage, "open = 1", &[])?)))
}

/// The hold with this id, open or not.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn hold(storage: &dyn Storage, id: &TransactionId) -> Result<Option<Hold>, StoreError> {
    // By way of the entry that placed it, whose id is indexed.
    let condition = "sequence = (SELECT sequence FROM entries WHERE id = ?)";
    Ok(holds(storage, condition, &[text(id.as_str())])?.pop())
}

/// Whether the last entry has this sequence number.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn ends_at(storage: &dyn Storage, sequence: u64) -> Result<bool, StoreError> {
    let rows = storage.query("SELECT max(sequence) FROM entries", &[])?;
    let stored = match rows.first().map(Vec::as_slice) {
        Some([SqlValue::Integer(stored)]) => u64::try_from(*stored).ok(),
        _ => None,
    };
    Ok(stored == Some(sequence))
}

/// The rows that a command's decision needs besides the account.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn find(storage: &dyn Storage, lookups: &Lookups) -> Result<Found, StoreError> {
    let mut found = Found { record: entry(storage, &lookups.record)?, ..Found::default() };
    if let Some(charge) = &lookups.charge {
        found.charge = entry(storage, charge)?;
        let id = text(charge.as_str());
        found.refunds = entries(storage, "WHERE refund_of = ? ORDER BY sequence", &[id])?;
    }
    if let Some(charge) = &found.charge {
        let drawn: Vec<String> = charge.draws.iter().map(|draw| draw.grant.to_string()).collect();
        let list = text(&format!("[{}]", drawn.join(",")));
        found.grants = grants(storage, "sequence IN (SELECT value FROM json_each(?))", &[list])?;
        if let Some(payment) = &charge.refund_of {
            found.grants.extend(made_by(storage, payment)?);
        }
    }
    if let Some(grant) = &lookups.grant {
        found.grants.extend(made_by(storage, grant)?);
    }
    if let Some(id) = &lookups.hold {
        found.hold = hold(storage, id)?;
    }
    Ok(found)
}

/// The grant that the entry with this id made.
fn made_by(storage: &dyn Storage, entry: &TransactionId) -> Result<Vec<Grant>, StoreError> {
    // By way of the entry, whose id is indexed.
    let condition = "sequence = (SELECT sequence FROM entries WHERE id = ?)";
    grants(storage, condition, &[text(entry.as_str())])
}

/// The entries with these ids, those of them that exist: the idempotency records of a batch, by one
/// statement however many there are.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn records(
    storage: &dyn Storage,
    ids: &[TransactionId],
) -> Result<Vec<Entry>, StoreError> {
    let quoted: Vec<String> = ids.iter().map(|id| format!("\"{}\"", id.as_str())).collect();
    let list = text(&format!("[{}]", quoted.join(",")));
    entries(storage, "WHERE id IN (SELECT value FROM json_each(?))", &[list])
}

/// The newest entries that match, as many as the page needs to be read.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn page(storage: &dyn Storage, query: &PageQuery) -> Result<Vec<Entry>, StoreError> {
    let mut condition = "WHERE unit = ?".to_owned();
    let mut values = vec![text(query.unit.as_str())];
    if query.unit.as_str() == Unit::USD {
        // Spelled out so that the partial index over the wallet is used.
        condition.push_str(" AND unit = 'usd'");
    }
    if let Some(kind) = query.kind {
        condition.push_str(" AND kind = ?");
        values.push(text(kind.as_str()));
        if kind != EntryKind::Consumption {
            // Spelled out so that the partial index over these kinds is used.
            condition.push_str(" AND kind <> 'consumption'");
        }
    }
    if let Some(before) = query.before_sequence {
        condition.push_str(" AND sequence < ?");
        values.push(SqlValue::Integer(i64::try_from(before).unwrap_or(i64::MAX)));
    }
    condition.push_str(" ORDER BY sequence DESC LIMIT ? OFFSET ?");
    values.push(SqlValue::Integer(query.rows_to_read().into()));
    values.push(SqlValue::Integer(query.offset.into()));
    entries(storage, &condition, &values)
}

/// Writes a decision; `besides` is what the alarm stands for other than the account. Runs inside the
/// caller's transaction.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn write(
    storage: &dyn Storage,
    writes: &Writes,
    besides: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    for entry in &writes.entries {
        let statement = insert("entries", &ENTRY_COLUMNS);
        storage.execute(&statement, &entry_to_row(entry)?)?;
    }
    for grant in &writes.grants {
        // A grant's terms never change; only what is left of it does.
        let statement = format!(
            "{} ON CONFLICT (sequence) DO UPDATE SET remaining = excluded.remaining, \
             held = excluded.held, owed = excluded.owed, state = excluded.state, \
             open = excluded.open WHERE id = excluded.id",
            insert("grants", &GRANT_COLUMNS)
        );
        storage.execute(&statement, &grant_to_row(grant)?)?;
    }
    for hold in &writes.holds {
        // What it reserves never changes; and one that has ended changes no more.
        let statement = format!(
            "{} ON CONFLICT (sequence) DO UPDATE SET progress = excluded.progress, \
             expires_at = excluded.expires_at, state = excluded.state, \
             captured = excluded.captured, open = excluded.open \
             WHERE id = excluded.id AND open = 1",
            insert("holds", &HOLD_COLUMNS)
        );
        storage.execute(&statement, &hold_to_row(hold)?)?;
    }
    set_alarm(storage, writes.alarm, besides, now)
}

/// Sets the alarm and remembers what it is for, as far as that is the account; `besides` is what else
/// it stands for. An alarm for the present moment can be dropped by the runtime when it is set inside
/// the handler of another, so it is set for a little later.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn set_alarm(
    storage: &dyn Storage,
    alarm: AlarmIntent,
    besides: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let due = match alarm {
        AlarmIntent::Keep => return Ok(()),
        AlarmIntent::Set(due) => Some(due),
        AlarmIntent::Clear => None,
    };
    ring(storage, sooner(due, besides), now)?;
    let value = due.map_or(SqlValue::Null, |due| SqlValue::Integer(due.as_millis()));
    storage.execute("UPDATE meta SET alarm_due = ?", &[value])?;
    Ok(())
}

/// The sooner of two instants that need not be.
pub(crate) fn sooner(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

/// Sets the runtime's alarm, no sooner and no later than it takes one.
///
/// # Errors
/// [`StorageError`].
pub(crate) fn ring(
    storage: &dyn Storage,
    due: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StorageError> {
    let soonest = now.plus(Duration::from_millis(1));
    storage.set_alarm(due.map(|due| due.max(soonest).min(latest_alarm())))
}

/// The latest alarm that is set: the runtime refuses those beyond the year 2262, in a promise that
/// nobody awaits. An alarm that fires early finds nothing due and is set again.
const fn latest_alarm() -> Timestamp {
    Timestamp::from_millis(9_000_000_000_000)
}

fn entry(storage: &dyn Storage, id: &TransactionId) -> Result<Option<Entry>, StoreError> {
    Ok(entries(storage, "WHERE id = ?", &[text(id.as_str())])?.pop())
}

/// The entries that the rest of the statement asks for.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn entries(
    storage: &dyn Storage,
    rest: &str,
    values: &[SqlValue],
) -> Result<Vec<Entry>, StoreError> {
    let statement = format!("SELECT {} FROM entries {rest}", ENTRY_COLUMNS.join(", "));
    read(storage.query(&statement, values)?, entry_from_row)
}

fn grants(
    storage: &dyn Storage,
    condition: &str,
    values: &[SqlValue],
) -> Result<Vec<Grant>, StoreError> {
    let columns = GRANT_COLUMNS.join(", ");
    let statement = format!("SELECT {columns} FROM grants WHERE {condition} ORDER BY sequence");
    read(storage.query(&statement, values)?, grant_from_row)
}

fn holds(
    storage: &dyn Storage,
    condition: &str,
    values: &[SqlValue],
) -> Result<Vec<Hold>, StoreError> {
    let columns = HOLD_COLUMNS.join(", ");
    let statement = format!("SELECT {columns} FROM holds WHERE {condition} ORDER BY sequence");
    read(storage.query(&statement, values)?, hold_from_row)
}

/// Rows as what they stand for.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub(crate) fn read<T>(
    rows: Vec<Row>,
    from_row: impl Fn(Row) -> Result<T, Corrupt>,
) -> Result<Vec<T>, StoreError> {
    rows.into_iter().map(|row| from_row(row).map_err(StoreError::from)).collect()
}

/// Text as a value to bind.
pub(crate) fn text(value: &str) -> SqlValue {
    SqlValue::Text(value.to_owned())
}

fn insert(table: &str, columns: &[&str]) -> String {
    let places = vec!["?"; columns.len()].join(", ");
    format!("INSERT INTO {table} ({}) VALUES ({places})", columns.join(", "))
}
