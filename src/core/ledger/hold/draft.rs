//! The mechanics of holds: what reserving, capturing and releasing do to grants and entries.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::credits::Credits;
use crate::idempotency::{Operation, Scope};
use crate::ids::{Owner, TransactionId, Unit};
use crate::ledger::command::CallDetails;
use crate::ledger::draft::{Draft, EntryParts, own_entry};
use crate::ledger::entry::{Draw, EntryKind, KeyRecord};
use crate::ledger::grant::Grant;
use crate::ledger::hold::{Hold, HoldState};
use crate::ledger::mutants::{self, Mutant};
use crate::ledger::refund::ended_among;
use crate::ledger::rejection::Rejection;

/// How a hold ends.
pub(super) struct End<'a> {
    /// Not open.
    pub(super) state: HoldState,
    /// At most what is held.
    pub(super) captured: Credits,
    /// Who asked for it; `None` where its time was over.
    pub(super) author: Option<(&'a CallDetails, KeyRecord)>,
}

/// The id of the entry that ends a hold: there is only one, however often it is asked for.
pub(crate) fn end_id(owner: &Owner, hold: &TransactionId) -> TransactionId {
    Scope { owner, operation: Operation::Settle }.transaction_id(hold.as_str())
}

/// Whether what the open holds reserve of each grant is what the grant has as held.
pub(in crate::ledger) fn reservations_add_up<'a>(
    holds: impl Iterator<Item = &'a Hold>,
    grants: &BTreeMap<u64, Grant>,
) -> bool {
    let mut reserved: BTreeMap<u64, Credits> = BTreeMap::new();
    for reserve in holds.filter(|hold| hold.is_open()).flat_map(|hold| &hold.reserves) {
        let sum = reserved.entry(reserve.grant).or_insert(Credits::ZERO);
        match sum.checked_add(reserve.amount) {
            Some(more) => *sum = more,
            None => return false,
        }
    }
    let is_held = |grant: &Grant| {
        reserved.get(&grant.sequence).copied().unwrap_or(Credits::ZERO) == grant.held
    };
    grants.values().all(is_held) && reserved.keys().all(|grant| grants.contains_key(grant))
}

impl Draft<'_> {
    /// Reserves up to `amount` on the grants in burn order. Returns what is reserved where, and what
    /// was not covered.
    pub(super) fn reserve(
        &mut self,
        unit: &Unit,
        amount: Credits,
    ) -> Result<(Vec<Draw>, Credits), Rejection> {
        let (reserves, uncovered) = self.payers(unit, amount)?;
        for reserve in &reserves {
            let grant = self.grant_mut(reserve.grant)?;
            if mutants::is(Mutant::NothingReserved) {
                continue;
            }
            grant.held = grant.held.checked_add(reserve.amount).ok_or(Rejection::Inconsistent)?;
        }
        Ok((reserves, uncovered))
    }

    /// A hold that is to change: from here on it is among the writes.
    pub(super) fn hold_mut(&mut self, sequence: u64) -> Result<&mut Hold, Rejection> {
        self.touched_holds.insert(sequence);
        self.holds.get_mut(&sequence).ok_or(Rejection::Inconsistent)
    }

    /// Brings in a hold that is not open, unless the draft knows it already.
    pub(in crate::ledger) fn recall_hold(&mut self, hold: Option<&Hold>) {
        if let Some(hold) = hold {
            self.holds.entry(hold.sequence).or_insert_with(|| hold.clone());
        }
    }

    /// Adds a new hold under the next entry's sequence number.
    pub(super) fn add_hold(&mut self, hold: Hold) {
        self.touched_holds.insert(hold.sequence);
        self.holds.insert(hold.sequence, hold);
    }

    /// A hold's time is over: it ends by its own rule.
    pub(in crate::ledger) fn expire_hold(&mut self, sequence: u64) -> Result<(), Rejection> {
        let hold = self.hold_mut(sequence)?;
        let all = mutants::is(Mutant::ExpiryCapturesAll);
        let captured = if all { hold.amount } else { hold.captured_on_expiry() };
        self.end_hold(sequence, End { state: HoldState::Expired, captured, author: None })
    }

    /// Ends a hold: what is captured of it is taken from the grants that it reserved first, the rest
    /// is free again. Of that, what a reversal took elsewhere goes back there, what came back to a
    /// grant that has ended meanwhile ends at once, and the unit's overage is paid from the rest, as
    /// from any credits that come in.
    pub(super) fn end_hold(&mut self, sequence: u64, end: End<'_>) -> Result<(), Rejection> {
        let hold = self.hold_mut(sequence)?;
        (hold.state, hold.captured) = (end.state, end.captured);
        let hold = hold.clone();
        let (draws, returned) = self.unreserve(&hold, end.captured)?;
        let mut ended = ended_among(self, &returned);
        mutants::revive(self, &mut ended)?;
        for (grant, state) in &ended {
            self.grant_mut(*grant)?.state = *state;
        }
        if end.captured.is_positive() {
            // A charge's draws are what a refund gives back, so what pays overage is told apart.
            self.write_end(&hold, EntryKind::Consumption, draws, end.author)?;
            let own_id = |draft: &Self| draft.own_id(Operation::Settle, &hold.id);
            let paid = self.pay_back(&hold.unit, &returned, own_id)?;
            if !paid.is_empty() {
                let id = own_id(self);
                let entry = own_entry(id, EntryKind::Release, hold.unit.clone(), Credits::ZERO);
                self.write(EntryParts { draws: paid, hold: Some(hold.id.clone()), ..entry })?;
            }
        } else {
            let id = |draft: &Self| end_id(draft.owner, &hold.id);
            let paid = self.pay_back(&hold.unit, &returned, id)?;
            self.write_end(&hold, EntryKind::Release, paid, end.author)?;
        }
        ended.into_iter().try_for_each(|(grant, state)| self.end_grant(grant, state))
    }

    /// What came back to the grants and is owed by them goes to where it was taken; the rest pays
    /// overage. Returns the draws, for the next entry, whose id `id` makes.
    fn pay_back(
        &mut self,
        unit: &Unit,
        returned: &[Draw],
        id: impl FnOnce(&Self) -> TransactionId,
    ) -> Result<Vec<Draw>, Rejection> {
        let (mut draws, mut free) = (Vec::new(), Credits::ZERO);
        for back in returned {
            let grant = self.grant_mut(back.grant)?;
            let owed = grant.take_owed(back.amount).ok_or(Rejection::Inconsistent)?;
            if owed.is_positive() {
                grant.remaining =
                    grant.remaining.checked_sub(owed).ok_or(Rejection::Inconsistent)?;
                free = free.checked_add(owed).ok_or(Rejection::Overflow)?;
                draws.push(Draw { grant: back.grant, amount: owed });
            }
        }
        if free.is_positive() {
            self.return_free(&id(self), unit, free)?;
        }
        draws.extend(self.pay_overage(unit)?);
        Ok(draws)
    }

    /// Gives the grants back what the hold reserved, less what is captured. Returns what was
    /// captured from which, and what came back to which.
    fn unreserve(
        &mut self,
        hold: &Hold,
        captured: Credits,
    ) -> Result<(Vec<Draw>, Vec<Draw>), Rejection> {
        let (mut left, mut draws, mut returned) = (captured, Vec::new(), Vec::new());
        let less = |one: Credits, other: Credits| {
            let difference = one.checked_sub(other).filter(|left| !left.is_negative());
            difference.ok_or(Rejection::Inconsistent)
        };
        for reserve in &hold.reserves {
            let taken = left.min(reserve.amount);
            let back = less(reserve.amount, taken)?;
            left = less(left, taken)?;
            let grant = self.grant_mut(reserve.grant)?;
            grant.held = less(grant.held, mutants::given_up(reserve.amount, taken))?;
            grant.remaining = less(grant.remaining, taken)?;
            if taken.is_positive() {
                draws.push(Draw { grant: reserve.grant, amount: taken });
            }
            if back.is_positive() {
                returned.push(Draw { grant: reserve.grant, amount: back });
            }
        }
        if left.is_zero() { Ok((draws, returned)) } else { Err(Rejection::Inconsistent) }
    }

    /// The one entry that is the record of a hold's end.
    fn write_end(
        &mut self,
        hold: &Hold,
        kind: EntryKind,
        draws: Vec<Draw>,
        author: Option<(&CallDetails, KeyRecord)>,
    ) -> Result<(), Rejection> {
        let id = end_id(self.owner, &hold.id);
        let mut entry = own_entry(id, kind, hold.unit.clone(), hold.captured.negated());
        if let Some((call, record)) = author {
            entry.description.clone_from(&call.description);
            entry.metadata.clone_from(&call.metadata);
            entry.record = Some(record);
        }
        let notes = hold.notes.as_ref();
        entry.description = entry.description.or_else(|| notes.description.clone());
        entry.metadata = entry.metadata.or_else(|| notes.metadata.clone());
        entry.draws = draws;
        entry.hold = Some(hold.id.clone());
        self.write(entry)
    }
}
