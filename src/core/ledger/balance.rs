//! What an account has of a unit, at an instant; and whether its rows add up to what they state.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::credits::Credits;
use crate::ids::{Owner, Product, Unit};
use crate::ledger::account::{Account, Corrupt};
use crate::ledger::draft::Draft;
use crate::ledger::entry::Entry;
use crate::ledger::grant::Grant;
use crate::ledger::hold::Hold;
use crate::ledger::hold::draft::reservations_add_up;
use crate::ledger::mutants;
use crate::ledger::rejection::Rejection;
use crate::time::Timestamp;

impl Account {
    /// The account that these rows describe: the last entry, and every open grant and hold.
    ///
    /// # Errors
    /// [`Corrupt`] when the grants do not add up to the balance that the last entry states (L1), the
    /// holds not to what the grants have as held (L3), or one of them is newer than that entry.
    pub fn load(
        owner: Owner,
        last: Option<Entry>,
        (grants, holds): (Vec<Grant>, Vec<Hold>),
    ) -> Result<Self, Corrupt> {
        let mut account = Self::new(owner);
        for grant in grants {
            account.grants.insert(grant.sequence, grant);
        }
        for hold in holds {
            account.holds.insert(hold.sequence, hold);
        }
        let Some(last) = last else {
            let empty = account.grants.is_empty() && account.holds.is_empty();
            return if empty { Ok(account) } else { Err(Corrupt) };
        };
        account.sequence = last.sequence;
        account.time = last.time;
        account.totals = last.totals;
        let draft = Draft::unsettled(&account, account.time);
        let sums = (draft.posted(&last.unit), draft.held(&last.unit));
        let newest = account.grants.keys().next_back().max(account.holds.keys().next_back());
        let made_before = newest.is_none_or(|sequence| *sequence <= account.sequence);
        let reserved =
            reservations_add_up(account.holds.values(), &account.grants) || mutants::any();
        if made_before && reserved && sums == (Ok(last.balance_after), Ok(last.held_after)) {
            Ok(account)
        } else {
            Err(Corrupt)
        }
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

    /// The grants that count at `now` or will: what is left of those in effect, and those yet to come,
    /// oldest first. Writes nothing.
    ///
    /// # Errors
    /// As for [`Account::balance`].
    pub fn grants_at(&self, now: Timestamp) -> Result<Vec<Grant>, Rejection> {
        let draft = Draft::begin(self, now)?;
        Ok(draft.grants.into_values().filter(Grant::is_open).collect())
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
