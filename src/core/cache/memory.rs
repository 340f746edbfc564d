//! A store in memory: for processes that live long, and for tests.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::cache::notices::Notice;
use crate::cache::rows::{OutboxRow, Record, RecordState, Writes};
use crate::cache::state::{Head, UnitState};
use crate::cache::store::{Store, Stored};
use crate::ids::{Owner, TransactionId, Unit};
use crate::ledger::{AlarmIntent, Corrupt};
use crate::time::Timestamp;

/// Most records that are kept once their charges are settled. One that has been dropped lets its key
/// be accepted again here; the upstream then knows it, answers as before, and charges nothing.
const MAX_RECORDS: usize = 10_000;

/// Rows in memory. It never fails, and it ends with its process: what is still in the outbox then is
/// lost, unless the process waits for it.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    owner: Option<Owner>,
    units: BTreeMap<Unit, UnitState>,
    head: Head,
    records: BTreeMap<TransactionId, Record>,
    /// Records by age.
    order: VecDeque<TransactionId>,
    outbox: BTreeMap<u64, OutboxRow>,
    notices: BTreeMap<u64, Notice>,
    alarm: Option<Timestamp>,
}

impl MemoryStore {
    /// When the alarm would fire, for a shell that has none.
    #[must_use]
    pub const fn alarm(&self) -> Option<Timestamp> {
        self.alarm
    }

    fn remember(&mut self, record: &Record) {
        if self.records.insert(record.id.clone(), record.clone()).is_none() {
            self.order.push_back(record.id.clone());
        }
        while self.order.len() > MAX_RECORDS {
            let Some(oldest) = self.order.pop_front() else { return };
            let open = self.outbox.values().any(|row| row.id == oldest);
            let known = self.records.get(&oldest);
            if open || known.is_some_and(|record| record.state == RecordState::Quarantined) {
                // Its fate is open: it stays, behind the youngest.
                self.order.push_back(oldest);
                return;
            }
            self.records.remove(&oldest);
        }
    }
}

impl Store for MemoryStore {
    type Error = Corrupt;

    fn load(&self) -> Result<Option<Stored>, Corrupt> {
        let units = self.units.values().cloned().collect();
        Ok(self.owner.clone().map(|owner| Stored { owner, units, head: self.head.clone() }))
    }

    fn conversations(&self) -> Result<u64, Corrupt> {
        Ok(self.head.conversations)
    }

    fn record(&self, id: &TransactionId, _now: Timestamp) -> Result<Option<Record>, Corrupt> {
        Ok(self.records.get(id).cloned())
    }

    fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<OutboxRow>, Corrupt> {
        let due = self.outbox.values().filter(|row| row.is_due(now));
        Ok(due.take(usize::try_from(limit).unwrap_or(usize::MAX)).cloned().collect())
    }

    fn next_due(&self) -> Result<Option<Timestamp>, Corrupt> {
        let rows = self.outbox.values().filter(|row| row.quarantined.is_none());
        Ok(rows.map(|row| row.due_at).min())
    }

    fn rows(&self, positions: &[u64]) -> Result<Vec<OutboxRow>, Corrupt> {
        Ok(positions.iter().filter_map(|position| self.outbox.get(position)).cloned().collect())
    }

    fn row_of(&self, id: &TransactionId) -> Result<Option<OutboxRow>, Corrupt> {
        Ok(self.outbox.values().find(|row| row.id == *id).cloned())
    }

    fn open(&self, after: u64, limit: u32) -> Result<Vec<OutboxRow>, Corrupt> {
        let rows = self.outbox.range(after.saturating_add(1)..);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(rows.take(limit).map(|(_, row)| row.clone()).collect())
    }

    fn notices(&self, limit: usize) -> Result<Vec<Notice>, Corrupt> {
        Ok(self.notices.values().take(limit).cloned().collect())
    }

    fn commit(&mut self, owner: &Owner, writes: &Writes, _now: Timestamp) -> Result<(), Corrupt> {
        self.owner.get_or_insert_with(|| owner.clone());
        for row in &writes.outbox {
            self.outbox.insert(row.position, row.clone());
        }
        for position in &writes.settled {
            self.outbox.remove(position);
        }
        for record in &writes.records {
            self.remember(record);
        }
        for unit in &writes.units {
            self.units.insert(unit.unit.clone(), unit.clone());
        }
        if let Some(head) = &writes.head {
            self.head = head.clone();
        }
        for notice in &writes.notices {
            self.notices.insert(notice.id, notice.clone());
        }
        for id in &writes.told {
            self.notices.remove(id);
        }
        match writes.alarm {
            AlarmIntent::Keep => {}
            AlarmIntent::Set(due) => self.alarm = Some(due),
            AlarmIntent::Clear => self.alarm = None,
        }
        Ok(())
    }
}
