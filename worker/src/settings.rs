//! The deployment's settings as the ledger and the cache take them.
//!
//! Decides whether a setting makes sense. One that does not is an error of every call, never a
//! default: a mistyped limit must not become no limit.

use core::time::Duration;

use edge_credits_core::analytics::pace::PaceConfig;
use edge_credits_core::cache::upstream::{Unusable, Upstream, lease_for};
use edge_credits_core::cache::{CacheConfig, HoldsAt};
use edge_credits_core::config::{Bounds, MAX_STALENESS_MS, SYNC_INTERVAL_MS, UrlParts};
use edge_credits_core::credits::{Credits, Scale};
use edge_credits_core::ids::Environment;
use edge_credits_core::ledger::LedgerConfig;
use edge_credits_core::wire::errors::{ApiError, Code};

use crate::conversation::Setup;

/// The variable with the overdraft limit.
pub(crate) const OVERDRAFT_LIMIT: &str = "OVERDRAFT_LIMIT";

/// The secret with the keys.
pub(crate) const API_KEYS: &str = "API_KEYS";

/// Reads [`OVERDRAFT_LIMIT`]: credits as decimal text, no limit where absent.
///
/// # Errors
/// `not_configured`.
pub(crate) fn ledger_config(overdraft_limit: Option<&str>) -> Result<LedgerConfig, ApiError> {
    let Some(text) = overdraft_limit else { return Ok(LedgerConfig::default()) };
    let limit = Credits::from_decimal_text(text, Scale::CREDITS).ok();
    let overdraft_limit = limit.filter(|limit| !limit.is_negative());
    if overdraft_limit.is_some() {
        return Ok(LedgerConfig { overdraft_limit });
    }
    Err(wrong(OVERDRAFT_LIMIT, "is not an amount of credits such as \"1000\" or \"0.5\""))
}

/// The variable with the time that a charge waits for others to be reported with.
pub(crate) const REPORT_DELAY_MS: &str = "REPORT_DELAY_MS";

/// Ten seconds: a customer who charges without a pause then costs six reports a minute, and analytics
/// of the environment are that much behind.
const REPORT_DELAY: Bounds = Bounds { default: 10_000, min: 1, max: 3_600_000 };

/// Reads [`REPORT_DELAY_MS`]; `directory` is whether there is one to report to.
///
/// # Errors
/// `not_configured`.
pub(crate) fn pace_config(delay: Option<&str>, directory: bool) -> Result<PaceConfig, ApiError> {
    let delay = Duration::from_millis(whole_number(REPORT_DELAY_MS, delay, REPORT_DELAY)?);
    Ok(PaceConfig { directory, delay })
}

/// The variable with the URL of the API that the worker is a cache of; without it, it is a ledger.
pub(crate) const UPSTREAM_URL: &str = "UPSTREAM_URL";

/// How long one request to the upstream may take. Callers wait for some: it stays below the time
/// after which they give up.
const TIMEOUT_MS: Bounds = Bounds { default: 10_000, min: 1, max: 60_000 };

/// How long the upstream remembers idempotency keys. An hour of it is kept as a margin.
const KEY_HOURS: Bounds = Bounds { default: 24, min: 2, max: 24 * 366 };

/// The secret with the upstream's key of an environment.
const fn upstream_key(environment: Environment) -> &'static str {
    match environment {
        Environment::Live => "UPSTREAM_KEY_LIVE",
        Environment::Test => "UPSTREAM_KEY_TEST",
    }
}

/// Reads how balances of an environment are cached. `setting` is a variable's text, `url` takes one
/// apart.
///
/// # Errors
/// `not_configured`, which names the setting.
pub(crate) fn cache(
    setting: impl Fn(&str) -> Option<String>,
    url: impl Fn(&str) -> UrlParts,
    environment: Environment,
) -> Result<Setup, ApiError> {
    let key_name = upstream_key(environment);
    let base = setting(UPSTREAM_URL).ok_or_else(|| wrong(UPSTREAM_URL, "is not set"))?;
    let key = setting(key_name).ok_or_else(|| wrong(key_name, "is not set"))?;
    let upstream =
        Upstream::new(&url(&base), &key, environment).map_err(|unusable| match unusable {
            Unusable::Url(problem) => wrong(UPSTREAM_URL, problem),
            Unusable::Key(problem) => wrong(key_name, problem),
        })?;
    let number = |name, bounds| whole_number(name, setting(name).as_deref(), bounds);
    let sync_interval = number("SYNC_INTERVAL_MS", SYNC_INTERVAL_MS)?;
    // A long interval without a word on staleness means: as stale as that interval makes it.
    let default = MAX_STALENESS_MS.default.max(sync_interval);
    let max_staleness = number("MAX_STALENESS_MS", Bounds { default, ..MAX_STALENESS_MS })?;
    if max_staleness < sync_interval {
        return Err(wrong("MAX_STALENESS_MS", "is less than SYNC_INTERVAL_MS"));
    }
    let graceful_degradation = match setting("GRACEFUL_DEGRADATION").as_deref() {
        None | Some("true") => true,
        Some("false") => false,
        Some(_) => return Err(wrong("GRACEFUL_DEGRADATION", "is neither true nor false")),
    };
    let holds = match setting("HOLDS_AT") {
        None => HoldsAt::default(),
        Some(text) => HoldsAt::parse(&text)
            .ok_or_else(|| wrong("HOLDS_AT", "is none of auto, cache and upstream"))?,
    };
    let timeout = Duration::from_millis(number("UPSTREAM_TIMEOUT_MS", TIMEOUT_MS)?);
    let hours = number("UPSTREAM_KEY_HOURS", KEY_HOURS)?;
    let config = CacheConfig {
        sync_interval: Duration::from_millis(sync_interval),
        max_staleness: Duration::from_millis(max_staleness),
        graceful_degradation,
        dedupe_window: Duration::from_secs(hours * 3600),
        lease: lease_for(timeout),
        authority: upstream.authority(),
        holds,
    };
    Ok(Setup { upstream, config, timeout })
}

/// Whether the cache can serve: one environment at least, and nothing wrong with the other.
pub(crate) fn is_cache_configured(
    setting: impl Fn(&str) -> Option<String>,
    url: impl Fn(&str) -> UrlParts,
) -> bool {
    let mut named = [Environment::Live, Environment::Test]
        .into_iter()
        .filter(|environment| setting(upstream_key(*environment)).is_some())
        .peekable();
    named.peek().is_some() && named.all(|environment| cache(&setting, &url, environment).is_ok())
}

fn whole_number(name: &str, text: Option<&str>, bounds: Bounds) -> Result<u64, ApiError> {
    let Some(text) = text else { return Ok(bounds.default) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number =
        text.parse().ok().filter(|number| digits && (bounds.min..=bounds.max).contains(number));
    number.ok_or_else(|| {
        wrong(name, &format!("is not a whole number from {} to {}", bounds.min, bounds.max))
    })
}

fn wrong(name: &str, problem: &str) -> ApiError {
    ApiError::new(Code::NotConfigured, &format!("{name} {problem}. Nothing was changed."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_by_the_table() {
        let limit = |text| ledger_config(text).map(|config| config.overdraft_limit);
        assert_eq!(limit(None).unwrap(), None);
        assert_eq!(limit(Some("0")).unwrap(), Some(Credits::ZERO));
        assert_eq!(limit(Some("12.5")).unwrap(), Credits::from_minor_units(12_500_000));
        for wrong in ["", "-1", "none", "1e3", " 1", "0.0000001", "99999999999"] {
            assert_eq!(limit(Some(wrong)).unwrap_err().code, Code::NotConfigured, "{wrong:?}");
        }
    }

    #[test]
    fn a_report_waits_ten_seconds_unless_told() {
        let delay = |text| pace_config(text, true).map(|config| config.delay.as_millis());
        assert_eq!(delay(None).unwrap(), 10_000);
        assert_eq!(delay(Some("50")).unwrap(), 50);
        for wrong in ["", "0", "-1", "1.5", "3600001", "soon"] {
            assert_eq!(delay(Some(wrong)).unwrap_err().code, Code::NotConfigured, "{wrong:?}");
        }
    }

    /// As the runtime takes `https://host/path` apart; other texts are no URL.
    fn url(text: &str) -> UrlParts {
        let Some((protocol, rest)) = text.split_once("//") else { return UrlParts::default() };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        UrlParts {
            protocol: protocol.to_owned(),
            host: host.to_owned(),
            hostname: host.to_owned(),
            pathname: format!("/{path}"),
            ..UrlParts::default()
        }
    }

    fn read(settings: &[(&str, &str)], environment: Environment) -> Result<Setup, String> {
        let base = [
            ("UPSTREAM_URL", "https://api.example.com/"),
            ("UPSTREAM_KEY_LIVE", "ce_live_secret"),
            ("UPSTREAM_KEY_TEST", "ce_test_secret"),
        ];
        let all: Vec<(&str, &str)> = settings.iter().chain(&base).copied().collect();
        let setting = |name: &str| {
            let found = all.iter().find(|(other, _)| *other == name);
            found.map(|(_, text)| (*text).to_owned()).filter(|text| text != "absent")
        };
        cache(setting, url, environment).map_err(|error| {
            assert_eq!(error.code, Code::NotConfigured);
            assert!(!error.message.contains("secret"), "{}", error.message);
            error.message
        })
    }

    #[test]
    fn the_cache_has_defaults() {
        let setup = read(&[], Environment::Live).unwrap_or_else(|error| panic!("{error}"));
        let seconds = Duration::from_secs;
        assert_eq!((setup.timeout, setup.config.lease), (seconds(10), seconds(15)));
        assert_eq!(
            (setup.config.sync_interval, setup.config.max_staleness),
            (seconds(30), seconds(90))
        );
        assert_eq!(setup.config.dedupe_window, seconds(24 * 3_600));
        assert!(setup.config.graceful_degradation);
        assert_eq!(setup.config.holds, HoldsAt::Auto);
        let kept = read(&[("HOLDS_AT", "cache")], Environment::Live);
        assert_eq!(kept.map(|setup| setup.config.holds).ok(), Some(HoldsAt::Cache));
        let other = read(&[], Environment::Test).unwrap_or_else(|error| panic!("{error}"));
        assert_ne!(setup.config.authority, other.config.authority);
        assert!(setup.config.authority < 1 << 48);
        let slow = [("SYNC_INTERVAL_MS", "100000")];
        let slow = read(&slow, Environment::Live).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(slow.config.max_staleness, seconds(100));
    }

    #[test]
    fn a_wrong_setting_is_told_by_its_name() {
        let table = [
            ("UPSTREAM_URL", "absent"),
            ("UPSTREAM_URL", "nonsense"),
            ("UPSTREAM_URL", "http://api.example.com"),
            ("UPSTREAM_URL", "ftp://api.example.com"),
            ("UPSTREAM_KEY_LIVE", "absent"),
            ("UPSTREAM_KEY_LIVE", "ce_test_secret"),
            ("UPSTREAM_KEY_LIVE", "secret"),
            ("UPSTREAM_KEY_LIVE", "ce_live_secret and more"),
            ("SYNC_INTERVAL_MS", "0"),
            ("SYNC_INTERVAL_MS", ""),
            ("SYNC_INTERVAL_MS", "+5"),
            ("MAX_STALENESS_MS", "29999"),
            ("MAX_STALENESS_MS", "86400001"),
            ("GRACEFUL_DEGRADATION", "no"),
            ("UPSTREAM_TIMEOUT_MS", "60001"),
            ("HOLDS_AT", "edge"),
            ("UPSTREAM_KEY_HOURS", "1"),
        ];
        for (name, text) in table {
            let told = read(&[(name, text)], Environment::Live).err().unwrap();
            assert!(told.starts_with(&format!("{name} ")), "{name}={text}: {told}");
        }
    }

    #[test]
    fn one_environment_is_enough_for_a_cache() {
        let configured = |settings: &[(&str, &str)]| {
            let setting = |name: &str| {
                let found = settings.iter().find(|(other, _)| *other == name);
                found.map(|(_, text)| (*text).to_owned())
            };
            is_cache_configured(setting, url)
        };
        let base = ("UPSTREAM_URL", "https://api.example.com");
        let (live, test) = (("UPSTREAM_KEY_LIVE", "ce_live_x"), ("UPSTREAM_KEY_TEST", "ce_test_x"));
        assert!(configured(&[base, live]) && configured(&[base, live, test]));
        assert!(!configured(&[base]) && !configured(&[live]));
        assert!(!configured(&[base, live, ("UPSTREAM_KEY_TEST", "ce_live_x")]));
    }
}
