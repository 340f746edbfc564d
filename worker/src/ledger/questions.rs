//! Questions about one customer, answered by the customer's own ledger.
//!
//! From the sums per day that the alarm keeps, and the entries that it has not folded yet: some
//! hundreds. Only a ledger that is older than these sums has more of them, until its first alarms have
//! caught up; of those the days before the question's are skipped by bisection.

use edge_credits_core::analytics::answers::{Consumer, Source, answer};
use edge_credits_core::analytics::day::{Day, MAX_WINDOW_DAYS, Window};
use edge_credits_core::analytics::question::Question;
use edge_credits_core::analytics::report::MAX_REPORT_ENTRIES;
use edge_credits_core::analytics::tally::{Lines, Tally, gather};
use edge_credits_core::ids::{Owner, Unit};
use edge_credits_core::ledger::{Balance, EntryKind};
use edge_credits_core::time::Timestamp;

use super::{Fault, Ledger, Loaded};
use crate::respond::{Answer, Failure};
use crate::rollup_store;
use crate::storage::Storage;
use crate::store::StoreError;

impl<S: Storage> Ledger<S> {
    /// Answers a question about this customer.
    ///
    /// # Errors
    /// As for [`Ledger::perform`]; nothing is changed.
    pub(crate) fn ask(
        &self,
        owner: &Owner,
        now: Timestamp,
        question: &Question,
    ) -> Result<Answer, Failure> {
        let body = self.with(owner, now, |loaded| {
            self.touch(loaded)?;
            let balance = loaded.account.balance(&question.unit, now)?;
            let tail = self.tail(loaded, Day::of(balance.as_of))?;
            let storage = loaded.has_tables.then_some(&self.storage);
            let mine = Mine { storage, tail, balance: balance.available.minor_units() };
            answer(question, &mine, balance.as_of).map_err(Fault::Store)
        })?;
        Ok(Answer { body, replayed: false })
    }

    /// The balances at `now` of all units that this customer has ever had, by name.
    ///
    /// # Errors
    /// As for [`Ledger::perform`]; nothing is changed.
    pub(crate) fn balances(&self, owner: &Owner, now: Timestamp) -> Result<Vec<Balance>, Failure> {
        self.with(owner, now, |loaded| {
            self.touch(loaded)?;
            let units = loaded.account.totals().0.keys();
            Ok(units.map(|unit| loaded.account.balance(unit, now)).collect::<Result<_, _>>()?)
        })
    }

    /// Whether this customer has ever had a unit, or is on a plan that includes it.
    ///
    /// # Errors
    /// As for [`Ledger::perform`]; nothing is changed.
    pub(crate) fn knows(
        &self,
        owner: &Owner,
        now: Timestamp,
        unit: &Unit,
    ) -> Result<bool, Failure> {
        self.with(owner, now, |loaded| {
            self.touch(loaded)?;
            let plan = loaded.plan.iter().flat_map(|plan| &plan.included);
            let had = loaded.account.totals().0.contains_key(unit);
            Ok(had || plan.into_iter().any(|(included, _)| included == unit))
        })
    }

    /// What is not folded yet, of the longest window that ends with `today`.
    pub(super) fn tail(&self, loaded: &Loaded, today: Day) -> Result<Lines, StoreError> {
        let last = loaded.account.sequence();
        let start = Window::ending(today, MAX_WINDOW_DAYS).first.start();
        let mut after = self.last_before(start, loaded.pace.folded, last)?;
        let mut lines = Lines::new();
        while after < last {
            let facts = rollup_store::facts(&self.storage, after, MAX_REPORT_ENTRIES)?;
            after = facts.last().ok_or(StoreError::Corrupt)?.sequence;
            gather(&mut lines, &facts);
        }
        Ok(lines)
    }

    /// The last entry from `low` on that was made before `start`, or `low`: their times never fall.
    fn last_before(&self, start: Timestamp, low: u64, high: u64) -> Result<u64, StoreError> {
        let (mut low, mut high) = (low, high);
        // A slice is read faster than it is searched.
        while high.saturating_sub(low) > u64::from(MAX_REPORT_ENTRIES) {
            let middle = low + (high - low) / 2;
            if rollup_store::time_of(&self.storage, middle)? < start {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

/// One customer's sums.
pub(super) struct Mine<'a, S> {
    /// None before the first entry.
    pub(super) storage: Option<&'a S>,
    /// The entries that are not among the stored sums.
    pub(super) tail: Lines,
    pub(super) balance: i64,
}

impl<S: Storage> Source for Mine<'_, S> {
    type Error = StoreError;

    fn days(&self, unit: &Unit, window: Window) -> Result<Vec<(Day, Tally)>, StoreError> {
        let mut days = match self.storage {
            Some(storage) => rollup_store::days(storage, unit, window)?,
            None => Vec::new(),
        };
        for (name, tally) in &self.tail {
            if name.unit == *unit && window.contains(name.day) {
                match days.iter_mut().find(|(day, _)| *day == name.day) {
                    Some((_, sum)) => *sum = sum.plus(*tally),
                    None => days.push((name.day, *tally)),
                }
            }
        }
        Ok(days)
    }

    fn actions(
        &self,
        unit: &Unit,
        window: Window,
    ) -> Result<Vec<(String, EntryKind, Tally)>, StoreError> {
        let mut actions = match self.storage {
            Some(storage) => rollup_store::actions(storage, unit, window)?,
            None => Vec::new(),
        };
        let within =
            self.tail.iter().filter(|(name, _)| name.unit == *unit && window.contains(name.day));
        actions.extend(within.map(|(name, tally)| (name.action.clone(), name.kind, *tally)));
        Ok(actions)
    }

    fn balance(&self, _: &Unit) -> Result<i64, StoreError> {
        Ok(self.balance)
    }

    fn active_customers(&self, unit: &Unit, window: Window) -> Result<u64, StoreError> {
        let days = self.days(unit, window)?;
        Ok(u64::from(days.iter().any(|(_, tally)| tally.consumed > 0)))
    }

    fn top(&self, _: &Unit, _: Window, _: u32) -> Result<Vec<Consumer>, StoreError> {
        // A ranking of one is not asked for: the question takes no customer.
        Ok(Vec::new())
    }
}
