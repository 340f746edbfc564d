//! One call at a time against scripted answers: outcomes, their facts and their words.

use super::*;
use crate::client::error::ErrorClass;
use crate::client::request_keys::RequestName;
use crate::error::Effect::{NotApplied, Unknown};
use std::string::ToString;
use std::vec;

#[test]
fn a_success_passes_the_body_through_unchanged() {
    let (outcome, world) = scripted(&[answer_with(200, &[("x-request-id", "req_9")], OK)]);
    let success = outcome.unwrap();
    assert_eq!(success.body, OK);
    assert_eq!((success.attempts, success.replayed, success.mismatch), (1, false, false));
    assert_eq!(success.request_id.as_deref(), Some("req_9"));
    let request = &world.sent[0];
    let key = success.idempotency_key.unwrap();
    let expected = [
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("idempotency-key", &key),
        ("authorization", "Bearer ce_test_0123456789abcdef"),
    ];
    let expected: Vec<_> = expected.map(|(name, value)| (name, value.to_string())).to_vec();
    assert_eq!(request.headers, expected);
    assert!(request.body.as_ref().unwrap().contains(&key));
}

#[test]
fn replays_are_marked_by_header_or_body() {
    let header = answer_with(200, &[("idempotent-replayed", "true")], OK);
    assert!(scripted(&[header]).0.unwrap().replayed);
    assert!(scripted(&[answer(200, r#"{"replayed":true}"#)]).0.unwrap().replayed);
    let no = answer_with(200, &[("idempotent-replayed", "false")], r#"{"replayed":false}"#);
    assert!(!scripted(&[no]).0.unwrap().replayed);
}

#[test]
fn outcomes_by_the_table() {
    let not_sent = Event::Failed { sent: false, failure: Failure::Network };
    let html = "<html>Bad gateway</html>";
    let table = [
        // The answer (repeated), code, effect, retryable, attempts.
        (answer(400, &error_body("invalid_request")), "invalid_request", NotApplied, false, 1),
        (answer(401, &error_body("invalid_api_key")), "invalid_api_key", NotApplied, false, 1),
        (
            answer(402, &error_body("insufficient_credits")),
            "insufficient_credits",
            NotApplied,
            false,
            1,
        ),
        (answer(403, html), "http_error", NotApplied, false, 1),
        (answer(404, html), "not_found", NotApplied, false, 1),
        (answer(408, ""), "http_error", Unknown, true, 3),
        (
            answer(409, &error_body("idempotency_key_in_use")),
            "idempotency_key_in_use",
            Unknown,
            true,
            3,
        ),
        (answer(409, &error_body("conflict")), "conflict", NotApplied, false, 1),
        (
            answer(422, &error_body("idempotency_key_reused")),
            "idempotency_key_reused",
            NotApplied,
            false,
            1,
        ),
        (answer(425, ""), "http_error", NotApplied, true, 3),
        (answer(429, ""), "rate_limited", NotApplied, true, 3),
        (answer(500, html), "internal_error", Unknown, true, 3),
        (answer(502, html), "upstream_unavailable", Unknown, true, 3),
        (answer(503, html), "upstream_unavailable", Unknown, true, 3),
        (answer(503, &error_body("stale_balance")), "stale_balance", NotApplied, true, 3),
        (answer(503, &error_body("not_configured")), "not_configured", NotApplied, false, 1),
        (answer(504, html), "upstream_unavailable", Unknown, true, 3),
        (answer(522, html), "upstream_unavailable", Unknown, true, 3),
        (answer(302, ""), "protocol_error", Unknown, false, 1),
        (answer(0, ""), "protocol_error", Unknown, false, 1),
        (answer(200, html), "protocol_error", Unknown, false, 1),
        (answer(200, ""), "protocol_error", Unknown, false, 1),
        (answer(204, ""), "protocol_error", Unknown, false, 1),
        (answer(200, r#"{"balance":"#), "protocol_error", Unknown, false, 1),
        (network(), "network_error", Unknown, true, 3),
        (not_sent, "network_error", NotApplied, true, 3),
        (failed(Failure::Timeout), "timeout", Unknown, true, 3),
        (failed(Failure::Aborted), "aborted", Unknown, true, 1),
        (failed(Failure::Oversized), "protocol_error", Unknown, false, 1),
        (failed(Failure::Overloaded), "overloaded", Unknown, true, 1),
    ];
    for (event, code, effect, retryable, attempts) in table {
        let (outcome, world) = scripted(&[event.clone(), event.clone(), event.clone()]);
        let error = outcome.unwrap_err();
        let seen = (&*error.code, error.effect, error.retryable, error.attempts);
        assert_eq!(seen, (code, effect, retryable, attempts), "{event:?}");
        assert_eq!(world.sent.len(), usize::try_from(attempts).unwrap());
        assert!(error.idempotency_key.is_some());
        assert_eq!(error.message.contains("It is unknown"), effect == Unknown, "{}", error.message);
        assert_eq!(error.message.contains("Tried 3 times."), attempts == 3);
    }
}

#[test]
fn classes_and_their_facts() {
    let short = r#"{"error":{"code":"insufficient_credits","message":"The balance is 2 and the call asks for 5.","details":{"current_balance":2.50,"requested":5}}}"#;
    let error = scripted(&[answer(402, short)]).0.unwrap_err();
    let amounts = |balance: Option<&str>, requested: Option<&str>| {
        let text = |text: Option<&str>| text.map(ToString::to_string);
        ErrorClass::InsufficientCredits {
            current_balance: text(balance),
            requested: text(requested),
        }
    };
    assert_eq!(error.class, amounts(Some("2.50"), Some("5")));
    assert_eq!(error.message, "The balance is 2 and the call asks for 5.");
    let facts: serde_json::Value = serde_json::from_str(&error.to_json()).unwrap();
    assert_eq!(facts["class"], "InsufficientCreditsError");
    assert_eq!((&facts["currentBalance"], &facts["requested"]), (&2.5.into(), &5.into()));
    assert_eq!((&facts["status"], &facts["effect"]), (&402.into(), &"not_applied".into()));
    assert_eq!(facts["details"]["requested"], 5);
    // A server that names no amounts: what the call asked for is known here.
    let error = scripted(&[answer(402, "{}")]).0.unwrap_err();
    assert_eq!(error.class, amounts(None, Some("5")));
    assert!(error.message.contains("do not cover"), "{}", error.message);

    let slow = answer_with(429, &[("retry-after", "7")], &error_body("rate_limited"));
    let error = scripted(&[slow.clone(), slow.clone(), slow]).0.unwrap_err();
    assert_eq!(
        (&error.class, error.retry_after),
        (&ErrorClass::RateLimit, Some(Duration::from_secs(7)))
    );
    let facts: serde_json::Value = serde_json::from_str(&error.to_json()).unwrap();
    assert_eq!(
        (&facts["class"], &facts["retryAfterMs"]),
        (&"RateLimitError".into(), &7_000.into())
    );
    let error = scripted(&[answer(401, "")]).0.unwrap_err();
    assert_eq!((&error.class, &*error.code), (&ErrorClass::Authentication, "invalid_api_key"));
}

/// The rule on what earlier attempts leave open, case by case.
#[test]
fn a_refusal_after_an_unknown_attempt_settles_nothing_but_a_reused_key() {
    let short = answer(402, &error_body("insufficient_credits"));
    let denied = answer(401, &error_body("invalid_api_key"));
    let reused = answer(422, &error_body("idempotency_key_reused"));
    let busy = answer(429, "");
    let not_sent = Event::Failed { sent: false, failure: Failure::Network };
    let table = [
        (vec![network(), short.clone()], "insufficient_credits", Unknown),
        (vec![failed(Failure::Timeout), denied], "invalid_api_key", Unknown),
        (vec![answer(500, ""), busy.clone(), short.clone()], "insufficient_credits", Unknown),
        (vec![network(), busy.clone(), busy.clone()], "rate_limited", Unknown),
        (vec![network(), reused], "idempotency_key_reused", NotApplied),
        (vec![not_sent.clone(), short.clone()], "insufficient_credits", NotApplied),
        (vec![busy.clone(), not_sent, short], "insufficient_credits", NotApplied),
        (vec![network(), failed(Failure::Aborted)], "aborted", Unknown),
    ];
    for (events, code, effect) in table {
        let error = scripted(&events).0.unwrap_err();
        assert_eq!((&*error.code, error.effect), (code, effect), "{events:?}");
    }
    assert_eq!(scripted(&[network(), busy, ok()]).0.unwrap().attempts, 3);
}

#[test]
fn a_read_never_has_an_effect() {
    let config = config("{}");
    let mut world = World::new(&config);
    let call = call(&config, ApiMethod::GetBalance, r#"{"customerId":"c"}"#);
    let outcome = world.perform(&config, call, |_, _| (Duration::from_secs(60), ok()));
    let error = outcome.unwrap_err();
    assert_eq!((&*error.code, error.effect, error.attempts), ("timeout", NotApplied, 3));
    assert_eq!(error.idempotency_key, None);
    assert!(!error.message.contains("unknown") && !error.message.contains("charged"));
    assert!(world.sent[0].body.is_none());
    assert!(world.sent[0].headers.iter().all(|(name, _)| *name != "idempotency-key"));
}

/// C10: whatever a server echoes, no field of the error holds the key.
#[test]
fn an_echoed_key_is_masked() {
    for status in [400, 401, 402, 429, 500, 503, 302, 200] {
        let body = format!(
            r#"{{"error":{{"code":"{SECRET}","message":"bad key {SECRET}!","details":{{"key":"{SECRET}"}},"request_id":"{SECRET}"}}}}"#
        );
        let event = answer_with(status, &[("x-request-id", SECRET)], &body);
        let outcome = scripted(&[event.clone(), event.clone(), event]).0;
        if let Err(error) = outcome {
            assert!(!error.to_json().contains("0123456789abcdef"), "{status}");
            assert!(!format!("{error:?}").contains("0123456789abcdef"), "{status}");
            assert_eq!(error.message.contains("bad key [API key]!"), status >= 400);
        }
    }
}

#[test]
fn a_ledger_is_called_without_a_secret() {
    let options = r#"{"ledger":true,"apiKey":"ce_test_0123456789abcdef"}"#;
    let config = ClientConfig::new(serde_json::from_str(options).unwrap()).ok().unwrap();
    let mut world = World::new(&config);
    world.script(&config, &[ok()]).unwrap();
    let request = &world.sent[0];
    assert_eq!(request.url, "https://ledger.internal/v1/customers/cus_1/consume");
    assert!(request.headers.iter().all(|(_, value)| !value.contains(SECRET)));
    let environment = ("x-edge-credits-environment", "test".to_string());
    assert!(request.headers.contains(&environment));
}

#[test]
fn a_handled_request_that_differs_gets_its_first_answer() {
    let config = config("{}");
    let first = r#"{"balance":90,"replayed":true,"transaction_id":"txn_1"}"#;
    let body = format!(
        r#"{{"error":{{"code":"idempotency_key_reused","message":"m","details":{{"field":"amount","first":{first}}},"request_id":"req_1"}}}}"#
    );
    let perform = |request: Option<&RequestName>, body: &str| {
        let arguments = arguments(r#"{"customerId":"c","amount":5}"#);
        let call = Call::new(&config, ApiMethod::Consume, &arguments, &ENTROPY, request).unwrap();
        World::new(&config).perform(&config, call, |_, _| (Duration::ZERO, answer(422, body)))
    };
    let request = RequestName { base: "msg_1".to_string(), earlier: 0 };
    let success = perform(Some(&request), &body).unwrap();
    assert_eq!((&*success.body, success.replayed, success.mismatch), (first, true, true));
    assert_eq!(success.request_id.as_deref(), Some("req_1"));
    // Under a key of the caller's own it is an error; so it is where the server names no answer.
    assert_eq!(perform(None, &body).unwrap_err().code, "idempotency_key_reused");
    let bare = error_body("idempotency_key_reused");
    assert_eq!(perform(Some(&request), &bare).unwrap_err().code, "idempotency_key_reused");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let (outcome, world) = scripted(&[network(), network(), network()]);
    let url = &world.sent[0].url;
    let host = url.split('/').nth(2).unwrap();
    let message = outcome.unwrap_err().message;
    assert!(message.starts_with(&format!("The API at {host} could not be reached")), "{message}");
}
