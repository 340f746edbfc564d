use super::*;
use crate::client::clocknext::signal::{MAX_SIGNAL_BYTES, Signal, SignalInput};
use crate::usage::parse_signal;
use crate::wire::requests::KeySource;

fn read(json: &str) -> SignalInput {
    serde_json::from_str(json).unwrap()
}

fn body(json: &str) -> String {
    Signal::new(&read(json), || Ok(entropy())).map_err(|error| error.message).unwrap().body
}

fn refusal(json: &str) -> (String, String) {
    let error = Signal::new(&read(json), || Ok(entropy())).err().unwrap();
    assert_eq!(error.effect, crate::error::Effect::NotApplied);
    (error.code, error.message)
}

#[test]
fn what_is_sent_by_type() {
    assert_eq!(
        body(
            r#"{"type":"credit","customerId":"cus_123","model":"llama","key":"api_credit","member":"alice@acme.com",
              "inputTokens":1200,"outputTokens":340,"cacheTokens":0,"custom":"{\"feature\":\"summarize\"}","idempotencyKey":"k"}"#
        ),
        r#"{"customerId":"cus_123","type":"credit","model":"llama","inputTokens":1200,"outputTokens":340,"cacheTokens":0,"agentKey":"api_credit","member":"alice@acme.com","custom":{"feature":"summarize"},"idempotencyKey":"k"}"#
    );
    assert_eq!(
        body(r#"{"type":"WALLET","customerId":"c","model":"m","idempotencyKey":"k"}"#),
        r#"{"customerId":"c","type":"wallet","model":"m","inputTokens":0,"outputTokens":0,"idempotencyKey":"k"}"#
    );
    assert_eq!(
        body(
            r#"{"type":"Outcome","customerId":"c","model":"m","agentKey":"t.step","runId":"r1","complete":true,"idempotencyKey":"k","dryRun":true}"#
        ),
        r#"{"customerId":"c","type":"outcome","model":"m","inputTokens":0,"outputTokens":0,"agentKey":"t.step","runId":"r1","complete":true,"idempotencyKey":"k","dryRun":true}"#
    );
}

#[test]
fn a_metric_becomes_a_member_by_its_name() {
    let with = |name: &str| {
        let name = serde_json::to_string(name).unwrap();
        body(&std::format!(
            r#"{{"type":"wallet","customerId":"c","model":"m","metricRef":{name},"metricValue":"1.5","idempotencyKey":"k"}}"#
        ))
    };
    assert!(with("pages").contains(r#","pages":1.5,"#));
    // A name is text, and no JSON of its own.
    for name in ["a\"", "a\\", "a\":1,\"customerId", "é\u{2028}"] {
        let sent: serde_json::Value = serde_json::from_str(&with(name)).unwrap();
        assert_eq!(sent[name], serde_json::json!(1.5), "{name:?}");
        assert_eq!(sent["customerId"], "c");
    }
}

#[test]
fn a_key_is_made_once_and_never_replaced() {
    let own = read(r#"{"type":"wallet","customerId":"c","model":"m","idempotencyKey":"mine"}"#);
    assert_eq!(Signal::new(&own, no_entropy).map_err(|e| e.message).unwrap().key, "mine");
    let none = read(r#"{"type":"wallet","customerId":"c","model":"m"}"#);
    let made = Signal::new(&none, || Ok(entropy())).map_err(|e| e.message).unwrap();
    assert_eq!(made.key, entropy().uuid());
    assert!(made.body.contains(&made.key));
}

#[test]
fn refusals_name_the_field() {
    let table = [
        (r#"{}"#, "invalid_id", "customerId"),
        (r#"{"customerId":" ","type":"wallet","model":"m"}"#, "invalid_id", "customerId"),
        (r#"{"customerId":"c","model":"m"}"#, "invalid_request", "type"),
        (r#"{"customerId":"c","model":"m","type":"cash"}"#, "invalid_request", "type"),
        (r#"{"customerId":"c","type":"wallet"}"#, "invalid_request", "model"),
        (r#"{"customerId":"c","type":"wallet","model":"\t"}"#, "invalid_request", "model"),
        (r#"{"customerId":"c","type":"credit","model":"m"}"#, "invalid_request", "key"),
        (r#"{"customerId":"c","type":"outcome","model":"m"}"#, "invalid_request", "key"),
        (r#"{"customerId":"c","type":"wallet","model":"m","key":"k"}"#, "invalid_request", "key"),
        (
            r#"{"customerId":"c","type":"credit","model":"m","key":"k","agentKey":"j"}"#,
            "invalid_request",
            "key",
        ),
        (
            r#"{"customerId":"c","type":"credit","model":"m","key":"k","runId":"r"}"#,
            "invalid_request",
            "runId",
        ),
        (
            r#"{"customerId":"c","type":"wallet","model":"m","complete":false}"#,
            "invalid_request",
            "runId",
        ),
        (
            r#"{"customerId":"c","type":"wallet","model":"m","member":""}"#,
            "invalid_request",
            "member",
        ),
        (
            r#"{"customerId":"c","type":"wallet","model":"m","metricRef":"x"}"#,
            "invalid_request",
            "metric",
        ),
        (
            r#"{"customerId":"c","type":"wallet","model":"m","metricRef":"model","metricValue":"1"}"#,
            "invalid_request",
            "metric.ref",
        ),
        (
            r#"{"customerId":"c","type":"wallet","model":"m","idempotencyKey":""}"#,
            "invalid_idempotency_key",
            "idempotencyKey",
        ),
    ];
    for (json, code, name) in table {
        let (found, message) = refusal(json);
        assert_eq!(found, code, "{json}");
        assert!(message.starts_with(name), "{json}: {message}");
    }
}

/// What the one refuses the other must not send, nor the other way round.
#[test]
fn names_and_keys_are_judged_as_the_server_does() {
    let sends = |extra: &str| {
        let json = std::format!(r#"{{"type":"wallet","customerId":"c","model":"m",{extra}}}"#);
        Signal::new(&read(&json), || Ok(entropy())).is_ok()
    };
    let source = KeySource { header: None, entropy: &entropy() };
    let takes = |extra: &str| {
        let json = std::format!(r#"{{"type":"wallet","customerId":"c","model":"m",{extra}}}"#);
        parse_signal(&json, &source).is_ok()
    };
    let long = "n".repeat(128);
    let too_long = "n".repeat(129);
    let names = [
        ("pages", true),
        ("seconds_of_audio", true),
        ("cacheHits", true),
        ("été", true),
        (&*long, true),
        (&too_long, false),
        ("", false),
        (" ", false),
        ("-_-", false),
        ("a\n", false),
        ("tokens", false),
        ("Input_Tokens", false),
        ("reasoningTokens", false),
        ("models", false),
        ("keys", false),
        ("types", false),
        ("run-id", false),
        ("cached", false),
        ("metrics", false),
        ("__proto__", false),
    ];
    for (name, is_taken) in names {
        let name = serde_json::to_string(name).unwrap();
        let sent = sends(&std::format!(r#""metricRef":{name},"metricValue":"1""#));
        assert_eq!((sent, takes(&std::format!("{name}:1"))), (is_taken, is_taken), "{name}");
    }
    let keys = [
        ("k", true),
        ("user_1:action/7#é", false),
        ("two words", false),
        (" k", false),
        ("a,b", false),
        ("", false),
        (&*"k".repeat(255), true),
        (&"k".repeat(256), false),
    ];
    for (key, is_taken) in keys {
        let extra = std::format!(r#""idempotencyKey":{}"#, serde_json::to_string(key).unwrap());
        assert_eq!((sends(&extra), takes(&extra)), (is_taken, is_taken), "{key:?}");
    }
}

#[test]
fn a_signal_is_no_larger_than_the_server_takes() {
    let of = |length: usize| {
        let mut input = read(
            r#"{"customerId":"c","type":"wallet","model":"m","idempotencyKey":"k","custom":"{}"}"#,
        );
        input.custom = Some(std::format!(r#"{{"a":"{}"}}"#, "x".repeat(length)));
        Signal::new(&input, || Ok(entropy()))
    };
    let room = MAX_SIGNAL_BYTES - of(0).map_err(|e| e.message).unwrap().body.len();
    assert_eq!(of(room).map_err(|e| e.message).unwrap().body.len(), MAX_SIGNAL_BYTES);
    assert!(of(room + 1).is_err());
}
