//! One customer's account as the decisions see it: open grants, totals, and the position reached.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::credits::Credits;
use crate::ids::{Owner, Product, Unit};
use crate::ledger::draft::{AlarmIntent, Draft, Writes};
use crate::ledger::entry::{Entry, Totals};
use crate::ledger::grant::Grant;
use crate::ledger::rejection::Rejection;
use crate::time::Timestamp;

/// The state of one customer's ledger. Everything in it can be loaded from the last entry and the
/// open grants, so memory is only a cache of storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub(super) owner: Owner,
    /// Sequence number of the last entry; 0 before the first.
    pub(super) sequence: u64,
    /// Time of the last entry: ledger time never falls behind it.
    pub(super) time: Timestamp,
    pub(super) totals: Totals,
    /// Open grants by sequence number.
    pub(super) grants: BTreeMap<u64, Grant>,
}

/// The stored rows contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

impl Account {
    /// A customer without entries.
    #[must_use]
    pub fn new(owner: Owner) -> Self {
        Self {
            owner,
            sequence: 0,
            time: Timestamp::EPOCH,
            totals: Totals::default(),
            grants: BTreeMap::new(),
        }
    }

    /// The account that these rows describe: the last entry, and every open grant.
    ///
    /// # Errors
    /// [`Corrupt`] when the grants do not add up to the balance that the last entry states (L1), or
    /// one of them is newer than that entry.
    pub fn load(owner: Owner, last: Option<Entry>, open: Vec<Grant>) -> Result<Self, Corrupt> {
        let mut account = Self::new(owner);
        for grant in open {
            account.grants.insert(grant.sequence, grant);
        }
        let Some(last) = last else {
            return if account.grants.is_empty() { Ok(account) } else { Err(Corrupt) };
        };
        account.sequence = last.sequence;
        account.time = last.time;
        account.totals = last.totals;
        let draft = Draft::unsettled(&account, account.time);
        let sums = (draft.posted(&last.unit), draft.held(&last.unit));
        let newest = account.grants.keys().next_back();
        let made_before = newest.is_none_or(|sequence| *sequence <= account.sequence);
        if made_before && sums == (Ok(last.balance_after), Ok(last.held_after)) {
            Ok(account)
        } else {
            Err(Corrupt)
        }
    }

    /// Whose account it is.
    #[must_use]
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Sequence number of the last entry; 0 before the first.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Counts and overage per unit.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Brings the account to the state after `writes`. Call it after they are stored, never before:
    /// a failed commit must leave memory as it was.
    pub fn apply(&mut self, writes: &Writes) {
        for grant in &writes.grants {
            if grant.is_open() {
                self.grants.insert(grant.sequence, grant.clone());
            } else {
                self.grants.remove(&grant.sequence);
            }
        }
        if let Some(last) = writes.entries.last() {
            self.sequence = last.sequence;
            self.time = last.time;
            self.totals = last.totals.clone();
        }
    }

    /// When the ledger itself has to act next, whatever is asked of it.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.grants.values().filter_map(|grant| grant.due().map(|(time, _)| time)).min()
    }

    /// The alarm that must stand after a restart, or after an alarm has fired.
    #[must_use]
    pub fn rearm(&self) -> AlarmIntent {
        self.next_due().map_or(AlarmIntent::Clear, AlarmIntent::Set)
    }

    /// A unit's balance at `now`, with what is due by then counted as done. Writes nothing.
    ///
    /// # Errors
    /// [`Rejection::Inconsistent`] or [`Rejection::Overflow`] for an account that adds up to nothing.
    pub fn balance(&self, unit: &Unit, now: Timestamp) -> Result<Balance, Rejection> {
        let draft = Draft::begin(self, now)?;
        let (posted, held) = (draft.posted(unit)?, draft.held(unit)?);
        let overage = draft.totals.overage(unit);
        let mut lines: BTreeMap<Option<Product>, BreakdownLine> = BTreeMap::new();
        for grant in draft.grants.values().filter(|grant| grant.unit == *unit) {
            if !grant.free().is_positive() {
                continue;
            }
            let line = lines.entry(grant.product.clone()).or_insert_with(|| BreakdownLine {
                product: grant.product.clone(),
                balance: Credits::ZERO,
                expires_at: None,
            });
            line.balance = line.balance.checked_add(grant.free()).ok_or(Rejection::Overflow)?;
            line.expires_at = match (line.expires_at, grant.expires_at) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        if overage.is_positive() {
            let balance = overage.negated();
            lines.insert(None, BreakdownLine { product: None, balance, expires_at: None });
        }
        Ok(Balance {
            unit: unit.clone(),
            posted,
            held,
            available: posted.checked_sub(held).ok_or(Rejection::Overflow)?,
            sequence: self.sequence,
            as_of: draft.time,
            breakdown: lines.into_values().collect(),
        })
    }
}

/// What a customer has of one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// What is counted.
    pub unit: Unit,
    /// Σ remaining of grants − overage.
    pub posted: Credits,
    /// Reserved by holds.
    pub held: Credits,
    /// posted − held: what a gate compares with, and what the wire calls `balance`.
    pub available: Credits,
    /// The last entry that was written when this was computed.
    pub sequence: u64,
    /// Ledger time of the computation.
    pub as_of: Timestamp,
    /// Available per product; the lines add up to `available`.
    pub breakdown: Vec<BreakdownLine>,
}

/// What is available from the grants of one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakdownLine {
    /// The product; `None` for grants without one, and for overage.
    pub product: Option<Product>,
    /// What is available; negative for overage.
    pub balance: Credits,
    /// The soonest expiry among these grants.
    pub expires_at: Option<Timestamp>,
}
