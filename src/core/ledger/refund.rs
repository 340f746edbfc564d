//! Giving back a charge: to the grants that it drew on, last drawn first.
//!
//! The aim is the account as if the refunded part had never been charged. A part that was overage
//! lowers the overage; where a later grant has paid that overage meanwhile, the part comes back as
//! a grant of its own. What comes back to a grant that has ended, ends at once.

use alloc::vec::Vec;

use crate::credits::Credits;
use crate::ids::TransactionId;
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
    return_overage(draft, id, command, from_overage)?;
    let mut draws = return_draws(draft, &refundable.draws, from_grants)?;
    let ended = ended_among(draft, &draws);
    for (grant, state) in &ended {
        draft.grant_mut(*grant)?.state = *state;
    }
    // After the states are set: what came back pays overage first, as any grant does, but what has
    // ended pays nothing.
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

/// Lowers the overage by the part that was overage; what of it has been paid since becomes a grant.
fn return_overage(
    draft: &mut Draft<'_>,
    id: &TransactionId,
    command: &Refund,
    part: Credits,
) -> Result<(), Rejection> {
    let overage = draft.totals.overage(&command.unit);
    let unpaid = part.min(overage);
    if unpaid.is_positive() {
        let left = overage.checked_sub(unpaid).ok_or(Rejection::Overflow)?;
        draft.set_overage(&command.unit, left);
    }
    let paid = part.checked_sub(unpaid).ok_or(Rejection::Overflow)?;
    if paid.is_positive() {
        draft.add_grant(Grant {
            sequence: draft.sequence + 1,
            id: id.clone(),
            unit: command.unit.clone(),
            amount: paid,
            remaining: paid,
            held: Credits::ZERO,
            priority: DEFAULT_PRIORITY,
            product: None,
            source: Source::Refund,
            effective_at: draft.time,
            expires_at: None,
            state: GrantState::Active,
        });
    }
    Ok(())
}

/// Gives `amount` back to the grants, last drawn first.
fn return_draws(
    draft: &mut Draft<'_>,
    drawn: &[Draw],
    amount: Credits,
) -> Result<Vec<Draw>, Rejection> {
    let mut left = amount;
    let mut draws = Vec::new();
    for draw in drawn.iter().rev() {
        let back = left.min(draw.amount);
        if back.is_zero() {
            continue;
        }
        left = left.checked_sub(back).ok_or(Rejection::Overflow)?;
        let grant = draft.grant_mut(draw.grant)?;
        grant.remaining = grant.remaining.checked_add(back).ok_or(Rejection::Overflow)?;
        draws.push(Draw { grant: draw.grant, amount: back.negated() });
    }
    Ok(draws)
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
