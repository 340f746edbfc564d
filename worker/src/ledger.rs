//! One customer's ledger at work: look up, decide, persist, apply, answer.
//!
//! The decisions are the core's. What is decided here is the order of the steps: everything that a
//! command writes goes into one transaction, the alarm included; memory changes only after it; and
//! there is no await between the first lookup and the answer, so no two commands interleave. Memory
//! is a cache: whenever the storage fails it is dropped, and the next call loads what was kept.

mod closing;
mod holds;
mod plans;
mod questions;
mod reporting;
mod usage;

use core::cell::{Cell, RefCell};

use edge_credits_core::analytics::pace::{Pace, PaceConfig, Setback};
use edge_credits_core::ids::Owner;
use edge_credits_core::ledger::{
    Account, AlarmIntent, Batch, Command, Found, LedgerConfig, Receipt, Rejection, Writes, decide,
    settle,
};
use edge_credits_core::plan::Plan;
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::errors::{ApiError, Code};
use edge_credits_core::wire::rejections;
use edge_credits_core::wire::replies::{balance_body, page_body, receipt_body};
use edge_credits_core::wire::requests::{BalanceQuery, PageQuery};

use crate::respond::{Answer, Failure};
use crate::storage::{Storage, StorageError};
use crate::store::{self, StoreError, in_transaction, sooner};
use crate::{rollup_store, schema, standing_store};

pub(crate) use closing::Standing;
pub(crate) use reporting::Outward;

mod payments;
mod portal;

/// The ledger of one object.
pub(crate) struct Ledger<S> {
    storage: S,
    /// How the deployment wants its entries reported.
    config: PaceConfig,
    /// What has kept the alarm from its work.
    setback: Cell<Setback>,
    /// `None` until the first call, and after a failure of the storage.
    loaded: RefCell<Option<Loaded>>,
}

/// What memory holds.
struct Loaded {
    account: Account,
    /// How far the entries have been worked off for analytics.
    pace: Pace,
    /// The plan that the customer is on.
    plan: Option<Plan>,
    /// Whether the tables exist; they come with the first entry, or a plan, or the customer's end.
    has_tables: bool,
}

/// Why a step did not end with an answer.
enum Fault {
    /// What is stored could not be had or kept: memory is dropped.
    Store(StoreError),
    /// The object is another customer's.
    OtherOwner,
    /// The ledger said no.
    Rejected(Rejection),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        Self::Store(StoreError::Storage(error))
    }
}

impl From<Rejection> for Fault {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl<S: Storage> Ledger<S> {
    /// The ledger in a storage. Nothing is read yet.
    pub(crate) fn new(storage: S, config: PaceConfig) -> Self {
        let setback = Cell::default();
        Self { storage, config, setback, loaded: RefCell::new(None) }
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// The rejection as an error of the API; `internal_error` when the storage failed, which leaves
    /// open whether the command was applied; `invariant_violation` when what is stored makes no
    /// sense, and nothing is done any more.
    pub(crate) fn perform(
        &self,
        owner: &Owner,
        now: Timestamp,
        command: &Command,
        config: &LedgerConfig,
    ) -> Result<Answer, Failure> {
        let receipt = self.carry_out(owner, now, command, config)?;
        let replayed = receipt.replayed;
        Ok(Answer { body: receipt_body(&receipt, &owner.customer), replayed })
    }

    /// [`Ledger::perform`], for an answer in other words.
    ///
    /// # Errors
    /// As for [`Ledger::perform`].
    pub(crate) fn carry_out(
        &self,
        owner: &Owner,
        now: Timestamp,
        command: &Command,
        config: &LedgerConfig,
    ) -> Result<Receipt, Failure> {
        self.with(owner, now, |loaded| {
            let found = self.find(loaded, command)?;
            let decision = match decide(&loaded.account, &found, now, command, config) {
                Ok(decision) => decision,
                Err(rejection) => return Err(self.refuse(loaded, now, rejection)),
            };
            self.commit(loaded, now, &decision.writes)?;
            Ok(decision.receipt)
        })
    }

    /// Carries out the charges of a batch, in order, in one transaction: all that it writes is kept
    /// or nothing is. For each charge, its receipt or why it was refused; a refusal wrote nothing.
    ///
    /// # Errors
    /// As for [`Ledger::perform`], for the batch as a whole; `internal_error` leaves open whether it
    /// was applied, all of it or none.
    pub(crate) fn perform_batch(
        &self,
        owner: &Owner,
        now: Timestamp,
        batch: &Batch,
        config: &LedgerConfig,
    ) -> Result<Vec<Result<Receipt, Rejection>>, Failure> {
        self.with(owner, now, |loaded| {
            let records = if loaded.has_tables {
                store::records(&self.storage, &batch.lookups(owner))?
            } else {
                vec![]
            };
            let decision = batch.decide(&loaded.account, records, now, config)?;
            self.commit(loaded, now, &decision.writes)?;
            Ok(decision.outcomes)
        })
    }

    /// The balance at `now`.
    ///
    /// # Errors
    /// As for [`Ledger::perform`]; nothing is changed.
    pub(crate) fn balance(
        &self,
        owner: &Owner,
        now: Timestamp,
        query: &BalanceQuery,
    ) -> Result<Answer, Failure> {
        let balance = self.with(owner, now, |loaded| {
            self.touch(loaded)?;
            Ok(loaded.account.balance(&query.unit, now)?)
        })?;
        Ok(Answer { body: balance_body(&balance, query, &owner.customer), replayed: false })
    }

    /// A page of entries.
    ///
    /// # Errors
    /// As for [`Ledger::perform`]; nothing is changed.
    pub(crate) fn page(
        &self,
        owner: &Owner,
        now: Timestamp,
        query: &PageQuery,
    ) -> Result<Answer, Failure> {
        let (rows, total) = self.with(owner, now, |loaded| {
            let total = loaded.account.totals().count(&query.unit, query.kind);
            // Without the count, a page of nothing would read every entry to find that out.
            let rows = if total > u64::from(query.offset) {
                store::page(&self.storage, query)?
            } else {
                self.touch(loaded)?;
                vec![]
            };
            Ok((rows, total))
        })?;
        Ok(Answer { body: page_body(&rows, query, total), replayed: false })
    }

    fn with<T>(
        &self,
        owner: &Owner,
        now: Timestamp,
        step: impl FnOnce(&mut Loaded) -> Result<T, Fault>,
    ) -> Result<T, Failure> {
        self.step(owner, now, step).map_err(|fault| fault.into_failure(owner))
    }

    /// Runs one step on the loaded ledger, which is taken out meanwhile: a step that fails on its
    /// storage leaves nothing in memory.
    fn step<T>(
        &self,
        owner: &Owner,
        now: Timestamp,
        step: impl FnOnce(&mut Loaded) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut loaded = match self.loaded.take() {
            Some(loaded) => loaded,
            None => self.load(owner, now)?,
        };
        let result = if loaded.account.owner() == owner {
            self.renew(&mut loaded, now).and_then(|()| step(&mut loaded))
        } else {
            Err(Fault::OtherOwner)
        };
        // What is not stored yet belongs to nobody, and is not kept either; nor is an account that
        // has contradicted itself, while its rows may be right.
        let doubtful =
            matches!(result, Err(Fault::Store(_) | Fault::Rejected(Rejection::Inconsistent)));
        if loaded.has_tables && !doubtful {
            self.loaded.replace(Some(loaded));
        }
        result
    }

    /// The ledger as it is stored, its alarm made sure of.
    fn load(&self, owner: &Owner, now: Timestamp) -> Result<Loaded, Fault> {
        let version = schema::version(&self.storage)?;
        if version == 0 {
            let (account, pace) = (Account::new(owner.clone()), Pace::default());
            return Ok(Loaded { account, pace, plan: None, has_tables: false });
        }
        if version < schema::LATEST {
            let migrate = || Ok(schema::migrate(&self.storage, version, now)?);
            in_transaction(&self.storage, migrate)?;
        }
        let meta = store::meta(&self.storage)?;
        let (last, open) = store::account_rows(&self.storage)?;
        let mut account = Account::load(meta.owner, last, open).map_err(StoreError::from)?;
        let known = standing_store::load(&self.storage)?;
        if known.closed_at.is_some() {
            account.close();
        }
        let mut pace = meta.pace;
        let mut lost = false;
        if let Some(position) = pace.waits_since(account.sequence(), &self.config) {
            let since = rollup_store::time_of(&self.storage, position)?;
            let (due, overdue) = pace.standing(since, now, &self.config);
            // Entries from before analytics set no alarm.
            (pace.armed, lost) = match self.setback.get().waits_until(now) {
                Some(until) => (Some(until.max(due)), false),
                None => (Some(due), overdue || version < schema::LATEST),
            };
        }
        // An alarm that has not fired at its time may be lost for good.
        let overdue = meta.alarm_due.is_some_and(|due| due <= now);
        if overdue || meta.alarm_due != account.next_due() {
            let rearm = || store::set_alarm(&self.storage, account.rearm(), pace.armed, now);
            in_transaction(&self.storage, rearm)?;
        } else if lost {
            store::ring(&self.storage, sooner(account.next_due(), pace.armed), now)?;
        }
        Ok(Loaded { account, pace, plan: known.plan, has_tables: true })
    }

    /// Makes sure that what memory holds is what is stored: an instance that the platform has
    /// replaced does not know it until it touches storage, and must not answer from memory alone.
    fn touch(&self, loaded: &Loaded) -> Result<(), StoreError> {
        if loaded.has_tables && !store::ends_at(&self.storage, loaded.account.sequence())? {
            return Err(StoreError::Corrupt);
        }
        Ok(())
    }

    fn find(&self, loaded: &Loaded, command: &Command) -> Result<Found, StoreError> {
        if !loaded.has_tables {
            return Ok(Found::default());
        }
        store::find(&self.storage, &command.lookups(loaded.account.owner()))
    }

    /// Writes what is due, along with an answer that may tell of it: what a caller was told to have
    /// ended must not be open again after the clock has stepped back.
    fn write_due(&self, loaded: &mut Loaded, now: Timestamp) -> Result<(), Fault> {
        let due = settle(&loaded.account, now)?;
        self.commit(loaded, now, &due)
    }

    /// The ledger says no, and stands by its reason.
    fn refuse(&self, loaded: &mut Loaded, now: Timestamp, rejection: Rejection) -> Fault {
        match self.write_due(loaded, now) {
            Ok(()) => Fault::Rejected(rejection),
            Err(fault) => fault,
        }
    }

    fn commit(&self, loaded: &mut Loaded, now: Timestamp, writes: &Writes) -> Result<(), Fault> {
        self.commit_with(loaded, now, writes, &|_| Ok(()))
    }

    /// Persists, then applies; `more` is what the same transaction writes besides. What is written is
    /// to be reported: the alarm is made sure of in the same transaction, and where it stands already
    /// that costs nothing.
    fn commit_with(
        &self,
        loaded: &mut Loaded,
        now: Timestamp,
        writes: &Writes,
        more: &dyn Fn(&S) -> Result<(), StoreError>,
    ) -> Result<(), Fault> {
        if writes.is_empty() {
            return Ok(());
        }
        let last = writes.entries.last().map_or(loaded.account.sequence(), |last| last.sequence);
        let armed = loaded.pace.arm(last, now, &self.config);
        let besides = armed.or(loaded.pace.armed);
        in_transaction(&self.storage, || {
            self.make_tables(loaded, now)?;
            store::write(&self.storage, writes, besides, now)?;
            if armed.is_some() && writes.alarm == AlarmIntent::Keep {
                store::ring(&self.storage, sooner(loaded.account.next_due(), armed), now)?;
            }
            more(&self.storage)
        })?;
        loaded.has_tables = true;
        loaded.account.apply(writes);
        loaded.pace.armed = besides;
        Ok(())
    }
}

impl Fault {
    /// What was wrong on our side, for the log.
    fn reason(&self) -> Option<String> {
        match self {
            Self::Store(StoreError::Storage(StorageError(reason))) => Some(reason.clone()),
            Self::Store(StoreError::Corrupt) => Some("the stored rows make no sense".to_owned()),
            Self::OtherOwner => Some("the object holds another customer's ledger".to_owned()),
            Self::Rejected(Rejection::Inconsistent) => {
                Some("the account makes no sense".to_owned())
            }
            Self::Rejected(_) => None,
        }
    }

    fn into_failure(self, owner: &Owner) -> Failure {
        let log = self.reason();
        let error = match self {
            Self::Rejected(rejection) => rejections::to_error(&rejection, &owner.customer),
            Self::Store(StoreError::Storage(_)) => storage_failed(),
            Self::Store(StoreError::Corrupt) => corrupt(),
            Self::OtherOwner => other_owner(),
        };
        Failure { log, ..error.into() }
    }
}

/// The answer when a storage failed.
pub(crate) fn storage_failed() -> ApiError {
    let message = "The ledger's storage failed, and it is open whether the call took effect. Repeat \
                   it with the same idempotency key: it is carried out at most once.";
    ApiError::new(Code::InternalError, message)
}

/// The answer when stored rows make no sense.
pub(crate) fn corrupt() -> ApiError {
    let message = "What is stored of this customer's ledger contradicts itself, so it was left \
                   untouched. Nothing was changed; report the request id to whoever runs this \
                   deployment.";
    ApiError::new(Code::InvariantViolation, message)
}

/// The answer of an object that was asked for a customer who is not its own.
pub(crate) fn other_owner() -> ApiError {
    let message = "This object is not the one of this customer. Nothing was changed; objects are \
                   named by environment and customer.";
    ApiError::new(Code::InvariantViolation, message)
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests;
