//! A seed's history: virtual time, the queue of what happens next, and who it happens to.
//!
//! What a part does is in its own file: [`crate::calls`] the callers, [`crate::object`] the shell
//! around the cache, [`crate::talk`] its conversations, [`crate::weather`] what goes on outside.

use core::fmt::Debug;

use edge_credits_core::cache::mutants::switch_on;
use edge_credits_core::entropy::{Entropy, Jitter};
use edge_credits_core::ids::{CustomerId, Environment, Owner, Unit};

use crate::auditor::{Auditor, Breach};
use crate::calls::{Call, Operation};
use crate::faults::{Fault, Kind, Point, Rates};
use crate::holding::Asked;
use crate::met::Tally;
use crate::mutants::Mistake;
use crate::object::Object;
use crate::plan::{HOUR, Plan, SECOND};
use crate::queue::Queue;
use crate::random::Random;
use crate::runner::Simulated;
use crate::small::Script;
use crate::talk::{Answer, Message};
use crate::trace::Trace;
use crate::upstream::Upstream;
use crate::weather::Weather;

/// A seed's events are some thousands: with more, somebody wakes somebody without an end.
const MOST_EVENTS: u64 = 200_000;

/// What happens at a moment.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A caller decides what to do next.
    Operate(usize),
    /// A call reaches its object.
    Call(Call),
    /// A caller has waited long enough for an attempt.
    CallEnds {
        operation: usize,
        attempt: u32,
    },
    /// A caller tries again.
    CallAgain(usize),
    /// A caller asks something of a hold.
    AskOfHold {
        customer: usize,
        unit: Unit,
        asked: Asked,
    },
    /// A request reaches the upstream.
    Request(Message),
    /// An answer reaches the object.
    Answer(Answer),
    /// A conversation has used up its time.
    TalkEnds {
        customer: usize,
        instance: u64,
        token: u64,
    },
    /// A conversation whose process stood still goes on.
    TalkGoesOn {
        customer: usize,
        instance: u64,
        token: u64,
    },
    /// Calls that wait for another's conversation look again.
    LookAgain {
        customer: usize,
        instance: u64,
    },
    /// The platform wakes an object.
    Alarm {
        customer: usize,
        set: u64,
        early: bool,
    },
    /// A handler that failed is started once more.
    AlarmAgain {
        customer: usize,
    },
    Weather(Fault),
}

/// Everything of a seed.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) random: Random,
    pub(crate) now: u64,
    queue: Queue<Event>,
    pub(crate) objects: Vec<Object>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) units: Vec<Unit>,
    pub(crate) upstream: Upstream,
    pub(crate) weather: Weather,
    pub(crate) auditor: Auditor,
    pub(crate) tally: Tally,
    pub(crate) trace: Trace,
    pub(crate) jitter: Jitter,
    pub(crate) mistake: Option<Mistake>,
    /// Faults have stopped.
    pub(crate) calm: bool,
    /// Which faults strike, where that is not left to chance.
    pub(crate) script: Option<Script>,
}

impl Simulated for World {
    const NAME: &'static str = "cache";

    type Mistake = Mistake;

    type Tally = Tally;

    fn switch_on(mistake: Option<Mistake>) {
        switch_on(mistake.and_then(Mistake::core));
    }

    fn begin(seed: u64, trace: Trace, mistake: Option<Mistake>) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::new(&mut random);
        let mut world = Self::with(plan, random, trace, mistake);
        world.start_callers();
        world.start_weather();
        world
    }

    fn plan(&self) -> &dyn Debug {
        &self.plan
    }

    fn run(&mut self) {
        let ends = self.now + self.plan.span;
        self.run_until(ends, |_| false);
        self.settle_down();
    }

    fn end(self) -> (Trace, Tally, Option<Breach>) {
        let (seeds, virtual_ms) = (1, self.now - HOUR);
        let tally = Tally { seeds, virtual_ms, ..self.tally };
        (self.trace, tally, self.auditor.breach)
    }
}

impl World {
    /// A world in which nothing has been asked for yet.
    pub(crate) fn with(
        plan: Plan,
        mut random: Random,
        trace: Trace,
        mistake: Option<Mistake>,
    ) -> Self {
        let owner = |index: usize| {
            let customer = CustomerId::parse(&format!("cus_{index}")).expect("an id");
            Owner { environment: Environment::Live, customer }
        };
        let owners: Vec<Owner> = (0..plan.customers).map(owner).collect();
        let names = ["credits", "gpu"];
        let units: Vec<Unit> =
            names[..plan.units].iter().map(|name| Unit::parse(name).expect("a unit")).collect();
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&random.next().to_le_bytes());
        let upstream = Upstream::new(&plan, &owners, plan.has(Fault::Forgotten));
        let shell = mistake.and_then(Mistake::shell);
        let objects = owners.into_iter().map(|owner| Object::new(owner, shell)).collect();
        let mut tally = Tally::default();
        for fault in Fault::ALL {
            tally.enabled[*fault] += u64::from(plan.has(*fault));
        }
        let mut world = Self {
            auditor: Auditor::new(plan.customers),
            objects,
            operations: Vec::new(),
            units,
            upstream,
            weather: Weather::default(),
            tally,
            trace,
            jitter: Entropy::new(bytes).jitter(),
            mistake,
            calm: false,
            script: None,
            queue: Queue::new(),
            now: HOUR,
            random,
            plan,
        };
        world.open();
        world
    }

    /// Accounts are opened.
    fn open(&mut self) {
        for customer in 0..self.plan.customers {
            for unit in self.units.clone() {
                let balance = i128::from(self.plan.balance) * 1_000_000;
                self.upstream.outside(customer, &unit, balance, self.now);
            }
            if self.plan.has(Fault::ClocksDiffer) {
                self.tally.fired[Fault::ClocksDiffer] += 1;
                self.objects[customer].offset = self.clock_offset();
            }
        }
    }

    fn start_callers(&mut self) {
        for customer in 0..self.plan.customers {
            let first = self.random.range(0, 10 * SECOND);
            self.later(first, Event::Operate(customer));
        }
    }

    /// Where a clock may stand.
    pub(crate) fn clock_offset(&mut self) -> i64 {
        let range = self.plan.clock_range as u64;
        self.random.range(0, 2 * range) as i64 - range as i64
    }

    pub(crate) fn later(&mut self, delay: u64, event: Event) {
        self.queue.put(self.now + delay, event);
    }

    /// Whether a fault is to strike here and now: by its rate, or by the script.
    pub(crate) fn chance(&mut self, fault: Fault) -> bool {
        match &mut self.script {
            _ if self.calm => false,
            Some(script) => script.strikes(fault),
            None => self.random.hit(self.plan.rates[fault]),
        }
    }

    /// Whether a fault strikes here and now, counted.
    pub(crate) fn strike(&mut self, fault: Fault) -> bool {
        let hit = self.chance(fault);
        if hit {
            self.tally.fired[fault] += 1;
        }
        hit
    }

    /// Whether the object dies at this point; if so it is gone when this returns.
    pub(crate) fn dies(&mut self, customer: usize, point: Point) -> bool {
        let dies = self.strike(Fault::Crash);
        if dies {
            self.tally.points[point] += 1;
            self.trace.note(self.now, format_args!("{customer} dies: {}", point.text()));
            self.restart(customer);
        }
        dies
    }

    /// Lets things happen until a time, or until `done`.
    pub(crate) fn run_until(&mut self, ends: u64, done: impl Fn(&Self) -> bool) {
        loop {
            if self.auditor.breach.is_some() || done(self) {
                return;
            }
            let Some((at, event)) = self.queue.next(ends) else { break };
            self.now = self.now.max(at);
            self.tally.events += 1;
            if self.tally.events > MOST_EVENTS {
                return self.auditor.fail("D9", "the world goes round in circles".to_owned());
            }
            self.happen(event);
        }
        self.now = self.now.max(ends);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Operate(customer) => self.operate(customer),
            Event::Call(call) => self.call_arrives(call),
            Event::CallEnds { operation, attempt } => self.call_ends(operation, attempt, None),
            Event::CallAgain(operation) => self.call_again(operation),
            Event::AskOfHold { customer, unit, asked } => self.start_hold(customer, unit, asked),
            Event::Request(message) => self.request_arrives(message),
            Event::Answer(answer) => self.answer_arrives(answer),
            Event::TalkEnds { customer, instance, token } => {
                self.talk_ends(customer, instance, token);
            }
            Event::TalkGoesOn { customer, instance, token } => {
                self.report(customer, instance, token);
            }
            Event::LookAgain { customer, instance } => self.look_again(customer, instance, None),
            Event::Alarm { customer, set, early } => self.alarm_fires(customer, set, early),
            Event::AlarmAgain { customer } => self.alarm_again(customer),
            Event::Weather(fault) => self.weather_changes(fault),
        }
    }

    /// Requests under way of a customer reach the upstream now, or never: see
    /// [`World::weather_changes`] for clocks that step forward.
    pub(crate) fn end_flights(&mut self, customer: usize) {
        let ours = |event: &Event| matches!(event, Event::Request(m) if m.customer == customer);
        for event in self.queue.take_out(ours) {
            if self.random.hit(500) {
                self.later(0, event);
            }
        }
    }

    /// Faults stop.
    pub(crate) fn calm_down(&mut self) {
        self.calm = true;
        self.plan.rates = Rates::default();
        self.weather.clear_up();
        self.queue.retain(|event| {
            let asks = matches!(event, Event::Operate(_) | Event::AskOfHold { .. });
            !asks && !matches!(event, Event::CallAgain(_) | Event::Weather(_))
        });
    }
}
