//! Batches by tables: what refuses the whole, what refuses one item, and what a sender believes.

use alloc::borrow::ToOwned;

use super::*;
use crate::credits::Credits;
use crate::ids::{Environment, Owner};
use crate::ledger::{Account, LedgerConfig};
use crate::time::Timestamp;

/// `count` good items with keys of their own.
fn items(count: usize) -> Vec<String> {
    (0..count).map(|n| format!(r#"{{"amount":1,"idempotency_key":"k{n}"}}"#)).collect()
}

fn body(items: &[String]) -> String {
    format!(r#"{{"items":[{}]}}"#, items.join(","))
}

/// The code of each item that is refused, `-` for the others.
fn item_codes(body: &str) -> Vec<&'static str> {
    let request = parse_batch(body).unwrap();
    let code = |refused: &Option<ApiError>| refused.as_ref().map_or("-", |e| e.code.as_str());
    request.refused.iter().map(code).collect()
}

#[test]
fn what_stands_around_the_items_refuses_the_whole() {
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    let table: Vec<(String, Code, &str)> = [
        ("", Code::InvalidJson, ""),
        ("{", Code::InvalidJson, ""),
        (r#"{"items":[{"amount":1]}"#, Code::InvalidJson, ""),
        (r#"{"items":[{"amount":01}]}"#, Code::InvalidJson, ""),
        (r#"{"items":[]} x"#, Code::InvalidJson, ""),
        (r#"{"items":[{"amount":1}],"\ud800":1}"#, Code::InvalidJson, ""),
        ("[]", Code::InvalidRequest, "body"),
        ("null", Code::InvalidRequest, "body"),
        ("{}", Code::InvalidRequest, "items"),
        (r#"{"items":null}"#, Code::InvalidRequest, "items"),
        (r#"{"items":[]}"#, Code::InvalidRequest, "items"),
        (r#"{"items":{"0":{"amount":1}}}"#, Code::InvalidType, "items"),
        (r#"{"items":"[]"}"#, Code::InvalidType, "items"),
        (r#"{"items":1}"#, Code::InvalidType, "items"),
        (r#"{"items":[1],"items":[2]}"#, Code::DuplicateField, "items"),
        (r#"{"items":[1],"\u0069tems":[2]}"#, Code::DuplicateField, "items"),
        (r#"{"items":[1],"mode":"all"}"#, Code::UnknownField, "mode"),
        (r#"{"items":[1],"idempotency_key":"k"}"#, Code::UnknownField, "idempotency_key"),
        (r#"{"amount":1,"idempotency_key":"k"}"#, Code::InvalidRequest, "items"),
    ]
    .into_iter()
    .map(|(body, code, param)| (body.to_owned(), code, param))
    .chain([
        (body(&items(MAX_BATCH_ITEMS + 1)), Code::InvalidRequest, "items"),
        // A list of as many as fit into a body: counted no further than it takes to refuse it.
        (format!(r#"{{"items":[{}0]}}"#, "0,".repeat(500_000)), Code::InvalidRequest, "items"),
        ("[".repeat(1_000_000), Code::InvalidJson, ""),
        (deep.clone(), Code::InvalidRequest, "body"),
        (format!(r#"{{"more":{deep},"items":[1]}}"#), Code::UnknownField, "more"),
    ])
    .collect();
    for (body, code, param) in table {
        let shown = body.get(..60).unwrap_or(&body);
        let error = parse_batch(&body).unwrap_err();
        assert_eq!(error.code, code, "{shown}");
        let details = error.details.map(|details| details.get().to_owned()).unwrap_or_default();
        let named = (!param.is_empty()).then(|| format!(r#"{{"param":"{param}"}}"#));
        assert_eq!(details, named.unwrap_or_default(), "{shown}");
        assert!(error.message.contains("Nothing was changed."), "{}", error.message);
    }
}

#[test]
fn what_is_wrong_with_an_item_is_its_own() {
    let deep = |levels: usize| {
        let metadata = format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        format!(r#"{{"amount":1,"idempotency_key":"k","metadata":{metadata}}}"#)
    };
    let long = |name: &str, bytes: usize| {
        let value = "x".repeat(bytes);
        let value = if name == "metadata" {
            format!(r#"{{"a":"{value}"}}"#)
        } else {
            format!("\"{value}\"")
        };
        format!(r#"{{"amount":1,"idempotency_key":"k","{name}":{value}}}"#)
    };
    let table: Vec<(String, &str)> = [
        (r#"{"amount":1,"idempotency_key":"k"}"#, "-"),
        (r#" { "amount" : "1.5" , "idempotency_key" : "k" } "#, "-"),
        (r#"{"amount":1,"idempotency_key":"k","on_insufficient":"reject","unit":"usd"}"#, "-"),
        // A key made for it would be a new one at each repeat.
        (r#"{"amount":1}"#, "invalid_request"),
        (r#"{"amount":1,"idempotency_key":null}"#, "invalid_request"),
        (r#"{"amount":1,"idempotency_key":1}"#, "invalid_type"),
        (r#"{"amount":1,"idempotency_key":""}"#, "invalid_idempotency_key"),
        (r#"{"amount":1,"idempotency_key":"a,b"}"#, "invalid_idempotency_key"),
        (r#"{"idempotency_key":"k"}"#, "invalid_request"),
        (r#"{"amount":-1,"idempotency_key":"k"}"#, "amount_negative"),
        (r#"{"amount":0,"idempotency_key":"k"}"#, "amount_zero"),
        (r#"{"amount":1E400,"idempotency_key":"k"}"#, "amount_too_large"),
        (r#"{"amount":1,"idempotency_key":"k","type":"topup"}"#, "unknown_field"),
        (r#"{"amount":1,"idempotency_key":"k","items":[]}"#, "unknown_field"),
        (r#"{"amount":1,"amount":1,"idempotency_key":"k"}"#, "duplicate_field"),
        (r#"{"amount":1,"idempotency_key":"k","idempotency_key":"l"}"#, "duplicate_field"),
        (r#"{"amount":1,"idempotency_key":"k","metadata":{"b":1,"b":1}}"#, "duplicate_field"),
        (r#"{"amount":1,"idempotency_key":"k","\ud800":1}"#, "invalid_json"),
        (r#"{"amount":1,"idempotency_key":"\ud800"}"#, "invalid_type"),
        ("1", "invalid_request"),
        ("null", "invalid_request"),
        ("[]", "invalid_request"),
    ]
    .into_iter()
    .map(|(item, code)| (item.to_owned(), code))
    .chain([
        (deep(15), "-"),
        (deep(16), "json_too_deep"),
        (format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), "json_too_deep"),
        (long("metadata", 8_192 - 8), "-"),
        (long("metadata", 8_192), "metadata_too_large"),
        (long("description", 1_024), "-"),
        (long("description", 1_025), "invalid_request"),
    ])
    .collect();
    let good = r#"{"amount":2,"idempotency_key":"other"}"#;
    for (item, code) in table {
        let shown = item.get(..60).unwrap_or(&item).to_owned();
        let codes = item_codes(&body(&[good.to_owned(), item, good.to_owned()]));
        assert_eq!(codes, ["-", code, "-"], "{shown}");
    }
}

#[test]
fn a_hundred_full_items_fit() {
    let full = |n: usize| {
        let (note, free) = ("d".repeat(1_024), "m".repeat(8_192 - 8));
        format!(
            r#"{{"amount":"8000000000.000000","unit":"{}","on_insufficient":"reject","description":"{note}","metadata":{{"a":"{free}"}},"idempotency_key":"{n:0>255}"}}"#,
            "u".repeat(64)
        )
    };
    let full: Vec<String> = (0..MAX_BATCH_ITEMS).map(full).collect();
    let body = body(&full);
    assert!((MAX_BATCH_BYTES * 9 / 10..MAX_BATCH_BYTES).contains(&body.len()), "{}", body.len());
    assert!(item_codes(&body).iter().all(|code| *code == "-"));
}

#[test]
fn answers_are_those_of_the_items_alone() {
    let body = body(
        &[
            r#"{"amount":1.5,"idempotency_key":"a"}"#,
            r#"{"amount":1}"#,
            r#"{"amount":3,"on_insufficient":"reject","idempotency_key":"b"}"#,
            r#"{"amount":1.5,"idempotency_key":"a"}"#,
        ]
        .map(str::to_owned),
    );
    let customer = CustomerId::parse("cus \"1\"").unwrap();
    let owner = Owner { environment: Environment::Test, customer: customer.clone() };
    let request = parse_batch(&body).unwrap();
    let (account, now) = (Account::new(owner), Timestamp::from_millis(1_795_305_600_000));
    let decided = request.batch.decide(&account, Vec::new(), now, &LedgerConfig::default());
    let outcomes = decided.unwrap().outcomes;
    let answer = request.answer(&outcomes, &customer, "req-1");
    let receipt = outcomes[0].as_ref().unwrap();
    let id = &receipt.entry.id;
    assert_eq!(receipt.entry.amount, Credits::from_minor_units(-1_500_000).unwrap());
    let first = format!(
        r#"{{"status":200,"body":{{"balance":-1.5,"transaction_id":"{id}","idempotency_key":"a","replayed":false,"customer_id":"cus \"1\"","unit":"credits","sequence":1,"as_of":"2026-11-22T00:00:00.000Z"}}}}"#,
        id = id.as_str()
    );
    let expected = [
        first.clone(),
        r#"{"status":400,"body":{"error":{"code":"invalid_request","message":"The field idempotency_key is missing. Nothing was changed.","details":{"param":"idempotency_key"},"request_id":"req-1"}}}"#.to_owned(),
        r#"{"status":402,"body":{"error":{"code":"insufficient_credits","message":"The balance is -1.5 and the call asks for 3. Nothing was charged; add credits and repeat the call, with the same key if you like.","details":{"current_balance":-1.5,"requested":3,"unit":"credits"},"request_id":"req-1"}}}"#.to_owned(),
        first.replace("\"replayed\":false", "\"replayed\":true"),
    ];
    assert_eq!(answer, format!(r#"{{"results":[{}]}}"#, expected.join(",")));
    let read = read_results(&answer, 4).unwrap();
    let statuses: Vec<u16> = read.iter().map(|result| result.status).collect();
    assert_eq!(statuses, [200, 400, 402, 200]);
    for (result, expected) in read.iter().zip(&expected) {
        assert!(expected.ends_with(&format!("\"body\":{}}}", result.body)), "{}", result.body);
    }
    // Short of an outcome, it is nobody's answer.
    let short = request.answer(&outcomes[..2], &customer, "req-1");
    assert_eq!(read_results(&short, 4), None);
}

#[test]
fn what_is_no_answer_to_the_batch_is_not_believed() {
    const ONE: &str = r#"{"results":[{"status":200,"body":{"balance":1}}]}"#;
    let one = ItemResult { status: 200, body: r#"{"balance":1}"# };
    assert_eq!(read_results(ONE, 1), Some(Vec::from([one])));
    assert_eq!(read_results(ONE, 0), None);
    assert_eq!(read_results(ONE, 2), None);
    // What a later server may add.
    let more =
        r#" {"region":[{}],"results":[{"id":1,"body":{"balance":1},"status":200,"x":null}]} "#;
    assert_eq!(read_results(more, 1), Some(Vec::from([one])));
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    for hostile in [
        "".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "<html>".to_owned(),
        format!("{ONE}{ONE}"),
        ONE.replace("]}", "]"),
        r#"{"results":null}"#.to_owned(),
        r#"{"results":{"status":200,"body":{}}}"#.to_owned(),
        r#"{"results":[null]}"#.to_owned(),
        r#"{"results":[[200,{}]]}"#.to_owned(),
        r#"[[{"status":200,"body":{}}]]"#.to_owned(),
        r#"{"results":["{\"status\":200,\"body\":{}}"]}"#.to_owned(),
        r#"{"results":[{"status":200}]}"#.to_owned(),
        r#"{"results":[{"body":{}}]}"#.to_owned(),
        r#"{"results":[{"status":200,"body":null}]}"#.to_owned(),
        r#"{"results":[{"status":200,"body":"{}"}]}"#.to_owned(),
        r#"{"results":[{"status":200,"body":[]}]}"#.to_owned(),
        r#"{"results":[{"status":200,"body":{"balance":1}]}"#.to_owned(),
        r#"{"results":[{"status":200,"status":402,"body":{}}]}"#.to_owned(),
        r#"{"results":[{"status":200,"body":{},"body":{}}]}"#.to_owned(),
        r#"{"results":[{"status":200,"body":{}}],"results":[]}"#.to_owned(),
        format!(r#"{{"results":{deep}}}"#),
        format!(r#"{{"results":[{deep}]}}"#),
        format!(r#"{{"results":[{{"status":{deep},"body":{{}}}}]}}"#),
        format!(r#"{{"results":[{}]}}"#, ["0"; 1_000_000].join(",")),
    ] {
        assert_eq!(read_results(&hostile, 1), None, "{}", hostile.get(..60).unwrap_or(&hostile));
    }
    for status in [
        "\"200\"", "200.0", "2e2", "true", "null", "-200", "0", "100", "199", "600", "65736",
        "1E400",
    ] {
        let answer = format!(r#"{{"results":[{{"status":{status},"body":{{}}}}]}}"#);
        assert_eq!(read_results(&answer, 1), None, "{status}");
    }
    for status in [200_u16, 299, 402, 429, 599] {
        let answer = format!(r#"{{"results":[{{"status":{status},"body":{{}}}}]}}"#);
        assert_eq!(read_results(&answer, 1), Some(Vec::from([ItemResult { status, body: "{}" }])));
    }
}

/// Nothing inside of a body is looked at: not how deep it is, and not how often it names a field.
#[test]
fn bodies_are_handed_on_unread() {
    let rubbish = format!(r#"{{"a":{}{}}}"#, "[".repeat(500_000), "]".repeat(500_000));
    for body in [rubbish.as_str(), r#"{"a":1,"a":2}"#, r#"{"\ud800":"\udc00"}"#] {
        let answer = format!(r#"{{"results":[{{"status":500,"body":{body}}}]}}"#);
        assert_eq!(read_results(&answer, 1), Some(Vec::from([ItemResult { status: 500, body }])));
    }
}

#[test]
fn more_than_a_batch_is_never_an_answer() {
    let results = |count: usize| {
        let results = ["{\"status\":200,\"body\":{}}"].repeat(count);
        format!(r#"{{"results":[{}]}}"#, results.join(","))
    };
    assert_eq!(read_results(&results(100), 100).map(|results| results.len()), Some(100));
    assert_eq!(read_results(&results(101), 100), None);
    // Nobody can have sent so many; past the bound the list is counted no further.
    assert_eq!(read_results(&results(102), 102), None);
}
