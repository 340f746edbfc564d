//! The numbers of the configuration: defaults and bounds, and where each comes from.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::ToString;

use crate::client::error::ClientError;

/// One attempt, connect to last byte of the body. The default is the Credit Engine SDK's; the
/// longest leaves room for a slow proxy.
pub const TIMEOUT_MS: Bounds = Bounds { default: 10_000, min: 1, max: 600_000 };
/// Attempts after the first. The default is the Credit Engine SDK's; ten are under a minute of
/// pauses.
pub const MAX_RETRIES: Bounds = Bounds { default: 2, min: 0, max: 10 };
/// The whole call. The default depends on the two above (see [`ClientConfig::deadline`]).
pub const DEADLINE_MS: Bounds = Bounds { default: 0, min: 1, max: 3_600_000 };
/// How old a snapshot may be before it is refreshed in the background (persistent mode).
pub const SYNC_INTERVAL_MS: Bounds = Bounds { default: 30_000, min: 1, max: 86_400_000 };
/// How old a snapshot may be for a gate without `gracefulDegradation` (persistent mode).
pub const MAX_STALENESS_MS: Bounds = Bounds { default: 90_000, min: 1, max: 86_400_000 };
/// Retries that a budget lets through for each hundred calls.
pub const BUDGET_PERCENT: Bounds = Bounds { default: 10, min: 0, max: 100 };
/// Retries that a budget lets through at once.
pub const BUDGET_BURST: Bounds = Bounds { default: 10, min: 0, max: 1_000 };
/// What a gate may allow per customer and isolate while the API is away: 1,000 credits.
pub(super) const DEFAULT_DEGRADED_LIMIT: i64 = 1_000_000_000;
/// Added to the attempts' timeouts for the default deadline: two backoffs at their cap of 10 s.
pub(super) const DEADLINE_SLACK_MS: u64 = 20_000;

/// An integer option: what it is when absent, and what it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// When the caller says nothing.
    pub default: u64,
    /// The smallest.
    pub min: u64,
    /// The largest.
    pub max: u64,
}

impl Bounds {
    /// The value, or the default when absent; `invalid_config` outside the bounds.
    pub(crate) fn check(self, name: &str, value: Option<u64>) -> Result<u64, Box<ClientError>> {
        let value = value.unwrap_or(self.default);
        if (self.min..=self.max).contains(&value) {
            return Ok(value);
        }
        let mut message = name.to_owned();
        message.push_str(" must be a whole number from ");
        message.push_str(&self.min.to_string());
        message.push_str(" to ");
        message.push_str(&self.max.to_string());
        Err(ClientError::config(&message))
    }
}
