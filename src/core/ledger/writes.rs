//! What a decision changes, as data: a store persists it, an account in memory applies it.

use alloc::vec::Vec;

use crate::ledger::entry::Entry;
use crate::ledger::grant::Grant;
use crate::ledger::hold::Hold;
use crate::time::Timestamp;

/// What a store must persist, all of it in one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writes {
    /// To append, in order.
    pub entries: Vec<Entry>,
    /// To insert or replace, by sequence number.
    pub grants: Vec<Grant>,
    /// To insert or replace, by sequence number.
    pub holds: Vec<Hold>,
    /// What to do with the alarm.
    pub alarm: AlarmIntent,
}

impl Writes {
    /// Whether there is nothing to persist.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let no_rows = self.entries.is_empty() && self.grants.is_empty() && self.holds.is_empty();
        no_rows && self.alarm == AlarmIntent::Keep
    }

    /// Joins what was decided on the account as these writes leave it: stored or applied together,
    /// the two come to the same as one after the other. Of a grant's or a hold's states only the last
    /// is kept.
    pub(crate) fn extend(&mut self, later: Self) {
        self.entries.extend(later.entries);
        for grant in later.grants {
            match self.grants.iter_mut().find(|known| known.sequence == grant.sequence) {
                Some(known) => *known = grant,
                None => self.grants.push(grant),
            }
        }
        for hold in later.holds {
            match self.holds.iter_mut().find(|known| known.sequence == hold.sequence) {
                Some(known) => *known = hold,
                None => self.holds.push(hold),
            }
        }
        if later.alarm != AlarmIntent::Keep {
            self.alarm = later.alarm;
        }
    }
}

/// What to do with the object's one alarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlarmIntent {
    /// It stands right.
    #[default]
    Keep,
    /// Set it for this instant, whatever it was.
    Set(Timestamp),
    /// Nothing will be due.
    Clear,
}
