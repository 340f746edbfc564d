//! What is for sale, and what may be ordered.

use std::borrow::ToOwned;
use std::format;
use std::string::String;

use crate::config::UrlParts;
use crate::credits::Credits;
use crate::entropy::Entropy;
use crate::ids::Environment;
use crate::topup::order::*;
use crate::topup::packs::*;
use crate::wire::errors::{ApiError, Code};
use crate::wire::requests::KeySource;

/// Enough of a parser for these tests.
pub(super) fn url(text: &str) -> UrlParts {
    let Some((scheme, rest)) = text.split_once("://") else { return UrlParts::default() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, _) = rest.split_at(end);
    let (username, host) = authority.split_once('@').unwrap_or(("", authority));
    let port = host.rfind(':').filter(|at| !host[*at..].contains(']'));
    let hostname = &host[..port.unwrap_or(host.len())];
    UrlParts {
        protocol: format!("{scheme}:"),
        host: host.to_owned(),
        hostname: hostname.to_owned(),
        username: username.to_owned(),
        ..UrlParts::default()
    }
}

pub(super) fn order(more: &str) -> Result<Order, ApiError> {
    let entropy = Entropy::new([7; 16]);
    let body = format!(
        r#"{{"customer_id":"cus_1","success_url":"https://a.example/ok?s={{CHECKOUT_SESSION_ID}}",
            "cancel_url":"http://localhost:3000/no"{more}}}"#
    );
    Order::parse(&body, &KeySource { header: Some("key-1"), entropy: &entropy }, url)
}

fn packs(text: &str) -> Result<Packs, ApiError> {
    Packs::parse(Some(text), Environment::Live)
}

const LIST: &str = r#"[
    {"price":"price_small","credits":500},
    {"price":"price_big","credits":"5000.5","default":true,"product":"big","expires_after_days":365},
    {"price":"price_t","credits":500,"env":"test","default":true},
    {"price":"price_l","credits":700,"env":"live"},
    {"price":"price_usd","credits":"0.000000001","unit":"usd"}
]"#;

#[test]
fn a_pack_goes_by_its_price_its_size_or_the_default() {
    let chosen = |environment, wanted: &Wanted| {
        let packs = Packs::parse(Some(LIST), environment).unwrap();
        packs.choose(wanted).map(|pack| pack.price.clone()).map_err(|error| error.code)
    };
    let size = |whole: i64| Wanted::Credits(Credits::from_minor_units(whole * 1_000_000).unwrap());
    let price = |price: &str| Wanted::Price(price.to_owned());
    let (live, no) = (Environment::Live, Err(Code::UnknownPack));
    let own = |text: &str| Ok(text.to_owned());
    assert_eq!(chosen(live, &size(500)), own("price_small"));
    assert_eq!(chosen(live, &size(700)), own("price_l"));
    assert_eq!(chosen(live, &size(501)), no);
    assert_eq!(chosen(live, &price("price_usd")), own("price_usd"));
    assert_eq!(chosen(live, &price("price_t")), no);
    assert_eq!(chosen(live, &price("PRICE_BIG")), no);
    assert_eq!(chosen(live, &Wanted::Default), own("price_big"));
    let first = packs(r#"[{"price":"p1","credits":1},{"price":"p2","credits":2}]"#).unwrap();
    assert_eq!(first.choose(&Wanted::Default).unwrap().price, "p1");
}

#[test]
fn two_defaults_are_one_too_many_where_they_meet() {
    // `price_big` is in both environments, `price_t` in the sandbox.
    let error = Packs::parse(Some(LIST), Environment::Test).unwrap_err();
    assert!(error.message.contains("two defaults"), "{}", error.message);
}

#[test]
fn whoever_asks_for_what_is_not_there_is_told_what_is() {
    let packs = packs(LIST).unwrap();
    let error = packs.choose(&Wanted::Price("x".to_owned())).unwrap_err();
    let details = String::from(error.details.unwrap().get());
    assert!(
        details.starts_with(
            r#"{"param":"price_id","packs":[{"price_id":"price_small","credits":500}"#
        )
    );
    assert!(details.contains(r#"{"price_id":"price_big","credits":5000.5}"#));
    let none = Packs::parse(None, Environment::Live).unwrap();
    assert_eq!(none.choose(&Wanted::Default).unwrap_err().code, Code::TopupNotConfigured);
    let sandbox = none.or_sandbox();
    assert_eq!(sandbox.choose(&Wanted::Default).unwrap().amount(), "1000");
}

#[test]
fn lists_that_make_no_sense_are_told_where() {
    let many = format!("[{}]", [r#"{"price":"p","credits":1}"#; MAX_PACKS + 1].join(","));
    let table = [
        ("{}", "JSON list"),
        ("[{\"hush\":1}]", "line 1"),
        ("[{\"price\":\"p\"}]", "line 1"),
        (r#"[{"price":"p","credits":1},{"price":"","credits":1}]"#, "entry 2: price"),
        (r#"[{"price":"p p","credits":1}]"#, "entry 1: price"),
        (r#"[{"price":"p","credits":0}]"#, "entry 1: credits"),
        (r#"[{"price":"p","credits":-1}]"#, "entry 1: credits"),
        (r#"[{"price":"p","credits":"1e3"}]"#, "entry 1: credits"),
        (r#"[{"price":"p","credits":0.0000001}]"#, "entry 1: credits"),
        (r#"[{"price":"p","credits":true}]"#, "entry 1: credits"),
        (r#"[{"price":"p","credits":1,"env":"prod"}]"#, "entry 1: env"),
        (r#"[{"price":"p","credits":1,"unit":"a b"}]"#, "entry 1: unit"),
        (r#"[{"price":"p","credits":1,"product":""}]"#, "entry 1: product"),
        (r#"[{"price":"p","credits":1,"expires_after_days":0}]"#, "entry 1: expires"),
        (r#"[{"price":"p","credits":1,"expires_after_days":36526}]"#, "entry 1: expires"),
        (r#"[{"price":"p","credits":1},{"price":"p","credits":2}]"#, "price twice"),
        (&many, "more than 100"),
    ];
    for (text, expected) in table {
        let error = packs(text).unwrap_err();
        assert_eq!(error.code, Code::NotConfigured);
        assert!(error.message.starts_with("TOPUP_PACKS "), "{}", error.message);
        assert!(error.message.contains(expected), "{text:.80}: {}", error.message);
        assert!(!error.message.contains("hush"));
    }
}

#[test]
fn orders_by_the_table() {
    assert_eq!(order("").unwrap().wanted, Wanted::Default);
    assert_eq!(order("").unwrap().key.as_str(), "key-1");
    let five = Wanted::Credits(Credits::from_minor_units(5_500_000).unwrap());
    assert_eq!(order(r#","credits":5.5"#).unwrap().wanted, five);
    assert_eq!(order(r#","credits":"5.5""#).unwrap().wanted, five);
    assert_eq!(
        order(r#","price_id":"price_1""#).unwrap().wanted,
        Wanted::Price("price_1".to_owned())
    );
    let table = [
        (r#","credits":0"#, Code::AmountZero),
        (r#","credits":-1"#, Code::AmountNegative),
        (r#","credits":0.0000001"#, Code::AmountPrecision),
        (r#","credits":9000000000"#, Code::AmountTooLarge),
        (r#","credits":true"#, Code::InvalidType),
        (r#","credits":null"#, Code::InvalidType),
        (r#","price_id":5"#, Code::InvalidType),
        (r#","price_id":"""#, Code::InvalidRequest),
        (r#","price_id":"a b""#, Code::InvalidRequest),
        (r#","price_id":"p","credits":5"#, Code::InvalidRequest),
        (r#","amount":5"#, Code::UnknownField),
        (r#","customer_id":"x""#, Code::DuplicateField),
        (r#","idempotency_key":"other""#, Code::IdempotencyKeyConflict),
    ];
    for (more, code) in table {
        assert_eq!(order(more).unwrap_err().code, code, "{more}");
    }
}

#[test]
fn buyers_are_sent_back_by_https_alone() {
    let good = [
        "https://app.example.com",
        "https://app.example.com/credits?success=true#top",
        "https://app.example.com:8443/{CHECKOUT_SESSION_ID}",
        "http://localhost:3000/x",
        "http://127.0.0.1/x",
        "http://[::1]:8080/",
    ];
    for text in good {
        assert_eq!(url(text).check_return(text), Ok(()), "{text}");
    }
    let long = format!("https://a.example/{}", "x".repeat(2_048));
    let bad = [
        "",
        "app.example.com",
        "http://app.example.com/",
        "http://127.0.0.1.example.com/",
        "javascript:alert(1)",
        "javascript://a.example/%0aalert(1)",
        "data:text/html,x",
        "ftp://a.example/",
        "https://user@a.example/",
        "https://a.example\\@b.example/",
        "https://a.example/a b",
        "https://a.example/a\r\nset-cookie:x",
        "https://a.example/\u{e9}",
        &long,
    ];
    for text in bad {
        assert!(url(text).check_return(text).is_err(), "{text:?}");
    }
    // As the host's parser takes it apart: there is an authority where none is written.
    let parts = UrlParts { protocol: "https:".into(), hostname: "a.example".into(), ..url("") };
    assert!(parts.check_return("https:a.example/").is_err());
}
