//! The options as a shell hands them over: read, not yet judged. (Tests read them from JSON; the
//! wasm client field by field, because a general decoder costs it a third of its size.)

use alloc::string::String;

use crate::client::arguments::RawAmount;
use crate::config::address::UrlParts;
use crate::config::paths::PathOptions;

/// The options of `new CreditEngine(…)` as a shell hands them over. Callbacks and bindings stay in
/// the shell; what matters here is whether they were given.
///
/// It has no `Debug`: it holds the API key.
#[derive(Clone, Default)]
#[cfg_attr(test, derive(serde::Deserialize), serde(rename_all = "camelCase", default))]
pub struct ConfigOptions {
    /// `ce_live_…` or `ce_test_…`.
    pub api_key: Option<String>,
    /// The pieces of the base URL; [`super::DEFAULT_BASE_URL`] when absent.
    pub base_url: Option<UrlParts>,
    /// `auto`, `stateless` or `persistent`.
    pub mode: Option<String>,
    /// `live` or `test`; the API key's prefix says it too.
    pub environment: Option<String>,
    /// See [`super::TIMEOUT_MS`].
    pub timeout_ms: Option<u64>,
    /// See [`super::MAX_RETRIES`].
    pub max_retries: Option<u64>,
    /// See [`super::DEADLINE_MS`].
    pub deadline_ms: Option<u64>,
    /// See [`super::SYNC_INTERVAL_MS`].
    pub sync_interval_ms: Option<u64>,
    /// See [`super::MAX_STALENESS_MS`].
    pub max_staleness_ms: Option<u64>,
    /// Whether operations go on while the API is away; true when absent.
    pub graceful_degradation: Option<bool>,
    /// What a gate may allow meanwhile, per customer and isolate; 1,000 credits when absent.
    pub degraded_limit: Option<RawAmount>,
    /// `true`, `false`, or `{percent, burst}`.
    pub retry_budget: Option<RetryBudgetOption>,
    /// Paths that differ from the API's own.
    pub paths: PathOptions,
    /// Whether a ledger namespace was given: calls then go to the customer's object, without a key.
    pub ledger: bool,
    /// Whether a cache namespace was given: likewise.
    pub balance_cache: bool,
    /// Whether an object with a `fetch` method was given.
    pub fetcher: bool,
    /// The number of the object that carries the requests, where one was given: the same object has
    /// the same number, and no other has.
    pub carrier: Option<u64>,
    /// Whether the host is one of the edge, whose isolates end and multiply at will.
    pub edge_host: bool,
    /// A variable of the environment that a platform of short-lived processes sets.
    pub platform_variable: Option<String>,
}

/// The `retryBudget` option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Deserialize), serde(untagged))]
pub enum RetryBudgetOption {
    /// On with its defaults, or off.
    Switch(bool),
    /// On with these figures.
    Figures(BudgetFigures),
}

/// The object form of `retryBudget`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Deserialize), serde(default))]
pub struct BudgetFigures {
    /// See [`super::BUDGET_PERCENT`].
    pub percent: Option<u64>,
    /// See [`super::BUDGET_BURST`].
    pub burst: Option<u64>,
}
