//! How a hold ends: captured, released, or by its own rule when its time is over.
//!
//! It ends once. The first end takes it out of the open ones in the very commit that makes the charge;
//! the same end again is answered from what is stored, and any other is refused.

use alloc::boxed::Box;
use alloc::string::ToString as _;

use crate::cache::accept::{Draft, Judgement, Waited, admit, body, fits, length, source_of};
use crate::cache::config::{CacheConfig, FLIGHT_LIFE};
use crate::cache::holds::{Ended, HoldReceipt, Judged, LocalHold, Told, refused};
use crate::cache::mutants::{self, Mutant};
use crate::cache::rows::{Source, Writes};
use crate::cache::state::{Cache, UnitState};
use crate::cache::view::is_stale;
use crate::cache::{Refusal, accept};
use crate::credits::Credits;
use crate::idempotency::IdempotencyKey;
use crate::ids::TransactionId;
use crate::ledger::{
    AlarmIntent, CallDetails, Consume, Ending, Hold, HoldState, Rejection, WhenShort, end_id,
    ended, require_unit, require_within,
};
use crate::time::Timestamp;

/// A call that ends a hold.
#[derive(Clone, Copy)]
pub(in crate::cache) struct Asking<'a> {
    pub(in crate::cache) ending: Ending<'a>,
    pub(in crate::cache) waited: Waited,
    pub(in crate::cache) config: &'a CacheConfig,
    /// What is captured is charged under it ([`key_for`]).
    pub(in crate::cache) key: &'a IdempotencyKey,
}

/// Judges the end of a hold. `found` is the hold that it names.
pub(in crate::cache) fn end(
    cache: &Cache,
    found: Option<&LocalHold>,
    now: Timestamp,
    asking: &Asking<'_>,
) -> Judged {
    let Some(local) = found else { return refused(Rejection::UnknownHold) };
    let Asking { ending, config, .. } = *asking;
    if let Err(rejection) = require_unit(ending.unit(), &local.hold) {
        return refused(rejection);
    }
    let stale = is_stale(&cache.unit_or_new(&local.hold.unit), now, config);
    let hold = as_of(&local.hold, now);
    let twice = mutants::is(Mutant::HoldSettledTwice) && hold.state == HoldState::Expired;
    if !hold.is_open() && !twice {
        let told = local.ended.as_ref().and_then(|ended| ended.told.clone());
        return match told.filter(|_| ending.is_done(&hold)) {
            Some(told) => {
                let transaction = transaction_of(cache, local);
                let receipt = HoldReceipt { hold, told, transaction, replayed: true, stale };
                Judgement::Done(Ok(receipt), Box::default())
            }
            None => refused(ended(&hold)),
        };
    }
    let captured = ending.captured(&hold);
    if let Err(rejection) = require_within(&hold, captured) {
        return refused(rejection);
    }
    carry_out(cache, local, captured, now, asking)
}

fn carry_out(
    cache: &Cache,
    local: &LocalHold,
    captured: Credits,
    now: Timestamp,
    asking: &Asking<'_>,
) -> Judged {
    let Asking { ending, waited, config, key } = *asking;
    let unit = cache.unit_or_new(&local.hold.unit);
    let stale = is_stale(&unit, now, config);
    let source = source_of(&unit, now, waited, config);
    let state = if captured.is_zero() { HoldState::Released } else { HoldState::Captured };
    let settle = |call: &CallDetails| {
        let author = Some((call, source));
        settle(cache, (local, key), (state, captured), now, author)
    };
    let mut end = settle(ending.call());
    if end.as_ref().is_some_and(|end| notes_are_too_long(cache, end)) {
        // An end is never refused for want of room: the hold's own notes have theirs.
        let call = CallDetails { description: None, metadata: None, ..ending.call().clone() };
        end = settle(&call);
    }
    let Some(Settled { local, writes }) = end else {
        return Judgement::Refused(Refusal::Overflow);
    };
    let transaction = transaction_of(cache, &local);
    let Some(told) = local.ended.and_then(|ended| ended.told) else {
        return refused(Rejection::Inconsistent);
    };
    let receipt = HoldReceipt { hold: local.hold, told, transaction, replayed: false, stale };
    Judgement::Done(Ok(receipt), Box::new(writes))
}

/// Whether the end's own notes are longer than what is kept for them, and the outbox has no room for
/// the difference.
fn notes_are_too_long(cache: &Cache, end: &Settled) -> bool {
    let bytes = end.writes.outbox.iter().map(|row| length(&row.body)).fold(0, u64::saturating_add);
    let more = bytes.saturating_sub(end.local.reserved_bytes());
    more > 0 && !fits(cache, more)
}

/// Ends a hold whose time is over at `now`, by its own rule; a lease of which nothing is known yet
/// lasts on. `None` only where sums contradict each other.
pub(in crate::cache) fn expire(
    cache: &Cache,
    (local, key): (&LocalHold, &IdempotencyKey),
    now: Timestamp,
) -> Option<Writes> {
    if local.lease && !is_shown(cache, local) {
        let hold = Hold { expires_at: now.plus(FLIGHT_LIFE), ..local.hold.clone() };
        let head = Some(cache.head_with(&hold.id, Some(hold.expires_at)));
        let holds = [LocalHold { hold, ..local.clone() }].into();
        return Some(Writes { head, holds, ..Writes::default() });
    }
    let mut captured = local.hold.captured_on_expiry();
    if mutants::is(Mutant::ExpiryIsFree) {
        captured = Credits::ZERO;
    }
    let end = (HoldState::Expired, captured);
    settle(cache, (local, key), end, now, None).map(|settled| settled.writes)
}

/// The first open hold whose time is over at `now`.
pub(in crate::cache) fn next_due(cache: &Cache, now: Timestamp) -> Option<&LocalHold> {
    let is_due =
        |local: &&LocalHold| local.hold.expires_at <= now || local.lease && is_shown(cache, local);
    let due = cache.holds.iter().filter(is_due);
    due.min_by_key(|local| (local.hold.expires_at, local.hold.sequence))
}

/// Whether the balance was read when the hold that a lease stands for was placed upstream, or never
/// will be.
fn is_shown(cache: &Cache, local: &LocalHold) -> bool {
    let landed = local.hold.placed_at.plus(local.hold.ttl);
    let unit = cache.unit(&local.hold.unit);
    let snapshot = unit.and_then(|unit| unit.snapshot.as_ref());
    snapshot.is_some_and(|snapshot| snapshot.as_of >= landed)
}

/// A hold that has ended, and what that writes.
struct Settled {
    local: LocalHold,
    writes: Writes,
}

/// Gives back what is held, and makes the charge of what is captured. `None` only where sums
/// contradict each other: what is held was counted as if it were owed.
fn settle(
    cache: &Cache,
    (local, key): (&LocalHold, &IdempotencyKey),
    (state, captured): (HoldState, Credits),
    now: Timestamp,
    author: Option<(&CallDetails, Source)>,
) -> Option<Settled> {
    let mut local = local.clone();
    let open = local.hold.is_open();
    (local.hold.state, local.hold.captured) = (state, captured);
    let hold = &local.hold;
    let mut unit = cache.unit_or_new(&hold.unit);
    if open {
        unit.held = unit.held.checked_sub(hold.amount).filter(|held| !held.is_negative())?;
        unit.holds = unit.holds.checked_sub(1)?;
    }
    let mut head = cache.head_with(&hold.id, None);
    let mut writes = if captured.is_zero() {
        // The alarm may stand for what has ended now, and another hold be over before it.
        let waits = (cache.pending() > 0).then(|| accept::watch(cache, now));
        let soonest = waits.into_iter().chain(head.hold_due).min();
        let alarm = soonest.map_or(AlarmIntent::Keep, |soonest| head.arm(now, soonest));
        let head = (head != cache.head).then_some(head);
        Writes { units: [unit.clone()].into(), head, alarm, ..Writes::default() }
    } else {
        let mut charge = charge(hold, key, author.map(|(call, _)| call));
        if let (true, Some((call, _))) = (mutants::is(Mutant::CaptureByCallersKey), author) {
            charge.call.key = call.key.clone();
        }
        let source = author.map_or(Source::EdgeCache, |(_, source)| source);
        let draft = Draft { charge: &charge, body: body(&charge), source, head };
        admit(cache, unit.clone(), now, draft)?.1
    };
    let told = author.map(|(call, source)| {
        let unit = writes.units.first().unwrap_or(&unit);
        tell(unit, call, source)
    });
    let charge = writes.records.first().map(|record| record.id.clone());
    local.ended = Some(Ended { at: now, charge, told });
    writes.holds.push(local.clone());
    Some(Settled { local, writes })
}

fn tell(unit: &UnitState, call: &CallDetails, source: Source) -> Told {
    Told {
        key: call.key.clone(),
        available: unit.available(),
        as_of: unit.snapshot.as_ref().map(|snapshot| snapshot.as_of),
        source,
    }
}

/// The key of the charge that a hold comes to: it follows from the hold's id. `taken` says which are
/// a caller's already: theirs may have any form, also this one.
///
/// # Errors
/// What `taken` fails with.
pub(in crate::cache) fn key_for<E>(
    cache: &Cache,
    hold: &TransactionId,
    taken: impl Fn(&TransactionId) -> Result<bool, E>,
) -> Result<IdempotencyKey, E> {
    let end = end_id(&cache.owner, hold);
    let (mut key, mut others) = (IdempotencyKey::of(&end), 0_u32);
    while taken(&accept::id_of_key(&cache.owner, &key))? {
        others += 1;
        let customer = cache.owner.customer.as_str();
        key = IdempotencyKey::derive(end.as_str(), "hold", customer, &others.to_string());
    }
    Ok(key)
}

/// What is captured, as plain usage, with the notes of the call that ended it, or else the hold's own.
fn charge(hold: &Hold, key: &IdempotencyKey, author: Option<&CallDetails>) -> Consume {
    let notes = hold.notes.as_ref();
    let description = author.and_then(|call| call.description.clone());
    let metadata = author.and_then(|call| call.metadata.clone());
    let call = CallDetails {
        key: key.clone(),
        description: description.or_else(|| notes.description.clone()),
        metadata: metadata.or_else(|| notes.metadata.clone()),
    };
    let (unit, amount) = (hold.unit.clone(), hold.captured);
    Consume { call, unit, amount, when_short: WhenShort::Allow }
}

/// By what the end of a hold is quoted: the charge as the ledger names it, where there is one.
fn transaction_of(cache: &Cache, local: &LocalHold) -> TransactionId {
    let charge = local.ended.as_ref().and_then(|ended| ended.charge.clone());
    charge.unwrap_or_else(|| end_id(&cache.owner, &local.hold.id))
}

/// A hold as it is at `now`: one whose time is over has ended by its rule, written or not.
pub(super) fn as_of(hold: &Hold, now: Timestamp) -> Hold {
    if !hold.is_open() || hold.expires_at > now {
        return hold.clone();
    }
    let captured = hold.captured_on_expiry();
    Hold { state: HoldState::Expired, captured, ..hold.clone() }
}
