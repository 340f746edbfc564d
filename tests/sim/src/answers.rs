//! What calls are answered, checked as they are.

use core::time::Duration;

use edge_credits_core::cache::{
    Accepted, BalanceView, Refusal, Source, Step, TookHold, UnitState, Waited,
};
use edge_credits_core::ledger::{Hold, Rejection, WhenShort};

use crate::calls::Operation;
use crate::holding::Asked;
use crate::world::World;

/// An answer, to a charge or to a read of the balance.
#[derive(Clone, Debug)]
pub(crate) enum Judged {
    Charge(Box<Accepted>),
    Balance(BalanceView),
    Hold(Box<TookHold>),
    Adjusted(Box<Result<Hold, Rejection>>),
}

impl Judged {
    pub(crate) fn charge(step: Step<Accepted>) -> Step<Self> {
        map(step, |answer| Self::Charge(Box::new(answer)))
    }

    pub(crate) fn balance(step: Step<BalanceView>) -> Step<Self> {
        map(step, Self::Balance)
    }

    /// Whether something new is to be sent.
    pub(crate) fn is_new(&self) -> bool {
        match self {
            Self::Charge(accepted) => !accepted.replayed,
            Self::Hold(took) => took.as_ref().as_ref().is_ok_and(|receipt| !receipt.replayed),
            Self::Balance(_) | Self::Adjusted(_) => false,
        }
    }

    /// The hold that was placed just now.
    pub(crate) fn placed(&self) -> Option<&Hold> {
        let Self::Hold(took) = self else { return None };
        let receipt = took.as_ref().as_ref().ok()?;
        (!receipt.replayed && receipt.hold.is_open()).then_some(&receipt.hold)
    }
}

fn map<T, U>(step: Step<T>, with: impl FnOnce(T) -> U) -> Step<U> {
    match step {
        Step::Done { answer, pending, notices, refresh } => {
            Step::Done { answer: with(answer), pending, notices, refresh }
        }
        Step::ReadFirst => Step::ReadFirst,
        Step::Refused(refusal) => Step::Refused(refusal),
    }
}

impl World {
    /// Checks an answer and names it.
    pub(crate) fn check_answer(
        &mut self,
        customer: usize,
        operation: &Operation,
        answer: &Judged,
        waited: Waited,
    ) -> &'static str {
        match answer {
            Judged::Charge(accepted) => self.check_accepted(customer, operation, accepted, waited),
            Judged::Hold(took) => {
                let Some(asked) = &operation.hold else { return "?" };
                if let (Asked::Place(_), Ok(receipt)) = (asked, took.as_ref())
                    && !receipt.replayed
                {
                    self.check_freshness(customer, operation, receipt.told.source, waited);
                }
                self.check_hold(customer, asked, took)
            }
            Judged::Adjusted(adjusted) => {
                let Some(asked) = &operation.hold else { return "?" };
                self.check_adjusted(customer, asked, adjusted)
            }
            Judged::Balance(view) => {
                let state = self.state(customer, operation);
                let told = state.as_ref().and_then(UnitState::available);
                if told != Some(view.available) {
                    self.auditor.fail("D12", format!("{customer}: {view:?} of {told:?}"));
                }
                self.check_freshness(customer, operation, view.source, waited);
                "balance"
            }
        }
    }

    fn check_accepted(
        &mut self,
        customer: usize,
        operation: &Operation,
        accepted: &Accepted,
        waited: Waited,
    ) -> &'static str {
        let Some(charge) = &operation.charge else { return "?" };
        let (record, key) = (&accepted.record, charge.call.key.as_str());
        let stored = self.objects[customer].disk().records.get(&record.id);
        if stored != Some(record) {
            self.auditor.fail("D2", format!("{customer}: {key} is answered and not stored"));
        }
        if (record.amount, &record.unit) != (charge.amount, &charge.unit) {
            self.auditor.fail("D3", format!("{customer}: {key} is answered for other content"));
        }
        let now = self.auditor.accepted.as_deref() == Some(key);
        if now == accepted.replayed {
            self.auditor.fail("D3", format!("{customer}: {key} is accepted once more"));
        }
        if accepted.replayed {
            return "replayed";
        }
        if charge.when_short == WhenShort::Reject {
            self.check_freshness(customer, operation, record.source, waited);
            return "gate open";
        }
        "usage accepted"
    }

    fn state(&self, customer: usize, operation: &Operation) -> Option<UnitState> {
        self.objects[customer].disk().units.get(&operation.unit).cloned()
    }

    /// An answer says where it comes from, and that may be used (D12).
    fn check_freshness(
        &mut self,
        customer: usize,
        operation: &Operation,
        source: Source,
        waited: Waited,
    ) {
        let now = self.clock(customer);
        let Some(state) = self.state(customer, operation) else {
            return self.auditor.fail("D12", format!("{customer}: an answer from nothing"));
        };
        let config = &self.plan.config;
        let Some(snapshot) = &state.snapshot else {
            return self.auditor.fail("D12", format!("{customer}: an answer without a snapshot"));
        };
        let age = if snapshot.as_of > now { Duration::MAX } else { now.since(snapshot.as_of) };
        let rests = self.objects[customer].disk().head.health.resume_at.is_some();
        let right = match source {
            Source::EdgeCache => age <= config.max_staleness,
            Source::Upstream => snapshot.read > waited.arrived,
            Source::Degraded => config.graceful_degradation && (waited.in_vain || rests),
        };
        if !right {
            let what = format!("{customer}: {source:?} with a snapshot of {age:?}");
            self.auditor.fail("D12", what);
        }
    }

    /// Checks a refusal and names it.
    pub(crate) fn check_refusal(
        &mut self,
        customer: usize,
        operation: &Operation,
        refusal: &Refusal,
        waited: Waited,
    ) -> &'static str {
        if self.auditor.kept {
            self.auditor.fail("D3", format!("{customer}: a refusal has kept something"));
        }
        let state = self.state(customer, operation);
        let now = self.clock(customer);
        let (word, right) = match refusal {
            Refusal::KeyReused { first, .. } => {
                let other = operation.charge.as_ref().is_some_and(|charge| {
                    (charge.amount, &charge.unit) != (first.amount, &first.unit)
                });
                ("key reused", other)
            }
            Refusal::InsufficientCredits { available, requested, .. } => {
                let known = state.as_ref().and_then(UnitState::available);
                let looked = waited.in_vain
                    || self.objects[customer].disk().head.health.resume_at.is_some()
                    || state
                        .as_ref()
                        .and_then(|state| state.snapshot.as_ref())
                        .is_some_and(|snapshot| snapshot.read > waited.arrived);
                ("gate shut", known == Some(*available) && available < requested && looked)
            }
            Refusal::Unavailable { .. } => {
                ("unavailable", state.is_none_or(|state| state.snapshot.is_none()))
            }
            Refusal::Stale { .. } => {
                let old = state.and_then(|state| state.age(now));
                let old = old.is_some_and(|age| age > self.plan.config.max_staleness);
                ("stale", old && !self.plan.config.graceful_degradation)
            }
            // The world is too small for the others.
            _ => ("refused", false),
        };
        if !right {
            self.auditor.fail("D12", format!("{customer}: {refusal:?} is not so"));
        }
        word
    }
}
