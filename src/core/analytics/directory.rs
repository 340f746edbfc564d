//! What a directory makes of a report: which of its rows change, and how.
//!
//! Besides the sums per day ([`crate::analytics::rollup`]) it keeps, for each customer and unit, the
//! running total at the end of each day that had entries. What a customer consumed between two days is
//! the difference of two such rows, however many days lie between: a ranking reads two rows per
//! customer, not one per customer and day.
//!
//! **Counting customers.** A customer is active on a day on which something was consumed. In a
//! window of days a customer counts once: on the first active day in it, which is the one whose
//! previous active day lies before the window. So with each active day goes its *gap*, the days since
//! the previous one, and of these only how many customers had which: `arrivals(day, gap)`. The
//! customers of a window are Σ over its days of the arrivals whose gap reaches before its first day. That
//! is exact for any window that is no longer than [`FULL_GAP`], today's or an earlier one, and reads at
//! most days²/2 rows, however many customers there are. A customer's entries come in the order of their
//! time, so the previous active day is known when the next one comes.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::analytics::day::{Day, MAX_WINDOW_DAYS};
use crate::analytics::report::Report;
use crate::analytics::rollup::{self, Rollup};
use crate::analytics::tally::Tally;
use crate::ids::{CustomerId, Unit};
use crate::time::Timestamp;

/// The gap that stands for all that are as long or longer, and for a first active day.
pub const FULL_GAP: u32 = MAX_WINDOW_DAYS;

/// A customer as the directory lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Who.
    pub id: CustomerId,
    /// How far the customer's entries have been applied.
    pub applied: u64,
    /// When the first entry was made.
    pub first_at: Timestamp,
    /// When the last of the applied entries was made.
    pub last_at: Timestamp,
}

/// What the directory knows of a customer's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownUnit {
    /// The last day on which something was consumed.
    pub last_active: Option<Day>,
    /// The last day that had entries, and the running total at its end.
    pub latest: Option<(Day, Tally)>,
}

/// The rows that a store looks up for a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The customer, unless this is the first report.
    pub customer: Option<Customer>,
    /// Each unit of the report.
    pub units: BTreeMap<Unit, KnownUnit>,
    /// The actions of each day of the report.
    pub actions: rollup::Known,
}

/// A customer's active day: counted once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// In which unit.
    pub unit: Unit,
    /// When.
    pub day: Day,
    /// Days since the previous active day, at most [`FULL_GAP`].
    pub gap: u32,
}

/// What a store writes for a report, all of it in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// To insert or replace.
    pub customer: Customer,
    /// To add to.
    pub rollup: Rollup,
    /// Running totals at the ends of days, to insert or replace.
    pub totals: Vec<(Unit, Day, Tally)>,
    /// The last active days, to insert or replace.
    pub active: Vec<(Unit, Day)>,
    /// One customer more in each.
    pub arrivals: Vec<Arrival>,
}

/// Whether a report goes on from what is known; `Err` is how far that is.
///
/// # Errors
/// The position up to which the customer's entries have been applied: nothing is to be written.
pub fn goes_on(report: &Report, customer: Option<&Customer>) -> Result<(), u64> {
    let applied = customer.map_or(0, |customer| customer.applied);
    if report.after == applied { Ok(()) } else { Err(applied) }
}

/// Works a report that [`goes_on`] into rows.
#[must_use]
pub fn apply(report: &Report, known: Known) -> Application {
    let id = report.owner.customer.clone();
    let first_at = known.customer.as_ref().map_or(report.first_at, |customer| customer.first_at);
    let rollup = rollup::fold(&report.lines, known.actions);
    let (mut totals, mut active, mut arrivals) = (Vec::new(), Vec::new(), Vec::new());
    let mut units = known.units;
    // By unit, then by day.
    for ((unit, day), tally) in &rollup.days {
        let known = units.entry(unit.clone()).or_default();
        let before = known.latest.map_or(Tally::default(), |(_, total)| total);
        let total = before.plus(*tally);
        // Ledger time does not step back; were it to, the later day keeps the later total.
        let day = known.latest.map_or(*day, |(latest, _)| latest.max(*day));
        known.latest = Some((day, total));
        totals.push((unit.clone(), day, total));
        if tally.consumed > 0 && known.last_active.is_none_or(|last| last < day) {
            let gap = known.last_active.map_or(FULL_GAP, |last| day.number() - last.number());
            let gap = gap.min(FULL_GAP);
            known.last_active = Some(day);
            active.retain(|(other, _)| other != unit);
            active.push((unit.clone(), day));
            arrivals.push(Arrival { unit: unit.clone(), day, gap });
        }
    }
    let customer = Customer { id, applied: report.through, first_at, last_at: report.last_at };
    Application { customer, rollup, totals, active, arrivals }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analytics::day::Window;
    use crate::analytics::tally::{Lines, Name};
    use crate::ids::{Environment, Owner};
    use crate::ledger::EntryKind;
    use alloc::borrow::ToOwned;
    use alloc::collections::BTreeSet;

    /// A report of one charge on each of some days.
    fn report(after: u64, days: &[u32]) -> Report {
        let mut lines = Lines::new();
        for day in days {
            let name = Name {
                day: Day::from_number((*day).into()).unwrap(),
                unit: Unit::credits(),
                action: "chat".to_owned(),
                kind: EntryKind::Consumption,
            };
            lines.insert(name, Tally { consumed: 5, transactions: 1, ..Tally::default() });
        }
        let at = |day: u32| Day::from_number(day.into()).unwrap().start();
        let customer = CustomerId::parse("cus_1").unwrap();
        Report {
            owner: Owner { environment: Environment::Live, customer },
            after,
            through: after + u64::try_from(days.len()).unwrap(),
            first_at: at(days[0]),
            last_at: at(days[days.len() - 1]),
            lines,
        }
    }

    /// What a store would know after some writes.
    fn known_after(application: &Application) -> Known {
        let mut units = BTreeMap::<Unit, KnownUnit>::new();
        for (unit, day, total) in &application.totals {
            units.entry(unit.clone()).or_default().latest = Some((*day, *total));
        }
        for (unit, day) in &application.active {
            units.entry(unit.clone()).or_default().last_active = Some(*day);
        }
        Known { customer: Some(application.customer.clone()), units, ..Known::default() }
    }

    #[test]
    fn a_report_is_taken_where_it_goes_on() {
        let first = apply(&report(0, &[10]), Known::default());
        let customer = Some(&first.customer);
        assert_eq!(goes_on(&report(0, &[10]), None), Ok(()));
        assert_eq!(goes_on(&report(0, &[10]), customer), Err(1), "twice");
        assert_eq!(goes_on(&report(2, &[12]), customer), Err(1), "one is missing");
        assert_eq!(goes_on(&report(3, &[12]), None), Err(0), "the directory is a new one");
        assert_eq!(goes_on(&report(1, &[12]), customer), Ok(()));
    }

    #[test]
    fn totals_run_and_gaps_are_counted_from_the_last_active_day() {
        let first = apply(&report(0, &[100, 101]), Known::default());
        let gaps = |application: &Application| -> Vec<(u32, u32)> {
            application.arrivals.iter().map(|a| (a.day.number(), a.gap)).collect()
        };
        assert_eq!(gaps(&first), [(100, FULL_GAP), (101, 1)]);
        let second = apply(&report(2, &[101, 110]), known_after(&first));
        assert_eq!(gaps(&second), [(110, 9)], "the same day counts once");
        let totals: Vec<i64> = second.totals.iter().map(|(_, _, total)| total.consumed).collect();
        assert_eq!(totals, [15, 20]);
        assert_eq!(second.active.len(), 1);
        let third = apply(&report(4, &[500]), known_after(&second));
        assert_eq!(gaps(&third), [(500, FULL_GAP)]);
        assert_eq!(third.customer.first_at, first.customer.first_at);
    }

    proptest::proptest! {
        /// The arrivals of a window whose gaps reach before it are the customers that a count of the
        /// days themselves finds.
        #[test]
        fn arrivals_count_each_customer_of_a_window_once(
            customers in proptest::collection::vec(
                proptest::collection::btree_set(1_000_u32..1_200, 0..30), 1..20),
            last in 1_000_u32..1_220,
            length in 1_u32..=MAX_WINDOW_DAYS,
        ) {
            let window = Window::ending(Day::from_number(last.into()).unwrap(), length);
            let mut arrived = 0;
            for days in &customers {
                let mut known = Known::default();
                for day in days {
                    let after = known.customer.as_ref().map_or(0, |customer| customer.applied);
                    let application = apply(&report(after, &[*day]), known);
                    arrived += application.arrivals.iter().filter(|arrival| {
                        window.contains(arrival.day)
                            && arrival.gap > arrival.day.number() - window.first.number()
                    }).count();
                    known = known_after(&application);
                }
            }
            let active = |days: &&BTreeSet<u32>| {
                days.iter().any(|day| window.contains(Day::from_number((*day).into()).unwrap()))
            };
            proptest::prop_assert_eq!(arrived, customers.iter().filter(active).count());
        }
    }
}
