//! The shell around the cache: an object that is called, woken and killed.
//!
//! It does what a Durable Object does, with the same steps of the same core: look after what waits,
//! count the call in, decide, hold conversations, answer after the commit.

use core::mem;

use edge_credits_core::cache::{CacheConfig, Fault as StepFault, Keeper, Next, Step, Waited};
use edge_credits_core::entropy::Jitter;
use edge_credits_core::ids::{Owner, Unit};
use edge_credits_core::time::Timestamp;

use crate::answers::Judged;
use crate::calls::Call;
use crate::disk::{Disk, DiskError, Fate};
use crate::faults::{Fault, Point};
use crate::mutants::{Mistake, Switch};
use crate::plan::{HOUR, SECOND};
use crate::talk::Talk;
use crate::world::{Event, World};

/// The wall clock at the beginning.
pub(crate) const BASE: i64 = 1_790_000_000_000;

/// One customer's object.
pub(crate) struct Object {
    pub(crate) owner: Owner,
    pub(crate) keeper: Keeper<Disk>,
    /// Which life of the object this is: what was begun in an earlier one reaches nobody.
    pub(crate) instance: u64,
    /// How far its clock is off.
    pub(crate) offset: i64,
    waiting: Vec<(Call, Option<u64>)>,
    /// Until when a look is arranged for those that wait for another's conversation.
    looks_at: u64,
    pub(crate) talks: Vec<Talk>,
    /// The alarm that the platform knows of.
    alarm_known: u64,
    /// The alarm was lost, or its handler is to be started again.
    pub(crate) alarm_lost: bool,
    pub(crate) alarm_failed: bool,
}

/// What the core returns of a step.
type Kept<T> = Result<T, StepFault<DiskError>>;

/// What a step is given.
pub(crate) struct At<'a> {
    pub(crate) owner: &'a Owner,
    pub(crate) now: Timestamp,
    pub(crate) config: &'a CacheConfig,
    pub(crate) jitter: &'a mut Jitter,
}

impl Object {
    pub(crate) fn new(owner: Owner, switch: Option<Switch>) -> Self {
        Self {
            owner,
            keeper: Keeper::new(Disk::new(switch)),
            instance: 0,
            offset: 0,
            waiting: Vec::new(),
            looks_at: 0,
            talks: Vec::new(),
            alarm_known: 0,
            alarm_lost: false,
            alarm_failed: false,
        }
    }

    pub(crate) const fn disk(&self) -> &Disk {
        self.keeper.store()
    }
}

impl World {
    pub(crate) fn clock(&self, customer: usize) -> Timestamp {
        let offset = self.objects[customer].offset;
        Timestamp::from_millis(BASE + self.now as i64 + offset)
    }

    /// Runs one step of the core. `None` when the store failed: the object may be gone then.
    pub(crate) fn step<T>(
        &mut self,
        customer: usize,
        step: impl FnOnce(&mut Keeper<Disk>, At<'_>) -> Kept<T>,
    ) -> Option<T> {
        let fate = if self.chance(Fault::CommitLost) {
            Fate::FailsLost
        } else if self.chance(Fault::CommitKept) {
            Fate::FailsKept
        } else {
            Fate::Kept
        };
        let now = self.clock(customer);
        let object = &mut self.objects[customer];
        object.keeper.store_mut().fate = fate;
        let config = &self.plan.config;
        let at = At { owner: &object.owner, now, config, jitter: &mut self.jitter };
        self.auditor.holds.now = Some(now);
        let result = step(&mut object.keeper, at);
        let unused = mem::take(&mut object.keeper.store_mut().fate);
        if fate != Fate::Kept && unused == Fate::Kept {
            let fault = if fate == Fate::FailsLost { Fault::CommitLost } else { Fault::CommitKept };
            self.tally.fired[fault] += 1;
        }
        self.audit(customer);
        self.follow_alarm(customer);
        match result {
            Ok(value) => Some(value),
            Err(StepFault::OtherOwner) => {
                self.auditor.fail("D15", format!("{customer}: the store is another's"));
                None
            }
            Err(StepFault::Store(error)) => {
                if let DiskError::Corrupt = error {
                    self.auditor.fail("D16", format!("{customer}: the rows contradict each other"));
                }
                self.trace.note(self.now, format_args!("{customer} commit fails: {fate:?}"));
                if self.random.hit(500) {
                    self.restart(customer);
                }
                None
            }
        }
    }

    /// The object loses its memory, and with it every call and conversation.
    pub(crate) fn restart(&mut self, customer: usize) {
        let object = &mut self.objects[customer];
        object.instance += 1;
        object.keeper.forget();
        object.talks.clear();
        object.looks_at = 0;
        let waiting = mem::take(&mut object.waiting);
        if object.keeper.store_mut().recode().is_err() {
            self.auditor.fail("K6", format!("{customer}: a row does not survive its stored form"));
        }
        for (call, _) in waiting {
            self.reply(&call, None);
        }
    }

    /// A call comes in.
    pub(crate) fn call_arrives(&mut self, mut call: Call) {
        let customer = self.operations[call.operation].customer;
        if self.dies(customer, Point::Received) {
            return self.reply(&call, None);
        }
        if self.end_due_holds(customer).is_none() {
            return self.reply(&call, None);
        }
        if self.mistake != Some(Mistake::Shell(Switch::NoWatchdog)) {
            match self.step(customer, |keeper, at| keeper.watch(at.owner, at.now, at.config)) {
                Some(true) => self.pump(customer, None),
                Some(false) => {}
                None => return self.reply(&call, None),
            }
        }
        let Some(waited) = self.step(customer, |keeper, at| keeper.arrive(at.owner)) else {
            return self.reply(&call, None);
        };
        call.waited = Some(waited);
        if let Some(charge) = &self.operations[call.operation].charge {
            let key = charge.call.key.as_str();
            let records = &self.objects[customer].disk().records;
            call.known = records.values().any(|record| record.key.as_str() == key);
        }
        if self.dies(customer, Point::Arrived) {
            return self.reply(&call, None);
        }
        self.judge(call);
        self.compare_watch(customer);
    }

    /// Decides a call, as often as it takes.
    fn judge(&mut self, mut call: Call) {
        let operation = self.operations[call.operation].clone();
        let customer = operation.customer;
        let mut waited = call.waited.unwrap_or(Waited { arrived: 0, in_vain: false });
        loop {
            let blind =
                self.mistake == Some(Mistake::Shell(Switch::KeyCheckOutside)) && !call.known;
            self.auditor.judging = operation.charge.clone();
            self.auditor.holds.judging = operation.hold.clone();
            let step = self.step(customer, |keeper, at| {
                keeper.store_mut().blind = blind;
                let step = match (&operation.charge, &operation.hold) {
                    (Some(charge), _) => {
                        Judged::charge(keeper.accept(at.owner, at.now, charge, waited, at.config)?)
                    }
                    (None, Some(asked)) => asked.step(keeper, &at, waited)?,
                    (None, None) => Judged::balance(keeper.balance(
                        at.owner,
                        at.now,
                        &operation.unit,
                        waited,
                        at.config,
                    )?),
                };
                keeper.store_mut().blind = false;
                Ok(step)
            });
            self.auditor.judging = None;
            self.auditor.holds.judging = None;
            self.objects[customer].keeper.store_mut().blind = false;
            let Some(step) = step else { return self.reply(&call, None) };
            let answer = match step {
                Step::ReadFirst => match self.ask_first(customer, &operation.unit, &mut waited) {
                    Some(own) => {
                        call.waited = Some(waited);
                        if self.objects[customer].instance == own.1 {
                            self.objects[customer].waiting.push((call, own.0));
                        } else {
                            self.reply(&call, None);
                        }
                        return;
                    }
                    None => continue,
                },
                Step::Done { answer, pending, notices, refresh } => {
                    let word = self.check_answer(customer, &operation, &answer, waited);
                    let told = notices.len();
                    self.trace.note(
                        self.now,
                        format_args!("{customer} {word} {answer:?} {pending} {told} {refresh}"),
                    );
                    if self.dies(customer, Point::Committed) {
                        return self.reply(&call, None);
                    }
                    self.reply(&call, Some(word));
                    if let Some(hold) = answer.placed() {
                        self.work_on(customer, hold);
                    }
                    if self.dies(customer, Point::Answered) {
                        return;
                    }
                    let wanted = refresh.then_some(&operation.unit);
                    if refresh || answer.is_new() {
                        self.pump(customer, wanted);
                    }
                    return;
                }
                Step::Refused(refusal) => {
                    let word = self.check_refusal(customer, &operation, &refusal, waited);
                    self.trace.note(self.now, format_args!("{customer} {refusal:?}"));
                    word
                }
            };
            return self.reply(&call, Some(answer));
        }
    }

    /// A balance is wanted before an answer. `None`: it cannot be had now, decide without. Else the
    /// conversation that reads it (or none: another's is waited for), and the object's life.
    fn ask_first(
        &mut self,
        customer: usize,
        unit: &Unit,
        waited: &mut Waited,
    ) -> Option<(Option<u64>, u64)> {
        let instance = self.objects[customer].instance;
        let next =
            self.step(customer, |keeper, at| keeper.lease(at.owner, at.now, Some(unit), at.config));
        match next {
            Some(Next::Talk(conversation)) => {
                let read = self.begin_talk(customer, conversation);
                Some((read, instance))
            }
            Some(Next::Busy { until }) => {
                let wait = until.since(self.clock(customer)).as_millis() as u64;
                let at = self.now + wait.min(HOUR);
                if self.objects[customer].looks_at < at {
                    self.objects[customer].looks_at = at;
                    self.later(at - self.now, Event::LookAgain { customer, instance });
                }
                Some((None, instance))
            }
            Some(Next::Wait { .. } | Next::Idle) => {
                waited.in_vain = true;
                None
            }
            // The step failed: the caller hears of it as of any other failure.
            None => Some((None, instance + 1)),
        }
    }

    /// Calls that wait are decided anew; for that whose own read has ended, it has been tried.
    pub(crate) fn look_again(&mut self, customer: usize, instance: u64, read: Option<u64>) {
        if self.objects[customer].instance != instance {
            return;
        }
        let waiting = mem::take(&mut self.objects[customer].waiting);
        for (mut call, own) in waiting {
            if self.objects[customer].instance != instance {
                self.reply(&call, None);
                continue;
            }
            if let Some(waited) = &mut call.waited {
                waited.in_vain |= own.is_some() && own == read;
            }
            self.judge(call);
        }
    }

    /// Holds conversations until there is nothing to say.
    pub(crate) fn pump(&mut self, customer: usize, wanted: Option<&Unit>) {
        let next =
            self.step(customer, |keeper, at| keeper.lease(at.owner, at.now, wanted, at.config));
        if let Some(Next::Talk(conversation)) = next {
            self.begin_talk(customer, conversation);
        }
    }

    /// Tells the platform of an alarm that has been set.
    fn follow_alarm(&mut self, customer: usize) {
        let object = &mut self.objects[customer];
        let set = object.disk().alarms_set;
        if object.alarm_known == set {
            return;
        }
        object.alarm_known = set;
        object.alarm_lost = false;
        object.alarm_failed = false;
        self.schedule_alarm(customer);
    }

    /// The platform will wake the object when its clock says so, or will not.
    pub(crate) fn schedule_alarm(&mut self, customer: usize) {
        let now = self.clock(customer);
        let disk = self.objects[customer].disk();
        let (Some(due), set) = (disk.alarm, disk.alarms_set) else { return };
        let wait = due.since(now).as_millis() as u64;
        if self.strike(Fault::AlarmLost) {
            self.objects[customer].alarm_lost = true;
            return;
        }
        let mut late = self.random.range(0, 20);
        if self.strike(Fault::AlarmLate) {
            late = self.random.span(100, 2 * HOUR);
        }
        if self.strike(Fault::AlarmTwice) {
            let again = self.random.span(1, 60 * SECOND);
            self.later(wait + late + again, Event::AlarmAgain { customer });
        }
        if wait > 10 && self.strike(Fault::AlarmEarly) {
            let early = self.random.range(0, wait);
            self.later(early, Event::Alarm { customer, set, early: true });
        } else {
            self.later(wait + late, Event::Alarm { customer, set, early: false });
        }
    }

    /// The alarm fires, unless it has been set anew or its time has not come.
    pub(crate) fn alarm_fires(&mut self, customer: usize, set: u64, early: bool) {
        let now = self.clock(customer);
        let disk = self.objects[customer].keeper.store_mut();
        let due = disk.alarm.filter(|due| disk.alarms_set == set && (early || *due <= now));
        if due.is_none() {
            return;
        }
        disk.alarm = None;
        self.handle_alarm(customer);
    }

    /// A handler that failed, or an alarm that fires once too often.
    pub(crate) fn alarm_again(&mut self, customer: usize) {
        self.objects[customer].alarm_failed = false;
        self.handle_alarm(customer);
    }

    fn handle_alarm(&mut self, customer: usize) {
        self.trace.note(self.now, format_args!("{customer} alarm"));
        // Until it is armed anew, the platform will start a handler that fails once more.
        self.objects[customer].alarm_failed = true;
        if self.dies(customer, Point::AlarmEntered) {
            return self.later(2 * SECOND, Event::AlarmAgain { customer });
        }
        let Some(waits) = self.step(customer, |keeper, at| keeper.wake(at.now)) else {
            return self.later(2 * SECOND, Event::AlarmAgain { customer });
        };
        self.objects[customer].alarm_failed = false;
        let Some(ended) = self.end_due_holds(customer) else {
            return self.later(2 * SECOND, Event::AlarmAgain { customer });
        };
        if (waits || ended) && !self.dies(customer, Point::AlarmArmed) {
            self.pump(customer, None);
        }
    }
}
