//! A store in memory: for processes that live long, and for tests.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::cache::holds::LocalHold;
use crate::cache::notices::Notice;
use crate::cache::rows::{OutboxRow, Record, RecordState, Writes};
use crate::cache::state::{Head, UnitState, put_unit};
use crate::cache::store::{Store, Stored};
use crate::ids::{Owner, TransactionId};
use crate::ledger::{AlarmIntent, Corrupt};
use crate::time::Timestamp;

/// Most records that are kept once their charges are settled. One that has been dropped lets its key
/// be accepted again here; the upstream then knows it, answers as before, and charges nothing.
const MAX_RECORDS: usize = 10_000;

/// Rows in memory, in sorted lists: the code of maps and queues would be a quarter of the client's
/// module, and moving ten thousand pointers takes microseconds. It never fails, and it ends with its
/// process: what is still in the outbox then is lost, unless the process waits for it.
#[derive(Clone, Debug, Default)]
#[expect(clippy::vec_box, reason = "making room for one moves pointers only")]
pub struct MemoryStore {
    owner: Option<Owner>,
    units: Vec<UnitState>,
    head: Head,
    /// By id.
    records: Vec<Box<Record>>,
    /// Records by age.
    order: Vec<TransactionId>,
    /// By position.
    outbox: Vec<Box<OutboxRow>>,
    /// By id.
    notices: Vec<Notice>,
    /// By number. A process that ends with its memory places none; tests do.
    holds: Vec<Box<LocalHold>>,
    alarm: Option<Timestamp>,
}

impl MemoryStore {
    /// When the alarm would fire, for a shell that has none.
    #[must_use]
    pub const fn alarm(&self) -> Option<Timestamp> {
        self.alarm
    }

    /// The notices after a number, for a shell that tells them when they are made.
    pub fn notices_after(&self, id: u64) -> impl Iterator<Item = &Notice> {
        let start = self.notices.partition_point(|notice| notice.id <= id);
        self.notices.iter().skip(start)
    }

    fn remember(&mut self, record: &Record) {
        match self.record_at(&record.id) {
            Ok(at) => {
                if let Some(known) = self.records.get_mut(at) {
                    **known = record.clone();
                }
            }
            Err(at) => {
                self.records.insert(at, Box::new(record.clone()));
                self.order.push(record.id.clone());
            }
        }
        while self.order.len() > MAX_RECORDS {
            let oldest = self.order.remove(0);
            let open = self.outbox.iter().any(|row| row.id == oldest);
            let at = self.record_at(&oldest).ok();
            let known = at.and_then(|at| self.records.get(at));
            if open || known.is_some_and(|record| record.state == RecordState::Quarantined) {
                // Its fate is open: it stays, behind the youngest.
                self.order.push(oldest);
                return;
            }
            if let Some(at) = at {
                self.records.remove(at);
            }
        }
    }

    /// Where a record is, or belongs.
    fn record_at(&self, id: &TransactionId) -> Result<usize, usize> {
        self.records.binary_search_by(|record| record.id.cmp(id))
    }

    /// Where a row is, or belongs.
    fn row_at(&self, position: u64) -> Result<usize, usize> {
        self.outbox.binary_search_by(|row| row.position.cmp(&position))
    }

    fn put_row(&mut self, row: &OutboxRow) {
        match self.row_at(row.position) {
            Ok(at) => {
                if let Some(known) = self.outbox.get_mut(at) {
                    **known = row.clone();
                }
            }
            Err(at) => self.outbox.insert(at, Box::new(row.clone())),
        }
    }

    fn put_notice(&mut self, notice: &Notice) {
        match self.notice_at(notice.id) {
            Ok(at) => {
                if let Some(known) = self.notices.get_mut(at) {
                    *known = notice.clone();
                }
            }
            Err(at) => self.notices.insert(at, notice.clone()),
        }
    }

    /// Where a notice is, or belongs.
    fn notice_at(&self, id: u64) -> Result<usize, usize> {
        self.notices.binary_search_by(|notice| notice.id.cmp(&id))
    }
}

impl Store for MemoryStore {
    type Error = Corrupt;

    fn load(&self) -> Result<Option<Stored>, Corrupt> {
        let units = self.units.clone();
        let open = self.holds.iter().filter(|local| local.hold.is_open());
        let holds = open.map(|local| LocalHold::clone(local)).collect();
        let head = self.head.clone();
        Ok(self.owner.clone().map(|owner| Stored { owner, units, head, holds }))
    }

    fn conversations(&self) -> Result<u64, Corrupt> {
        Ok(self.head.conversations)
    }

    fn record(&self, id: &TransactionId, _now: Timestamp) -> Result<Option<Record>, Corrupt> {
        let found = self.record_at(id).ok().and_then(|at| self.records.get(at));
        Ok(found.map(|record| Record::clone(record)))
    }

    fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<OutboxRow>, Corrupt> {
        let due = self.outbox.iter().filter(|row| row.is_due(now));
        Ok(copies(due.take(usize::try_from(limit).unwrap_or(usize::MAX))))
    }

    fn next_due(&self) -> Result<Option<Timestamp>, Corrupt> {
        let rows = self.outbox.iter().filter(|row| row.quarantined.is_none());
        Ok(rows.map(|row| row.due_at).min())
    }

    fn rows(&self, positions: &[u64]) -> Result<Vec<OutboxRow>, Corrupt> {
        let row = |position: &u64| self.outbox.get(self.row_at(*position).ok()?);
        Ok(copies(positions.iter().filter_map(row)))
    }

    fn row_of(&self, id: &TransactionId) -> Result<Option<OutboxRow>, Corrupt> {
        Ok(self.outbox.iter().find(|row| row.id == *id).map(|row| OutboxRow::clone(row)))
    }

    fn open(&self, after: u64, limit: u32) -> Result<Vec<OutboxRow>, Corrupt> {
        let start = self.outbox.partition_point(|row| row.position <= after);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(copies(self.outbox.iter().skip(start).take(limit)))
    }

    fn notices(&self, limit: usize) -> Result<Vec<Notice>, Corrupt> {
        Ok(self.notices.iter().take(limit).cloned().collect())
    }

    fn hold(&self, id: &TransactionId) -> Result<Option<LocalHold>, Corrupt> {
        let found = self.holds.iter().find(|local| local.hold.id == *id);
        Ok(found.map(|local| LocalHold::clone(local)))
    }

    fn commit(&mut self, owner: &Owner, writes: &Writes, _now: Timestamp) -> Result<(), Corrupt> {
        self.owner.get_or_insert_with(|| owner.clone());
        for row in &writes.outbox {
            self.put_row(row);
        }
        for position in &writes.settled {
            if let Ok(at) = self.row_at(*position) {
                self.outbox.remove(at);
            }
        }
        for record in &writes.records {
            self.remember(record);
        }
        for unit in &writes.units {
            put_unit(&mut self.units, unit);
        }
        if let Some(head) = &writes.head {
            self.head = head.clone();
        }
        for notice in &writes.notices {
            self.put_notice(notice);
        }
        for id in &writes.told {
            if let Ok(at) = self.notice_at(*id) {
                self.notices.remove(at);
            }
        }
        for local in &writes.holds {
            self.holds.retain(|known| known.hold.sequence != local.hold.sequence);
            self.holds.push(Box::new(local.clone()));
        }
        match writes.alarm {
            AlarmIntent::Keep => {}
            AlarmIntent::Set(due) => self.alarm = Some(due),
            AlarmIntent::Clear => self.alarm = None,
        }
        Ok(())
    }
}

fn copies<'a>(rows: impl Iterator<Item = &'a Box<OutboxRow>>) -> Vec<OutboxRow> {
    rows.map(|row| OutboxRow::clone(row)).collect()
}
