//! UTC days, the periods that a question may ask about, and the windows of days that they come to.
//!
//! A day is its number since 1970-01-01. Weeks are those of ISO 8601: they begin on Monday.

use core::fmt;
use core::time::Duration;

use crate::time::{Civil, DAY_MS, Timestamp};

/// Most days of a window: `last_90_days`. What is kept to count distinct customers depends on it.
pub const MAX_WINDOW_DAYS: u32 = 90;

/// A UTC day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u32);

impl Day {
    /// The last day of the year 9999, where time ends.
    pub const LAST: Self = Self(2_932_896);

    /// The day of an instant.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        let days = time.as_millis().unsigned_abs() / DAY_MS;
        Self(u32::try_from(days).unwrap_or(Self::LAST.0))
    }

    /// The day of this number; `None` beyond [`Day::LAST`] and before 1970.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        let number = u32::try_from(number).ok()?;
        (number <= Self::LAST.0).then_some(Self(number))
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Its first millisecond.
    #[must_use]
    pub fn start(self) -> Timestamp {
        Timestamp::EPOCH.plus(Duration::from_millis(u64::from(self.0) * DAY_MS))
    }

    /// So many days earlier, at least 1970-01-01.
    #[must_use]
    pub const fn minus(self, days: u32) -> Self {
        Self(self.0.saturating_sub(days))
    }

    /// So many days later.
    #[must_use]
    pub const fn plus(self, days: u32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The Monday on or before it. (The days before 1970's first Monday keep to 1970-01-01.)
    #[must_use]
    pub const fn monday(self) -> Self {
        // 1970-01-01 was a Thursday.
        self.minus((self.0 + 3) % 7)
    }

    /// Its week as ISO 8601 writes it, such as `2026-W47`: the year is that of the week's Thursday.
    #[must_use]
    pub fn iso_week(self) -> IsoWeek {
        let thursday = self.plus(3).minus((self.0 + 3) % 7);
        let Civil { year, .. } = thursday.civil();
        let new_year = Civil { year, month: 1, day: 1, ..Civil::default() }.to_millis();
        let new_year = Self::of(Timestamp::from_millis(new_year.unwrap_or_default()));
        IsoWeek { year, week: (thursday.0 - new_year.0) / 7 + 1 }
    }

    fn civil(self) -> Civil {
        Civil::from_millis(u64::from(self.0) * DAY_MS)
    }
}

impl fmt::Display for Day {
    /// Writes `2026-11-22`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day, .. } = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// A week of ISO 8601.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IsoWeek {
    year: u64,
    week: u32,
}

impl fmt::Display for IsoWeek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-W{:02}", self.year, self.week)
    }
}

/// The periods that can be asked about. Each ends with today, which is still going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Today and the six days before.
    Last7Days,
    /// Today and the 29 days before.
    Last30Days,
    /// Today and the 89 days before.
    Last90Days,
    /// From the first of today's month.
    CurrentMonth,
}

impl Period {
    /// Every period.
    pub const ALL: [Self; 4] =
        [Self::Last7Days, Self::Last30Days, Self::Last90Days, Self::CurrentMonth];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Last7Days => "last_7_days",
            Self::Last30Days => "last_30_days",
            Self::Last90Days => "last_90_days",
            Self::CurrentMonth => "current_month",
        }
    }

    /// The period of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.as_str() == word)
    }

    /// Its days, as of today.
    #[must_use]
    pub fn window(self, today: Day) -> Window {
        let days = match self {
            Self::Last7Days => 7,
            Self::Last30Days => 30,
            Self::Last90Days => MAX_WINDOW_DAYS,
            Self::CurrentMonth => u32::try_from(today.civil().day).unwrap_or(1),
        };
        Window::ending(today, days)
    }
}

/// Days in a row, at most [`MAX_WINDOW_DAYS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first of them.
    pub first: Day,
    /// The last of them.
    pub last: Day,
}

impl Window {
    /// So many days of which this is the last.
    #[must_use]
    pub fn ending(last: Day, days: u32) -> Self {
        Self { first: last.minus(days.clamp(1, MAX_WINDOW_DAYS) - 1), last }
    }

    /// How many they are.
    #[must_use]
    pub const fn days(self) -> u32 {
        self.last.0 - self.first.0 + 1
    }

    /// As many days before these.
    #[must_use]
    pub fn previous(self) -> Self {
        Self::ending(self.first.minus(1), self.days())
    }

    /// Whether a day is one of them.
    #[must_use]
    pub fn contains(self, day: Day) -> bool {
        (self.first..=self.last).contains(&day)
    }

    /// Each of them.
    pub fn each(self) -> impl Iterator<Item = Day> {
        (self.first.0..=self.last.0).map(Day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    fn day(text: &str) -> Day {
        let mut instant = alloc::string::String::from(text);
        instant.push_str("T12:00:00Z");
        Day::of(Timestamp::parse(&instant).unwrap())
    }

    #[test]
    fn weeks_are_those_of_iso_8601() {
        let table = [
            ("2026-11-22", "2026-11-16", "2026-W47"),
            ("2026-11-23", "2026-11-23", "2026-W48"),
            ("2021-01-03", "2020-12-28", "2020-W53"),
            ("2024-12-30", "2024-12-30", "2025-W01"),
            ("2027-01-01", "2026-12-28", "2026-W53"),
            ("2028-02-29", "2028-02-28", "2028-W09"),
        ];
        for (date, monday, week) in table {
            let day = day(date);
            assert_eq!(day.to_string(), date);
            assert_eq!(day.monday().to_string(), monday);
            assert_eq!(day.iso_week().to_string(), week);
        }
    }

    #[test]
    fn periods_end_today() {
        let today = day("2026-11-22");
        let table = [
            (Period::Last7Days, "2026-11-16", "2026-11-09"),
            (Period::Last30Days, "2026-10-24", "2026-09-24"),
            (Period::Last90Days, "2026-08-25", "2026-05-27"),
            (Period::CurrentMonth, "2026-11-01", "2026-10-10"),
        ];
        for (period, first, previous) in table {
            let window = period.window(today);
            assert_eq!((window.first.to_string().as_str(), window.last), (first, today));
            let before = window.previous();
            assert_eq!(before.days(), window.days());
            assert_eq!(
                (before.first.to_string().as_str(), before.last.plus(1)),
                (previous, window.first)
            );
            assert_eq!(window.each().count(), usize::try_from(window.days()).unwrap());
            assert_eq!(Period::parse(period.as_str()), Some(period));
        }
        assert_eq!(Period::parse("last_8_days"), None);
        assert_eq!(Period::CurrentMonth.window(day("2026-11-01")).days(), 1);
    }

    #[test]
    fn days_are_numbers_within_the_range_of_time() {
        assert_eq!(Day::of(Timestamp::MAX), Day::LAST);
        assert_eq!(Day::LAST.to_string(), "9999-12-31");
        assert_eq!(Day::from_number(-1), None);
        assert_eq!(Day::from_number(2_932_897), None);
        let today = day("2026-11-22");
        assert_eq!(Day::from_number(today.number().into()), Some(today));
        assert_eq!(today.start().to_string(), "2026-11-22T00:00:00.000Z");
    }
}
