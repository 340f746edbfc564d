//! One customer's account as the decisions see it: open grants and holds, totals, and the position reached.

use alloc::collections::BTreeMap;

use crate::ids::Owner;
use crate::ledger::entry::Totals;
use crate::ledger::grant::Grant;
use crate::ledger::hold::Hold;
use crate::ledger::writes::{AlarmIntent, Writes};
use crate::time::Timestamp;

/// The state of one customer's ledger. Everything in it can be loaded from the last entry and the
/// open grants and holds, so memory is only a cache of storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub(super) owner: Owner,
    /// Sequence number of the last entry; 0 before the first.
    pub(super) sequence: u64,
    /// Time of the last entry: ledger time never falls behind it.
    pub(super) time: Timestamp,
    pub(super) totals: Totals,
    /// Open grants by sequence number.
    pub(super) grants: BTreeMap<u64, Grant>,
    /// Open holds by sequence number.
    pub(super) holds: BTreeMap<u64, Hold>,
    /// Whether the customer was taken away: nothing new is accepted then.
    pub(super) closed: bool,
}

/// The stored rows contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

impl Account {
    /// A customer without entries.
    #[must_use]
    pub fn new(owner: Owner) -> Self {
        Self {
            owner,
            sequence: 0,
            time: Timestamp::EPOCH,
            totals: Totals::default(),
            grants: BTreeMap::new(),
            holds: BTreeMap::new(),
            closed: false,
        }
    }

    /// Whose account it is.
    #[must_use]
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Sequence number of the last entry; 0 before the first.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Closes the account for good: from now on [`super::decide`] refuses what it has not done before.
    /// Payments are still entered, for they have happened; and what is due still falls due.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether the account was closed.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Ledger time at `now`: of the next entry.
    #[must_use]
    pub fn time_at(&self, now: Timestamp) -> Timestamp {
        now.max(self.time)
    }

    /// The open holds, oldest first, as the last write left them.
    pub fn open_holds(&self) -> impl DoubleEndedIterator<Item = &Hold> {
        self.holds.values()
    }

    /// Those of them whose time is not over at `now`.
    pub fn open_holds_at(&self, now: Timestamp) -> impl DoubleEndedIterator<Item = &Hold> {
        let time = now.max(self.time);
        self.open_holds().filter(move |hold| hold.expires_at > time)
    }

    /// Counts and overage per unit.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Brings the account to the state after `writes`. Call it after they are stored, never before:
    /// a failed commit must leave memory as it was.
    pub fn apply(&mut self, writes: &Writes) {
        for grant in &writes.grants {
            if grant.is_open() {
                self.grants.insert(grant.sequence, grant.clone());
            } else {
                self.grants.remove(&grant.sequence);
            }
        }
        for hold in &writes.holds {
            if hold.is_open() {
                self.holds.insert(hold.sequence, hold.clone());
            } else {
                self.holds.remove(&hold.sequence);
            }
        }
        if let Some(last) = writes.entries.last() {
            self.sequence = last.sequence;
            self.time = last.time;
            self.totals = last.totals.clone();
        }
    }

    /// When the ledger itself has to act next, whatever is asked of it.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let ends = self.holds.values().map(|hold| hold.expires_at);
        self.grants.values().filter_map(|grant| grant.due().map(|(time, _)| time)).chain(ends).min()
    }

    /// The alarm that must stand after a restart, or after an alarm has fired.
    #[must_use]
    pub fn rearm(&self) -> AlarmIntent {
        self.next_due().map_or(AlarmIntent::Clear, AlarmIntent::Set)
    }
}
