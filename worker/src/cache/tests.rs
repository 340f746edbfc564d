//! The cached balance on SQLite, in front of an upstream in memory: failing disks, restarts, lost
//! alarms, and what a charge costs.

mod api;
mod holds;
mod leases;
mod passing;
mod tables;
mod world;

use edge_credits_core::wire::errors::Code;

use api::Answers;
use world::{World, code};

const CHARGE: &str = r#"{"amount":4,"idempotency_key":"c"}"#;
const GATE: &str = r#"{"amount":4,"idempotency_key":"g","on_insufficient":"reject"}"#;

#[test]
fn a_charge_is_answered_here_and_sent_behind() {
    let world = World::with_balance("10");
    let read = world.balance().unwrap();
    assert_eq!((&read["balance"], &read["source"]), (&10.into(), &"upstream".into()));
    let charge = world.consume(CHARGE).unwrap();
    assert_eq!(charge["source"], "edge-cache");
    assert_eq!((&charge["balance"], &charge["pending"]), (&6.into(), &1.into()));
    assert_eq!(world.upstream().charged("c"), 0, "nothing was sent before the answer");
    world.go_on();
    assert_eq!(world.upstream().charged("c"), 1);
    let read = world.balance().unwrap();
    assert_eq!((&read["balance"], &read["pending"]), (&6.into(), &0.into()));
    let again = world.consume(CHARGE).unwrap();
    assert_eq!((&again["replayed"], &again["balance"]), (&true.into(), &6.into()));
    assert_eq!(again["transaction_id"], charge["transaction_id"]);
    let other = world.consume(&CHARGE.replace('4', "5"));
    assert_eq!(code(other), Code::IdempotencyKeyReused);
    world.go_on();
    assert_eq!(world.upstream().charged("c"), 1);
}

#[test]
fn a_gate_asks_the_upstream_before_it_shuts() {
    let world = World::with_balance("3");
    assert_eq!(code(world.consume(GATE)), Code::InsufficientCredits);
    world.upstream().set_balance("10");
    let open = world.consume(GATE).unwrap();
    assert_eq!((&open["balance"], &open["source"]), (&6.into(), &"upstream".into()));
}

#[test]
fn without_an_upstream_what_is_known_counts() {
    let mut world = World::with_balance("10");
    world.upstream().answer(Answers::Nothing);
    let unknown = world.balance().unwrap_err();
    assert_eq!(unknown.error.code, Code::UpstreamUnavailable);
    assert!(unknown.retry_after.is_some());
    assert_eq!(code(world.consume(GATE)), Code::UpstreamUnavailable);
    // Usage has happened, whatever is known.
    let charge = world.consume(CHARGE).unwrap();
    assert!(charge["balance"].is_null() && charge["degraded"] == true, "{charge}");
    world.upstream().answer(Answers::All);
    world.later(120);
    assert_eq!(world.balance().unwrap()["balance"], 6);
    world.go_on();
    assert_eq!(world.upstream().charged("c"), 1);
    world.upstream().answer(Answers::Nothing);
    world.later(120);
    let gate = world.consume(GATE).unwrap();
    assert_eq!((&gate["source"], &gate["balance"]), (&"degraded".into(), &2.into()));
    world.restart_with(|config| config.graceful_degradation = false);
    assert_eq!(code(world.consume(&GATE.replace('g', "h"))), Code::StaleBalance);
}

#[test]
fn looking_at_nothing_writes_nothing() {
    let world = World::with_balance("10");
    world.upstream().answer(Answers::Nothing);
    world.alarm().unwrap();
    assert!(world.disk.statements().iter().all(|sql| sql.starts_with("SELECT")));
}

/// Every place where the storage can fail, while calls are made and sent: whatever failed, the same
/// call with the same key settles it, and the upstream has charged each once.
#[test]
fn a_failing_disk_loses_and_doubles_nothing() {
    let calls = |world: &World| -> Result<(), Code> {
        world.balance().map_err(|failure| failure.error.code)?;
        for body in [CHARGE, GATE] {
            world.consume(body).map_err(|failure| failure.error.code)?;
            world.go_on();
        }
        Ok(())
    };
    let mut failures = 0;
    for operations in 0.. {
        let mut world = World::with_balance("10");
        world.disk.fail_after(operations);
        let result = calls(&world);
        let fired = world.disk.has_failed();
        assert!(result.is_ok() || result == Err(Code::InternalError), "{result:?}");
        world.disk.heal();
        if !fired {
            break;
        }
        failures += 1;
        if operations % 2 == 0 {
            world.restart();
        }
        calls(&world).unwrap();
        // A conversation that was cut off ends with its lease; the alarm is what comes then.
        for _ in 0..3 {
            world.later(61);
            world.alarm().unwrap();
        }
        let charged = ["c", "g"].map(|key| world.upstream().charged(key));
        assert_eq!(charged, [1, 1], "after {operations}");
        world.restart();
        let read = world.balance().unwrap();
        assert_eq!((&read["balance"], &read["pending"]), (&2.into(), &0.into()), "{operations}");
    }
    assert!(failures > 40, "only {failures} places failed");
}

#[test]
fn what_was_accepted_outlives_the_process() {
    let mut world = World::with_balance("10");
    world.balance().unwrap();
    world.consume(CHARGE).unwrap();
    // The process ends before anything was sent; a request comes before the alarm.
    world.restart();
    let read = world.balance().unwrap();
    assert_eq!((&read["balance"], &read["pending"]), (&6.into(), &1.into()));
    world.go_on();
    assert_eq!(world.upstream().charged("c"), 1);
    // It ends in the middle of sending, and only the alarm comes.
    world.consume(GATE).unwrap();
    world.upstream().answer(Answers::AppliedInSilence);
    world.cut_off();
    assert_eq!(world.upstream().charged("g"), 1);
    world.restart();
    world.upstream().answer(Answers::All);
    let due = world.disk.alarm().unwrap();
    world.until(due);
    world.alarm().unwrap();
    assert_eq!(world.upstream().charged("g"), 1);
    assert_eq!(world.balance().unwrap()["pending"], 0);
}

#[test]
fn an_alarm_that_was_lost_is_set_again_by_the_next_call() {
    let mut world = World::with_balance("10");
    world.balance().unwrap();
    world.upstream().answer(Answers::Nothing);
    world.consume(CHARGE).unwrap();
    world.go_on();
    assert!(world.disk.lose_alarm());
    world.restart();
    world.later(3_600);
    world.balance().unwrap();
    let alarm = world.disk.alarm().unwrap();
    assert!(alarm > world.now());
    world.upstream().answer(Answers::All);
    // The first one finds the upstream being left alone, and sets the next.
    for _ in 0..2 {
        world.until(world.disk.alarm().unwrap());
        world.alarm().unwrap();
    }
    assert_eq!(world.upstream().charged("c"), 1);
}

#[test]
fn the_alarm_never_fails_because_of_the_upstream_or_the_settings() {
    let world = World::with_balance("10");
    world.balance().unwrap();
    world.upstream().answer(Answers::Nothing);
    world.consume(CHARGE).unwrap();
    for _ in 0..20 {
        world.later(60);
        world.disk.lose_alarm();
        world.alarm().unwrap();
        assert!(world.disk.alarm().is_some(), "the next one is armed");
    }
    world.misconfigure(true);
    world.later(60);
    world.disk.lose_alarm();
    world.alarm().unwrap();
    assert!(world.disk.alarm().is_some());
    assert_eq!(code(world.consume(GATE)), Code::NotConfigured);
    world.misconfigure(false);
    world.upstream().answer(Answers::All);
    world.later(600);
    world.alarm().unwrap();
    assert_eq!(world.upstream().charged("c"), 1);
}

#[test]
fn a_clock_that_steps_back_stops_nothing() {
    let world = World::with_balance("10");
    world.balance().unwrap();
    world.upstream().answer(Answers::Nothing);
    world.consume(CHARGE).unwrap();
    world.go_on();
    world.earlier(86_400);
    world.upstream().answer(Answers::All);
    assert_eq!(world.balance().unwrap()["balance"], 6);
    world.go_on();
    world.alarm().unwrap();
    assert_eq!(world.upstream().charged("c"), 1);
}

#[test]
fn an_object_serves_one_owner() {
    let mut world = World::with_balance("10");
    world.balance().unwrap();
    for restart in [false, true] {
        if restart {
            world.restart();
        }
        let other = world.of("cus_2");
        assert_eq!(code(other.balance()), Code::InvariantViolation);
        assert_eq!(code(other.consume(CHARGE)), Code::InvariantViolation);
        assert_eq!(world.balance().unwrap()["balance"], 10);
    }
}
