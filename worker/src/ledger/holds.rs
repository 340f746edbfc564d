//! Calls about holds that are no commands: they read one, or change it so that no credits move.

use edge_credits_core::ids::{Owner, TransactionId};
use edge_credits_core::ledger::{Adjust, Hold, adjust, hold_at};
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::holds::{HoldsQuery, hold_body, holds_body};

use super::{Ledger, Loaded};
use crate::respond::{Answer, Failure};
use crate::storage::Storage;
use crate::store::{self, StoreError};

impl<S: Storage> Ledger<S> {
    /// Changes an open hold so that no credits move.
    ///
    /// # Errors
    /// As for [`Ledger::perform`].
    pub(crate) fn adjust(
        &self,
        owner: &Owner,
        now: Timestamp,
        (id, change): (&TransactionId, &Adjust),
    ) -> Result<Answer, Failure> {
        let hold = self.with(owner, now, |loaded| {
            let stored = self.stored_hold(loaded, id)?;
            let adjusted = match adjust(&loaded.account, stored.as_ref(), now, (id, change)) {
                Ok(adjusted) => adjusted,
                Err(rejection) => return Err(self.refuse(loaded, now, rejection)),
            };
            self.commit(loaded, now, &adjusted.writes)?;
            Ok(adjusted.hold)
        })?;
        Ok(Answer { body: hold_body(&hold), replayed: false })
    }

    /// A hold, open or not. If its time is over, its end is written first.
    ///
    /// # Errors
    /// As for [`Ledger::perform`].
    pub(crate) fn hold(
        &self,
        owner: &Owner,
        now: Timestamp,
        id: &TransactionId,
    ) -> Result<Answer, Failure> {
        let hold = self.with(owner, now, |loaded| {
            let stored = self.stored_hold(loaded, id)?;
            let hold = hold_at(&loaded.account, stored.as_ref(), now, id)?;
            self.write_due(loaded, now)?;
            Ok(hold)
        })?;
        Ok(Answer { body: hold_body(&hold), replayed: false })
    }

    /// A page of the open holds.
    ///
    /// # Errors
    /// As for [`Ledger::perform`]; nothing is changed.
    pub(crate) fn holds(
        &self,
        owner: &Owner,
        now: Timestamp,
        query: &HoldsQuery,
    ) -> Result<Answer, Failure> {
        let body = self.with(owner, now, |loaded| {
            self.touch(loaded)?;
            Ok(holds_body(loaded.account.open_holds_at(now).rev(), query))
        })?;
        Ok(Answer { body, replayed: false })
    }

    fn stored_hold(&self, loaded: &Loaded, id: &TransactionId) -> Result<Option<Hold>, StoreError> {
        if loaded.has_tables { store::hold(&self.storage, id) } else { Ok(None) }
    }
}
