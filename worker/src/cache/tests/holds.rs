//! Holds that the cache keeps, on SQLite: what is held outlives the process, ends once, and what was
//! captured arrives upstream once.

use edge_credits_core::cache::{HoldsAt, RECORD_LIFE};

use super::api::Answers;
use super::world::{World, code};
use super::{Code, GATE};

const HOLD: &str = r#"{"amount":6,"idempotency_key":"h","ttl_ms":60000}"#;

#[test]
fn a_hold_lives_here_and_its_capture_is_sent_behind() {
    let mut world = World::with_balance("10");
    let hold = world.hold(HOLD).unwrap();
    assert_eq!((&hold["balance"], &hold["state"]), (&4.into(), &"open".into()));
    assert_eq!((&hold["transaction_id"], &hold["source"]), (&hold["hold_id"], &"upstream".into()));
    assert!(hold["sequence"].is_null() && hold["pending"] == 0 && hold["used"].is_null());
    assert_eq!(world.balance().unwrap()["balance"], 4);
    assert_eq!(code(world.consume(&GATE.replace('4', "5"))), Code::InsufficientCredits);
    world.restart();
    let again = world.hold(HOLD).unwrap();
    assert_eq!((&again["replayed"], &again["hold_id"]), (&true.into(), &hold["hold_id"]));
    assert_eq!(code(world.hold(&HOLD.replace('6', "5"))), Code::IdempotencyKeyReused);
    assert_eq!(world.change(&hold, "progress", r#"{"used":2.5}"#).unwrap()["used"], 2.5);
    assert_eq!(world.listed(), [hold["hold_id"].clone()]);
    let captured = world.change(&hold, "capture", "{}").unwrap();
    assert_eq!((&captured["captured"], &captured["balance"]), (&2.5.into(), &7.5.into()));
    assert_eq!(world.upstream().total(), "0", "nothing was sent before the answer");
    world.go_on();
    assert_eq!(world.upstream().total(), "2.5");
    world.restart();
    let again = world.change(&hold, "capture", r#"{"amount":2.5}"#).unwrap();
    assert_eq!(again["transaction_id"], captured["transaction_id"]);
    assert_eq!((&again["replayed"], &again["balance"]), (&true.into(), &7.5.into()));
    let other = world.change(&hold, "release", "{}");
    assert_eq!(code(other), Code::HoldAlreadyCaptured);
    assert_eq!(world.shown(&hold)["state"], "captured");
    assert!(world.listed().is_empty());
    world.go_on();
    assert_eq!((world.upstream().total().as_str(), world.disk.alarm().is_some()), ("2.5", true));
    assert_eq!(world.balance().unwrap()["balance"], 7.5);
}

#[test]
fn the_alarm_ends_a_hold_that_nobody_ends() {
    let mut world = World::with_balance("10");
    let hold = world.hold(HOLD).unwrap();
    world.change(&hold, "progress", r#"{"used":1.25}"#).unwrap();
    assert_eq!(world.disk.alarm().map(|due| due.since(world.now()).as_secs()), Some(60));
    world.restart();
    world.later(60);
    // While nobody has called, and however often it fires.
    for _ in 0..3 {
        world.alarm().unwrap();
        world.go_on();
    }
    assert_eq!(world.upstream().total(), "1.25");
    assert_eq!(world.balance().unwrap()["balance"], 8.75);
    assert_eq!(world.shown(&hold)["captured"], 1.25);
    let charge = world.shown(&hold)["transaction_id"].as_str().unwrap().to_owned();
    assert!(charge.starts_with("txn_") && charge != hold["hold_id"], "{charge}");
    let late = world.change(&hold, "capture", r#"{"amount":1.25}"#);
    assert_eq!(code(late), Code::HoldExpired);
    assert_eq!(code(world.change(&hold, "extend", r#"{"ttl_ms":1000}"#)), Code::HoldExpired);
    world.go_on();
    assert_eq!(world.upstream().total(), "1.25");
}

#[test]
fn a_call_ends_what_an_alarm_that_was_lost_has_not() {
    let world = World::with_balance("10");
    let hold = world.hold(&HOLD.replace('}', r#","on_expiry":"capture_all"}"#)).unwrap();
    world.later(61);
    assert_eq!(world.balance().unwrap()["balance"], 4);
    world.go_on();
    assert_eq!(world.upstream().total(), "6");
    assert_eq!(world.shown(&hold)["state"], "expired");
}

#[test]
fn without_an_upstream_holds_go_on_up_to_what_is_known() {
    let world = World::with_balance("10");
    world.upstream().answer(Answers::Nothing);
    assert_eq!(code(world.hold(HOLD)), Code::UpstreamUnavailable);
    world.upstream().answer(Answers::All);
    world.later(60);
    world.balance().unwrap();
    world.upstream().answer(Answers::Nothing);
    let hold = world.hold(HOLD).unwrap();
    assert_eq!(
        code(world.hold(r#"{"amount":6,"idempotency_key":"i"}"#)),
        Code::InsufficientCredits
    );
    world.change(&hold, "capture", "{}").unwrap();
    world.upstream().answer(Answers::AppliedInSilence);
    world.go_on();
    world.upstream().answer(Answers::All);
    world.later(700);
    world.alarm().unwrap();
    world.go_on();
    assert_eq!(world.upstream().total(), "6", "sent again, and applied once");
    assert_eq!(world.balance().unwrap()["balance"], 4);
}

#[test]
fn calls_about_holds_that_are_not_here_are_refused_or_passed_on() {
    let mut world = World::with_balance("10");
    let hold = world.hold(HOLD).unwrap();
    let unknown = serde_json::json!({"hold_id": "txn_00000000000000000000000000000000"});
    assert_eq!(code(world.change(&unknown, "capture", "{}")), Code::NotFound);
    assert_eq!(
        code(world.change(&serde_json::json!({"hold_id": "x"}), "capture", "{}")),
        Code::InvalidId
    );
    // What was placed here stays here, whatever a later deployment is set to.
    world.restart_with(|config| config.holds = HoldsAt::Upstream);
    assert_eq!(world.hold(HOLD).unwrap()["replayed"], true);
    assert_eq!(world.shown(&hold)["state"], "open");
    world.upstream().answer(Answers::Refused(404));
    assert_eq!(world.theirs(&unknown, "capture", "{}"), 404);
    assert_eq!(world.theirs(&serde_json::json!({"hold_id": "x"}), "release", "{}"), 404);
    world.upstream().answer(Answers::All);
    let captured = world.change(&hold, "capture", r#"{"amount":6}"#).unwrap();
    assert_eq!(captured["balance"], 4);
}

/// Every place where the storage can fail while a hold is placed and captured: the same calls again
/// settle it, and it is charged once.
#[test]
fn a_failing_disk_neither_loses_nor_doubles_a_hold() {
    let calls = |world: &World| {
        let hold = world.hold(HOLD)?;
        world.change(&hold, "progress", r#"{"used":3}"#)?;
        world.change(&hold, "capture", r#"{"amount":4.5}"#)?;
        world.balance().map(drop)
    };
    let mut failures = 0;
    for operations in 0.. {
        let mut world = World::with_balance("10");
        world.balance().unwrap();
        world.go_on();
        world.disk.fail_after(operations);
        let Err(failure) = calls(&world) else { break };
        failures += 1;
        assert_eq!(failure.error.code, Code::InternalError, "after {operations}");
        world.disk.heal();
        if operations % 2 == 0 {
            world.restart();
        }
        match calls(&world) {
            Ok(()) => {}
            // Its capture was kept, and progress comes too late.
            Err(failure) => {
                assert_eq!(failure.error.code, Code::HoldAlreadyCaptured, "{operations}")
            }
        }
        world.go_on();
        assert_eq!(world.upstream().total(), "4.5", "after {operations}");
        world.restart();
        assert_eq!(world.balance().unwrap()["balance"], 5.5, "after {operations}");
    }
    assert!(failures > 20, "only {failures} places failed");
}

/// A hold of the upstream's is found there, also once this deployment keeps holds itself.
#[test]
fn what_was_placed_there_is_passed_on_after_the_setting_has_changed() {
    let mut world = World::with_balance("10");
    world.upstream().have_holds();
    world.balance().unwrap();
    assert_eq!(world.lease(HOLD).unwrap(), 200);
    world.restart_with(|config| config.holds = HoldsAt::Cache);
    let there = serde_json::json!({"hold_id": "txn_00000000000000000000000000000000"});
    assert_eq!(world.theirs(&there, "capture", r#"{"idempotency_key":"c","amount":1}"#), 200);
    // New ones are kept here, with what is left beside the other.
    assert_eq!(
        code(world.hold(r#"{"amount":5,"idempotency_key":"i"}"#)),
        Code::InsufficientCredits
    );
    assert_eq!(world.hold(r#"{"amount":3,"idempotency_key":"i"}"#).unwrap()["balance"], 0);
}

/// A caller whose `place` got no answer before the setting changed repeats it: one hold, wherever.
#[test]
fn a_hold_placed_there_is_not_placed_here_too_after_the_setting_has_changed() {
    for answers in [Answers::All, Answers::AppliedInSilence] {
        let mut world = World::with_balance("20");
        world.upstream().have_holds();
        world.balance().unwrap();
        world.upstream().answer(answers);
        let _ = world.lease(HOLD);
        world.restart_with(|config| config.holds = HoldsAt::Cache);
        // Where nobody can say whether it is there it is not placed; the same key settles it.
        world.upstream().answer(Answers::Nothing);
        assert_eq!(code(world.hold(HOLD)), Code::UpstreamUnavailable);
        world.upstream().answer(Answers::Refused(500));
        assert_eq!(code(world.hold(HOLD)), Code::UpstreamUnavailable);
        world.upstream().answer(Answers::All);
        assert_eq!(world.lease(HOLD).unwrap(), 200, "its answer is there");
        assert_eq!((world.upstream().holds(), world.listed().len()), (1, 0));
        // Others are placed here, and their repeats need nobody.
        let other = r#"{"amount":3,"idempotency_key":"i"}"#;
        world.hold(other).unwrap();
        world.upstream().answer(Answers::Nothing);
        assert_eq!(world.hold(other).unwrap()["replayed"], true);
        // When none that was placed there can last any more, nobody is asked.
        world.later(24 * 3600);
        assert_eq!(code(world.hold(&other.replace(r#""i""#, r#""j""#))), Code::UpstreamUnavailable);
        world.later(3600);
        world.hold(&other.replace(r#""i""#, r#""j""#)).unwrap();
        assert_eq!(world.upstream().holds(), 1);
    }
}

#[test]
fn tables_of_the_version_before_holds_gain_them_with_their_rows() {
    let mut world = World::with_balance("10");
    world.balance().unwrap();
    world.consume(super::CHARGE).unwrap();
    for statement in [
        "DROP TABLE holds",
        "ALTER TABLE units DROP COLUMN holds",
        "ALTER TABLE units DROP COLUMN held",
        "ALTER TABLE head DROP COLUMN holds",
        "ALTER TABLE head DROP COLUMN hold_due",
        "DELETE FROM migrations WHERE version = 2",
    ] {
        world.disk.raw(statement).unwrap();
    }
    world.restart();
    assert_eq!(world.balance().unwrap()["balance"], 6, "as it was");
    let hold = world.hold(HOLD).unwrap();
    assert_eq!(hold["balance"], 0);
    world.change(&hold, "release", "{}").unwrap();
    world.go_on();
    assert_eq!(world.upstream().total(), "4");
}

#[test]
fn what_a_hold_writes_and_how_it_is_found() {
    let mut world = World::with_balance("100");
    let hold = world.hold(HOLD).unwrap();
    world.disk.statements();
    world.change(&hold, "progress", r#"{"used":1}"#).unwrap();
    let written = world.disk.statements();
    let written: Vec<_> = written.iter().filter(|sql| !sql.starts_with("SELECT")).collect();
    assert_eq!(written.len(), 1, "one row: {written:?}");
    world.change(&hold, "progress", r#"{"used":0.5}"#).unwrap();
    world.change(&hold, "capture", "{}").unwrap();
    world.restart();
    world.shown(&hold);
    world.later(2 * RECORD_LIFE.as_secs());
    world.alarm().unwrap();
    assert_eq!(code(world.state_of(&hold)), Code::NotFound, "it ended a record's life ago");
    for sql in world.disk.statements().iter().filter(|sql| sql.contains("FROM holds")) {
        let plan = world.disk.plan(sql);
        let bounded = sql.contains("LIMIT") || plan.contains("INDEX");
        assert!(bounded && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
    let hold = world.hold(HOLD).unwrap();
    assert_eq!(hold["replayed"], false, "its key is free again");
    for statement in [
        "UPDATE holds SET captured = amount + 1",
        "UPDATE holds SET captured = 1",
        "UPDATE holds SET lease = 2",
        "UPDATE holds SET state = 'captured'",
        "UPDATE holds SET amount = 0",
        "UPDATE holds SET progress = amount + 1",
        "UPDATE holds SET end_key = 'k'",
        "UPDATE units SET held = 0",
        "UPDATE units SET holds = 0",
        "UPDATE head SET holds = -1",
    ] {
        assert!(world.disk.raw(statement).is_err(), "{statement}");
    }
    world.disk.raw("UPDATE units SET held = 1").unwrap();
    world.restart();
    assert_eq!(code(world.balance()), Code::InvariantViolation);
}
