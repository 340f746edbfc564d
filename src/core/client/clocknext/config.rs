//! The options of `new ClockNext(…)`: every one, its default and its bounds.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use crate::client::clocknext::exchange::MAX_HINT;
use crate::client::error::ClientError;
use crate::config::{ApiKey, Bounds, TIMEOUT_MS, UrlParts};
use crate::wire::members::Members;

/// Where the API is unless the caller says otherwise, as in the ClockNext SDK.
pub const DEFAULT_BASE_URL: &str = "https://app.clocknext.com";

/// Waiting signals that are sent at once. The default is the SDK's, as are those below.
pub const MAX_SIZE: Bounds = Bounds { default: 20, min: 1, max: 10_000 };
/// How long a signal waits for others. A minute is longer than anyone wants to wait for a bill.
pub const MAX_INTERVAL_MS: Bounds = Bounds { default: 2_000, min: 0, max: 60_000 };
/// Requests under way at one time; Workers open six connections at once.
pub const MAX_CONCURRENCY: Bounds = Bounds { default: 5, min: 1, max: 100 };
/// Signals that wait; at about 1 KB each, the largest is a hundred megabytes.
pub const MAX_QUEUE_SIZE: Bounds = Bounds { default: 10_000, min: 1, max: 100_000 };
/// Attempts in all.
pub const MAX_ATTEMPTS: Bounds = Bounds { default: 5, min: 1, max: 20 };
/// The first pause's ceiling.
pub const BASE_DELAY_MS: Bounds = Bounds { default: 200, min: 0, max: 60_000 };
/// Every pause's ceiling.
pub const MAX_DELAY_MS: Bounds = Bounds { default: 10_000, min: 0, max: 600_000 };

/// The options as a shell hands them over. It has no `Debug`: it holds the API key.
#[derive(Clone, Default)]
pub struct FaceOptions {
    /// `cnk_…`
    pub api_key: Option<String>,
    /// The pieces of the base URL; [`DEFAULT_BASE_URL`] when absent.
    pub base_url: Option<UrlParts>,
    /// `async` or `sync`.
    pub mode: Option<String>,
    /// See [`TIMEOUT_MS`].
    pub timeout_ms: Option<u64>,
    /// See [`MAX_SIZE`].
    pub max_size: Option<u64>,
    /// See [`MAX_INTERVAL_MS`].
    pub max_interval_ms: Option<u64>,
    /// See [`MAX_CONCURRENCY`].
    pub max_concurrency: Option<u64>,
    /// See [`MAX_QUEUE_SIZE`].
    pub max_queue_size: Option<u64>,
    /// See [`MAX_ATTEMPTS`].
    pub max_attempts: Option<u64>,
    /// See [`BASE_DELAY_MS`].
    pub base_delay_ms: Option<u64>,
    /// See [`MAX_DELAY_MS`].
    pub max_delay_ms: Option<u64>,
    /// Whether the host is a browser, where every visitor can read the key.
    pub browser: bool,
    /// Whether the caller says that this is meant.
    pub allow_browser: bool,
}

/// How often and how soon a call is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all.
    pub max_attempts: u32,
    /// The first pause's ceiling.
    pub base_delay: Duration,
    /// Every pause's ceiling.
    pub max_delay: Duration,
}

/// A checked configuration. It has no `Debug`: it holds the API key.
#[derive(Clone)]
pub struct FaceConfig {
    pub(crate) api_key: ApiKey,
    /// Origin and base path, without a trailing slash.
    pub base_url: String,
    /// Whether each signal is sent, and answered, at once.
    pub sync: bool,
    /// One attempt.
    pub timeout: Duration,
    /// When calls are tried again.
    pub retry: RetryPolicy,
    max_size: u64,
    max_interval_ms: u64,
    max_concurrency: u64,
    max_queue_size: u64,
}

impl FaceConfig {
    /// Checks the options and fills in the defaults.
    ///
    /// # Errors
    /// `invalid_config`, with a sentence that names the option and what it may be.
    pub fn new(options: FaceOptions) -> Result<Self, Box<ClientError>> {
        let Some(key) = options.api_key.as_deref() else {
            return Err(ClientError::config(
                "apiKey is missing: pass a cnk_ key (is the secret set in this environment?)",
            ));
        };
        if options.browser && !options.allow_browser {
            return Err(ClientError::config(
                "an API key must not be in a browser, where every visitor can read it and it may \
                 change all customers: use it on a server, and give the browser a token of \
                 portal.createToken. (allowBrowser: true if nobody else sees this page)",
            ));
        }
        let sync = match options.mode.as_deref() {
            None | Some("async") => false,
            Some("sync") => true,
            Some(_) => return Err(ClientError::config("mode must be \"async\" or \"sync\"")),
        };
        let attempts = MAX_ATTEMPTS.check("retry.maxAttempts", options.max_attempts)?;
        let base = BASE_DELAY_MS.check("retry.baseDelayMs", options.base_delay_ms)?;
        let most = MAX_DELAY_MS.check("retry.maxDelayMs", options.max_delay_ms)?;
        let timeout = TIMEOUT_MS.check("timeoutMs", options.timeout_ms)?;
        Ok(Self {
            api_key: ApiKey::any(key)?,
            base_url: base_url(options.base_url.as_ref())?,
            sync,
            timeout: Duration::from_millis(timeout),
            retry: RetryPolicy {
                max_attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
                base_delay: Duration::from_millis(base),
                max_delay: Duration::from_millis(most),
            },
            max_size: MAX_SIZE.check("batch.maxSize", options.max_size)?,
            max_interval_ms: MAX_INTERVAL_MS
                .check("batch.maxIntervalMs", options.max_interval_ms)?,
            max_concurrency: MAX_CONCURRENCY
                .check("batch.maxConcurrency", options.max_concurrency)?,
            max_queue_size: MAX_QUEUE_SIZE.check("batch.maxQueueSize", options.max_queue_size)?,
        })
    }

    /// What a shell keeps of it, as JSON: `sync`, the buffer's limits as [`super::buffer`] takes them, and
    /// `longestMs`, which no call exceeds.
    #[must_use]
    pub fn to_json(&self) -> String {
        Members::new()
            .display("sync", Some(self.sync))
            .display("maxSize", Some(self.max_size))
            .display("maxIntervalMs", Some(self.max_interval_ms))
            .display("maxConcurrency", Some(self.max_concurrency))
            .display("maxQueueSize", Some(self.max_queue_size))
            .display("longestMs", u64::try_from(self.longest().as_millis()).ok())
            .finish()
    }

    /// The longest that a call without a deadline may take: what takes longer goes on nowhere.
    fn longest(&self) -> Duration {
        let pause = self.retry.max_delay.max(MAX_HINT);
        self.timeout.saturating_add(pause).saturating_mul(self.retry.max_attempts)
    }
}

fn base_url(given: Option<&UrlParts>) -> Result<String, Box<ClientError>> {
    given.map_or_else(
        || Ok(DEFAULT_BASE_URL.to_owned()),
        |parts| {
            parts.to_base().map_err(|problem| {
                let mut message = "baseUrl ".to_owned();
                message.push_str(problem);
                ClientError::config(&message)
            })
        },
    )
}
