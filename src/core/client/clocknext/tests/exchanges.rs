use super::*;
use crate::client::clocknext::call::{Ask, AskInput};
use crate::client::clocknext::config::RetryPolicy;
use crate::client::clocknext::exchange::{Conversation, delay};
use crate::client::steps::{Event, Failure, Outcome, Step};
use crate::error::Effect;
use crate::time::Timestamp;
use core::time::Duration;
use std::format;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn conversation(method: &str, deadline: Option<Timestamp>) -> Conversation {
    let input = AskInput {
        method: method.into(),
        customer_id: method.starts_with("customers").then(|| "c".into()),
        body: Some(r#"{"a":1}"#.into()),
        key: (method == "signal").then(|| "k".into()),
        ..AskInput::default()
    };
    let ask = Ask::new(&input).map_err(|error| error.message).unwrap();
    Conversation::new(&config(), ask, deadline, &entropy())
}

/// An answer to the first attempt of a method.
fn first(method: &str, status: u16, body: &str, headers: &[(&str, &str)]) -> Step {
    let mut conversation = conversation(method, None);
    assert!(matches!(conversation.start(NOW), Step::Send { .. }));
    let (response, said) = answer(status, body, headers);
    conversation.on(NOW, Event::Response(response, Box::new(said)))
}

fn outcome(step: Step) -> Outcome {
    match step {
        Step::Done(outcome) => outcome,
        Step::Send { .. } => panic!("it sends"),
        Step::Sleep { .. } => panic!("it sleeps"),
    }
}

fn error(method: &str, status: u16, body: &str) -> Box<ClientError> {
    outcome(first(method, status, body, &[])).err().unwrap()
}

const OK: &str = r#"{"statusCode":200,"statusDetail":{"status":"SUCCESS","message":"ok"},"result":{"usageLog":{"id":"u"}}}"#;

#[test]
fn what_is_a_success_in_either_envelope() {
    let body = |status, text: &str| {
        let success = outcome(first("customers.get", status, text, &[])).map_err(|e| e.message);
        let success = success.unwrap();
        (success.body, success.said.unwrap().enveloped)
    };
    assert_eq!(body(200, OK), (OK.into(), true));
    assert_eq!(body(201, r#"{"ok":true,"a":1}"#), (r#"{"ok":true,"a":1}"#.into(), false));
    assert_eq!(body(200, r#"{"a":1}"#), (r#"{"a":1}"#.into(), false));
    for text in ["", "<html>", "[]", "3"] {
        assert_eq!(body(204, text), ("{}".into(), false));
    }
}

#[test]
fn a_success_that_says_no_is_none() {
    let detail = |status: &str| {
        format!(
            r#"{{"statusDetail":{{"status":{status},"message":"no such thing"}},"result":{{}}}}"#
        )
    };
    for text in
        [detail("\"ERROR\""), detail("null"), r#"{"ok":false,"error":"no such thing"}"#.into()]
    {
        let error = error("customers.create", 200, &text);
        assert_eq!(error.class.name(), "ClockNextError");
        assert_eq!((error.status, error.retryable), (Some(200), false));
        assert_eq!((error.message.as_str(), error.effect), ("no such thing", Effect::Unknown));
    }
    assert_eq!(error("customers.create", 200, r#"{"statusDetail":null}"#).code, "api_error");
}

#[test]
fn errors_by_the_table() {
    use Effect::{NotApplied, Unknown};
    let table = [
        (400, "x", "ValidationError", "invalid_request", false, NotApplied),
        (401, "x", "AuthError", "invalid_api_key", false, NotApplied),
        (403, "x", "ClockNextError", "http_error", false, NotApplied),
        (404, "x", "NotFoundError", "not_found", false, NotApplied),
        (408, "x", "ClockNextError", "timeout", true, Unknown),
        (409, "x", "ConflictError", "conflict", true, NotApplied),
        (418, "x", "ClockNextError", "http_error", false, NotApplied),
        (
            422,
            "Insufficient allowance",
            "AllowanceError",
            "insufficient_allowance",
            false,
            NotApplied,
        ),
        (422, "has INSUFFICIENT", "AllowanceError", "insufficient_allowance", false, NotApplied),
        (422, "unknown model", "PlanError", "plan_error", false, NotApplied),
        (429, "x", "RateLimitError", "rate_limited", true, NotApplied),
        (500, "x", "ServerError", "server_error", true, Unknown),
        (503, "x", "ServerError", "server_error", true, Unknown),
        (599, "x", "ServerError", "server_error", true, Unknown),
        (302, "x", "ClockNextError", "http_error", false, Unknown),
    ];
    for (status, message, class, code, retryable, effect) in table {
        let new = format!(
            r#"{{"statusCode":{status},"statusDetail":{{"status":"ERROR","message":"{message}"}}}}"#
        );
        let old = format!(r#"{{"ok":false,"error":"{message}"}}"#);
        for body in [new.as_str(), old.as_str(), message] {
            // Not repeatable, so that the first answer is the outcome.
            let error = error("customers.create", status, body);
            assert_eq!(error.class.name(), class, "{status} {body}");
            assert_eq!((error.code.as_str(), error.message.as_str()), (code, message));
            assert_eq!((error.retryable, error.effect), (retryable, effect), "{status}");
            assert_eq!(error.status, Some(status));
        }
    }
}

/// Our own server names its errors, whichever envelope they come in.
#[test]
fn codes_and_details_are_the_servers_where_it_has_some() {
    let facts = r#""code":"not_configured","details":{"param":"PORTAL_SECRET"}"#;
    let new = format!(
        r#"{{"statusCode":503,"statusDetail":{{"status":"ERROR","message":"x"}},{facts}}}"#
    );
    let old = format!(r#"{{"ok":false,"error":"x",{facts}}}"#);
    for body in [new, old] {
        let error = error("portal.createToken", 503, &body);
        assert_eq!(error.class.name(), "ServerError", "{body}");
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("not_configured", "x"),
            "{body}"
        );
        assert_eq!(error.details.as_deref(), Some(r#"{"param":"PORTAL_SECRET"}"#), "{body}");
        // A setting that is missing stops the call before it does anything, and waiting brings none.
        assert_eq!((error.retryable, error.effect), (false, Effect::NotApplied), "{body}");
    }
}

#[test]
fn which_are_tried_again() {
    let again = |method: &str, status| match first(method, status, "", &[]) {
        Step::Sleep { .. } => true,
        Step::Done(_) => false,
        Step::Send { .. } => panic!("without a pause"),
    };
    let methods = ["signal", "verify", "batch", "list", "customers.get", "customers.delete"];
    for method in methods {
        for status in [408, 409, 429, 500, 502, 503, 504, 521] {
            assert!(again(method, status), "{method} {status}");
        }
        for status in [302, 400, 401, 403, 404, 422] {
            assert!(!again(method, status), "{method} {status}");
        }
    }
    for method in ["customers.create", "customers.update", "portal.createToken"] {
        assert!(!again(method, 503), "{method}");
    }
}

#[test]
fn no_answer_is_a_network_error_and_is_tried_again() {
    for failure in [Failure::Timeout, Failure::Network] {
        let mut signal = conversation("signal", None);
        for attempt in 1..=5 {
            assert!(matches!(signal.start(NOW), Step::Send { .. }));
            let step = signal.on(NOW, Event::Failed { sent: true, failure });
            if attempt < 5 {
                assert!(matches!(step, Step::Sleep { .. }), "{attempt}");
                continue;
            }
            let error = outcome(step).err().unwrap();
            assert_eq!(error.class.name(), "NetworkError");
            assert_eq!((error.status, error.attempts, error.effect), (None, 5, Effect::Unknown));
            assert_eq!(error.idempotency_key.as_deref(), Some("k"));
            assert!(error.message.ends_with("Tried 5 times."), "{}", error.message);
        }
    }
}

#[test]
fn an_attempt_without_an_answer_leaves_a_later_refusal_unknown() {
    let mut signal = conversation("signal", None);
    let _ = signal.start(NOW);
    let lost = Event::Failed { sent: true, failure: Failure::Network };
    assert!(matches!(signal.on(NOW, lost), Step::Sleep { .. }));
    let _ = signal.on(NOW, Event::Woke);
    let (response, said) = answer(422, r#"{"ok":false,"error":"insufficient"}"#, &[]);
    let step = signal.on(NOW, Event::Response(response, Box::new(said)));
    let error = outcome(step).err().unwrap();
    assert_eq!((error.class.name(), error.effect), ("AllowanceError", Effect::Unknown));
}

#[test]
fn every_attempt_is_the_same_request() {
    let mut signal = conversation("signal", None);
    let Step::Send { request, deadline } = signal.start(NOW) else { panic!() };
    assert_eq!(deadline, NOW.plus(Duration::from_secs(10)));
    assert_eq!(request.url, "https://app.clocknext.com/api/v1/usage");
    let names: Vec<_> = request.headers.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["accept", "authorization", "user-agent", "content-type"]);
    let failed = Event::Failed { sent: true, failure: Failure::Network };
    assert!(matches!(signal.on(NOW, failed), Step::Sleep { .. }));
    let Step::Send { request: again, .. } = signal.on(NOW, Event::Woke) else { panic!() };
    assert!(again == request);
}

#[test]
fn the_servers_hint_replaces_the_pause() {
    let until = |status, headers: &[(&str, &str)]| match first("signal", status, "", headers) {
        Step::Sleep { until } => Ok(until.since(NOW).as_millis()),
        step => Err(outcome(step).err().unwrap()),
    };
    for status in [429, 503] {
        assert_eq!(until(status, &[("retry-after", "7")]).ok(), Some(7_000));
        let both = [("retry-after", "7"), ("retry-after-ms", "30")];
        assert_eq!(until(status, &both).ok(), Some(30));
        assert_eq!(until(status, &[("retry-after", "60")]).ok(), Some(60_000));
        for long in ["61", "86401"] {
            let error = until(status, &[("retry-after", long)]).unwrap_err();
            assert!(error.message.contains("longer than 60 s"), "{}", error.message);
        }
    }
    // Nobody else is asked: a pause of 100 to 200 ms.
    for status in [409, 500, 502] {
        let pause = until(status, &[("retry-after", "7")]).ok().unwrap();
        assert!((100..200).contains(&pause), "{status}: {pause}");
    }
    let pause = until(429, &[("retry-after", "soon")]).ok().unwrap();
    assert!((100..200).contains(&pause), "{pause}");
}

#[test]
fn pauses_double_and_are_spread_over_their_upper_half() {
    let policy = RetryPolicy {
        max_attempts: 20,
        base_delay: Duration::from_millis(200),
        max_delay: Duration::from_secs(10),
    };
    let mut jitter = entropy().jitter();
    for (attempt, ceiling) in [(1, 200), (2, 400), (3, 800), (6, 6_400), (7, 10_000), (40, 10_000)]
    {
        let mut bins = [0_u32; 10];
        for _ in 0..10_000 {
            let pause = delay(policy, attempt, &mut jitter).as_micros();
            let (low, high) = (ceiling * 500, ceiling * 1_000);
            assert!((low..high).contains(&pause), "{attempt}: {pause}");
            bins[usize::try_from((pause - low) * 10 / (high - low)).unwrap()] += 1;
        }
        // χ² with 9 degrees of freedom is below 27.9 (p = 0.001).
        let chi: u32 = bins.iter().map(|count| count.abs_diff(1_000).pow(2)).sum::<u32>() / 1_000;
        assert!(chi < 28, "{attempt}: {bins:?}");
    }
    let none = RetryPolicy { base_delay: Duration::ZERO, ..policy };
    assert_eq!(delay(none, 3, &mut jitter), Duration::ZERO);
}

#[test]
fn the_deadline_ends_it() {
    let deadline = NOW.plus(Duration::from_millis(50));
    let mut signal = conversation("signal", Some(deadline));
    let Step::Send { deadline: until, .. } = signal.start(NOW) else { panic!() };
    assert_eq!(until, deadline);
    let (response, said) = answer(500, "oops", &[]);
    // The pause would be 100 ms at least.
    let error = outcome(signal.on(NOW, Event::Response(response, Box::new(said)))).err().unwrap();
    assert_eq!((error.code.as_str(), error.class.name()), ("deadline", "ServerError"));
    assert_eq!((error.status, error.effect), (Some(500), Effect::Unknown));
    let mut late = conversation("signal", Some(NOW));
    let error = outcome(late.start(NOW)).err().unwrap();
    assert_eq!((error.code.as_str(), error.effect), ("deadline", Effect::NotApplied));
    assert_eq!(error.attempts, 0);
}

#[test]
fn a_batch_that_is_not_taken_as_one_can_go_one_by_one() {
    for status in [400, 404, 405, 413, 415, 422] {
        assert_eq!(error("batch", status, "").code, "no_batch", "{status}");
    }
    assert_eq!(error("batch", 401, "").code, "invalid_api_key");
    assert_eq!(error("signal", 404, "").code, "not_found");
}

#[test]
fn a_pause_is_told_with_its_cause() {
    let mut signal = conversation("signal", None);
    let _ = signal.start(NOW);
    let (response, said) = answer(429, "slow", &[("retry-after-ms", "25")]);
    let Step::Sleep { until } = signal.on(NOW, Event::Response(response, Box::new(said))) else {
        panic!()
    };
    let told: serde_json::Value = serde_json::from_str(&signal.pause(NOW, until)).unwrap();
    assert_eq!((&told["attempt"], &told["delayMs"]), (&1.into(), &25.into()));
    assert_eq!(told["error"]["class"], "RateLimitError");
    assert_eq!(told["error"]["retryAfterMs"], 25);
}

#[test]
fn the_key_is_in_no_error() {
    let echo = format!(r#"{{"ok":false,"error":"bad key {KEY}"}}"#);
    let told = error("signal", 401, &echo);
    assert!(!told.to_json().contains(KEY), "{}", told.message);
    // Of a read that failed nothing is unknown: it changes nothing.
    assert_eq!(error("customers.get", 302, "").effect, Effect::NotApplied);
}

#[test]
fn an_event_out_of_turn_is_a_defect_that_is_told() {
    let mut signal = conversation("signal", None);
    let _ = signal.start(NOW);
    assert_eq!(outcome(signal.on(NOW, Event::Woke)).err().unwrap().code, "internal_error");
}
