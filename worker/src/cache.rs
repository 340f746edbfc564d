//! A call on one customer's cached balance.
//!
//! The core judges ([`Keeper`]); decided here is how often it is asked: once, and where the answer
//! needs a balance that is read first, once more after that. Each step looks up, decides, persists
//! and applies without an await in between, so no two interleave; whatever was read before an await
//! is asked for again after it.

use core::cell::RefCell;
use core::time::Duration;
use std::rc::Rc;

use edge_credits_core::cache::{CacheConfig, Fault, Keeper, Notice, Refusal, Step, Waited};
use edge_credits_core::ids::{Owner, Unit};
use edge_credits_core::ledger::Consume;
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::cached::{Aside, Asked, balance_body, charge_body, refusal};
use edge_credits_core::wire::reading::member;
use edge_credits_core::wire::requests::BalanceQuery;

use crate::cache_store::CacheStore;
use crate::conversation::{Line, Outside, Setup};
use crate::ledger;
use crate::passing::{Reply, Target};
use crate::respond::{Answer, Failure};
use crate::storage::{Storage, StorageError};
use crate::store::StoreError;

mod holds;
mod leases;

pub(crate) use holds::Asked as AskedOfHolds;

/// How long an alarm waits for the outbox to drain; the driver goes on without it, and the next alarm
/// is set. The runtime allows 15 minutes.
const ALARM_PATIENCE: Duration = Duration::from_secs(60);

/// Slices of old records that one alarm collects: with an alarm every ten seconds of traffic, more
/// than a hot customer adds.
const SLICES: u32 = 20;

/// One customer's balance, kept in front of an upstream.
pub(crate) struct CachedBalance<S, O> {
    keeper: RefCell<Keeper<CacheStore<S>>>,
    pub(crate) line: Line,
    pub(crate) outside: O,
}

/// An answer of the keeper, and what goes out with it.
struct Told<T> {
    answer: T,
    pending: u64,
    notices: Vec<Notice>,
}

impl<T> Told<T> {
    fn aside(&self) -> Aside<'_> {
        Aside { pending: self.pending, notices: &self.notices }
    }
}

impl<S: Storage + 'static, O: Outside + 'static> CachedBalance<S, O> {
    /// The balance in a storage. Nothing is read yet.
    pub(crate) fn new(storage: S, outside: O) -> Self {
        let keeper = RefCell::new(Keeper::new(CacheStore::new(storage)));
        Self { keeper, line: Line::default(), outside }
    }

    /// Charges, or says why not.
    ///
    /// # Errors
    /// The refusal as an error of the API; `not_configured`; `internal_error` when the storage
    /// failed, which leaves open whether the charge was accepted; `invariant_violation` when what is
    /// stored makes no sense.
    pub(crate) async fn consume(
        self: &Rc<Self>,
        owner: &Owner,
        charge: &Consume,
    ) -> Result<Answer, Failure> {
        let setup = self.outside.setup(owner.environment)?;
        let told = self
            .call(owner, &setup, &charge.unit, |keeper, now, waited, config| {
                keeper.accept(owner, now, charge, waited, config)
            })
            .await?;
        // What was accepted is sent at once.
        self.watch(owner, &setup)?;
        let body = charge_body(&told.answer, &owner.customer, told.aside());
        Ok(Answer { body, replayed: told.answer.replayed })
    }

    /// The balance. `target` is where the upstream tells what it is made of; its answer is the reply
    /// where it does not.
    ///
    /// # Errors
    /// As for [`CachedBalance::consume`].
    pub(crate) async fn balance(
        self: &Rc<Self>,
        owner: &Owner,
        query: &BalanceQuery,
        target: &Target<'_>,
    ) -> Result<Reply, Failure> {
        let setup = self.outside.setup(owner.environment)?;
        let unit = &query.unit;
        let mut there = None;
        if query.include_breakdown {
            // Only the upstream knows what a balance is made of.
            let response = self.read_there(owner.environment, target).await?;
            if !(200..300).contains(&response.status) {
                return Ok(Reply::Theirs(response));
            }
            there = member(&response.body, "breakdown").map(ToOwned::to_owned);
            self.read_again(owner, &setup, unit).await?;
        }
        let told = self
            .call(owner, &setup, unit, |keeper, now, waited, config| {
                keeper.balance(owner, now, unit, waited, config)
            })
            .await?;
        let asked = Asked { customer: &owner.customer, unit, breakdown: there.as_deref() };
        let body = balance_body(&told.answer, asked, told.aside());
        Ok(Reply::Ours(Answer { body, replayed: false }))
    }

    /// Takes the alarm: ends holds whose time is over, sends what waits, and collects what is old. Late, early or twice makes no
    /// difference.
    ///
    /// # Errors
    /// A sentence for the log when the storage failed; the runtime then fires the alarm again. Never
    /// because of the upstream.
    pub(crate) async fn alarm(self: &Rc<Self>) -> Result<(), String> {
        let words = |failure: Failure| failure.log.unwrap_or(failure.error.message);
        let now = self.outside.now();
        self.keep(|keeper| keeper.wake(now)).map_err(words)?;
        let owner = self.keep(|keeper| Ok(keeper.store().owner()?)).map_err(words)?;
        let Some(owner) = owner else { return Ok(()) };
        let waits = self.keep(|keeper| keeper.end_due_holds(&owner, now)).map_err(words)?;
        if waits {
            match self.outside.setup(owner.environment) {
                Ok(setup) => {
                    self.kick(&owner, &setup);
                    self.drained(ALARM_PATIENCE, setup.config.lease).await;
                }
                // The charges wait for a deployment that knows where to send them.
                Err(error) => self.outside.log(&error.message),
            }
        }
        self.collect().await.map_err(words)
    }

    async fn collect(&self) -> Result<(), Failure> {
        for _ in 0..SLICES {
            let now = self.outside.now();
            let (records, holds) = self.keep(|keeper| {
                Ok((keeper.store().collect(now)?, keeper.store().collect_holds(now)?))
            })?;
            if !records && !holds {
                break;
            }
            // Calls come in between.
            self.outside.sleep(Duration::ZERO).await;
        }
        Ok(())
    }

    /// Asks the keeper for a call that has just come in.
    async fn call<T>(
        self: &Rc<Self>,
        owner: &Owner,
        setup: &Rc<Setup>,
        unit: &Unit,
        step: impl Fn(
            &mut Keeper<CacheStore<S>>,
            Timestamp,
            Waited,
            &CacheConfig,
        ) -> Result<Step<T>, Fault<StoreError>>,
    ) -> Result<Told<T>, Failure> {
        self.watch(owner, setup)?;
        let waited = self.keep(|keeper| keeper.arrive(owner))?;
        self.decide(owner, setup, (unit, waited), step).await
    }

    /// Asks the keeper, and once more after a read where it wants one.
    async fn decide<T>(
        self: &Rc<Self>,
        owner: &Owner,
        setup: &Rc<Setup>,
        (unit, mut waited): (&Unit, Waited),
        step: impl Fn(
            &mut Keeper<CacheStore<S>>,
            Timestamp,
            Waited,
            &CacheConfig,
        ) -> Result<Step<T>, Fault<StoreError>>,
    ) -> Result<Told<T>, Failure> {
        let ask = |waited| {
            let now = self.outside.now();
            self.keep(|keeper| step(keeper, now, waited, &setup.config))
        };
        let mut asked = ask(waited)?;
        if matches!(asked, Step::ReadFirst) {
            self.read_first(owner, setup, (unit, waited.arrived)).await;
            waited.in_vain = true;
            asked = ask(waited)?;
        }
        match asked {
            Step::Done { answer, pending, notices, refresh } => {
                if refresh {
                    self.line.want_newer(unit);
                    self.kick(owner, setup);
                }
                Ok(Told { answer, pending, notices })
            }
            Step::Refused(why) => Err(refused(&why, owner)),
            // Not after a read; and if it were, it would not be known whether there is a balance.
            Step::ReadFirst => {
                let retry_after = Duration::from_secs(1);
                Err(refused(&Refusal::Unavailable { retry_after }, owner))
            }
        }
    }

    /// Makes sure that holds whose time is over have ended, and that somebody looks after what waits
    /// to be sent.
    pub(crate) fn watch(self: &Rc<Self>, owner: &Owner, setup: &Rc<Setup>) -> Result<(), Failure> {
        let now = self.outside.now();
        self.keep(|keeper| keeper.end_due_holds(owner, now))?;
        if self.keep(|keeper| keeper.watch(owner, now, &setup.config))? {
            self.kick(owner, setup);
        }
        Ok(())
    }

    /// Runs one step of the keeper.
    pub(crate) fn keep<T>(
        &self,
        step: impl FnOnce(&mut Keeper<CacheStore<S>>) -> Result<T, Fault<StoreError>>,
    ) -> Result<T, Failure> {
        step(&mut self.keeper.borrow_mut()).map_err(failure)
    }
}

fn refused(why: &Refusal, owner: &Owner) -> Failure {
    let (error, retry_after) = refusal(why, &owner.customer);
    Failure { retry_after, ..error.into() }
}

fn failure(fault: Fault<StoreError>) -> Failure {
    let (error, log) = match fault {
        Fault::Store(StoreError::Storage(StorageError(reason))) => {
            (ledger::storage_failed(), reason)
        }
        Fault::Store(StoreError::Corrupt) => {
            (ledger::corrupt(), "the stored rows make no sense".to_owned())
        }
        Fault::OtherOwner => {
            (ledger::other_owner(), "the object holds another customer's balance".to_owned())
        }
    };
    Failure { log: Some(log), ..error.into() }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests;
