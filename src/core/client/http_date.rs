//! Dates of HTTP headers, in the three forms of RFC 9110 §5.6.7.
//!
//! A library would do the same in five times the bytes; this one is checked against `httpdate`.

use crate::time::{ClockTime, Timestamp, digits, from_civil};

/// The names as all three forms begin: three letters.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// What RFC 850 adds to them.
const DAY_ENDS: [&str; 7] = ["day", "sday", "nesday", "rsday", "day", "urday", "day"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or
/// `Sun Nov  6 08:49:37 1994`; `None` for anything else. The name of the day is not compared with
/// the date. Two-digit years below 70 are of this century.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let (day, rest) = text.split_at_checked(3)?;
    let day = DAYS.iter().position(|name| *name == day)?;
    let millis = if let Some(date) = rest.strip_prefix(", ") {
        imf_fixdate(date)?
    } else if let Some(date) = rest.strip_prefix(' ') {
        asctime(date)?
    } else {
        rfc_850(rest.strip_prefix(*DAY_ENDS.get(day)?)?.strip_prefix(", ")?)?
    };
    (millis >= 0).then_some(Timestamp::from_millis(millis))
}

/// `06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(date: &str) -> Option<i64> {
    let spaces = [date.get(2..3)?, date.get(6..7)?, date.get(11..12)?];
    if spaces != [" "; 3] || date.get(20..)? != " GMT" {
        return None;
    }
    let (day, year) = (digits(date, 0, 2)?, digits(date, 7, 4)?);
    from_civil(year, month(date.get(3..6)?)?, day, clock_time(date, 12)?)
}

/// `06-Nov-94 08:49:37 GMT`
fn rfc_850(date: &str) -> Option<i64> {
    let separators = [date.get(2..3)?, date.get(6..7)?, date.get(9..10)?];
    if separators != ["-", "-", " "] || date.get(18..)? != " GMT" {
        return None;
    }
    let (day, year) = (digits(date, 0, 2)?, digits(date, 7, 2)?);
    let year = if year < 70 { 2000 + year } else { 1900 + year };
    from_civil(year, month(date.get(3..6)?)?, day, clock_time(date, 10)?)
}

/// `Nov  6 08:49:37 1994`
fn asctime(date: &str) -> Option<i64> {
    let spaces = [date.get(3..4)?, date.get(6..7)?, date.get(15..16)?];
    if spaces != [" "; 3] || date.len() != 20 {
        return None;
    }
    let day = match date.get(4..5)? {
        " " => digits(date, 5, 1)?,
        _ => digits(date, 4, 2)?,
    };
    from_civil(digits(date, 16, 4)?, month(date.get(..3)?)?, day, clock_time(date, 7)?)
}

fn month(name: &str) -> Option<i64> {
    let index = MONTHS.iter().position(|month| *month == name)?;
    i64::try_from(index + 1).ok()
}

/// `08:49:37` at a byte offset.
fn clock_time(date: &str, at: usize) -> Option<ClockTime> {
    if [date.get(at + 2..at + 3)?, date.get(at + 5..at + 6)?] != [":", ":"] {
        return None;
    }
    let (hour, minute) = (digits(date, at, 2)?, digits(date, at + 3, 2)?);
    Some(ClockTime { hour, minute, second: digits(date, at + 6, 2)? })
}
