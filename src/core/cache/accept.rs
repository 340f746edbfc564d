//! May this charge be accepted, and what does that write?
//!
//! A gate is decided from the snapshot: young enough, at once; older than `max_staleness`, or not
//! covering the amount, only after a read that began after the call came in. While the upstream is
//! away the degradation rule decides. Plain usage has happened and is accepted.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::time::Duration;

use crate::cache::config::{CacheConfig, MAX_OPEN_BYTES, MAX_OPEN_CHARGES, MAX_UNITS, WATCH};
use crate::cache::holds;
use crate::cache::rows::{OutboxRow, Record, RecordState, Source, Writes};
use crate::cache::state::{Cache, Head, UnitState};
use crate::cache::view::is_stale;
use crate::credits::Credits;
use crate::idempotency::{Fingerprint, IdempotencyKey, Operation, Scope};
use crate::ids::{Owner, TransactionId, Unit};
use crate::ledger::{Consume, WhenShort};
use crate::time::Timestamp;
use crate::wire::members::Members;

/// What a call has waited for so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waited {
    /// Conversations begun when the call came in ([`crate::cache::Head::conversations`]): only a
    /// later read can tell it something new.
    pub arrived: u64,
    /// Whether a read has been tried for this call, whatever came of it: it is not tried again.
    pub in_vain: bool,
}

/// A charge that was accepted, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What is answered.
    pub record: Record,
    /// Whether an earlier call with the key had been accepted.
    pub replayed: bool,
    /// Whether the snapshot is older than `sync_interval` now.
    pub stale: bool,
}

/// Why a call gets no answer from the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The key stands for a call with other content.
    KeyReused {
        /// The field that differs.
        field: String,
        /// The first call's answer.
        first: Box<Record>,
    },
    /// The balance does not cover the amount.
    InsufficientCredits {
        /// What was taken from.
        unit: Unit,
        /// What is available.
        available: Credits,
        /// What was asked for.
        requested: Credits,
    },
    /// No balance was ever read, and the upstream is away.
    Unavailable {
        /// When it is asked again.
        retry_after: Duration,
    },
    /// The snapshot is too old for a gate, and the upstream is away.
    Stale {
        /// When it is asked again.
        retry_after: Duration,
    },
    /// As many charges wait as may.
    OutboxFull {
        /// When it is worth another try.
        retry_after: Duration,
    },
    /// The customer has as many units as a cache holds.
    TooManyUnits,
    /// A sum would leave the range of amounts.
    Overflow,
}

/// What a step of a call comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement<T> {
    /// Persist, then answer.
    Done(T, Box<Writes>),
    /// Read the balance first, then ask again.
    ReadFirst,
    /// Answer with the refusal; nothing is written.
    Refused(Refusal),
}

/// Judges a charge. `found` is the record that its key names.
pub(super) fn accept(
    cache: &Cache,
    found: Option<&Record>,
    now: Timestamp,
    charge: &Consume,
    waited: Waited,
    config: &CacheConfig,
) -> Judgement<Accepted> {
    let unit = cache.unit_or_new(&charge.unit);
    let stale = is_stale(&unit, now, config);
    if let Some(record) = found {
        let fingerprint = fingerprint(charge);
        return match fingerprint.difference(&record.fingerprint) {
            None => {
                let accepted = Accepted { record: record.clone(), replayed: true, stale };
                Judgement::Done(accepted, Box::default())
            }
            Some(field) => Judgement::Refused(Refusal::KeyReused {
                field: field.to_owned(),
                first: Box::new(record.clone()),
            }),
        };
    }
    let body = body(charge);
    if let Err(refusal) = room(cache, &unit, length(&body), now) {
        return Judgement::Refused(refusal);
    }
    match charge.when_short {
        // Usage has happened whatever the balance; only a balance never read is worth waiting for.
        WhenShort::Allow if unit.snapshot.is_none() && !waited.in_vain => {
            return Judgement::ReadFirst;
        }
        WhenShort::Allow => {}
        WhenShort::Reject => match gate(&unit, now, charge.amount, waited, config) {
            Gate::Open => {}
            Gate::ReadFirst => return Judgement::ReadFirst,
            Gate::Shut(refusal) => return Judgement::Refused(refusal(rest(cache, now))),
            Gate::Short(available) => {
                let (unit, requested) = (charge.unit.clone(), charge.amount);
                let refusal = Refusal::InsufficientCredits { unit, available, requested };
                return Judgement::Refused(refusal);
            }
        },
    }
    let source = source_of(&unit, now, waited, config);
    let has_balance = unit.snapshot.is_some();
    let draft = Draft { charge, body, source, head: cache.head.clone() };
    match admit(cache, unit, now, draft) {
        Some((record, writes)) if record.available.is_some() || !has_balance => {
            let accepted = Accepted { record, replayed: false, stale };
            Judgement::Done(accepted, Box::new(writes))
        }
        _ => Judgement::Refused(Refusal::Overflow),
    }
}

/// Whether a gate opens.
pub(super) enum Gate {
    /// What is available covers it.
    Open,
    /// Only a balance read now can tell.
    ReadFirst,
    /// Nothing can tell.
    Shut(fn(Duration) -> Refusal),
    /// Only so much is available.
    Short(Credits),
}

pub(super) fn gate(
    unit: &UnitState,
    now: Timestamp,
    amount: Credits,
    waited: Waited,
    config: &CacheConfig,
) -> Gate {
    match trust(unit, now, waited, config) {
        Trust::ReadFirst => return Gate::ReadFirst,
        Trust::None(refusal) => return Gate::Shut(refusal),
        Trust::Known => {}
    }
    let available = unit.available().unwrap_or(Credits::ZERO);
    if available >= amount {
        return Gate::Open;
    }
    // A top-up made elsewhere counts at once: it is looked for before anybody is turned away.
    let looked = has_read(unit, waited.arrived) || waited.in_vain;
    if looked { Gate::Short(available) } else { Gate::ReadFirst }
}

/// Whether a balance has been read by a conversation that began after the call came in.
pub(super) fn has_read(unit: &UnitState, arrived: u64) -> bool {
    unit.snapshot.as_ref().is_some_and(|snapshot| snapshot.read > arrived)
}

/// What may be made of a snapshot.
pub(super) enum Trust {
    /// It may be used.
    Known,
    /// A read is to be tried first.
    ReadFirst,
    /// There is nothing to trust, and the upstream is away.
    None(fn(Duration) -> Refusal),
}

/// The rule of freshness, for gates and for reads of the balance.
pub(super) fn trust(
    unit: &UnitState,
    now: Timestamp,
    waited: Waited,
    config: &CacheConfig,
) -> Trust {
    let Some(age) = unit.age(now) else {
        let away = |retry_after| Refusal::Unavailable { retry_after };
        return if waited.in_vain { Trust::None(away) } else { Trust::ReadFirst };
    };
    if age <= config.max_staleness || has_read(unit, waited.arrived) {
        return Trust::Known;
    }
    match (waited.in_vain, config.graceful_degradation) {
        (false, _) => Trust::ReadFirst,
        (true, true) => Trust::Known,
        (true, false) => Trust::None(|retry_after| Refusal::Stale { retry_after }),
    }
}

/// Where an answer that is about to be given comes from.
pub(super) fn source_of(
    unit: &UnitState,
    now: Timestamp,
    waited: Waited,
    config: &CacheConfig,
) -> Source {
    if has_read(unit, waited.arrived) {
        return Source::Upstream;
    }
    match unit.age(now) {
        Some(age) if age <= config.max_staleness => Source::EdgeCache,
        _ => Source::Degraded,
    }
}

/// How long the upstream is left alone, as a hint to come back.
pub(super) fn rest(cache: &Cache, now: Timestamp) -> Duration {
    let until = cache.head.health.resume_at.unwrap_or(now);
    until.since(now).clamp(Duration::from_secs(1), Duration::from_secs(60))
}

/// Whether another charge of so many bytes can be kept, beside those that the open holds may become.
/// At a bound charges are refused; nothing is dropped.
pub(super) fn room(
    cache: &Cache,
    unit: &UnitState,
    bytes: u64,
    now: Timestamp,
) -> Result<(), Refusal> {
    has_room_for_unit(cache, &unit.unit)?;
    let counts = cache.units.iter().map(|unit| unit.open.saturating_add(unit.holds));
    let open = counts.fold(0, u64::saturating_add);
    let told_late = cache.head.untold >= MAX_OPEN_CHARGES;
    if open >= MAX_OPEN_CHARGES || told_late || !fits(cache, bytes) {
        return Err(Refusal::OutboxFull { retry_after: rest(cache, now) });
    }
    Ok(())
}

/// Whether so many bytes more can be kept, beside what the open holds may come to.
pub(super) fn fits(cache: &Cache, bytes: u64) -> bool {
    let kept = cache.units.iter().map(|unit| unit.open_bytes).fold(0, u64::saturating_add);
    let kept = kept.saturating_add(holds::reserved_bytes(cache)).saturating_add(bytes);
    kept <= MAX_OPEN_BYTES
}

/// Whether a unit is known, or may become so.
pub(super) fn has_room_for_unit(cache: &Cache, unit: &Unit) -> Result<(), Refusal> {
    let full = cache.unit(unit).is_none() && cache.units.len() >= MAX_UNITS;
    if full { Err(Refusal::TooManyUnits) } else { Ok(()) }
}

/// A charge that is to be accepted.
pub(super) struct Draft<'a> {
    pub(super) charge: &'a Consume,
    pub(super) body: String,
    pub(super) source: Source,
    /// As it is to be written, but for the alarm.
    pub(super) head: Head,
}

/// The record, the outbox row, the deduction and the alarm, to be written together (D1). `None`
/// when what is owed would leave the range of amounts.
pub(super) fn admit(
    cache: &Cache,
    mut unit: UnitState,
    now: Timestamp,
    draft: Draft<'_>,
) -> Option<(Record, Writes)> {
    let Draft { charge, body, source, mut head } = draft;
    let id = id_of(&cache.owner, charge);
    unit.owed = unit.owed.checked_add(charge.amount)?;
    unit.accepted += 1;
    unit.open += 1;
    unit.open_bytes = unit.open_bytes.saturating_add(length(&body));
    unit.promised()?;
    let record = Record {
        id: id.clone(),
        key: charge.call.key.clone(),
        fingerprint: fingerprint(charge),
        unit: charge.unit.clone(),
        amount: charge.amount,
        accepted_at: now,
        available: unit.available(),
        as_of: unit.snapshot.as_ref().map(|snapshot| snapshot.as_of),
        source,
        state: RecordState::Accepted,
        code: None,
        upstream_id: None,
    };
    let row = OutboxRow {
        position: cache.accepted() + 1,
        id,
        key: charge.call.key.clone(),
        unit: charge.unit.clone(),
        amount: charge.amount,
        body,
        accepted_at: now,
        attempts: 0,
        first_attempt_at: None,
        last_attempt_at: None,
        due_at: now,
        quarantined: None,
    };
    let alarm = head.arm(now, watch(cache, now));
    let mut writes = Writes { alarm, ..Writes::default() };
    writes.head = (head != cache.head).then_some(head);
    writes.units.push(unit);
    writes.records.push(record.clone());
    writes.outbox.push(row);
    Some((record, writes))
}

/// By when somebody must have looked after the outbox, if nobody does at once.
pub(super) fn watch(cache: &Cache, now: Timestamp) -> Timestamp {
    let soon = now.plus(WATCH);
    match &cache.head.lease {
        Some(lease) => soon.max(lease.until),
        None => soon,
    }
}

/// The id of a charge: the one that the ledger will give it.
pub(super) fn id_of(owner: &Owner, charge: &Consume) -> TransactionId {
    id_of_key(owner, &charge.call.key)
}

/// The id of the charge that a key names.
pub(super) fn id_of_key(owner: &Owner, key: &IdempotencyKey) -> TransactionId {
    Scope { owner, operation: Operation::Consume }.transaction_id(key.as_str())
}

fn fingerprint(charge: &Consume) -> Fingerprint {
    let amount = charge.amount.decimal(charge.unit.scale()).to_string();
    Fingerprint::of([("unit", Some(charge.unit.as_str())), ("amount", Some(&*amount))])
}

/// The body that is sent upstream: always plain usage, for what was accepted was promised. Written
/// once and kept, so that every attempt of every version sends the same bytes (D7).
pub(super) fn body(charge: &Consume) -> String {
    let Consume { call, unit, amount, .. } = charge;
    // An API that knows one kind of credits need not know its name here.
    let named = (unit.as_str() != Unit::CREDITS).then_some(unit.as_str());
    Members::new()
        .display("amount", Some(amount.decimal(unit.scale())))
        .text("unit", named)
        .text("description", call.description.as_deref())
        .display("metadata", call.metadata.as_deref())
        .text("idempotency_key", Some(call.key.as_str()))
        .finish()
}

pub(super) fn length(body: &str) -> u64 {
    u64::try_from(body.len()).unwrap_or(u64::MAX)
}
