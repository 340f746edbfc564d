//! A store that fails: rows in maps, and commits that are lost, kept or torn.
//!
//! It promises what a Durable Object's SQLite promises: a commit is kept whole or not at all, the
//! alarm included, and whether one that failed was kept is open. The switches break that promise.

use std::collections::BTreeMap;

use edge_credits_core::cache::stored::{
    head_from_row, head_to_row, local_hold_from_row, local_hold_to_row, notice_from_row,
    notice_to_row, outbox_from_row, outbox_to_row, record_from_row, record_to_row, unit_from_row,
    unit_to_row,
};
use edge_credits_core::cache::{
    Head, LocalHold, Notice, OutboxRow, Record, Store, Stored, UnitState, Writes,
};
use edge_credits_core::ids::{Owner, TransactionId, Unit};
use edge_credits_core::ledger::{AlarmIntent, Corrupt};
use edge_credits_core::time::Timestamp;

use crate::mutants::Switch;

/// What becomes of the next commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    #[default]
    Kept,
    /// It fails, and nothing of it is there.
    FailsLost,
    /// It fails, and all of it is there.
    FailsKept,
}

/// Why a step did not end.
#[derive(Debug)]
pub(crate) enum DiskError {
    Failed,
    Corrupt,
}

impl From<Corrupt> for DiskError {
    fn from(_: Corrupt) -> Self {
        Self::Corrupt
    }
}

/// One customer's rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    owner: Option<Owner>,
    pub(crate) units: BTreeMap<Unit, UnitState>,
    pub(crate) head: Head,
    pub(crate) records: BTreeMap<TransactionId, Record>,
    pub(crate) outbox: BTreeMap<u64, OutboxRow>,
    notices: BTreeMap<u64, Notice>,
    /// By number.
    pub(crate) holds: BTreeMap<u64, LocalHold>,
    /// When the platform would wake the object, by the object's clock.
    pub(crate) alarm: Option<Timestamp>,
    /// How often the alarm has been set.
    pub(crate) alarms_set: u64,
    pub(crate) fate: Fate,
    /// What was kept since the auditor last looked.
    pub(crate) journal: Vec<Writes>,
    pub(crate) switch: Option<Switch>,
    /// For [`Switch::KeyCheckOutside`]: the charge's record is not seen.
    pub(crate) blind: bool,
}

impl Disk {
    pub(crate) fn new(switch: Option<Switch>) -> Self {
        Self { switch, ..Self::default() }
    }

    /// What a cache is loaded from.
    pub(crate) fn stored(&self, owner: Owner) -> Stored {
        let units = self.units.values().cloned().collect();
        let open = self.holds.values().filter(|local| local.hold.is_open());
        Stored { owner, units, head: self.head.clone(), holds: open.cloned().collect() }
    }

    /// Whether the tables would take it: what a charge or a hold was is never changed.
    fn takes(&self, writes: &Writes) -> bool {
        let record = |new: &Record| {
            self.records.get(&new.id).is_none_or(|old| old.fingerprint == new.fingerprint)
        };
        let row = |new: &OutboxRow| {
            let same = |old: &OutboxRow| (&old.id, &old.body) == (&new.id, &new.body);
            self.outbox.get(&new.position).is_none_or(same)
        };
        let hold = |new: &LocalHold| {
            let same = |old: &LocalHold| old.hold.id == new.hold.id && old.hold.is_open();
            self.holds.get(&new.hold.sequence).is_none_or(same)
        };
        writes.records.iter().all(record)
            && writes.outbox.iter().all(row)
            && writes.holds.iter().all(hold)
    }

    fn keep_rows(&mut self, writes: &Writes) {
        for row in &writes.outbox {
            self.outbox.insert(row.position, row.clone());
        }
        for record in &writes.records {
            self.records.insert(record.id.clone(), record.clone());
        }
    }

    fn keep(&mut self, writes: &Writes) {
        self.keep_rows(writes);
        for position in &writes.settled {
            self.outbox.remove(position);
        }
        for unit in &writes.units {
            self.units.insert(unit.unit.clone(), unit.clone());
        }
        if let Some(head) = &writes.head {
            self.head = head.clone();
        }
        for local in &writes.holds {
            self.holds.insert(local.hold.sequence, local.clone());
        }
        for notice in &writes.notices {
            self.notices.insert(notice.id, notice.clone());
        }
        for id in &writes.told {
            self.notices.remove(id);
        }
        match writes.alarm {
            AlarmIntent::Keep => {}
            AlarmIntent::Set(due) => {
                self.alarm = Some(due);
                self.alarms_set += 1;
            }
            AlarmIntent::Clear => self.alarm = None,
        }
        self.journal.push(writes.clone());
    }

    /// Sends every row through the stored form and back, as a start with another build does.
    pub(crate) fn recode(&mut self) -> Result<(), Corrupt> {
        for unit in self.units.values_mut() {
            *unit = unit_from_row(unit_to_row(unit)?)?;
        }
        for record in self.records.values_mut() {
            *record = record_from_row(record_to_row(record))?;
        }
        for row in self.outbox.values_mut() {
            *row = outbox_from_row(outbox_to_row(row)?)?;
        }
        for notice in self.notices.values_mut() {
            *notice = notice_from_row(notice_to_row(notice)?)?;
        }
        for local in self.holds.values_mut() {
            *local = local_hold_from_row(local_hold_to_row(local)?)?;
        }
        self.head = head_from_row(head_to_row(&self.head)?)?;
        Ok(())
    }
}

impl Store for Disk {
    type Error = DiskError;

    fn load(&self) -> Result<Option<Stored>, DiskError> {
        Ok(self.owner.clone().map(|owner| self.stored(owner)))
    }

    fn conversations(&self) -> Result<u64, DiskError> {
        Ok(self.head.conversations)
    }

    fn record(&self, id: &TransactionId, _now: Timestamp) -> Result<Option<Record>, DiskError> {
        Ok(self.records.get(id).filter(|_| !self.blind).cloned())
    }

    fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<OutboxRow>, DiskError> {
        let due = self.outbox.values().filter(|row| row.is_due(now));
        Ok(due.take(limit as usize).cloned().collect())
    }

    fn next_due(&self) -> Result<Option<Timestamp>, DiskError> {
        let rows = self.outbox.values().filter(|row| row.quarantined.is_none());
        Ok(rows.map(|row| row.due_at).min())
    }

    fn rows(&self, positions: &[u64]) -> Result<Vec<OutboxRow>, DiskError> {
        Ok(positions.iter().filter_map(|position| self.outbox.get(position)).cloned().collect())
    }

    fn row_of(&self, id: &TransactionId) -> Result<Option<OutboxRow>, DiskError> {
        Ok(self.outbox.values().find(|row| row.id == *id).cloned())
    }

    fn open(&self, after: u64, limit: u32) -> Result<Vec<OutboxRow>, DiskError> {
        let rows = self.outbox.range(after + 1..);
        Ok(rows.take(limit as usize).map(|(_, row)| row.clone()).collect())
    }

    fn notices(&self, limit: usize) -> Result<Vec<Notice>, DiskError> {
        Ok(self.notices.values().take(limit).cloned().collect())
    }

    fn hold(&self, id: &TransactionId) -> Result<Option<LocalHold>, DiskError> {
        Ok(self.holds.values().find(|local| local.hold.id == *id).cloned())
    }

    fn commit(&mut self, owner: &Owner, writes: &Writes, _now: Timestamp) -> Result<(), DiskError> {
        if !self.takes(writes) {
            return Err(DiskError::Corrupt);
        }
        match std::mem::take(&mut self.fate) {
            Fate::Kept => {}
            Fate::FailsLost if self.switch == Some(Switch::AckBeforeCommit) => return Ok(()),
            Fate::FailsLost => {
                if self.switch == Some(Switch::TornCommit) {
                    self.keep_rows(writes);
                }
                return Err(DiskError::Failed);
            }
            Fate::FailsKept => {
                self.owner.get_or_insert_with(|| owner.clone());
                self.keep(writes);
                return Err(DiskError::Failed);
            }
        }
        self.owner.get_or_insert_with(|| owner.clone());
        self.keep(writes);
        Ok(())
    }
}
