//! Arguments that are refused before anything is sent.

use super::*;
use crate::error::Effect;

/// Code and named argument of a refusal; each is checked to say that nothing happened.
fn refusal(method: ApiMethod, json: &str) -> (String, String) {
    let error = refused(method, json);
    assert_eq!((error.effect, error.attempts, error.status), (Effect::NotApplied, 0, None));
    assert!(!error.retryable);
    assert!(error.message.ends_with("Nothing was sent or charged."), "{}", error.message);
    let details: serde_json::Value = serde_json::from_str(error.details.as_ref().unwrap()).unwrap();
    (error.code.clone(), details["param"].as_str().unwrap().to_string())
}

#[test]
fn amounts_by_the_table() {
    let table = [
        ("number", "NaN"),
        ("number", "Infinity"),
        ("number", "-Infinity"),
        ("number", "-0"),
        ("number", "0"),
        ("number", "-5"),
        ("number", "1e-7"),
        ("number", "0.1234567"),
        ("number", "8000000001"),
        ("number", "1e21"),
        ("number", "9007199254740993"),
        ("string", ""),
        ("string", " 5"),
        ("string", "5 "),
        ("string", "+5"),
        ("string", "1e3"),
        ("string", "0x10"),
        ("string", "1_000"),
        ("string", "1,5"),
        ("string", "١٢"),
        ("string", "-5"),
        ("string", "0.0"),
        ("string", "true"),
        ("string", "0.0000001"),
        ("bigint", ""),
        ("boolean", ""),
        ("object", ""),
        ("function", ""),
        ("symbol", ""),
        ("undefined", ""),
        ("null", ""),
    ];
    let config = config("{}");
    for (kind, text) in table {
        for method in [ApiMethod::Consume, ApiMethod::ConsumeOrFail, ApiMethod::Add] {
            let mut arguments = arguments(r#"{"customerId":"c"}"#);
            arguments.amount = Some(amount(kind, text));
            let error = Call::new(&config, method, &arguments, &ENTROPY, None).err();
            let error = error.unwrap_or_else(|| panic!("{kind} {text:?} passed"));
            assert_eq!(error.code, "invalid_amount", "{kind} {text:?}");
            assert!(error.message.starts_with("amount "), "{}", error.message);
            assert_eq!(error.effect, Effect::NotApplied);
            // Made before the amount was judged, so a caller can name the call in a log.
            assert!(error.idempotency_key.is_some());
        }
    }
    assert_eq!(refusal(ApiMethod::Consume, r#"{"customerId":"c"}"#).0, "invalid_amount");
}

#[test]
fn amounts_that_pass_are_written_exactly() {
    let config = config("{}");
    for (kind, text, written) in [
        ("number", "1e3", "1000"),
        ("number", "0.1", "0.1"),
        ("number", "1e-6", "0.000001"),
        ("number", "8000000000", "8000000000"),
        ("number", "7999999999.999999", "7999999999.999999"),
        ("string", "12.500000", "12.5"),
        ("string", "0.000001", "0.000001"),
    ] {
        let mut arguments = arguments(r#"{"customerId":"c"}"#);
        arguments.amount = Some(amount(kind, text));
        let call = Call::new(&config, ApiMethod::Consume, &arguments, &ENTROPY, None).unwrap();
        assert!(call.body().unwrap().starts_with(&format!(r#"{{"amount":{written},"#)));
        assert_eq!(call.requested().unwrap().to_string(), written);
    }
    // Nine decimals in the wallet's unit, and only there.
    let usd = r#"{"customerId":"c","amount":"0.000000001","unit":"usd"}"#;
    assert!(call(&config, ApiMethod::Consume, usd).body().unwrap().contains("0.000000001"));
    assert_eq!(
        refusal(ApiMethod::Consume, r#"{"customerId":"c","amount":"0.000000001","unit":"x"}"#).1,
        "amount"
    );
}

#[test]
fn other_arguments_by_the_table() {
    use ApiMethod::{Add, Consume, GetBalance, GetTransactions, VoidGrant};
    let table = [
        (GetBalance, r#""customerId":"""#, "invalid_id", "customerId"),
        (Consume, r#""customerId":"..","amount":1"#, "invalid_id", "customerId"),
        (Consume, r#""customerId":" a","amount":1"#, "invalid_id", "customerId"),
        (Consume, r#""customerId":"a\u0000","amount":1"#, "invalid_id", "customerId"),
        (Consume, r#""customerId":"c","amount":1,"unit":"a b""#, "invalid_id", "unit"),
        (
            Consume,
            r#""customerId":"c","amount":1,"idempotencyKey":"""#,
            "invalid_idempotency_key",
            "idempotencyKey",
        ),
        (
            Consume,
            r#""customerId":"c","amount":1,"idempotencyKey":"a,b""#,
            "invalid_idempotency_key",
            "idempotencyKey",
        ),
        (Consume, r#""customerId":"c","amount":1,"metadata":"[1]""#, "invalid_request", "metadata"),
        (Consume, r#""customerId":"c","amount":1,"metadata":"{""#, "invalid_request", "metadata"),
        (
            Consume,
            r#""customerId":"c","amount":1,"description":"a\u0000b""#,
            "invalid_request",
            "description",
        ),
        (Add, r#""customerId":"c","amount":1,"type":"gift""#, "invalid_request", "type"),
        (Add, r#""customerId":"c","amount":-1,"type":"topup""#, "invalid_amount", "amount"),
        (Add, r#""customerId":"c","amount":-1,"type":"refund""#, "invalid_amount", "amount"),
        (Add, r#""customerId":"c","amount":0,"type":"adjustment""#, "invalid_amount", "amount"),
        (Add, r#""customerId":"c","amount":1,"product":"a/b""#, "invalid_id", "product"),
        (Add, r#""customerId":"c","amount":1,"priority":1001"#, "invalid_request", "priority"),
        (
            Add,
            r#""customerId":"c","amount":1,"expiresAt":"tomorrow""#,
            "invalid_request",
            "expiresAt",
        ),
        (
            Add,
            r#""customerId":"c","amount":1,"effectiveAt":"2026-02-30T00:00:00Z""#,
            "invalid_request",
            "effectiveAt",
        ),
        (Add, r#""customerId":"c","amount":1,"refundOf":"txn_1""#, "invalid_id", "refundOf"),
        (GetTransactions, r#""customerId":"c","limit":0"#, "invalid_request", "limit"),
        (GetTransactions, r#""customerId":"c","limit":101"#, "invalid_request", "limit"),
        (VoidGrant, r#""customerId":"c""#, "invalid_id", "grantId"),
        (VoidGrant, r#""customerId":"c","grantId":"../x""#, "invalid_id", "grantId"),
    ];
    for (method, fields, code, param) in table {
        let json = format!("{{{fields}}}");
        assert_eq!(refusal(method, &json), (code.to_string(), param.to_string()), "{json}");
    }
}

#[test]
fn notes_and_metadata_at_their_limits() {
    let config = config("{}");
    let with = |description: usize, metadata: &str| {
        let mut arguments = arguments(r#"{"customerId":"c","amount":1}"#);
        arguments.description = Some("x".repeat(description));
        arguments.metadata = Some(metadata.to_string());
        let refusal = Call::new(&config, ApiMethod::Consume, &arguments, &ENTROPY, None).err();
        refusal.map(|error| error.code)
    };
    let text = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
    let deep = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    assert_eq!(with(1_024, &text(8_192)), None);
    assert_eq!(with(1_025, "{}").as_deref(), Some("invalid_request"));
    assert_eq!(with(1, &text(8_193)).as_deref(), Some("metadata_too_large"));
    assert_eq!(with(1, &deep(15)), None);
    assert_eq!(with(1, &deep(16)).as_deref(), Some("metadata_too_large"));
    // Brackets in text do not nest.
    assert_eq!(with(1, &format!(r#"{{"a":"{}"}}"#, "{[".repeat(40))), None);
}
