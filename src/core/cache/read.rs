//! What a read of the balance does when it ends.

use alloc::string::String;
use core::time::Duration;

use crate::cache::accept::has_room_for_unit;
use crate::cache::notices::NoticeKind;
use crate::cache::outbox::change_unit;
use crate::cache::rows::Writes;
use crate::cache::state::{Cache, Snapshot};
use crate::credits::Credits;
use crate::entropy::Jitter;
use crate::ids::Unit;
use crate::time::Timestamp;

/// A balance as the upstream answered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What is available there.
    pub balance: Credits,
    /// Its own position, where it tells.
    pub sequence: Option<u64>,
    /// What it calls its credits, where it tells.
    pub credit_name: Option<String>,
    /// Whether it is our own worker, which takes batches.
    pub ours: bool,
}

/// Why a read brought no balance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFailure {
    /// The upstream's code, where it does not accept our key.
    pub refused: Option<String>,
    /// Whether it is there all the same, and only has no balance to tell: charges may be sent.
    pub answered: bool,
    /// How long it asks to wait.
    pub after: Option<Duration>,
}

/// Ends a read. One whose lease was lost is ignored: a later one may have been merged.
pub(super) fn merge(
    cache: &Cache,
    token: u64,
    unit: &Unit,
    result: Result<Reading, ReadFailure>,
    now: Timestamp,
    authority: u64,
    jitter: &mut Jitter,
) -> Writes {
    let mut writes = Writes::default();
    let mut head = cache.head.clone();
    let Some(lease) = head.lease.take_if(|lease| lease.token == token) else { return writes };
    match result {
        Ok(reading) => {
            head.health.answered = true;
            head.health.resume_at = None;
            head.health.batches = reading.ours;
            let Reading { balance, sequence, credit_name, .. } = reading;
            let as_of = lease.begun_at;
            let snapshot = Snapshot { balance, sequence, read: token, as_of, credit_name };
            if has_room_for_unit(cache, unit).is_ok() {
                change_unit(cache, &mut writes, unit, |unit| {
                    unit.merge(snapshot);
                });
            }
        }
        Err(ReadFailure { refused: None, answered: true, .. }) => {
            head.health.answered = true;
            head.health.resume_at = None;
        }
        Err(ReadFailure { refused, after, .. }) => {
            head.health.fail(after, now, jitter);
            if let Some(code) = refused
                && head.health.refuse(now, authority)
            {
                writes.notices.push(head.notice(NoticeKind::Paused, &code, now, None));
            }
            if cache.pending() > 0 {
                let due = head.health.resume_at.unwrap_or(now);
                writes.alarm = head.arm(now, due);
            }
        }
    }
    writes.head = Some(head);
    writes
}
