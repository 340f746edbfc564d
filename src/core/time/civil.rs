//! Civil dates and times in UTC: their count in milliseconds, and the texts that name them.
//!
//! One reader serves RFC 3339 and the three date forms of HTTP, because each is a fixed form of
//! digits and punctuation.

use super::DAY_MS;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Days from the first of March of the year −400 to 1970-01-01. Counting from there keeps every
/// number below positive for the years 0 to 9999.
const DAYS_BEFORE_1970: u64 = 719_468 + DAYS_OF_ERA;
/// Days of 400 years, after which the calendar repeats.
const DAYS_OF_ERA: u64 = 146_097;

/// A date and a time of day, perhaps one that does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: u64,
    pub(crate) month: u64,
    pub(crate) day: u64,
    pub(crate) hour: u64,
    pub(crate) minute: u64,
    pub(crate) second: u64,
}

impl Civil {
    /// Reads the start of a text by a form, and returns what follows it.
    ///
    /// In a form `y`, `o`, `d`, `h`, `m` and `s` are a digit of the year, the month, the day and so
    /// on; `_` is a digit of the day or a space; `n..` is a month's name; anything else is itself.
    pub(crate) fn read<'a>(text: &'a str, form: &str) -> Option<(Self, &'a str)> {
        let mut civil = Self::default();
        for (at, field) in form.bytes().enumerate() {
            let byte = *text.as_bytes().get(at)?;
            let part = match field {
                b'y' => &mut civil.year,
                b'o' => &mut civil.month,
                b'_' if byte == b' ' => continue,
                b'd' | b'_' => &mut civil.day,
                b'h' => &mut civil.hour,
                b'm' => &mut civil.minute,
                b's' => &mut civil.second,
                b'n' => {
                    let name = text.get(at..at + 3)?;
                    let index = MONTHS.iter().position(|month| *month == name)?;
                    civil.month = u64::try_from(index + 1).ok()?;
                    continue;
                }
                b'.' => continue,
                itself if itself == byte => continue,
                _ => return None,
            };
            let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
            *part = *part * 10 + u64::from(digit);
        }
        Some((civil, text.get(form.len()..)?))
    }

    /// Milliseconds since 1970; `None` when there is no such date or time.
    pub(crate) fn to_millis(self) -> Option<i64> {
        let Self { year, month, day, hour, minute, second } = self;
        let leap =
            (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
        let days_in_month = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let exists = (1..=days_in_month).contains(&day) && hour < 24 && minute < 60 && second < 60;
        if !exists || year > 9999 {
            return None;
        }
        let seconds = hour * 3_600 + minute * 60 + second;
        let millis = days_since_start(year, month, day) * DAY_MS + seconds * 1_000;
        i64::try_from(millis).ok()?.checked_sub_unsigned(DAYS_BEFORE_1970 * DAY_MS)
    }

    /// The date and time of so many milliseconds since 1970.
    pub(crate) fn from_millis(millis: u64) -> Self {
        let (year, month, day) = date_of_day(millis / DAY_MS + DAYS_BEFORE_1970);
        let seconds = millis % DAY_MS / 1_000;
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        Self { year, month, day, hour, minute, second }
    }
}

/// Days of a proleptic Gregorian date since the first of March of the year −400.
///
/// The algorithm is Howard Hinnant's `days_from_civil` (chrono-compatible date algorithms).
const fn days_since_start(year: u64, month: u64, day: u64) -> u64 {
    // The year that begins in March, counted from the start.
    let (year, month) = if month > 2 { (year + 400, month - 3) } else { (year + 399, month + 9) };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_OF_ERA + day_of_era
}

/// The inverse of [`days_since_start`]: (year, month, day).
const fn date_of_day(days: u64) -> (u64, u64, u64) {
    let (era, day_of_era) = (days / DAYS_OF_ERA, days % DAYS_OF_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let year = era * 400 + year_of_era - 400;
    if shifted_month < 10 {
        (year, shifted_month + 3, day)
    } else {
        (year + 1, shifted_month - 9, day)
    }
}
