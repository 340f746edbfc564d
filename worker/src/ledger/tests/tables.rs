//! What the tables allow, and how they are searched.

use super::*;

#[test]
fn rows_that_make_no_sense_stop_the_ledger() {
    for damage in [
        "UPDATE entries SET balance_after = 11",
        "UPDATE entries SET totals = '{'",
        "UPDATE grants SET remaining = 9",
        "UPDATE entries SET version = 2",
        "DELETE FROM entries WHERE sequence = 2",
        "DELETE FROM meta",
    ] {
        let mut world = World::new();
        world.add(r#"{"amount":10,"type":"topup"}"#).unwrap();
        world.consume(r#"{"amount":4}"#).unwrap();
        world.disk.raw(damage).unwrap();
        world.restart();
        for _ in 0..2 {
            let refused = world.consume(r#"{"amount":1,"idempotency_key":"x"}"#);
            assert_eq!(code(refused), Code::InvariantViolation, "{damage}");
        }
        assert!(world.alarm().is_err() || damage.contains("DELETE FROM meta"));
    }
}

#[test]
fn the_database_refuses_what_a_fault_would_write() {
    let world = World::new();
    world.add(r#"{"amount":10,"type":"topup"}"#).unwrap();
    world.hold(r#"{"amount":1}"#).unwrap();
    for statement in [
        "UPDATE grants SET remaining = -1",
        "UPDATE grants SET remaining = amount + 1",
        "UPDATE grants SET held = remaining + 1",
        "UPDATE grants SET remaining = 'true'",
        "UPDATE grants SET remaining = 0.5",
        "UPDATE grants SET remaining = NULL",
        "UPDATE grants SET state = 'ended'",
        "UPDATE grants SET owed = -1",
        "UPDATE grants SET owed = amount + 1",
        "UPDATE entries SET amount = 8000000000000001",
        "UPDATE entries SET balance_after = -8000000000000001",
        "UPDATE entries SET fingerprint = NULL",
        "UPDATE entries SET sequence = 0",
        "INSERT INTO entries SELECT sequence + 1, id, kind, unit, amount, balance_after, \
         held_after, time, draws, description, metadata, product, refund_of, key, fingerprint, totals, version, \
         hold FROM entries",
        "UPDATE holds SET progress = amount + 1",
        "UPDATE holds SET captured = amount + 1",
        "UPDATE holds SET open = 0",
        "UPDATE holds SET state = 'ended'",
        "UPDATE holds SET on_expiry = 'keep'",
        "UPDATE holds SET expires_at = placed_at",
        "INSERT INTO meta (one, environment, customer) VALUES (2, 'test', 'x')",
        "UPDATE meta SET reported = -1",
        "UPDATE meta SET environment = 'prod'",
        "DELETE FROM entries",
    ] {
        assert!(world.disk.raw(statement).is_err(), "{statement}");
    }
}

/// Takes the fifth version of the tables back to the fourth.
const BEFORE_OWED: &str = "DROP INDEX entries_usd; DROP TABLE standing; DROP TABLE signals; \
    DROP TABLE runs; DROP TABLE run_counts; DROP TABLE signal_totals; DROP TABLE signal_days; \
    ALTER TABLE grants DROP COLUMN owed; DELETE FROM migrations WHERE version > 4";

/// Takes the tables back to their second version.
pub(super) const BEFORE_ANALYTICS: &str = "DROP INDEX entries_usd; DROP TABLE standing; DROP TABLE signals; \
    DROP TABLE runs; DROP TABLE run_counts; DROP TABLE signal_totals; DROP TABLE signal_days; \
    ALTER TABLE grants DROP COLUMN owed; \
    ALTER TABLE meta DROP COLUMN reported; ALTER TABLE meta DROP COLUMN folded; \
    ALTER TABLE meta DROP COLUMN failures; ALTER TABLE meta DROP COLUMN retry_at; \
    DROP TABLE days; DROP TABLE actions; DELETE FROM migrations WHERE version > 2";

#[test]
fn tables_from_before_holds_are_read_and_gain_them() {
    let mut world = World::new();
    world.add(r#"{"amount":10,"type":"topup"}"#).unwrap();
    let charge = world.consume(r#"{"amount":4,"idempotency_key":"c"}"#).unwrap();
    // As the first version of the tables had it.
    world.disk.raw("ALTER TABLE entries DROP COLUMN hold; DROP TABLE holds;").unwrap();
    world.disk.raw(BEFORE_ANALYTICS).unwrap();
    world.disk.raw("DELETE FROM migrations WHERE version = 2").unwrap();
    world.restart();
    assert_eq!(world.balance().unwrap(), "6");
    let again = world.consume(r#"{"amount":4,"idempotency_key":"c"}"#).unwrap();
    assert_eq!(
        (&again["transaction_id"], &again["replayed"]),
        (&charge["transaction_id"], &Value::Bool(true))
    );
    let hold = world.hold(r#"{"amount":5}"#).unwrap();
    world.restart();
    assert_eq!(world.balance().unwrap(), "1");
    assert_eq!(world.end(&hold, "capture", r#"{"amount":2}"#).unwrap()["balance"], 4);
    assert_eq!(world.lines("").len(), 4);
}

#[test]
fn grants_from_before_they_could_owe_are_read() {
    let mut world = World::new();
    world.add(r#"{"amount":10,"type":"topup"}"#).unwrap();
    world.disk.raw(BEFORE_OWED).unwrap();
    world.restart();
    assert_eq!(world.balance().unwrap(), "10");
    world.consume(r#"{"amount":4}"#).unwrap();
    world.restart();
    assert_eq!(world.balance().unwrap(), "6");
}

#[test]
fn tables_of_a_newer_worker_are_left_alone() {
    let mut world = World::new();
    world.add(r#"{"amount":10,"type":"topup"}"#).unwrap();
    world.disk.raw("INSERT INTO migrations VALUES (99, 0)").unwrap();
    world.restart();
    assert_eq!(code(world.consume(r#"{"amount":1}"#)), Code::InternalError);
}

/// No lookup walks through the entries but a page of usage, which stops at its limit.
#[test]
fn every_lookup_has_its_index() {
    let world = World::new();
    let granted = world.add(r#"{"amount":10,"type":"topup","idempotency_key":"t"}"#).unwrap();
    let charge = world.consume(r#"{"amount":4,"idempotency_key":"c"}"#).unwrap();
    world.disk.statements();
    let (grant, charge) = (&granted["transaction_id"], &charge["transaction_id"]);
    world.add(&format!(r#"{{"amount":1,"type":"refund","refund_of":{charge}}}"#)).unwrap();
    let hold = world.hold(r#"{"amount":1}"#).unwrap();
    world.end(&hold, "capture", "{}").unwrap();
    world.void(grant.as_str().unwrap(), "{}").unwrap();
    let batch = r#"{"items":[{"amount":1,"idempotency_key":"c"}]}"#;
    let batch = edge_credits_core::wire::batch::parse_batch(batch).unwrap().batch;
    world.ledger.perform_batch(&world.owner, world.now, &batch, &world.config).unwrap();
    for query in ["type=topup", "type=consumption", "before_sequence=9"] {
        world.lines(query);
    }
    Ledger::new(world.disk.clone(), PACE)
        .balance(&world.owner, world.now, &parse_balance_query("").unwrap())
        .unwrap();
    let mut seen = 0;
    for sql in world.disk.statements().iter().filter(|sql| {
        ["FROM entries", "FROM grants", "FROM holds"].iter().any(|it| sql.contains(it))
    }) {
        if !sql.starts_with("SELECT") {
            continue;
        }
        seen += 1;
        let plan = world.disk.plan(sql);
        let expected = if sql.contains("kind <> 'consumption'") {
            plan.contains("entries_other")
        } else if sql.contains("max(sequence)") {
            plan.contains("SEARCH entries")
        } else if sql.contains("unit = ?") || sql.contains("ORDER BY sequence DESC LIMIT 1") {
            // By sequence, newest first: no sorting.
            !plan.contains("TEMP B-TREE") && !plan.contains("USING INDEX")
        } else if sql.contains("open = 1") {
            plan.contains(if sql.contains("FROM holds") { "holds_open" } else { "grants_open" })
        } else if sql.contains("refund_of = ?") {
            plan.contains("entries_refund_of")
        } else {
            plan.contains("SEARCH")
                && !plan.contains("SCAN entries")
                && !plan.contains("SCAN grants")
                && !plan.contains("SCAN holds")
        };
        assert!(expected, "{sql}\n{plan}");
    }
    assert!(seen >= 16, "{seen}");
}
