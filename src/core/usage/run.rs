//! Runs of outcomes: which run takes a step, what the run was opened with, and what completes it.
//!
//! Decides that an edit of the catalog counts for runs that are opened after it: a run keeps the steps
//! and the price of its outcome as they were when it was opened, to its end. So it goes on under its
//! name when the outcome is renamed, ends with its own last step when that is taken out, and is billed
//! at its own price. Read [`Run`], then [`TakenStep::of`].

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::catalog::{Catalog, FoundStep, MAX_STEPS, Outcome};
use crate::credits::Credits;
use crate::ids::{TransactionId, Unit};
use crate::pricing::Price;
use crate::time::Timestamp;
use crate::usage::signal::{Signal, SignalType};

/// A run's steps are marked in the bits of a number that a double must hold.
const _: () = assert!(MAX_STEPS <= 53);

/// One time that an outcome is worked towards. It is the customer's, one per outcome and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The outcome, by the name that it had when the run was opened.
    pub outcome: String,
    /// The caller's `runId`, or one made for a run without.
    pub id: String,
    /// Whether it goes on without being named: opened by a step without `runId`.
    pub unnamed: bool,
    /// Whether it is complete, and so billed.
    pub complete: bool,
    /// How many steps it has had, those after its end included.
    pub steps: u64,
    /// Which of its terms' steps it has had: the first by the lowest bit.
    pub taken: u64,
    /// Of its first step.
    pub opened_at: Timestamp,
    /// Of its last step so far.
    pub changed_at: Timestamp,
    /// What it was opened with; `None` for one of a release that did not keep it, until its next step.
    pub terms: Option<Terms>,
}

/// An outcome as the catalog had it when a run was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The catalog's version.
    pub version: String,
    /// Price and steps.
    pub outcome: Outcome,
}

/// The runs that may take a step: what a store must look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunLookup {
    /// The step.
    pub key: Unit,
    /// The outcome that the catalog has it lead to now.
    pub outcome: Option<String>,
    /// The caller's `runId`; without one, the open runs that were opened without.
    pub id: Option<String>,
}

impl Run {
    /// The place of a step among those that the run was opened with.
    fn place(&self, key: &Unit) -> Option<usize> {
        let steps = &self.terms.as_ref()?.outcome.steps;
        steps.iter().position(|step| step.key == *key)
    }

    /// Whether it was opened with a step that it has not had yet.
    fn waits_for(&self, key: &Unit) -> bool {
        self.place(key).is_some_and(|place| self.taken & bit(place) == 0)
    }

    /// Whether a step without `runId` goes to this run, which is open and was opened without. One that
    /// was opened with other steps than the outcome has now takes those that it still waits for, and
    /// leaves the others to a run of today's.
    fn takes(&self, key: &Unit, (catalog, now): (&Catalog, Option<&FoundStep<'_>>)) -> bool {
        let Some(terms) = &self.terms else {
            return now.is_some_and(|now| now.outcome.name == self.outcome);
        };
        let same = |now: &FoundStep<'_>| keys(now.outcome).eq(keys(&terms.outcome));
        let is_own = self.is_of((catalog, now));
        is_own && (now.is_some_and(same) || self.waits_for(key))
    }

    /// Whether a step may be this run's by where the catalog has it now: nowhere, in the run's outcome, or
    /// in another that has come in its place. One that was moved to another outcome is that one's.
    fn is_of(&self, (catalog, now): (&Catalog, Option<&FoundStep<'_>>)) -> bool {
        now.is_none_or(|now| now.outcome.name == self.outcome)
            || catalog.outcome(&self.outcome).is_none()
    }
}

fn keys(outcome: &Outcome) -> impl Iterator<Item = &Unit> {
    outcome.steps.iter().map(|step| &step.key)
}

const fn bit(place: usize) -> u64 {
    1 << place
}

/// A step, and the run that takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TakenStep {
    /// The run after it.
    pub(super) run: Run,
    /// Whether it opens the run.
    pub(super) opens: bool,
    /// Whether it completes the run, which is then billed.
    pub(super) completes: bool,
    /// What the step costs its owner.
    pub(super) base_price: Price,
}

impl TakenStep {
    /// The step that a signal reports, and which of the known runs takes it, or a new one. `None` where
    /// neither the catalog nor a run that may take it knows the step's key.
    ///
    /// A run with an id is complete when a step says so, and once: the steps after that are recorded
    /// and bill nothing. One without an id is complete when a step says so or is the last of those that
    /// it was opened with; the next step without an id opens another.
    pub(super) fn of(
        signal: &Signal,
        catalog: &Catalog,
        runs: &[Run],
        (id, now): (&TransactionId, Timestamp),
    ) -> Option<Self> {
        let key = signal.key.as_ref().filter(|_| signal.kind == SignalType::Outcome)?;
        let found = catalog.step(key.as_str());
        let known = match signal.run.as_deref() {
            Some(id) => named(runs, id, key, (catalog, found.as_ref())),
            None => unnamed(runs, key, (catalog, found.as_ref())),
        };
        let opened = || {
            let found = found?;
            let made = || id.as_str().replacen("txn_", "run_", 1);
            Some(Run {
                outcome: found.outcome.name.clone(),
                id: signal.run.clone().unwrap_or_else(made),
                unnamed: signal.run.is_none(),
                complete: false,
                steps: 0,
                taken: 0,
                opened_at: now,
                changed_at: now,
                terms: None,
            })
        };
        let mut run = known.cloned().or_else(opened)?;
        if run.terms.is_none() {
            let terms = |found: FoundStep<'_>| Terms {
                version: catalog.version(),
                outcome: found.outcome.to_owned(),
            };
            run.terms = found.map(terms);
        }
        let place = run.place(key);
        let terms = run.terms.as_ref()?;
        // One that came to the outcome later is told apart by the catalog alone.
        let own = place.and_then(|place| terms.outcome.steps.get(place));
        let base_price = own.or(found.map(|found| found.step))?.base_price;
        let is_last = place.is_some_and(|place| place + 1 == terms.outcome.steps.len());
        let was_complete = run.complete;
        run.steps = run.steps.saturating_add(1);
        run.taken |= place.map_or(0, bit);
        run.changed_at = now;
        run.complete |= signal.complete || (signal.run.is_none() && is_last);
        let completes = run.complete && !was_complete;
        Some(Self { run, opens: known.is_none(), completes, base_price })
    }

    /// What the customer pays for it: by the step that completes a run, the price that the run was
    /// opened with (U3).
    pub(super) fn bill(&self) -> Credits {
        let terms = self.run.terms.as_ref().filter(|_| self.completes);
        terms.map_or(Credits::ZERO, |terms| terms.outcome.price.amount())
    }

    /// The catalog's version that the run was opened with, where it is another than that of the step.
    pub(super) fn earlier_version(&self, version: &str) -> Option<&str> {
        let terms = self.run.terms.as_ref()?;
        Some(terms.version.as_str()).filter(|opened| *opened != version)
    }
}

/// The known run that takes a step without `runId`: the one that was opened first.
fn unnamed<'a>(
    runs: &'a [Run],
    key: &Unit,
    now: (&Catalog, Option<&FoundStep<'_>>),
) -> Option<&'a Run> {
    let open = runs.iter().filter(|run| run.unnamed && !run.complete);
    open.filter(|run| run.takes(key, now)).min_by_key(|run| run.opened_at)
}

/// The known run of this id that takes a step: by the outcome's name, or where that is another one now,
/// by the step; or by any step that it shares with an outcome that has taken the place of its own. An
/// open run before one that is complete.
fn named<'a>(
    runs: &'a [Run],
    id: &str,
    key: &Unit,
    now: (&Catalog, Option<&FoundStep<'_>>),
) -> Option<&'a Run> {
    let found = now.1;
    let outcome = found.map(|found| found.outcome.name.as_str());
    let first = |fits: &dyn Fn(&Run) -> bool| {
        let runs = runs.iter().filter(|run| run.id == id && fits(run));
        runs.min_by_key(|run| (run.complete, run.opened_at))
    };
    let shares_a_step = |run: &Run| {
        let has = |found: &FoundStep<'_>| keys(found.outcome).any(|key| run.place(key).is_some());
        found.is_some_and(has)
    };
    first(&|run| Some(run.outcome.as_str()) == outcome)
        .or_else(|| first(&|run| run.is_of(now) && run.place(key).is_some()))
        .or_else(|| first(&|run| run.is_of(now) && shares_a_step(run)))
}
