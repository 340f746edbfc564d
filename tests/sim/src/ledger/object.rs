//! The shell around a ledger: load, look up, decide, persist, apply, answer, with a death between any
//! two. It mirrors the order of the worker's own (`worker/src/ledger.rs`); the alarm stands for the
//! account alone here, not for reports.

use core::mem;

use edge_credits_core::credits::Credits;
use edge_credits_core::ids::Owner;
use edge_credits_core::ledger::{
    Account, Adjust, AlarmIntent, LedgerConfig, Rejection, Writes, adjust, decide, hold_at, settle,
};
use edge_credits_core::time::Timestamp;

use super::asked::{Answer, Asked, Cause};
use super::disk::{Disk, DiskError};
use super::faults::{Fault, Point};
use super::mutants::Switch;
use super::world::{Event, World};
use crate::disk::Fate;
use crate::faults::Kind;
use crate::object::BASE;
use crate::plan::{HOUR, SECOND};

/// One customer's object.
pub(super) struct Object {
    pub(super) owner: Owner,
    pub(super) disk: Disk,
    /// Memory: `None` until the first call, and after a failure.
    account: Option<Account>,
    /// How far its clock is off.
    pub(super) offset: i64,
    /// The alarm that the platform knows of.
    alarm_known: u64,
    /// It was lost, will be late, or its handler failed: nobody may wait for it.
    pub(super) alarm_doubtful: bool,
}

/// Why there is no answer.
pub(super) enum Gone {
    /// The object has died.
    Dead,
    Disk(DiskError),
}

impl From<DiskError> for Gone {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

impl Object {
    pub(super) fn new(owner: Owner, torn: bool) -> Self {
        let disk = Disk::new(torn);
        Self { owner, disk, account: None, offset: 0, alarm_known: 0, alarm_doubtful: false }
    }
}

impl World {
    pub(super) fn clock(&self, customer: usize) -> Timestamp {
        let offset = self.objects[customer].offset;
        Timestamp::from_millis(BASE + self.plan.begins + self.now as i64 + offset)
    }

    /// A request reaches its object; `None` where no answer leaves it.
    pub(super) fn serve(&mut self, customer: usize, asked: &Asked) -> Option<Answer> {
        self.choose_fate(customer);
        let served = self.try_to_serve(customer, asked);
        self.note_fate(customer);
        match served {
            Ok(answer) => Some(answer),
            Err(gone) => {
                self.is_gone(customer, &gone);
                None
            }
        }
    }

    pub(super) fn try_to_serve(&mut self, customer: usize, asked: &Asked) -> Result<Answer, Gone> {
        self.may_die(customer, Point::Received)?;
        let (now, config) = (self.clock(customer), self.config());
        let account = self.ready(customer, now)?;
        self.may_die(customer, Point::Loaded)?;
        let account = match asked {
            Asked::Signals(_) | Asked::SetPlan(_) | Asked::Close => {
                return self.serve_besides(customer, (account, now), asked);
            }
            _ => account,
        };
        let disk = &mut self.objects[customer].disk;
        let decided = match asked {
            Asked::Command(command) => {
                let found = disk.find(&command.lookups(account.owner()))?;
                let decision = decide(&account, &found, now, command, &config);
                decision.map(|it| (it.writes, Answer::Receipt(Box::new(it.receipt))))
            }
            Asked::Adjust(id, change) => {
                let stored = disk.hold(id)?;
                let adjustment = adjust(&account, stored.as_ref(), now, (id, change));
                adjustment.map(|adjusted| (adjusted.writes, Answer::Adjusted(adjusted.hold)))
            }
            Asked::Balance(unit) => {
                let balance = account.balance(unit, now);
                balance.map(|balance| (Writes::default(), Answer::Balance(balance)))
            }
            Asked::Hold(id) => {
                let hold = hold_at(&account, disk.hold(id)?.as_ref(), now, id);
                hold.map(|hold| (Writes::default(), Answer::Hold(hold)))
            }
            Asked::Holds => {
                let open = account.open_holds_at(now).rev().map(|hold| hold.id.clone());
                Ok((Writes::default(), Answer::Holds(open.collect())))
            }
            Asked::Signals(_) | Asked::SetPlan(_) | Asked::Close => return Err(Gone::Dead),
        };
        self.may_die(customer, Point::Decided)?;
        let (cause, writes, answer) = match decided {
            Ok((writes, answer)) if !matches!(answer, Answer::Hold(_)) => {
                (Cause::Asked(asked), writes, answer)
            }
            Ok((_, answer)) => (Cause::Due, self.due(customer, &account, now), answer),
            Err(no @ (Rejection::Inconsistent | Rejection::Overflow)) => {
                self.auditor.fail("L8", format!("{customer}: {asked:?} is answered {no:?}"));
                return Err(Gone::Dead);
            }
            Err(no) => (Cause::Due, self.due(customer, &account, now), Answer::Refused(no)),
        };
        let early = self.has(Switch::AckBeforeCommit) && !writes.is_empty();
        let committed = self.commit(customer, account, cause, (&writes, now));
        if !early {
            committed?;
        }
        self.may_die(customer, Point::Committed)?;
        let kept = matches!(cause, Cause::Asked(_)) && !writes.is_empty();
        let clock = now.as_millis();
        self.auditor.answered(customer, (asked, clock), &answer, kept);
        Ok(answer)
    }

    /// What is no command, and is answered by what it does.
    fn serve_besides(
        &mut self,
        customer: usize,
        (account, now): (Account, Timestamp),
        asked: &Asked,
    ) -> Result<Answer, Gone> {
        let answer = match asked {
            Asked::Signals(signals) => self.take_signals(customer, (account, now), signals)?,
            Asked::SetPlan(plan) => self.set_plan(customer, (account, now), plan.as_ref())?,
            _ => self.close(customer, (account, now))?,
        };
        self.auditor.stands(customer, (asked, now.as_millis()), &answer);
        Ok(answer)
    }

    /// What is due and written along with an answer that speaks of it: what was said to have ended
    /// must not be open again when the clock steps back.
    fn due(&mut self, customer: usize, account: &Account, now: Timestamp) -> Writes {
        if self.has(Switch::SaidAndNotWritten) {
            return Writes::default();
        }
        match settle(account, now) {
            Ok(writes) => writes,
            Err(no) => {
                self.auditor.fail("L8", format!("{customer}: what is due is answered {no:?}"));
                Writes::default()
            }
        }
    }

    fn config(&self) -> LedgerConfig {
        let limit = self.plan.overdraft_limit;
        LedgerConfig { overdraft_limit: limit.and_then(Credits::from_minor_units) }
    }

    /// The account in memory, or as it is stored, its alarm made sure of then.
    pub(super) fn load(&mut self, customer: usize, now: Timestamp) -> Result<Account, Gone> {
        let watches = !self.has(Switch::NoWatchdog);
        let object = &mut self.objects[customer];
        if let Some(account) = object.account.take() {
            return Ok(account);
        }
        let account = object.disk.load(&object.owner)?;
        let (due, stands) = (account.next_due(), object.disk.alarm_due);
        let overdue = stands.is_some_and(|due| due <= now);
        self.auditor.compare_account(customer, &account);
        if watches && (overdue || stands != due) {
            let alarm = Writes { alarm: account.rearm(), ..Writes::default() };
            let result = self.objects[customer].disk.commit(&alarm, now).1;
            self.follow_alarm(customer);
            result?;
        }
        Ok(account)
    }

    /// Persists, then applies; memory is kept only where that went well.
    pub(super) fn commit(
        &mut self,
        customer: usize,
        mut account: Account,
        cause: Cause<'_>,
        (writes, now): (&Writes, Timestamp),
    ) -> Result<(), Gone> {
        if writes.is_empty() {
            self.remember(customer, account);
            return Ok(());
        }
        let progress = matches!(cause, Cause::Asked(Asked::Adjust(_, Adjust::Progress { .. })));
        if progress && writes.entries.is_empty() && self.has(Switch::ProgressDropped) {
            self.remember(customer, account);
            return Ok(());
        }
        if self.has(Switch::AppliedFirst) {
            account.apply(writes);
            self.remember(customer, account.clone());
        }
        let (kept, result) = self.objects[customer].disk.commit(writes, now);
        if let Some(kept) = &kept {
            self.trace.note(self.now, format_args!("{customer} {cause:?} keeps {kept:?}"));
            self.auditor.kept(customer, cause, now.as_millis(), kept);
        }
        self.follow_alarm(customer);
        result?;
        if !self.has(Switch::AppliedFirst) {
            account.apply(writes);
        }
        self.remember(customer, account);
        Ok(())
    }

    /// What is not stored yet belongs to nobody, and is not kept in memory either.
    pub(super) fn remember(&mut self, customer: usize, account: Account) {
        let object = &mut self.objects[customer];
        object.account = (!object.disk.is_empty()).then_some(account);
    }

    fn is_gone(&mut self, customer: usize, gone: &Gone) {
        if let Gone::Disk(error @ (DiskError::Corrupt | DiskError::Twice)) = gone
            && self.mistake.is_none()
        {
            self.auditor.fail("D16", format!("{customer}: the rows are {error:?}"));
        }
        if !self.has(Switch::AppliedFirst) || matches!(gone, Gone::Dead) {
            self.objects[customer].account = None;
        }
    }

    pub(super) fn may_die_after_answering(&mut self, customer: usize) {
        let _ = self.may_die(customer, Point::Answered);
    }

    pub(super) fn may_die(&mut self, customer: usize, point: Point) -> Result<(), Gone> {
        if !self.strike(Fault::Crash) {
            return Ok(());
        }
        self.tally.points[point] += 1;
        self.trace.note(self.now, format_args!("{customer} dies: {}", point.text()));
        self.evict(customer);
        Err(Gone::Dead)
    }

    /// The object loses its memory.
    pub(super) fn evict(&mut self, customer: usize) {
        self.objects[customer].account = None;
    }

    fn choose_fate(&mut self, customer: usize) {
        let lost = self.chance(Fault::CommitLost);
        let kept = self.chance(Fault::CommitKept);
        let read_fails = self.chance(Fault::ReadFails);
        let disk = &mut self.objects[customer].disk;
        disk.read_fails = read_fails;
        disk.fate = match (lost, kept) {
            (true, _) => Fate::FailsLost,
            (false, true) => Fate::FailsKept,
            (false, false) => Fate::Kept,
        };
        self.fates = (disk.fate, read_fails);
    }

    /// Counts the faults of the store that have come to pass.
    fn note_fate(&mut self, customer: usize) {
        let disk = &mut self.objects[customer].disk;
        let (fate, read_fails) = (mem::take(&mut disk.fate), mem::take(&mut disk.read_fails));
        let (chosen, would_fail) = mem::take(&mut self.fates);
        let fault = if chosen == Fate::FailsLost { Fault::CommitLost } else { Fault::CommitKept };
        if chosen != Fate::Kept && fate == Fate::Kept {
            self.tally.fired[fault] += 1;
        }
        if would_fail && !read_fails {
            self.tally.fired[Fault::ReadFails] += 1;
        }
    }

    /// Tells the platform of an alarm that has been set.
    fn follow_alarm(&mut self, customer: usize) {
        let object = &mut self.objects[customer];
        if object.alarm_known != object.disk.alarms_set {
            object.alarm_known = object.disk.alarms_set;
            object.alarm_doubtful = false;
            self.schedule_alarm(customer);
        }
    }

    /// The platform will wake the object when its clock says so, or will not.
    pub(super) fn schedule_alarm(&mut self, customer: usize) {
        let now = self.clock(customer);
        let disk = &self.objects[customer].disk;
        let (Some(due), set) = (disk.alarm, disk.alarms_set) else { return };
        let wait = due.since(now).as_millis() as u64;
        if self.strike(Fault::AlarmLost) {
            self.objects[customer].alarm_doubtful = true;
            return;
        }
        let mut late = self.random.range(0, 20);
        if self.strike(Fault::AlarmLate) {
            late = self.random.span(100, 2 * HOUR);
            self.objects[customer].alarm_doubtful = true;
        }
        if self.strike(Fault::AlarmTwice) {
            let again = self.random.span(1, 60 * SECOND);
            self.later(wait + late + again, Event::AlarmAgain { customer, tries: 0 });
        }
        if wait > 10 && self.strike(Fault::AlarmEarly) {
            let early = self.random.range(0, wait);
            self.later(early, Event::Alarm { customer, set, early: true });
        } else {
            self.later(wait + late, Event::Alarm { customer, set, early: false });
        }
    }

    /// The alarm fires, unless it has been set anew or its time has not come.
    pub(super) fn alarm_fires(&mut self, customer: usize, set: u64, early: bool) {
        let now = self.clock(customer);
        let disk = &mut self.objects[customer].disk;
        let due = disk.alarm.filter(|due| disk.alarms_set == set && (early || *due <= now));
        if due.is_some() {
            disk.alarm = None;
            self.handle_alarm(customer, 0);
        }
    }

    /// Runs the handler; the platform starts one that fails again, but not for ever.
    pub(super) fn handle_alarm(&mut self, customer: usize, tries: u32) {
        self.trace.note(self.now, format_args!("{customer} alarm"));
        self.choose_fate(customer);
        let woken = self.wake(customer);
        self.note_fate(customer);
        let Err(gone) = woken else { return };
        self.is_gone(customer, &gone);
        if tries < 6 {
            let pause = (2 * SECOND) << tries;
            self.objects[customer].alarm_doubtful = true;
            self.later(pause, Event::AlarmAgain { customer, tries: tries + 1 });
        }
    }

    /// Writes what is due, and sets the alarm for what is due next.
    fn wake(&mut self, customer: usize) -> Result<(), Gone> {
        self.may_die(customer, Point::AlarmEntered)?;
        if self.objects[customer].disk.is_empty() {
            return Ok(());
        }
        let now = self.clock(customer);
        let account = self.ready(customer, now)?;
        let mut writes = match settle(&account, now) {
            Ok(writes) => writes,
            Err(no) => {
                self.auditor.fail("L8", format!("{customer}: the alarm is answered {no:?}"));
                return Err(Gone::Dead);
            }
        };
        writes.alarm = AlarmIntent::Keep;
        if writes.is_empty() {
            // The alarm is spent by firing, but what it is for is as it was.
            self.objects[customer].disk.ring(account.next_due(), now);
            self.remember(customer, account);
            self.follow_alarm(customer);
            return Ok(());
        }
        let mut after = account.clone();
        after.apply(&writes);
        writes.alarm = after.rearm();
        self.commit(customer, account, Cause::Alarm, (&writes, now))?;
        self.may_die(customer, Point::AlarmSettled)
    }
}
