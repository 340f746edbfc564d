//! Batches on SQLite: one commit for all of it, or nothing of it.

use edge_credits_core::wire::batch::{parse_batch, read_results};

use super::*;

impl World {
    /// Carries out a batch of these items: status and body of each.
    fn batch(&self, items: &[&str]) -> Result<Vec<(u16, Value)>, Failure> {
        let request = parse_batch(&format!(r#"{{"items":[{}]}}"#, items.join(","))).unwrap();
        let outcomes =
            self.ledger.perform_batch(&self.owner, self.now, &request.batch, &self.config)?;
        let answer = request.answer(&outcomes, &self.owner.customer, "req-1");
        let results = read_results(&answer, items.len()).unwrap();
        let read = |text| serde_json::from_str(text).unwrap();
        Ok(results.iter().map(|result| (result.status, read(result.body))).collect())
    }
}

/// `200 balance`, `200 balance replayed` or `status code` of each result.
fn told(results: &[(u16, Value)]) -> Vec<String> {
    let told = |(status, body): &(u16, Value)| match (&body["error"]["code"], &body["replayed"]) {
        (Value::String(code), _) => format!("{status} {code}"),
        (_, Value::Bool(true)) => format!("{status} {} replayed", body["balance"]),
        _ => format!("{status} {}", body["balance"]),
    };
    results.iter().map(told).collect()
}

const MIXED: &[&str] = &[
    r#"{"amount":4,"idempotency_key":"a"}"#,
    r#"{"amount":0,"idempotency_key":"b"}"#,
    r#"{"amount":7,"idempotency_key":"c","on_insufficient":"reject"}"#,
    r#"{"amount":4,"idempotency_key":"a"}"#,
    r#"{"amount":5,"idempotency_key":"a"}"#,
    r#"{"amount":5}"#,
    r#"{"amount":6,"idempotency_key":"c","on_insufficient":"reject"}"#,
    r#"{"amount":1,"idempotency_key":"d"}"#,
];

#[test]
fn a_batch_is_answered_item_by_item_and_survives_restarts() {
    let mut world = World::new();
    world.add(r#"{"amount":10,"type":"topup","idempotency_key":"t"}"#).unwrap();
    let first = world.batch(MIXED).unwrap();
    let refused = ["400 amount_zero", "402 insufficient_credits", "400 invalid_request"];
    assert_eq!(
        told(&first),
        [
            "200 6",
            refused[0],
            refused[1],
            "200 6 replayed",
            "422 idempotency_key_reused",
            refused[2],
            "200 0",
            "200 -1"
        ]
    );
    let statement =
        ["4 consumption -1 -1", "3 consumption -6 0", "2 consumption -4 6", "1 topup 10 10"];
    assert_eq!(world.lines(""), statement);
    world.restart();
    // The refusal under `c` was not remembered; what the key was charged for then is.
    assert_eq!(
        told(&world.batch(MIXED).unwrap()),
        [
            "200 6 replayed",
            refused[0],
            "422 idempotency_key_reused",
            "200 6 replayed",
            "422 idempotency_key_reused",
            refused[2],
            "200 0 replayed",
            "200 -1 replayed"
        ]
    );
    let again = world.consume(r#"{"amount":6,"idempotency_key":"c"}"#).unwrap();
    assert_eq!(again["transaction_id"], first[6].1["transaction_id"]);
    assert_eq!(world.lines(""), statement);
}

/// Every place where the storage can fail during a batch that is a customer's first write or not:
/// nothing of it is kept, and the same batch goes through afterwards, once.
#[test]
fn a_failing_disk_keeps_all_of_a_batch_or_nothing() {
    let items = [
        r#"{"amount":4,"idempotency_key":"a"}"#,
        r#"{"amount":100,"idempotency_key":"b","on_insufficient":"reject"}"#,
        r#"{"amount":3,"idempotency_key":"c"}"#,
        r#"{"amount":5,"idempotency_key":"d"}"#,
    ];
    let grants = r#"{"amount":5,"type":"topup","expires_at":"2026-11-22T02:00:00Z"}"#;
    for (prepared, places) in [(false, 12), (true, 8)] {
        let mut failures = 0;
        for operations in 0.. {
            let mut world = World::new();
            if prepared {
                world.add(grants).unwrap();
            }
            let (lines, balance) = (world.lines(""), world.balance().unwrap());
            let alarm = world.disk.alarm();
            world.disk.fail_after(operations);
            let outcome = world.batch(&items);
            world.disk.heal();
            let Err(failure) = outcome else { break };
            failures += 1;
            assert_eq!(failure.error.code, Code::InternalError, "after {operations}");
            if operations % 2 == 0 {
                world.restart();
            }
            let kept = (world.balance().unwrap(), world.lines(""), world.disk.alarm());
            assert_eq!(kept, (balance, lines, alarm), "after {operations}");
            let told = told(&world.batch(&items).unwrap());
            let insufficient = "402 insufficient_credits";
            let expected = match prepared {
                true => ["200 1", insufficient, "200 -2", "200 -7"],
                false => ["200 -4", insufficient, "200 -7", "200 -12"],
            };
            assert_eq!(told, expected, "after {operations}");
            world.restart();
            let entries = usize::from(prepared) + 3;
            assert_eq!((world.lines("").len(), world.disk.alarm()), (entries, None));
        }
        assert!(failures >= places, "only {failures} places failed");
    }
}

#[test]
fn memory_is_not_ahead_of_a_batch_that_was_not_kept() {
    let world = World::new();
    world.add(r#"{"amount":10,"type":"topup"}"#).unwrap();
    // The lookup, two entries and the grant succeed; the commit fails.
    world.disk.fail_after(4);
    let items = [r#"{"amount":4,"idempotency_key":"a"}"#, r#"{"amount":4,"idempotency_key":"b"}"#];
    assert_eq!(world.batch(&items).unwrap_err().error.code, Code::InternalError);
    world.disk.heal();
    assert_eq!(world.balance().unwrap(), "10");
    let gate = r#"{"amount":10,"idempotency_key":"c","on_insufficient":"reject"}"#;
    assert_eq!(world.consume(gate).unwrap()["balance"], 0);
    assert_eq!(told(&world.batch(&items).unwrap()), ["200 -4", "200 -8"]);
}

#[test]
fn a_hundred_charges_cost_one_lookup_and_one_write_of_their_grant() {
    let world = World::new();
    world.add(r#"{"amount":1000,"type":"topup"}"#).unwrap();
    let items: Vec<String> =
        (0..100).map(|n| format!(r#"{{"amount":1,"idempotency_key":"k{n}"}}"#)).collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    world.disk.statements();
    let results = world.batch(&items).unwrap();
    assert_eq!(results[99].1["balance"], 900);
    let statements = world.disk.statements();
    let count = |start: &str| statements.iter().filter(|sql| sql.starts_with(start)).count();
    let [looked_up, entries, grants] = ["SELECT", "INSERT INTO entries", "INSERT INTO grants"];
    assert_eq!((count(looked_up), count(entries), count(grants)), (1, 100, 1));
    assert_eq!(statements.len(), 102, "and nothing else");
    world.disk.statements();
    let again = world.batch(&items).unwrap();
    assert!(again.iter().all(|(status, body)| (*status, &body["replayed"]) == (200, &true.into())));
    assert_eq!(world.disk.statements().len(), 1, "a batch of replays writes nothing");
}

#[test]
fn a_batch_of_refusals_writes_nothing_and_is_nobodys() {
    let mut world = World::new();
    let gate = r#"{"amount":1,"idempotency_key":"a","on_insufficient":"reject"}"#;
    let refused = told(&world.batch(&[gate, "7"]).unwrap());
    assert_eq!(refused, ["402 insufficient_credits", "400 invalid_request"]);
    assert!(world.disk.statements().iter().all(|sql| sql.starts_with("SELECT")));
    world.owner = owner_of("cus_2");
    let charged = world.batch(&[r#"{"amount":1,"idempotency_key":"a"}"#]).unwrap();
    assert_eq!(charged[0].1["customer_id"], "cus_2");
    world.owner = owner_of("cus_1");
    assert_eq!(world.batch(&[gate]).unwrap_err().error.code, Code::InvariantViolation);
}

#[test]
fn rows_that_make_no_sense_stop_a_batch() {
    let mut world = World::new();
    world.add(r#"{"amount":10,"type":"topup","idempotency_key":"t"}"#).unwrap();
    world.consume(r#"{"amount":1,"idempotency_key":"a"}"#).unwrap();
    // The record of the second item: the first would be fine alone.
    world.disk.raw("UPDATE entries SET fingerprint = 'x' WHERE sequence = 2").unwrap();
    let items = [r#"{"amount":1,"idempotency_key":"b"}"#, r#"{"amount":1,"idempotency_key":"a"}"#];
    for _ in 0..2 {
        let failure = world.batch(&items).unwrap_err();
        assert_eq!(failure.error.code, Code::InvariantViolation);
        assert!(failure.log.is_some());
        world.restart();
    }
    assert_eq!(
        world.disk.statements().iter().filter(|sql| sql.contains("INSERT INTO entries")).count(),
        2
    );
}
