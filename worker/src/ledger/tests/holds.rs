//! Holds on SQLite: what is reserved outlives the process, and ends once.

use edge_credits_core::ids::TransactionId;
use edge_credits_core::ledger::Adjust;
use edge_credits_core::wire::holds::{
    parse_capture, parse_extend, parse_hold, parse_holds_query, parse_progress, parse_release,
};

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

    fn adjust(&self, id: &TransactionId, change: &Adjust) -> Result<Value, Failure> {
        let answer = self.ledger.adjust(&self.owner, self.now, (id, change))?;
        Ok(serde_json::from_str(&answer.body).unwrap())
    }

    fn shown(&self, id: &TransactionId) -> Value {
        let answer = self.ledger.hold(&self.owner, self.now, id).unwrap();
        serde_json::from_str(&answer.body).unwrap()
    }

    /// The amounts of the open holds, as listed.
    fn open(&self) -> Vec<String> {
        let query = parse_holds_query("").unwrap();
        let answer = self.ledger.holds(&self.owner, self.now, &query).unwrap();
        let page: Value = serde_json::from_str(&answer.body).unwrap();
        page["data"].as_array().unwrap().iter().map(|hold| hold["amount"].to_string()).collect()
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
fn progress_and_extensions_are_kept_and_count_when_the_alarm_ends_the_hold() {
    let mut world = World::new();
    world.add(r#"{"amount":100,"type":"topup"}"#).unwrap();
    let hold = world.hold(r#"{"amount":75,"ttl_ms":3600000}"#).unwrap();
    let id = TransactionId::parse(hold["hold_id"].as_str().unwrap()).unwrap();
    world.disk.statements();
    let told = world.adjust(&id, &parse_progress(r#"{"used":12.5}"#).unwrap()).unwrap();
    assert_eq!((&told["used"], &told["state"]), (&Value::from(12.5), &Value::from("open")));
    let written = world.disk.statements();
    let written: Vec<_> = written.iter().filter(|sql| !sql.starts_with("SELECT")).collect();
    assert_eq!(written.len(), 1, "one row: {written:?}");
    // The same again, and one that comes late, write nothing.
    for late in [r#"{"used":12.5}"#, r#"{"used":3}"#] {
        let told = world.adjust(&id, &parse_progress(late).unwrap()).unwrap();
        assert_eq!(told["used"], 12.5);
    }
    let written = world.disk.statements();
    assert!(written.iter().all(|sql| sql.starts_with("SELECT")), "{written:?}");
    world.now = hour(0).plus(Duration::from_mins(30));
    world.adjust(&id, &parse_extend(r#"{"ttl_ms":5400000}"#).unwrap()).unwrap();
    assert_eq!(world.disk.alarm(), Some(hour(2)));
    world.restart();
    assert_eq!(world.shown(&id)["used"], 12.5);
    world.now = hour(3);
    // Reading counts what is due as done.
    assert_eq!(world.shown(&id)["state"], "expired");
    assert_eq!(world.open(), Vec::<String>::new());
    let late = world.adjust(&id, &parse_progress(r#"{"used":13}"#).unwrap());
    assert_eq!(code(late), Code::HoldExpired);
    world.alarm().unwrap();
    assert_eq!(world.lines("type=consumption"), ["3 consumption -12.5 87.5"]);
    assert_eq!(world.shown(&id)["captured"], 12.5);
}

#[test]
fn open_holds_are_listed_and_others_are_found_by_their_id() {
    let mut world = World::new();
    assert_eq!(world.open(), Vec::<String>::new());
    world.add(r#"{"amount":100,"type":"topup","idempotency_key":"t"}"#).unwrap();
    let one = world.hold(r#"{"amount":1,"idempotency_key":"1"}"#).unwrap();
    let two = world.hold(r#"{"amount":2,"idempotency_key":"2"}"#).unwrap();
    assert_eq!(world.open(), ["2", "1"]);
    world.end(&one, "release", "{}").unwrap();
    world.restart();
    assert_eq!(world.open(), ["2"]);
    let id = |hold: &Value| TransactionId::parse(hold["hold_id"].as_str().unwrap()).unwrap();
    assert_eq!(world.shown(&id(&one))["state"], "released");
    assert_eq!(world.shown(&id(&two))["state"], "open");
    let charge = world.consume(r#"{"amount":1}"#).unwrap();
    let charge = TransactionId::parse(charge["transaction_id"].as_str().unwrap()).unwrap();
    let missing = world.ledger.hold(&world.owner, world.now, &charge).unwrap_err();
    assert_eq!(missing.error.code, Code::NotFound, "a charge is no hold");
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

/// A refusal tells how the hold has ended, and so does reading it: neither is taken back when the
/// clock is, before the alarm has come.
#[test]
fn what_was_told_of_an_end_stays_when_the_clock_steps_back() {
    for told_by in 0..4 {
        let mut world = World::new();
        world.add(r#"{"amount":100,"type":"topup"}"#).unwrap();
        let hold = world.hold(r#"{"amount":75,"ttl_ms":3600000}"#).unwrap();
        let id = TransactionId::parse(hold["hold_id"].as_str().unwrap()).unwrap();
        world.adjust(&id, &parse_progress(r#"{"used":12.5}"#).unwrap()).unwrap();
        world.now = hour(1);
        let extend = parse_extend(r#"{"ttl_ms":5400000}"#).unwrap();
        let told = match told_by {
            0 => code(world.end(&hold, "capture", r#"{"amount":75}"#)),
            1 => code(world.end(&hold, "release", "{}")),
            2 => code(world.adjust(&id, &extend)),
            _ => {
                assert_eq!(world.shown(&id)["state"], "expired");
                Code::HoldExpired
            }
        };
        assert_eq!(told, Code::HoldExpired);
        world.now = hour(0).plus(Duration::from_mins(30));
        for restarts in [false, true] {
            if restarts {
                world.restart();
            }
            let late = world.end(&hold, "capture", r#"{"amount":75}"#);
            assert_eq!(code(late), Code::HoldExpired, "told by {told_by}, restarts: {restarts}");
            assert_eq!(code(world.adjust(&id, &extend)), Code::HoldExpired);
            assert_eq!(world.shown(&id)["captured"], 12.5);
        }
        assert_eq!(world.lines("type=consumption"), ["3 consumption -12.5 87.5"]);
    }
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
