//! Giving back a charge: to the grants that it drew on, last drawn first.
//!
//! The aim is the account as if the refunded part had never been charged. A part that was overage
//! lowers the overage; where a later grant has paid that overage meanwhile, the part comes back as
//! a grant of its own. So does what a reversal of the grant's payment has taken elsewhere meanwhile.
//! What comes back to a grant that has ended, ends at once.

use alloc::vec::Vec;

use crate::credits::Credits;
use crate::ids::{TransactionId, Unit};
use crate::ledger::MAX_OPEN_GRANTS;
use crate::ledger::command::{Found, Refund};
use crate::ledger::draft::{Draft, EntryParts};
use crate::ledger::entry::{Draw, Entry, EntryKind, KeyRecord};
use crate::ledger::grant::{DEFAULT_PRIORITY, Grant, GrantState, Source};
use crate::ledger::rejection::Rejection;

/// What is left to give back of a charge.
struct Refundable {
    /// Per grant that the charge drew on, in the order it drew.
    draws: Vec<Draw>,
    /// The part that no grant had covered.
    overage: Credits,
}

impl Refundable {
    fn of(charge: &Entry, refunds: &[Entry]) -> Option<Self> {
        let mut draws = charge.draws.clone();
        let mut left = charge.amount.negated();
        for refund in refunds {
            left = left.checked_sub(refund.amount)?;
            // Negative draws gave back; positive ones paid other overage and are no matter here.
            for back in refund.draws.iter().filter(|draw| draw.amount.is_negative()) {
                let draw = draws.iter_mut().find(|draw| draw.grant == back.grant)?;
                draw.amount = draw.amount.checked_add(back.amount)?;
            }
        }
        let drawn = sum(&draws)?;
        let overage = left.checked_sub(drawn)?;
        if overage.is_negative() || draws.iter().any(|draw| draw.amount.is_negative()) {
            return None;
        }
        Some(Self { draws, overage })
    }

    fn total(&self) -> Option<Credits> {
        sum(&self.draws)?.checked_add(self.overage)
    }
}

fn sum(draws: &[Draw]) -> Option<Credits> {
    draws.iter().try_fold(Credits::ZERO, |sum, draw| sum.checked_add(draw.amount))
}

/// Drafts the refund entry, and the end of what came back to grants that have ended.
pub(super) fn give_back(
    draft: &mut Draft<'_>,
    id: &TransactionId,
    command: &Refund,
    record: KeyRecord,
    found: &Found,
) -> Result<(), Rejection> {
    let Refund { call, unit, amount, refund_of } = command;
    let charge = found.charge.as_ref().filter(|entry| is_charge(entry));
    let charge = charge.ok_or(Rejection::UnknownCharge)?;
    if charge.unit != *unit {
        return Err(Rejection::OtherUnit { unit: charge.unit.clone() });
    }
    let refundable = Refundable::of(charge, &found.refunds).ok_or(Rejection::Inconsistent)?;
    let most = refundable.total().ok_or(Rejection::Inconsistent)?;
    if *amount > most {
        return Err(Rejection::RefundExceedsCharge { unit: unit.clone(), refundable: most });
    }
    found.grants.iter().for_each(|grant| draft.recall(grant));

    let from_overage = refundable.overage.min(*amount);
    let from_grants = amount.checked_sub(from_overage).ok_or(Rejection::Overflow)?;
    if let Some(grant) = charge.refund_of.as_ref() {
        undo_reversal(draft, grant, &refundable, *amount)?;
    }
    let (mut draws, owed) = return_draws(draft, &refundable.draws, from_grants)?;
    let free = sum(&owed).and_then(|owed| owed.checked_add(from_overage));
    draft.return_free(id, unit, free.ok_or(Rejection::Overflow)?)?;
    let ended = ended_among(draft, &draws);
    for (grant, state) in &ended {
        draft.grant_mut(*grant)?.state = *state;
    }
    // After the states are set: what came back pays overage first, as any grant does, but what has
    // ended pays nothing.
    draws.extend(owed);
    draws.extend(draft.pay_overage(unit)?);
    require_number(draft, &ended)?;

    let mut entry =
        EntryParts::called(id.clone(), EntryKind::Refund, (unit, *amount), call, record);
    entry.draws = draws;
    entry.refund_of = Some(refund_of.clone());
    draft.write(entry)?;
    ended.into_iter().try_for_each(|(grant, state)| draft.end_grant(grant, state))?;
    draft.require_range(unit)
}

impl Draft<'_> {
    /// Returns credits that are no grant's: they lower the overage, and what of it has been paid
    /// since becomes a grant without expiry, made by the next entry, whose id is `id`.
    pub(super) fn return_free(
        &mut self,
        id: &TransactionId,
        unit: &Unit,
        amount: Credits,
    ) -> Result<(), Rejection> {
        let overage = self.totals.overage(unit);
        let unpaid = amount.min(overage);
        if unpaid.is_positive() {
            let left = overage.checked_sub(unpaid).ok_or(Rejection::Overflow)?;
            self.set_overage(unit, left);
        }
        let paid = amount.checked_sub(unpaid).ok_or(Rejection::Overflow)?;
        if paid.is_positive() {
            self.add_grant(Grant {
                sequence: self.sequence + 1,
                id: id.clone(),
                unit: unit.clone(),
                amount: paid,
                remaining: paid,
                held: Credits::ZERO,
                owed: Credits::ZERO,
                priority: DEFAULT_PRIORITY,
                product: None,
                source: Source::Refund,
                effective_at: self.time,
                expires_at: None,
                state: GrantState::Active,
            });
        }
        Ok(())
    }
}

/// A refund may open grants again: those that the charge had used up, and one for what a later
/// grant has paid. `ended` are about to be closed.
fn require_number(draft: &Draft<'_>, ended: &[(u64, GrantState)]) -> Result<(), Rejection> {
    let ends = |grant: &Grant| ended.iter().any(|(sequence, _)| *sequence == grant.sequence);
    let open = draft.open_grants().filter(|grant| !ends(grant)).count();
    if open > MAX_OPEN_GRANTS { Err(Rejection::TooManyGrants) } else { Ok(()) }
}

fn is_charge(entry: &Entry) -> bool {
    let kinds = [EntryKind::Consumption, EntryKind::Adjustment];
    kinds.contains(&entry.kind) && entry.amount.is_negative()
}

/// What a reversal took elsewhere comes back there first, and is no longer owed by its grant.
fn undo_reversal(
    draft: &mut Draft<'_>,
    grant: &TransactionId,
    reversal: &Refundable,
    amount: Credits,
) -> Result<(), Rejection> {
    let found = draft.grants.values().find(|row| row.id == *grant);
    let sequence = found.ok_or(Rejection::Inconsistent)?.sequence;
    let own = reversal.draws.iter().filter(|draw| draw.grant == sequence);
    let own = own.map(|draw| draw.amount).try_fold(Credits::ZERO, Credits::checked_add);
    let total = reversal.total().ok_or(Rejection::Inconsistent)?;
    let elsewhere = own.and_then(|own| total.checked_sub(own)).ok_or(Rejection::Inconsistent)?;
    let owner = draft.grant_mut(sequence)?;
    owner.take_owed(elsewhere.min(amount)).map(|_| ()).ok_or(Rejection::Inconsistent)
}

/// Gives `amount` back to the grants, last drawn first. Returns the draws, and those that take
/// from the grants again what they owed of it.
fn return_draws(
    draft: &mut Draft<'_>,
    drawn: &[Draw],
    amount: Credits,
) -> Result<(Vec<Draw>, Vec<Draw>), Rejection> {
    let (mut left, mut draws, mut taken) = (amount, Vec::new(), Vec::new());
    for draw in drawn.iter().rev() {
        let back = left.min(draw.amount);
        if back.is_zero() {
            continue;
        }
        left = left.checked_sub(back).ok_or(Rejection::Overflow)?;
        let grant = draft.grant_mut(draw.grant)?;
        let owed = grant.take_owed(back).ok_or(Rejection::Inconsistent)?;
        let kept = back.checked_sub(owed).ok_or(Rejection::Overflow)?;
        grant.remaining = grant.remaining.checked_add(kept).ok_or(Rejection::Overflow)?;
        draws.push(Draw { grant: draw.grant, amount: back.negated() });
        if owed.is_positive() {
            taken.push(Draw { grant: draw.grant, amount: owed });
        }
    }
    Ok((draws, taken))
}

/// Which of the grants that got something back have ended already: by state, or by time while
/// nothing was left of them, or nothing that was free.
pub(super) fn ended_among(draft: &Draft<'_>, draws: &[Draw]) -> Vec<(u64, GrantState)> {
    let ended = |draw: &Draw| {
        let grant = draft.grants.get(&draw.grant)?;
        match grant.state {
            GrantState::Expired | GrantState::Voided => Some((grant.sequence, grant.state)),
            _ if grant.expires_at.is_some_and(|end| end <= draft.time) => {
                Some((grant.sequence, GrantState::Expired))
            }
            _ => None,
        }
    };
    draws.iter().filter_map(ended).collect()
}
