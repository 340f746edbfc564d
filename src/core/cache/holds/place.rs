//! May this hold be placed, and what does that write?
//!
//! Placing is a gate like any other: the same freshness, the same look at the upstream before
//! anybody is turned away, the same rule while it is away.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::cache::accept::{Gate, Judgement, Waited, gate, rest, room, source_of};
use crate::cache::config::{CacheConfig, FLIGHT_LIFE};
use crate::cache::holds::{HoldReceipt, HoldRefusal, Judged, LocalHold, Told, refused};
use crate::cache::rows::Writes;
use crate::cache::state::{Cache, UnitState};
use crate::cache::view::is_stale;
use crate::cache::{Refusal, accept};
use crate::credits::Credits;
use crate::entropy::Entropy;
use crate::idempotency::{IdempotencyKey, Operation, Scope};
use crate::ids::{CustomerId, Owner, TransactionId};
use crate::ledger::{
    CallDetails, Command, Hold, HoldState, MAX_OPEN_HOLDS, Notes, OnExpiry, Place, Rejection,
    Release, hold_fingerprint,
};
use crate::time::Timestamp;

impl Place {
    /// The id of the hold, wherever it is placed: the one that the ledger would give it.
    #[must_use]
    pub fn hold_id(&self, owner: &Owner) -> TransactionId {
        let scope = Scope { owner, operation: Operation::Hold };
        scope.transaction_id(self.call.key.as_str())
    }

    /// The hold of the cache's that keeps the credits of this one while it is being placed upstream.
    /// It ends unused by itself when no request can be under way any more and a balance has been read
    /// since. Each attempt has its own.
    #[must_use]
    pub fn lease(&self, entropy: &Entropy, customer: &CustomerId) -> Self {
        let attempt = entropy.uuid();
        let key = IdempotencyKey::derive(&attempt, "lease", customer.as_str(), "");
        let call = CallDetails { key, description: None, metadata: None };
        let on_expiry = OnExpiry::Release;
        Self { call, ttl: FLIGHT_LIFE, on_expiry, ..self.clone() }
    }

    /// The end of such a hold: the other one is known here, or will never be.
    #[must_use]
    pub fn released(&self, hold: TransactionId) -> Command {
        Command::Release(Release { call: self.call.clone(), hold })
    }
}

/// Judges a hold, which may be a lease. `found` is the one that its key names.
pub(in crate::cache) fn place(
    cache: &Cache,
    found: Option<&LocalHold>,
    now: Timestamp,
    (place, lease): (&Place, bool),
    waited: Waited,
    config: &CacheConfig,
) -> Judged {
    let unit = cache.unit_or_new(&place.unit);
    let stale = is_stale(&unit, now, config);
    if let Some(local) = found {
        return Judgement::Done(again(local, place, stale), Box::default());
    }
    if cache.holds.len() >= MAX_OPEN_HOLDS {
        return refused(Rejection::TooManyHolds);
    }
    let (amount, owner) = (place.amount, &cache.owner);
    let hold = hold(place.hold_id(owner), cache.head.holds + 1, now, place);
    let source = source_of(&unit, now, waited, config);
    let told = Told { key: place.call.key.clone(), available: None, as_of: None, source };
    let local = LocalHold { hold, placed: told, ended: None, lease };
    if let Err(refusal) = room(cache, &unit, local.reserved_bytes(), now) {
        return Judgement::Refused(refusal);
    }
    match gate(&unit, now, amount, waited, config) {
        Gate::Open => {}
        Gate::ReadFirst => return Judgement::ReadFirst,
        Gate::Shut(refusal) => return Judgement::Refused(refusal(rest(cache, now))),
        Gate::Short(available) => {
            let (unit, requested) = (place.unit.clone(), amount);
            let refusal = Refusal::InsufficientCredits { unit, available, requested };
            return Judgement::Refused(refusal);
        }
    }
    match keep(cache, unit, now, local) {
        Some((local, writes)) => {
            let transaction = local.hold.id.clone();
            let LocalHold { hold, placed: told, .. } = local;
            let receipt = HoldReceipt { hold, told, transaction, replayed: false, stale };
            Judgement::Done(Ok(receipt), Box::new(writes))
        }
        None => Judgement::Refused(Refusal::Overflow),
    }
}

/// The first call's answer again, or that the key stands for another hold.
fn again(local: &LocalHold, place: &Place, stale: bool) -> Result<HoldReceipt, HoldRefusal> {
    let Place { unit, amount, ttl, on_expiry, .. } = place;
    let asked = hold_fingerprint(unit, *amount, *ttl, *on_expiry);
    let hold = local.hold.as_placed();
    let known = hold_fingerprint(&hold.unit, hold.amount, hold.ttl, hold.on_expiry);
    let (transaction, told) = (hold.id.clone(), local.placed.clone());
    let first = HoldReceipt { hold, told, transaction, replayed: true, stale };
    match asked.difference(&known) {
        None => Ok(first),
        Some(field) => {
            Err(HoldRefusal::KeyReused { field: field.to_owned(), first: Box::new(first) })
        }
    }
}

fn hold(id: TransactionId, number: u64, now: Timestamp, place: &Place) -> Hold {
    let Place { call, unit, amount, ttl, on_expiry } = place;
    Hold {
        sequence: number,
        id,
        unit: unit.clone(),
        amount: *amount,
        reserves: Vec::new(),
        progress: None,
        on_expiry: *on_expiry,
        placed_at: now,
        ttl: *ttl,
        expires_at: now.plus(*ttl),
        state: HoldState::Open,
        captured: Credits::ZERO,
        notes: Arc::new(Notes {
            description: call.description.clone(),
            metadata: call.metadata.clone(),
        }),
    }
}

/// The hold, the deduction and the alarm, to be written together (D1). `None` when a sum would leave
/// the range of amounts.
fn keep(
    cache: &Cache,
    mut unit: UnitState,
    now: Timestamp,
    mut local: LocalHold,
) -> Option<(LocalHold, Writes)> {
    let hold = &local.hold;
    unit.held = unit.held.checked_add(hold.amount)?;
    unit.holds += 1;
    let available = unit.available()?;
    local.placed.available = Some(available);
    local.placed.as_of = unit.snapshot.as_ref().map(|snapshot| snapshot.as_of);
    let mut head = cache.head_with(&hold.id, Some(hold.expires_at));
    head.holds = hold.sequence;
    let soonest = if cache.pending() > 0 { accept::watch(cache, now) } else { hold.expires_at };
    let alarm = head.arm(now, soonest);
    let mut writes = Writes { alarm, head: Some(head), ..Writes::default() };
    writes.units.push(unit);
    writes.holds.push(local.clone());
    Some((local, writes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    /// A body whose notes are at their longest fits what is kept for it.
    #[test]
    fn what_is_kept_for_a_capture_covers_its_body() {
        let description = Some(String::from("\u{1}").repeat(500));
        let metadata = Some(alloc::format!("{{\"a\":\"{}\"}}", "x".repeat(8_000)));
        let key = IdempotencyKey::parse(&"k".repeat(255)).unwrap();
        let call = CallDetails { key, description, metadata };
        let unit = crate::ids::Unit::parse(&"u".repeat(64)).unwrap();
        let amount = Credits::from_minor_units(7_999_999_999_999_999).unwrap();
        let when_short = crate::ledger::WhenShort::Allow;
        let charge = crate::ledger::Consume { call, unit, amount, when_short };
        let place = Place {
            call: charge.call.clone(),
            unit: charge.unit.clone(),
            amount,
            ttl: core::time::Duration::from_secs(1),
            on_expiry: OnExpiry::Release,
        };
        let now = Timestamp::EPOCH;
        let id = TransactionId::from_digest(&[0; 16]);
        let told = Told {
            key: charge.call.key.clone(),
            available: None,
            as_of: None,
            source: crate::cache::Source::EdgeCache,
        };
        let hold = hold(id, 1, now, &place);
        let local = LocalHold { hold, placed: told, ended: None, lease: false };
        assert!(accept::length(&accept::body(&charge)) <= local.reserved_bytes());
    }
}
