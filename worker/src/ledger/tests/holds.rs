//! Holds on SQLite: what is reserved outlives the process, and ends once.

use edge_credits_core::ids::TransactionId;
use edge_credits_core::wire::holds::{parse_capture, parse_hold, parse_release};

use super::*;

impl World {
    pub(super) fn hold(&self, body: &str) -> Result<Value, Failure> {
        self.perform(&parse_hold(body, &key()).unwrap())
    }

    /// Captures or releases what an answer showed.
    pub(super) fn end(&self, hold: &Value, how: &str, body: &str) -> Result<Value, Failure> {
        let id = TransactionId::parse(hold["hold_id"].as_str().unwrap()).unwrap();
        let parse = if how == "capture" { parse_capture } else { parse_release };
        self.perform(&parse(id, body, &key()).unwrap())
    }
}

#[test]
fn a_hold_outlives_the_process_and_ends_once() {
    let mut world = World::new();
    world.add(r#"{"amount":100,"type":"topup"}"#).unwrap();
    let hold = world.hold(r#"{"amount":75,"idempotency_key":"h"}"#).unwrap();
    assert_eq!((&hold["balance"], &hold["state"]), (&Value::from(25), &Value::from("open")));
    world.restart();
    let again = world.hold(r#"{"amount":75,"idempotency_key":"h"}"#).unwrap();
    assert_eq!((&again["hold_id"], &again["replayed"]), (&hold["hold_id"], &Value::Bool(true)));
    assert_eq!(code(world.hold(r#"{"amount":26}"#)), Code::InsufficientCredits);
    let captured = world.end(&hold, "capture", r#"{"amount":12.5}"#).unwrap();
    assert_eq!(captured["balance"], 87.5);
    world.restart();
    let again = world.end(&hold, "capture", r#"{"amount":12.5}"#).unwrap();
    assert_eq!(again["transaction_id"], captured["transaction_id"]);
    assert_eq!(again["replayed"], true);
    assert_eq!(code(world.end(&hold, "capture", r#"{"amount":13}"#)), Code::HoldAlreadyCaptured);
    assert_eq!(code(world.end(&hold, "release", "{}")), Code::HoldAlreadyCaptured);
    assert_eq!(world.lines(""), ["3 consumption -12.5 87.5", "2 hold 0 25", "1 topup 100 100"]);
}

#[test]
fn the_alarm_ends_a_hold_that_nobody_ends() {
    let mut world = World::new();
    world.add(r#"{"amount":100,"type":"topup"}"#).unwrap();
    let hold = world.hold(r#"{"amount":75,"ttl_ms":3600000,"on_expiry":"capture_all"}"#).unwrap();
    assert_eq!(world.disk.alarm(), Some(hour(1)));
    world.restart();
    world.now = hour(2);
    world.alarm().unwrap();
    assert_eq!(world.disk.alarm(), None);
    assert_eq!(world.lines("type=consumption"), ["3 consumption -75 25"]);
    assert_eq!(code(world.end(&hold, "capture", r#"{"amount":1}"#)), Code::HoldExpired);
    assert_eq!(code(world.end(&hold, "release", "{}")), Code::HoldExpired);
    world.alarm().unwrap();
    assert_eq!(world.lines("").len(), 3);
}

/// Every place where the storage can fail while a hold is placed and captured: the same calls again
/// settle it, and each is carried out once.
#[test]
fn a_failing_disk_neither_loses_nor_doubles_a_hold() {
    let calls = |world: &World| -> Result<(), Failure> {
        world.add(r#"{"amount":100,"type":"topup","idempotency_key":"t"}"#)?;
        let hold = world.hold(r#"{"amount":75,"idempotency_key":"h"}"#)?;
        world.end(&hold, "capture", r#"{"amount":25}"#)?;
        world.balance().map(drop)
    };
    let mut failures = 0;
    for operations in 0.. {
        let mut world = World::new();
        world.disk.fail_after(operations);
        let Err(failure) = calls(&world) else { break };
        failures += 1;
        assert_eq!(failure.error.code, Code::InternalError, "after {operations}");
        world.disk.heal();
        if operations % 2 == 0 {
            world.restart();
        }
        calls(&world).unwrap();
        let statement = ["3 consumption -25 75", "2 hold 0 25", "1 topup 100 100"];
        assert_eq!(world.lines(""), statement, "after {operations}");
        assert_eq!((world.balance().unwrap().as_str(), world.disk.alarm()), ("75", None));
        world.restart();
        assert_eq!(world.lines(""), statement, "after {operations}, from the disk");
    }
    assert!(failures > 25, "only {failures} places failed");
}
