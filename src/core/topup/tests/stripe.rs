//! What Stripe is asked, to the byte, and what its answers come to.

use std::borrow::ToOwned;
use std::string::{String, ToString};
use std::vec::Vec;

use super::orders::{order, url};
use crate::http::{Method, Response};
use crate::ids::{CustomerId, Environment, Owner};
use crate::topup::packs::{Packs, Wanted};
use crate::topup::seal::Seal;
use crate::topup::stripe::*;
use crate::wire::errors::Code;
use crate::wire::reading::judge;

const PACK: &str =
    r#"[{"price":"price_1","credits":1000.5,"product":"pro","expires_after_days":30}]"#;

/// By Python: base64url of HMAC-SHA256, its key SHA-256 of `edge-credits top-up seal`, a zero byte
/// and `ours`; each name and value after its length in eight bytes.
const SEALED: &str = "_r7L2fnPJDucTR2Fbzi1_cx6eovr0xUey1TEW6KXXUI";

fn stripe() -> Stripe {
    let setting = |name: &str| (name == "STRIPE_SECRET_KEY").then(|| "sk_live_hush".to_owned());
    let key = StripeKey::choose(setting, Environment::Live).unwrap().unwrap();
    Stripe::new(key, Some(&url("http://127.0.0.1:12111"))).unwrap()
}

fn owner(customer: &str) -> Owner {
    Owner { environment: Environment::Live, customer: CustomerId::parse(customer).unwrap() }
}

#[test]
fn the_request_to_the_byte() {
    let packs = Packs::parse(Some(PACK), Environment::Live).unwrap();
    let pack = packs.choose(&Wanted::Default).unwrap();
    let request = stripe().open(&owner("cus_1"), &order("").unwrap(), pack, &Seal::derive("ours"));
    assert_eq!(request.method, Method::Post);
    assert_eq!(request.url, "http://127.0.0.1:12111/v1/checkout/sessions");
    let header = |name: &str| request.headers.iter().find(|(n, _)| *n == name).unwrap().1.clone();
    assert_eq!(header("authorization"), "Bearer sk_live_hush");
    assert_eq!(header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(header("stripe-version"), STRIPE_VERSION);
    let body = request.body.clone().unwrap();
    let pairs: Vec<(String, String)> =
        form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let mut expected = [
        ("mode", "payment"),
        ("client_reference_id", "cus_1"),
        ("line_items[0][price]", "price_1"),
        ("line_items[0][quantity]", "1"),
        ("success_url", "https://a.example/ok?s={CHECKOUT_SESSION_ID}"),
        ("cancel_url", "http://localhost:3000/no"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    for place in ["metadata", "payment_intent_data[metadata]"] {
        for (name, value) in [
            ("environment", "live"),
            ("customer", "cus_1"),
            ("credits", "1000.5"),
            ("unit", "credits"),
            ("price", "price_1"),
            ("product", "pro"),
            ("expires_after_days", "30"),
            ("deployment", Seal::derive("ours").mark()),
            ("seal", SEALED),
        ] {
            expected.push((std::format!("{place}[edge_credits_{name}]"), value.to_owned()));
        }
    }
    assert_eq!(pairs, expected);
    // The same again, to the byte; another customer's call under the same key is another call.
    let again = stripe().open(&owner("cus_1"), &order("").unwrap(), pack, &Seal::derive("ours"));
    assert!(again == request);
    let other = stripe().open(&owner("cus_2"), &order("").unwrap(), pack, &Seal::derive("ours"));
    assert_ne!(other.headers[2], request.headers[2]);
    assert_eq!(request.headers[2].0, "idempotency-key");
}

#[test]
fn answers_by_the_table() {
    let error = |kind: &str, code: &str| {
        serde_json::json!({ "error": {
            "type": kind, "code": code, "param": "line_items[0][price]",
            "message": "Invalid API Key provided: sk_live_hush",
        }})
        .to_string()
    };
    let session = r#"{"id":"cs_test_1","url":"https://checkout.stripe.com/c/pay/cs_test_1"}"#;
    let (bad, idempotency) = ("invalid_request_error", "idempotency_error");
    let table = [
        (200, session.to_owned(), None),
        (200, r#"{"id":"cs_1","url":null}"#.to_owned(), Some(Code::StripeUnavailable)),
        (200, r#"{"id":"cs_1","url":"javascript:x"}"#.to_owned(), Some(Code::StripeUnavailable)),
        (200, r#"{"id":"cs_1","url":"https://a\nb"}"#.to_owned(), Some(Code::StripeUnavailable)),
        (200, "<html>".to_owned(), Some(Code::StripeUnavailable)),
        (302, String::new(), Some(Code::StripeUnavailable)),
        (400, error(bad, "resource_missing"), Some(Code::TopupNotConfigured)),
        (400, error(bad, "url_invalid"), Some(Code::StripeRefused)),
        (400, "hush".to_owned(), Some(Code::StripeRefused)),
        (400, error(idempotency, ""), Some(Code::IdempotencyKeyReused)),
        (401, error(bad, ""), Some(Code::TopupNotConfigured)),
        (402, error("card_error", "card_declined"), Some(Code::StripeRefused)),
        (403, error(bad, ""), Some(Code::TopupNotConfigured)),
        (409, error(idempotency, "idempotency_key_in_use"), Some(Code::IdempotencyKeyInUse)),
        (409, error(bad, "lock_timeout"), Some(Code::IdempotencyKeyInUse)),
        (429, error(bad, "rate_limit"), Some(Code::RateLimited)),
        (500, error("api_error", ""), Some(Code::StripeUnavailable)),
        (503, "hush".to_owned(), Some(Code::StripeUnavailable)),
    ];
    for (status, body, expected) in table {
        let response = Response { status, headers: Vec::new(), body: body.clone() };
        let outcome = stripe().opened(Some(&response));
        match (outcome, expected) {
            (Ok(opened), None) => assert_eq!(opened.session_id, "cs_test_1"),
            (Err(refused), Some(code)) => {
                assert_eq!(refused.error.code, code, "{status} {body}");
                let told = refused.error.to_body("r");
                assert!(!told.contains("hush") && !told.contains("Invalid API Key"), "{told}");
            }
            (outcome, _) => panic!("{status} {body}: {outcome:?}"),
        }
    }
    let silent = stripe().opened(None).unwrap_err();
    assert_eq!(silent.error.code, Code::StripeUnavailable);
}

#[test]
fn a_failure_that_stripe_repeats_is_not_worth_another_try() {
    let missing = r#"{"error":{"type":"invalid_request_error","code":"resource_missing"}}"#;
    let failed = r#"{"error":{"type":"api_error"}}"#;
    for (status, body, at_first) in [
        (400, missing, Code::TopupNotConfigured),
        (409, failed, Code::IdempotencyKeyInUse),
        (500, failed, Code::StripeUnavailable),
        (503, "<html>", Code::StripeUnavailable),
    ] {
        let mut response = Response { status, headers: Vec::new(), body: body.to_owned() };
        assert_eq!(stripe().opened(Some(&response)).unwrap_err().error.code, at_first);
        response.headers.push(("idempotent-replayed".to_owned(), "true".to_owned()));
        let refused = stripe().opened(Some(&response)).unwrap_err();
        assert_eq!(refused.error.code, Code::StripeRefused, "{status}");
        assert!(refused.error.message.ends_with("use a new key."));
        let judged = judge(refused.error.code.status(), Some(refused.error.code.as_str()));
        assert!(!judged.retry);
    }
    // Other content under a key that stands is another mistake.
    let reused = r#"{"error":{"type":"idempotency_error"}}"#.to_owned();
    let headers = Vec::from([("idempotent-replayed".to_owned(), "true".to_owned())]);
    let reused = Response { status: 400, headers, body: reused };
    let refused = stripe().opened(Some(&reused)).unwrap_err();
    assert_eq!(refused.error.code, Code::IdempotencyKeyReused);
}

#[test]
fn hints_and_replays_are_handed_on() {
    let answer = |status, name: &str, value: &str| Response {
        status,
        headers: Vec::from([(name.to_owned(), value.to_owned())]),
        body: r#"{"id":"cs_1","url":"https://x.example/"}"#.to_owned(),
    };
    let replay = answer(200, "idempotent-replayed", "true");
    assert!(stripe().opened(Some(&replay)).unwrap().replayed);
    let wait = |value: &str| {
        let refused = stripe().opened(Some(&answer(429, "retry-after", value))).unwrap_err();
        refused.retry_after.unwrap().as_secs()
    };
    assert_eq!((wait("7"), wait("soon"), wait("99999999")), (7, 1, 600));
}

#[test]
fn the_key_goes_to_stripe_or_to_this_machine() {
    let setting = |_: &str| Some("sk_live_x".to_owned());
    let key = || StripeKey::choose(setting, Environment::Live).unwrap().unwrap();
    for base in ["http://stripe.example", "ftp://a.example", "nonsense", "https://u@a.example"] {
        assert_eq!(Stripe::new(key(), Some(&url(base))).err().unwrap().code, Code::NotConfigured);
    }
    assert!(Stripe::new(key(), Some(&url("https://proxy.example"))).is_ok());
}
