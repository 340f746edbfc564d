//! A ledger's store: rows in maps, and commits that are lost, kept or torn.
//!
//! It promises what a Durable Object's SQLite promises: a transaction is kept whole or not at all, the
//! alarm included, whether one that failed was kept is open, and two rows never have the same key.
//! Rows are kept in the core's stored form, so that every load goes through it.

use core::mem;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use edge_credits_core::analytics::day::Day;
use edge_credits_core::ids::{Owner, TransactionId};
use edge_credits_core::ledger::stored::{
    SqlValue, entry_from_row, entry_to_row, grant_from_row, grant_to_row, hold_from_row,
    hold_to_row,
};
use edge_credits_core::ledger::{
    Account, AlarmIntent, Corrupt, Entry, Found, Grant, Hold, Lookups, Writes,
};
use edge_credits_core::plan::Plan;
use edge_credits_core::time::Timestamp;
use edge_credits_core::usage::{DaySums, Rows, Run, SignalType, UsageDecision, UsageLookups};

use crate::disk::Fate;

type Row = Vec<SqlValue>;

/// Why a step did not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DiskError {
    Failed,
    /// A row with this key is there already.
    Twice,
    Corrupt,
}

impl From<Corrupt> for DiskError {
    fn from(_: Corrupt) -> Self {
        Self::Corrupt
    }
}

/// One customer's rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    entries: BTreeMap<u64, Row>,
    by_id: BTreeMap<TransactionId, u64>,
    grants: BTreeMap<u64, Row>,
    holds: BTreeMap<u64, Row>,
    /// The holds whose rows are not open.
    ended: BTreeSet<u64>,
    /// What signals have written besides: runs by outcome and id, sums by day.
    runs: BTreeMap<(String, String), Run>,
    days: BTreeMap<(Day, SignalType), DaySums>,
    /// Runs opened, and completed.
    pub(super) counts: (u64, u64),
    /// The plan, as it is stored, and whether the customer was taken away.
    pub(super) plan: Option<String>,
    pub(super) closed: bool,
    /// What the next commit writes of signals.
    pub(super) beside: Option<UsageDecision>,
    /// What the alarm was last set for, as the object remembers it.
    pub(super) alarm_due: Option<Timestamp>,
    /// When the platform would wake the object, by the object's clock.
    pub(super) alarm: Option<Timestamp>,
    /// How often the alarm has been set.
    pub(super) alarms_set: u64,
    /// What becomes of the next commit, and whether the next read fails.
    pub(super) fate: Fate,
    pub(super) read_fails: bool,
    /// A mistake: a commit that fails leaves its entries behind.
    pub(super) torn: bool,
}

impl Disk {
    pub(super) fn new(torn: bool) -> Self {
        Self { torn, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The account that the rows describe.
    pub(super) fn load(&mut self, owner: &Owner) -> Result<Account, DiskError> {
        self.read()?;
        let last = self.entries.values().next_back().cloned().map(entry_from_row).transpose()?;
        let (mut grants, mut holds) = (self.grants()?, self.holds()?);
        grants.retain(Grant::is_open);
        holds.retain(Hold::is_open);
        let mut account = Account::load(owner.clone(), last, (grants, holds))?;
        if self.closed {
            account.close();
        }
        Ok(account)
    }

    /// The rows that signals need besides the account.
    pub(super) fn usage_rows(
        &mut self,
        wanted: &UsageLookups,
        day: Day,
    ) -> Result<Rows, DiskError> {
        self.read()?;
        let entries = wanted.entries.iter().map(|id| self.entry(id));
        let entries = entries.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        let takes = |run: &&Run| {
            wanted.runs.iter().any(|wanted| match &wanted.id {
                Some(id) => run.id == *id,
                None => run.unnamed && !run.complete,
            })
        };
        let runs = self.runs.values().filter(takes).cloned().collect();
        let days = self.days.values().filter(|sums| sums.day == day).copied().collect();
        Ok(Rows { entries, runs, days })
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.values()
    }

    pub(super) fn days(&self) -> impl Iterator<Item = DaySums> {
        self.days.values().copied()
    }

    pub(super) fn keep_days(&mut self, days: &[DaySums]) {
        self.days.extend(days.iter().map(|sums| ((sums.day, sums.kind), *sums)));
    }

    pub(super) fn plan(&mut self) -> Result<Option<Plan>, DiskError> {
        let plan = self.plan.as_deref();
        plan.map(|text| Plan::load(text).ok_or(DiskError::Corrupt)).transpose()
    }

    /// Keeps what concerns the customer as a whole, as far as fate allows. Returns whether it was kept,
    /// beside whether it worked.
    pub(super) fn keep_standing(
        &mut self,
        change: impl FnOnce(&mut Self),
    ) -> (bool, Result<(), DiskError>) {
        let fate = mem::take(&mut self.fate);
        if fate != Fate::FailsLost {
            change(self);
        }
        let result = if fate == Fate::Kept { Ok(()) } else { Err(DiskError::Failed) };
        (fate != Fate::FailsLost, result)
    }

    fn read(&mut self) -> Result<(), DiskError> {
        if mem::take(&mut self.read_fails) { Err(DiskError::Failed) } else { Ok(()) }
    }

    pub(super) fn grants(&self) -> Result<Vec<Grant>, Corrupt> {
        self.grants.values().cloned().map(grant_from_row).collect()
    }

    pub(super) fn holds(&self) -> Result<Vec<Hold>, Corrupt> {
        self.holds.values().cloned().map(hold_from_row).collect()
    }

    fn entry(&self, id: &TransactionId) -> Result<Option<Entry>, Corrupt> {
        let row = self.by_id.get(id).and_then(|sequence| self.entries.get(sequence));
        row.cloned().map(entry_from_row).transpose()
    }

    pub(super) fn hold(&mut self, id: &TransactionId) -> Result<Option<Hold>, DiskError> {
        self.read()?;
        Ok(self.known_hold(id)?)
    }

    fn known_hold(&self, id: &TransactionId) -> Result<Option<Hold>, Corrupt> {
        let row = self.by_id.get(id).and_then(|sequence| self.holds.get(sequence));
        row.cloned().map(hold_from_row).transpose()
    }

    /// The rows that a decision needs besides the account.
    pub(super) fn find(&mut self, lookups: &Lookups) -> Result<Found, DiskError> {
        self.read()?;
        let mut found = Found { record: self.entry(&lookups.record)?, ..Found::default() };
        let mut grants: Vec<u64> = Vec::new();
        if let Some(charge) = &lookups.charge {
            found.charge = self.entry(charge)?;
            for row in self.entries.values() {
                let entry = entry_from_row(row.clone())?;
                if entry.refund_of.as_ref() == Some(charge) {
                    found.refunds.push(entry);
                }
            }
            let draws = found.charge.iter().flat_map(|charge| &charge.draws);
            grants.extend(draws.map(|draw| draw.grant));
        }
        grants.extend(lookups.grant.as_ref().and_then(|grant| self.by_id.get(grant)));
        let rows = grants.iter().filter_map(|sequence| self.grants.get(sequence));
        found.grants = rows.cloned().map(grant_from_row).collect::<Result<_, _>>()?;
        if let Some(hold) = &lookups.hold {
            found.hold = self.known_hold(hold)?;
        }
        Ok(found)
    }

    /// Keeps a decision, as far as fate allows. Returns what was kept, beside whether it worked.
    pub(super) fn commit(
        &mut self,
        writes: &Writes,
        now: Timestamp,
    ) -> (Option<Writes>, Result<(), DiskError>) {
        let fate = mem::take(&mut self.fate);
        let failed = if fate == Fate::Kept { Ok(()) } else { Err(DiskError::Failed) };
        let kept = match fate {
            Fate::FailsLost if !self.torn => return (None, failed),
            Fate::FailsLost => {
                self.beside = None;
                Writes { entries: writes.entries.clone(), ..Writes::default() }
            }
            Fate::Kept | Fate::FailsKept => writes.clone(),
        };
        match self.keep(&kept, now) {
            Ok(()) => (Some(kept), failed),
            Err(error) => (None, Err(error)),
        }
    }

    /// Keeps all of it or, where it cannot be, nothing.
    fn keep(&mut self, writes: &Writes, now: Timestamp) -> Result<(), DiskError> {
        let Writes { entries, grants, holds, alarm } = writes;
        let there = |entry: &Entry| {
            self.entries.contains_key(&entry.sequence) || self.by_id.contains_key(&entry.id)
        };
        if entries.iter().any(there) {
            return Err(DiskError::Twice);
        }
        let entry_rows = entries.iter().map(entry_to_row).collect::<Result<Vec<_>, _>>()?;
        let grant_rows = grants.iter().map(grant_to_row).collect::<Result<Vec<_>, _>>()?;
        let hold_rows = holds.iter().map(hold_to_row).collect::<Result<Vec<_>, _>>()?;
        for (entry, row) in entries.iter().zip(entry_rows) {
            self.entries.insert(entry.sequence, row);
            self.by_id.insert(entry.id.clone(), entry.sequence);
        }
        self.grants.extend(grants.iter().map(|grant| grant.sequence).zip(grant_rows));
        for (hold, row) in holds.iter().zip(hold_rows) {
            // One that has ended changes no more, whatever is written.
            let ended = self.ended.contains(&hold.sequence);
            if !ended {
                self.holds.insert(hold.sequence, row);
            }
            if !hold.is_open() {
                self.ended.insert(hold.sequence);
            }
        }
        if let Some(UsageDecision { runs, days, counts, .. }) = self.beside.take() {
            let key = |run: Run| ((run.outcome.clone(), run.id.clone()), run);
            self.runs.extend(runs.into_iter().map(key));
            self.keep_days(&days);
            for count in counts {
                self.counts.0 += count.opened;
                self.counts.1 += count.completed;
            }
        }
        match alarm {
            AlarmIntent::Keep => {}
            AlarmIntent::Set(due) => {
                self.ring(Some(*due), now);
                self.alarm_due = Some(*due);
            }
            AlarmIntent::Clear => {
                self.ring(None, now);
                self.alarm_due = None;
            }
        }
        Ok(())
    }

    /// Sets the platform's alarm, not for the present moment.
    pub(super) fn ring(&mut self, due: Option<Timestamp>, now: Timestamp) {
        self.alarm = due.map(|due| due.max(now.plus(Duration::from_millis(1))));
        self.alarms_set += 1;
    }
}
