//! Runs of outcomes: which run a step belongs to, and whether it completes it.

use alloc::string::String;

use crate::catalog::FoundStep;
use crate::ids::TransactionId;
use crate::time::Timestamp;
use crate::usage::signal::Signal;

/// One time that an outcome is worked towards. It is the customer's, one per outcome and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The outcome, by name.
    pub outcome: String,
    /// The caller's `runId`, or one made for a run without.
    pub id: String,
    /// Whether it goes on without being named: opened by a step without `runId`.
    pub unnamed: bool,
    /// Whether it is complete, and so billed.
    pub complete: bool,
    /// How many steps it has had, those after its end included.
    pub steps: u64,
    /// Of its first step.
    pub opened_at: Timestamp,
    /// Of its last step so far.
    pub changed_at: Timestamp,
}

impl Run {
    /// The run after a step of it. `known` is the run that the step belongs to, if there is one.
    ///
    /// A run with an id is complete when a step says so, and once: the steps after that are recorded
    /// and bill nothing. One without an id is complete when a step says so or is the outcome's last;
    /// the next step without an id opens another.
    pub(super) fn step(
        known: Option<&Self>,
        (signal, step): (&Signal, &FoundStep<'_>),
        (id, now): (&TransactionId, Timestamp),
    ) -> Self {
        let mut run = known.cloned().unwrap_or_else(|| Self {
            outcome: step.outcome.name.clone(),
            id: signal.run.clone().unwrap_or_else(|| id.as_str().replacen("txn_", "run_", 1)),
            unnamed: signal.run.is_none(),
            complete: false,
            steps: 0,
            opened_at: now,
            changed_at: now,
        });
        run.steps = run.steps.saturating_add(1);
        run.changed_at = now;
        run.complete |= signal.complete || (signal.run.is_none() && step.is_last);
        run
    }

    /// Whether a step of this outcome, with this run id or none, belongs to it.
    #[must_use]
    pub fn takes(&self, outcome: &str, id: Option<&str>) -> bool {
        let named = match id {
            Some(id) => self.id == id,
            None => self.unnamed && !self.complete,
        };
        self.outcome == outcome && named
    }
}
