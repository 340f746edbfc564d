//! What a question is answered: from a source of sums to the JSON body.
//!
//! A ledger is the source for its customer, the directory for an environment. All arithmetic is on
//! integers. An average is rounded once, half away from zero, to the unit's last decimal; a
//! percentage to two decimals.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::analytics::day::{Day, Period, Window};
use crate::analytics::question::{Asked, GroupBy, Question};
use crate::analytics::rollup::OTHER;
use crate::analytics::tally::{Tally, decimal};
use crate::credits::Scale;
use crate::ids::{CustomerId, Unit};
use crate::ledger::EntryKind;
use crate::time::Timestamp;
use crate::wire::members::Members;

/// Most lines of an answer by actions, some 200 KB; the least of more are told together.
pub const MAX_GROUPS: usize = 1_000;

/// The furthest that a projection looks: a hundred years.
const MAX_PROJECTION_DAYS: i128 = 36_500;

/// A customer of a ranking, and the sums of the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Who.
    pub id: CustomerId,
    /// What.
    pub sums: Tally,
}

/// Sums of one environment or one customer.
pub trait Source {
    /// Why they could not be read.
    type Error;

    /// The sums of each day that has entries, in any order; a day appears once.
    ///
    /// # Errors
    /// [`Source::Error`].
    fn days(&self, unit: &Unit, window: Window) -> Result<Vec<(Day, Tally)>, Self::Error>;

    /// The sums of each action and kind. One may appear several times, for different days.
    ///
    /// # Errors
    /// [`Source::Error`].
    fn actions(
        &self,
        unit: &Unit,
        window: Window,
    ) -> Result<Vec<(String, EntryKind, Tally)>, Self::Error>;

    /// The balance now, in minor units; of an environment, of all customers together.
    ///
    /// # Errors
    /// [`Source::Error`].
    fn balance(&self, unit: &Unit) -> Result<i64, Self::Error>;

    /// Customers who consumed something in the window, each counted once.
    ///
    /// # Errors
    /// [`Source::Error`].
    fn active_customers(&self, unit: &Unit, window: Window) -> Result<u64, Self::Error>;

    /// Those who consumed most, in order; of equals the lesser id first. Nobody who consumed nothing.
    ///
    /// # Errors
    /// [`Source::Error`].
    fn top(&self, unit: &Unit, window: Window, limit: u32) -> Result<Vec<Consumer>, Self::Error>;
}

/// Answers a question as of now.
///
/// # Errors
/// Those of the source.
pub fn answer<S: Source>(
    question: &Question,
    source: &S,
    now: Timestamp,
) -> Result<String, S::Error> {
    let (unit, scale, today) = (&question.unit, question.unit.scale(), Day::of(now));
    let (window, data) = match question.asked {
        Asked::Usage { period, group_by: GroupBy::Action } => {
            let window = period.window(today);
            (window, by_action(source.actions(unit, window)?, false, scale))
        }
        Asked::Usage { period, group_by } => {
            let window = period.window(today);
            (window, over_time(&source.days(unit, window)?, window, group_by, scale))
        }
        Asked::TopConsumers { period, limit } => {
            let window = period.window(today);
            (window, ranking(&source.top(unit, window, limit)?, scale))
        }
        Asked::Actions { period } => {
            let window = period.window(today);
            (window, by_action(source.actions(unit, window)?, true, scale))
        }
        Asked::BurnRate { days } => {
            let window = Window::ending(today, days);
            let sums = total(&source.days(unit, window)?, window);
            (window, burn_rate(sums, window, source.balance(unit)?, scale))
        }
        Asked::Summary { period } => summary(source, unit, period, today)?,
    };
    Ok(Members::new()
        .display("data", Some(data))
        .time("as_of", now)
        .display("from", Some(quoted(window.first)))
        .display("to", Some(quoted(window.last)))
        .text("unit", Some(unit.as_str()))
        .text("customer_id", question.customer.as_ref().map(CustomerId::as_str))
        .finish())
}

/// The sums of a window.
fn total(days: &[(Day, Tally)], window: Window) -> Tally {
    let within = days.iter().filter(|(day, _)| window.contains(*day));
    within.fold(Tally::default(), |sum, (_, tally)| sum.plus(*tally))
}

fn sums(line: &mut Members, tally: Tally, scale: Scale) -> String {
    line.display("consumed", Some(decimal(tally.consumed, scale)))
        .display("added", Some(decimal(tally.added, scale)))
        .display("expired", Some(decimal(tally.expired, scale)))
        .display("net", Some(decimal(tally.net(), scale)))
        .display("transaction_count", Some(tally.transactions))
        .finish()
}

/// Every day of the window, or every week that it touches; those without entries too. A week that
/// the window cuts counts its days in the window.
fn over_time(days: &[(Day, Tally)], window: Window, group_by: GroupBy, scale: Scale) -> String {
    let start = |day: Day| if group_by == GroupBy::Week { day.monday() } else { day };
    let mut sums_from = BTreeMap::new();
    for day in window.each() {
        sums_from.entry(start(day)).or_insert_with(Tally::default);
    }
    for (day, tally) in days.iter().filter(|(day, _)| window.contains(*day)) {
        let sum = sums_from.entry(start(*day)).or_default();
        *sum = sum.plus(*tally);
    }
    let line = |(day, tally): (Day, Tally)| {
        let mut line = Members::new();
        line.display("day", Some(quoted(day)));
        if group_by == GroupBy::Week {
            line.display("week", Some(quoted(day.iso_week())));
        }
        sums(&mut line, tally, scale)
    };
    list(sums_from.into_iter().map(line))
}

/// What was consumed for what, most first; with the kinds apart, or together.
fn by_action(rows: Vec<(String, EntryKind, Tally)>, kinds: bool, scale: Scale) -> String {
    let mut groups: BTreeMap<(String, Option<EntryKind>), Tally> = BTreeMap::new();
    for (action, kind, tally) in rows {
        let sum = groups.entry((action, kinds.then_some(kind))).or_default();
        *sum = sum.plus(tally);
    }
    let mut order: Vec<_> = groups.into_iter().collect();
    order.sort_unstable_by(|(name, one), (other_name, other)| {
        let weight = |tally: &Tally| (tally.consumed, tally.added, tally.transactions);
        weight(other).cmp(&weight(one)).then_with(|| name.cmp(other_name))
    });
    if order.len() > MAX_GROUPS {
        let mut rest: BTreeMap<Option<EntryKind>, Tally> = BTreeMap::new();
        for ((_, kind), tally) in order.split_off(MAX_GROUPS) {
            let sum = rest.entry(kind).or_default();
            *sum = sum.plus(tally);
        }
        order.extend(rest.into_iter().map(|(kind, sum)| ((OTHER.to_owned(), kind), sum)));
    }
    let line = |((action, kind), tally): ((String, Option<EntryKind>), Tally)| {
        let mut line = Members::new();
        line.text("action", Some(&action)).text("type", kind.map(EntryKind::as_str));
        sums(&mut line, tally, scale)
    };
    list(order.into_iter().map(line))
}

fn ranking(consumers: &[Consumer], scale: Scale) -> String {
    let line = |Consumer { id, sums }: &Consumer| {
        Members::new()
            .text("customer_id", Some(id.as_str()))
            .display("total_consumed", Some(decimal(sums.consumed, scale)))
            .display("total_added", Some(decimal(sums.added, scale)))
            .display("transaction_count", Some(sums.transactions))
            .finish()
    };
    list(consumers.iter().map(line))
}

fn burn_rate(sums: Tally, window: Window, balance: i64, scale: Scale) -> String {
    let days = i64::from(window.days());
    let (consumed, added) = (average(sums.consumed, days), average(sums.added, days));
    let burnt = i128::from(sums.consumed) - i128::from(sums.added);
    // By the sums and not by the rounded average; whole days, the last one not begun.
    let left = (burnt > 0)
        .then(|| i128::from(balance.max(0)) * i128::from(days) / burnt)
        .map(|left| left.min(MAX_PROJECTION_DAYS));
    Members::new()
        .display("daily_avg_consumed", Some(decimal(consumed, scale)))
        .display("daily_avg_added", Some(decimal(added, scale)))
        .display("net_daily_burn", Some(decimal(consumed.saturating_sub(added), scale)))
        .nullable("projection_days_remaining", left)
        .display("balance", Some(decimal(balance, scale)))
        .finish()
}

/// What a period comes to.
struct Overview {
    sums: Tally,
    active: u64,
}

fn summary<S: Source>(
    source: &S,
    unit: &Unit,
    period: Period,
    today: Day,
) -> Result<(Window, String), S::Error> {
    let window = period.window(today);
    let previous = window.previous();
    let days = source.days(unit, Window { first: previous.first, last: window.last })?;
    let overview = |window| -> Result<Overview, S::Error> {
        let active = source.active_customers(unit, window)?;
        Ok(Overview { sums: total(&days, window), active })
    };
    let (now, before) = (overview(window)?, overview(previous)?);
    let mut comparison = Members::new();
    before.write(&mut comparison, unit.scale());
    let changes = [
        ("total_consumed_change_percent", now.sums.consumed, before.sums.consumed),
        ("total_added_change_percent", now.sums.added, before.sums.added),
        ("net_change_percent", now.sums.net(), before.sums.net()),
        ("total_transactions_change_percent", now.sums.transactions, before.sums.transactions),
        ("active_customers_change_percent", count(now.active), count(before.active)),
    ];
    for (name, now, before) in changes {
        comparison.nullable(name, change(now, before));
    }
    comparison
        .display("from", Some(quoted(previous.first)))
        .display("to", Some(quoted(previous.last)));
    let mut data = Members::new();
    now.write(&mut data, unit.scale());
    Ok((window, data.display("comparison", Some(comparison.finish())).finish()))
}

impl Overview {
    fn write(&self, body: &mut Members, scale: Scale) {
        body.display("total_consumed", Some(decimal(self.sums.consumed, scale)))
            .display("total_added", Some(decimal(self.sums.added, scale)))
            .display("total_expired", Some(decimal(self.sums.expired, scale)))
            .display("net_change", Some(decimal(self.sums.net(), scale)))
            .display("total_transactions", Some(self.sums.transactions))
            .display("active_customers", Some(self.active));
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Half away from zero.
fn average(sum: i64, days: i64) -> i64 {
    i64::try_from(rounded(sum.into(), days.into())).unwrap_or(i64::MAX)
}

/// By how many percent something changed, to two decimals; `None` where it was nothing before.
fn change(now: i64, before: i64) -> Option<String> {
    if before == 0 {
        return None;
    }
    let difference = (i128::from(now) - i128::from(before)) * 10_000;
    let hundredths = rounded(difference, i128::from(before).abs());
    let (sign, size) = (if hundredths < 0 { "-" } else { "" }, hundredths.unsigned_abs());
    let (whole, rest) = (size / 100, size % 100);
    Some(match (rest, rest % 10) {
        (0, _) => alloc::format!("{sign}{whole}"),
        (_, 0) => alloc::format!("{sign}{whole}.{}", rest / 10),
        _ => alloc::format!("{sign}{whole}.{rest:02}"),
    })
}

/// A quotient, rounded half away from zero; the divisor is positive.
const fn rounded(dividend: i128, divisor: i128) -> i128 {
    let half = divisor / 2;
    // Of an odd divisor no quotient lies half way.
    (dividend + if dividend < 0 { -half } else { half }) / divisor
}

fn list(items: impl Iterator<Item = String>) -> String {
    let mut text = "[".to_owned();
    for item in items {
        text.push_str(if text.len() > 1 { "," } else { "" });
        text.push_str(&item);
    }
    text.push(']');
    text
}

fn quoted(value: impl ToString) -> String {
    let mut text = "\"".to_owned();
    text.push_str(&value.to_string());
    text.push('"');
    text
}
