//! What the portal reads of a ledger on SQLite: nothing is written, little is read, and it is what the
//! other questions are answered.

use edge_credits_core::portal::view::{MAX_LINES, View};

use super::*;

impl World {
    fn view(&self) -> Result<View, Failure> {
        self.ledger.portal(&self.owner, self.now)
    }
}

fn used(view: &View) -> Vec<i64> {
    let days = view.units.first().map(|unit| unit.days.iter().map(|(_, used)| used / 1_000_000));
    days.into_iter().flatten().filter(|used| *used > 0).collect()
}

#[test]
fn looking_writes_nothing_whoever_is_looked_at() {
    let mut world = World::new();
    assert!(world.view().unwrap().is_new());
    world.add(r#"{"amount":100,"type":"topup","expires_at":"2026-11-23T00:00:00Z"}"#).unwrap();
    world.restart();
    world.disk.statements();
    // The grant has ended by now, and no alarm has said so.
    world.now = hour(48);
    let view = world.view().unwrap();
    assert!(view.units.iter().all(|unit| unit.available.is_zero()));
    assert!(view.ending.is_empty() && view.activity.len() == 1);
    let asked = world.disk.statements();
    // Waking, an object makes sure of its alarm: the one of its account, which is overdue.
    let written: Vec<_> = asked.iter().filter(|sql| !sql.starts_with("SELECT")).collect();
    assert!(written.iter().all(|sql| sql.starts_with("UPDATE meta SET alarm_due")), "{written:?}");
    world.view().unwrap();
    let asked = world.disk.statements();
    assert!(asked.iter().all(|sql| sql.starts_with("SELECT")), "{asked:?}");
}

#[test]
fn usage_is_the_same_before_and_after_it_was_folded_into_days() {
    let mut world = World::new();
    world.add(r#"{"amount":1000,"type":"topup"}"#).unwrap();
    for (day, amount) in [(0, 5), (1, 7), (1, 8), (3, 2)] {
        world.now = hour(24 * day);
        let body = format!(r#"{{"amount":{amount},"idempotency_key":"{amount}"}}"#);
        world.consume(&body).unwrap();
    }
    let before = world.view().unwrap();
    assert_eq!(used(&before), [5, 15, 2]);
    world.alarm().unwrap();
    assert_eq!(world.view().unwrap(), before);
    world.restart();
    assert_eq!(world.view().unwrap(), before);
}

#[test]
fn a_crowd_of_reservations_is_looked_through_and_read_by_sequence() {
    let world = World::new();
    world.add(r#"{"amount":100,"type":"topup"}"#).unwrap();
    for charge in 0..25 {
        let named =
            format!(r#"{{"amount":1,"idempotency_key":"{charge}","description":"{charge}"}}"#);
        world.consume(&named).unwrap();
        let hold = world.hold(&named).unwrap();
        world.end(&hold, "release", "{}").unwrap();
    }
    world.disk.statements();
    let view = world.view().unwrap();
    assert_eq!((view.activity.len(), view.more_activity), (MAX_LINES, true));
    assert_eq!(view.activity.first().and_then(|line| line.words.as_deref()), Some("24"));
    let asked = world.disk.statements();
    let newest = asked.iter().find(|sql| sql.contains("kind NOT IN")).unwrap();
    let plan = world.disk.plan(newest);
    let by_sequence = plan.starts_with("SEARCH entries USING INTEGER PRIMARY KEY (rowid>?)");
    assert!(by_sequence && !plan.contains("TEMP B-TREE"), "{plan}");
}

#[test]
fn on_a_failing_disk_it_fails_and_the_next_look_is_whole() {
    let world = World::new();
    world.add(r#"{"amount":100,"type":"topup"}"#).unwrap();
    world.consume(r#"{"amount":1}"#).unwrap();
    let whole = world.view().unwrap();
    let mut failures = 0;
    for operations in 0.. {
        world.disk.fail_after(operations);
        let seen = world.view();
        world.disk.heal();
        match seen {
            Ok(view) => {
                assert_eq!(view, whole);
                break;
            }
            Err(failure) => assert_eq!(failure.error.code, Code::InternalError),
        }
        failures += 1;
        assert_eq!(world.view().unwrap(), whole);
    }
    assert!(failures >= 3, "{failures}");
}
