//! SQLite in memory as an object's storage, for tests: with an alarm, and failures on demand.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use edge_credits_core::ledger::stored::SqlValue;
use edge_credits_core::time::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, StatementStatus, params_from_iter};

use super::{Row, Storage, StorageError};

/// A database that outlives the ledger on it, as a disk outlives a process.
#[derive(Clone)]
pub(crate) struct Sqlite(Rc<Disk>);

struct Disk {
    connection: Connection,
    alarm: Cell<Option<Timestamp>>,
    /// Every statement that was run.
    statements: RefCell<Vec<String>>,
    /// How many steps SQLite's machine has made for queries.
    steps: Cell<u64>,
    /// How many operations succeed before one fails.
    good_for: Cell<usize>,
    /// Whether one has.
    failed: Cell<bool>,
}

impl Sqlite {
    pub(crate) fn new() -> Self {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("PRAGMA foreign_keys = ON").unwrap();
        Self(Rc::new(Disk {
            connection,
            alarm: Cell::default(),
            statements: RefCell::default(),
            steps: Cell::default(),
            good_for: Cell::new(usize::MAX),
            failed: Cell::default(),
        }))
    }

    /// Lets `operations` succeed and fails all that follow, the commit included.
    pub(crate) fn fail_after(&self, operations: usize) {
        self.0.good_for.set(operations);
        self.0.failed.set(false);
    }

    pub(crate) fn heal(&self) {
        self.0.good_for.set(usize::MAX);
    }

    /// Whether an operation has failed since `fail_after`.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.failed.get()
    }

    pub(crate) fn alarm(&self) -> Option<Timestamp> {
        self.0.alarm.get()
    }

    /// Takes the alarm away behind the ledger's back; true when one stood.
    pub(crate) fn lose_alarm(&self) -> bool {
        self.0.alarm.take().is_some()
    }

    /// The statements that were run since the last call.
    pub(crate) fn statements(&self) -> Vec<String> {
        self.0.statements.take()
    }

    /// The steps that SQLite's machine has made for queries since the last call: what they cost,
    /// whatever the machine.
    pub(crate) fn steps(&self) -> u64 {
        self.0.steps.take()
    }

    /// Runs SQL behind the ledger's back.
    pub(crate) fn raw(&self, sql: &str) -> rusqlite::Result<()> {
        self.0.connection.execute_batch(sql)
    }

    /// The steps by which SQLite would run a statement.
    pub(crate) fn plan(&self, sql: &str) -> String {
        let mut statement =
            self.0.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
        let rows = statement.query_map(params_from_iter(nulls), |row| row.get::<_, String>(3));
        rows.unwrap().map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    fn operate(&self) -> Result<(), StorageError> {
        let left = self.0.good_for.get().checked_sub(1);
        self.0.failed.set(self.0.failed.get() || left.is_none());
        left.map(|left| self.0.good_for.set(left)).ok_or_else(|| failed("the disk is gone"))
    }

    fn rows(&self, sql: &str, values: &[SqlValue]) -> rusqlite::Result<Vec<Row>> {
        let mut statement = self.0.connection.prepare(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(values.iter().map(bound)))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let value = |index| row.get_ref(index).map(read);
            all.push((0..columns).map(value).collect::<Result<Row, _>>()?);
        }
        drop(rows);
        let steps = statement.get_status(StatementStatus::VmStep);
        self.0.steps.set(self.0.steps.get() + u64::try_from(steps).unwrap_or(0));
        Ok(all)
    }
}

impl Storage for Sqlite {
    fn query(&self, sql: &str, values: &[SqlValue]) -> Result<Vec<Row>, StorageError> {
        self.operate()?;
        self.0.statements.borrow_mut().push(sql.to_owned());
        self.rows(sql, values).map_err(failed)
    }

    fn execute(&self, sql: &str, values: &[SqlValue]) -> Result<(), StorageError> {
        self.operate()?;
        self.0.statements.borrow_mut().push(sql.to_owned());
        let changed = self.0.connection.execute(sql, params_from_iter(values.iter().map(bound)));
        match changed.map_err(failed)? {
            0 if !values.is_empty() => Err(failed("a statement changed nothing")),
            _ => Ok(()),
        }
    }

    fn set_alarm(&self, due: Option<Timestamp>) -> Result<(), StorageError> {
        self.operate()?;
        self.0.alarm.set(due);
        Ok(())
    }

    fn transaction(
        &self,
        work: &mut dyn FnMut() -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let alarm = self.0.alarm.get();
        self.raw("BEGIN").map_err(failed)?;
        let result = work().and_then(|()| self.operate());
        match result {
            Ok(()) => self.raw("COMMIT").map_err(failed),
            Err(error) => {
                self.0.alarm.set(alarm);
                self.raw("ROLLBACK").map_err(failed)?;
                Err(error)
            }
        }
    }
}

fn failed(error: impl ToString) -> StorageError {
    StorageError(error.to_string())
}

/// Integers as doubles, which is how they reach the database in production.
#[expect(clippy::cast_precision_loss, reason = "as in production")]
fn bound(value: &SqlValue) -> rusqlite::types::Value {
    match value {
        SqlValue::Null => rusqlite::types::Value::Null,
        SqlValue::Integer(number) => rusqlite::types::Value::Real(*number as f64),
        SqlValue::Text(text) => rusqlite::types::Value::Text(text.clone()),
    }
}

fn read(value: ValueRef<'_>) -> SqlValue {
    match value {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(number) => SqlValue::Integer(number),
        ValueRef::Text(text) => SqlValue::Text(String::from_utf8(text.to_vec()).unwrap()),
        ValueRef::Real(_) | ValueRef::Blob(_) => panic!("no column holds such a value"),
    }
}
