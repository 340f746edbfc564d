//! The adapter table (D18): every status and code has its edge.

use crate::cache::upstream::{Unusable, Upstream, batch_outcome, batch_outcomes, outcome, reading};
use crate::cache::{OutboxRow, Outcome, Store as _};
use crate::config::UrlParts;
use crate::credits::Credits;
use crate::error::Effect;
use crate::http::Response;
use crate::ids::{Environment, Unit};
use crate::time::Timestamp;
use crate::wire::reading::Said;
use core::time::Duration;
use std::borrow::ToOwned as _;
use std::string::String;
use std::vec::Vec;

fn response(status: u16, body: &str, headers: &[(&str, &str)]) -> Response {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Response { status, headers: headers.iter().map(own).collect(), body: body.to_owned() }
}

fn judged(status: u16, body: &str) -> Outcome {
    let response = response(status, body, &[]);
    outcome(&response, &Said::read(body), &Unit::credits(), Timestamp::EPOCH)
}

/// The edge in a word.
fn edge(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Applied(receipt) if receipt.replayed => "replayed",
        Outcome::Applied(_) => "applied",
        Outcome::Rejected { .. } => "rejected",
        Outcome::Refused { .. } => "quarantined",
        Outcome::Paused { .. } => "paused",
        Outcome::Singly => "singly",
        Outcome::Again { effect: Effect::NotApplied, .. } => "again",
        Outcome::Again { .. } => "again, unknown",
    }
}

#[test]
fn charges_by_the_table() {
    let table = [
        (200, "{}", "applied"),
        (201, r#"{"balance":1,"sequence":2}"#, "applied"),
        (200, r#"{"replayed":true}"#, "replayed"),
        (200, "", "again, unknown"),
        (200, "<html>", "again, unknown"),
        (200, "[1]", "again, unknown"),
        (204, "", "again, unknown"),
        (302, "{}", "again, unknown"),
        (400, "{}", "quarantined"),
        (401, "{}", "paused"),
        (402, "{}", "rejected"),
        (403, "{}", "paused"),
        (403, r#"{"error":{"code":"customer_closed","message":"x"}}"#, "rejected"),
        (404, "{}", "quarantined"),
        (404, "<html>", "again, unknown"),
        (422, "", "again, unknown"),
        (405, "{}", "quarantined"),
        (408, "{}", "again, unknown"),
        (409, r#"{"error":{"code":"idempotency_key_in_use"}}"#, "again, unknown"),
        (409, r#"{"error":{"code":"duplicate"}}"#, "again, unknown"),
        (413, "{}", "quarantined"),
        (415, "{}", "quarantined"),
        (422, r#"{"error":{"code":"idempotency_key_reused"}}"#, "quarantined"),
        (425, "{}", "again"),
        (429, "{}", "again"),
        (500, "{}", "again, unknown"),
        (502, "{}", "again, unknown"),
        (503, "{}", "again, unknown"),
        (503, r#"{"error":{"code":"not_configured"}}"#, "again"),
        (520, "{}", "again, unknown"),
        (599, "{}", "again, unknown"),
        (99, "{}", "again, unknown"),
    ];
    for (status, body, expected) in table {
        assert_eq!(edge(&judged(status, body)), expected, "{status} {body}");
    }
    for status in 0..1_000 {
        let word = edge(&judged(status, "nonsense"));
        assert!(word != "applied" && word != "replayed", "{status}");
    }
}

#[test]
fn receipts_are_read() {
    let body = r#"{"balance":"12.5","sequence":7,"transaction_id":"tx-1","credit_name":"Coins"}"#;
    let Outcome::Applied(receipt) = judged(200, body) else { panic!() };
    assert_eq!(receipt.balance, Credits::from_minor_units(12_500_000));
    assert_eq!((receipt.sequence, receipt.id.as_deref()), (Some(7), Some("tx-1")));
    for odd in [r#"{"balance":1e99}"#, r#"{"balance":"x"}"#, r#"{"balance":null}"#, "{}"] {
        let Outcome::Applied(receipt) = judged(200, odd) else { panic!() };
        assert_eq!(receipt.balance, None, "{odd}");
    }
    for odd in ["-1", "1.5", "1e3", "\"7\"", "9007199254740992", "99999999999999999999999"] {
        let body = std::format!(r#"{{"sequence":{odd}}}"#);
        let Outcome::Applied(receipt) = judged(200, &body) else { panic!() };
        assert_eq!(receipt.sequence, None, "{odd}");
    }
    let marked = response(200, "{}", &[("idempotent-replayed", "true")]);
    let unit = Unit::credits();
    let Outcome::Applied(receipt) = outcome(&marked, &Said::read("{}"), &unit, Timestamp::EPOCH)
    else {
        panic!()
    };
    assert!(receipt.replayed);
}

#[test]
fn an_echoed_key_is_no_code() {
    let body = r#"{"error":{"code":"ce_live_0123456789abcdef"}}"#;
    let Outcome::Paused { code } = judged(401, body) else { panic!() };
    assert_eq!(code, "invalid_api_key");
}

#[test]
fn balances_with_the_noise_of_floats_are_taken_for_what_is_there() {
    let table = [
        ("44.99899999999", Some(44_998_999)),
        ("0.30000000000000004", Some(300_000)),
        ("-0.30000000000000004", Some(-300_001)),
        ("12.3456789", Some(12_345_678)),
        ("12.3456785e1", Some(123_456_785)),
        ("1.23456785e1", None),
        ("1e-7", Some(0)),
        ("5.551115123125783e-17", Some(0)),
        ("-5.551115123125783e-17", Some(-1)),
        ("12345.678912e-2", Some(123_456_789)),
        ("1.0000001e-999", None),
        ("-0.00000000001", Some(-1)),
        ("\"7.00000000001\"", Some(7_000_000)),
        ("\"7.0000000000x\"", None),
    ];
    for (balance, expected) in table {
        let body = std::format!(r#"{{"balance":{balance}}}"#);
        let Outcome::Applied(receipt) = judged(200, &body) else { panic!() };
        assert_eq!(receipt.balance.map(Credits::minor_units), expected, "{balance}");
    }
}

#[test]
fn a_batch_as_a_whole_settles_nothing() {
    let table = [
        (200, "again, unknown"),
        (400, "singly"),
        (401, "paused"),
        (402, "singly"),
        (404, "singly"),
        (413, "singly"),
        (429, "again"),
        (500, "again, unknown"),
    ];
    let judged = |status, body| {
        let response = response(status, body, &[]);
        batch_outcome(&response, &Said::read(body), &Unit::credits(), Timestamp::EPOCH)
    };
    for (status, expected) in table {
        assert_eq!(edge(&judged(status, "{}")), expected, "{status}");
    }
    for status in [404, 405, 413] {
        assert_eq!(edge(&judged(status, "<html>")), "singly", "{status}");
    }
}

#[test]
fn readings_by_the_table() {
    let read = |status, body: &str, headers: &[(&str, &str)]| {
        let response = response(status, body, headers);
        reading(&response, &Said::read(body), &Unit::credits(), Timestamp::EPOCH)
    };
    let good = read(200, r#"{"balance":5,"sequence":3,"credit_name":"AI Credits"}"#, &[]).unwrap();
    assert_eq!((good.sequence, good.ours), (Some(3), false));
    assert_eq!(good.credit_name.as_deref(), Some("AI Credits"));
    assert!(read(200, r#"{"balance":5}"#, &[("x-edge-credits", "1")]).unwrap().ours);
    for (status, body) in [(200, "{}"), (200, "x"), (204, ""), (302, r#"{"balance":5}"#)] {
        assert!(!read(status, body, &[]).unwrap_err().answered, "{status} {body}");
    }
    let table = [(400, true), (404, true), (408, false), (429, false), (500, false), (503, false)];
    for (status, answered) in table {
        let failure = read(status, "{}", &[("retry-after", "7")]).unwrap_err();
        assert_eq!((failure.answered, failure.refused), (answered, None), "{status}");
        assert_eq!(failure.after, Some(Duration::from_secs(7)));
    }
    assert!(!read(404, "<html>", &[]).unwrap_err().answered, "a proxy's page");
    for status in [401, 403] {
        assert!(read(status, "{}", &[]).unwrap_err().refused.is_some());
    }
}

#[test]
fn requests_carry_the_same_bytes_alone_and_in_a_batch() {
    let mut desk = super::desk::Desk::with_balance(100);
    desk.gate("k-1", 1);
    desk.gate("k-2", 2);
    let rows: Vec<OutboxRow> = desk.keeper.store().open(0, 9).unwrap();
    let base = UrlParts {
        protocol: "https:".into(),
        host: "api.example".into(),
        pathname: "/base/".into(),
        ..UrlParts::default()
    };
    let upstream = Upstream::new(&base, "ce_live_secret", Environment::Live).unwrap();
    let customer = crate::ids::CustomerId::parse("org/7").unwrap();
    let single = upstream.send(&customer, &rows[0]);
    assert_eq!(single.url, "https://api.example/base/v1/customers/org%2F7/consume");
    assert_eq!(single.body.as_deref(), Some(rows[0].body.as_str()));
    let header = |name: &str| -> Option<String> {
        single.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
    };
    assert_eq!(header("idempotency-key").as_deref(), Some("k-1"));
    assert_eq!(header("authorization").as_deref(), Some("Bearer ce_live_secret"));
    let batch = upstream.send_batch(&customer, &rows);
    let expected = std::format!(r#"{{"items":[{},{}]}}"#, rows[0].body, rows[1].body);
    assert_eq!(batch.body.as_ref(), Some(&expected));
    // Our own worker takes every item of it.
    let taken = crate::wire::batch::parse_batch(&expected).unwrap().batch;
    assert_eq!(taken.lookups(&desk.owner).len(), rows.len());
    let unit = Unit::parse("api").unwrap();
    let read = upstream.read(&customer, &unit);
    assert_eq!(read.url, "https://api.example/base/v1/customers/org%2F7/balance?unit=api");
}

#[test]
fn a_batch_is_judged_item_by_item() {
    let mut desk = super::desk::Desk::with_balance(100);
    for key in ["k-1", "k-2", "k-3"] {
        desk.gate(key, 1);
    }
    let rows = desk.keeper.store().open(0, 9).unwrap();
    let judged = |response: Option<&Response>| -> Vec<(u64, &'static str)> {
        let outcomes = batch_outcomes(response, &rows, Timestamp::EPOCH);
        outcomes.iter().map(|(position, outcome)| (*position, edge(outcome))).collect()
    };
    let items = r#"{"results":[{"status":200,"body":{"balance":1,"sequence":7}},
                    {"status":402,"body":{"error":{"code":"insufficient_credits"}}},
                    {"status":500,"body":{}}]}"#;
    let answered = response(200, items, &[]);
    assert_eq!(judged(Some(&answered)), [(1, "applied"), (2, "rejected"), (3, "again, unknown")]);
    // Fewer results than items, another status, no answer: nothing is known of any.
    let all = |word| [(1, word), (2, word), (3, word)];
    assert_eq!(judged(Some(&response(200, r#"{"results":[]}"#, &[]))), all("again, unknown"));
    assert_eq!(judged(Some(&response(502, items, &[]))), all("again, unknown"));
    assert_eq!(judged(None), all("again, unknown"));
    assert_eq!(judged(Some(&response(404, "{}", &[]))), all("singly"));
}

#[test]
fn an_upstream_is_entered_by_a_key_of_its_environment() {
    let base = |protocol: &str, hostname: &str| UrlParts {
        protocol: protocol.into(),
        host: hostname.into(),
        hostname: hostname.into(),
        ..UrlParts::default()
    };
    let new = |base: &UrlParts, key, environment| Upstream::new(base, key, environment).err();
    let api = base("https:", "api.example");
    assert_eq!(new(&api, "ce_test_a", Environment::Test), None);
    assert_eq!(new(&base("http:", "127.0.0.1"), "ce_live_a", Environment::Live), None);
    for (key, environment) in [
        ("ce_test_a", Environment::Live),
        ("ce_live_a", Environment::Test),
        ("ce_live_", Environment::Live),
        ("secret", Environment::Live),
        ("ce_live_a\r\nx: y", Environment::Live),
    ] {
        assert!(matches!(new(&api, key, environment), Some(Unusable::Key(_))), "{key}");
    }
    for base in [base("http:", "api.example"), base("ftp:", "api.example"), UrlParts::default()] {
        assert!(matches!(new(&base, "ce_live_a", Environment::Live), Some(Unusable::Url(_))));
    }
    let authority = |key| Upstream::new(&api, key, Environment::Live).unwrap().authority();
    assert_eq!(authority("ce_live_a"), authority("ce_live_a"));
    assert_ne!(authority("ce_live_a"), authority("ce_live_b"));
    assert!(authority("ce_live_a") < 1 << 48, "it is stored as a JSON number");
}
