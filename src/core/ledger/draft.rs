//! A change being worked out: a copy of the account that entries are written on.
//!
//! [`Draft`] knows the mechanics (what is free, who pays, what an entry states afterwards) and leaves
//! the judgement to `decide`. Nothing it does is visible until its [`Writes`] are stored and applied.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use crate::credits::Credits;
use crate::idempotency::{Operation, Scope};
use crate::ids::{Owner, Product, TransactionId, Unit};
use crate::ledger::account::Account;
use crate::ledger::command::CallDetails;
use crate::ledger::entry::{Draw, Entry, EntryKind, KeyRecord, Totals};
use crate::ledger::grant::{Due, Grant, GrantState};
use crate::ledger::hold::Hold;
use crate::ledger::hold::draft::reservations_add_up;
use crate::ledger::mutants::{self, Mutant};
use crate::ledger::rejection::Rejection;
use crate::ledger::writes::{AlarmIntent, Writes};
use crate::time::Timestamp;

/// The parts of an entry that its command decides.
pub(super) struct EntryParts {
    pub(super) id: TransactionId,
    pub(super) kind: EntryKind,
    pub(super) unit: Unit,
    pub(super) amount: Credits,
    pub(super) draws: Vec<Draw>,
    pub(super) description: Option<String>,
    pub(super) metadata: Option<String>,
    pub(super) product: Option<Product>,
    pub(super) refund_of: Option<TransactionId>,
    pub(super) hold: Option<TransactionId>,
    pub(super) record: Option<KeyRecord>,
}

impl EntryParts {
    /// An entry that a caller asked for.
    pub(super) fn called(
        id: TransactionId,
        kind: EntryKind,
        (unit, amount): (&Unit, Credits),
        call: &CallDetails,
        record: KeyRecord,
    ) -> Self {
        Self {
            id,
            kind,
            unit: unit.clone(),
            amount,
            draws: Vec::new(),
            description: call.description.clone(),
            metadata: call.metadata.clone(),
            product: None,
            refund_of: None,
            hold: None,
            record: Some(record),
        }
    }
}

/// The account as it would be after the entries drafted so far.
pub(super) struct Draft<'a> {
    pub(super) owner: &'a Owner,
    before: &'a Account,
    pub(super) sequence: u64,
    /// Ledger time of the entries that are drafted next.
    pub(super) time: Timestamp,
    pub(super) totals: Totals,
    pub(super) grants: BTreeMap<u64, Grant>,
    pub(super) holds: BTreeMap<u64, Hold>,
    entries: Vec<Entry>,
    touched: BTreeSet<u64>,
    pub(super) touched_holds: BTreeSet<u64>,
}

impl<'a> Draft<'a> {
    /// Starts a change at `now`: ledger time is set, and what is due by then is drafted first.
    pub(super) fn begin(account: &'a Account, now: Timestamp) -> Result<Self, Rejection> {
        // A clock that steps back revives nothing: time does not fall behind the last entry.
        let time = now.max(account.time);
        let mut draft = Self::unsettled(account, account.time);
        draft.settle_until(time)?;
        draft.time = time;
        Ok(draft)
    }

    /// The account as stored, with nothing drafted.
    pub(super) fn unsettled(account: &'a Account, time: Timestamp) -> Self {
        Self {
            owner: &account.owner,
            before: account,
            sequence: account.sequence,
            time,
            totals: account.totals.clone(),
            grants: account.grants.clone(),
            holds: account.holds.clone(),
            entries: Vec::new(),
            touched: BTreeSet::new(),
            touched_holds: BTreeSet::new(),
        }
    }

    /// Drafts everything that is due by `until`, in time order, stamped at its own time.
    fn settle_until(&mut self, until: Timestamp) -> Result<(), Rejection> {
        while let Some((time, due, sequence)) = self.next_due() {
            let spared = due == Due::Settle && mutants::is(Mutant::ExpiryRace);
            if time > until || (time == until && spared) {
                break;
            }
            self.time = self.time.max(time);
            match due {
                Due::Expire => self.end_grant(sequence, GrantState::Expired)?,
                Due::Settle => self.expire_hold(sequence)?,
                Due::Activate => self.activate(sequence)?,
            }
        }
        Ok(())
    }

    fn next_due(&self) -> Option<(Timestamp, Due, u64)> {
        let due = |grant: &Grant| grant.due().map(|(time, due)| (time, due, grant.sequence));
        let open = self.holds.values().filter(|hold| hold.is_open());
        let ends = open.map(|hold| (hold.expires_at, Due::Settle, hold.sequence));
        self.grants.values().filter_map(due).chain(ends).min()
    }

    /// A grant's time has come: it pays overage, then counts.
    fn activate(&mut self, sequence: u64) -> Result<(), Rejection> {
        let grant = self.grant_mut(sequence)?;
        grant.state = GrantState::Active;
        grant.remaining = grant.amount;
        let (grant_id, kind, amount) = (grant.id.clone(), grant.source.kind(), grant.amount);
        let (unit, product) = (grant.unit.clone(), grant.product.clone());
        let draws = self.pay_overage(&unit)?;
        let id = self.own_id(Operation::Activate, &grant_id);
        self.write(EntryParts { product, draws, ..own_entry(id, kind, unit, amount) })
    }

    /// Ends a grant: what is left of it and not held, if anything, is written off by an entry of
    /// the ledger's own.
    pub(super) fn end_grant(&mut self, sequence: u64, state: GrantState) -> Result<(), Rejection> {
        let (grant, amount) = self.close_grant(sequence, state)?;
        if amount.is_zero() {
            return Ok(());
        }
        let kind = if state == GrantState::Voided { EntryKind::Void } else { EntryKind::Expiry };
        let id = self.own_id(Operation::Expire, &grant.id);
        let draws = Vec::from([Draw { grant: sequence, amount }]);
        let entry = own_entry(id, kind, grant.unit, amount.negated());
        self.write(EntryParts { product: grant.product, draws, ..entry })
    }

    /// Takes a grant out of play and returns it with what was left of it; the caller writes the entry.
    pub(super) fn close_grant(
        &mut self,
        sequence: u64,
        state: GrantState,
    ) -> Result<(Grant, Credits), Rejection> {
        let grant = self.grant_mut(sequence)?;
        let left = grant.unreserved();
        grant.state = state;
        grant.remaining = grant.held;
        Ok((grant.clone(), left))
    }

    /// The id of an entry that the ledger writes for itself: named by the grant (or the hold) and the
    /// position, so a grant that ends twice (a refund came back to it) makes two entries.
    pub(super) fn own_id(&self, operation: Operation, about: &TransactionId) -> TransactionId {
        let key = alloc::format!("{about}/{}", self.sequence + 1);
        Scope { owner: self.owner, operation }.transaction_id(&key)
    }

    /// A grant that is to change: from here on it is among the writes.
    pub(super) fn grant_mut(&mut self, sequence: u64) -> Result<&mut Grant, Rejection> {
        self.touched.insert(sequence);
        self.grants.get_mut(&sequence).ok_or(Rejection::Inconsistent)
    }

    /// Brings in a grant that is not open, unless the draft knows it already.
    pub(super) fn recall(&mut self, grant: &Grant) {
        self.grants.entry(grant.sequence).or_insert_with(|| grant.clone());
    }

    /// Adds a new grant under the next entry's sequence number.
    pub(super) fn add_grant(&mut self, grant: Grant) {
        self.touched.insert(grant.sequence);
        self.grants.insert(grant.sequence, grant);
    }

    /// The grants that can still pay, or will.
    pub(super) fn open_grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.values().filter(|grant| grant.is_open())
    }

    /// Σ remaining − overage (L1).
    pub(super) fn posted(&self, unit: &Unit) -> Result<Credits, Rejection> {
        let remaining = self.sum(unit, |grant| grant.remaining)?;
        remaining.checked_sub(self.totals.overage(unit)).ok_or(Rejection::Overflow)
    }

    /// Whether a balance stays in the range of amounts even after every scheduled grant has come
    /// into effect: a grant whose time comes cannot be refused then (L8).
    pub(super) fn require_range(&self, unit: &Unit) -> Result<(), Rejection> {
        let to_come = |grant: &&Grant| grant.unit == *unit && grant.state == GrantState::Scheduled;
        let mut amounts = self.grants.values().filter(to_come).map(|grant| grant.amount);
        let balance = amounts.try_fold(self.posted(unit)?, Credits::checked_add);
        balance.map(|_| ()).ok_or(Rejection::Overflow)
    }

    /// Σ held.
    pub(super) fn held(&self, unit: &Unit) -> Result<Credits, Rejection> {
        self.sum(unit, |grant| grant.held)
    }

    /// Σ over a unit's grants.
    pub(super) fn sum(
        &self,
        unit: &Unit,
        of: impl Fn(&Grant) -> Credits,
    ) -> Result<Credits, Rejection> {
        let mut grants = self.grants.values().filter(|grant| grant.unit == *unit);
        grants
            .try_fold(Credits::ZERO, |sum, grant| sum.checked_add(of(grant)))
            .ok_or(Rejection::Overflow)
    }

    /// Who pays up to `amount`: the draws on what is free of the grants, in burn order, and what that
    /// does not cover.
    pub(super) fn payers(
        &self,
        unit: &Unit,
        amount: Credits,
    ) -> Result<(Vec<Draw>, Credits), Rejection> {
        let pays = |grant: &&Grant| grant.unit == *unit && grant.free().is_positive();
        let mut payers: Vec<&Grant> = self.grants.values().filter(pays).collect();
        payers.sort_unstable_by(|one, other| one.burns_before(other));
        let mut left = amount;
        let mut draws = Vec::new();
        for grant in payers {
            if left.is_zero() {
                break;
            }
            let take = left.min(grant.free());
            left = left.checked_sub(take).ok_or(Rejection::Overflow)?;
            draws.push(Draw { grant: grant.sequence, amount: take });
        }
        Ok((draws, left))
    }

    /// Takes up to `amount` from the grants in burn order. Returns the draws and what was not covered.
    pub(super) fn burn(
        &mut self,
        unit: &Unit,
        amount: Credits,
    ) -> Result<(Vec<Draw>, Credits), Rejection> {
        let (draws, left) = self.payers(unit, amount)?;
        for draw in &draws {
            let grant = self.grant_mut(draw.grant)?;
            grant.remaining =
                grant.remaining.checked_sub(draw.amount).ok_or(Rejection::Inconsistent)?;
        }
        Ok((draws, left))
    }

    /// Lets what is free pay the unit's overage, as far as it goes.
    pub(super) fn pay_overage(&mut self, unit: &Unit) -> Result<Vec<Draw>, Rejection> {
        let overage = self.totals.overage(unit);
        if overage.is_zero() {
            return Ok(Vec::new());
        }
        let (draws, unpaid) = self.burn(unit, overage)?;
        self.set_overage(unit, unpaid);
        Ok(draws)
    }

    pub(super) fn set_overage(&mut self, unit: &Unit, overage: Credits) {
        self.totals.0.entry(unit.clone()).or_default().overage = overage;
    }

    /// Appends an entry that states the account as it now is.
    pub(super) fn write(&mut self, parts: EntryParts) -> Result<(), Rejection> {
        self.sequence += 1;
        let counts = &mut self.totals.0.entry(parts.unit.clone()).or_default().counts;
        *counts.entry(parts.kind).or_insert(0) += 1;
        self.entries.push(Entry {
            sequence: self.sequence,
            balance_after: self.posted(&parts.unit)?,
            held_after: self.held(&parts.unit)?,
            time: self.time,
            totals: self.totals.clone(),
            id: parts.id,
            kind: parts.kind,
            unit: parts.unit,
            amount: parts.amount,
            draws: parts.draws,
            description: parts.description,
            metadata: parts.metadata,
            product: parts.product,
            refund_of: parts.refund_of,
            hold: parts.hold,
            record: parts.record,
        });
        Ok(())
    }

    /// What the entries drafted so far have written off of a grant.
    pub(super) fn written_off(&self, grant: u64) -> Result<Credits, Rejection> {
        written_off(&self.entries, grant).ok_or(Rejection::Overflow)
    }

    /// The entry with this id, once it is written.
    pub(super) fn entry(&self, id: &TransactionId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == *id)
    }

    /// The change as data. The books are checked once more: in every unit that was touched, what
    /// was posted before and the entries' amounts must add up to what is posted now (L1), and what
    /// each grant has as held to what the open holds reserve of it (L3); a grant whose amounts cannot
    /// be true together is not written, for it could not be read again.
    pub(super) fn finish(self) -> Result<Writes, Rejection> {
        let mut units: Vec<&Unit> = Vec::new();
        for entry in &self.entries {
            if !units.contains(&&entry.unit) {
                units.push(&entry.unit);
            }
        }
        let before = Self::unsettled(self.before, self.before.time);
        for unit in units {
            let amounts = self.entries.iter().filter(|entry| entry.unit == *unit);
            let sum = amounts
                .map(|entry| entry.amount)
                .try_fold(before.posted(unit)?, Credits::checked_add)
                .ok_or(Rejection::Overflow)?;
            if sum != self.posted(unit)? {
                return Err(Rejection::Inconsistent);
            }
        }
        let mut changed = self.touched.iter().filter_map(|sequence| self.grants.get(sequence));
        let adds_up =
            changed.all(Grant::adds_up) && reservations_add_up(self.holds.values(), &self.grants);
        if !adds_up && !mutants::any() {
            return Err(Rejection::Inconsistent);
        }
        let due = self.next_due().map(|(time, _, _)| time);
        let alarm = match due {
            _ if due == self.before.next_due() => AlarmIntent::Keep,
            Some(time) => AlarmIntent::Set(time),
            None => AlarmIntent::Clear,
        };
        let touched = self.touched;
        let grants = self.grants.into_values().filter(|grant| touched.contains(&grant.sequence));
        let touched = self.touched_holds;
        let holds = self.holds.into_values().filter(|hold| touched.contains(&hold.sequence));
        let (grants, holds) = (grants.collect(), holds.collect());
        Ok(Writes { entries: self.entries, grants, holds, alarm })
    }
}

/// What expiries and voids among these entries have written off of a grant.
pub(super) fn written_off(entries: &[Entry], grant: u64) -> Option<Credits> {
    let ends = |entry: &&Entry| matches!(entry.kind, EntryKind::Expiry | EntryKind::Void);
    let draws = entries.iter().filter(ends).flat_map(|entry| &entry.draws);
    draws
        .filter(|draw| draw.grant == grant)
        .try_fold(Credits::ZERO, |sum, draw| sum.checked_add(draw.amount))
}

/// An entry that nobody called for.
pub(super) fn own_entry(
    id: TransactionId,
    kind: EntryKind,
    unit: Unit,
    amount: Credits,
) -> EntryParts {
    EntryParts {
        id,
        kind,
        unit,
        amount,
        draws: Vec::new(),
        description: None,
        metadata: None,
        product: None,
        refund_of: None,
        hold: None,
        record: None,
    }
}
