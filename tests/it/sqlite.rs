//! The same rows behind the worker's own SQL, on SQLite itself.

use edge_credits_core::ids::TransactionId;
use edge_credits_core::ledger::{Account, AlarmIntent, Entry, Found, Hold, Lookups, Writes};
use edge_credits_core::time::Timestamp;

use crate::shelf::{Shelf, owner};
use crate::storage::sqlite::Sqlite;
use crate::storage::{Storage, StorageError};
use crate::{schema, store};

/// One object that has its tables.
pub(crate) struct Object(Sqlite);

impl Object {
    /// An object without an entry.
    pub(crate) fn new() -> Self {
        let storage = Sqlite::new();
        let make = || {
            schema::migrate(&storage, 0, Timestamp::EPOCH)?;
            schema::record_owner(&storage, &owner())
        };
        storage.transaction(&mut || make()).unwrap();
        assert_eq!(schema::version(&storage), Ok(schema::LATEST));
        Self(storage)
    }

    /// The entries that have these ids, by one statement.
    pub(crate) fn records(&self, ids: &[TransactionId]) -> Vec<Entry> {
        store::records(&self.0, ids).unwrap()
    }

    fn commit(&self, work: impl Fn() -> Result<(), store::StoreError>) {
        let failed = |error| StorageError(format!("{error:?}"));
        let kept = self.0.transaction(&mut || work().map_err(failed));
        assert_eq!(kept, Ok(()), "every decision can be kept");
    }
}

impl Shelf for Object {
    fn load(&self) -> Account {
        let (last, open) = store::account_rows(&self.0).unwrap();
        let owner = store::meta(&self.0).unwrap().owner;
        Account::load(owner, last, open).unwrap()
    }

    fn find(&self, lookups: &Lookups) -> Found {
        store::find(&self.0, lookups).unwrap()
    }

    fn hold(&self, id: &TransactionId) -> Option<Hold> {
        store::hold(&self.0, id).unwrap()
    }

    fn keep(&mut self, writes: &Writes, now: Timestamp) {
        self.commit(|| store::write(&self.0, writes, None, now));
    }

    fn set_alarm(&mut self, intent: AlarmIntent, now: Timestamp) {
        self.commit(|| store::set_alarm(&self.0, intent, None, now));
    }

    fn alarm(&self) -> Option<Timestamp> {
        let due = store::meta(&self.0).unwrap().alarm_due;
        let set = self.0.alarm();
        assert_eq!(set.is_some(), due.is_some(), "the alarm that stands is the one that is noted");
        assert!(set >= due, "it does not ring before its time");
        due
    }
}
