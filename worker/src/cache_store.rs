//! A cached balance's rows in SQL: [`edge_credits_core::cache::Store`] on an object's storage.
//!
//! Decides statements, and nothing about credits: rows go in and out in the core's own form, which
//! is checked there. The texts are constant, so that the runtime prepares each once; a charge costs
//! one lookup and one transaction.

use core::cell::Cell;
use core::time::Duration;

use edge_credits_core::cache::stored::{
    head_from_row, head_to_row, local_hold_from_row, local_hold_to_row, notice_from_row,
    notice_to_row, outbox_from_row, outbox_to_row, record_from_row, record_to_row, unit_from_row,
    unit_to_row,
};
use edge_credits_core::cache::{
    LONGEST_WAIT, LocalHold, Notice, OutboxRow, RECORD_LIFE, Record, Store, Stored, Writes,
};
use edge_credits_core::ids::{CustomerId, Environment, Owner, TransactionId};
use edge_credits_core::ledger::AlarmIntent;
use edge_credits_core::ledger::stored::SqlValue;
use edge_credits_core::time::Timestamp;

use crate::cache_schema::STEPS;
use crate::storage::{Row, Storage, StorageError};
use crate::store::{StoreError, read, ring, text};
use crate::{cache_sql as sql, schema};

/// Most records that one call of [`CacheStore::collect`] deletes.
pub(crate) const COLLECTED_AT_ONCE: usize = 500;

/// The rows of one cached balance.
pub(crate) struct CacheStore<S> {
    storage: S,
    /// Whether the tables exist; they come with the first commit.
    has_tables: Cell<bool>,
    /// The bucket of the oldest record.
    oldest: Cell<Option<i64>>,
}

impl<S: Storage> CacheStore<S> {
    /// The rows in a storage. Nothing is read yet.
    pub(crate) const fn new(storage: S) -> Self {
        Self { storage, has_tables: Cell::new(false), oldest: Cell::new(None) }
    }

    /// Whose balance it is; `None` before the first commit.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn owner(&self) -> Result<Option<Owner>, StoreError> {
        if schema::version_by(&self.storage, STEPS)? == 0 {
            return Ok(None);
        }
        let mut rows = self.storage.query(sql::OWNER, &[])?;
        owner(rows.pop().ok_or(StoreError::Corrupt)?.into_iter()).map(Some)
    }

    /// Deletes records that no repeat is owed an answer any more: those whose bucket ended a record's
    /// life ago and whose charge is settled. Returns whether there may be more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn collect(&self, now: Timestamp) -> Result<bool, StoreError> {
        let kept = bucket(now).saturating_sub(1);
        if !self.has_tables.get() || self.oldest.get().is_none_or(|oldest| oldest >= kept) {
            return Ok(false);
        }
        let values = [SqlValue::Integer(kept), SqlValue::Integer(kept * bucket_millis())];
        let deleted = self.storage.query(sql::COLLECT, &values)?.len();
        self.oldest.set(self.oldest_bucket()?);
        Ok(deleted >= COLLECTED_AT_ONCE)
    }

    /// Deletes holds that no repeat is owed an answer any more: those that ended a record's life ago.
    /// Returns whether there may be more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn collect_holds(&self, now: Timestamp) -> Result<bool, StoreError> {
        let life = i64::try_from(RECORD_LIFE.as_millis()).unwrap_or(i64::MAX);
        let kept = now.as_millis().saturating_sub(life);
        if !self.has_tables.get() {
            return Ok(false);
        }
        let oldest = self.storage.query(sql::OLDEST_HOLD, &[])?;
        match oldest.first().and_then(|row| row.first()) {
            Some(SqlValue::Integer(placed_at)) if *placed_at < kept => {}
            _ => return Ok(false),
        }
        let deleted = self.storage.query(sql::COLLECT_HOLDS, &[SqlValue::Integer(kept)])?.len();
        Ok(deleted >= COLLECTED_AT_ONCE)
    }

    fn oldest_bucket(&self) -> Result<Option<i64>, StoreError> {
        match first_value(self.storage.query(sql::OLDEST, &[])?)? {
            SqlValue::Integer(bucket) => Ok(Some(bucket)),
            SqlValue::Null => Ok(None),
            SqlValue::Text(_) => Err(StoreError::Corrupt),
        }
    }

    fn outbox(&self, statement: &str, values: &[SqlValue]) -> Result<Vec<OutboxRow>, StoreError> {
        if !self.has_tables.get() {
            return Ok(Vec::new());
        }
        read(self.storage.query(statement, values)?, outbox_from_row)
    }

    /// Everything of one commit. Runs inside a transaction.
    fn write(&self, owner: &Owner, writes: &Writes, now: Timestamp) -> Result<(), StoreError> {
        let storage = &self.storage;
        if !self.has_tables.get() {
            schema::migrate_by(storage, STEPS, 0, now)?;
            let names = [text(owner.environment.as_str()), text(owner.customer.as_str())];
            storage.execute(sql::BEGIN, &names)?;
        }
        for unit in &writes.units {
            storage.execute(sql::PUT_UNIT, &unit_to_row(unit)?)?;
        }
        for record in &writes.records {
            let mut row = vec![SqlValue::Integer(bucket(record.accepted_at))];
            row.extend(record_to_row(record));
            storage.execute(sql::PUT_RECORD, &row)?;
        }
        for row in &writes.outbox {
            storage.execute(sql::PUT_OUTBOX, &outbox_to_row(row)?)?;
        }
        if !writes.settled.is_empty() {
            storage.execute(sql::SETTLE, &[list(&writes.settled)])?;
        }
        for local in &writes.holds {
            storage.execute(sql::PUT_HOLD, &local_hold_to_row(local)?)?;
        }
        for notice in &writes.notices {
            storage.execute(sql::PUT_NOTICE, &notice_to_row(notice)?)?;
        }
        if !writes.told.is_empty() {
            storage.execute(sql::FORGET, &[list(&writes.told)])?;
        }
        if let Some(head) = &writes.head {
            storage.execute(sql::PUT_HEAD, &head_to_row(head)?)?;
        }
        match writes.alarm {
            AlarmIntent::Keep => {}
            AlarmIntent::Set(due) => ring(storage, Some(due), now)?,
            AlarmIntent::Clear => ring(storage, None, now)?,
        }
        Ok(())
    }
}

impl<S: Storage> Store for CacheStore<S> {
    type Error = StoreError;

    fn load(&self) -> Result<Option<Stored>, StoreError> {
        self.has_tables.set(false);
        let version = schema::version_by(&self.storage, STEPS)?;
        if version == 0 {
            return Ok(None);
        }
        if version < i64::try_from(STEPS.len()).unwrap_or(i64::MAX) {
            // A statement that fails rolls back, and the version stays as it was. Its time is unknown
            // here, and nothing depends on it.
            let mut steps = || schema::migrate_by(&self.storage, STEPS, version, Timestamp::EPOCH);
            self.storage.transaction(&mut steps)?;
        }
        let mut rows = self.storage.query(sql::HEAD, &[])?;
        let mut row = rows.pop().ok_or(StoreError::Corrupt)?.into_iter();
        let owner = owner(row.by_ref())?;
        let head = head_from_row(row.collect())?;
        let units = read(self.storage.query(sql::UNITS, &[])?, unit_from_row)?;
        let holds = read(self.storage.query(sql::OPEN_HOLDS, &[])?, local_hold_from_row)?;
        self.oldest.set(self.oldest_bucket()?);
        self.has_tables.set(true);
        Ok(Some(Stored { owner, units, head, holds }))
    }

    fn conversations(&self) -> Result<u64, StoreError> {
        if !self.has_tables.get() && schema::version_by(&self.storage, STEPS)? == 0 {
            return Ok(0);
        }
        match first_value(self.storage.query(sql::CONVERSATIONS, &[])?)? {
            SqlValue::Integer(count) => u64::try_from(count).map_err(|_| StoreError::Corrupt),
            _ => Err(StoreError::Corrupt),
        }
    }

    fn record(&self, id: &TransactionId, now: Timestamp) -> Result<Option<Record>, StoreError> {
        if !self.has_tables.get() {
            return Ok(None);
        }
        let (this, id) = (bucket(now), text(id.as_str()));
        let oldest = self.oldest.get().unwrap_or(this);
        let rows = if oldest.saturating_add(1) >= this {
            let near = [this.saturating_sub(1), this, this.saturating_add(1)];
            let [one, two, three] = near.map(SqlValue::Integer);
            self.storage.query(sql::RECORD, &[one, two, three, id])?
        } else {
            // Old records are about: of charges that wait, or not collected yet.
            let buckets: Vec<i64> = (oldest..=this.saturating_add(1)).collect();
            self.storage.query(sql::OLD_RECORD, &[list(&buckets), id])?
        };
        Ok(read(rows, record_from_row)?.pop())
    }

    fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let longest = now.plus(LONGEST_WAIT);
        let values = [now, longest].map(|time| SqlValue::Integer(time.as_millis()));
        let [now, longest] = values;
        self.outbox(sql::DUE, &[now, longest, SqlValue::Integer(limit.into())])
    }

    fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        if !self.has_tables.get() {
            return Ok(None);
        }
        match first_value(self.storage.query(sql::NEXT_DUE, &[])?)? {
            SqlValue::Integer(millis) => Ok(Some(Timestamp::from_millis(millis))),
            SqlValue::Null => Ok(None),
            SqlValue::Text(_) => Err(StoreError::Corrupt),
        }
    }

    fn rows(&self, positions: &[u64]) -> Result<Vec<OutboxRow>, StoreError> {
        if positions.is_empty() {
            return Ok(Vec::new());
        }
        self.outbox(sql::ROWS, &[list(positions)])
    }

    fn row_of(&self, id: &TransactionId) -> Result<Option<OutboxRow>, StoreError> {
        Ok(self.outbox(sql::ROW_OF, &[text(id.as_str())])?.pop())
    }

    fn open(&self, after: u64, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let after = SqlValue::Integer(i64::try_from(after).map_err(|_| StoreError::Corrupt)?);
        self.outbox(sql::OPEN, &[after, SqlValue::Integer(limit.into())])
    }

    fn notices(&self, limit: usize) -> Result<Vec<Notice>, StoreError> {
        if !self.has_tables.get() {
            return Ok(Vec::new());
        }
        let limit = SqlValue::Integer(i64::try_from(limit).unwrap_or(i64::MAX));
        read(self.storage.query(sql::NOTICES, &[limit])?, notice_from_row)
    }

    fn hold(&self, id: &TransactionId) -> Result<Option<LocalHold>, StoreError> {
        if !self.has_tables.get() {
            return Ok(None);
        }
        let rows = self.storage.query(sql::HOLD, &[text(id.as_str())])?;
        Ok(read(rows, local_hold_from_row)?.pop())
    }

    fn commit(&mut self, owner: &Owner, writes: &Writes, now: Timestamp) -> Result<(), StoreError> {
        let mut corrupt = false;
        let result = self.storage.transaction(&mut || {
            self.write(owner, writes, now).map_err(|error| match error {
                StoreError::Storage(error) => error,
                StoreError::Corrupt => {
                    corrupt = true;
                    StorageError("a row makes no sense".to_owned())
                }
            })
        });
        if corrupt {
            return Err(StoreError::Corrupt);
        }
        result?;
        self.has_tables.set(true);
        let buckets = writes.records.iter().map(|record| bucket(record.accepted_at));
        self.oldest.set(buckets.chain(self.oldest.get()).min());
        Ok(())
    }
}

/// Records are kept together by the record's life in which they were accepted.
fn bucket(time: Timestamp) -> i64 {
    time.as_millis().div_euclid(bucket_millis())
}

fn bucket_millis() -> i64 {
    i64::try_from(Duration::as_millis(&RECORD_LIFE)).unwrap_or(i64::MAX)
}

fn owner(mut row: impl Iterator<Item = SqlValue>) -> Result<Owner, StoreError> {
    let (Some(SqlValue::Text(environment)), Some(SqlValue::Text(customer))) =
        (row.next(), row.next())
    else {
        return Err(StoreError::Corrupt);
    };
    let environment = Environment::parse(&environment).ok_or(StoreError::Corrupt)?;
    let customer = CustomerId::parse(&customer).map_err(|_| StoreError::Corrupt)?;
    Ok(Owner { environment, customer })
}

fn first_value(mut rows: Vec<Row>) -> Result<SqlValue, StoreError> {
    rows.pop().and_then(|row| row.into_iter().next()).ok_or(StoreError::Corrupt)
}

/// Whole numbers as a JSON list, which is one parameter however many they are.
fn list<T: ToString>(numbers: &[T]) -> SqlValue {
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    SqlValue::Text(format!("[{}]", numbers.join(",")))
}
