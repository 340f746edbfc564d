//! What the upstream's answers do to the charges that were sent.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::cache::config::{BACKOFF_BASE, FLIGHT_LIFE, MAX_BACKOFF};
use crate::cache::mutants::{self, Mutant};
use crate::cache::notices::{NoticeCharge, NoticeKind};
use crate::cache::outbox::{change_unit, quarantine};
use crate::cache::rows::{OutboxRow, Record, RecordState, Writes};
use crate::cache::state::{Acknowledged, Cache, Health, LONGEST_REST, Snapshot};
use crate::credits::Credits;
use crate::entropy::Jitter;
use crate::error::Effect;
use crate::time::Timestamp;

/// What the upstream said of a charge that it has applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What is available there afterwards.
    pub balance: Option<Credits>,
    /// Its own position of the charge.
    pub sequence: Option<u64>,
    /// Whether it had been applied before: its balance is then one of that time.
    pub replayed: bool,
    /// Its own name of the charge.
    pub id: Option<String>,
}

/// How one attempt to send a charge ended: the one table from answers to edges is
/// [`super::upstream::outcome`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is applied, now or before.
    Applied(Receipt),
    /// Credits are short there.
    Rejected {
        /// The upstream's code.
        code: String,
    },
    /// The upstream will not have it as it is.
    Refused {
        /// The upstream's code.
        code: String,
    },
    /// The upstream does not accept our key.
    Paused {
        /// The upstream's code.
        code: String,
    },
    /// The batch that it was part of is not taken: it is to be sent by itself.
    Singly,
    /// It is to be sent again.
    Again {
        /// What the attempt may have done.
        effect: Effect,
        /// How long the upstream asks to wait.
        after: Option<Duration>,
    },
}

/// The rows and records that outcomes are about, looked up.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Those still in the outbox.
    pub(super) rows: Vec<OutboxRow>,
    /// Their records, where the outcome changes them.
    pub(super) records: Vec<Record>,
}

/// How a conversation is settled.
pub(super) struct Settling<'a> {
    pub(super) cache: &'a Cache,
    pub(super) found: Found,
    pub(super) now: Timestamp,
    pub(super) token: u64,
    pub(super) authority: u64,
}

impl Settling<'_> {
    /// Takes the outcomes of a conversation's charges. One whose lease was lost may still tell what
    /// was applied; its refusals are void, since another attempt is under way.
    pub(super) fn settle(&self, outcomes: &[(u64, Outcome)], jitter: &mut Jitter) -> Writes {
        let mut writes = Writes::default();
        let mut head = self.cache.head.clone();
        let lease = head.lease.take_if(|lease| lease.token == self.token);
        let unknown = Outcome::Again { effect: Effect::Unknown, after: None };
        for row in &self.found.rows {
            let said = outcomes.iter().find(|(position, _)| *position == row.position);
            match (said.map_or(&unknown, |(_, outcome)| outcome), &lease) {
                (Outcome::Applied(receipt), _) => {
                    self.applied(row, receipt, lease.as_ref().map(|l| l.begun_at), &mut writes)
                }
                (Outcome::Again { effect: Effect::Unknown, .. }, _)
                    if mutants::is(Mutant::DropOnTimeout) =>
                {
                    self.applied(row, &Receipt::default(), None, &mut writes);
                }
                (Outcome::Rejected { .. }, None) if mutants::is(Mutant::LostRefusalCounts) => {
                    self.rejected(row, "", &mut writes);
                }
                (_, None) => {}
                (Outcome::Rejected { code }, Some(_)) if !self.is_in_flight(row) => {
                    self.rejected(row, code, &mut writes);
                    let charge = Some(NoticeCharge::of(row));
                    let notice = head.notice(NoticeKind::Rejected, code, self.now, charge);
                    writes.notices.push(notice);
                }
                (Outcome::Refused { code }, Some(_)) => {
                    let attempts = row.attempts.saturating_add(1);
                    let row = OutboxRow { attempts, ..row.clone() };
                    let record = self.record(&row);
                    quarantine(self.cache, &mut head, row, record, code, self.now, &mut writes);
                }
                (outcome, Some(lease)) => {
                    writes.outbox.push(self.again(row, outcome, lease.begun_at, jitter));
                }
            }
        }
        if lease.is_some() {
            let news = head.health.weigh(outcomes, self.now, self.authority, jitter);
            if let Some(code) = news {
                writes.notices.push(head.notice(NoticeKind::Paused, code, self.now, None));
            }
            if self.cache.pending() > 0 {
                let due = head.health.resume_at.unwrap_or(self.now);
                writes.alarm = head.arm(self.now, due.max(self.now.plus(super::config::WATCH)));
            }
        }
        writes.head = (head != self.cache.head).then_some(head);
        writes
    }

    fn record(&self, row: &OutboxRow) -> Option<&Record> {
        self.found.records.iter().find(|record| record.id == row.id)
    }

    /// Whether an earlier attempt may still be on its way: a refusal then proves nothing.
    fn is_in_flight(&self, row: &OutboxRow) -> bool {
        row.last_attempt_at.is_some_and(|last| self.now.since(last) < FLIGHT_LIFE)
    }

    fn applied(
        &self,
        row: &OutboxRow,
        receipt: &Receipt,
        begun_at: Option<Timestamp>,
        writes: &mut Writes,
    ) {
        leave(self.cache, row, writes);
        let mark = mutants::mark(self.cache.head.conversations, self.now);
        let (token, sequence) = (self.token, self.position(row, receipt, begun_at.is_some()));
        // A balance without a position says nothing of the charges beside it, and that of a replay
        // is an old one.
        let any = mutants::is(Mutant::ReplayIsSnapshot);
        let fresh = begun_at.filter(|_| !receipt.replayed && sequence.is_some() || any);
        change_unit(self.cache, writes, &row.unit, |unit| {
            unit.applied += 1;
            unit.acknowledge(Acknowledged { sequence, mark, amount: row.amount });
            if let (Some(balance), Some(as_of)) = (receipt.balance, fresh) {
                let read = token;
                unit.merge(Snapshot { balance, sequence, read, as_of, credit_name: None });
            }
        });
        let foreign = receipt.id.as_ref().filter(|id| *id != row.id.as_str());
        let was_quarantined = row.quarantined.is_some();
        if let Some(record) = self.record(row).filter(|_| foreign.is_some() || was_quarantined) {
            let upstream_id = foreign.cloned();
            let (state, code) = (RecordState::Accepted, None);
            writes.records.push(Record { state, code, upstream_id, ..record.clone() });
        }
    }

    /// The upstream's position of a charge. One that was applied just now is behind everything read
    /// before; a position that is not belongs to another ledger than the snapshot, such as a restored
    /// one, and says nothing.
    fn position(&self, row: &OutboxRow, receipt: &Receipt, current: bool) -> Option<u64> {
        let snapshot = self.cache.unit(&row.unit).and_then(|unit| unit.snapshot.as_ref());
        let reached = snapshot.and_then(|snapshot| snapshot.sequence);
        let fresh = current && !receipt.replayed;
        receipt.sequence.filter(|new| !fresh || reached.is_none_or(|reached| *new > reached))
    }

    fn rejected(&self, row: &OutboxRow, code: &str, writes: &mut Writes) {
        leave(self.cache, row, writes);
        change_unit(self.cache, writes, &row.unit, |unit| unit.rejected += 1);
        if let Some(record) = self.record(row) {
            let code = Some(code.into());
            writes.records.push(Record { state: RecordState::Rejected, code, ..record.clone() });
        }
    }

    /// The row after an attempt that has not settled it.
    fn again(
        &self,
        row: &OutboxRow,
        outcome: &Outcome,
        begun_at: Timestamp,
        jitter: &mut Jitter,
    ) -> OutboxRow {
        let mut row = row.clone();
        match outcome {
            Outcome::Singly => {}
            Outcome::Paused { .. } => {
                row.attempts = row.attempts.saturating_add(1);
                row.due_at = self.now;
            }
            // Its own pause too: the others of its conversation may have fared better.
            Outcome::Again { effect: Effect::NotApplied, after } => {
                row.attempts = row.attempts.saturating_add(1);
                row.due_at = self.now.plus(pause(row.attempts, *after, jitter));
            }
            // Refused, while an earlier attempt may still arrive: asked again when none can any more.
            // An attempt of the future was begun before the clock stepped back: now at the latest.
            Outcome::Rejected { .. } => {
                row.attempts = row.attempts.saturating_add(1);
                let last = row.last_attempt_at.map_or(self.now, |last| last.min(self.now));
                row.last_attempt_at = Some(last);
                row.due_at = last.plus(FLIGHT_LIFE);
            }
            Outcome::Again { after, .. } => {
                row.mark_unknown(begun_at);
                row.due_at = self.now.plus(pause(row.attempts, *after, jitter));
            }
            // These settle a row or quarantine it.
            Outcome::Applied(_) | Outcome::Refused { .. } => {}
        }
        row
    }
}

/// Takes a row out of the outbox, and its amount out of what is owed.
pub(super) fn leave(cache: &Cache, row: &OutboxRow, writes: &mut Writes) {
    writes.settled.push(row.position);
    writes.outbox.retain(|other| other.position != row.position);
    let bytes = u64::try_from(row.body.len()).unwrap_or(u64::MAX);
    change_unit(cache, writes, &row.unit, |unit| {
        // What is owed is the sum of the rows, so it covers each of them.
        unit.owed = unit.owed.checked_sub(row.amount).unwrap_or(Credits::ZERO);
        unit.open = unit.open.saturating_sub(1);
        unit.open_bytes = unit.open_bytes.saturating_sub(bytes);
        unit.quarantined = unit.quarantined.saturating_sub(u64::from(row.quarantined.is_some()));
    });
}

impl Health {
    /// Judges the upstream by a conversation that has ended. Returns the code of a refused key that
    /// is news.
    fn weigh<'a>(
        &mut self,
        outcomes: &'a [(u64, Outcome)],
        now: Timestamp,
        authority: u64,
        jitter: &mut Jitter,
    ) -> Option<&'a str> {
        let refused = outcomes.iter().find_map(|(_, outcome)| match outcome {
            Outcome::Paused { code } => Some(code.as_str()),
            _ => None,
        });
        let singly = outcomes.iter().any(|(_, outcome)| *outcome == Outcome::Singly);
        self.batches &= !singly;
        let settles =
            |outcome: &Outcome| !matches!(outcome, Outcome::Again { .. } | Outcome::Paused { .. });
        if refused.is_none() && outcomes.iter().any(|(_, outcome)| settles(outcome)) {
            let (batches, read_last) = (self.batches, self.read_last);
            *self = Self { batches, read_last, ..Self::default() };
            return None;
        }
        let hints = outcomes.iter().filter_map(|(_, outcome)| match outcome {
            Outcome::Again { after, .. } => *after,
            _ => None,
        });
        let hint = hints.max();
        self.fail(hint, now, jitter);
        refused.filter(|_| self.refuse(now, authority))
    }

    /// Counts a conversation that has failed, and rests.
    pub(super) fn fail(&mut self, hint: Option<Duration>, now: Timestamp, jitter: &mut Jitter) {
        self.failures = self.failures.saturating_add(1);
        self.answered = false;
        self.rests_from = Some(now);
        self.resume_at = Some(now.plus(pause(self.failures, hint, jitter)));
    }

    /// Pauses, because the upstream does not accept the key. Returns whether that is news.
    pub(super) fn refuse(&mut self, now: Timestamp, authority: u64) -> bool {
        let news = !self.paused || self.authority != authority;
        self.paused = true;
        self.authority = authority;
        self.rests_from = Some(now);
        self.resume_at = Some(now.plus(LONGEST_REST));
        news
    }
}

/// The pause after so many failures, at least what the upstream asks for, and at most
/// [`LONGEST_REST`].
fn pause(failures: u32, hint: Option<Duration>, jitter: &mut Jitter) -> Duration {
    backoff(failures, jitter).max(hint.unwrap_or_default()).min(LONGEST_REST)
}

/// The pause after failure number `failures` (1 is the first): between half and all of
/// min(cap, base · 2^(failures − 1)), so that objects which failed together do not return together.
fn backoff(failures: u32, jitter: &mut Jitter) -> Duration {
    let doublings = failures.saturating_sub(1);
    let doubled = BACKOFF_BASE.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX));
    let half = u64::try_from((doubled.min(MAX_BACKOFF) / 2).as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(half.saturating_add(jitter.up_to(half)))
}
