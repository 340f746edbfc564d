//! Holds of an upstream that has its own, as the cache places them: beside what waits here, and while
//! their answer is on its way.

use super::api::Answers;
use super::world::{World, code};
use super::{Code, GATE};

const HOLD: &str = r#"{"amount":6,"idempotency_key":"h"}"#;

fn with_ledger(balance: &str) -> World {
    let world = World::with_balance(balance);
    world.upstream().have_holds();
    world.balance().unwrap();
    world
}

#[test]
fn a_hold_there_knows_what_waits_here() {
    let world = with_ledger("10");
    // Accepted, and on its way: the upstream would still grant six of ten.
    world.consume(&GATE.replace('4', "7")).unwrap();
    assert_eq!(code(world.lease(HOLD)), Code::InsufficientCredits);
    assert_eq!(world.upstream().holds(), 0);
    world.go_on();
    assert_eq!(world.lease(r#"{"amount":3,"idempotency_key":"i"}"#).unwrap(), 200);
    assert_eq!(world.balance().unwrap()["balance"], 0);
}

#[test]
fn a_gate_here_knows_of_a_hold_whose_answer_never_came() {
    let mut world = with_ledger("10");
    world.upstream().answer(Answers::AppliedInSilence);
    assert_eq!(code(world.lease(HOLD)), Code::InternalError);
    assert_eq!(world.upstream().holds(), 1);
    world.restart();
    assert_eq!(world.balance().unwrap()["balance"], 4, "the balance that was read is ten");
    assert_eq!(code(world.consume(&GATE.replace('4', "5"))), Code::InsufficientCredits);
    world.upstream().answer(Answers::All);
    // The same call finds it, though less is left than it wants.
    world.later(120);
    assert_eq!(world.lease(HOLD).unwrap(), 200);
    assert_eq!(world.upstream().holds(), 1);
    world.later(600);
    world.alarm().unwrap();
    assert_eq!(world.balance().unwrap()["balance"], -2, "until a balance was read");
    assert_eq!(world.balance().unwrap()["balance"], 4, "what was held here is free again");
    assert_eq!(world.consume(GATE).unwrap()["balance"], 0);
}

#[test]
fn what_the_upstream_refuses_is_free_again_at_once() {
    let world = with_ledger("10");
    world.upstream().set_balance("5");
    assert_eq!(world.lease(HOLD).unwrap(), 402);
    assert_eq!(world.upstream().holds(), 0);
    world.upstream().set_balance("10");
    assert_eq!(world.lease(HOLD).unwrap(), 200, "the same key, judged afresh");
    assert_eq!(world.balance().unwrap()["balance"], 4);
    assert_eq!(world.lease(&HOLD.replace('6', "4").replace('h', "i")).unwrap(), 200);
    assert_eq!(
        (world.balance().unwrap()["balance"].clone(), world.upstream().holds()),
        (0.into(), 2)
    );
}
