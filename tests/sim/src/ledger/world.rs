//! A seed's history: virtual time, the queue of what happens next, and the way of calls and answers.
//!
//! [`super::callers`] has what callers want, [`super::object`] the shell around the ledger,
//! [`super::ending`] what must be true when the faults have stopped.

use core::fmt::Debug;
use std::collections::BTreeSet;

use edge_credits_core::ids::{CustomerId, Environment, Owner, TransactionId, Unit};
use edge_credits_core::ledger::mutants::switch_on;

use super::asked::{Answer, Asked};
use super::auditor::Auditor;
use super::callers::Known;
use super::faults::{Fault, Rates};
use super::mutants::{Mistake, Switch};
use super::object::Object;
use super::plan::Plan;
use super::streams::Stream;
use super::tally::{Met, Tally};
use super::tariff::{Prices, price_lists};
use crate::auditor::Breach;
use crate::disk::Fate;
use crate::faults::Kind;
use crate::plan::{HOUR, MINUTE, SECOND};
use crate::queue::Queue;
use crate::random::Random;
use crate::runner::Simulated;
use crate::trace::Trace;

/// A seed's events are some thousands: with more, somebody wakes somebody without an end.
const MOST_EVENTS: u64 = 100_000;

/// What happens at a moment.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A caller decides what to do next.
    Operate(usize),
    /// A caller does what was decided before.
    Ask(usize, Asked),
    /// A hold's time is over by its object's clock, as far as its caller knows.
    Instant(usize, TransactionId),
    /// The next part of a stream comes by.
    Chunk(usize),
    /// A part has waited to be passed on, of a stream that had so many to come.
    Late(usize, u64),
    /// A copy of a request reaches its object.
    Arrives {
        operation: usize,
    },
    /// A caller has waited long enough for an attempt.
    TimesOut {
        operation: usize,
        attempt: u32,
    },
    /// The platform wakes an object.
    Alarm {
        customer: usize,
        set: u64,
        early: bool,
    },
    /// A handler that failed is started once more, or an alarm fires once too often.
    AlarmAgain {
        customer: usize,
        tries: u32,
    },
    ClockSteps(usize),
    Evicted(usize),
}

/// A request under way.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) customer: usize,
    pub(super) asked: Asked,
    /// The stream whose request it is.
    stream: Option<usize>,
    answered: bool,
    attempt: u32,
}

/// Everything of a seed.
pub(crate) struct World {
    pub(super) plan: Plan,
    pub(super) random: Random,
    pub(super) now: u64,
    queue: Queue<Event>,
    pub(super) objects: Vec<Object>,
    pub(super) operations: Vec<Operation>,
    /// What each customer's callers know, and the keys that they have used.
    pub(super) known: Vec<Known>,
    pub(super) lived: BTreeSet<TransactionId>,
    pub(super) streams: Vec<Stream>,
    /// The price lists of signals, and which is in force.
    pub(super) prices: [Prices; 2],
    pub(super) sells: usize,
    pub(super) keys_made: u64,
    pub(super) units: Vec<Unit>,
    pub(super) auditor: Auditor,
    pub(super) tally: Tally,
    pub(super) trace: Trace,
    pub(super) mistake: Option<Mistake>,
    /// What was to become of the commit and the read of the step that is going on.
    pub(super) fates: (Fate, bool),
    /// Faults have stopped.
    calm: bool,
}

impl Simulated for World {
    const NAME: &'static str = "ledger";

    type Mistake = Mistake;

    type Tally = Tally;

    fn switch_on(mistake: Option<Mistake>) {
        switch_on(mistake.and_then(Mistake::core));
    }

    fn begin(seed: u64, trace: Trace, mistake: Option<Mistake>) -> Self {
        let mut world = Self::new(seed, trace, mistake);
        world.start();
        world
    }

    fn plan(&self) -> &dyn Debug {
        &self.plan
    }

    fn run(&mut self) {
        self.run_until(self.now + self.plan.span);
        self.settle_down();
    }

    fn end(self) -> (Trace, Tally, Option<Breach>) {
        let (seeds, virtual_ms) = (1, self.now - HOUR);
        let own = Met(self.auditor.edges);
        let tally = Tally { seeds, virtual_ms, own, ..self.tally };
        (self.trace, tally, self.auditor.breach)
    }
}

impl World {
    fn new(seed: u64, trace: Trace, mistake: Option<Mistake>) -> Self {
        // Other numbers than those that the other world draws from this seed.
        let mut random = Random::new(seed ^ 0x1ed9_e512_0000_0000);
        let plan = Plan::new(&mut random);
        let owner = |index: usize| {
            let customer = CustomerId::parse(&format!("cus_{index}")).expect("an id");
            Owner { environment: Environment::Live, customer }
        };
        let owners: Vec<Owner> = (0..plan.customers).map(owner).collect();
        let names = ["credits", "gpu", "usd"];
        let units = names[..plan.units].iter().map(|name| Unit::parse(name).expect("a unit"));
        let torn = mistake == Some(Mistake::Shell(Switch::TornCommit));
        Self {
            auditor: Auditor::new(&owners, plan.overdraft_limit),
            known: owners.iter().map(|_| Known::default()).collect(),
            units: units.collect(),
            objects: owners.into_iter().map(|owner| Object::new(owner, torn)).collect(),
            operations: Vec::new(),
            lived: BTreeSet::new(),
            streams: Vec::new(),
            prices: price_lists(&mut random, plan.charge),
            sells: 0,
            keys_made: 0,
            tally: Tally::default(),
            trace,
            mistake,
            fates: (Fate::Kept, false),
            calm: false,
            queue: Queue::new(),
            now: HOUR,
            random,
            plan,
        }
    }

    fn start(&mut self) {
        for fault in Fault::ALL {
            self.tally.enabled[*fault] += u64::from(self.plan.has(*fault));
        }
        for customer in 0..self.plan.customers {
            self.open_account(customer);
            let first = self.random.range(0, MINUTE);
            self.later(first, Event::Operate(customer));
            if self.plan.closes {
                let at = self.random.range(self.plan.span / 3, 2 * self.plan.span);
                self.later(at, Event::Ask(customer, Asked::Close));
            }
            for (fault, event) in [
                (Fault::ClockStep, Event::ClockSteps(customer)),
                (Fault::Eviction, Event::Evicted(customer)),
            ] {
                if self.plan.has(fault) {
                    let first = self.random.range(1, self.plan.span / 4);
                    self.later(first, event);
                }
            }
        }
    }

    pub(super) fn has(&self, switch: Switch) -> bool {
        self.mistake == Some(Mistake::Shell(switch))
    }

    pub(super) fn later(&mut self, delay: u64, event: Event) {
        self.queue.put(self.now + delay, event);
    }

    /// Whether a fault is to strike here and now.
    pub(super) fn chance(&mut self, fault: Fault) -> bool {
        !self.calm && self.random.hit(self.plan.rates[fault])
    }

    /// Whether a fault strikes here and now, counted.
    pub(super) fn strike(&mut self, fault: Fault) -> bool {
        let hit = self.chance(fault);
        self.tally.fired[fault] += u64::from(hit);
        hit
    }

    pub(super) fn run_until(&mut self, ends: u64) {
        while self.auditor.breach.is_none() {
            let Some((at, event)) = self.queue.next(ends) else {
                self.now = self.now.max(ends);
                return;
            };
            self.now = self.now.max(at);
            self.tally.events += 1;
            if self.tally.events > MOST_EVENTS {
                return self.auditor.fail("D9", "the world goes round in circles".to_owned());
            }
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Operate(customer) => self.operate(customer),
            Event::Ask(customer, asked) => self.ask(customer, asked),
            Event::Instant(customer, hold) => self.instant(customer, &hold),
            Event::Chunk(stream) => self.chunk(stream),
            Event::Late(stream, left) => self.part_is_late(stream, left),
            Event::Arrives { operation } => self.arrives(operation),
            Event::TimesOut { operation, attempt } => self.times_out(operation, attempt),
            Event::Alarm { customer, set, early } => self.alarm_fires(customer, set, early),
            Event::AlarmAgain { customer, tries } => self.handle_alarm(customer, tries),
            Event::ClockSteps(customer) => self.clock_steps(customer),
            Event::Evicted(customer) => {
                self.tally.fired[Fault::Eviction] += 1;
                self.evict(customer);
                let next = self.random.range(1, self.plan.span / 4);
                self.later(next, Event::Evicted(customer));
            }
        }
    }

    fn clock_steps(&mut self, customer: usize) {
        self.tally.fired[Fault::ClockStep] += 1;
        let off = self.random.span(SECOND, self.plan.clock_range) as i64;
        let offset = if self.random.hit(500) { off } else { -off };
        self.set_clock(customer, offset);
        let next = self.random.range(1, self.plan.span / 3);
        self.later(next, Event::ClockSteps(customer));
    }

    pub(super) fn set_clock(&mut self, customer: usize, offset: i64) {
        self.trace.note(self.now, format_args!("{customer} clock off by {offset}"));
        self.objects[customer].offset = offset;
        self.schedule_alarm(customer);
    }

    /// A caller sends a request, and will send it again until it is answered.
    pub(super) fn ask(&mut self, customer: usize, asked: Asked) {
        self.ask_by(customer, asked, None);
    }

    /// The same for a stream.
    pub(super) fn ask_by(&mut self, customer: usize, asked: Asked, stream: Option<usize>) {
        let operation = self.operations.len();
        self.tally.operations += 1;
        self.operations.push(Operation { customer, asked, stream, answered: false, attempt: 0 });
        self.send(operation);
    }

    fn send(&mut self, operation: usize) {
        let (attempt, timeout) = (self.operations[operation].attempt, self.plan.timeout);
        self.later(timeout, Event::TimesOut { operation, attempt });
        let mut travels = self.random.range(1, 200);
        if self.strike(Fault::CallLost) {
            return;
        }
        if self.strike(Fault::CallDelayed) {
            travels += self.random.span(timeout, 20 * MINUTE);
        }
        self.later(travels, Event::Arrives { operation });
        if self.strike(Fault::CallTwice) {
            let again = self.random.range(0, 50);
            self.later(travels + again, Event::Arrives { operation });
        }
        if self.strike(Fault::CopyLater) {
            let again = self.random.span(MINUTE, 2 * HOUR);
            self.later(travels + again, Event::Arrives { operation });
        }
    }

    /// A request reaches its object, and its answer the caller.
    pub(super) fn arrives(&mut self, operation: usize) {
        let Operation { customer, asked, stream, .. } = self.operations[operation].clone();
        self.tally.calls += 1;
        if matches!(asked, Asked::Signals(_)) {
            self.may_change_prices();
        }
        let Some(answer) = self.serve(customer, &asked) else { return };
        self.trace.note(self.now, format_args!("{customer} {asked:?}: {answer:?}"));
        if !self.strike(Fault::ReplyLost) && !self.operations[operation].answered {
            self.operations[operation].answered = true;
            match stream {
                Some(stream) => self.stream_hears(stream, &asked, &answer),
                None => self.learn(customer, &asked, &answer),
            }
            self.step_back(customer, &asked, &answer);
        }
        self.may_die_after_answering(customer);
    }

    fn times_out(&mut self, operation: usize, attempt: u32) {
        let last = attempt + 1 >= self.plan.attempts;
        let waiting = &mut self.operations[operation];
        if waiting.answered || waiting.attempt != attempt {
            return;
        }
        let stream = waiting.stream;
        if last || stream.is_some_and(|stream| self.is_dead(stream)) {
            let asked = self.operations[operation].asked.clone();
            if let Some(stream) = stream {
                self.operations[operation].answered = true;
                self.stream_gives_up(stream, &asked);
            }
            return;
        }
        self.operations[operation].attempt += 1;
        self.send(operation);
    }

    /// A request that reaches its object at this very moment, once.
    pub(super) fn ask_now(&mut self, customer: usize, asked: Asked) -> Option<Answer> {
        self.tally.operations += 1;
        self.tally.calls += 1;
        self.serve(customer, &asked)
    }

    /// Faults stop; what is under way still arrives.
    pub(super) fn calm_down(&mut self) {
        self.calm = true;
        self.plan.rates = Rates::default();
        self.queue.retain(|event| {
            !matches!(event, Event::Operate(_) | Event::ClockSteps(_) | Event::Evicted(_))
        });
        self.end_streams();
        self.trace.note(self.now, format_args!("faults stop"));
    }
}
