//! When a call is tried again: the backoff, the server's hint, and the deadline.
//!
//! Which answers are worth another attempt is [`crate::wire::reading`]'s decision; whether the
//! client may afford one, [`crate::client::budget`]'s.

use core::time::Duration;

use crate::client::http_date;
use crate::credits::whole_number;
use crate::entropy::Jitter;
use crate::http::Response;
use crate::time::Timestamp;

/// The first backoff's ceiling.
pub const BACKOFF_BASE: Duration = Duration::from_millis(200);
/// The ceiling of every backoff.
pub const BACKOFF_CAP: Duration = Duration::from_secs(10);
/// A longer hint is taken for a mistake and ignored.
pub const MAX_HINT: Duration = Duration::from_secs(24 * 3600);

/// The pause before retry number `retry` (0 is the first): uniform between nothing and
/// min(cap, base · 2^retry), so that clients which failed together do not return together.
#[must_use]
pub fn backoff(retry: u32, jitter: &mut Jitter) -> Duration {
    let doubled = BACKOFF_BASE.saturating_mul(1_u32.checked_shl(retry).unwrap_or(u32::MAX));
    let ceiling = doubled.min(BACKOFF_CAP);
    Duration::from_millis(jitter.up_to(u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX)))
}

/// How long the server asks to wait: `retry-after-ms`, else `Retry-After` in seconds or as a date.
///
/// `None` when it does not ask, or asks what cannot be meant: garbage, a negative number, or more
/// than [`MAX_HINT`]. A date that has passed asks for nothing: zero.
#[must_use]
pub fn hint(response: &Response, now: Timestamp) -> Option<Duration> {
    asked(response, now).filter(|asked| *asked <= MAX_HINT)
}

/// As [`hint`], however long it is.
#[must_use]
pub fn asked(response: &Response, now: Timestamp) -> Option<Duration> {
    let millis = response.header("retry-after-ms").and_then(|text| whole_number(text.trim_ascii()));
    match millis {
        Some(millis) => Some(Duration::from_millis(millis)),
        None => retry_after(response.header("retry-after")?, now),
    }
}

/// Reads a `Retry-After` header: seconds, or an HTTP date counted from `now`.
#[must_use]
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim_ascii();
    match whole_number(value) {
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => Some(http_date::parse(value)?.since(now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;
    use std::borrow::ToOwned as _;
    use std::string::{String, ToString as _};
    use std::vec::Vec;

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const NOW: Timestamp = Timestamp::from_millis(784_111_777_000);

    fn hint_of(headers: &[(&str, &str)]) -> Option<Duration> {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers = headers.iter().map(pair).collect();
        hint(&Response { status: 429, headers, body: String::new() }, NOW)
    }

    #[test]
    fn hints_by_the_table() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let table = [
            ("0", seconds(0)),
            ("1", seconds(1)),
            (" 120 ", seconds(120)),
            ("007", seconds(7)),
            ("86400", seconds(86_400)),
            ("86401", None),
            ("99999999999999999999999999", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1e3", None),
            ("1, 2", None),
            ("soon", None),
            ("", None),
            ("١", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT", seconds(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", seconds(10)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", seconds(60)),
            ("Sun Nov  6 09:49:37 1994", seconds(3_600)),
            ("Mon, 07 Nov 1994 08:49:37 GMT", seconds(86_400)),
            ("Mon, 07 Nov 1994 08:49:38 GMT", None),
            ("Sat, 05 Nov 1994 08:49:37 GMT", seconds(0)),
            ("Sun, 06 Nov 1994 08:49:47 CET", None),
        ];
        for (value, expected) in table {
            assert_eq!(hint_of(&[("retry-after", value)]), expected, "{value:?}");
        }
    }

    #[test]
    fn milliseconds_come_first_where_they_can_be_read() {
        let both = |millis| hint_of(&[("retry-after", "3"), ("retry-after-ms", millis)]);
        assert_eq!(both("250"), Some(Duration::from_millis(250)));
        assert_eq!(both("-250"), Some(Duration::from_secs(3)));
        assert_eq!(both("86400001"), None);
        assert_eq!(hint_of(&[]), None);
    }

    #[test]
    fn backoff_is_uniform_up_to_a_doubling_ceiling() {
        let mut jitter = Entropy::new(*b"a seed for tests").jitter();
        for (retry, ceiling) in [(0, 200), (1, 400), (5, 6_400), (6, 10_000), (40, 10_000)] {
            let mut bins = [0_u32; 10];
            for _ in 0..10_000 {
                let millis = usize::try_from(backoff(retry, &mut jitter).as_millis()).unwrap();
                assert!(millis <= ceiling, "{millis} > {ceiling}");
                bins[(millis * 10 / (ceiling + 1)).min(9)] += 1;
            }
            // Ten bins of 1,000 expected; χ² with 9 degrees of freedom is below 27.9 (p = 0.001).
            // A bin's width differs by at most one millisecond in 20, 5 %, at the smallest ceiling:
            // that adds less than 10 × 25² / 1,000 = 6.25.
            let chi_squared: u32 =
                bins.iter().map(|count| count.abs_diff(1_000).pow(2)).sum::<u32>() / 1_000;
            assert!(chi_squared < 34, "retry {retry}: {bins:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read_or_refused(value in "\\PC{0,40}") {
            if let Some(hint) = hint_of(&[("retry-after", &value)]) {
                proptest::prop_assert!(hint <= MAX_HINT);
            }
        }

        #[test]
        fn more_seconds_never_mean_a_shorter_pause(a in 0_u64..200_000, b in 0_u64..200_000) {
            let (less, more) = (a.min(b), a.max(b));
            let read = |seconds: u64| hint_of(&[("retry-after", &seconds.to_string())]);
            match (read(less), read(more)) {
                (Some(less), Some(more)) => proptest::prop_assert!(less <= more),
                (None, more) => proptest::prop_assert_eq!(more, None),
                (Some(_), None) => proptest::prop_assert!(more > 86_400),
            }
        }

        #[test]
        fn later_dates_never_mean_a_shorter_pause(a in -90_000_i64..90_000, b in -90_000_i64..90_000) {
            let read = |offset: i64| {
                let seconds = u64::try_from(784_111_777 + offset).unwrap();
                let instant = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
                hint_of(&[("retry-after", &httpdate::fmt_http_date(instant))])
            };
            let hints: Vec<_> = [a.min(b), a.max(b)].into_iter().map(read).collect();
            match (hints[0], hints[1]) {
                (Some(earlier), Some(later)) => proptest::prop_assert!(earlier <= later),
                (None, later) => proptest::prop_assert_eq!(later, None),
                (Some(_), None) => {}
            }
        }
    }
}
