//! What only the module itself can show: how values cross into it and out, what it throws, and that
//! its driver performs an exchange with the host's promises and timers.
//!
//! How the facade uses it is tested in `tests/runtimes/facade`; what is decided, in the core.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use edge_credits::{Host, begin, check, next_page};
use js_sys::{Array, Function, JSON, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

const KEY: &str = "0123456789abcdef";

fn json(text: &str) -> JsValue {
    JSON::parse(text).unwrap()
}

fn get(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &JsValue::from_str(name)).unwrap()
}

fn text(value: &JsValue, name: &str) -> String {
    get(value, name).as_string().unwrap()
}

/// Options of a client, with more of them as JSON members.
fn options(more: &str) -> JsValue {
    let strict = r#""mode":"stateless","retryBudget":false,"gracefulDegradation":false"#;
    json(&format!(r#"{{"apiKey":"ce_test_{KEY}",{strict}{more}}}"#))
}

fn consume(more: &str) -> JsValue {
    json(&format!(
        r#"{{"method":"consume","arguments":{{"customerId":"cus_1",
            "amount":{{"type":"number","text":"0.1"}}{more}}}}}"#
    ))
}

/// A host whose fetcher remembers the requests and answers by a script, in which `attempt` counts
/// from 1.
fn host(script: &str) -> (Host, JsValue) {
    let body = format!(
        "const calls = [];
         const fetcher = {{
           async fetch(url, init) {{
             const attempt = calls.push({{ url, init, body: init.body }});
             {script}
           }},
         }};
         return {{ calls, fetcher, onPanic() {{}} }};"
    );
    let host = Function::new_no_args(&body).call0(&JsValue::UNDEFINED).unwrap();
    let calls = get(&host, "calls");
    (host.unchecked_into(), calls)
}

/// The facts of what was thrown, and its cause.
fn facts(thrown: &JsValue) -> (JsValue, JsValue) {
    let thrown: &Array = thrown.unchecked_ref();
    assert_eq!(thrown.length(), 2);
    (json(&thrown.get(0).as_string().unwrap()), thrown.get(1))
}

async fn settled(started: &Array) -> Result<JsValue, JsValue> {
    let promise: Promise = started.get(1).unchecked_into();
    JsFuture::from(promise).await
}

#[wasm_bindgen_test]
fn options_keep_their_types_on_the_way_in() {
    let accepted = r#","timeoutMs":250,"maxRetries":0,"deadlineMs":9007199254740991,"mode":"auto",
        "gracefulDegradation":false,"degradedLimit":{"type":"string","text":"0.5"},
        "paths":{"consume":"/spend/{id}"},"environment":"test",
        "baseUrl":{"protocol":"https:","host":"a.example","hostname":"a.example","pathname":"/"}"#;
    let deadline = r#""deadlineMs":9007199254740991"#;
    assert!(check(options(&accepted.replace(deadline, r#""deadlineMs":5000"#))).is_ok());
    // 2^53 - 1 arrives as it is, and the core's bounds refuse it.
    for (refused, named) in [
        (deadline, "deadlineMs"),
        (r#""timeoutMs":0"#, "timeoutMs"),
        (r#""mode":"persistent","edgeHost":true"#, "mode"),
        (r#""environment":"live""#, "environment"),
        (r#""retryBudget":{"burst":1001}"#, "retryBudget.burst"),
        (r#""degradedLimit":{"type":"number","text":"-1"}"#, "degradedLimit"),
        (r#""paths":{"consume":"/spend"}"#, "paths"),
        (r#""baseUrl":{}"#, "baseUrl"),
    ] {
        let thrown = check(options(&format!(",{refused}"))).unwrap_err();
        let (facts, _) = facts(&thrown);
        assert_eq!(text(&facts, "code"), "invalid_config");
        assert!(text(&facts, "message").contains(named), "{named}: {}", text(&facts, "message"));
    }
}

#[wasm_bindgen_test]
fn a_refusal_is_thrown_as_facts_and_sends_nothing() {
    let (host, calls) = host("throw new Error('sent');");
    let call = json(
        r#"{"method":"consume","arguments":{"customerId":"cus_1",
            "amount":{"type":"bigint","text":""}}}"#,
    );
    let (facts, cause) = facts(&begin(options(""), call, &host).unwrap_err());
    assert_eq!(text(&facts, "class"), "CreditEngineError");
    assert_eq!(text(&facts, "code"), "invalid_amount");
    assert_eq!(text(&facts, "effect"), "not_applied");
    assert_eq!(text(&get(&facts, "details"), "param"), "amount");
    assert!(cause.is_undefined());
    assert_eq!(calls.unchecked_into::<Array>().length(), 0);
}

#[wasm_bindgen_test]
fn a_method_that_is_none_is_refused() {
    let (host, _) = host("");
    let thrown = begin(options(""), json(r#"{"method":"steal","arguments":{}}"#), &host);
    assert_eq!(text(&facts(&thrown.unwrap_err()).0, "code"), "invalid_request");
}

#[wasm_bindgen_test]
async fn a_change_names_its_key_at_once_and_answers_with_the_body_as_it_came() {
    let body = r#"{"balance": 1.50,"balance":2,"__proto__":{}}"#;
    let (host, calls) = host(&format!("return new Response(`{body}`);"));
    let started = begin(options(""), consume(""), &host).unwrap();
    let key = started.get(0).as_string().unwrap();
    assert_eq!(key.len(), 36);
    assert_eq!(
        calls.unchecked_ref::<Array>().length(),
        0,
        "nothing is sent before the first await"
    );

    let answer: Array = settled(&started).await.unwrap().unchecked_into();
    assert_eq!(answer.get(0).as_string().as_deref(), Some(body));
    assert_eq!((answer.get(1), answer.get(2)), (JsValue::FALSE, JsValue::FALSE));
    let call = calls.unchecked_ref::<Array>().get(0);
    assert_eq!(text(&call, "body"), format!(r#"{{"amount":0.1,"idempotency_key":"{key}"}}"#));
    assert_eq!(text(&get(&call, "init"), "redirect"), "manual");
}

#[wasm_bindgen_test]
async fn a_read_has_no_key() {
    let (host, _) = host("return new Response('{}');");
    let call = json(r#"{"method":"getBalance","arguments":{"customerId":"cus_1"}}"#);
    let started = begin(options(""), call, &host).unwrap();
    assert!(started.get(0).is_null());
    assert!(settled(&started).await.is_ok());
}

#[wasm_bindgen_test]
fn a_request_names_its_calls() {
    let (host, _) = host("return new Response('{}');");
    let key = |base: &str, earlier: u32| {
        let call = consume("");
        let request = json(&format!(r#"{{"base":"{base}","earlier":{earlier}}}"#));
        Reflect::set(&call, &JsValue::from_str("request"), &request).unwrap();
        begin(options(""), call, &host).unwrap().get(0).as_string().unwrap()
    };
    assert_eq!(key("msg_1", 0), key("msg_1", 0));
    assert_ne!(key("msg_1", 0), key("msg_1", 1));
    assert_ne!(key("msg_1", 0), key("msg_2", 0));
}

#[wasm_bindgen_test]
async fn attempts_repeat_the_bytes_and_the_last_cause_is_kept() {
    let (host, calls) = host("throw new TypeError(`attempt ${attempt}`);");
    let started = begin(options(r#","maxRetries":1"#), consume(""), &host).unwrap();
    let (facts, cause) = facts(&settled(&started).await.unwrap_err());
    assert_eq!(text(&facts, "code"), "network_error");
    assert_eq!(text(&facts, "effect"), "unknown");
    assert_eq!(text(&facts, "idempotencyKey"), started.get(0).as_string().unwrap());
    assert_eq!(get(&facts, "attempts"), JsValue::from(2));
    assert_eq!(text(&cause, "message"), "attempt 2");
    let calls: Array = calls.unchecked_into();
    assert_eq!(text(&calls.get(0), "body"), text(&calls.get(1), "body"));
}

#[wasm_bindgen_test]
async fn a_stalled_answer_is_aborted_in_time() {
    let (host, calls) = host("return new Promise(() => {});");
    let config = options(r#","maxRetries":0,"timeoutMs":20"#);
    let started = begin(config, consume(""), &host).unwrap();
    let (facts, cause) = facts(&settled(&started).await.unwrap_err());
    assert_eq!(text(&facts, "code"), "timeout");
    assert!(cause.is_undefined());
    let signal = get(&get(&calls.unchecked_into::<Array>().get(0), "init"), "signal");
    assert_eq!(get(&signal, "aborted"), JsValue::TRUE);
}

#[wasm_bindgen_test]
async fn calls_under_way_do_not_disturb_each_other() {
    let (host, _) = host(
        "await new Promise((resolve) => setTimeout(resolve, attempt % 7));
         return new Response(init.body);",
    );
    let started: Vec<Array> =
        (0..50).map(|_| begin(options(""), consume(""), &host).unwrap()).collect();
    for call in &started {
        let answer: Array = settled(call).await.unwrap().unchecked_into();
        let key = started_key(&answer);
        assert_eq!(Some(key), call.get(0).as_string());
    }
}

fn started_key(answer: &Array) -> String {
    text(&json(&answer.get(0).as_string().unwrap()), "idempotency_key")
}

#[wasm_bindgen_test]
fn the_next_page_begins_where_this_one_ended() {
    let next = |page: &str| next_page(json(page)).map(|next| next.map(|next| next.to_vec()));
    let at = |option: &str, value: u32| Some(vec![JsValue::from_str(option), JsValue::from(value)]);
    let page = r#"{"offset":0,"rows":20,"lastSequence":81,"hasMore":true}"#;
    assert_eq!(next(page).unwrap(), at("beforeSequence", 81));
    assert_eq!(next(r#"{"offset":40,"rows":20,"hasMore":true}"#).unwrap(), at("offset", 60));
    assert_eq!(next(r#"{"offset":0,"rows":20,"hasMore":false}"#).unwrap(), None);
    let stuck = r#"{"beforeSequence":81,"rows":20,"lastSequence":81,"hasMore":true}"#;
    let (facts, _) = facts(&next(stuck).unwrap_err());
    assert_eq!(text(&facts, "code"), "protocol_error");
}

#[wasm_bindgen_test]
fn an_empty_object_is_no_host_of_anything_and_still_no_panic() {
    let host: Host = Object::new().unchecked_into();
    assert!(begin(JsValue::UNDEFINED, JsValue::UNDEFINED, &host).is_err());
}

#[wasm_bindgen_test]
async fn a_charge_that_is_accepted_without_the_api_is_sent_behind_its_answer() {
    let (host, calls) = host(
        r#"if (attempt === 1) throw new Error("away");
           return new Response('{"balance":7,"transaction_id":"txn_1"}');"#,
    );
    let lenient = options(r#","maxRetries":0,"gracefulDegradation":true"#);
    let started = begin(lenient, consume(""), &host).unwrap();
    let answer: Array = settled(&started).await.unwrap().unchecked_into();
    assert_eq!(answer.length(), 4);
    let body = json(&answer.get(0).as_string().unwrap());
    assert!(get(&body, "balance").is_null() && get(&body, "degraded").is_truthy());
    let sent = JsFuture::from(answer.get(3).unchecked_into::<Promise>()).await.unwrap();
    let sent: Array = sent.unchecked_into();
    assert!(sent.get(0).as_string().unwrap().contains("txn_1"));
    let calls: Array = calls.unchecked_into();
    assert_eq!(calls.length(), 2);
    let body = |index| get(&calls.get(index), "body").as_string().unwrap();
    assert_eq!(body(0), body(1));
}
