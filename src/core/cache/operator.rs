//! What an operator sees of a customer's outbox, and may do with a quarantined charge.

use crate::cache::config::{CacheConfig, FLIGHT_LIFE};
use crate::cache::outbox::change_unit;
use crate::cache::rows::{OutboxRow, Record, RecordState, Writes};
use crate::cache::settle::leave;
use crate::cache::state::{Cache, Health};
use crate::time::Timestamp;

/// How many charges are where; the sum is what was ever accepted (D6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Waiting.
    pub pending: u64,
    /// Being sent.
    pub in_flight: u64,
    /// Applied upstream.
    pub applied: u64,
    /// Refused upstream, or written off.
    pub rejected: u64,
    /// Waiting for an operator.
    pub quarantined: u64,
}

/// The outbox as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// How many charges are where.
    pub counts: Counts,
    /// How the upstream is doing.
    pub health: Health,
}

/// What an operator's action came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// It is done.
    Done,
    /// There is no such charge in the outbox.
    Unknown,
    /// The charge is not quarantined.
    NotQuarantined,
}

/// What an operator decides about a quarantined charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Send it again: the operator has made sure that this cannot charge twice.
    Retry,
    /// It is not and will not be applied upstream.
    WriteOff,
}

pub(super) fn overview(cache: &Cache, now: Timestamp, config: &CacheConfig) -> Overview {
    let in_flight = cache.live_lease(now, config.lease).map_or(0, |lease| lease.positions.len());
    let in_flight = u64::try_from(in_flight).unwrap_or(u64::MAX).min(cache.pending());
    let sum = |of: fn(&crate::cache::UnitState) -> u64| cache.units.iter().map(of).sum();
    let counts = Counts {
        pending: cache.pending() - in_flight,
        in_flight,
        applied: sum(|unit| unit.applied),
        rejected: sum(|unit| unit.rejected),
        quarantined: sum(|unit| unit.quarantined),
    };
    Overview { counts, health: cache.head.health.clone() }
}

/// Carries out a decision on a quarantined charge.
pub(super) fn decide(
    cache: &Cache,
    row: Option<OutboxRow>,
    record: Option<Record>,
    decision: Decision,
    now: Timestamp,
) -> (Handled, Writes) {
    let mut writes = Writes::default();
    let Some(row) = row else { return (Handled::Unknown, writes) };
    if row.quarantined.is_none() {
        return (Handled::NotQuarantined, writes);
    }
    let (state, code) = match decision {
        Decision::Retry => (RecordState::Accepted, None),
        Decision::WriteOff => (RecordState::Rejected, Some("written_off".into())),
    };
    writes.records.extend(record.map(|record| Record { state, code, ..record }));
    match decision {
        Decision::WriteOff => {
            leave(cache, &row, &mut writes);
            change_unit(cache, &mut writes, &row.unit, |unit| unit.rejected += 1);
        }
        Decision::Retry => {
            change_unit(cache, &mut writes, &row.unit, |unit| unit.quarantined -= 1);
            // The window begins anew, but an attempt that can still arrive is not forgotten: until
            // then a refusal does not count.
            let last_attempt_at = row.last_attempt_at.map(|last| last.min(now));
            let last_attempt_at = last_attempt_at.filter(|last| now.since(*last) < FLIGHT_LIFE);
            let first_attempt_at = last_attempt_at;
            let due_at = now;
            let quarantined = None;
            writes.outbox.push(OutboxRow {
                first_attempt_at,
                last_attempt_at,
                due_at,
                quarantined,
                ..row
            });
            let mut head = cache.head.clone();
            writes.alarm = head.arm(now, now);
            writes.head = Some(head);
        }
    }
    (Handled::Done, writes)
}
