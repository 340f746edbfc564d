//! What gates may allow while the API is away, to the credit, and when they may again.

use std::format;
use std::string::ToString as _;

use core::time::Duration;

use super::degraded::{Isolate, at_once, charge, is_accepted, refusal};
use super::*;
use crate::error::Effect::Unknown;

#[test]
fn gates_allow_the_limit_to_the_credit_whoever_asks() {
    let mut isolate = Isolate::new(r#"{"degradedLimit":{"type":"number","text":"10"}}"#);
    assert!(is_accepted(&isolate.gate("a", "9.999999", "1")));
    let error = refusal(isolate.gate("a", "0.000002", "2"));
    assert_eq!((&*error.code, error.effect), ("network_error", Unknown));
    assert!(error.message.contains("degradedLimit"), "{}", error.message);
    assert!(is_accepted(&isolate.gate("a", "0.000001", "3")));
    assert_eq!(refusal(isolate.gate("a", "0.000001", "4")).idempotency_key.as_deref(), Some("4"));
    // Other customers have limits of their own; usage has none.
    assert!(is_accepted(&isolate.gate("b", "10", "5")));
    let usage = isolate.call(ApiMethod::Consume, &charge("a", "5000", "6"), &network());
    assert!(is_accepted(&usage.0));
}

#[test]
fn the_usual_limit_is_a_thousand_and_none_is_none() {
    let mut isolate = Isolate::new("{}");
    assert!(is_accepted(&isolate.gate("a", "1000", "1")));
    let _ = refusal(isolate.gate("a", "0.000001", "2"));
    let _ = refusal(isolate.gate("b", "1000.000001", "3"));
    let none = r#"{"degradedLimit":{"type":"number","text":"0"}}"#;
    let _ = refusal(Isolate::new(none).gate("a", "0.000001", "1"));
}

#[test]
fn other_units_have_no_limit_to_draw_on() {
    let mut isolate = Isolate::new("{}");
    let json = r#"{"customerId":"a","amount":1,"unit":"usd"}"#;
    let _ = refusal(isolate.call(ApiMethod::ConsumeOrFail, json, &network()).0);
    assert!(is_accepted(&isolate.call(ApiMethod::Consume, json, &network()).0));
}

#[test]
fn what_could_not_be_sent_counts_until_the_api_answers_a_change_of_that_customer() {
    let mut isolate = Isolate::new(r#"{"degradedLimit":{"type":"number","text":"10"}}"#);
    let (ended, exchange) =
        isolate.call(ApiMethod::ConsumeOrFail, &charge("a", "10", "1"), &network());
    assert!(is_accepted(&ended));
    let error = isolate.send(exchange, at_once(network())).unwrap_err();
    assert_eq!((&*error.code, error.effect, error.retryable), ("network_error", Unknown, true));
    let _ = refusal(isolate.gate("a", "1", "2"));
    let rich = answer(200, r#"{"balance":1000}"#);
    let unrelated = [
        // Somebody else's answer says nothing of this customer, and reads may go on where writes fail.
        (ApiMethod::Add, r#"{"customerId":"b","amount":5}"#),
        (ApiMethod::GetBalance, r#"{"customerId":"a"}"#),
        (ApiMethod::GetTransactions, r#"{"customerId":"a"}"#),
    ];
    for (method, json) in unrelated {
        let _ = isolate.call(method, json, &rich);
        let error = refusal(isolate.gate("a", "1", "3"));
        assert!(error.message.contains("degradedLimit"), "{method:?}: {}", error.message);
    }
    let _ = isolate.call(ApiMethod::Add, r#"{"customerId":"a","amount":5}"#, &rich);
    assert!(is_accepted(&isolate.gate("a", "10", "4")));
    // One that is on its way still counts after an answer.
    let _ = isolate.call(ApiMethod::Add, r#"{"customerId":"a","amount":5}"#, &rich);
    let _ = refusal(isolate.gate("a", "1", "5"));
}

/// Reads are answered and charges are not, again and again.
#[test]
fn a_partial_outage_does_not_grant_the_limit_again() {
    let mut isolate = Isolate::new(r#"{"maxRetries":0}"#);
    let mut allowed = 0;
    for number in 0..5 {
        let json = charge("a", "600", &number.to_string());
        let (ended, exchange) = isolate.call(ApiMethod::ConsumeOrFail, &json, &network());
        if is_accepted(&ended) {
            allowed += 1;
            let _ = isolate.send(exchange, at_once(network())).unwrap_err();
        }
        let read = r#"{"customerId":"a"}"#;
        let _ = isolate.call(ApiMethod::GetBalance, read, &answer(200, r#"{"balance":5000}"#));
    }
    assert_eq!(allowed, 1);
}

#[test]
fn gates_do_not_allow_more_than_the_balance_known_last_leaves() {
    let mut isolate = Isolate::new(r#"{"maxRetries":0}"#);
    let tell = |isolate: &mut Isolate, body: &str| {
        let _ = isolate.call(ApiMethod::GetBalance, r#"{"customerId":"a"}"#, &answer(200, body));
    };
    tell(&mut isolate, r#"{"balance":10.5}"#);
    isolate.world.now = isolate.world.now.plus(Duration::from_secs(3_600));
    let error = refusal(isolate.gate("a", "10.500001", "1"));
    assert!(error.message.contains("balance known last"), "{}", error.message);
    assert_eq!((&*error.code, error.effect), ("network_error", Unknown));
    assert!(is_accepted(&isolate.gate("a", "4", "2")));
    // Usage has happened: it is accepted, and leaves less.
    let usage = isolate.call(ApiMethod::Consume, &charge("a", "6", "3"), &network());
    assert!(is_accepted(&usage.0));
    let _ = refusal(isolate.gate("a", "0.500001", "4"));
    assert!(is_accepted(&isolate.gate("a", "0.5", "5")));
    let _ = refusal(isolate.gate("a", "0.000001", "6"));
    // A reading leaves what may not be in it: 10.5 of it are on their way.
    tell(&mut isolate, r#"{"balance":11}"#);
    let _ = refusal(isolate.gate("a", "0.500001", "7"));
    assert!(is_accepted(&isolate.gate("a", "0.5", "8")));
    // What has arrived is in the balance of its answer.
    assert!(isolate.send(usage.1, at_once(answer(200, r#"{"balance":6}"#))).is_ok());
    assert!(is_accepted(&isolate.gate("a", "1", "9")));
    let _ = refusal(isolate.gate("a", "0.000001", "10"));
}

#[test]
fn a_balance_in_debt_or_of_a_float_bounds_gates_too() {
    for (told, covered, beyond) in [
        ("-3", None, "0.000001"),
        ("0", None, "0.000001"),
        ("0.30000000000000004", Some("0.3"), "0.300001"),
        ("1e2", Some("100"), "100.000001"),
        // Less than any amount: it is a number, and nobody can say how much it is worth.
        ("1e-7", Some("1000"), "1000.000001"),
    ] {
        let mut isolate = Isolate::new("{}");
        let body = answer(200, &format!(r#"{{"balance":{told}}}"#));
        let _ = isolate.call(ApiMethod::GetBalance, r#"{"customerId":"a"}"#, &body);
        let _ = refusal(isolate.gate("a", beyond, "1"));
        if let Some(covered) = covered {
            assert!(is_accepted(&isolate.gate("a", covered, "2")), "{told}");
        }
    }
}
