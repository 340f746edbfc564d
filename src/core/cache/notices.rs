//! What callers are told later of charges that were accepted.
//!
//! A notice goes out with the answers to this customer's calls until some minutes after the first
//! that carried it: that one may have been lost. Clients tell repeats by the id.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::cache::rows::{OutboxRow, Writes};
use crate::cache::state::{Cache, Head};
use crate::credits::Credits;
use crate::idempotency::IdempotencyKey;
use crate::ids::{TransactionId, Unit};
use crate::time::Timestamp;

/// Most notices that one answer carries: about 12 KB.
pub(super) const MAX_TOLD: usize = 50;

/// How long a notice is repeated after it was first told.
const REPEATED_FOR: Duration = Duration::from_secs(300);

/// The same while others wait for their turn.
const REPEATED_IN_A_CROWD: Duration = Duration::from_secs(10);

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// The upstream refused an accepted charge for good: it was never applied there.
    Rejected,
    /// Whether an accepted charge was applied upstream is open; it waits for an operator.
    Quarantined,
    /// The upstream refuses the deployment's key: what is accepted waits.
    Paused,
}

impl NoticeKind {
    /// The word on the wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Quarantined => "quarantined",
            Self::Paused => "paused",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Rejected, Self::Quarantined, Self::Paused].into_iter().find(|k| k.as_str() == text)
    }
}

/// Something that a caller should learn, about a charge or about all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its number, from 1.
    pub id: u64,
    /// What happened.
    pub kind: NoticeKind,
    /// Why: the upstream's code, or ours.
    pub code: String,
    /// When.
    pub at: Timestamp,
    /// The charge that it is about.
    pub charge: Option<NoticeCharge>,
    /// When it first went out with an answer.
    pub told_at: Option<Timestamp>,
}

/// The charge that a notice is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeCharge {
    /// The charge.
    pub id: TransactionId,
    /// The caller's key.
    pub key: IdempotencyKey,
    /// What was taken from.
    pub unit: Unit,
    /// How much.
    pub amount: Credits,
}

impl NoticeCharge {
    pub(super) fn of(row: &OutboxRow) -> Self {
        let (id, key) = (row.id.clone(), row.key.clone());
        Self { id, key, unit: row.unit.clone(), amount: row.amount }
    }
}

impl Head {
    /// A new notice, counted.
    pub(super) fn notice(
        &mut self,
        kind: NoticeKind,
        code: &str,
        at: Timestamp,
        charge: Option<NoticeCharge>,
    ) -> Notice {
        self.notices += 1;
        self.untold += 1;
        Notice { id: self.notices, kind, code: code.into(), at, charge, told_at: None }
    }
}

/// Which of the waiting notices an answer at `now` carries; what that changes is added to `writes`.
pub(super) fn tell(
    cache: &Cache,
    waiting: Vec<Notice>,
    now: Timestamp,
    writes: &mut Writes,
) -> Vec<Notice> {
    let crowd = cache.head.untold > u64::try_from(MAX_TOLD).unwrap_or(u64::MAX);
    let repeated_for = if crowd { REPEATED_IN_A_CROWD } else { REPEATED_FOR };
    let mut told = Vec::new();
    for mut notice in waiting {
        match notice.told_at {
            Some(first) if now.since(first) > repeated_for => {
                writes.told.push(notice.id);
                continue;
            }
            Some(_) => {}
            None => {
                notice.told_at = Some(now);
                writes.notices.push(notice.clone());
            }
        }
        told.push(notice);
    }
    count_ended(cache, writes);
    told
}

/// Drops those of the waiting notices that have been told otherwise: all up to a number.
pub(super) fn drop_until(cache: &Cache, waiting: &[Notice], last: u64) -> Writes {
    let mut writes = Writes::default();
    let ended = waiting.iter().map(|notice| notice.id).take_while(|id| *id <= last);
    writes.told.extend(ended);
    count_ended(cache, &mut writes);
    writes
}

/// Takes the notices that end out of the number of those that wait.
fn count_ended(cache: &Cache, writes: &mut Writes) {
    if !writes.told.is_empty() {
        let head = writes.head.get_or_insert_with(|| cache.head.clone());
        let ended = u64::try_from(writes.told.len()).unwrap_or(u64::MAX);
        head.untold = head.untold.saturating_sub(ended);
    }
}
