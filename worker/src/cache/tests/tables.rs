//! What the tables allow, how they are searched, and what a charge costs.

use edge_credits_core::cache::RECORD_LIFE;

use super::api::Answers;
use super::world::{World, code};
use super::{CHARGE, Code, GATE};

fn keyed(key: &str) -> String {
    format!(r#"{{"amount":1,"idempotency_key":"{key}"}}"#)
}

#[test]
fn a_hot_charge_is_one_lookup_and_one_transaction_of_three_rows() {
    let world = World::with_balance("1000");
    world.balance().unwrap();
    world.consume(CHARGE).unwrap();
    world.disk.statements();
    world.consume(GATE).unwrap();
    let statements = world.disk.statements();
    let first_words: Vec<&str> =
        statements.iter().map(|sql| sql.split('(').next().unwrap().trim()).collect();
    assert!(first_words[0].starts_with("SELECT") && first_words[0].contains("FROM records"));
    let inserts = ["INSERT OR REPLACE INTO units", "INSERT INTO records", "INSERT INTO outbox"];
    assert_eq!(first_words[1..], inserts);
}

#[test]
fn rows_that_make_no_sense_stop_the_cache() {
    for damage in [
        "UPDATE units SET acknowledged = '{'",
        "UPDATE units SET read = 99",
        "UPDATE head SET health = '['",
        "UPDATE head SET lease = '{}'",
        "DELETE FROM head",
    ] {
        let mut world = World::with_balance("10");
        world.balance().unwrap();
        world.consume(CHARGE).unwrap();
        world.disk.raw(damage).unwrap();
        world.restart();
        for _ in 0..2 {
            assert_eq!(code(world.consume(GATE)), Code::InvariantViolation, "{damage}");
        }
        assert!(world.alarm().is_err(), "{damage}");
    }
}

#[test]
fn the_database_refuses_what_a_fault_would_write() {
    let world = World::with_balance("10");
    world.balance().unwrap();
    world.consume(CHARGE).unwrap();
    for statement in [
        "UPDATE units SET owed = -1",
        "UPDATE units SET owed = 0",
        "UPDATE units SET open = 0",
        "UPDATE units SET accepted = 2",
        "UPDATE units SET quarantined = 2",
        "UPDATE units SET balance = 0.5",
        "UPDATE outbox SET amount = 0",
        "UPDATE outbox SET amount = 'true'",
        "UPDATE outbox SET first_attempt_at = 1",
        "UPDATE outbox SET due_at = NULL",
        "UPDATE records SET state = 'lost'",
        "UPDATE records SET source = 'nowhere'",
        "UPDATE records SET amount = 8000000000000001",
        "INSERT INTO records SELECT * FROM records",
        "INSERT INTO head SELECT 2, environment, customer, conversations, lease, health, notices, \
         untold, alarm_due, holds, hold_due FROM head",
        "UPDATE head SET untold = 1",
    ] {
        assert!(world.disk.raw(statement).is_err(), "{statement}");
    }
}

#[test]
fn tables_of_a_newer_worker_are_left_alone() {
    let mut world = World::with_balance("10");
    world.balance().unwrap();
    world.disk.raw("INSERT INTO migrations VALUES (99, 0)").unwrap();
    world.restart();
    assert_eq!(code(world.consume(CHARGE)), Code::InternalError);
}

#[test]
fn a_replaced_instance_does_not_answer_from_memory() {
    let world = World::with_balance("10");
    world.balance().unwrap();
    // The platform fails every storage access of an instance that it has replaced.
    world.disk.fail_after(0);
    assert_eq!(code(world.balance()), Code::InternalError);
    world.disk.heal();
    assert_eq!(world.balance().unwrap()["balance"], 10);
    // Another instance reads; this one finds out and loads what is stored.
    let mut other = world.clone();
    other.restart();
    other.later(100);
    other.balance().unwrap();
    assert_eq!(code(world.balance()), Code::InvariantViolation);
    assert_eq!(world.balance().unwrap()["balance"], 10);
}

/// Records are kept for a record's life at least, and while their charge waits; then they go, in
/// slices, and their keys are free.
#[test]
fn old_records_are_collected_by_their_age() {
    let life = RECORD_LIFE.as_secs();
    let mut world = World::with_balance("10000");
    world.balance().unwrap();
    for number in 0..1_100 {
        world.consume(&keyed(&format!("k{number}"))).unwrap();
    }
    world.go_on();
    let replayed =
        |world: &World, key: &str| world.consume(&keyed(key)).unwrap()["replayed"] == true;
    world.later(life - 60);
    world.alarm().unwrap();
    assert!(replayed(&world, "k0") && replayed(&world, "k1099"));
    world.upstream().answer(Answers::Nothing);
    world.consume(&keyed("waits")).unwrap();
    world.later(2 * life + 120);
    world.disk.statements();
    world.alarm().unwrap();
    let slices = world.disk.statements();
    let deleted = slices.iter().filter(|sql| sql.starts_with("DELETE FROM records")).count();
    assert_eq!(deleted, 3, "1,100 records by slices of 500");
    assert!(!replayed(&world, "k0"));
    for _ in 0..2 {
        assert!(replayed(&world, "waits"), "its charge is not settled");
        world.restart();
    }
}

/// Nothing walks through the records, and the outbox only where a row's own time or id is asked for.
#[test]
fn every_lookup_has_its_index() {
    let mut world = World::with_balance("1000");
    world.balance().unwrap();
    world.consume(CHARGE).unwrap();
    world.upstream().answer(Answers::AppliedInSilence);
    world.go_on();
    world.later(3 * RECORD_LIFE.as_secs());
    world.consume(GATE).unwrap();
    world.alarm().unwrap();
    world.upstream().answer(Answers::All);
    world.restart();
    world.later(700);
    world.alarm().unwrap();
    let statements = world.disk.statements();
    let mut seen = 0;
    let makes = |sql: &&String| sql.starts_with("CREATE") || sql.starts_with("ALTER");
    for sql in statements.iter().filter(|sql| !makes(sql)) {
        let plan = world.disk.plan(sql);
        assert!(!plan.contains("SCAN records"), "{sql}\n{plan}");
        assert!(!plan.contains("TEMP B-TREE FOR ORDER BY"), "{sql}\n{plan}");
        if sql.contains("WHERE position IN") {
            assert!(plan.contains("SEARCH outbox"), "{sql}\n{plan}");
        }
        if sql.contains("FROM records") {
            seen += 1;
            assert!(plan.contains("SEARCH records"), "{sql}\n{plan}");
        }
    }
    assert!(seen >= 4, "{seen}");
}
