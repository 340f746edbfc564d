//! The steps that see to it that somebody looks after what waits, and what is about to be over.

use super::{Keeper, Kept, commit};
use crate::cache::config::{CacheConfig, MAX_BACKOFF, WATCH};
use crate::cache::rows::Writes;
use crate::cache::state::Head;
use crate::cache::store::{Store, Stored};
use crate::ids::Owner;
use crate::time::Timestamp;

impl<S: Store> Keeper<S> {
    /// Takes the alarm, which is spent by firing: the next one is armed before anything else is
    /// done. Returns whether there is anything to do.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn wake(&mut self, now: Timestamp) -> Kept<S, bool> {
        let Some(Stored { owner, .. }) = self.store.load()? else { return Ok(false) };
        self.step(&owner, |store, cache| {
            let mut head = Head { alarm_due: None, ..cache.head().clone() };
            let waits = cache.pending() > 0;
            let mut writes = Writes::default();
            // What is over by now is ended next; the alarm is for the case that it is not.
            let over = head.hold_due.map(|over| if over > now { over } else { now.plus(WATCH) });
            let again = waits.then(|| now.plus(MAX_BACKOFF)).into_iter().chain(over).min();
            if let Some(again) = again {
                writes.alarm = head.arm_for(now, again);
            }
            writes.head = Some(head);
            commit(store, cache, &writes, now)?;
            Ok(waits)
        })
    }

    /// Whether charges wait that nobody looks after: the shell then holds conversations until there
    /// are none. An alarm that should stand and does not is set again. For every call, and for a
    /// start after one that ended no one knows how.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn watch(&mut self, owner: &Owner, now: Timestamp, config: &CacheConfig) -> Kept<S, bool> {
        self.step(owner, |store, cache| {
            let waits = cache.pending() > 0;
            let due = if waits { Some(now) } else { cache.head().hold_due };
            let Some(due) = due else { return Ok(false) };
            if !cache.head().alarm_stands(now, waits) {
                let mut head = Head { alarm_due: None, ..cache.head().clone() };
                let alarm = head.arm(now, due);
                let writes = Writes { head: Some(head), alarm, ..Writes::default() };
                commit(store, cache, &writes, now)?;
            }
            let resting = cache.head().health.resting(now, config.authority).is_some();
            Ok(waits && cache.live_lease(now, config.lease).is_none() && !resting)
        })
    }
}
