//! Dates of HTTP headers, in the three forms of RFC 9110 §5.6.7.
//!
//! A library would do the same in five times the bytes; this one is checked against `httpdate`.

use crate::time::{Civil, DAY_MS, Timestamp};

/// The names as all three forms begin: three letters.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// What RFC 850 adds to them.
const DAY_ENDS: [&str; 7] = ["day", "sday", "nesday", "rsday", "day", "urday", "day"];

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or
/// `Sun Nov  6 08:49:37 1994`; `None` for anything else, a day of the week that is not the
/// date's included. Two-digit years below 70 are of this century.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let (day, rest) = text.split_at_checked(3)?;
    let day = DAYS.iter().position(|name| *name == day)?;
    let (civil, end) = match rest.as_bytes().first()? {
        b',' => Civil::read(rest, ", dd n.. yyyy hh:mm:ss GMT")?,
        b' ' => Civil::read(rest, " n.. _d hh:mm:ss yyyy")?,
        _ => {
            let rest = rest.strip_prefix(*DAY_ENDS.get(day)?)?;
            let (civil, end) = Civil::read(rest, ", dd-n..-yy hh:mm:ss GMT")?;
            let century = if civil.year < 70 { 2_000 } else { 1_900 };
            (Civil { year: century + civil.year, ..civil }, end)
        }
    };
    let millis = civil.to_millis()?;
    // 1970 began on a Thursday, the fourth of DAYS.
    let days = u64::try_from(millis).ok()? / DAY_MS;
    let right = end.is_empty() && usize::try_from((days + 3) % 7) == Ok(day);
    right.then_some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use std::format;
    use std::string::String;
    use std::time::{SystemTime, UNIX_EPOCH};

    const EXAMPLE: Timestamp = Timestamp::from_millis(784_111_777_000);

    fn reference(text: &str) -> Option<Timestamp> {
        let instant: SystemTime = httpdate::parse_http_date(text).ok()?;
        let millis = instant.duration_since(UNIX_EPOCH).ok()?.as_millis();
        Some(Timestamp::from_millis(i64::try_from(millis).ok()?))
    }

    #[test]
    fn the_three_forms_of_one_instant() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text), Some(EXAMPLE));
            assert_eq!(reference(text), Some(EXAMPLE));
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        let table = [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Thursday, 01-Jan-70 00:00:00 GMT", Some(0)),
            ("Wednesday, 31-Dec-69 23:59:59 GMT", None),
            ("Tuesday, 31-Dec-69 23:59:59 GMT", Some(3_155_759_999_000)),
            ("Saturday, 01-Jan-00 00:00:00 GMT", Some(946_684_800_000)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799_000)),
        ];
        for (text, millis) in table {
            assert_eq!(parse(text), millis.map(Timestamp::from_millis), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_date() {
        for text in [
            "",
            "Sun",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Som, 06 Nov 1994 08:49:37 GMT",
            "Sonday, 06-Nov-94 08:49:37 GMT",
            "Monsday, 06-Nov-94 08:49:37 GMT",
            "Sunday, 06 Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994 ",
            "Sun Nov 06  08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37 GMTé",
            "Sün, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_instant_in_every_form(seconds in 0_u64..253_402_300_800) {
            let instant = UNIX_EPOCH + Duration::from_secs(seconds);
            let expected = Some(Timestamp::from_millis(i64::try_from(seconds * 1_000).unwrap()));
            let imf = httpdate::fmt_http_date(instant);
            proptest::prop_assert_eq!(parse(&imf), expected);
            let (day, month, year, time) = (&imf[5..7], &imf[8..11], &imf[12..16], &imf[17..25]);
            let short_day = day.trim_start_matches('0');
            let asctime = format!("{} {month} {short_day:>2} {time} {year}", &imf[..3]);
            proptest::prop_assert_eq!(parse(&asctime), expected);
        }

        /// Two digits of a year name 1970 to 2069.
        #[test]
        fn a_century_of_instants_in_the_old_form(seconds in 0_u64..3_155_760_000) {
            let instant = UNIX_EPOCH + Duration::from_secs(seconds);
            let imf = httpdate::fmt_http_date(instant);
            let index = DAYS.iter().position(|name| *name == &imf[..3]).unwrap();
            let (day, month, year, time) = (&imf[5..7], &imf[8..11], &imf[14..16], &imf[17..25]);
            let old = format!("{}{}, {day}-{month}-{year} {time} GMT", &imf[..3], DAY_ENDS[index]);
            proptest::prop_assert_eq!(parse(&old), parse(&imf), "{}", old);
            proptest::prop_assert_eq!(parse(&old), reference(&old), "{}", old);
        }

        /// Right and wrong dates alike: the same instant, or the same refusal, as `httpdate`.
        #[test]
        fn agrees_with_the_reference(
            text in "(Sun|Mon|Fri), [0-3][0-9] (Feb|Nov|Dec) [0-2][0-9]{3} [0-2][0-9]:[0-6][0-9]:[0-6][0-9] GMT",
            cut in 0_usize..40,
        ) {
            let cut: String = text.chars().take(cut).collect();
            for text in [text, cut] {
                proptest::prop_assert_eq!(parse(&text), reference(&text), "{}", text);
            }
        }
    }
}
