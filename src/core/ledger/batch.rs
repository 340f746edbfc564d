//! Many charges of one customer, judged in order and persisted together.
//!
//! Each is judged on the account as the ones before it leave it, so that the answers are those of
//! the same calls made one after the other at one moment. Only the writes are joined: a hundred
//! charges cost one commit. A refusal writes nothing and leaves the others alone.
//!
//! Consumes only: the rows that a refund or a void needs might be among those that an earlier item
//! has yet to write.

use alloc::vec::Vec;

use crate::ids::{Owner, TransactionId};
use crate::ledger::account::Account;
use crate::ledger::command::{Command, Consume, Found};
use crate::ledger::decide::{LedgerConfig, decide};
use crate::ledger::entry::{Entry, Receipt};
use crate::ledger::rejection::Rejection;
use crate::ledger::writes::Writes;
use crate::time::Timestamp;

/// Charges to be carried out together, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch(Vec<Command>);

/// What a batch comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchDecision {
    /// To persist before answering, all of it in one transaction. Empty where every charge was
    /// refused or a replay.
    pub writes: Writes,
    /// The answer to each charge, in order.
    pub outcomes: Vec<Result<Receipt, Rejection>>,
}

impl Batch {
    /// A batch of these charges.
    #[must_use]
    pub fn new(consumes: impl IntoIterator<Item = Consume>) -> Self {
        Self(consumes.into_iter().map(Command::Consume).collect())
    }

    /// The entries that a store must look up: those that the charges' keys name.
    #[must_use]
    pub fn lookups(&self, owner: &Owner) -> Vec<TransactionId> {
        self.0.iter().map(|command| command.lookups(owner).record).collect()
    }

    /// Judges the charges at `now`; `records` is what the store found for [`Batch::lookups`], in any
    /// order. Changes nothing. A key that an earlier charge of the batch has used is known from it.
    ///
    /// # Errors
    /// [`Rejection::Inconsistent`] for an account that contradicts itself: nothing may be written,
    /// not even what was decided before that showed.
    pub fn decide(
        &self,
        account: &Account,
        mut records: Vec<Entry>,
        now: Timestamp,
        config: &LedgerConfig,
    ) -> Result<BatchDecision, Rejection> {
        let mut after = account.clone();
        let mut writes = Writes::default();
        let mut outcomes = Vec::with_capacity(self.0.len());
        for command in &self.0 {
            let id = command.lookups(account.owner()).record;
            let record = records.iter().find(|entry| entry.id == id).cloned();
            let found = Found { record, ..Found::default() };
            let outcome = match decide(&after, &found, now, command, config) {
                Ok(decision) => {
                    after.apply(&decision.writes);
                    writes.extend(decision.writes);
                    records.push(decision.receipt.entry.clone());
                    Ok(decision.receipt)
                }
                Err(Rejection::Inconsistent) => return Err(Rejection::Inconsistent),
                Err(rejection) => Err(rejection),
            };
            outcomes.push(outcome);
        }
        Ok(BatchDecision { writes, outcomes })
    }
}
