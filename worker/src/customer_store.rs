//! Customers' records in SQL: one row each, and the beginnings of the words by which they are found.
//!
//! Decides statements, and nothing about what a record may hold. A record's number is its place in
//! every list: it rises with each new customer and never changes, so pages go by it.

use std::collections::BTreeSet;

use edge_credits_core::customers::record::Record;
use edge_credits_core::customers::words::beginnings;
use edge_credits_core::ids::CustomerId;
use edge_credits_core::ledger::stored::SqlValue;
use edge_credits_core::time::Timestamp;

use crate::storage::{Row, Storage};
use crate::store::{StoreError, text};

/// What is read of a record.
const COLUMNS: &str = "number, customer, fields, fingerprint, created_at, updated_at";

/// The newest records below a place.
const NEWEST: &str = "SELECT number, customer, fields, fingerprint, created_at, updated_at \
    FROM records WHERE number < ? ORDER BY number DESC LIMIT ?";

/// Those of them that have one beginning.
const BEGINNING: &str = "SELECT records.number, customer, fields, fingerprint, created_at, updated_at \
    FROM beginnings JOIN records ON records.number = beginnings.number \
    WHERE word = ? AND beginnings.number < ? ORDER BY beginnings.number DESC LIMIT ?";

/// The newest place that has a beginning.
const SEEK: &str =
    "SELECT number FROM beginnings WHERE word = ? AND number < ? ORDER BY number DESC LIMIT 1";

/// A record with what is kept beside it.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// Its place.
    pub(crate) number: u64,
    /// The record.
    pub(crate) record: Record,
    /// What it was created as, where it was.
    pub(crate) fingerprint: Option<String>,
}

/// A customer's record.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn find(storage: &dyn Storage, id: &CustomerId) -> Result<Option<Kept>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM records WHERE customer = ?");
    storage.query(&statement, &[text(id.as_str())])?.first().map(kept).transpose()
}

/// The record at a place.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn at(storage: &dyn Storage, number: u64) -> Result<Option<Kept>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM records WHERE number = ?");
    storage.query(&statement, &[place(number)?])?.first().map(kept).transpose()
}

/// The newest records below a place, of everybody or of who has one beginning.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn newest(
    storage: &dyn Storage,
    beginning: Option<&str>,
    before: u64,
    limit: u32,
) -> Result<Vec<Kept>, StoreError> {
    let limit = SqlValue::Integer(limit.into());
    let rows = match beginning {
        Some(word) => storage.query(BEGINNING, &[text(word), place(before)?, limit])?,
        None => storage.query(NEWEST, &[place(before)?, limit])?,
    };
    rows.iter().map(kept).collect()
}

/// The newest place below another that has a beginning.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn seek(
    storage: &dyn Storage,
    beginning: &str,
    before: u64,
) -> Result<Option<u64>, StoreError> {
    match storage.query(SEEK, &[text(beginning), place(before)?])?.first().map(Vec::as_slice) {
        None => Ok(None),
        Some([SqlValue::Integer(number)]) => {
            u64::try_from(*number).map(Some).map_err(|_| StoreError::Corrupt)
        }
        Some(_) => Err(StoreError::Corrupt),
    }
}

/// Adds a record, newest of all. Runs inside the caller's transaction.
///
/// # Errors
/// [`StoreError`], also where the customer has one.
pub(crate) fn add(
    storage: &dyn Storage,
    record: &Record,
    fingerprint: Option<&str>,
) -> Result<(), StoreError> {
    let statement = "INSERT INTO records (customer, fields, fingerprint, created_at, updated_at) \
        VALUES (?, ?, ?, ?, ?)";
    let id = record.id.as_str();
    let fingerprint = fingerprint.map_or(SqlValue::Null, text);
    let [created, updated] = times(record);
    storage.execute(
        statement,
        &[text(id), text(&record.to_stored()), fingerprint, created, updated],
    )?;
    let kept = find(storage, &record.id)?.ok_or(StoreError::Corrupt)?;
    index(storage, kept.number, &BTreeSet::new(), &beginnings(record))
}

/// Replaces a record in its place. Runs inside the caller's transaction.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn replace(
    storage: &dyn Storage,
    before: &Kept,
    record: &Record,
) -> Result<(), StoreError> {
    let statement =
        "UPDATE records SET fields = ?, created_at = ?, updated_at = ? WHERE number = ?";
    let [created, updated] = times(record);
    let values = [text(&record.to_stored()), created, updated, place(before.number)?];
    storage.execute(statement, &values)?;
    index(storage, before.number, &beginnings(&before.record), &beginnings(record))
}

/// Takes a record away, and remembers that its customer is gone. Runs inside the caller's
/// transaction.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn remove(
    storage: &dyn Storage,
    id: &CustomerId,
    kept: Option<&Kept>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(Kept { number, record, .. }) = kept {
        index(storage, *number, &beginnings(record), &BTreeSet::new())?;
        storage.execute("DELETE FROM records WHERE number = ?", &[place(*number)?])?;
    }
    let statement = "INSERT OR REPLACE INTO gone (customer, gone_at) VALUES (?, ?)";
    Ok(storage.execute(statement, &[text(id.as_str()), SqlValue::Integer(now.as_millis())])?)
}

/// Whether a customer was taken away.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn is_gone(storage: &dyn Storage, id: &CustomerId) -> Result<bool, StoreError> {
    let rows = storage.query("SELECT 1 FROM gone WHERE customer = ?", &[text(id.as_str())])?;
    Ok(!rows.is_empty())
}

/// Most customers from before there were records that one request gives one: some tens of
/// milliseconds.
const ADOPTED_AT_ONCE: i64 = 100;

/// Takes note that there are customers without records. Runs inside the transaction that makes the
/// tables.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn begin_adoption(storage: &dyn Storage) -> Result<(), StoreError> {
    Ok(storage.execute("INSERT INTO adoption (one, after) VALUES (1, ?)", &[text("")])?)
}

/// Gives records to some customers who have none yet; whether that was all of them. A directory with
/// many would otherwise work for longer than a request may, and begin again with the next. Runs inside
/// the caller's transaction.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn adopt_some(storage: &dyn Storage) -> Result<bool, StoreError> {
    let rows = storage.query("SELECT after FROM adoption WHERE one = 1", &[])?;
    let Some(row) = rows.first() else { return Ok(true) };
    let [after @ SqlValue::Text(_)] = row.as_slice() else { return Err(StoreError::Corrupt) };
    let statement = "SELECT customer, first_at FROM customers WHERE customer > ? \
        ORDER BY customer LIMIT ?";
    let limit = SqlValue::Integer(ADOPTED_AT_ONCE);
    let slice = storage.query(statement, &[after.clone(), limit])?;
    for row in &slice {
        adopt(storage, row)?;
    }
    let last = slice
        .last()
        .and_then(|row| row.first())
        .filter(|_| i64::try_from(slice.len()).is_ok_and(|length| length == ADOPTED_AT_ONCE));
    match last {
        Some(last) => {
            storage.execute("UPDATE adoption SET after = ?", core::slice::from_ref(last))?
        }
        None => storage.execute("DELETE FROM adoption", &[])?,
    }
    Ok(last.is_none())
}

/// Gives a record to one customer whom the directory knows by reports alone, if there is such a one.
/// Runs inside the caller's transaction.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn adopt_one(storage: &dyn Storage, id: &CustomerId) -> Result<(), StoreError> {
    let statement = "SELECT customer, first_at FROM customers WHERE customer = ?";
    match storage.query(statement, &[text(id.as_str())])?.first() {
        Some(row) => adopt(storage, row),
        None => Ok(()),
    }
}

fn adopt(storage: &dyn Storage, row: &Row) -> Result<(), StoreError> {
    let [SqlValue::Text(id), SqlValue::Integer(first_at)] = row.as_slice() else {
        return Err(StoreError::Corrupt);
    };
    let id = CustomerId::parse(id).map_err(|_| StoreError::Corrupt)?;
    if find(storage, &id)?.is_some() || is_gone(storage, &id)? {
        return Ok(());
    }
    add(storage, &Record::unnamed(id, Timestamp::from_millis(*first_at)), None)
}

/// Brings the index from what a record had to what it has.
fn index(
    storage: &dyn Storage,
    number: u64,
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
) -> Result<(), StoreError> {
    for word in before.difference(after) {
        let statement = "DELETE FROM beginnings WHERE word = ? AND number = ?";
        storage.execute(statement, &[text(word), place(number)?])?;
    }
    for word in after.difference(before) {
        let statement = "INSERT INTO beginnings (word, number) VALUES (?, ?)";
        storage.execute(statement, &[text(word), place(number)?])?;
    }
    Ok(())
}

fn kept(row: &Row) -> Result<Kept, StoreError> {
    let [
        SqlValue::Integer(number),
        SqlValue::Text(id),
        SqlValue::Text(fields),
        fingerprint,
        created,
        updated,
    ] = row.as_slice()
    else {
        return Err(StoreError::Corrupt);
    };
    let fingerprint = match fingerprint {
        SqlValue::Null => None,
        SqlValue::Text(text) => Some(text.clone()),
        SqlValue::Integer(_) => return Err(StoreError::Corrupt),
    };
    let (SqlValue::Integer(created), SqlValue::Integer(updated)) = (created, updated) else {
        return Err(StoreError::Corrupt);
    };
    let id = CustomerId::parse(id).map_err(|_| StoreError::Corrupt)?;
    let times = (Timestamp::from_millis(*created), Timestamp::from_millis(*updated));
    Ok(Kept {
        number: u64::try_from(*number).map_err(|_| StoreError::Corrupt)?,
        record: Record::load(id, fields, times).ok_or(StoreError::Corrupt)?,
        fingerprint,
    })
}

fn times(record: &Record) -> [SqlValue; 2] {
    [record.created_at, record.updated_at].map(|time| SqlValue::Integer(time.as_millis()))
}

fn place(number: u64) -> Result<SqlValue, StoreError> {
    i64::try_from(number).map(SqlValue::Integer).map_err(|_| StoreError::Corrupt)
}
