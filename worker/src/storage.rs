//! What the store needs of an object's storage, and how it fails.
//!
//! [`Storage`] is there so that the store's SQL runs in tests on SQLite itself, faults included; in
//! production there is one storage, [`crate::object_storage`].

use edge_credits_core::ledger::stored::SqlValue;
use edge_credits_core::time::Timestamp;

/// One row of a result, in the order of the statement's columns.
pub(crate) type Row = Vec<SqlValue>;

/// The storage failed. Whether a change was kept is then open, so memory is dropped and loaded
/// again. The text is for the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StorageError(pub(crate) String);

/// A SQLite database with one alarm, and transactions around both.
pub(crate) trait Storage {
    /// Runs a statement that returns rows, with its parameters, and returns them.
    ///
    /// # Errors
    /// [`StorageError`], also for a value that is neither null, a whole number nor text.
    fn query(&self, sql: &str, values: &[SqlValue]) -> Result<Vec<Row>, StorageError>;

    /// Runs a statement that changes something.
    ///
    /// # Errors
    /// [`StorageError`], also when nothing was changed by a statement with parameters.
    fn execute(&self, sql: &str, values: &[SqlValue]) -> Result<(), StorageError>;

    /// Sets the alarm, or takes it away.
    ///
    /// # Errors
    /// [`StorageError`].
    fn set_alarm(&self, due: Option<Timestamp>) -> Result<(), StorageError>;

    /// Runs `work` so that all of its changes are kept, the alarm included, or none.
    ///
    /// # Errors
    /// The error of `work`, or of the commit; nothing is kept then.
    fn transaction(
        &self,
        work: &mut dyn FnMut() -> Result<(), StorageError>,
    ) -> Result<(), StorageError>;
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
// Spelled out because tests/it takes this file in by its path.
#[path = "storage/sqlite.rs"]
pub(crate) mod sqlite;
