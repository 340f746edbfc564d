//! Points in time and their text; time itself is always an argument.
//!
//! Decides how instants are compared, added to and written (RFC 3339, UTC, milliseconds). It never
//! reads a clock.

mod civil;

use core::fmt;
use core::time::Duration;

pub(crate) use civil::Civil;

/// Milliseconds of a day.
pub(crate) const DAY_MS: u64 = 86_400_000;

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
        let (date, rest) = Civil::read(text, "yyyy-oo-dd")?;
        let rest = rest.strip_prefix(['T', 't'])?;
        let (time, rest) = Civil::read(rest, "hh:mm:ss")?;
        let (millis, zone) = fraction(rest)?;
        let civil = Civil { year: date.year, month: date.month, day: date.day, ..time };
        let local = civil.to_millis()?.saturating_add(millis);
        let utc = local.saturating_sub(zone_offset_ms(zone)?);
        (0..END_MS).contains(&utc).then_some(Self(utc))
    }
}

impl fmt::Display for Timestamp {
    /// Writes RFC 3339 in UTC with milliseconds, as JavaScript's `toISOString` does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since_1970 = self.0.unsigned_abs();
        let Civil { year, month, day, hour, minute, second } = Civil::from_millis(since_1970);
        let millis = since_1970 % 1_000;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Milliseconds of an optional `.ddd…`, and what follows it.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = rest.bytes().position(|byte| !byte.is_ascii_digit())?;
    if end == 0 {
        return None;
    }
    let (digits, zone) = rest.split_at_checked(end)?;
    // The first digit counts hundreds of milliseconds, the fourth and later nothing.
    let places = [100, 10, 1].into_iter().zip(digits.bytes());
    let millis = places.map(|(place, byte)| place * i64::from(byte - b'0')).sum();
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
    let (offset, rest) = Civil::read(zone.get(1..)?, "hh:mm")?;
    let minutes = i64::try_from(offset.hour * 60 + offset.minute).ok()?;
    let well_formed = rest.is_empty() && offset.hour < 24 && offset.minute < 60;
    well_formed.then_some(sign * minutes * 60_000)
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
