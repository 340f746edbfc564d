//! When a call is tried again: the backoff, the server's hint, and the deadline.
//!
//! Which answers are worth another attempt is [`crate::wire::reading`]'s decision; whether the
//! client may afford one, [`crate::client::budget`]'s.

use core::time::Duration;

use crate::client::http_date;
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
    let millis = response.header("retry-after-ms").and_then(|text| whole_number(text.trim()));
    let asked = match millis {
        Some(millis) => Duration::from_millis(millis),
        None => retry_after(response.header("retry-after")?, now)?,
    };
    (asked <= MAX_HINT).then_some(asked)
}

/// Reads a `Retry-After` header: seconds, or an HTTP date counted from `now`.
#[must_use]
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    match whole_number(value) {
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => Some(http_date::parse(value)?.since(now)),
    }
}

/// Digits alone; a number too long for 64 bits is the largest, which no bound lets through.
fn whole_number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}
