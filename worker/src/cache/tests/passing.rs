//! Calls that are passed on to the upstream, and what becomes of its refusals.

use core::time::Duration;

use edge_credits_core::wire::errors::Code;

use super::api::Answers;
use super::world::World;
use crate::passing::Reply;

const ADD: &str = r#"{"amount":4,"type":"topup","idempotency_key":"a"}"#;
const BREAKDOWN: &str = "include_breakdown=true";

#[test]
fn the_key_of_the_deployment_is_not_shown_to_callers() {
    let world = World::with_balance("10");
    for status in [400, 500] {
        world.upstream().answer(Answers::Refused(status));
        let Ok(Reply::Theirs(balance)) = world.balance_with(BREAKDOWN) else { panic!("theirs") };
        for told in [balance, world.transactions().unwrap(), world.add(ADD, "a").unwrap()] {
            assert_eq!(told.status, status);
            let shown = r#""no Bearer [API key], Bearer [API key]""#;
            assert!(told.body.contains(shown), "{}", told.body);
        }
    }
}

#[test]
fn a_breakdown_that_the_upstream_refuses_is_not_left_out_in_silence() {
    let world = World::with_balance("10");
    assert!(matches!(world.balance_with(BREAKDOWN), Ok(Reply::Ours(_))));
    for status in [400, 404, 429, 500] {
        world.upstream().answer(Answers::Refused(status));
        match world.balance_with(BREAKDOWN) {
            Ok(Reply::Theirs(told)) => assert_eq!(told.status, status),
            other => panic!("{status}: {other:?}"),
        }
        // Without one the cache answers by itself.
        assert_eq!(world.balance().unwrap()["balance"], 10);
    }
}

#[test]
fn what_cannot_be_passed_on_says_when_to_come_back() {
    let world = World::with_balance("10");
    for answers in [Answers::Nothing, Answers::Refused(401), Answers::Refused(403)] {
        world.upstream().answer(answers);
        for failure in [world.transactions().err(), world.balance_with(BREAKDOWN).err()] {
            let failure = failure.unwrap();
            assert_eq!(failure.error.code, Code::UpstreamUnavailable);
            assert_eq!(failure.retry_after, Some(Duration::from_secs(1)), "{answers:?}");
        }
    }
    let failure = world.add(ADD, "a").unwrap_err();
    assert_eq!(failure.error.code, Code::UpstreamUnavailable);
    assert_eq!(failure.retry_after, Some(Duration::from_secs(1)));
}
