//! What a keeper needs of whatever keeps its rows.

use alloc::vec::Vec;

use crate::cache::holds::LocalHold;
use crate::cache::notices::Notice;
use crate::cache::rows::{OutboxRow, Record, Writes};
use crate::cache::state::{Head, UnitState};
use crate::ids::{Owner, TransactionId};
use crate::ledger::Corrupt;
use crate::time::Timestamp;

/// What a cache is loaded from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Whose it is.
    pub owner: Owner,
    /// Every unit.
    pub units: Vec<UnitState>,
    /// What is one per customer.
    pub head: Head,
    /// The open holds that are local to the cache, by number.
    pub holds: Vec<LocalHold>,
}

/// Where the rows are kept. Every method sees what was committed before it, and nothing else.
pub trait Store {
    /// Why it failed.
    type Error: From<Corrupt>;

    /// All but the rows; `None` before the first commit.
    ///
    /// # Errors
    /// The store's own, here and below.
    fn load(&self) -> Result<Option<Stored>, Self::Error>;
    /// Touches what is stored: the number of conversations begun, 0 before the first commit. An
    /// instance that has been replaced learns it so, before it answers from memory.
    ///
    /// # Errors
    /// The store's own.
    fn conversations(&self) -> Result<u64, Self::Error>;
    /// A record by its id.
    ///
    /// # Errors
    /// The store's own.
    fn record(&self, id: &TransactionId, now: Timestamp) -> Result<Option<Record>, Self::Error>;
    /// The first rows, by position, that are due ([`OutboxRow::is_due`]).
    ///
    /// # Errors
    /// The store's own.
    fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<OutboxRow>, Self::Error>;
    /// When the earliest row that is not quarantined is due.
    ///
    /// # Errors
    /// The store's own.
    fn next_due(&self) -> Result<Option<Timestamp>, Self::Error>;
    /// Rows by their positions; those that are gone are left out.
    ///
    /// # Errors
    /// The store's own.
    fn rows(&self, positions: &[u64]) -> Result<Vec<OutboxRow>, Self::Error>;
    /// The row of a charge.
    ///
    /// # Errors
    /// The store's own.
    fn row_of(&self, id: &TransactionId) -> Result<Option<OutboxRow>, Self::Error>;
    /// The first rows after a position, quarantined ones included.
    ///
    /// # Errors
    /// The store's own.
    fn open(&self, after: u64, limit: u32) -> Result<Vec<OutboxRow>, Self::Error>;
    /// The first notices, by id.
    ///
    /// # Errors
    /// The store's own.
    fn notices(&self, limit: usize) -> Result<Vec<Notice>, Self::Error>;
    /// A hold that is local to the cache, open or not.
    ///
    /// # Errors
    /// The store's own.
    fn hold(&self, id: &TransactionId) -> Result<Option<LocalHold>, Self::Error>;
    /// Keeps all of it, the alarm included, or nothing. Whether a commit that failed was kept is
    /// open.
    ///
    /// # Errors
    /// The store's own.
    fn commit(&mut self, owner: &Owner, writes: &Writes, now: Timestamp)
    -> Result<(), Self::Error>;
}
