//! The judgement: may this command be carried out, and what does it write?

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::credits::Credits;
use crate::ids::{TransactionId, Unit};
use crate::ledger::account::Account;
use crate::ledger::command::{
    Command, Consume, Debit, Found, GrantCredits, Lookups, Usage, Void, WhenShort,
};
use crate::ledger::draft::{Draft, EntryParts};
use crate::ledger::entry::{Draw, EntryKind, KeyRecord, Receipt};
use crate::ledger::grant::{Grant, GrantState};
use crate::ledger::hold::Hold;
use crate::ledger::hold::judge::{self, Ending};
use crate::ledger::mutants;
use crate::ledger::refund;
use crate::ledger::rejection::Rejection;
use crate::ledger::writes::Writes;
use crate::ledger::{MAX_OPEN_GRANTS, MAX_UNITS};
use crate::time::Timestamp;

/// What the deployment sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerConfig {
    /// How far plain usage may take a unit below zero, in minor units of `credits`; `None` without
    /// limit. Gates never go below zero.
    pub overdraft_limit: Option<Credits>,
}

/// A command that is to be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// To persist before answering. Empty for a replay.
    pub writes: Writes,
    /// The answer.
    pub receipt: Receipt,
}

/// Judges a command at `now`. Changes nothing.
///
/// # Errors
/// [`Rejection`]: the first reason in its order of precedence.
pub fn decide(
    account: &Account,
    found: &Found,
    now: Timestamp,
    command: &Command,
    config: &LedgerConfig,
) -> Result<Decision, Rejection> {
    if let Some(usage) = mutants::charged_again(command, found) {
        return decide(account, &Found::default(), now, &usage, config);
    }
    let fingerprint = command.fingerprint();
    let ending = Ending::of(command);
    if let Some(entry) = &found.record {
        let hold = found.hold.as_ref().map(Hold::as_placed);
        let receipt = Receipt { entry: entry.clone(), replayed: true, hold };
        if let Some(ending) = &ending {
            return ending.repeat(found, receipt);
        }
        let first = entry.record.as_ref().ok_or(Rejection::Inconsistent)?;
        return match fingerprint.difference(&first.fingerprint) {
            None => Ok(Decision { writes: Writes::default(), receipt }),
            Some(field) => {
                Err(Rejection::KeyReused { field: field.to_owned(), first: Box::new(receipt) })
            }
        };
    }
    if account.closed {
        return Err(Rejection::Closed);
    }
    let Lookups { record: id, hold, .. } = command.lookups(&account.owner);
    let record = KeyRecord { key: command.call().key.clone(), fingerprint };
    let mut draft = Draft::begin(account, now)?;
    if let Some(ending) = ending {
        draft.recall_hold(found.hold.as_ref());
        ending.carry_out(&mut draft, record)?;
        return conclude(draft, &id, hold.as_ref());
    }
    match command {
        Command::Consume(consume) => take_usage(&mut draft, &id, consume, record, config)?,
        Command::Usage(usage) => take_priced(&mut draft, &id, usage, record)?,
        Command::Grant(grant) => make_grant(&mut draft, &id, grant, record)?,
        Command::Debit(debit) => take_debit(&mut draft, &id, debit, record, config)?,
        Command::Refund(refund) => refund::give_back(&mut draft, &id, refund, record, found)?,
        Command::Void(void) => void_grant(&mut draft, &id, void, record, found)?,
        Command::Hold(place) => judge::place(&mut draft, &id, place, record)?,
        Command::Capture(_) | Command::Release(_) => return Err(Rejection::Inconsistent),
    }
    // Every entry carries the totals of all units, and a row has an end.
    if draft.totals.0.len() > account.totals.0.len().max(MAX_UNITS) {
        return Err(Rejection::TooManyUnits);
    }
    conclude(draft, &id, hold.as_ref())
}

/// The decision that a draft comes to, answered by the entry of this id and the hold of that one.
fn conclude(
    draft: Draft<'_>,
    id: &TransactionId,
    hold: Option<&TransactionId>,
) -> Result<Decision, Rejection> {
    let entry = draft.entry(id).cloned().ok_or(Rejection::Inconsistent)?;
    let hold = draft.holds.values().find(|known| Some(&known.id) == hold).cloned();
    Ok(Decision { writes: draft.finish()?, receipt: Receipt { entry, replayed: false, hold } })
}

/// What is due at `now`, to be written by an alarm. The alarm itself has been spent by firing:
/// arm it again by [`Account::rearm`] once this is applied.
///
/// # Errors
/// [`Rejection::Inconsistent`] or [`Rejection::Overflow`] for an account that contradicts itself.
pub fn settle(account: &Account, now: Timestamp) -> Result<Writes, Rejection> {
    Draft::begin(account, now)?.finish()
}

fn take_usage(
    draft: &mut Draft<'_>,
    id: &TransactionId,
    consume: &Consume,
    record: KeyRecord,
    config: &LedgerConfig,
) -> Result<(), Rejection> {
    let Consume { call, unit, amount, when_short } = consume;
    let floor = match when_short {
        WhenShort::Reject => Some(Credits::ZERO),
        WhenShort::Allow => config.limit_in(unit),
    };
    let entry = EntryParts::called(
        id.clone(),
        EntryKind::Consumption,
        (unit, amount.negated()),
        call,
        record,
    );
    take(draft, entry, floor)
}

/// Usage that has been priced is never taken as overage: a signal that is refused can be sent again
/// once there is something to take it from.
fn take_priced(
    draft: &mut Draft<'_>,
    id: &TransactionId,
    usage: &Usage,
    record: KeyRecord,
) -> Result<(), Rejection> {
    let Usage { call, unit, amount, .. } = usage;
    let change = (unit, amount.negated());
    let entry = EntryParts::called(id.clone(), EntryKind::Consumption, change, call, record);
    take(draft, entry, Some(Credits::ZERO))
}

fn take_debit(
    draft: &mut Draft<'_>,
    id: &TransactionId,
    debit: &Debit,
    record: KeyRecord,
    config: &LedgerConfig,
) -> Result<(), Rejection> {
    let Debit { call, unit, amount } = debit;
    let change = (unit, amount.negated());
    let entry = EntryParts::called(id.clone(), EntryKind::Adjustment, change, call, record);
    take(draft, entry, config.limit_in(unit))
}

/// Writes a decrease: from the grants in burn order, the rest as overage, which may reach `limit`
/// (`None`: any).
fn take(
    draft: &mut Draft<'_>,
    mut entry: EntryParts,
    limit: Option<Credits>,
) -> Result<(), Rejection> {
    let unit = entry.unit.clone();
    let requested = entry.amount.negated();
    let available = available(draft, &unit)?;
    let (draws, uncovered) = draft.burn(&unit, requested)?;
    if uncovered.is_positive() {
        let overage = draft.totals.overage(&unit).checked_add(uncovered);
        if limit.is_some_and(|limit| overage.is_none_or(|overage| overage > limit)) {
            return Err(Rejection::InsufficientCredits { unit, available, requested });
        }
        draft.set_overage(&unit, overage.ok_or(Rejection::Overflow)?);
    }
    entry.draws = draws;
    draft.write(entry)
}

/// Available in a unit, as the draft now is.
pub(super) fn available(draft: &Draft<'_>, unit: &Unit) -> Result<Credits, Rejection> {
    draft.posted(unit)?.checked_sub(draft.held(unit)?).ok_or(Rejection::Overflow)
}

fn make_grant(
    draft: &mut Draft<'_>,
    id: &TransactionId,
    command: &GrantCredits,
    record: KeyRecord,
) -> Result<(), Rejection> {
    let GrantCredits { call, unit, amount, source, product, priority, .. } = command;
    let effective_at = command.effective_at.unwrap_or(draft.time);
    let scheduled = effective_at > draft.time;
    if command.expires_at.is_some_and(|end| end <= effective_at.max(draft.time)) {
        return Err(Rejection::ExpiryPassed);
    }
    if draft.open_grants().count() >= MAX_OPEN_GRANTS {
        return Err(Rejection::TooManyGrants);
    }
    draft.add_grant(Grant {
        sequence: draft.sequence + 1,
        id: id.clone(),
        unit: unit.clone(),
        amount: *amount,
        remaining: if scheduled { Credits::ZERO } else { *amount },
        held: Credits::ZERO,
        owed: Credits::ZERO,
        priority: *priority,
        product: product.clone(),
        source: *source,
        effective_at,
        expires_at: command.expires_at,
        state: if scheduled { GrantState::Scheduled } else { GrantState::Active },
    });
    let (kind, change) = match scheduled {
        true => (EntryKind::Scheduled, Credits::ZERO),
        false => (source.kind(), *amount),
    };
    let mut entry = EntryParts::called(id.clone(), kind, (unit, change), call, record);
    entry.draws = if scheduled { Vec::new() } else { draft.pay_overage(unit)? };
    entry.product.clone_from(product);
    draft.write(entry)?;
    draft.require_range(unit)
}

fn void_grant(
    draft: &mut Draft<'_>,
    id: &TransactionId,
    void: &Void,
    record: KeyRecord,
    found: &Found,
) -> Result<(), Rejection> {
    let known = draft.grants.values().chain(&found.grants).find(|grant| grant.id == void.grant);
    let grant = known.ok_or(Rejection::UnknownGrant)?;
    let can_end = match grant.state {
        GrantState::Scheduled => true,
        GrantState::Active => grant.free().is_positive(),
        GrantState::Expired | GrantState::Voided => false,
    };
    // What the draft does not know is closed, whatever its row says.
    if !can_end || !draft.grants.contains_key(&grant.sequence) {
        return Err(Rejection::GrantEnded);
    }
    let sequence = grant.sequence;
    let (grant, left) = draft.close_grant(sequence, GrantState::Voided)?;
    let change = (&grant.unit, left.negated());
    let mut entry = EntryParts::called(id.clone(), EntryKind::Void, change, &void.call, record);
    if left.is_positive() {
        entry.draws.push(Draw { grant: sequence, amount: left });
    }
    entry.product = grant.product;
    draft.write(entry)
}

impl LedgerConfig {
    /// The overdraft limit in a unit's own minor units; the same number of whole units. One beyond
    /// the range of amounts is none: the range ends before it.
    fn limit_in(&self, unit: &Unit) -> Option<Credits> {
        let limit = self.overdraft_limit?;
        let extra = u32::from(unit.scale().decimals() - crate::credits::Scale::CREDITS.decimals());
        let scaled = limit.minor_units().saturating_mul(10_i64.saturating_pow(extra));
        Credits::from_minor_units(scaled)
    }
}
