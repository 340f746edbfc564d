//! What each method puts on the wire, and what it refuses to send.

use super::*;
use crate::client::request_keys::RequestName;
use crate::http::Method;
use crate::ids::Environment;
use crate::ids::TransactionId;
use crate::ledger::{Command, MAX_HOLD_TTL, OnExpiry, WhenShort};
use crate::wire::holds::{parse_capture, parse_extend, parse_hold, parse_progress, parse_release};
use crate::wire::requests::{KeySource, parse_add, parse_consume, parse_void};
use crate::wire::requests::{parse_balance_query, parse_page_query};

const GENERATED: &str = "73697874-6565-4e20-a279-7465732e2e21";
const GRANT: &str = "txn_0123456789abcdef0123456789abcdef";

#[test]
fn requests_by_the_table() {
    use ApiMethod::{
        Add, CaptureHold, Consume, ConsumeOrFail, ExtendHold, GetBalance, GetHold, GetHolds,
        GetTransactions, Hold, ReleaseHold, ReportHold, VoidGrant,
    };
    let key = format!(r#""idempotency_key":"{GENERATED}"}}"#);
    let held = |rest: &str| format!(r#"{{"customerId":"c/d","holdId":"{GRANT}"{rest}}}"#);
    let (extended, told) = (held(r#","ttlMs":60000"#), held(r#","amount":0,"unit":"usd""#));
    let (captured, some) = (held(""), held(r#","amount":"1.50","description":"d""#));
    let void = format!(r#"{{"customerId":"c","grantId":"{GRANT}","reason":"sold twice"}}"#);
    let table = [
        (GetBalance, r#"{"customerId":"c"}"#, "/v1/customers/c/balance", ""),
        (
            GetBalance,
            r#"{"customerId":"org/1 é","includeBreakdown":true,"unit":"usd"}"#,
            "/v1/customers/org%2F1%20%C3%A9/balance?include_breakdown=true&unit=usd",
            "",
        ),
        (
            GetBalance,
            r#"{"customerId":"c","includeBreakdown":false}"#,
            "/v1/customers/c/balance",
            "",
        ),
        (GetTransactions, r#"{"customerId":"c"}"#, "/v1/customers/c/transactions", ""),
        (
            GetTransactions,
            r#"{"customerId":"c","limit":100,"offset":0,"type":"consumption","beforeSequence":9}"#,
            "/v1/customers/c/transactions?limit=100&offset=0&before_sequence=9&type=consumption",
            "",
        ),
        (Consume, r#"{"customerId":"c","amount":5}"#, "/v1/customers/c/consume", r#"{"amount":5,"#),
        (
            ConsumeOrFail,
            r#"{"customerId":"c","amount":"0.50","description":"AI: \"chat\"","metadata":"{\"a\": 1}"}"#,
            "/v1/customers/c/consume",
            r#"{"amount":0.5,"description":"AI: \"chat\"","metadata":{"a": 1},"on_insufficient":"reject","#,
        ),
        (
            Add,
            r#"{"customerId":"c","amount":500}"#,
            "/v1/customers/c/add",
            r#"{"amount":500,"type":"topup","#,
        ),
        (
            Add,
            r#"{"customerId":"c","amount":-1.5,"type":"adjustment","unit":"usd"}"#,
            "/v1/customers/c/add",
            r#"{"amount":-1.5,"unit":"usd","type":"adjustment","#,
        ),
        (
            Add,
            r#"{"customerId":"c","amount":1,"product":"pro","priority":0,"expiresAt":"2027-01-01T01:00:00+01:00","effectiveAt":"2026-12-01T00:00:00Z"}"#,
            "/v1/customers/c/add",
            r#"{"amount":1,"type":"topup","product":"pro","priority":0,"effective_at":"2026-12-01T00:00:00.000Z","expires_at":"2027-01-01T00:00:00.000Z","#,
        ),
        (
            Add,
            r#"{"customerId":"c","amount":1,"type":"refund","refundOf":"txn_0123456789abcdef0123456789abcdef"}"#,
            "/v1/customers/c/add",
            r#"{"amount":1,"type":"refund","refund_of":"txn_0123456789abcdef0123456789abcdef","#,
        ),
        (
            VoidGrant,
            &void,
            "/v1/customers/c/grants/txn_0123456789abcdef0123456789abcdef/void",
            r#"{"reason":"sold twice","#,
        ),
        (
            Hold,
            r#"{"customerId":"c/d","amount":75,"ttlMs":1000,"onExpiry":"release","description":"d"}"#,
            "/v1/customers/c%2Fd/holds",
            r#"{"amount":75,"ttl_ms":1000,"on_expiry":"release","description":"d","#,
        ),
        (
            ExtendHold,
            &extended,
            "/v1/customers/c%2Fd/holds/txn_0123456789abcdef0123456789abcdef/extend",
            r#"{"ttl_ms":60000,"#,
        ),
        (
            ReportHold,
            &told,
            "/v1/customers/c%2Fd/holds/txn_0123456789abcdef0123456789abcdef/progress",
            r#"{"used":0,"unit":"usd","#,
        ),
        (
            CaptureHold,
            &captured,
            "/v1/customers/c%2Fd/holds/txn_0123456789abcdef0123456789abcdef/capture",
            "{",
        ),
        (
            CaptureHold,
            &some,
            "/v1/customers/c%2Fd/holds/txn_0123456789abcdef0123456789abcdef/capture",
            r#"{"amount":1.5,"description":"d","#,
        ),
        (
            ReleaseHold,
            &captured,
            "/v1/customers/c%2Fd/holds/txn_0123456789abcdef0123456789abcdef/release",
            "{",
        ),
        (GetHold, &captured, "/v1/customers/c%2Fd/holds/txn_0123456789abcdef0123456789abcdef", ""),
        (GetHolds, r#"{"customerId":"c/d"}"#, "/v1/customers/c%2Fd/holds", ""),
        (
            GetHolds,
            r#"{"customerId":"c","limit":100,"beforeSequence":9,"unit":"usd"}"#,
            "/v1/customers/c/holds?limit=100&before_sequence=9&unit=usd",
            "",
        ),
    ];
    let config = config("{}");
    for (method, json, target, body) in table {
        let call = call(&config, method, json);
        assert_eq!(call.target(), target);
        if body.is_empty() {
            assert_eq!((call.method(), call.body()), (Method::Get, None));
            assert!(call.idempotency_key().is_none());
        } else {
            assert_eq!(call.method(), Method::Post);
            assert_eq!(call.body().unwrap(), format!("{body}{key}"));
            assert_eq!(call.idempotency_key().unwrap().as_str(), GENERATED);
        }
        // Written once more, it is the same to the byte.
        let again = Call::new(&config, method, &arguments(json), &ENTROPY, None).unwrap();
        assert_eq!((again.target(), again.body()), (call.target(), call.body()));
    }
}

fn source(header: Option<&str>) -> KeySource<'_> {
    KeySource { header, entropy: &ENTROPY }
}

/// What the client writes, the server's own reader takes, with the key of the header.
#[test]
fn the_server_reads_what_the_client_writes() {
    let config = config("{}");
    let written = |method, json: &str| {
        let call = call(&config, method, json);
        let header = call.idempotency_key().map(|key| key.to_header());
        (call.target().to_string(), call.body().unwrap_or_default().to_string(), header)
    };
    let full = r#"{"customerId":"c","amount":"1.000001","unit":"tokens","description":"d","metadata":"{\"action\":\"chat\"}","idempotencyKey":"\"quoted\\key\""}"#;
    let (_, body, header) = written(ApiMethod::ConsumeOrFail, full);
    let Command::Consume(consume) = parse_consume(&body, &source(header.as_deref())).unwrap()
    else {
        panic!("no consume")
    };
    assert_eq!(consume.amount.minor_units(), 1_000_001);
    assert_eq!((consume.when_short, consume.unit.as_str()), (WhenShort::Reject, "tokens"));
    assert_eq!(consume.call.key.as_str(), "\"quoted\\key\"");
    assert_eq!(consume.call.metadata.as_deref(), Some(r#"{"action":"chat"}"#));
    for json in [
        r#"{"customerId":"c","amount":8000000000,"priority":1000,"product":"pro","expiresAt":"2027-01-01T00:00:00Z"}"#,
        r#"{"customerId":"c","amount":-1,"type":"adjustment"}"#,
        r#"{"customerId":"c","amount":1,"type":"refund","refundOf":"txn_0123456789abcdef0123456789abcdef"}"#,
    ] {
        let (_, body, header) = written(ApiMethod::Add, json);
        parse_add(&body, &source(header.as_deref())).map_err(|error| error.message).unwrap();
    }
    let json = format!(r#"{{"customerId":"c","grantId":"{GRANT}","reason":"r"}}"#);
    let (_, body, header) = written(ApiMethod::VoidGrant, &json);
    parse_void(GRANT, &body, &source(header.as_deref())).map_err(|error| error.message).unwrap();
    let json = r#"{"customerId":"c","amount":0.5,"unit":"usd","ttlMs":86400000,"onExpiry":"capture_all","description":"d","metadata":"{}"}"#;
    let (_, body, header) = written(ApiMethod::Hold, json);
    let Command::Hold(hold) = parse_hold(&body, &source(header.as_deref())).unwrap() else {
        panic!("no hold")
    };
    assert_eq!((hold.ttl, hold.on_expiry), (MAX_HOLD_TTL, OnExpiry::CaptureAll));
    assert_eq!((hold.amount.minor_units(), hold.unit.as_str()), (500_000_000, "usd"));
    let id = || TransactionId::parse(GRANT).unwrap();
    let json = format!(
        r#"{{"customerId":"c","holdId":"{GRANT}","amount":0,"unit":"usd","ttlMs":1000,"description":"d"}}"#
    );
    let (_, body, header) = written(ApiMethod::CaptureHold, &json);
    parse_capture(id(), &body, &source(header.as_deref())).map_err(|it| it.message).unwrap();
    let (_, body, header) = written(ApiMethod::ReleaseHold, &json);
    parse_release(id(), &body, &source(header.as_deref())).map_err(|it| it.message).unwrap();
    let (_, body, _) = written(ApiMethod::ReportHold, &json.replace(r#","description":"d""#, ""));
    parse_progress(&body).map_err(|it| it.message).unwrap();
    let (_, body, _) = written(ApiMethod::ExtendHold, &json.replace(r#","description":"d""#, ""));
    parse_extend(&body).map_err(|it| it.message).unwrap();
    let (target, ..) = written(
        ApiMethod::GetTransactions,
        r#"{"customerId":"c","limit":3,"offset":4,"beforeSequence":5,"type":"topup","unit":"usd"}"#,
    );
    let page = parse_page_query(target.split_once('?').unwrap().1).unwrap();
    assert_eq!((page.limit, page.offset, page.before_sequence), (3, 4, Some(5)));
    let json = r#"{"customerId":"c","includeBreakdown":true,"unit":"usd"}"#;
    let (target, ..) = written(ApiMethod::GetBalance, json);
    let query = parse_balance_query(target.split_once('?').unwrap().1).unwrap();
    assert!(query.include_breakdown && query.unit.as_str() == "usd");
}

#[test]
fn keys_own_derived_generated() {
    let config = config("{}");
    let request = RequestName { base: "msg_1".to_string(), earlier: 0 };
    let key = |json: &str, request: Option<&RequestName>| {
        let arguments = arguments(json);
        let call = Call::new(&config, ApiMethod::Consume, &arguments, &ENTROPY, request).unwrap();
        (call.idempotency_key().unwrap().as_str().to_string(), call.key_is_derived())
    };
    let plain = r#"{"customerId":"c","amount":5}"#;
    let own = r#"{"customerId":"c","amount":5,"idempotencyKey":"mine"}"#;
    assert_eq!(key(plain, None), (GENERATED.to_string(), false));
    // C2: a caller's own key is never replaced.
    assert_eq!(key(own, None), ("mine".to_string(), false));
    assert_eq!(key(own, Some(&request)), ("mine".to_string(), false));
    let (derived, is_derived) = key(plain, Some(&request));
    assert!(is_derived && derived != GENERATED);
    // Not of the content: a repeat that asks for something else is the same call.
    assert_eq!(key(r#"{"customerId":"c","amount":6}"#, Some(&request)).0, derived);
}

#[test]
fn calls_know_whose_ledger_they_reach() {
    let call = call(&config("{}"), ApiMethod::GetBalance, r#"{"customerId":"a:b"}"#);
    assert_eq!(call.owner().environment, Environment::Test);
    assert_eq!(call.owner().object_name(), "4:test3:a:b");
    assert_eq!(call.api_method(), ApiMethod::GetBalance);
    for method in ApiMethod::ALL {
        assert_eq!(ApiMethod::parse(method.as_str()), Some(method));
    }
    assert_eq!(ApiMethod::parse("consumeorfail"), None);
}

#[test]
fn questions_about_all_customers_and_about_one() {
    let targets = [
        (ApiMethod::GetUsageAnalytics, "{}", "/v1/analytics/usage"),
        (
            ApiMethod::GetUsageAnalytics,
            r#"{"period":"last_7_days","groupBy":"week","customerId":"a/b","unit":"usd"}"#,
            "/v1/analytics/usage?period=last_7_days&group_by=week&customer_id=a%2Fb&unit=usd",
        ),
        (
            ApiMethod::GetTopConsumers,
            r#"{"period":"current_month","limit":5}"#,
            "/v1/analytics/top-consumers?period=current_month&limit=5",
        ),
        (ApiMethod::GetActionBreakdown, "{}", "/v1/analytics/actions"),
        (ApiMethod::GetBurnRate, r#"{"days":7}"#, "/v1/analytics/burn-rate?days=7"),
        (ApiMethod::GetAnalyticsSummary, "{}", "/v1/analytics/summary"),
    ];
    for (method, json, target) in targets {
        let everybody = !json.contains("customerId");
        let arguments = Arguments { everybody, ..arguments(json) };
        let call = Call::new(&config("{}"), method, &arguments, &ENTROPY, None).unwrap();
        assert_eq!((call.target(), call.body(), call.idempotency_key()), (target, None, None));
        let name = if everybody { "4:test0:" } else { "4:test3:a/b" };
        assert_eq!(call.owner().object_name(), name);
    }
    let moved = config(r#"{"paths":{"analytics":"/stats/{topic}.json"}}"#);
    let arguments = Arguments { everybody: true, ..Arguments::default() };
    let call = Call::new(&moved, ApiMethod::GetBurnRate, &arguments, &ENTROPY, None).unwrap();
    assert_eq!(call.target(), "/stats/burn-rate.json");
    let refused = |method, json: &str| refused(method, json).code.clone();
    assert_eq!(refused(ApiMethod::GetUsageAnalytics, r#"{"customerId":""}"#), "invalid_id");
    assert_eq!(
        refused(ApiMethod::GetTopConsumers, r#"{"customerId":"c","limit":0}"#),
        "invalid_request"
    );
    // Nobody is everybody but in a question.
    let nobody = Arguments { everybody: true, ..Arguments::default() };
    let error = Call::new(&moved, ApiMethod::GetBalance, &nobody, &ENTROPY, None).err().unwrap();
    assert_eq!(error.code, "invalid_id");
}

#[test]
fn an_answer_without_data_is_none_of_the_analytics() {
    let config = config("{}");
    let arguments = Arguments { everybody: true, ..Arguments::default() };
    for (body, good) in [(r#"{"data":[]}"#, true), (r#"{"ok":true}"#, false), ("[]", false)] {
        let call =
            Call::new(&config, ApiMethod::GetTopConsumers, &arguments, &ENTROPY, None).unwrap();
        let mut budget = RetryBudget::new(config.retry_budget);
        let mut exchange = Exchange::new(&config, call, &ENTROPY);
        let now = Timestamp::from_millis(1_000_000);
        let _ = exchange.start(now, &mut budget);
        let Step::Done(outcome) = exchange.on(now, answer(200, body), &mut budget) else {
            panic!("{body}")
        };
        match outcome {
            Ok(success) => assert!(good && success.body == body),
            Err(error) => assert!(!good && error.code == "protocol_error", "{body}"),
        }
    }
}
