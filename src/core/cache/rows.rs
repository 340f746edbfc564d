//! What the cache keeps per charge, and what a step changes, as data.

use alloc::string::String;
use alloc::vec::Vec;

use crate::cache::holds::LocalHold;
use crate::cache::notices::Notice;
use crate::cache::state::{Head, UnitState};
use crate::credits::Credits;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::ids::{TransactionId, Unit};
use crate::ledger::AlarmIntent;
use crate::time::Timestamp;

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The cache's own snapshot.
    EdgeCache,
    /// A balance that was read upstream for this very call.
    Upstream,
    /// The last that was known, while the upstream is away: without authority.
    Degraded,
}

impl Source {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdgeCache => "edge-cache",
            Self::Upstream => "upstream",
            Self::Degraded => "degraded",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::EdgeCache, Self::Upstream, Self::Degraded].into_iter().find(|s| s.as_str() == text)
    }
}

/// What became of an accepted charge, as far as it is not in the order of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// Waiting while there is an outbox row, applied upstream when there is none any more.
    Accepted,
    /// The upstream refused it: it was never applied there.
    Rejected,
    /// Whether it was applied is open, and it is not sent again until an operator says so.
    Quarantined,
}

impl RecordState {
    /// The word in storage and in the operator's view.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Quarantined => "quarantined",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Accepted, Self::Rejected, Self::Quarantined].into_iter().find(|s| s.as_str() == text)
    }
}

/// An accepted charge as its repeats are answered: the idempotency record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The charge, named as the ledger will name it.
    pub id: TransactionId,
    /// The caller's key.
    pub key: IdempotencyKey,
    /// What the key stands for.
    pub fingerprint: Fingerprint,
    /// What was taken from.
    pub unit: Unit,
    /// How much.
    pub amount: Credits,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// What was available afterwards, as answered; `None` when no balance was known.
    pub available: Option<Credits>,
    /// The snapshot's time, as answered.
    pub as_of: Option<Timestamp>,
    /// Where that answer came from.
    pub source: Source,
    /// What became of it.
    pub state: RecordState,
    /// Why, where it is not in the order of things: the upstream's code.
    pub code: Option<String>,
    /// The upstream's own name of it, where that is another.
    pub upstream_id: Option<String>,
}

/// An accepted charge that the upstream has not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its place: charges are numbered from 1 as they are accepted.
    pub position: u64,
    /// Its record.
    pub id: TransactionId,
    /// The key that every attempt carries.
    pub key: IdempotencyKey,
    /// What is taken from.
    pub unit: Unit,
    /// How much: positive.
    pub amount: Credits,
    /// The body that every attempt carries, byte for byte.
    pub body: String,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Attempts that have ended without settling it.
    pub attempts: u32,
    /// When the first attempt began whose outcome is unknown: the upstream may know the key since.
    pub first_attempt_at: Option<Timestamp>,
    /// When the last such attempt began.
    pub last_attempt_at: Option<Timestamp>,
    /// Not before then.
    pub due_at: Timestamp,
    /// Why it is not sent any more; `None` while it is.
    pub quarantined: Option<String>,
}

impl OutboxRow {
    /// Whether it is to be sent at `now`. One that is due further ahead than any pause was
    /// written by a clock that has stepped back since.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        let wait = self.due_at.since(now);
        self.quarantined.is_none() && (wait.is_zero() || wait > LONGEST_WAIT)
    }
}

/// The longest that a row waits on its own account: until a refusal counts.
pub const LONGEST_WAIT: core::time::Duration = super::config::FLIGHT_LIFE;

/// What a store must persist, all of it in one transaction, the alarm included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writes {
    /// To insert or replace, by id.
    pub records: Vec<Record>,
    /// To insert or replace, by position.
    pub outbox: Vec<OutboxRow>,
    /// Positions to delete from the outbox.
    pub settled: Vec<u64>,
    /// To insert or replace, by unit.
    pub units: Vec<UnitState>,
    /// To replace.
    pub head: Option<Head>,
    /// To insert or replace, by id.
    pub notices: Vec<Notice>,
    /// Notices to delete.
    pub told: Vec<u64>,
    /// To insert or replace, by number.
    pub holds: Vec<LocalHold>,
    /// What to do with the alarm.
    pub alarm: AlarmIntent,
}

impl Writes {
    /// Whether there is nothing to persist.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { records, outbox, settled, units, head, notices, told, holds, alarm } = self;
        let rows = records.is_empty() && outbox.is_empty() && settled.is_empty();
        let rest = units.is_empty() && head.is_none() && notices.is_empty() && told.is_empty();
        rows && rest && holds.is_empty() && *alarm == AlarmIntent::Keep
    }
}
