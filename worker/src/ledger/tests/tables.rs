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
        assert!(world.ledger.alarm(world.now).is_err() || damage.contains("DELETE FROM meta"));
    }
}

#[test]
fn the_database_refuses_what_a_fault_would_write() {
    let world = World::new();
    world.add(r#"{"amount":10,"type":"topup"}"#).unwrap();
    for statement in [
        "UPDATE grants SET remaining = -1",
        "UPDATE grants SET remaining = amount + 1",
        "UPDATE grants SET held = remaining + 1",
        "UPDATE grants SET remaining = 'true'",
        "UPDATE grants SET remaining = 0.5",
        "UPDATE grants SET remaining = NULL",
        "UPDATE grants SET state = 'ended'",
        "UPDATE entries SET amount = 8000000000000001",
        "UPDATE entries SET balance_after = -8000000000000001",
        "UPDATE entries SET fingerprint = NULL",
        "UPDATE entries SET sequence = 0",
        "INSERT INTO entries SELECT sequence + 1, id, kind, unit, amount, balance_after, \
         held_after, time, draws, description, metadata, product, refund_of, key, fingerprint, totals, version \
         FROM entries",
        "INSERT INTO meta VALUES (2, 'test', 'x', NULL)",
        "UPDATE meta SET environment = 'prod'",
        "DELETE FROM entries",
    ] {
        assert!(world.disk.raw(statement).is_err(), "{statement}");
    }
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
    world.void(grant.as_str().unwrap(), "{}").unwrap();
    let batch = r#"{"items":[{"amount":1,"idempotency_key":"c"}]}"#;
    let batch = edge_credits_core::wire::batch::parse_batch(batch).unwrap().batch;
    world.ledger.perform_batch(&world.owner, world.now, &batch, &world.config).unwrap();
    for query in ["type=topup", "type=consumption", "before_sequence=9"] {
        world.lines(query);
    }
    Ledger::new(world.disk.clone())
        .balance(&world.owner, world.now, &parse_balance_query("").unwrap())
        .unwrap();
    let mut seen = 0;
    for sql in world
        .disk
        .statements()
        .iter()
        .filter(|sql| sql.contains("FROM entries") || sql.contains("FROM grants"))
    {
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
            plan.contains("grants_open")
        } else if sql.contains("refund_of = ?") {
            plan.contains("entries_refund_of")
        } else {
            plan.contains("SEARCH")
                && !plan.contains("SCAN entries")
                && !plan.contains("SCAN grants")
        };
        assert!(expected, "{sql}\n{plan}");
    }
    assert!(seen >= 10, "{seen}");
}
