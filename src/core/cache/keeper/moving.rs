//! The steps of holds that were placed upstream until lately, and are placed here now.
//!
//! A call that placed one there and heard no answer is repeated under its key. Here nothing is known of
//! it, and another hold of the same name would hold the same credits twice, and charge them twice
//! where its rule says so. So for as long as such a hold may last, the upstream is asked for it first.

use super::{Keeper, Kept, commit};
use crate::cache::config::{PLACED_GRAIN, PLACED_LIFE};
use crate::cache::rows::Writes;
use crate::cache::state::Head;
use crate::cache::store::Store;
use crate::ids::Owner;
use crate::time::Timestamp;

impl<S: Store> Keeper<S> {
    /// Takes note that a hold is about to be placed upstream: before it is sent, so that it counts
    /// whatever becomes of the answer. It is written once an hour at most.
    ///
    /// # Errors
    /// [`Fault`](super::Fault).
    pub fn places_there(&mut self, owner: &Owner, now: Timestamp) -> Kept<S, ()> {
        self.step(owner, |store, cache| {
            let noted = cache.head().placed_there;
            if noted.is_some_and(|noted| noted <= now && now.since(noted) < PLACED_GRAIN) {
                return Ok(());
            }
            let head = Head { placed_there: Some(now), ..cache.head().clone() };
            let writes = Writes { head: Some(head), ..Writes::default() };
            Ok(commit(store, cache, &writes, now)?)
        })
    }

    /// Whether a hold that is not known here may be one of the upstream's, and is to be looked for
    /// there before it is placed here. A clock that has stepped back makes it so for longer.
    ///
    /// # Errors
    /// [`Fault`](super::Fault).
    pub fn may_be_there(&mut self, owner: &Owner, now: Timestamp) -> Kept<S, bool> {
        self.step(owner, |_, cache| {
            let lately = |noted| now.since(noted) < PLACED_LIFE;
            let has_holds = cache.upstream_has_holds() != Some(false);
            Ok(has_holds && cache.head().placed_there.is_some_and(lately))
        })
    }
}
