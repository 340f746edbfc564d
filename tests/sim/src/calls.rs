//! The callers: what they ask for, and that they ask again with the same key when they cannot know.

use edge_credits_core::cache::Waited;
use edge_credits_core::credits::Credits;
use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::Unit;
use edge_credits_core::ledger::{CallDetails, Consume, WhenShort};

use crate::faults::Fault;
use crate::holding::Asked;
use crate::met;
use crate::plan::{MINUTE, SECOND};
use crate::world::{Event, World};

/// How long a caller waits for an attempt.
const PATIENCE: u64 = 30 * SECOND;
/// Attempts of one operation at most.
const ATTEMPTS: u32 = 4;

/// One logical call.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) customer: usize,
    pub(crate) unit: Unit,
    /// The charge; without one, and without a hold, the balance is asked for.
    pub(crate) charge: Option<Consume>,
    /// What is asked of a hold.
    pub(crate) hold: Option<Asked>,
    attempts: u32,
    done: bool,
}

/// One attempt of it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) operation: usize,
    pub(crate) attempt: u32,
    /// What it has waited for, once it has come in.
    pub(crate) waited: Option<Waited>,
    /// For [`crate::mutants::Switch::KeyCheckOutside`]: whether its key was known when it came in.
    pub(crate) known: bool,
}

impl World {
    /// A caller does something, and will again.
    pub(crate) fn operate(&mut self, customer: usize) {
        let pause = self.plan.span / self.plan.calls;
        // Mostly in bursts, with long breaks.
        let pause = if self.random.hit(400) {
            self.random.span(10, 2 * pause)
        } else {
            self.random.range(pause / 2, 3 * pause)
        };
        self.later(pause, Event::Operate(customer));
        let unit = self.units[self.random.range(0, self.units.len() as u64 - 1) as usize].clone();
        let repeat = self.earlier_charge(customer);
        if let Some(charge) = repeat.clone()
            && self.strike(Fault::SameKey)
        {
            self.start(customer, charge.unit.clone(), Some(charge));
            return;
        }
        if let Some(mut charge) = repeat
            && self.strike(Fault::OtherContent)
        {
            charge.amount = charge.amount.checked_add(credits(1)).expect("a larger amount");
            self.start(customer, charge.unit.clone(), Some(charge));
            return;
        }
        if self.random.hit(150) {
            self.start(customer, unit, None);
            return;
        }
        if self.random.hit(self.plan.holds) {
            return self.place_hold(customer, &unit);
        }
        let charge = self.new_charge(customer, &unit);
        if self.strike(Fault::Parallel) {
            let mut twin = charge.clone();
            if self.random.hit(300) {
                twin.when_short = WhenShort::Allow;
            }
            self.start(customer, unit.clone(), Some(twin));
        }
        self.start(customer, unit, Some(charge));
    }

    fn earlier_charge(&mut self, customer: usize) -> Option<Consume> {
        let mine = |operation: &&Operation| operation.customer == customer;
        let charges: Vec<&Consume> =
            self.operations.iter().filter(mine).flat_map(|o| &o.charge).collect();
        let last = charges.len().checked_sub(1)?;
        let charge = charges[self.random.range(0, last as u64) as usize];
        Some(charge.clone())
    }

    fn new_charge(&mut self, customer: usize, unit: &Unit) -> Consume {
        let key = format!("k{customer}-{}", self.operations.len());
        let key = IdempotencyKey::parse(&key).expect("a key");
        let largest = self.plan.largest * 1_000_000;
        let minor = self.random.span(1, largest).max(1);
        let amount = if self.random.hit(500) { minor } else { (minor / 1_000_000 + 1) * 1_000_000 };
        let when_short = if self.random.hit(700) { WhenShort::Reject } else { WhenShort::Allow };
        let description = self.random.hit(200).then(|| "Chat: \"hi\"".to_owned());
        Consume {
            call: CallDetails { key, description, metadata: None },
            unit: unit.clone(),
            amount: Credits::from_minor_units(amount as i64).expect("an amount"),
            when_short,
        }
    }

    pub(crate) fn start(&mut self, customer: usize, unit: Unit, charge: Option<Consume>) {
        let operation = self.operations.len();
        self.tally.operations += 1;
        if let Some(charge) = &charge {
            self.auditor.submitted(customer, charge);
        }
        let (hold, attempts, done) = (None, 0, false);
        self.operations.push(Operation { customer, unit, charge, hold, attempts, done });
        self.call_again(operation);
    }

    pub(crate) fn start_hold(&mut self, customer: usize, unit: Unit, asked: Asked) {
        let operation = self.operations.len();
        self.tally.operations += 1;
        let (charge, hold, attempts, done) = (None, Some(asked), 0, false);
        self.operations.push(Operation { customer, unit, charge, hold, attempts, done });
        self.call_again(operation);
    }

    /// Sends an attempt.
    pub(crate) fn call_again(&mut self, operation: usize) {
        let known = &mut self.operations[operation];
        if known.done {
            return;
        }
        known.attempts += 1;
        let attempt = known.attempts;
        self.tally.calls += 1;
        let call = Call { operation, attempt, waited: None, known: false };
        self.later(PATIENCE, Event::CallEnds { operation, attempt });
        if self.strike(Fault::CallLost) {
            return;
        }
        if self.strike(Fault::CallTwice) {
            let later = self.random.span(1, 9 * MINUTE);
            self.later(later, Event::Call(call.clone()));
        }
        let delay = if self.strike(Fault::CallDelayed) {
            self.random.span(100, 2 * MINUTE)
        } else {
            self.random.span(1, 50)
        };
        self.later(delay, Event::Call(call));
    }

    /// An attempt ends: with an answer in a word, or without one, its effect unknown.
    pub(crate) fn call_ends(
        &mut self,
        operation: usize,
        attempt: u32,
        answer: Option<&'static str>,
    ) {
        let known = &mut self.operations[operation];
        if known.done || known.attempts != attempt {
            return;
        }
        match answer {
            Some(word) => {
                known.done = true;
                met::count(&mut self.tally.own.answers, word);
            }
            None if known.attempts >= ATTEMPTS => {
                known.done = true;
                met::count(&mut self.tally.own.answers, "never known");
            }
            None => {
                let pause = self.random.span(100, 10 * SECOND);
                self.later(pause, Event::CallAgain(operation));
            }
        }
    }

    /// The object replies; whether the caller hears it is another matter.
    pub(crate) fn reply(&mut self, call: &Call, answer: Option<&'static str>) {
        if !self.strike(Fault::ReplyLost) {
            self.call_ends(call.operation, call.attempt, answer);
        }
    }
}

pub(crate) fn credits(whole: i64) -> Credits {
    Credits::from_minor_units(whole * 1_000_000).expect("an amount")
}
