//! Points in time and their text; time itself is always an argument.
//!
//! Decides how instants are compared, added to and written (RFC 3339, UTC, milliseconds). It never
//! reads a clock.

use core::fmt;
use core::time::Duration;

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// First instant written with a five-digit year, 10000-01-01: the end of the range.
const END_MS: i64 = 253_402_300_800_000;

/// An instant: milliseconds since 1970-01-01T00:00:00Z, in the years 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The start of 1970.
    pub const EPOCH: Self = Self(0);
    /// The last millisecond of the year 9999.
    pub const MAX: Self = Self(END_MS - 1);

    /// An instant; values outside the range are brought to its nearest end.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        if millis < 0 {
            Self(0)
        } else if millis >= END_MS {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This much later, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads an RFC 3339 instant such as `2026-11-22T10:00:00Z` or `…T10:00:00.250+01:00`.
    ///
    /// Decimals of a second beyond milliseconds are cut. `None` for anything else, a leap second
    /// included.
    ///
    /// ```
    /// use edge_credits_core::time::Timestamp;
    /// let instant = Timestamp::parse("1970-01-02T01:00:00+01:00").unwrap();
    /// assert_eq!(instant.as_millis(), 86_400_000);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let year = digits(text, 0, 4)?;
        let month = digits(text, 5, 2)?;
        let day = digits(text, 8, 2)?;
        let separators = [text.get(4..5)?, text.get(7..8)?, text.get(13..14)?, text.get(16..17)?];
        if separators != ["-", "-", ":", ":"] || !matches!(text.get(10..11)?, "T" | "t") {
            return None;
        }
        let time = ClockTime {
            hour: digits(text, 11, 2)?,
            minute: digits(text, 14, 2)?,
            second: digits(text, 17, 2)?,
        };
        let (millis, zone) = fraction(text.get(19..)?)?;
        let local = from_civil(year, month, day, time)?.saturating_add(millis);
        let utc = local.saturating_sub(zone_offset_ms(zone)?);
        (0..END_MS).contains(&utc).then_some(Self(utc))
    }
}

impl fmt::Display for Timestamp {
    /// Writes RFC 3339 in UTC with milliseconds, as JavaScript's `toISOString` does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(DAY_MS));
        let in_day = self.0.rem_euclid(DAY_MS);
        let (seconds, millis) = (in_day / 1000, in_day % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A time of day.
#[derive(Clone, Copy)]
pub(crate) struct ClockTime {
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
}

/// Milliseconds since 1970 of a civil date and time in UTC; `None` when there is no such date.
pub(crate) fn from_civil(year: i64, month: i64, day: i64, time: ClockTime) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days_in_month = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    let in_range = (1..=days_in_month).contains(&day)
        && (0..24).contains(&time.hour)
        && (0..60).contains(&time.minute)
        && (0..60).contains(&time.second);
    if !in_range || !(0..=9999).contains(&year) {
        return None;
    }
    let seconds = time.hour * 3600 + time.minute * 60 + time.second;
    Some(days_from_civil(year, month, day) * DAY_MS + seconds * 1000)
}

/// Days since 1970-01-01 of a proleptic Gregorian date.
///
/// The algorithm is Howard Hinnant's `days_from_civil` (chrono-compatible date algorithms).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`]: (year, month, day).
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// A fixed-width run of ASCII digits at a byte offset.
pub(crate) fn digits(text: &str, start: usize, width: usize) -> Option<i64> {
    let run = text.get(start..start + width)?;
    if !run.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    run.parse().ok()
}

/// Milliseconds of an optional `.ddd…`, and what follows it.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = rest.bytes().position(|byte| !byte.is_ascii_digit())?;
    if end == 0 {
        return None;
    }
    let (digits, zone) = rest.split_at_checked(end)?;
    let padded = digits.bytes().chain([b'0', b'0']).take(3);
    let millis = padded.fold(0, |millis, byte| millis * 10 + i64::from(byte - b'0'));
    Some((millis, zone))
}

fn zone_offset_ms(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = (digits(zone, 1, 2)?, digits(zone, 4, 2)?);
    let well_formed = zone.len() == 6 && zone.get(3..4)? == ":" && hours < 24 && minutes < 60;
    well_formed.then_some(sign * (hours * 60 + minutes) * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn reads_and_writes_rfc_3339() {
        let table = [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
            ("2026-11-22T10:11:12.5Z", "2026-11-22T10:11:12.500Z"),
            ("2026-11-22T10:11:12.123456789Z", "2026-11-22T10:11:12.123Z"),
            ("2024-02-29T23:59:59+01:30", "2024-02-29T22:29:59.000Z"),
            ("2000-01-01T00:00:00-00:01", "2000-01-01T00:01:00.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ];
        for (text, expected) in table {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn refuses_what_is_no_instant() {
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T10:11:12",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-22 10:11:12Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T10:11:60Z",
            "2026-11-22T10:11:12.Z",
            "2026-11-22T10:11:12+1:00",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59-01:00",
            "２026-11-22T10:11:12Z",
            "2026-11-22T10:11:12Zé",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn text_round_trips(millis in 0..END_MS) {
            let instant = Timestamp::from_millis(millis);
            proptest::prop_assert_eq!(Timestamp::parse(&instant.to_string()), Some(instant));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9TZ:.+-é]{0,30}") {
            let _ = Timestamp::parse(&text);
        }
    }
}
