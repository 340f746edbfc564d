//! The end of a customer: their holds are released, and their ledger takes nothing new.
//!
//! What was accepted stays: entries are facts that others count on, a repeat is answered by its
//! key, what is due falls due, and a payment that arrives late is entered, for it has happened.

use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::Owner;
use edge_credits_core::ledger::{CallDetails, Command, LedgerConfig, Rejection, Release};
use edge_credits_core::time::Timestamp;

use super::{Fault, Ledger, Loaded};
use crate::respond::Failure;
use crate::schema;
use crate::standing_store::{self, OfCustomer};
use crate::storage::Storage;
use crate::store::{StoreError, in_transaction};

/// How a ledger stands, whatever it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing was ever written: the customer exists elsewhere or not at all.
    Empty,
    /// There are entries.
    Open,
    /// The customer was taken away.
    Closed,
}

impl<S: Storage> Ledger<S> {
    /// How the ledger stands.
    ///
    /// # Errors
    /// As for [`Ledger::perform`]; nothing is changed.
    pub(crate) fn standing(&self, owner: &Owner, now: Timestamp) -> Result<Standing, Failure> {
        self.with(owner, now, |loaded| {
            self.touch(loaded)?;
            Ok(match (loaded.account.is_closed(), loaded.account.sequence()) {
                (true, _) => Standing::Closed,
                (false, 0) => Standing::Empty,
                (false, _) => Standing::Open,
            })
        })
    }

    /// Whether something may still be sold to the customer.
    ///
    /// # Errors
    /// `customer_closed`: nobody could spend it.
    pub(crate) fn require_open(&self, owner: &Owner, now: Timestamp) -> Result<(), Failure> {
        match self.standing(owner, now)? {
            Standing::Closed => Err(Fault::Rejected(Rejection::Closed).into_failure(owner)),
            Standing::Empty | Standing::Open => Ok(()),
        }
    }

    /// Closes the ledger for good. Open holds are released first, each as its own call would: a crash
    /// in between leaves some released, and a repeat goes on.
    ///
    /// # Errors
    /// As for [`Ledger::perform`].
    pub(crate) fn close(
        &self,
        owner: &Owner,
        now: Timestamp,
        config: &LedgerConfig,
    ) -> Result<(), Failure> {
        let open = self.with(owner, now, |loaded| {
            let open = loaded.account.open_holds_at(now);
            Ok(open.map(|hold| hold.id.clone()).collect::<Vec<_>>())
        })?;
        for hold in open {
            // It names nothing: the hold itself is the name of its end.
            let key = IdempotencyKey::parse("closed");
            let key = key.map_err(|_| Fault::from(StoreError::Corrupt).into_failure(owner))?;
            let description = Some("customer deleted".to_owned());
            let call = CallDetails { key, description, metadata: None };
            self.perform(owner, now, &Command::Release(Release { call, hold }), config)?;
        }
        self.with(owner, now, |loaded| {
            if loaded.account.is_closed() {
                return Ok(());
            }
            in_transaction(&self.storage, || {
                self.make_tables(loaded, now)?;
                let known = OfCustomer { closed_at: Some(now), plan: None };
                standing_store::keep(&self.storage, &known)
            })?;
            loaded.has_tables = true;
            loaded.account.close();
            loaded.plan = None;
            Ok(())
        })
    }

    /// Makes the tables where there are none. Runs inside the caller's transaction.
    pub(super) fn make_tables(&self, loaded: &Loaded, now: Timestamp) -> Result<(), StoreError> {
        if !loaded.has_tables {
            schema::migrate(&self.storage, 0, now)?;
            schema::record_owner(&self.storage, loaded.account.owner())?;
        }
        Ok(())
    }
}
