//! All customers of an environment, and what they used: the reports of their ledgers applied, and
//! questions answered.
//!
//! Memory holds nothing that matters: what has been applied for a customer stands in the row of that
//! customer, written in the transaction that adds the report up. A report that arrives twice, late or
//! after a crash is therefore answered with how far its customer is, and adds nothing.

pub(crate) mod customers;

use core::cell::Cell;

use edge_credits_core::analytics::answers::{Consumer, Source, answer};
use edge_credits_core::analytics::day::{Day, Window};
use edge_credits_core::analytics::directory::{apply, goes_on};
use edge_credits_core::analytics::question::Question;
use edge_credits_core::analytics::report::{Report, applied_body};
use edge_credits_core::analytics::tally::Tally;
use edge_credits_core::customers::record::Record;
use edge_credits_core::ids::{Environment, Unit};
use edge_credits_core::ledger::EntryKind;
use edge_credits_core::time::Timestamp;

use crate::directory_schema::STEPS;

use crate::respond::{Answer, Failure};
use crate::storage::{Storage, StorageError};
use crate::store::{StoreError, in_transaction};
use crate::{customer_store, directory_store, ledger, rollup_store};

mod catalog;

/// The directory of one object.
pub(crate) struct Directory<S> {
    storage: S,
    /// Whether the tables are there, of the latest version.
    ready: Cell<bool>,
    /// Whether every customer is known to have a record.
    adopted: Cell<bool>,
}

impl<S: Storage> Directory<S> {
    /// The directory in a storage. Nothing is read yet.
    pub(crate) const fn new(storage: S) -> Self {
        Self { storage, ready: Cell::new(false), adopted: Cell::new(false) }
    }

    /// Applies a report, unless it has been, or does not go on from what has been. The answer is how
    /// far the customer's entries are applied.
    ///
    /// # Errors
    /// `internal_error` when the storage failed: repeat it. `invariant_violation` when what is stored
    /// makes no sense.
    pub(crate) fn apply(&self, report: &Report, now: Timestamp) -> Result<Answer, Failure> {
        let applied = self.applied(report, now).map_err(|error| self.failure(error))?;
        Ok(Answer { body: applied_body(applied), replayed: false })
    }

    fn applied(&self, report: &Report, now: Timestamp) -> Result<u64, StoreError> {
        self.prepare(Some((report.owner.environment, now)))?;
        self.adopt_some()?;
        let customer = directory_store::customer(&self.storage, &report.owner.customer)?;
        if let Err(applied) = goes_on(report, customer.as_ref()) {
            return Ok(applied);
        }
        let id = &report.owner.customer;
        // Who came by the ledger alone is listed from the first report on.
        let unlisted = customer.is_none()
            && customer_store::find(&self.storage, id)?.is_none()
            && !customer_store::is_gone(&self.storage, id)?;
        let known = directory_store::known(&self.storage, report, customer)?;
        let application = apply(report, known);
        in_transaction(&self.storage, || {
            if unlisted {
                let record = Record::unnamed(id.clone(), report.first_at);
                customer_store::add(&self.storage, &record, None)?;
            }
            directory_store::write(&self.storage, &application)
        })?;
        Ok(application.customer.applied)
    }

    /// Answers a question about all customers.
    ///
    /// # Errors
    /// As for [`Directory::apply`]; nothing is changed.
    pub(crate) fn ask(&self, question: &Question, now: Timestamp) -> Result<Answer, Failure> {
        let ready = self.prepare(None).map_err(|error| self.failure(error))?;
        let all = All { storage: ready.then_some(&self.storage) };
        let body = answer(question, &all, now).map_err(|error| self.failure(error))?;
        Ok(Answer { body, replayed: false })
    }

    /// Looks for the tables, brings older ones up, and makes them for a change, which says of which
    /// environment. Whether they can be read.
    fn prepare(&self, change: Option<(Environment, Timestamp)>) -> Result<bool, StoreError> {
        if self.ready.get() {
            return Ok(true);
        }
        let version = directory_store::version(&self.storage)?;
        let latest = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
        if version == latest {
            self.ready.set(true);
            return Ok(true);
        }
        let (environment, now) = match change {
            Some(change) => change,
            // Only tables that are not there need to know of which environment they are.
            None if version > 0 => (Environment::Live, Timestamp::EPOCH),
            None => return Ok(false),
        };
        in_transaction(&self.storage, || {
            directory_store::migrate(&self.storage, version, environment, now)
        })?;
        self.ready.set(true);
        Ok(true)
    }

    fn failure(&self, error: StoreError) -> Failure {
        // What is there must be found out again.
        self.ready.set(false);
        self.adopted.set(false);
        let (error, log) = match error {
            StoreError::Storage(StorageError(reason)) => (ledger::storage_failed(), reason),
            StoreError::Corrupt => (ledger::corrupt(), "the stored rows make no sense".to_owned()),
        };
        Failure { log: Some(log), ..error.into() }
    }
}

/// An environment's sums; none before the first report.
struct All<'a, S> {
    storage: Option<&'a S>,
}

impl<S: Storage> All<'_, S> {
    fn read<T: Default>(
        &self,
        read: impl FnOnce(&S) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.storage.map_or_else(|| Ok(T::default()), read)
    }
}

impl<S: Storage> Source for All<'_, S> {
    type Error = StoreError;

    fn days(&self, unit: &Unit, window: Window) -> Result<Vec<(Day, Tally)>, StoreError> {
        self.read(|storage| rollup_store::days(storage, unit, window))
    }

    fn actions(
        &self,
        unit: &Unit,
        window: Window,
    ) -> Result<Vec<(String, EntryKind, Tally)>, StoreError> {
        self.read(|storage| rollup_store::actions(storage, unit, window))
    }

    fn balance(&self, unit: &Unit) -> Result<i64, StoreError> {
        self.read(|storage| directory_store::all_time(storage, unit).map(Tally::net))
    }

    fn active_customers(&self, unit: &Unit, window: Window) -> Result<u64, StoreError> {
        self.read(|storage| directory_store::active_customers(storage, unit, window))
    }

    fn top(&self, unit: &Unit, window: Window, limit: u32) -> Result<Vec<Consumer>, StoreError> {
        self.read(|storage| directory_store::top(storage, unit, window, limit))
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests;
