//! Usage signals in one customer's ledger: the same order of steps, with the rows of runs and of sums
//! per day in the same transaction.

use edge_credits_core::analytics::day::Window;
use edge_credits_core::catalog::Catalog;
use edge_credits_core::ids::Owner;
use edge_credits_core::ledger::{Balance, Entry};
use edge_credits_core::time::Timestamp;
use edge_credits_core::usage::{
    DaySums, Judged, Rows, RunCount, Signal, UsageQuery, day_of, judge, lookups,
};
use edge_credits_core::wire::requests::PageQuery;

use super::{Ledger, store};
use crate::respond::Failure;
use crate::storage::Storage;
use crate::usage_store;

impl<S: Storage> Ledger<S> {
    /// Takes signals, in order, in one transaction: all that they write is kept or nothing is. For
    /// each, what was taken or why not; a refusal wrote nothing.
    ///
    /// # Errors
    /// As for [`Ledger::perform`], for the signals as a whole; `internal_error` leaves open whether
    /// they were taken, all of them or none.
    pub(crate) fn take_signals(
        &self,
        owner: &Owner,
        now: Timestamp,
        signals: &[&Signal],
        catalog: &Catalog,
    ) -> Result<Vec<Judged>, Failure> {
        self.with(owner, now, |loaded| {
            let rows = if loaded.has_tables {
                let wanted = lookups(owner, signals, catalog);
                usage_store::rows(&self.storage, &wanted, day_of(&loaded.account, now))?
            } else {
                Rows::default()
            };
            let decision = judge(&loaded.account, rows, now, signals, catalog)?;
            self.commit_with(loaded, now, &decision.writes, &|storage| {
                usage_store::write(storage, &decision)
            })?;
            Ok(decision.outcomes)
        })
    }

    /// A page of entries, and the balance of their unit.
    ///
    /// # Errors
    /// As for [`Ledger::perform`]; nothing is changed.
    pub(crate) fn entries(
        &self,
        owner: &Owner,
        now: Timestamp,
        query: &PageQuery,
    ) -> Result<(Balance, Vec<Entry>), Failure> {
        self.with(owner, now, |loaded| {
            self.touch(loaded)?;
            let balance = loaded.account.balance(&query.unit, now)?;
            // Without entries of the unit, a page of nothing would read every entry to find that out.
            let any = loaded.account.totals().count(&query.unit, None) > 0;
            Ok((balance, if any { store::page(&self.storage, query)? } else { Vec::new() }))
        })
    }

    /// The newest signals of a page, and the sums of all time.
    ///
    /// # Errors
    /// As for [`Ledger::perform`]; nothing is changed.
    pub(crate) fn usage(
        &self,
        owner: &Owner,
        now: Timestamp,
        query: &UsageQuery,
    ) -> Result<(Vec<Entry>, Vec<DaySums>), Failure> {
        self.with(owner, now, |loaded| {
            if !loaded.has_tables {
                return Ok((Vec::new(), Vec::new()));
            }
            self.touch(loaded)?;
            let entries = usage_store::page(&self.storage, query)?;
            Ok((entries, usage_store::all_time(&self.storage)?))
        })
    }

    /// How many runs of each outcome there have been.
    ///
    /// # Errors
    /// As for [`Ledger::perform`]; nothing is changed.
    pub(crate) fn run_counts(
        &self,
        owner: &Owner,
        now: Timestamp,
    ) -> Result<Vec<RunCount>, Failure> {
        self.with(owner, now, |loaded| {
            if !loaded.has_tables {
                return Ok(Vec::new());
            }
            self.touch(loaded)?;
            Ok(usage_store::run_counts(&self.storage)?)
        })
    }

    /// The sums of the days of a window.
    ///
    /// # Errors
    /// As for [`Ledger::perform`]; nothing is changed.
    pub(crate) fn signal_days(
        &self,
        owner: &Owner,
        now: Timestamp,
        window: Window,
    ) -> Result<Vec<DaySums>, Failure> {
        self.with(owner, now, |loaded| {
            if !loaded.has_tables {
                return Ok(Vec::new());
            }
            self.touch(loaded)?;
            Ok(usage_store::days(&self.storage, (window.first, window.last))?)
        })
    }
}
