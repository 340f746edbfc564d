//! What the portal shows of one customer's ledger.
//!
//! Decides which units come first, what counts as usage over time and how long a balance lasts, which
//! grants are worth a line, and which entries are somebody's activity. It reads and writes nothing: the
//! account, its sums per day and its newest entries are arguments.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::analytics::day::{Day, Window};
use crate::analytics::tally::Tally;
use crate::credits::Credits;
use crate::ids::{Product, Unit};
use crate::ledger::{Account, Balance, Entry, EntryKind, Grant, GrantState, Rejection, Totals};
use crate::time::Timestamp;

/// Days of the chart: the last of them is today.
pub const CHART_DAYS: u32 = 30;

/// Most lines of activity. Who needs more asks the owner: this is a glance, and no statement.
pub const MAX_LINES: usize = 20;

/// How many entries are wanted for [`MAX_LINES`]: one more tells that there are more.
pub const LINES_TO_READ: u32 = 21;

/// How far back they are looked for, in entries: holds come and go among them and are nobody's
/// activity, and a crowd of them is not to be read for a glance.
pub const LOOK_BACK: u64 = 1_000;

/// Most grants that are listed by themselves.
pub const MAX_GRANTS: usize = 12;

/// Fewest days of usage from which a balance's end is foretold: of one busy day nothing follows.
const MIN_PACE_DAYS: u32 = 3;

/// Until when a grant's end is soon: a week.
pub const SOON: Duration = Duration::from_secs(7 * 86_400);

/// A day.
const DAY_MILLIS: i128 = 86_400_000;

/// The furthest that is foretold, in days.
pub const MAX_LASTING_DAYS: u32 = 365;

/// What the page shows, as of one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// When that was, in ledger time.
    pub as_of: Timestamp,
    /// The units, the most important first; never none.
    pub units: Vec<UnitView>,
    /// Grants with an end, the soonest first, at most [`MAX_GRANTS`].
    pub ending: Vec<GrantView>,
    /// How many more there are.
    pub more_ending: usize,
    /// Grants that are yet to come, the soonest first, at most [`MAX_GRANTS`].
    pub coming: Vec<GrantView>,
    /// What happened, the newest first, at most [`MAX_LINES`].
    pub activity: Vec<Line>,
    /// Whether more has happened than that.
    pub more_activity: bool,
}

/// One unit of a customer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitView {
    /// What is counted.
    pub unit: Unit,
    /// What can be used now; negative where more was used than there was.
    pub available: Credits,
    /// Reserved for work that is under way.
    pub held: Credits,
    /// What was used on each day of the chart, in minor units, the oldest first; a day without usage
    /// too.
    pub days: Vec<(Day, i64)>,
    /// Their sum.
    pub used: i64,
    /// What was used in as many days before.
    pub used_before: i64,
    /// In how many days `available` is used up at the pace of the chart's days, or has expired unused,
    /// where that can be said; [`MAX_LASTING_DAYS`] stands for that or more.
    pub lasts_days: Option<u32>,
    /// What of `available` expires within [`SOON`].
    pub ending_soon: Option<EndingSoon>,
}

/// What is about to be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndingSoon {
    /// How much.
    pub amount: Credits,
    /// When, where it is one grant's.
    pub at: Option<Timestamp>,
}

/// One grant, by when it ends or begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantView {
    /// What is counted.
    pub unit: Unit,
    /// What is left of it, or will be there.
    pub amount: Credits,
    /// What it was for.
    pub product: Option<Product>,
    /// When it ends; of one to come, when it begins.
    pub time: Timestamp,
}

/// One entry as somebody's activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What happened.
    pub kind: EntryKind,
    /// Whether it takes something back that happened before.
    pub reverses: bool,
    /// What it was for, in the words of who entered it; of a correction, none.
    pub words: Option<String>,
    /// The product of a grant.
    pub product: Option<Product>,
    /// By how much the balance changed.
    pub amount: Credits,
    /// Of which unit.
    pub unit: Unit,
    /// When.
    pub time: Timestamp,
}

impl View {
    /// What to show at `now`. `newest` are the newest entries that are activity (none of [`NO_ACTIVITY`]), newest
    /// first, [`LINES_TO_READ`] of the last [`LOOK_BACK`], or fewer; `days` tells a unit's sums of the days of a window, in any order.
    ///
    /// # Errors
    /// Those of `days`; what is wrong with an account that does not add up.
    pub fn of<E: From<Rejection>>(
        account: &Account,
        now: Timestamp,
        newest: &[Entry],
        mut days: impl FnMut(&Unit, Window) -> Result<Vec<(Day, Tally)>, E>,
    ) -> Result<Self, E> {
        let grants = account.grants_at(now)?;
        let mut units = Vec::new();
        for unit in units_of(account.totals()) {
            let balance = account.balance(&unit, now)?;
            let chart = Window::ending(Day::of(balance.as_of), CHART_DAYS);
            let whole = Window { first: chart.previous().first, last: chart.last };
            let view = UnitView::of(&balance, &grants, chart, &days(&unit, whole)?);
            place(&mut units, view, UnitView::rank);
        }
        let (ending, coming) = (by_end(&grants), by_start(&grants));
        let lines: Vec<Line> = newest.iter().filter_map(Line::of).collect();
        Ok(Self {
            as_of: account.balance(&Unit::credits(), now)?.as_of,
            units,
            more_ending: ending.1.saturating_sub(MAX_GRANTS),
            ending: ending.0,
            coming: coming.0,
            more_activity: lines.len() > MAX_LINES || account.sequence() > LOOK_BACK,
            activity: lines.into_iter().take(MAX_LINES).collect(),
        })
    }

    /// Whether nothing has ever happened.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.activity.is_empty() && self.units.iter().all(UnitView::is_idle)
    }
}

/// The units that the customer has ever had, and `credits` where there are none.
fn units_of(totals: &Totals) -> Vec<Unit> {
    let mut units: Vec<Unit> = totals.0.keys().cloned().collect();
    if units.is_empty() {
        units.push(Unit::credits());
    }
    units
}

/// Puts an item behind all of its rank or a lower one. Sorting them later is 6 KB of the worker, each.
fn place<T, R: Ord>(items: &mut Vec<T>, item: T, rank: impl Fn(&T) -> R) {
    let own = rank(&item);
    let at = items.iter().rposition(|other| rank(other) <= own).map_or(0, |before| before + 1);
    items.insert(at, item);
}

/// The kinds of entries that are nobody's activity: reservations move nothing, and grants to come are
/// listed by themselves.
pub const NO_ACTIVITY: [EntryKind; 3] = [EntryKind::Hold, EntryKind::Release, EntryKind::Scheduled];

impl UnitView {
    fn of(balance: &Balance, grants: &[Grant], chart: Window, sums: &[(Day, Tally)]) -> Self {
        let consumed = |window: Window| {
            let within = sums.iter().filter(move |(day, _)| window.contains(*day));
            within.fold(0_i64, |sum, (_, tally)| sum.saturating_add(tally.consumed))
        };
        let days: Vec<(Day, i64)> =
            chart.each().map(|day| (day, consumed(Window { first: day, last: day }))).collect();
        let used = consumed(chart);
        let began = sums.iter().filter(|(_, tally)| tally.consumed > 0).map(|(day, _)| *day).min();
        let pace_days = began.map(|began| {
            let since = chart.last.number().saturating_sub(began.number()).saturating_add(1);
            since.min(chart.days())
        });
        Self {
            unit: balance.unit.clone(),
            available: balance.available,
            held: balance.held,
            lasts_days: pace_days.and_then(|days| lasting(balance, grants, (used, days))),
            ending_soon: ending_soon(balance, grants),
            used_before: consumed(chart.previous()),
            used,
            days,
        }
    }

    /// The most that was used on a day of the chart, in minor units, and on which day.
    #[must_use]
    pub fn peak(&self) -> Option<(Day, i64)> {
        // The newest of equals.
        self.days.iter().copied().max_by_key(|(day, used)| (*used, *day)).filter(|(_, u)| *u > 0)
    }

    /// What is neither there nor was used lately does not stand in the way; then credits, then the
    /// wallet, then the others by their names, which is how they come.
    fn rank(&self) -> (bool, u8) {
        let rank = match self.unit.as_str() {
            Unit::CREDITS => 0,
            Unit::USD => 1,
            _ => 2,
        };
        (self.is_idle(), rank)
    }

    /// Whether there is nothing, and nothing was used lately.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.available.is_zero() && self.held.is_zero() && self.used == 0
    }
}

/// The sum of all that ends soon, however many grants it is.
fn ending_soon(balance: &Balance, grants: &[Grant]) -> Option<EndingSoon> {
    let (mut sum, mut ends, mut count) = (0_i64, None, 0);
    for grant in grants.iter().filter(|grant| grant.unit == balance.unit) {
        let amount = grant.free().minor_units();
        let end = grant.expires_at.filter(|at| amount > 0 && at.since(balance.as_of) < SOON);
        if let Some(at) = end {
            (sum, ends, count) = (sum.saturating_add(amount), Some(at), count + 1);
        }
    }
    let amount = Credits::from_minor_units(sum.min(balance.available.minor_units()))?;
    let at = ends.filter(|_| count == 1);
    (count > 0 && amount.is_positive()).then_some(EndingSoon { amount, at })
}

/// Grant by grant in their burn order, each until it is used up or ends: what expires is not there to be
/// used. A grant that is to come is not counted on.
fn lasting(balance: &Balance, grants: &[Grant], (used, days): (i64, u32)) -> Option<u32> {
    if !balance.available.is_positive() || used <= 0 || days < MIN_PACE_DAYS {
        return None;
    }
    let own = |grant: &&Grant| grant.unit == balance.unit && grant.state == GrantState::Active;
    let mut burning: Vec<&Grant> = Vec::new();
    for grant in grants.iter().filter(own) {
        let at = burning.iter().position(|other| grant.burns_before(other).is_lt());
        burning.insert(at.unwrap_or(burning.len()), grant);
    }
    // In milliseconds from now.
    let pace = i128::from(days) * DAY_MILLIS;
    let mut gone = 0_i128;
    for grant in burning {
        let takes = i128::from(grant.free().minor_units()) * pace / i128::from(used);
        let ends =
            grant.expires_at.map(|at| i128::from(at.as_millis() - balance.as_of.as_millis()));
        gone = ends.map_or(gone + takes, |ends| (gone + takes).min(ends.max(gone)));
    }
    let left = gone / DAY_MILLIS;
    Some(u32::try_from(left).unwrap_or(u32::MAX).min(MAX_LASTING_DAYS))
}

fn by_end(grants: &[Grant]) -> (Vec<GrantView>, usize) {
    let ending = |grant: &Grant| {
        let time = grant.expires_at.filter(|_| grant.free().is_positive())?;
        Some(GrantView::of(grant, grant.free(), time))
    };
    soonest(grants.iter().filter_map(ending))
}

fn by_start(grants: &[Grant]) -> (Vec<GrantView>, usize) {
    let coming = grants.iter().filter(|grant| grant.state == GrantState::Scheduled);
    soonest(coming.map(|grant| GrantView::of(grant, grant.amount, grant.effective_at)))
}

/// The soonest [`MAX_GRANTS`], of equals the older ones first, and how many there are in all.
fn soonest(grants: impl Iterator<Item = GrantView>) -> (Vec<GrantView>, usize) {
    let (mut first, mut count) = (Vec::new(), 0);
    for grant in grants {
        count += 1;
        place(&mut first, grant, |grant| grant.time);
        first.truncate(MAX_GRANTS);
    }
    (first, count)
}

impl GrantView {
    fn of(grant: &Grant, amount: Credits, time: Timestamp) -> Self {
        Self { unit: grant.unit.clone(), amount, product: grant.product.clone(), time }
    }
}

impl Line {
    fn of(entry: &Entry) -> Option<Self> {
        if NO_ACTIVITY.contains(&entry.kind) {
            return None;
        }
        Some(Self {
            kind: entry.kind,
            reverses: entry.refund_of.is_some(),
            // What is written beside a correction may be meant for the owner alone.
            words: entry.words().filter(|_| entry.kind != EntryKind::Adjustment),
            product: entry.product.clone(),
            amount: entry.amount,
            unit: entry.unit.clone(),
            time: entry.time,
        })
    }
}
