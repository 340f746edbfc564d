//! Steps in the one order that is safe: look up, decide, commit, apply, answer.
//!
//! A [`Store`] keeps the rows; memory changes only after a commit, and is dropped whenever the
//! store fails, since whether that commit was kept is then open. No step awaits anything, so that
//! no two interleave; between steps nothing is remembered but what is stored (D11, D15).

mod holding;
mod lookups;
mod moving;
mod telling;
mod waking;

use alloc::vec::Vec;

use crate::cache::accept::{self, Judgement};
use crate::cache::config::CacheConfig;
use crate::cache::notices::{self, MAX_TOLD};
use crate::cache::operator::{self, Decision};
use crate::cache::read::{self, ReadFailure, Reading};
use crate::cache::rows::{OutboxRow, Writes};
use crate::cache::settle::Settling;
use crate::cache::state::Cache;
use crate::cache::store::Store;
use crate::cache::{
    Accepted, BalanceView, Handled, Next, Notice, Outcome, Overview, Refusal, Waited, outbox, view,
};
use crate::entropy::Jitter;
use crate::ids::{Owner, TransactionId, Unit};
use crate::ledger::{Consume, Corrupt};
use crate::time::Timestamp;

/// One customer's cache on its store.
#[derive(Debug)]
pub struct Keeper<S> {
    store: S,
    /// `None` until the first step, and after the store failed.
    cache: Option<Cache>,
}

/// Why a step did not end.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault<E> {
    /// The store failed; whether this step was kept is open.
    Store(E),
    /// The store holds another customer's cache. Nothing was done.
    OtherOwner,
}

impl<E> From<E> for Fault<E> {
    fn from(error: E) -> Self {
        Self::Store(error)
    }
}

/// What a call comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// The answer, durable.
    Done {
        /// What is answered.
        answer: T,
        /// Charges of this customer that the upstream has not settled.
        pending: u64,
        /// What the caller should learn besides.
        notices: Vec<Notice>,
        /// Whether the balance is to be read in the background.
        refresh: bool,
    },
    /// A balance is to be read first ([`Keeper::lease`] with this unit wanted), then the step is
    /// called again, with [`Waited::in_vain`] whatever came of the read.
    ReadFirst,
    /// No answer but the reason; nothing was changed.
    Refused(Refusal),
}

/// What a step of a keeper returns.
type Kept<S, T> = Result<T, Fault<<S as Store>::Error>>;

impl<S: Store> Keeper<S> {
    /// A keeper of what is in a store. Nothing is read yet.
    pub const fn new(store: S) -> Self {
        Self { store, cache: None }
    }

    /// The store.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// The store, to be changed behind the keeper's back: by what is not the cache's, and by tests.
    pub const fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// How many conversations have begun: what a call notes when it comes in ([`Waited::arrived`]).
    ///
    /// # Errors
    /// [`Fault`].
    pub fn arrive(&mut self, owner: &Owner) -> Kept<S, Waited> {
        self.step(owner, |_, cache| {
            Ok(Waited { arrived: cache.head().conversations, in_vain: false })
        })
    }

    /// Accepts a charge, or says why not.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn accept(
        &mut self,
        owner: &Owner,
        now: Timestamp,
        charge: &Consume,
        waited: Waited,
        config: &CacheConfig,
    ) -> Kept<S, Step<Accepted>> {
        self.step(owner, |store, cache| {
            let waited = waited.at(cache, now, config);
            let found = store.record(&accept::id_of(cache.owner(), charge), now)?;
            let judged = accept::accept(cache, found.as_ref(), now, charge, waited, config);
            answer(store, cache, now, judged, |cache| {
                view::wants_refresh(cache, now, &charge.unit, waited, config)
            })
        })
    }

    /// The balance of a unit.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn balance(
        &mut self,
        owner: &Owner,
        now: Timestamp,
        unit: &Unit,
        waited: Waited,
        config: &CacheConfig,
    ) -> Kept<S, Step<BalanceView>> {
        self.step(owner, |store, cache| {
            touch(store, cache)?;
            let waited = waited.at(cache, now, config);
            let judged = view::balance(cache, now, unit, waited, config);
            answer(store, cache, now, judged, |cache| {
                view::wants_refresh(cache, now, unit, waited, config)
            })
        })
    }

    /// What to say to the upstream next; `wanted` is a unit whose balance a call waits for. A
    /// conversation is leased when this returns: hold it, and report by [`Keeper::settle`] or
    /// [`Keeper::merge`].
    ///
    /// # Errors
    /// [`Fault`].
    pub fn lease(
        &mut self,
        owner: &Owner,
        now: Timestamp,
        wanted: Option<&Unit>,
        config: &CacheConfig,
    ) -> Kept<S, Next> {
        self.step(owner, |store, cache| {
            let found = lookups::for_lease(store, cache, now, config)?;
            let (next, writes) = outbox::lease(cache, found, now, wanted, config);
            commit(store, cache, &writes, now)?;
            Ok(next)
        })
    }

    /// Takes what became of the charges of a conversation, by position. A charge without an outcome
    /// counts as one whose fate is unknown.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn settle(
        &mut self,
        owner: &Owner,
        now: Timestamp,
        (token, outcomes): (u64, &[(u64, Outcome)]),
        config: &CacheConfig,
        jitter: &mut Jitter,
    ) -> Kept<S, ()> {
        self.step(owner, |store, cache| {
            let found = lookups::for_outcomes(store, cache, now, token, outcomes)?;
            let authority = config.authority;
            let settling = Settling { cache, found, now, token, authority };
            let writes = settling.settle(outcomes, jitter);
            Ok(commit(store, cache, &writes, now)?)
        })
    }

    /// Takes what became of a read.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn merge(
        &mut self,
        owner: &Owner,
        now: Timestamp,
        (token, unit, result): (u64, &Unit, Result<Reading, ReadFailure>),
        config: &CacheConfig,
        jitter: &mut Jitter,
    ) -> Kept<S, ()> {
        self.step(owner, |store, cache| {
            let writes = read::merge(cache, token, unit, result, now, config.authority, jitter);
            Ok(commit(store, cache, &writes, now)?)
        })
    }

    /// The operator's view: the whole, and the first open charges after a position.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn overview(
        &mut self,
        owner: &Owner,
        now: Timestamp,
        (after, limit): (u64, u32),
        config: &CacheConfig,
    ) -> Kept<S, (Overview, Vec<OutboxRow>)> {
        self.step(owner, |store, cache| {
            let rows = store.open(after, limit)?;
            Ok((operator::overview(cache, now, config), rows))
        })
    }

    /// Sends a quarantined charge again. The operator answers for it that the upstream either still
    /// knows its key or never got it.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn retry(&mut self, owner: &Owner, now: Timestamp, id: &TransactionId) -> Kept<S, Handled> {
        self.decide(owner, now, id, Decision::Retry)
    }

    /// Writes a quarantined charge off, and subtracts it no longer: it will never be applied upstream,
    /// or it was, and the balance shows it.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn write_off(
        &mut self,
        owner: &Owner,
        now: Timestamp,
        id: &TransactionId,
    ) -> Kept<S, Handled> {
        self.decide(owner, now, id, Decision::WriteOff)
    }

    fn decide(
        &mut self,
        owner: &Owner,
        now: Timestamp,
        id: &TransactionId,
        decision: Decision,
    ) -> Kept<S, Handled> {
        self.step(owner, |store, cache| {
            let (row, record) = (store.row_of(id)?, store.record(id, now)?);
            let (handled, writes) = operator::decide(cache, row, record, decision, now);
            commit(store, cache, &writes, now)?;
            Ok(handled)
        })
    }

    /// Makes sure that memory is what is stored, before it is answered from.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn touch(&mut self, owner: &Owner) -> Kept<S, ()> {
        self.step(owner, |store, cache| touch(store, cache))
    }

    /// The cache as it stands, loaded if need be.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn cache(&mut self, owner: &Owner) -> Kept<S, &Cache> {
        self.step(owner, |_, _| Ok(()))?;
        self.cache.as_ref().ok_or_else(|| S::Error::from(Corrupt).into())
    }

    /// Forgets what memory holds; the next step loads it again.
    pub fn forget(&mut self) {
        self.cache = None;
    }

    /// The cache, out of memory or out of the store.
    fn take(&mut self, owner: &Owner) -> Kept<S, Cache> {
        if let Some(cache) = self.cache.take() {
            return Ok(cache);
        }
        Ok(match self.store.load()? {
            Some(stored) => Cache::load(stored).map_err(S::Error::from)?,
            None => Cache::new(owner.clone()),
        })
    }

    /// Runs one step on the loaded cache, which is taken out meanwhile: a step that fails on its
    /// store leaves nothing in memory.
    fn step<T>(
        &mut self,
        owner: &Owner,
        step: impl FnOnce(&mut S, &mut Cache) -> Kept<S, T>,
    ) -> Kept<S, T> {
        let mut cache = self.take(owner)?;
        let result = if cache.owner() == owner {
            step(&mut self.store, &mut cache)
        } else {
            Err(Fault::OtherOwner)
        };
        if !matches!(result, Err(Fault::Store(_))) {
            self.cache = Some(cache);
        }
        result
    }
}

impl Waited {
    /// Whether a read is still to be tried: not while the upstream is left alone.
    fn at(self, cache: &Cache, now: Timestamp, config: &CacheConfig) -> Self {
        let resting = cache.head().health.resting(now, config.authority).is_some();
        Self { in_vain: self.in_vain || resting, ..self }
    }
}

/// Ends a call's step: commits it with what the notices change.
fn answer<S: Store, T>(
    store: &mut S,
    cache: &mut Cache,
    now: Timestamp,
    judged: Judgement<T>,
    refresh: impl FnOnce(&Cache) -> bool,
) -> Kept<S, Step<T>> {
    let (answer, mut writes) = match judged {
        Judgement::Done(answer, writes) => (answer, *writes),
        Judgement::ReadFirst => return Ok(Step::ReadFirst),
        Judgement::Refused(refusal) => return Ok(Step::Refused(refusal)),
    };
    let mut told = Vec::new();
    if cache.head().untold > 0 {
        told = notices::tell(cache, store.notices(MAX_TOLD)?, now, &mut writes);
    }
    commit(store, cache, &writes, now)?;
    let (pending, refresh) = (cache.pending(), refresh(cache));
    Ok(Step::Done { answer, pending, notices: told, refresh })
}

/// Makes sure that memory is what is stored: an instance that has been replaced learns it so.
fn touch<S: Store>(store: &S, cache: &Cache) -> Kept<S, ()> {
    let same = store.conversations()? == cache.head().conversations;
    if same { Ok(()) } else { Err(S::Error::from(Corrupt).into()) }
}

/// Persists, then applies.
fn commit<S: Store>(
    store: &mut S,
    cache: &mut Cache,
    writes: &Writes,
    now: Timestamp,
) -> Result<(), S::Error> {
    if writes.is_empty() {
        return Ok(());
    }
    store.commit(cache.owner(), writes, now)?;
    cache.apply(writes);
    Ok(())
}
