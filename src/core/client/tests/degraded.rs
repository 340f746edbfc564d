//! The API goes away in stateless mode: what is accepted, to the credit, and what becomes of it.

use std::boxed::Box;
use std::format;
use std::string::{String, ToString as _};

use core::time::Duration;

use super::*;
use crate::client::cached;
use crate::client::degraded::{Ended, MAX_WAITING, Standing};
use crate::client::exchange::BACKGROUND_ALLOWANCE;
use crate::error::Effect::{NotApplied, Unknown};

/// What the clients of one isolate share. Each call is made by a client of its own.
pub(super) struct Isolate {
    config: ClientConfig,
    standing: Standing,
    pub(super) world: World,
}

impl Isolate {
    pub(super) fn new(options: &str) -> Self {
        let mut json: serde_json::Value = serde_json::from_str(options).unwrap();
        json["mode"] = "stateless".into();
        let config = config(&json.to_string());
        let world = World::new(&config);
        Self { config, standing: Standing::default(), world }
    }

    /// A call, every attempt of which comes to the same.
    pub(super) fn call(
        &mut self,
        method: ApiMethod,
        json: &str,
        event: &Event,
    ) -> (Ended, Exchange) {
        let call = call(&self.config, method, json);
        let mut exchange = Exchange::new(&self.config, call, &ENTROPY);
        self.world.started = self.world.now;
        let first = exchange.start(self.world.now, &mut self.world.budget);
        let server = |_: &Request, _| (Duration::from_millis(20), event.clone());
        let outcome = self.world.drive(&mut exchange, first, server);
        let now = self.world.now;
        (self.standing.conclude(&self.config, exchange.call(), outcome, now), exchange)
    }

    pub(super) fn gate(&mut self, customer: &str, amount: &str, key: &str) -> Ended {
        self.call(ApiMethod::ConsumeOrFail, &charge(customer, amount, key), &network()).0
    }

    fn consume(&mut self, amount: &str, event: &Event) -> (Ended, Exchange) {
        self.call(ApiMethod::Consume, &charge("cus_1", amount, "own"), event)
    }

    /// Sends what was accepted.
    pub(super) fn send(
        &mut self,
        mut exchange: Exchange,
        server: impl FnMut(&Request, usize) -> (Duration, Event),
    ) -> Outcome {
        self.world.started = self.world.now;
        let first = exchange.go_on(self.world.now, &mut self.world.budget);
        let outcome = self.world.drive(&mut exchange, first, server);
        self.standing.sent(exchange.call(), &outcome, self.world.now);
        outcome
    }
}

pub(super) fn charge(customer: &str, amount: &str, key: &str) -> String {
    format!(r#"{{"customerId":"{customer}","amount":{amount},"idempotencyKey":"{key}"}}"#)
}

pub(super) fn at_once(event: Event) -> impl FnMut(&Request, usize) -> (Duration, Event) {
    move |_, _| (Duration::ZERO, event.clone())
}

fn accepted(ended: Ended) -> serde_json::Value {
    let Ended::Accepted(success) = ended else { panic!("not accepted: {}", describe(ended)) };
    assert!(!success.replayed);
    serde_json::from_str(&success.body).unwrap()
}

pub(super) fn refusal(ended: Ended) -> Box<ClientError> {
    match ended {
        Ended::Final(Err(error)) => error,
        other => panic!("not refused: {}", describe(other)),
    }
}

fn answered(ended: Ended) -> serde_json::Value {
    match ended {
        Ended::Final(Ok(success)) => serde_json::from_str(&success.body).unwrap(),
        other => panic!("not answered: {}", describe(other)),
    }
}

fn describe(ended: Ended) -> String {
    match ended {
        Ended::Final(Ok(success)) | Ended::Accepted(success) => success.body,
        Ended::Final(Err(error)) => format!("{} {}", error.code, error.message),
    }
}

pub(super) fn is_accepted(ended: &Ended) -> bool {
    matches!(ended, Ended::Accepted(_))
}

const BALANCE: &str = r#"{"customerId":"cus_1"}"#;
const TOLD: &str = r#"{"balance":0.5,"credit_name":"Sparks","sequence":7}"#;

#[test]
fn usage_is_accepted_with_the_balance_known_last_or_none() {
    let mut isolate = Isolate::new("{}");
    let body = accepted(isolate.consume("5", &network()).0);
    assert!(body["balance"].is_null() && body["as_of"].is_null());
    assert_eq!((&body["degraded"], &body["source"]), (&true.into(), &"degraded".into()));
    assert!(body["transaction_id"].as_str().unwrap().starts_with("txn_"));
    let mut isolate = Isolate::new("{}");
    let _ = isolate.call(ApiMethod::GetBalance, BALANCE, &answer(200, TOLD));
    let body = accepted(isolate.consume("5", &network()).0);
    assert_eq!(body["balance"], 0.5);
    let told = answered(isolate.call(ApiMethod::GetBalance, BALANCE, &network()).0);
    assert_eq!((&told["balance"], &told["credit_name"]), (&0.5.into(), &"Sparks".into()));
    assert_eq!((&told["degraded"], &told["customer_id"]), (&true.into(), &"cus_1".into()));
    assert!(told["as_of"].as_str().unwrap().starts_with("1994-11-06T08:49:37"));
}

#[test]
fn which_failures_mean_that_nobody_has_decided() {
    let coded = |status, code| answer(status, &error_body(code));
    let table = [
        (network(), true),
        (failed(Failure::Timeout), true),
        (answer(500, ""), true),
        (answer(502, "<html>"), true),
        (coded(503, "upstream_unavailable"), true),
        (answer(524, ""), true),
        (failed(Failure::Overloaded), false),
        (failed(Failure::Oversized), false),
        (answer(200, "<html>"), false),
        (answer(302, ""), false),
        (answer(429, ""), false),
        (answer(408, ""), false),
        (answer(401, ""), false),
        (answer(402, ""), false),
        (answer(404, ""), false),
        (coded(409, "idempotency_key_in_use"), false),
        (coded(500, "invariant_violation"), false),
        (coded(503, "stale_balance"), false),
        (coded(503, "outbox_full"), false),
        (coded(503, "not_configured"), false),
    ];
    for (event, away) in table {
        let ended = Isolate::new("{}").consume("5", &event).0;
        assert_eq!(is_accepted(&ended), away, "{event:?}: {}", describe(ended));
    }
}

#[test]
fn one_without_room_accepts_nothing_and_only_idle_ones_may_be_forgotten() {
    let mut isolate = Isolate::new(r#"{"maxRetries":0}"#);
    isolate.standing = Standing::closed();
    let _ = isolate.call(ApiMethod::GetBalance, BALANCE, &answer(200, TOLD));
    let error = refusal(isolate.consume("5", &network()).0);
    assert!(error.message.contains("has room for"), "{}", error.message);
    let _ = refusal(isolate.gate("a", "1", "1"));
    let _ = refusal(isolate.call(ApiMethod::GetBalance, BALANCE, &network()).0);

    let mut isolate = Isolate::new(r#"{"maxRetries":0}"#);
    let _ = isolate.call(ApiMethod::GetBalance, BALANCE, &answer(200, TOLD));
    assert!(isolate.standing.is_idle());
    let (_, exchange) = isolate.consume("5", &network());
    assert!(!isolate.standing.is_idle());
    assert!(isolate.send(exchange, at_once(ok())).is_ok());
    assert!(isolate.standing.is_idle());
    let json = charge("a", "5", "gate");
    let (_, exchange) = isolate.call(ApiMethod::ConsumeOrFail, &json, &network());
    let _ = isolate.send(exchange, at_once(network())).unwrap_err();
    assert!(!isolate.standing.is_idle());
}

#[test]
fn an_accepted_gate_is_sent_as_usage_under_its_key_and_frees_the_limit() {
    let mut isolate = Isolate::new(r#"{"degradedLimit":{"type":"number","text":"10"}}"#);
    let gate = r#"{"customerId":"a","amount":10,"idempotencyKey":"k",
        "metadata":"{\"on_insufficient\":\"reject\",\"idempotency_key\":1}"}"#;
    let (ended, exchange) = isolate.call(ApiMethod::ConsumeOrFail, gate, &network());
    assert!(is_accepted(&ended));
    let first = isolate.world.sent.last().unwrap().body.clone().unwrap();
    isolate.world.sent.clear();
    let success = isolate.send(exchange, at_once(ok())).unwrap();
    assert_eq!(success.idempotency_key.as_deref(), Some("k"));
    let sent = isolate.world.sent[0].body.clone().unwrap();
    assert_eq!(
        sent,
        first.replace(
            r#","on_insufficient":"reject","idempotency_key":"k""#,
            r#","idempotency_key":"k""#
        )
    );
    assert_ne!(sent, first);
    assert!(is_accepted(&isolate.gate("a", "10", "2")));
}

#[test]
fn a_repeat_of_what_is_on_its_way_is_a_replay_and_counts_once() {
    let mut isolate = Isolate::new(r#"{"degradedLimit":{"type":"number","text":"10"}}"#);
    assert!(is_accepted(&isolate.gate("a", "6", "k")));
    let Ended::Final(Ok(again)) = isolate.gate("a", "6", "k") else { panic!("no replay") };
    assert!(again.replayed);
    assert!(is_accepted(&isolate.gate("a", "4", "l")));
}

#[test]
fn it_is_sent_when_the_api_is_back_and_given_up_before_the_host_ends_it() {
    let mut isolate = Isolate::new(r#"{"retryBudget":false}"#);
    let (_, exchange) = isolate.consume("5", &network());
    let sent = isolate.world.sent.len();
    let server = |_: &Request, attempt| {
        (Duration::from_millis(5), if attempt < 5 { network() } else { ok() })
    };
    assert!(isolate.send(exchange, server).is_ok());
    assert_eq!(isolate.world.sent.len() - sent, 6);
    let (_, exchange) = isolate.consume("5", &network());
    let error = isolate.send(exchange, at_once(network())).unwrap_err();
    assert!(isolate.world.elapsed() <= BACKGROUND_ALLOWANCE);
    assert!(error.attempts > 5 && error.message.contains("come back"), "{}", error.message);
    assert_eq!(error.idempotency_key.as_deref(), Some("own"));
}

#[test]
fn what_is_accepted_draws_on_no_budget() {
    let mut isolate = Isolate::new(r#"{"maxRetries":0,"retryBudget":{"percent":0,"burst":0}}"#);
    let refused = Event::Failed { sent: false, failure: Failure::Network };
    let (_, exchange) = isolate.consume("5", &refused);
    isolate.world.sent.clear();
    assert!(isolate.send(exchange, at_once(ok())).is_ok());
    assert_eq!(isolate.world.sent.len(), 1);
    let (_, exchange) = isolate.consume("5", &refused);
    let error = isolate.send(exchange, at_once(refused)).unwrap_err();
    assert_eq!((error.effect, error.retryable), (NotApplied, true));
}

#[test]
fn a_charge_for_the_background_has_its_time_once() {
    let mut isolate = Isolate::new(r#"{"retryBudget":false,"timeoutMs":4000}"#);
    let json = r#"{"customerId":"cus_1","amount":5,"background":true}"#;
    let started = isolate.world.now;
    let (ended, exchange) = isolate.call(ApiMethod::Consume, json, &network());
    assert!(is_accepted(&ended));
    let _ = isolate.send(exchange, at_once(network())).unwrap_err();
    assert!(isolate.world.now.since(started) <= BACKGROUND_ALLOWANCE);
}

#[test]
fn refusals_of_what_was_accepted_are_told() {
    for (event, code, effect) in [
        // The attempt before may still arrive, after a top-up.
        (answer(402, ""), "insufficient_credits", Unknown),
        (answer(401, ""), "invalid_api_key", Unknown),
        (answer(422, &error_body("idempotency_key_reused")), "idempotency_key_reused", NotApplied),
    ] {
        let mut isolate = Isolate::new("{}");
        let (_, exchange) = isolate.consume("5", &network());
        let error = isolate.send(exchange, at_once(event)).unwrap_err();
        assert_eq!((&*error.code, error.effect), (code, effect));
    }
}

#[test]
fn grants_lists_and_clients_that_want_none_of_it_get_the_error() {
    let mut isolate = Isolate::new("{}");
    let add = r#"{"customerId":"a","amount":5}"#;
    let _ = refusal(isolate.call(ApiMethod::Add, add, &network()).0);
    let _ = refusal(isolate.call(ApiMethod::GetTransactions, BALANCE, &network()).0);
    let _ = refusal(isolate.call(ApiMethod::GetBalance, BALANCE, &network()).0);
    let mut strict = Isolate::new(r#"{"gracefulDegradation":false}"#);
    let _ = strict.call(ApiMethod::GetBalance, BALANCE, &answer(200, TOLD));
    let _ = refusal(strict.call(ApiMethod::GetBalance, BALANCE, &network()).0);
    let _ = refusal(strict.consume("5", &network()).0);
}

#[test]
fn older_readings_replays_and_what_is_no_number_are_not_remembered() {
    let mut isolate = Isolate::new("{}");
    let mut tell = |body: &str| {
        let _ = isolate.call(ApiMethod::GetBalance, BALANCE, &answer(200, body));
        answered(isolate.call(ApiMethod::GetBalance, BALANCE, &network()).0)["balance"].to_string()
    };
    assert_eq!(tell(TOLD), "0.5");
    assert_eq!(tell(r#"{"balance":9,"sequence":6}"#), "0.5");
    assert_eq!(tell(r#"{"balance":9,"sequence":8,"replayed":true}"#), "0.5");
    assert_eq!(tell(r#"{"balance":"much","sequence":8}"#), "0.5");
    assert_eq!(tell(r#"{"balance":0.1234567,"sequence":8}"#), "0.1234567");
    assert_eq!(tell(r#"{"balance":-3}"#), "-3");
}

#[test]
fn what_waits_is_bounded() {
    let mut isolate = Isolate::new(r#"{"maxRetries":0}"#);
    for number in 0..MAX_WAITING {
        let json = charge("a", "1", &number.to_string());
        assert!(is_accepted(&isolate.call(ApiMethod::Consume, &json, &network()).0));
    }
    let error = refusal(isolate.call(ApiMethod::Consume, &charge("a", "1", "x"), &network()).0);
    assert!(error.message.contains("As many"), "{}", error.message);
}

#[test]
fn customers_are_bounded_and_a_limit_that_was_drawn_on_is_kept() {
    let mut isolate =
        Isolate::new(r#"{"maxRetries":0,"degradedLimit":{"type":"number","text":"1"}}"#);
    assert!(is_accepted(&isolate.gate("first", "1", "k")));
    for number in 0..cached::MAX_CUSTOMERS * 2 {
        let json = format!(r#"{{"customerId":"c{number}"}}"#);
        let _ = isolate.call(ApiMethod::GetBalance, &json, &answer(200, TOLD));
    }
    let _ = refusal(isolate.gate("first", "1", "l"));
    let old = isolate.call(ApiMethod::GetBalance, r#"{"customerId":"c0"}"#, &network());
    let _ = refusal(old.0);
    let last = format!(r#"{{"customerId":"c{}"}}"#, cached::MAX_CUSTOMERS * 2 - 1);
    assert_eq!(answered(isolate.call(ApiMethod::GetBalance, &last, &network()).0)["balance"], 0.5);
}
