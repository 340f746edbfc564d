//! What is no signal.

use super::*;

#[test]
fn signals_by_the_table_of_refusals() {
    let base = r#"{"customerId": "c", "type": "credit", "model": "m", "agentKey": "api"#;
    let table = [
        ("[]", Code::InvalidRequest),
        ("{", Code::InvalidJson),
        (r#"{"type": "credit", "model": "m", "agentKey": "api"}"#, Code::InvalidRequest),
        (
            r#"{"customerId": " ", "type": "credit", "model": "m", "agentKey": "api"}"#,
            Code::InvalidId,
        ),
        (
            r#"{"customerId": "c", "type": "debit", "model": "m", "agentKey": "api"}"#,
            Code::InvalidRequest,
        ),
        (r#"{"customerId": "c", "type": 1, "model": "m", "agentKey": "api"}"#, Code::InvalidType),
        (
            r#"{"customerId": "c", "type": "credit", "model": "  ", "agentKey": "api"}"#,
            Code::InvalidRequest,
        ),
        (r#"{"customerId": "c", "type": "credit", "agentKey": "api"}"#, Code::InvalidRequest),
        (r#"{"customerId": "c", "type": "credit", "model": "m"}"#, Code::InvalidRequest),
        (
            r#"{"customerId": "c", "type": "wallet", "model": "m", "agentKey": "api"}"#,
            Code::InvalidRequest,
        ),
        (
            r#"{"customerId": "c", "type": "wallet", "model": "m", "runId": "r"}"#,
            Code::InvalidRequest,
        ),
        (&format!(r#"{base}", "key": "other"}}"#), Code::InvalidRequest),
        (&format!(r#"{base} x"}}"#), Code::InvalidId),
        (&format!(r#"{base}", "complete": true}}"#), Code::InvalidRequest),
        (&format!(r#"{base}", "inputTokens": -1}}"#), Code::InvalidRequest),
        (&format!(r#"{base}", "inputTokens": 1.5}}"#), Code::InvalidRequest),
        (&format!(r#"{base}", "inputTokens": 9007199254740992}}"#), Code::InvalidRequest),
        (&format!(r#"{base}", "inputTokens": "12"}}"#), Code::InvalidType),
        (&format!(r#"{base}", "inputTokens": null}}"#), Code::InvalidRequest),
        (&format!(r#"{base}", "dryRun": 1}}"#), Code::InvalidType),
        (&format!(r#"{base}", "custom": []}}"#), Code::InvalidType),
        (
            &format!(r#"{base}", "custom": {{"a": "{}"}}}}"#, "x".repeat(8_192)),
            Code::MetadataTooLarge,
        ),
        (&format!(r#"{base}", "cachedTokens": "maybe"}}"#), Code::InvalidRequest),
        (&format!(r#"{base}", "idempotencyKey": "a,b"}}"#), Code::InvalidIdempotencyKey),
        (&format!(r#"{base}", "model": "m"}}"#), Code::DuplicateField),
        // A count under a name that is nearly a field's would never be billed.
        (&format!(r#"{base}", "inputToken": 5}}"#), Code::UnknownField),
        (&format!(r#"{base}", "input_tokens": 5}}"#), Code::UnknownField),
        (&format!(r#"{base}", "Tokens": 5}}"#), Code::UnknownField),
        (&format!(r#"{base}", "feature": "x"}}"#), Code::UnknownField),
        (&format!(r#"{base}", "a\u0007": 1}}"#), Code::UnknownField),
        (&format!(r#"{base}", "pages": {}}}"#, "1".repeat(33)), Code::InvalidRequest),
    ];
    let entropy = Entropy::new([1; 16]);
    for (body, code) in table {
        let read = parse_signal(body, &KeySource { header: None, entropy: &entropy });
        assert_eq!(read.map_err(|error| error.code), Err(code), "{body}");
    }
    // What other APIs call their counts, and flags that are no booleans: neither is billed as meant.
    for name in [
        "promptTokens",
        "completionTokens",
        "cacheReadTokens",
        "input_token_count",
        "cached-tokens",
        "input",
        "Output",
        "cache",
        "prompt",
        "dry_run",
        "Complete",
        "members",
        "customs",
    ] {
        let body = format!(r#"{base}", "{name}": 1}}"#);
        let read = parse_signal(&body, &KeySource { header: None, entropy: &entropy });
        assert_eq!(read.map_err(|error| error.code), Err(Code::UnknownField), "{name}");
    }
    let longest = format!("-{}", "9".repeat(31));
    let metric = format!(r#"{base}", "pages": 12.5, "Seconds": -3, "cacheHits": {longest}}}"#);
    let read = parse_signal(&metric, &KeySource { header: None, entropy: &entropy }).unwrap();
    assert_eq!(read.metrics.len(), 3);
    let many: String =
        (0..=MAX_METRICS).map(|number| format!(r#", "metric{number}": 1"#)).collect();
    let many = format!(r#"{base}"{many}}}"#);
    let read = parse_signal(&many, &KeySource { header: None, entropy: &entropy });
    assert_eq!(read.unwrap_err().code, Code::InvalidRequest);
}

#[test]
fn batches_by_the_table() {
    let read = |body: &str| parse_signal_batch(body).map(|batch| batch.items.len());
    let one = credit("k", 1, 1);
    assert_eq!(read(&format!(r#"{{"signals": [{one}, {one}]}}"#)).unwrap(), 2);
    let hundred = vec![one.as_str(); 100].join(",");
    assert_eq!(read(&format!(r#"{{"signals": [{hundred}]}}"#)).unwrap(), 100);
    for (body, code) in [
        ("{}", Code::InvalidRequest),
        (r#"{"signals": []}"#, Code::InvalidRequest),
        (r#"{"signals": {}}"#, Code::InvalidType),
        (r#"{"signals": [], "more": 1}"#, Code::UnknownField),
        (&format!(r#"{{"signals": [{hundred}, {one}]}}"#), Code::InvalidRequest),
    ] {
        assert_eq!(read(body).map_err(|error| error.code), Err(code), "{body}");
    }
    // A key that is made here could not be told to a caller who loses the answer.
    let keyless = one.replace(r#", "idempotencyKey": "k""#, "");
    let batch = parse_signal_batch(&format!(r#"{{"signals": [{keyless}, 7, {one}]}}"#)).unwrap();
    let codes: Vec<Option<Code>> =
        batch.items.iter().map(|item| item.as_ref().err().map(|error| error.code)).collect();
    assert_eq!(codes, [Some(Code::InvalidRequest), Some(Code::InvalidRequest), None]);
}
