use super::*;
use crate::client::clocknext::config::{
    BASE_DELAY_MS, MAX_ATTEMPTS, MAX_CONCURRENCY, MAX_DELAY_MS, MAX_INTERVAL_MS, MAX_QUEUE_SIZE,
    MAX_SIZE,
};
use crate::config::{TIMEOUT_MS, UrlParts};
use core::time::Duration;
use std::string::ToString as _;

fn refusal(options: FaceOptions) -> String {
    let error = FaceConfig::new(options).err().unwrap();
    assert_eq!(error.code, "invalid_config");
    assert!(!error.to_json().contains(KEY));
    error.message
}

#[test]
fn defaults_are_those_of_the_readme() {
    let config = config();
    assert_eq!(config.base_url, "https://app.clocknext.com");
    assert!(!config.sync);
    assert_eq!(config.timeout, Duration::from_secs(10));
    assert_eq!(config.retry.max_attempts, 5);
    assert_eq!(config.retry.base_delay, Duration::from_millis(200));
    assert_eq!(config.retry.max_delay, Duration::from_secs(10));
    assert_eq!(
        config.to_json(),
        r#"{"sync":false,"maxSize":20,"maxIntervalMs":2000,"maxConcurrency":5,"maxQueueSize":10000,"longestMs":350000}"#
    );
}

#[test]
fn figures_at_their_bounds() {
    type Set = fn(&mut FaceOptions, u64);
    let table: [(&str, crate::config::Bounds, Set); 8] = [
        ("timeoutMs", TIMEOUT_MS, |o, v| o.timeout_ms = Some(v)),
        ("batch.maxSize", MAX_SIZE, |o, v| o.max_size = Some(v)),
        ("batch.maxIntervalMs", MAX_INTERVAL_MS, |o, v| o.max_interval_ms = Some(v)),
        ("batch.maxConcurrency", MAX_CONCURRENCY, |o, v| o.max_concurrency = Some(v)),
        ("batch.maxQueueSize", MAX_QUEUE_SIZE, |o, v| o.max_queue_size = Some(v)),
        ("retry.maxAttempts", MAX_ATTEMPTS, |o, v| o.max_attempts = Some(v)),
        ("retry.baseDelayMs", BASE_DELAY_MS, |o, v| o.base_delay_ms = Some(v)),
        ("retry.maxDelayMs", MAX_DELAY_MS, |o, v| o.max_delay_ms = Some(v)),
    ];
    for (name, bounds, set) in table {
        let with = |value| {
            let mut options = options();
            set(&mut options, value);
            options
        };
        for value in [bounds.min, bounds.max] {
            assert!(FaceConfig::new(with(value)).is_ok(), "{name} {value}");
        }
        let beyond = [bounds.min.checked_sub(1), Some(bounds.max + 1)];
        for value in beyond.into_iter().flatten() {
            assert!(refusal(with(value)).starts_with(name), "{name} {value}");
        }
    }
}

#[test]
fn a_key_is_needed_and_must_fit_a_header() {
    assert!(refusal(FaceOptions::default()).starts_with("apiKey is missing"));
    for text in ["", "cnk_a b", "cnk_ä", "cnk_a\r\nx: y", &"k".repeat(256)] {
        let options = FaceOptions { api_key: Some(text.to_string()), ..FaceOptions::default() };
        assert!(refusal(options).starts_with("apiKey is malformed"), "{text:?}");
    }
}

#[test]
fn a_browser_gets_no_key_unless_it_is_meant() {
    let browser = || FaceOptions { browser: true, ..options() };
    assert!(refusal(browser()).contains("browser"));
    assert!(FaceConfig::new(FaceOptions { allow_browser: true, ..browser() }).is_ok());
}

#[test]
fn modes_and_urls() {
    let with = |mode: &str| FaceOptions { mode: Some(mode.into()), ..options() };
    assert!(FaceConfig::new(with("sync")).is_ok_and(|config| config.sync));
    assert!(FaceConfig::new(with("async")).is_ok_and(|config| !config.sync));
    assert!(refusal(with("auto")).starts_with("mode must be"));
    let parts = |protocol: &str, hostname: &str| UrlParts {
        protocol: protocol.into(),
        host: hostname.into(),
        hostname: hostname.into(),
        pathname: "/base//".into(),
        ..UrlParts::default()
    };
    let at =
        |protocol, hostname| FaceOptions { base_url: Some(parts(protocol, hostname)), ..options() };
    let config = FaceConfig::new(at("https:", "x.example")).map_err(|e| e.message).unwrap();
    assert_eq!(config.base_url, "https://x.example/base");
    assert!(refusal(at("http:", "x.example")).starts_with("baseUrl must be https"));
}
