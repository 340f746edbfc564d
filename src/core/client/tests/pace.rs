//! When a call is sent again, when it stops, and what bounds it.

use super::*;
use crate::client::exchange::BACKGROUND_ALLOWANCE;
use crate::error::Effect::{NotApplied, Unknown};
use std::vec;

/// C1: whatever happens in between, every attempt is the same request to the byte.
#[test]
fn attempts_are_byte_identical() {
    let (outcome, world) = scripted(&[network(), answer(500, ""), ok()]);
    assert_eq!(outcome.unwrap().attempts, 3);
    assert_eq!(world.sent.len(), 3);
    assert!(world.sent.iter().all(|request| *request == world.sent[0]));
    assert!(world.sleeps[0] <= Duration::from_millis(200));
    assert!(world.sleeps[1] <= Duration::from_millis(400));
}

#[test]
fn hints_outrank_the_backoff_and_end_the_call_beyond_its_deadline() {
    let wait = |value: &str| answer_with(503, &[("retry-after", value)], &error_body("busy"));
    let (outcome, world) = scripted(&[wait("3"), ok()]);
    assert_eq!((outcome.unwrap().attempts, &*world.sleeps), (2, &[Duration::from_secs(3)][..]));
    // Garbage is no hint.
    let (_, world) = scripted(&[wait("-3"), wait("172800"), ok()]);
    assert!(world.sleeps.iter().all(|sleep| *sleep <= Duration::from_millis(400)));
    // A hint of nothing does not cancel the backoff.
    let now = vec![wait("0"); 11];
    let eleven = config(r#"{"maxRetries":10}"#);
    let mut world = World::new(&eleven);
    let _ = world.script(&eleven, &now);
    assert!(world.sleeps.iter().sum::<Duration>() > Duration::from_secs(5));
    // A pause that ends exactly at the deadline leaves no time for an attempt.
    let short = config(r#"{"deadlineMs":3020}"#);
    let mut world = World::new(&short);
    assert_eq!(world.script(&short, &[wait("3")]).unwrap_err().attempts, 1);
    assert!(world.sleeps.is_empty());
    // 50 s are left of the call: a hint of 60 s stops at once, and the caller gets to see it.
    let (outcome, world) = scripted(&[wait("60")]);
    let error = outcome.unwrap_err();
    assert_eq!((error.attempts, error.retry_after), (1, Some(Duration::from_secs(60))));
    assert!(world.sleeps.is_empty());
    assert!(error.message.contains("after the deadline of the call"), "{}", error.message);
}

#[test]
fn the_deadline_bounds_the_whole_call() {
    for json in [
        "{}",
        r#"{"deadlineMs":700}"#,
        r#"{"deadlineMs":1}"#,
        r#"{"timeoutMs":100,"maxRetries":10}"#,
        r#"{"maxRetries":0}"#,
    ] {
        let config = config(json);
        let mut world = World::new(&config);
        let call = call(&config, ApiMethod::Consume, r#"{"customerId":"c","amount":1}"#);
        let outcome = world.perform(&config, call, |_, _| (Duration::from_secs(3_600), ok()));
        let error = outcome.unwrap_err();
        assert_eq!((&*error.code, error.effect), ("timeout", Unknown));
        assert!(world.elapsed() <= config.deadline, "{json}");
        assert!(error.attempts >= 1 && error.attempts <= config.max_retries + 1, "{json}");
    }
}

#[test]
fn background_calls_end_before_the_host_does() {
    let config = config("{}");
    let json = r#"{"customerId":"c","amount":1,"background":true}"#;
    let mut world = World::new(&config);
    let call = call(&config, ApiMethod::Consume, json);
    let outcome = world.perform(&config, call, |_, _| (Duration::from_secs(3_600), ok()));
    assert_eq!(outcome.unwrap_err().effect, Unknown);
    assert!(world.elapsed() <= BACKGROUND_ALLOWANCE);
    assert!(BACKGROUND_ALLOWANCE < Duration::from_secs(30));
}

/// C5: an API that is down for every call is asked at most 1.1 times a call, and a burst.
#[test]
fn the_budget_bounds_what_an_outage_multiplies() {
    let usual = config("{}");
    let mut world = World::new(&usual);
    let mut last = None;
    for _ in 0..200 {
        last = world.script(&usual, &[network(), network(), network()]).err();
    }
    assert!(world.sent.len() <= 200 + 20 + 10, "{}", world.sent.len());
    assert!(world.sent.len() >= 200 + 20, "{}", world.sent.len());
    let last = last.unwrap();
    assert_eq!((last.attempts, last.effect, last.retryable), (1, Unknown, true));
    assert!(last.message.contains("retryBudget"), "{}", last.message);
    let unbounded = config(r#"{"retryBudget":false}"#);
    let mut world = World::new(&unbounded);
    for _ in 0..50 {
        let _ = world.script(&unbounded, &[network(), network(), network()]);
    }
    assert_eq!(world.sent.len(), 150);
}

#[test]
fn a_sleep_may_be_aborted_and_the_clock_may_step_back() {
    let config = config("{}");
    let start = |config, first: Event| {
        let call = call(config, ApiMethod::Consume, r#"{"customerId":"c","amount":1}"#);
        let mut exchange = Exchange::new(config, call, &ENTROPY);
        let mut budget = RetryBudget::new(None);
        let now = Timestamp::from_millis(784_111_777_000);
        let _ = exchange.start(now, &mut budget);
        let Step::Sleep { .. } = exchange.on(now, first, &mut budget) else { panic!("no sleep") };
        (exchange, budget, now)
    };
    let (mut exchange, mut budget, now) = start(&config, network());
    let aborted = Event::Failed { sent: false, failure: Failure::Aborted };
    let Step::Done(outcome) = exchange.on(now, aborted, &mut budget) else { panic!("not done") };
    let error = outcome.unwrap_err();
    assert_eq!((&*error.code, error.effect, error.attempts), ("aborted", Unknown, 1));
    // Aborted between attempts that were turned away: nothing was under way.
    let (mut exchange, mut budget, now) = start(&config, answer(429, ""));
    let aborted = Event::Failed { sent: false, failure: Failure::Aborted };
    let Step::Done(outcome) = exchange.on(now, aborted, &mut budget) else { panic!("not done") };
    assert_eq!(outcome.unwrap_err().effect, NotApplied);

    let (mut exchange, mut budget, now) = start(&config, network());
    let an_hour_ago = Timestamp::from_millis(now.as_millis() - 3_600_000);
    let step = exchange.on(an_hour_ago, Event::Woke, &mut budget);
    let Step::Send { deadline, .. } = step else { panic!("not sent") };
    assert_eq!(deadline, an_hour_ago.plus(config.timeout));

    let (mut exchange, mut budget, now) = start(&config, network());
    let late = now.plus(config.deadline);
    let Step::Done(outcome) = exchange.on(late, Event::Woke, &mut budget) else { panic!("sent") };
    assert!(outcome.unwrap_err().message.contains("deadline of the call has passed"));
}

#[test]
fn an_event_out_of_turn_ends_the_call_honestly() {
    let config = config("{}");
    let mut budget = RetryBudget::new(None);
    let now = Timestamp::from_millis(784_111_777_000);
    let new = || {
        let call = call(&config, ApiMethod::Consume, r#"{"customerId":"c","amount":1}"#);
        Exchange::new(&config, call, &ENTROPY)
    };
    let done = |step| match step {
        Step::Done(outcome) => outcome.unwrap_err(),
        _ => panic!("not done"),
    };
    let mut exchange = new();
    let error = done(exchange.on(now, Event::Woke, &mut budget));
    assert_eq!((&*error.code, error.effect), ("internal_error", NotApplied));
    let mut exchange = new();
    let _ = exchange.start(now, &mut budget);
    let error = done(exchange.on(now, Event::Woke, &mut budget));
    assert_eq!((&*error.code, error.effect), ("internal_error", Unknown));
    let error = done(exchange.start(now, &mut budget));
    assert_eq!(error.code, "internal_error");
}
