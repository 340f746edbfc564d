//! Whole calls in virtual time: the exchange, a driver, and servers that follow a script.

mod allowance;
mod cached;
mod calls;
mod degraded;
mod exchanges;
mod faults;
mod pace;
mod quotes;
mod refusals;
mod waiting;

use std::boxed::Box;
use std::format;
use std::string::{String, ToString as _};
use std::vec::Vec;

use core::time::Duration;

use crate::client::arguments::{ApiMethod, Arguments, RawAmount};
use crate::client::budget::RetryBudget;
use crate::client::call::Call;
use crate::client::error::ClientError;
use crate::client::exchange::{Event, Exchange, Failure, Outcome, Step};
use crate::config::{ClientConfig, ConfigOptions};
use crate::entropy::Entropy;
use crate::http::{Request, Response};
use crate::time::Timestamp;
use crate::wire::reading::Said;

pub(super) const SECRET: &str = "ce_test_0123456789abcdef";
pub(super) const ENTROPY: Entropy = Entropy::new(*b"sixteen bytes..!");

/// A configuration from the options' JSON; a key is added.
pub(super) fn config(json: &str) -> ClientConfig {
    let mut options: ConfigOptions = serde_json::from_str(json).unwrap();
    options.api_key = Some(SECRET.to_string());
    ClientConfig::new(options).map_err(|error| error.message).unwrap()
}

/// Arguments from their JSON, `amount` as a JSON number or string for short.
pub(super) fn arguments(json: &str) -> Arguments {
    let mut value: serde_json::Value = serde_json::from_str(json).unwrap();
    if let Some(amount) = value.get_mut("amount") {
        let (kind, text) = match &amount {
            serde_json::Value::String(text) => ("string", text.clone()),
            other => ("number", other.to_string()),
        };
        *amount = serde_json::json!({"type": kind, "text": text});
    }
    serde_json::from_value(value).unwrap()
}

pub(super) fn amount(kind: &str, text: &str) -> RawAmount {
    RawAmount { kind: kind.to_string(), text: text.to_string() }
}

pub(super) fn call(config: &ClientConfig, method: ApiMethod, json: &str) -> Call {
    Call::new(config, method, &arguments(json), &ENTROPY, None).unwrap()
}

pub(super) fn refused(method: ApiMethod, json: &str) -> ClientError {
    let refusal = Call::new(&config("{}"), method, &arguments(json), &ENTROPY, None).err();
    *refusal.unwrap_or_else(|| panic!("{json} passed"))
}

fn answered(status: u16, headers: Vec<(String, String)>, body: &str) -> Event {
    Event::Response(
        Response { status, headers, body: body.to_string() },
        Box::new(Said::read(body)),
    )
}

pub(super) fn answer(status: u16, body: &str) -> Event {
    answered(status, Vec::new(), body)
}

pub(super) fn answer_with(status: u16, headers: &[(&str, &str)], body: &str) -> Event {
    let pair = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    let headers = headers.iter().map(pair).collect();
    answered(status, headers, body)
}

pub(super) fn error_body(code: &str) -> String {
    format!(
        r#"{{"error":{{"code":"{code}","message":"Said by the server.","request_id":"req_1"}}}}"#
    )
}

pub(super) fn failed(failure: Failure) -> Event {
    Event::Failed { sent: true, failure }
}

pub(super) const OK: &str = r#"{"balance": 95, "transaction_id":"txn_1","new_field":[1]}"#;

pub(super) fn ok() -> Event {
    answer(200, OK)
}

pub(super) fn network() -> Event {
    failed(Failure::Network)
}

/// A driver in virtual time, and what it saw.
pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) budget: RetryBudget,
    pub(super) sent: Vec<Request>,
    pub(super) sleeps: Vec<Duration>,
    pub(super) started: Timestamp,
}

impl World {
    pub(super) fn new(config: &ClientConfig) -> Self {
        let now = Timestamp::from_millis(784_111_777_000);
        let budget = RetryBudget::new(config.retry_budget);
        Self { now, budget, sent: Vec::new(), sleeps: Vec::new(), started: now }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.now.since(self.started)
    }

    /// Performs a call. The server gets each request and its number (0 first), and says how long it
    /// takes and what comes of it; what takes longer than the attempt may is a timeout.
    pub(super) fn perform(
        &mut self,
        config: &ClientConfig,
        call: Call,
        server: impl FnMut(&Request, usize) -> (Duration, Event),
    ) -> Outcome {
        let mut exchange = Exchange::new(config, call, &ENTROPY);
        self.started = self.now;
        let first = exchange.start(self.now, &mut self.budget);
        self.drive(&mut exchange, first, server)
    }

    /// Performs an exchange from a step to its end.
    pub(super) fn drive(
        &mut self,
        exchange: &mut Exchange,
        first: Step,
        mut server: impl FnMut(&Request, usize) -> (Duration, Event),
    ) -> Outcome {
        let mut attempt = 0;
        let mut step = first;
        loop {
            let event = match step {
                Step::Send { request, deadline } => {
                    let (latency, event) = server(&request, attempt);
                    attempt += 1;
                    self.sent.push(request);
                    let arrives = self.now.plus(latency);
                    self.now = arrives.min(deadline);
                    if arrives < deadline { event } else { failed(Failure::Timeout) }
                }
                Step::Sleep { until } => {
                    self.sleeps.push(until.since(self.now));
                    self.now = until.max(self.now);
                    Event::Woke
                }
                Step::Done(outcome) => return outcome,
            };
            step = exchange.on(self.now, event, &mut self.budget);
        }
    }

    /// Performs a consumeOrFail of 5 against answers in order, each after 20 ms.
    pub(super) fn script(&mut self, config: &ClientConfig, events: &[Event]) -> Outcome {
        let json = r#"{"customerId":"cus_1","amount":5}"#;
        let call = call(config, ApiMethod::ConsumeOrFail, json);
        self.perform(config, call, |_, attempt| {
            let event = events.get(attempt).unwrap_or_else(|| panic!("attempt {attempt}"));
            (Duration::from_millis(20), event.clone())
        })
    }
}

/// The outcome of a script under the default configuration, and the world after it.
pub(super) fn scripted(events: &[Event]) -> (Outcome, World) {
    let config = config("{}");
    let mut world = World::new(&config);
    let outcome = world.script(&config, events);
    (outcome, world)
}
