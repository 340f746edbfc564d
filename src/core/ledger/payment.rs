//! Credits that were paid for: the grant of a payment, and what a refund of the money takes back.
//!
//! Facts from outside that cannot be refused: the money has moved. They come more than once and in
//! any order, so each is judged by what the ledger holds of its payment already. A payment makes one
//! grant, whose entry is found by the payment's name; that entry is the record of it. Of a payment that
//! was paid back in part, the same part of its credits is taken back, what is unspent first.
//!
//! * A refund that comes before its payment is kept as an entry of amount 0, and taken back in the
//!   step that makes the grant.
//! * What of the grant has expired or was voided is gone already, and counts as taken back.
//! * What was spent or is held is owed: it is taken like usage, from other grants in burn order, then
//!   as overage. The grant remembers it: when the usage is given back or the hold released, so much
//!   goes back to where it was taken, as [`Draft::return_free`] does, and is not written off again.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use crate::credits::Credits;
use crate::idempotency::{Fingerprint, IdempotencyKey, Operation, Scope};
use crate::ids::{Owner, Product, TransactionId, Unit};
use crate::ledger::account::Account;
use crate::ledger::command::{CallDetails, Found, Lookups};
use crate::ledger::draft::{Draft, EntryParts, own_entry, written_off};
use crate::ledger::entry::{Draw, Entry, EntryKind, KeyRecord};
use crate::ledger::grant::{DEFAULT_PRIORITY, Grant, GrantState, Source};
use crate::ledger::rejection::Rejection;
use crate::ledger::writes::Writes;
use crate::time::Timestamp;

/// A payment that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUp {
    /// The payment's name, and notes.
    pub call: CallDetails,
    /// What was bought.
    pub unit: Unit,
    /// How much: positive.
    pub amount: Credits,
    /// What it is for.
    pub product: Option<Product>,
    /// How long it pays, from when the credits are there; `None` for ever.
    pub lasts: Option<Duration>,
}

/// A payment of which so much has been paid back, in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// The payment's name.
    pub payment: IdempotencyKey,
    /// The unit that it bought: only for a payment that is not known yet.
    pub unit: Unit,
    /// Paid back so far, in the money's smallest unit: at most `paid`.
    pub refunded: u64,
    /// Paid, in the same: positive.
    pub paid: u64,
    /// For a person.
    pub description: Option<String>,
    /// A JSON object, as text.
    pub metadata: Option<String>,
}

/// What became known of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payment {
    /// It has arrived.
    TopUp(TopUp),
    /// It was paid back, in part or whole.
    Reversal(Reversal),
}

/// The rows that a store found for a payment's [`Lookups`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentRows {
    /// `record`: the entry of this very fact; `charge`: that of the payment's grant; `refunds`: its
    /// reversals so far; `grants`: the grant among them.
    pub found: Found,
    /// The entries that have written something off of that grant.
    pub ends: Vec<Entry>,
}

/// What a fact about a payment came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// To persist before answering; empty where nothing was left to do.
    pub writes: Writes,
    /// In a word, for the answer: `granted`, `reversed`, `noted` (a refund whose payment is not
    /// known yet) or `none`.
    pub effect: &'static str,
}

impl Settled {
    fn nothing() -> Self {
        Self { writes: Writes::default(), effect: "none" }
    }
}

/// The id of a payment's grant.
fn grant_id(owner: &Owner, payment: &IdempotencyKey) -> TransactionId {
    Scope { owner, operation: Operation::TopUp }.transaction_id(payment.as_str())
}

impl Payment {
    /// What the store must look up, besides what was written off of the grant.
    #[must_use]
    pub fn lookups(&self, owner: &Owner) -> Lookups {
        let grant = grant_id(owner, self.payment());
        let record = match self {
            Self::TopUp(_) => grant.clone(),
            Self::Reversal(reversal) => reversal.id(owner),
        };
        Lookups { record, charge: Some(grant.clone()), grant: Some(grant), hold: None }
    }

    fn payment(&self) -> &IdempotencyKey {
        match self {
            Self::TopUp(top_up) => &top_up.call.key,
            Self::Reversal(reversal) => &reversal.payment,
        }
    }

    /// Judges the fact at `now`. Changes nothing.
    ///
    /// # Errors
    /// [`Rejection::Overflow`], [`Rejection::TooManyUnits`] or [`Rejection::Inconsistent`]: nothing
    /// is written, and the fact must be told again.
    pub fn settle(
        &self,
        account: &Account,
        rows: &PaymentRows,
        now: Timestamp,
    ) -> Result<Settled, Rejection> {
        if rows.found.record.is_some() {
            return Ok(Settled::nothing());
        }
        match self {
            Self::TopUp(top_up) => top_up.settle(account, rows, now),
            Self::Reversal(reversal) => reversal.settle(account, rows, now),
        }
    }
}

impl TopUp {
    fn settle(
        &self,
        account: &Account,
        rows: &PaymentRows,
        now: Timestamp,
    ) -> Result<Settled, Rejection> {
        let id = grant_id(account.owner(), &self.call.key);
        let mut draft = Draft::begin(account, now)?;
        let (unit, sequence) = (&self.unit, draft.sequence + 1);
        // However many grants are open: it has been paid for.
        draft.add_grant(Grant {
            sequence,
            id: id.clone(),
            unit: unit.clone(),
            amount: self.amount,
            remaining: self.amount,
            held: Credits::ZERO,
            owed: Credits::ZERO,
            priority: DEFAULT_PRIORITY,
            product: self.product.clone(),
            source: Source::Topup,
            effective_at: draft.time,
            expires_at: self.lasts.map(|period| draft.time.plus(period)),
            state: GrantState::Active,
        });
        let change = (unit, self.amount);
        let mut entry =
            EntryParts::called(id.clone(), EntryKind::Topup, change, &self.call, self.record());
        let back = owed_back(self.amount, &rows.found.refunds)?;
        // What goes back at once pays nothing: the rest does.
        let kept = self.amount.checked_sub(back).ok_or(Rejection::Inconsistent)?;
        entry.draws = pay_overage(&mut draft, sequence, unit, kept)?;
        entry.product.clone_from(&self.product);
        draft.write(entry)?;
        if back.is_positive() {
            let own = draft.own_id(Operation::Reversal, &id);
            let entry = own_entry(own, EntryKind::Adjustment, unit.clone(), back.negated());
            take_back(&mut draft, sequence, EntryParts { refund_of: Some(id), ..entry })?;
        }
        draft.require_range(unit)?;
        finish(draft, account, "granted")
    }

    /// The payment's name and what it stands for; not the end of the period, which begins when the
    /// credits come.
    fn record(&self) -> KeyRecord {
        let amount = self.amount.decimal(self.unit.scale()).to_string();
        let fingerprint = Fingerprint::of([
            ("unit", Some(self.unit.as_str())),
            ("amount", Some(&*amount)),
            ("type", Some(Source::Topup.as_str())),
            ("product", self.product.as_ref().map(Product::as_str)),
        ]);
        KeyRecord { key: self.call.key.clone(), fingerprint }
    }
}

/// The new grant pays overage, but no more than it keeps.
fn pay_overage(
    draft: &mut Draft<'_>,
    grant: u64,
    unit: &Unit,
    kept: Credits,
) -> Result<Vec<Draw>, Rejection> {
    let overage = draft.totals.overage(unit);
    let pays = overage.min(kept);
    if !pays.is_positive() {
        return Ok(Vec::new());
    }
    draft.set_overage(unit, overage.checked_sub(pays).ok_or(Rejection::Overflow)?);
    let new = draft.grant_mut(grant)?;
    new.remaining = new.remaining.checked_sub(pays).ok_or(Rejection::Overflow)?;
    Ok(Vec::from([Draw { grant, amount: pays }]))
}

impl Reversal {
    fn id(&self, owner: &Owner) -> TransactionId {
        Scope { owner, operation: Operation::Reversal }.transaction_id(&self.key())
    }

    /// The fact's own name, which says how much has been paid back of how much.
    fn key(&self) -> String {
        format!("{}:{}/{}", self.payment.as_str(), self.refunded, self.paid)
    }

    fn settle(
        &self,
        account: &Account,
        rows: &PaymentRows,
        now: Timestamp,
    ) -> Result<Settled, Rejection> {
        let grant = grant_id(account.owner(), &self.payment);
        let mut draft = Draft::begin(account, now)?;
        let Some(granted) = &rows.found.charge else {
            let entry = self.entry(account.owner(), &grant, (&self.unit, Credits::ZERO))?;
            draft.write(entry)?;
            return finish(draft, account, "noted");
        };
        let known = rows.found.grants.iter().find(|row| row.id == grant);
        let sequence = known.ok_or(Rejection::Inconsistent)?.sequence;
        known.into_iter().for_each(|row| draft.recall(row));
        let gone = written_off(&rows.ends, sequence)
            .and_then(|before| before.checked_add(draft.written_off(sequence).ok()?))
            .ok_or(Rejection::Overflow)?;
        let reversed = sum_of(&rows.found.refunds).ok_or(Rejection::Overflow)?;
        let share = share(granted.amount, self.refunded, self.paid);
        let due = share
            .checked_sub(gone)
            .map(|rest| rest.max(Credits::ZERO))
            .and_then(|rest| rest.checked_sub(reversed))
            .ok_or(Rejection::Overflow)?;
        if !due.is_positive() {
            return Ok(Settled::nothing());
        }
        let change = (&granted.unit, due.negated());
        let entry = self.entry(account.owner(), &grant, change)?;
        take_back(&mut draft, sequence, entry)?;
        finish(draft, account, "reversed")
    }

    fn entry(
        &self,
        owner: &Owner,
        grant: &TransactionId,
        change: (&Unit, Credits),
    ) -> Result<EntryParts, Rejection> {
        let key = IdempotencyKey::parse(&self.key()).map_err(|_| Rejection::Inconsistent)?;
        let refunded = format!("{}/{}", self.refunded, self.paid);
        let fingerprint = Fingerprint::of([("refunded", Some(&*refunded))]);
        let call = CallDetails {
            key: key.clone(),
            description: self.description.clone(),
            metadata: self.metadata.clone(),
        };
        let record = KeyRecord { key, fingerprint };
        let kind = EntryKind::Adjustment;
        let entry = EntryParts::called(self.id(owner), kind, change, &call, record);
        Ok(EntryParts { refund_of: Some(grant.clone()), ..entry })
    }
}

/// The part of `credits` that belongs to `refunded` of `paid`: rounded down to the unit's smallest
/// part, in the customer's favour, and all of them when all was paid back.
#[must_use]
pub(super) fn share(credits: Credits, refunded: u64, paid: u64) -> Credits {
    if refunded >= paid {
        return credits;
    }
    let part = i128::from(credits.minor_units()) * i128::from(refunded) / i128::from(paid);
    // Less than `credits`, so it is in the range; were it not, all is the most.
    i64::try_from(part).ok().and_then(Credits::from_minor_units).unwrap_or(credits)
}

/// What refunds that came before their payment take back of it: the furthest of them says how much.
fn owed_back(amount: Credits, noted: &[Entry]) -> Result<Credits, Rejection> {
    let mut most = Credits::ZERO;
    for entry in noted {
        let key = entry.record.as_ref().map(|record| record.key.as_str());
        let (refunded, paid) = key.and_then(fraction).ok_or(Rejection::Inconsistent)?;
        most = most.max(share(amount, refunded, paid));
    }
    Ok(most)
}

/// Reads [`Reversal::key`] back.
fn fraction(key: &str) -> Option<(u64, u64)> {
    let (refunded, paid) = key.rsplit_once(':')?.1.split_once('/')?;
    Some((refunded.parse().ok()?, paid.parse().ok()?))
}

fn sum_of(reversals: &[Entry]) -> Option<Credits> {
    reversals.iter().try_fold(Credits::ZERO, |sum, entry| sum.checked_sub(entry.amount))
}

/// Writes a reversal: from what is left of its grant, then like usage. There is no limit to the
/// overage: the money is gone.
fn take_back(draft: &mut Draft<'_>, grant: u64, mut entry: EntryParts) -> Result<(), Rejection> {
    let due = entry.amount.negated();
    let own = draft.grant_mut(grant)?;
    let unspent = own.free().min(due);
    own.remaining = own.remaining.checked_sub(unspent).ok_or(Rejection::Inconsistent)?;
    let rest = due.checked_sub(unspent).ok_or(Rejection::Overflow)?;
    own.owed = own.owed.checked_add(rest).ok_or(Rejection::Overflow)?;
    if unspent.is_positive() {
        entry.draws.push(Draw { grant, amount: unspent });
    }
    let unit = entry.unit.clone();
    let (draws, uncovered) = draft.burn(&unit, rest)?;
    entry.draws.extend(draws);
    if uncovered.is_positive() {
        let overage = draft.totals.overage(&unit).checked_add(uncovered);
        draft.set_overage(&unit, overage.ok_or(Rejection::Overflow)?);
    }
    draft.write(entry)
}

fn finish(draft: Draft<'_>, account: &Account, effect: &'static str) -> Result<Settled, Rejection> {
    if draft.totals.0.len() > account.totals.0.len().max(crate::ledger::MAX_UNITS) {
        return Err(Rejection::TooManyUnits);
    }
    Ok(Settled { writes: draft.finish()?, effect })
}
