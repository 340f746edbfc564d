//! What to say to the upstream next: one conversation at a time, a read or a batch of charges.
//!
//! A conversation is leased before it begins, with an expiry, so that one whose process died does
//! not block the next. While the upstream fails, a read is the probe and not a charge: a charge that
//! was never sent has no dedupe window to run out.

use alloc::vec::Vec;

use crate::cache::config::{
    CacheConfig, MAX_BACKOFF, MAX_BATCH_BYTES, MAX_BATCH_ROWS, MAX_SINGLE_ROWS,
};
use crate::cache::mutants::{self, Mutant};
use crate::cache::notices::{NoticeCharge, NoticeKind};
use crate::cache::rows::{OutboxRow, Record, RecordState, Writes};
use crate::cache::state::{Cache, Head, Lease, UnitState};
use crate::ids::Unit;
use crate::time::Timestamp;

/// What the cache wants of its shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Hold this conversation with the upstream, and report how it ended.
    Talk(Conversation),
    /// Another conversation is under way, until then at most.
    Busy {
        /// When its lease ends.
        until: Timestamp,
    },
    /// The upstream is left alone, or no charge is due, until then. The alarm is set.
    Wait {
        /// When there is something to do.
        until: Timestamp,
    },
    /// Nothing is to be done.
    Idle,
}

/// One exchange of words with the upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conversation {
    /// Read a balance.
    Read {
        /// Its number, to report its end.
        token: u64,
        /// Of which unit.
        unit: Unit,
    },
    /// Send charges.
    Send {
        /// Its number, to report its end.
        token: u64,
        /// Which, in order.
        rows: Vec<OutboxRow>,
        /// Whether they go as one batch; else each by itself, at once.
        batch: bool,
    },
}

/// The rows that a lease is chosen from.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Those of the last conversation, if it has not ended.
    pub(super) leased: Vec<OutboxRow>,
    /// Those that are due, oldest first.
    pub(super) due: Vec<OutboxRow>,
    /// When the earliest of the others is.
    pub(super) next_due: Option<Timestamp>,
    /// The records of rows that can no longer be sent.
    pub(super) expired: Vec<Record>,
}

/// While the upstream fails, every so many probes one charge is sent instead of a read.
const PROBES_BY_READ: u32 = 5;

/// Chooses the next conversation. `wanted` is a unit whose balance a call waits for.
pub(super) fn lease(
    cache: &Cache,
    found: Found,
    now: Timestamp,
    wanted: Option<&Unit>,
    config: &CacheConfig,
) -> (Next, Writes) {
    let mut writes = Writes::default();
    let mut head = cache.head.clone();
    if let Some(lease) = cache.live_lease(now, config.lease) {
        let until = lease.until;
        if cache.pending() > 0 {
            writes.alarm = head.arm(now, until);
        }
        return (Next::Busy { until }, with_head(writes, head, cache));
    }
    let rows = candidates(cache, &found, now, &mut writes);
    head.lease = None;
    if let Some(until) = head.health.resting(now, config.authority) {
        return (wait(cache, &mut head, &mut writes, now, until), with_head(writes, head, cache));
    }
    // A pause that does not count now must not count again when a clock that stepped back has caught
    // up with it.
    (head.health.rests_from, head.health.resume_at) = (None, None);
    let rows = guard_window(cache, &mut head, rows, &found, now, config, &mut writes);
    let failing = head.health.failures > 0 && !head.health.answered;
    // An upstream may fail to read and still take charges: one is tried now and then.
    let try_one = failing && head.health.failures.is_multiple_of(PROBES_BY_READ);
    let rows = if try_one { rows.into_iter().take(1).collect() } else { rows };
    let rows_wait = !rows.is_empty();
    let read = match wanted {
        Some(unit) if !rows_wait || (!try_one && (failing || !head.health.read_last)) => {
            Some(unit.clone())
        }
        _ if failing && !try_one => rows.first().map(|row| row.unit.clone()),
        _ => None,
    };
    if read.is_none() && !rows_wait {
        let next = match found.next_due {
            Some(due) if cache.pending() > 0 => {
                wait(cache, &mut head, &mut writes, now, due.min(now.plus(MAX_BACKOFF)))
            }
            _ => Next::Idle,
        };
        return (next, with_head(writes, head, cache));
    }
    let next = Next::Talk(begin(&mut head, read, rows, now, config));
    if cache.pending() > 0 {
        let until = now.plus(config.lease);
        writes.alarm = head.arm(now, until);
    }
    (next, with_head(writes, head, cache))
}

/// The rows that may be sent: those of a conversation that was never ended may have been applied.
fn candidates(cache: &Cache, found: &Found, now: Timestamp, writes: &mut Writes) -> Vec<OutboxRow> {
    let mut rows = Vec::new();
    if let Some(lease) = &cache.head.lease {
        for row in &found.leased {
            let mut row = row.clone();
            row.mark_unknown(lease.begun_at);
            writes.outbox.push(row.clone());
            if row.quarantined.is_none() {
                rows.push(row);
            }
        }
    }
    for row in &found.due {
        // Both are in order, and what was leased is seldom behind what is due.
        if let Err(at) = rows.binary_search_by(|other| other.position.cmp(&row.position)) {
            let mut row = row.clone();
            // Due at a time that a clock wrote which has stepped back since: not again then.
            if row.due_at > now {
                row.due_at = now;
                writes.outbox.push(row.clone());
            }
            rows.insert(at, row);
        }
    }
    rows
}

/// Quarantines what may not be sent any more (D8), and returns the others.
fn guard_window(
    cache: &Cache,
    head: &mut Head,
    rows: Vec<OutboxRow>,
    found: &Found,
    now: Timestamp,
    config: &CacheConfig,
    writes: &mut Writes,
) -> Vec<OutboxRow> {
    let mut kept = Vec::new();
    for row in rows {
        if !row.is_past_window(now, config) {
            kept.push(row);
            continue;
        }
        let record = found.expired.iter().find(|record| record.id == row.id);
        quarantine(cache, head, row, record, WINDOW_CODE, now, writes);
    }
    kept
}

/// Why a charge is not sent again: the upstream may have forgotten its key.
const WINDOW_CODE: &str = "dedupe_window_passed";

/// Takes a row out of what is sent, until an operator decides.
pub(super) fn quarantine(
    cache: &Cache,
    head: &mut Head,
    mut row: OutboxRow,
    record: Option<&Record>,
    code: &str,
    now: Timestamp,
    writes: &mut Writes,
) {
    if row.quarantined.is_some() {
        return;
    }
    row.quarantined = Some(code.into());
    change_unit(cache, writes, &row.unit, |unit| unit.quarantined += 1);
    if let Some(record) = record {
        let code = Some(code.into());
        writes.records.push(Record { state: RecordState::Quarantined, code, ..record.clone() });
    }
    let charge = Some(NoticeCharge::of(&row));
    writes.notices.push(head.notice(NoticeKind::Quarantined, code, now, charge));
    writes.outbox.retain(|other| other.position != row.position);
    writes.outbox.push(row);
}

/// Changes the state of a unit, as `writes` leave it so far.
pub(super) fn change_unit(
    cache: &Cache,
    writes: &mut Writes,
    unit: &Unit,
    change: impl FnOnce(&mut UnitState),
) {
    let at = writes.units.iter().position(|state| state.unit == *unit);
    let mut state = match at {
        Some(at) => writes.units.swap_remove(at),
        None => cache.unit_or_new(unit),
    };
    change(&mut state);
    writes.units.push(state);
}

fn begin(
    head: &mut Head,
    read: Option<Unit>,
    rows: Vec<OutboxRow>,
    now: Timestamp,
    config: &CacheConfig,
) -> Conversation {
    head.conversations += 1;
    let token = head.conversations;
    head.health.read_last = read.is_some();
    let batch = head.health.batches;
    let conversation = match read {
        Some(unit) => Conversation::Read { token, unit },
        None => Conversation::Send { token, rows: portion(rows, batch), batch },
    };
    let positions = match &conversation {
        Conversation::Read { .. } => Vec::new(),
        Conversation::Send { rows, .. } => rows.iter().map(|row| row.position).collect(),
    };
    let until = now.plus(config.lease);
    head.lease = Some(Lease { token, begun_at: now, until, positions });
    conversation
}

/// As many rows as one conversation sends.
fn portion(rows: Vec<OutboxRow>, batch: bool) -> Vec<OutboxRow> {
    let most = if batch { MAX_BATCH_ROWS } else { MAX_SINGLE_ROWS };
    let mut bytes = 0_usize;
    let fits = |row: &OutboxRow| {
        bytes = bytes.saturating_add(row.body.len() + 1);
        bytes <= MAX_BATCH_BYTES || !batch
    };
    rows.into_iter().take(most).take_while(fits).collect()
}

fn wait(
    cache: &Cache,
    head: &mut Head,
    writes: &mut Writes,
    now: Timestamp,
    until: Timestamp,
) -> Next {
    if cache.pending() == 0 {
        return Next::Idle;
    }
    writes.alarm = head.arm(now, until);
    Next::Wait { until }
}

fn with_head(mut writes: Writes, head: Head, cache: &Cache) -> Writes {
    writes.head = (head != cache.head).then_some(head);
    writes
}

impl OutboxRow {
    /// Whether the upstream may have forgotten the key since the first attempt of unknown outcome.
    pub(super) fn is_past_window(&self, now: Timestamp, config: &CacheConfig) -> bool {
        let passed = |first| now.since(first) >= config.resend_limit();
        self.first_attempt_at.is_some_and(passed) && !mutants::is(Mutant::ResendAfterWindow)
    }

    /// Counts an attempt that began at `begun_at` and may have been carried out.
    pub(super) fn mark_unknown(&mut self, begun_at: Timestamp) {
        self.attempts = self.attempts.saturating_add(1);
        self.first_attempt_at.get_or_insert(begun_at);
        self.last_attempt_at = Some(begun_at);
    }
}
