//! The client's configuration: every option, its default and its bounds.
//!
//! Decides whether a client may be made and what it will do. Reading environment variables,
//! splitting URLs and finding bindings is the shell's: it passes what it found as data. Read
//! [`ConfigOptions`] first, then [`ClientConfig`].

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use crate::cache::CacheConfig;
use crate::cache::upstream::{Upstream, lease_for};
use crate::client::arguments::RawAmount;
use crate::client::error::ClientError;
use crate::credits::{Credits, Scale};
use crate::ids::Environment;

mod address;
mod bounds;
mod mode;
mod options;
mod paths;

pub use address::{MAX_RETURN_URL_BYTES, UrlParts};
pub use bounds::{
    BUDGET_BURST, BUDGET_PERCENT, Bounds, DEADLINE_MS, MAX_RETRIES, MAX_STALENESS_MS,
    SYNC_INTERVAL_MS, TIMEOUT_MS,
};
use bounds::{DEADLINE_SLACK_MS, DEFAULT_DEGRADED_LIMIT};
pub use mode::Mode;
pub use options::{BudgetFigures, ConfigOptions, RetryBudgetOption};
pub use paths::{PathOptions, Paths};

/// Where the API is unless the caller says otherwise.
pub const DEFAULT_BASE_URL: &str = "https://api.creditengine.dev";
/// The origin of requests to a ledger object: a binding does not resolve it.
pub const LEDGER_ORIGIN: &str = "https://ledger.internal";
/// The origin of requests to a cache object, likewise.
pub const BALANCE_CACHE_ORIGIN: &str = "https://balance-cache.internal";

/// Longest API key: header limits are far above, real keys far below.
const MAX_API_KEY_LENGTH: usize = 255;

/// An API key. It has neither `Debug` nor `Display`, so it cannot reach a log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    pub(crate) fn parse(text: &str) -> Result<(Self, Environment), Box<ClientError>> {
        let environment = if text.starts_with("ce_live_") {
            Environment::Live
        } else if text.starts_with("ce_test_") {
            Environment::Test
        } else {
            return Err(ClientError::config(
                "apiKey must start with ce_live_ (production) or ce_test_ (sandbox)",
            ));
        };
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible || text.len() == "ce_live_".len() || text.len() > MAX_API_KEY_LENGTH {
            return Err(ClientError::config(
                "apiKey is malformed: after its prefix come visible ASCII characters, no spaces \
                 and no line end",
            ));
        }
        Ok((Self(text.to_owned()), environment))
    }

    /// A key of the other API, whose keys say nothing of their environment.
    pub(crate) fn any(text: &str) -> Result<Self, Box<ClientError>> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible || text.is_empty() || text.len() > MAX_API_KEY_LENGTH {
            return Err(ClientError::config(
                "apiKey is malformed: it is visible ASCII characters, no spaces and no line end",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The key's text, for the `Authorization` header only.
    #[must_use]
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// How many retries a client may add to its calls; `None` in [`ClientConfig`] turns it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Retries earned by a hundred calls.
    pub percent: u32,
    /// Retries that can be saved up.
    pub burst: u32,
}

/// A checked configuration.
///
/// It has no `Debug`: it holds the API key.
#[derive(Clone)]
pub struct ClientConfig {
    /// The key; `None` only where calls go to an object.
    pub(crate) api_key: Option<ApiKey>,
    /// Origin and base path, without a trailing slash.
    pub base_url: String,
    /// What the `mode` option comes to on this host.
    pub mode: Mode,
    /// Which data the calls reach.
    pub environment: Environment,
    /// Whether calls go to the customer's object, of the ledger or of the cache. The binding is the
    /// permission then.
    pub bound: bool,
    /// Which object carries the requests, by its number; `None` for the host's own `fetch`.
    pub carrier: Option<u64>,
    /// One attempt.
    pub timeout: Duration,
    /// Attempts after the first.
    pub max_retries: u32,
    /// The whole call: `deadlineMs`, or (maxRetries + 1) × timeoutMs + 20 s.
    pub deadline: Duration,
    /// The age at which a snapshot is refreshed (persistent mode).
    pub sync_interval: Duration,
    /// The age at which gates stop trusting a snapshot (persistent mode).
    pub max_staleness: Duration,
    /// Whether operations go on while the API is away.
    pub graceful_degradation: bool,
    /// What a gate may allow meanwhile.
    pub degraded_limit: Credits,
    /// The bound on retries; `None` when turned off.
    pub retry_budget: Option<BudgetLimits>,
    /// Where the methods are.
    pub paths: Paths,
}

impl ClientConfig {
    /// Checks the options and fills in the defaults.
    ///
    /// # Errors
    /// `invalid_config`, with a sentence that names the option and what it may be.
    pub fn new(options: ConfigOptions) -> Result<Self, Box<ClientError>> {
        let (api_key, environment) = identity(&options)?;
        let timeout = TIMEOUT_MS.check("timeoutMs", options.timeout_ms)?;
        let max_retries = MAX_RETRIES.check("maxRetries", options.max_retries)?;
        let usual_deadline = (max_retries + 1) * timeout + DEADLINE_SLACK_MS;
        let deadline = match options.deadline_ms {
            None => usual_deadline,
            given => DEADLINE_MS.check("deadlineMs", given)?,
        };
        let (sync_interval, max_staleness) = ages(&options)?;
        Ok(Self {
            api_key,
            base_url: base_url(&options)?,
            mode: mode::resolve(&options)?,
            environment,
            bound: is_bound(&options)?,
            carrier: options.carrier,
            timeout: Duration::from_millis(timeout),
            max_retries: u32::try_from(max_retries).unwrap_or(u32::MAX),
            deadline: Duration::from_millis(deadline),
            sync_interval: Duration::from_millis(sync_interval),
            max_staleness: Duration::from_millis(max_staleness),
            graceful_degradation: options.graceful_degradation.unwrap_or(true),
            degraded_limit: degraded_limit(options.degraded_limit.as_ref())?,
            retry_budget: retry_budget(options.retry_budget)?,
            paths: Paths::new(&options.paths)?,
        })
    }

    /// What a cache in this process's memory has in front of it; `None` without a key of its own.
    #[must_use]
    pub fn upstream(&self) -> Option<Upstream> {
        let api_key = self.api_key.clone()?;
        Some(Upstream { base_url: self.base_url.clone(), api_key, paths: self.paths.clone() })
    }

    /// Whether clients share what one isolate remembers: one API, by one key and the same object where
    /// one carries the requests, with one retry budget.
    #[must_use]
    pub fn shares_with(&self, other: &Self) -> bool {
        self.base_url == other.base_url
            && self.api_key == other.api_key
            && self.environment == other.environment
            && self.carrier == other.carrier
            && self.retry_budget == other.retry_budget
    }

    /// How such a cache works.
    #[must_use]
    pub fn cache(&self) -> CacheConfig {
        CacheConfig {
            sync_interval: self.sync_interval,
            max_staleness: self.max_staleness,
            graceful_degradation: self.graceful_degradation,
            lease: lease_for(self.timeout),
            ..CacheConfig::default()
        }
    }
}

fn identity(options: &ConfigOptions) -> Result<(Option<ApiKey>, Environment), Box<ClientError>> {
    let named = match options.environment.as_deref() {
        None => None,
        Some(text) => Some(
            Environment::parse(text)
                .ok_or_else(|| ClientError::config("environment must be \"live\" or \"test\""))?,
        ),
    };
    let bound = options.ledger || options.balance_cache;
    // A secret that is not set may come as an empty text; where none is needed, too, it is a mistake.
    let Some(text) = options.api_key.as_deref().filter(|text| !text.is_empty()) else {
        if bound && options.api_key.is_none() {
            return Ok((None, named.unwrap_or(Environment::Live)));
        }
        return Err(ClientError::config(
            "apiKey is missing: pass a ce_live_ or ce_test_ key (is the secret set in this \
             environment?), or a ledger or balanceCache namespace",
        ));
    };
    let (key, environment) = ApiKey::parse(text)?;
    if named.is_some_and(|named| named != environment) {
        return Err(ClientError::config(
            "environment and the apiKey's prefix disagree: ce_live_ is live, ce_test_ is test",
        ));
    }
    Ok((Some(key), environment))
}

/// Whether calls go to an object. There is one way of a call, so what names one stands alone.
fn is_bound(options: &ConfigOptions) -> Result<bool, Box<ClientError>> {
    let ways = [options.ledger, options.balance_cache, options.fetcher];
    if ways.into_iter().filter(|given| *given).count() > 1 {
        return Err(ClientError::config("fetcher, ledger and balanceCache exclude each other"));
    }
    Ok(options.ledger || options.balance_cache)
}

fn base_url(options: &ConfigOptions) -> Result<String, Box<ClientError>> {
    if options.ledger {
        return Ok(LEDGER_ORIGIN.to_owned());
    }
    if options.balance_cache {
        return Ok(BALANCE_CACHE_ORIGIN.to_owned());
    }
    match &options.base_url {
        None => Ok(DEFAULT_BASE_URL.to_owned()),
        Some(parts) => parts.to_base().map_err(|problem| {
            let mut message = "baseUrl ".to_owned();
            message.push_str(problem);
            ClientError::config(&message)
        }),
    }
}

fn ages(options: &ConfigOptions) -> Result<(u64, u64), Box<ClientError>> {
    let sync_interval = SYNC_INTERVAL_MS.check("syncIntervalMs", options.sync_interval_ms)?;
    let max_staleness = match options.max_staleness_ms {
        // A long interval without a word on staleness means: as stale as that interval makes it.
        None => MAX_STALENESS_MS.default.max(sync_interval),
        given => MAX_STALENESS_MS.check("maxStalenessMs", given)?,
    };
    if max_staleness < sync_interval {
        return Err(ClientError::config(
            "maxStalenessMs must be at least syncIntervalMs: a snapshot would be refused before \
             it is refreshed",
        ));
    }
    Ok((sync_interval, max_staleness))
}

fn degraded_limit(given: Option<&RawAmount>) -> Result<Credits, Box<ClientError>> {
    let limit = match given {
        None => Credits::from_minor_units(DEFAULT_DEGRADED_LIMIT),
        Some(raw) => match raw.kind.as_str() {
            "number" => Credits::from_number_text(&raw.text, Scale::CREDITS).ok(),
            "string" => Credits::from_decimal_text(&raw.text, Scale::CREDITS).ok(),
            _ => None,
        },
    };
    limit
        .filter(|limit| !limit.is_negative())
        .ok_or_else(|| ClientError::config("degradedLimit must be an amount of credits, 0 or more"))
}

fn retry_budget(
    option: Option<RetryBudgetOption>,
) -> Result<Option<BudgetLimits>, Box<ClientError>> {
    let figures = match option {
        Some(RetryBudgetOption::Switch(false)) => return Ok(None),
        None | Some(RetryBudgetOption::Switch(true)) => BudgetFigures::default(),
        Some(RetryBudgetOption::Figures(figures)) => figures,
    };
    let percent = BUDGET_PERCENT.check("retryBudget.percent", figures.percent)?;
    let burst = BUDGET_BURST.check("retryBudget.burst", figures.burst)?;
    let narrow = |value| u32::try_from(value).unwrap_or(u32::MAX);
    Ok(Some(BudgetLimits { percent: narrow(percent), burst: narrow(burst) }))
}

#[cfg(test)]
mod tests;
