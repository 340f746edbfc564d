//! The step of a shell that tells notices itself, when they are made, and not with the answers.

use super::{Keeper, Kept, commit};
use crate::cache::notices::{self, MAX_TOLD};
use crate::cache::store::Store;
use crate::ids::Owner;
use crate::time::Timestamp;

impl<S: Store> Keeper<S> {
    /// Takes it that notices up to a number have reached whom they are for, by another way than with
    /// the answers: they are dropped.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn told(&mut self, owner: &Owner, now: Timestamp, id: u64) -> Kept<S, ()> {
        self.step(owner, |store, cache| {
            loop {
                let writes = notices::drop_until(cache, &store.notices(MAX_TOLD)?, id);
                if writes.is_empty() {
                    return Ok(());
                }
                commit(store, cache, &writes, now)?;
            }
        })
    }
}
