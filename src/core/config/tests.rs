//! Every option: its default, its bounds, and what is said beyond them.

use super::*;
use std::format;
use std::string::{String, ToString as _};
use std::vec::Vec;

const KEY: &str = "ce_test_0123456789abcdef";

fn options(json: &str) -> ConfigOptions {
    let mut options: ConfigOptions = serde_json::from_str(json).unwrap();
    if options.api_key.is_none() && !options.ledger && !options.balance_cache {
        options.api_key = Some(KEY.to_owned());
    }
    options
}

fn config(json: &str) -> ClientConfig {
    ClientConfig::new(options(json)).map_err(|error| error.message).unwrap()
}

/// The message of the refusal; every refusal has the same code and effect.
fn refusal(json: &str) -> String {
    let error = ClientConfig::new(options(json)).err().unwrap_or_else(|| panic!("{json} passed"));
    assert_eq!(error.code, "invalid_config");
    assert_eq!(error.effect, crate::error::Effect::NotApplied);
    assert!(!error.retryable);
    assert!(!error.to_json().contains("0123456789abcdef"), "{json}");
    error.message
}

#[test]
fn defaults_are_those_of_the_readme() {
    let config = config("{}");
    assert_eq!(config.base_url, "https://api.creditengine.dev");
    assert_eq!(config.mode, Mode::Memory);
    assert_eq!(config.environment, Environment::Test);
    assert_eq!(config.timeout, Duration::from_secs(10));
    assert_eq!(config.max_retries, 2);
    assert_eq!(config.deadline, Duration::from_secs(50));
    assert_eq!(config.sync_interval, Duration::from_secs(30));
    assert_eq!(config.max_staleness, Duration::from_secs(90));
    assert!(config.graceful_degradation);
    assert_eq!(config.degraded_limit.decimal(Scale::CREDITS).to_string(), "1000");
    assert_eq!(config.retry_budget, Some(BudgetLimits { percent: 10, burst: 10 }));
    assert!(!config.bound);
}

#[test]
fn the_deadline_follows_timeout_and_retries() {
    assert_eq!(config(r#"{"timeoutMs":500,"maxRetries":0}"#).deadline.as_millis(), 20_500);
    assert_eq!(config(r#"{"timeoutMs":500,"maxRetries":10}"#).deadline.as_millis(), 25_500);
    assert_eq!(config(r#"{"timeoutMs":500,"deadlineMs":700}"#).deadline.as_millis(), 700);
    // The longest timeout and the most retries: the default may exceed what an option may say.
    assert_eq!(config(r#"{"timeoutMs":600000,"maxRetries":10}"#).deadline.as_millis(), 6_620_000);
}

#[test]
fn integers_at_their_bounds() {
    for (name, bounds) in [
        ("timeoutMs", TIMEOUT_MS),
        ("maxRetries", MAX_RETRIES),
        ("deadlineMs", DEADLINE_MS),
        ("maxStalenessMs", MAX_STALENESS_MS),
        ("syncIntervalMs", SYNC_INTERVAL_MS),
    ] {
        let with = |value: u64| match name {
            // An interval beyond the usual staleness, and a staleness below the usual interval,
            // need the other option to agree.
            "maxStalenessMs" => format!(r#"{{"{name}":{value},"syncIntervalMs":1}}"#),
            _ => format!(r#"{{"{name}":{value}}}"#),
        };
        config(&with(bounds.min));
        config(&with(bounds.max));
        let message = refusal(&with(bounds.max + 1));
        assert!(message.starts_with(name), "{message}");
        assert!(message.ends_with(&format!("from {} to {}", bounds.min, bounds.max)), "{message}");
        if bounds.min > 0 {
            refusal(&with(bounds.min - 1));
        }
    }
}

#[test]
fn staleness_is_never_below_the_sync_interval() {
    let config = config(r#"{"syncIntervalMs":120000}"#);
    assert_eq!(config.max_staleness, Duration::from_secs(120));
    assert!(refusal(r#"{"maxStalenessMs":29999}"#).contains("syncIntervalMs"));
}

#[test]
fn keys_and_environments() {
    assert_eq!(config(r#"{"apiKey":"ce_live_x"}"#).environment, Environment::Live);
    assert_eq!(
        config(r#"{"apiKey":"ce_live_x","environment":"live"}"#).environment.as_str(),
        "live"
    );
    for (json, part) in [
        (r#"{"apiKey":"ce_live_0123456789abcdef","environment":"test"}"#, "disagree"),
        (r#"{"apiKey":"ce_test_0123456789abcdef","environment":"live"}"#, "disagree"),
        (r#"{"environment":"Live"}"#, "environment must be"),
        (r#"{"apiKey":""}"#, "is missing"),
        (r#"{"apiKey":"","ledger":true}"#, "is missing"),
        (r#"{"apiKey":"sk_0123456789abcdef"}"#, "must start with"),
        (r#"{"apiKey":"ce_test_"}"#, "malformed"),
        (r#"{"apiKey":"ce_test_0123456789abcdef\n"}"#, "malformed"),
        (r#"{"apiKey":"ce_test_0123456789abcdef é"}"#, "malformed"),
    ] {
        let message = refusal(json);
        assert!(message.contains(part), "{json}: {message}");
    }
    let long = |digits| format!(r#"{{"apiKey":"ce_test_{}"}}"#, "x".repeat(digits));
    config(&long(247));
    assert!(refusal(&long(248)).contains("malformed"));
    let missing = ClientConfig::new(ConfigOptions::default()).err().unwrap();
    assert!(missing.message.contains("apiKey is missing"));
}

#[test]
fn a_ledger_needs_no_key() {
    let live = config(r#"{"ledger":true}"#);
    assert!(live.api_key.is_none());
    assert_eq!(live.environment, Environment::Live);
    assert_eq!(live.base_url, LEDGER_ORIGIN);
    assert_eq!(config(r#"{"ledger":true,"environment":"test"}"#).environment, Environment::Test);
    let keyed = config(&format!(r#"{{"ledger":true,"apiKey":"{KEY}"}}"#));
    assert_eq!(keyed.environment, Environment::Test);
}

#[test]
fn a_cache_object_needs_no_key_and_stands_alone() {
    let live = config(r#"{"balanceCache":true}"#);
    assert!(live.api_key.is_none() && live.bound);
    assert_eq!(live.environment, Environment::Live);
    assert_eq!(live.base_url, BALANCE_CACHE_ORIGIN);
    let keyed = config(&format!(r#"{{"balanceCache":true,"apiKey":"{KEY}"}}"#));
    assert_eq!(keyed.environment, Environment::Test);
    for pair in [
        r#"{"balanceCache":true,"ledger":true}"#,
        r#"{"balanceCache":true,"fetcher":true}"#,
        r#"{"ledger":true,"fetcher":true}"#,
    ] {
        assert!(refusal(pair).contains("exclude each other"), "{pair}");
    }
}

#[test]
fn modes_by_the_table() {
    use Mode::{Memory, Remote, Stateless};
    let url = r#""baseUrl":{"protocol":"https:","host":"x.dev","hostname":"x.dev","pathname":"/"}"#;
    let (edge, vercel) = (r#""edgeHost":true"#, r#""platformVariable":"VERCEL""#);
    let (auto, persistent) = (r#""mode":"auto""#, r#""mode":"persistent""#);
    let (cache, ledger) = (r#""balanceCache":true"#, r#""ledger":true"#);
    let (fetcher, stateless) = (r#""fetcher":true"#, r#""mode":"stateless""#);
    let table: &[(&[&str], Mode)] = &[
        (&[], Memory),
        (&[auto], Memory),
        (&[auto, url], Memory),
        (&[auto, fetcher], Memory),
        (&[auto, ledger], Stateless),
        (&[auto, edge], Stateless),
        (&[auto, edge, url], Stateless),
        (&[auto, vercel], Stateless),
        (&[auto, cache], Remote),
        (&[auto, cache, edge], Remote),
        (&[cache, vercel], Remote),
        (&[stateless], Stateless),
        (&[stateless, ledger, edge], Stateless),
        (&[persistent], Memory),
        (&[persistent, url], Memory),
        (&[persistent, cache, edge], Remote),
        (&[persistent, edge, url], Remote),
        (&[persistent, edge, fetcher], Remote),
        (&[persistent, vercel, url], Remote),
    ];
    for (options, mode) in table {
        let json = format!("{{{}}}", options.join(","));
        assert_eq!(config(&json).mode, *mode, "{json}");
    }
    let refused: &[(&[&str], &str)] = &[
        (&[persistent, edge], "on an edge host"),
        (&[persistent, edge, vercel], "on an edge host"),
        (&[persistent, vercel], "where VERCEL is set"),
        (&[persistent, ledger], "exclude each other"),
        (&[persistent, ledger, edge], "exclude each other"),
        (&[stateless, cache], "exclude each other"),
        (&[r#""mode":"fast""#], "mode must be"),
        (&[r#""mode":"fast""#, cache], "mode must be"),
    ];
    for (options, part) in refused {
        let json = format!("{{{}}}", options.join(","));
        let message = refusal(&json);
        assert!(message.contains(part), "{json}: {message}");
    }
    let advice = refusal(&format!("{{{persistent},{edge}}}"));
    assert!(advice.contains("balanceCache") && advice.contains("UPSTREAM_URL"), "{advice}");
}

#[test]
fn retry_budgets() {
    assert_eq!(config(r#"{"retryBudget":false}"#).retry_budget, None);
    let usual = Some(BudgetLimits { percent: 10, burst: 10 });
    assert_eq!(config(r#"{"retryBudget":true}"#).retry_budget, usual);
    assert_eq!(config(r#"{"retryBudget":{}}"#).retry_budget, usual);
    let own = Some(BudgetLimits { percent: 50, burst: 0 });
    assert_eq!(config(r#"{"retryBudget":{"percent":50,"burst":0}}"#).retry_budget, own);
    assert!(refusal(r#"{"retryBudget":{"percent":101}}"#).starts_with("retryBudget.percent"));
    assert!(refusal(r#"{"retryBudget":{"burst":1001}}"#).starts_with("retryBudget.burst"));
}

#[test]
fn degraded_limits() {
    let limit = |kind: &str, text: &str| {
        format!(r#"{{"degradedLimit":{{"type":"{kind}","text":"{text}"}}}}"#)
    };
    for (kind, text, minor_units) in
        [("number", "0", 0), ("number", "2.5", 2_500_000), ("string", "7", 7_000_000)]
    {
        assert_eq!(config(&limit(kind, text)).degraded_limit.minor_units(), minor_units);
    }
    for (kind, text) in
        [("number", "-1"), ("number", "NaN"), ("number", "-0"), ("bigint", "5"), ("object", "")]
    {
        assert!(refusal(&limit(kind, text)).starts_with("degradedLimit"));
    }
}

#[test]
fn paths_keep_their_placeholders() {
    let with = |name: &str, path: &str| {
        format!(r#"{{"paths":{{"{name}":{}}}}}"#, serde_json::to_string(path).unwrap())
    };
    let config = config(&with("voidGrant", "/api/{grant_id}/of/{id}/end"));
    assert_eq!(config.paths.void_grant.fill("a/b", "txn_1"), "/api/txn_1/of/a%2Fb/end");
    assert_eq!(config.paths.balance.fill("../x?y#z", ""), "/v1/customers/..%2Fx%3Fy%23z/balance");
    let refused = [
        ("balance", "/v1/balance"),
        ("balance", "v1/{id}"),
        ("balance", "//evil.example/{id}"),
        ("balance", "/v1/{id}/{id}"),
        ("balance", "/v1/{id}?x=1"),
        ("balance", "/v1/{id}#x"),
        ("balance", "/v1/../{id}"),
        ("balance", "/v1/{id}/{customer}"),
        ("balance", "/v1/{id}}"),
        ("balance", "/v1/{id} "),
        ("balance", "\\\\evil.example\\{id}"),
        ("consume", "/v1/{id}/{grant_id}"),
        ("voidGrant", "/v1/{id}/void"),
    ];
    for (name, path) in refused {
        assert!(refusal(&with(name, path)).starts_with("paths"), "{path}");
    }
}

#[test]
fn base_urls() {
    // protocol, host, hostname, pathname, what becomes of it
    let accepted = [
        ("https:", "x.dev", "x.dev", "/", "https://x.dev"),
        ("https:", "x.dev:8443", "x.dev", "/a/b//", "https://x.dev:8443/a/b"),
        ("http:", "localhost:8787", "localhost", "/", "http://localhost:8787"),
        ("http:", "api.localhost", "api.localhost", "/", "http://api.localhost"),
        ("http:", "127.0.0.1:1", "127.0.0.1", "/", "http://127.0.0.1:1"),
        ("http:", "127.9.9.9", "127.9.9.9", "/", "http://127.9.9.9"),
        ("http:", "[::1]:8787", "[::1]", "/", "http://[::1]:8787"),
    ];
    let parts = |(protocol, host, hostname, pathname): (&str, &str, &str, &str)| UrlParts {
        protocol: protocol.to_owned(),
        host: host.to_owned(),
        hostname: hostname.to_owned(),
        pathname: pathname.to_owned(),
        ..UrlParts::default()
    };
    let with =
        |url: UrlParts| ClientConfig::new(ConfigOptions { base_url: Some(url), ..options("{}") });
    for (protocol, host, hostname, pathname, base) in accepted {
        let config = with(parts((protocol, host, hostname, pathname))).ok().unwrap();
        assert_eq!(config.base_url, base);
    }
    let good = || parts(("https:", "x.dev", "x.dev", "/"));
    let refused: Vec<UrlParts> = [
        UrlParts::default(),
        UrlParts { username: "u".to_owned(), ..good() },
        UrlParts { password: "p".to_owned(), ..good() },
        UrlParts { search: "?a".to_owned(), ..good() },
        UrlParts { hash: "#a".to_owned(), ..good() },
    ]
    .into_iter()
    .chain(
        [
            ("http:", "x.dev", "x.dev", "/"),
            ("http:", "127.0.0.1.evil.dev", "127.0.0.1.evil.dev", "/"),
            ("http:", "127.evil", "127.evil", "/"),
            ("http:", "127.0.0.x", "127.0.0.x", "/"),
            ("http:", "localhost.evil.dev", "localhost.evil.dev", "/"),
            ("http:", "evillocalhost", "evillocalhost", "/"),
            ("http:", "10.0.0.1", "10.0.0.1", "/"),
            ("ftp:", "x.dev", "x.dev", "/"),
            ("https:", "", "", "/"),
            ("javascript:", "", "", "alert(1)"),
            ("file:", "", "", "/etc/passwd"),
        ]
        .map(parts),
    )
    .collect();
    for url in refused {
        let shown = format!("{url:?}");
        let error = with(url).err().unwrap_or_else(|| panic!("{shown} passed"));
        assert!(error.message.starts_with("baseUrl"), "{shown}");
    }
}
