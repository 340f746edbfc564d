//! What concerns a customer as a whole: the plan that they are on, and their end.
//!
//! The shell mirrors the worker's (`worker/src/ledger/plans.rs`, `closing.rs`). Laws of its own:
//!
//! * G1: a period of a plan is given once, whole, to its end, by the calendar of the auditor's.
//! * G2: whoever calls in a period finds what it brings.
//! * C1: once a customer was taken away nothing new is accepted; repeats are answered as they were.
//! * C2: nothing is held any more by then, but what is over and not written yet.

use edge_credits_core::credits::Credits;
use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::Unit;
use edge_credits_core::ledger::{
    Account, CallDetails, Command, DEFAULT_PRIORITY, EntryKind, Rejection, Release,
};
use edge_credits_core::plan::{Period, Plan};
use edge_credits_core::time::Timestamp;

use super::asked::{Answer, Asked, Cause};
use super::books::{Books, Granted, Line, Standing};
use super::faults::{Edge, Point};
use super::mutants::Switch;
use super::object::Gone;
use super::requests::minor;
use super::world::World;

const DAY: i64 = 24 * 3_600_000;

impl World {
    /// A plan that somebody puts a customer on, or the end of one.
    pub(super) fn some_plan(&mut self, customer: usize) -> Asked {
        if self.random.hit(100) {
            return Asked::SetPlan(None);
        }
        let name = self.random.pick(&["basic", "pro"]).to_owned();
        let period = self.random.pick(&[
            Period::Day,
            Period::Day,
            Period::Week,
            Period::Month,
            Period::Year,
        ]);
        let mut included: Vec<(Unit, Credits)> = Vec::new();
        for unit in self.units.clone() {
            if self.random.hit(600) {
                included.push((unit, self.amount(self.plan.grant)));
            }
        }
        let since = self.clock(customer);
        Asked::SetPlan(Some(Plan { name, period, included, since, given: None }))
    }

    /// The account, with what a period that has begun brings.
    pub(super) fn ready(&mut self, customer: usize, now: Timestamp) -> Result<Account, Gone> {
        let account = self.load(customer, now)?;
        let plan = self.objects[customer].disk.plan()?;
        let Some(plan) = plan.filter(|plan| plan.is_due(account.time_at(now))) else {
            return Ok(account);
        };
        self.give(customer, (account, now), &plan)?;
        self.load(customer, now)
    }

    /// Gives what a plan brings, and keeps the plan, in two transactions.
    fn give(
        &mut self,
        customer: usize,
        (account, now): (Account, Timestamp),
        plan: &Plan,
    ) -> Result<(), Gone> {
        let disk = &mut self.objects[customer].disk;
        let given = plan.give(&account, now, |lookups| disk.find(lookups))?;
        if let Some(no) = given.refused {
            self.auditor.fail("G1", format!("{customer}: {plan:?} is refused: {no:?}"));
        }
        let first = self.has(Switch::PlanKeptFirst);
        if first {
            self.keep_plan(customer, Some(&given.after))?;
            self.may_die(customer, Point::PlanBetween)?;
        }
        self.commit(customer, account, Cause::Plan(plan), (&given.writes, now))?;
        if !first {
            self.may_die(customer, Point::PlanBetween)?;
            self.keep_plan(customer, Some(&given.after))?;
        }
        Ok(())
    }

    fn keep_plan(&mut self, customer: usize, plan: Option<&Plan>) -> Result<(), Gone> {
        let (kept, result) = self.objects[customer].disk.keep_standing(|disk| {
            disk.plan = plan.map(Plan::to_stored);
        });
        if kept {
            self.auditor.customers[customer].books.on(plan);
        }
        Ok(result?)
    }

    pub(super) fn set_plan(
        &mut self,
        customer: usize,
        (account, now): (Account, Timestamp),
        plan: Option<&Plan>,
    ) -> Result<Answer, Gone> {
        if account.is_closed() {
            self.remember(customer, account);
            return Ok(Answer::Refused(Rejection::Closed));
        }
        let before = self.objects[customer].disk.plan()?;
        match plan.cloned().map(|plan| plan.since(before.as_ref())) {
            Some(plan) => self.give(customer, (account, now), &plan)?,
            None => {
                self.remember(customer, account);
                self.keep_plan(customer, None)?;
            }
        }
        Ok(Answer::Done)
    }

    /// Takes a customer away: holds are released, each as its own call would, then nothing new.
    pub(super) fn close(
        &mut self,
        customer: usize,
        (account, now): (Account, Timestamp),
    ) -> Result<Answer, Gone> {
        let open: Vec<_> = account.open_holds_at(now).map(|hold| hold.id.clone()).collect();
        self.remember(customer, account);
        self.auditor.customers[customer].books.leaving = true;
        let skips = self.has(Switch::ClosedOverHolds);
        for hold in open.into_iter().filter(|_| !skips) {
            let key = IdempotencyKey::parse("closed").expect("a key");
            let description = Some("customer deleted".to_owned());
            let call = CallDetails { key, description, metadata: None };
            let release = Asked::Command(Command::Release(Release { call, hold }));
            let answer = self.try_to_serve(customer, &release)?;
            self.auditor.met(Edge::ReleasedByClosing);
            if let Answer::Refused(_) = answer {
                return Ok(answer);
            }
        }
        let mut account = self.load(customer, now)?;
        if !account.is_closed() {
            let forgets = self.has(Switch::ClosedInMemory);
            let (kept, result) = self.objects[customer].disk.keep_standing(|disk| {
                (disk.closed, disk.plan) = (!forgets, None);
            });
            if kept {
                self.auditor.customers[customer].books.close();
                self.auditor.met(Edge::Closed);
            }
            result?;
            account.close();
        }
        self.remember(customer, account);
        self.may_die(customer, Point::Committed)?;
        Ok(Answer::Done)
    }
}

/// A plan, as the auditor reads it.
#[derive(Clone, Debug)]
pub(super) struct PlanBook {
    name: String,
    period: Period,
    included: Vec<(Unit, i128)>,
}

/// Days since 1970 of a date.
const fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// When the period of a time began, and when the next one begins.
fn period_of(period: Period, time: i64) -> (i64, i64) {
    let today = time.div_euclid(DAY);
    let (first, next) = match period {
        Period::Day => (today, today + 1),
        // The first of January 1970 was a Thursday.
        Period::Week => {
            let monday = today - (today + 3).rem_euclid(7);
            (monday, monday + 7)
        }
        Period::Month | Period::Year => {
            let months = if period == Period::Month { 1 } else { 12 };
            let begin = |index: i64| {
                let month = index * months;
                day_number(month.div_euclid(12), month.rem_euclid(12) + 1, 1)
            };
            let mut index = (1970 + today / 366) * 12 / months;
            while begin(index + 1) <= today {
                index += 1;
            }
            (begin(index), begin(index + 1))
        }
    };
    (first * DAY, next * DAY)
}

impl Books {
    fn on(&mut self, plan: Option<&Plan>) {
        self.plan = plan.map(PlanBook::of);
    }

    fn close(&mut self) {
        (self.closed, self.plan) = (true, None);
    }

    /// What a period that has begun brings.
    pub(super) fn give(&mut self, clock: i64, plan: &Plan) {
        let (plan, now) = (PlanBook::of(plan), self.ledger_time(clock));
        let (first, next) = period_of(plan.period, now);
        for (unit, amount) in plan.included.clone() {
            if !self.given.insert(plan.gift(first, &unit)) {
                continue;
            }
            self.advance(now);
            let granted = Granted {
                unit: unit.clone(),
                amount,
                left: amount,
                priority: DEFAULT_PRIORITY,
                source: EntryKind::Adjustment,
                from: now,
                until: Some(next),
                standing: Standing::Begun,
            };
            self.grants.insert(self.sequence + 1, granted);
            let draws = self.pay_overage(&unit, now);
            self.write(Line { draws, ..Line::new(EntryKind::Adjustment, &unit, amount, now) });
        }
    }

    /// G2: what the customer's plan brings in the present period, and was not given.
    pub(super) fn not_given(&self, clock: i64) -> Option<String> {
        let plan = self.plan.as_ref()?;
        let (first, _) = period_of(plan.period, self.ledger_time(clock));
        let gifts = plan.included.iter().map(|(unit, _)| plan.gift(first, unit));
        gifts.into_iter().find(|gift| !self.given.contains(gift))
    }

    /// C2: whether something is held for longer than this.
    pub(super) fn holds_beyond(&self, clock: i64) -> bool {
        let now = self.ledger_time(clock);
        self.holds.values().any(|hold| hold.ended.is_none() && hold.until > now)
    }
}

impl PlanBook {
    fn of(plan: &Plan) -> Self {
        let included = plan.included.iter();
        let included = included.map(|(unit, amount)| (unit.clone(), minor(*amount))).collect();
        Self { name: plan.name.clone(), period: plan.period, included }
    }

    /// What is given once.
    fn gift(&self, first: i64, unit: &Unit) -> String {
        format!("{} {:?} {first} {}", self.name, self.period, unit.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_of_the_auditor_is_the_calendar() {
        let day = |year, month, day| day_number(year, month, day) * DAY;
        assert_eq!((day(1970, 1, 1), day(2026, 9, 21)), (0, 1_789_948_800_000));
        let of = |period, time| period_of(period, time);
        let leap = day(2028, 2, 29) + DAY - 1;
        assert_eq!(of(Period::Month, leap), (day(2028, 2, 1), day(2028, 3, 1)));
        assert_eq!(of(Period::Month, day(2026, 12, 31)), (day(2026, 12, 1), day(2027, 1, 1)));
        assert_eq!(of(Period::Year, leap), (day(2028, 1, 1), day(2029, 1, 1)));
        assert_eq!(of(Period::Week, day(2026, 9, 27)), (day(2026, 9, 21), day(2026, 9, 28)));
        assert_eq!(of(Period::Day, leap), (day(2028, 2, 29), day(2028, 3, 1)));
    }
}
