//! The steps of holds that are local to the cache.

use alloc::vec::Vec;

use super::{Fault, Keeper, Kept, Step, answer, commit};
use crate::cache::accept::{Judgement, Waited};
use crate::cache::config::{CacheConfig, HoldsAt};
use crate::cache::holds::{self, Asking, Judged, LocalHold, TookHold};
use crate::cache::state::Cache;
use crate::cache::store::Store;
use crate::cache::view;
use crate::idempotency::IdempotencyKey;
use crate::ids::{Owner, TransactionId};
use crate::ledger::{Adjust, Command, Corrupt, Ending, Hold, Place, Rejection};
use crate::time::Timestamp;

impl<S: Store> Keeper<S> {
    /// Ends the holds whose time is over, by their own rules, each in a commit of its own. For every
    /// call and every alarm, before anything else is decided. Returns whether charges wait to be sent.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn end_due_holds(&mut self, owner: &Owner, now: Timestamp) -> Kept<S, bool> {
        self.step(owner, |store, cache| {
            while let Some(local) = holds::next_due(cache, now) {
                let key = key_for(store, cache, &local.hold.id, now)?;
                let writes = holds::expire(cache, (local, &key), now).ok_or(Corrupt);
                let writes = writes.map_err(S::Error::from)?;
                commit(store, cache, &writes, now)?;
            }
            Ok(cache.pending() > 0)
        })
    }

    /// Whether the upstream is known to have holds of its own, or may have: no balance was ever read.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn upstream_may_have_holds(&mut self, owner: &Owner) -> Kept<S, bool> {
        self.step(owner, |_, cache| Ok(cache.upstream_has_holds().unwrap_or(true)))
    }

    /// Who keeps this customer's holds; `None` where a balance must be read before that is known.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn holds_at(&mut self, owner: &Owner, config: &CacheConfig) -> Kept<S, Option<HoldsAt>> {
        self.step(owner, |_, cache| Ok(cache.holds_at(config)))
    }

    /// Places a hold, or says why not.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn place(
        &mut self,
        owner: &Owner,
        now: Timestamp,
        place: &Place,
        waited: Waited,
        config: &CacheConfig,
    ) -> Kept<S, Step<TookHold>> {
        self.place_as(owner, now, (place, false), (waited, config))
    }

    /// Holds the credits of a hold that is to be placed upstream: [`Place::lease`] of it.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn place_lease(
        &mut self,
        owner: &Owner,
        now: Timestamp,
        lease: &Place,
        waited: Waited,
        config: &CacheConfig,
    ) -> Kept<S, Step<TookHold>> {
        self.place_as(owner, now, (lease, true), (waited, config))
    }

    fn place_as(
        &mut self,
        owner: &Owner,
        now: Timestamp,
        (place, lease): (&Place, bool),
        (waited, config): (Waited, &CacheConfig),
    ) -> Kept<S, Step<TookHold>> {
        self.step(owner, |store, cache| {
            let waited = waited.at(cache, now, config);
            let found = find(store, cache, &place.hold_id(cache.owner()))?;
            let asked = (place, lease);
            let judged = holds::place(cache, found.as_ref(), now, asked, waited, config);
            respond(store, cache, now, judged, |cache| {
                view::wants_refresh(cache, now, &place.unit, waited, config)
            })
        })
    }

    /// Captures or releases a hold, or says why not. It never waits for a balance.
    ///
    /// # Errors
    /// [`Fault`]. A command that ends no hold is [`Rejection::UnknownHold`].
    pub fn end_hold(
        &mut self,
        owner: &Owner,
        now: Timestamp,
        command: &Command,
        waited: Waited,
        config: &CacheConfig,
    ) -> Kept<S, Step<TookHold>> {
        self.step(owner, |store, cache| {
            let waited = waited.at(cache, now, config);
            let Some(ending) = Ending::of(command) else {
                let judged = holds::refused(Rejection::UnknownHold);
                return respond(store, cache, now, judged, |_| false);
            };
            let found = find(store, cache, ending.hold())?;
            let key = key_for(store, cache, ending.hold(), now)?;
            let asking = Asking { ending, waited, config, key: &key };
            let judged = holds::end(cache, found.as_ref(), now, &asking);
            respond(store, cache, now, judged, |_| false)
        })
    }

    /// Changes an open hold so that no credits move.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn adjust_hold(
        &mut self,
        owner: &Owner,
        now: Timestamp,
        (id, change): (&TransactionId, &Adjust),
    ) -> Kept<S, Result<Hold, Rejection>> {
        self.step(owner, |store, cache| {
            let found = find(store, cache, id)?;
            match holds::adjust(cache, found.as_ref(), now, change) {
                Ok((hold, writes)) => {
                    commit(store, cache, &writes, now)?;
                    Ok(Ok(hold))
                }
                Err(rejection) => Ok(Err(rejection)),
            }
        })
    }

    /// A hold as it is at `now`, open or not, and the charge that it came to.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn hold(
        &mut self,
        owner: &Owner,
        now: Timestamp,
        id: &TransactionId,
    ) -> Kept<S, Option<(Hold, Option<TransactionId>)>> {
        self.step(owner, |store, cache| {
            let shown = |local: LocalHold| {
                let hold = holds::at(&local, now);
                (hold, local.ended.and_then(|ended| ended.charge))
            };
            Ok(find(store, cache, id)?.map(shown))
        })
    }

    /// Whether the hold that a call places is kept here already.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn has_placed(&mut self, owner: &Owner, place: &Place) -> Kept<S, bool> {
        self.step(owner, |store, cache| {
            Ok(find(store, cache, &place.hold_id(cache.owner()))?.is_some())
        })
    }
}

/// The key under which what a hold comes to is charged.
fn key_for<S: Store>(
    store: &S,
    cache: &Cache,
    hold: &TransactionId,
    now: Timestamp,
) -> Result<IdempotencyKey, Fault<S::Error>> {
    let ended = match store.hold(hold)? {
        Some(local) => !local.hold.is_open(),
        None => true,
    };
    // What has ended makes no charge any more.
    holds::key_for(cache, hold, |id| Ok(!ended && store.record(id, now)?.is_some()))
}

/// Ends a call's step. An error has no room for notices, so they wait for another answer.
fn respond<S: Store>(
    store: &mut S,
    cache: &mut Cache,
    now: Timestamp,
    judged: Judged,
    refresh: impl FnOnce(&Cache) -> bool,
) -> Kept<S, Step<TookHold>> {
    if let Judgement::Done(Err(refusal), _) = judged {
        let (pending, notices) = (cache.pending(), Vec::new());
        return Ok(Step::Done { answer: Err(refusal), pending, notices, refresh: false });
    }
    answer(store, cache, now, judged, refresh)
}

/// A hold by its id: the store is asked for each, which also tells an instance that has been replaced.
fn find<S: Store>(
    store: &S,
    cache: &Cache,
    id: &TransactionId,
) -> Result<Option<LocalHold>, Fault<S::Error>> {
    let found = store.hold(id).map_err(Fault::Store)?;
    let known = cache.local_hold(id);
    // What is open is in memory, just as it is stored.
    let same = match &found {
        Some(local) if local.hold.is_open() => known == Some(local),
        _ => known.is_none(),
    };
    if same { Ok(found) } else { Err(S::Error::from(Corrupt).into()) }
}
