//! The ledger on SQLite: restarts, failing disks, alarms, and one owner for each object.

mod batch;
mod holds;
mod payments;
mod portal;
mod reporting;
mod standing;
mod tables;
mod usage;

use core::time::Duration;

use edge_credits_core::entropy::Entropy;
use edge_credits_core::ids::{CustomerId, Environment};
use edge_credits_core::wire::requests::{
    KeySource, parse_add, parse_balance_query, parse_consume, parse_page_query, parse_void,
};
use serde_json::Value;

use super::*;
use crate::storage::sqlite::Sqlite;

/// 2026-11-22T00:00:00Z, and hours after it.
fn hour(hours: i64) -> Timestamp {
    Timestamp::from_millis(1_795_305_600_000 + hours * 3_600_000)
}

/// Nobody to report to.
const PACE: PaceConfig = PaceConfig { directory: false, delay: Duration::from_secs(10) };

fn owner_of(customer: &str) -> Owner {
    Owner { environment: Environment::Test, customer: CustomerId::parse(customer).unwrap() }
}

/// A ledger on a disk, at a moment.
struct World {
    disk: Sqlite,
    ledger: Ledger<Sqlite>,
    owner: Owner,
    now: Timestamp,
    config: LedgerConfig,
}

impl World {
    fn new() -> Self {
        let disk = Sqlite::new();
        let ledger = Ledger::new(disk.clone(), PACE);
        let config = LedgerConfig::default();
        Self { disk, ledger, owner: owner_of("cus_1"), now: hour(0), config }
    }

    /// The process ends and another begins on the same disk.
    fn restart(&mut self) {
        self.ledger = Ledger::new(self.disk.clone(), PACE);
    }

    fn perform(&self, command: &Command) -> Result<Value, Failure> {
        let answer = self.ledger.perform(&self.owner, self.now, command, &self.config)?;
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["replayed"], answer.replayed);
        Ok(body)
    }

    fn add(&self, body: &str) -> Result<Value, Failure> {
        self.perform(&parse_add(body, &key()).unwrap())
    }

    fn consume(&self, body: &str) -> Result<Value, Failure> {
        self.perform(&parse_consume(body, &key()).unwrap())
    }

    fn void(&self, grant: &str, body: &str) -> Result<Value, Failure> {
        self.perform(&parse_void(grant, body, &key()).unwrap())
    }

    fn balance(&self) -> Result<String, Failure> {
        let query = parse_balance_query("").unwrap();
        let answer = self.ledger.balance(&self.owner, self.now, &query)?;
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        Ok(body["balance"].to_string())
    }

    fn page(&self, query: &str) -> Value {
        let query = parse_page_query(query).unwrap();
        let answer = self.ledger.page(&self.owner, self.now, &query).unwrap();
        serde_json::from_str(&answer.body).unwrap()
    }

    /// The alarm, as far as it does not leave the object.
    fn alarm(&self) -> Result<(), String> {
        self.ledger.wake(self.now, &mut Entropy::new([3; 16]).jitter()).map(drop)
    }

    /// `sequence type amount balance_after` of each item of a page.
    fn lines(&self, query: &str) -> Vec<String> {
        let page = self.page(query);
        let items = page["data"].as_array().unwrap();
        let line = |item: &Value| {
            let kind = item["type"].as_str().unwrap();
            format!("{} {kind} {} {}", item["sequence"], item["amount"], item["balance_after"])
        };
        items.iter().map(line).collect()
    }
}

fn key() -> KeySource<'static> {
    static ENTROPY: Entropy = Entropy::new([7; 16]);
    KeySource { header: None, entropy: &ENTROPY }
}

fn code(result: Result<Value, Failure>) -> Code {
    result.unwrap_err().error.code
}

#[test]
fn a_statement_survives_restarts() {
    let mut world = World::new();
    world.add(r#"{"amount":100,"type":"topup","idempotency_key":"t1"}"#).unwrap();
    let charge = world.consume(r#"{"amount":30,"idempotency_key":"c1"}"#).unwrap();
    world.restart();
    let refused =
        world.consume(r#"{"amount":71,"on_insufficient":"reject","idempotency_key":"c2"}"#);
    assert_eq!(code(refused), Code::InsufficientCredits);
    let again = world.consume(r#"{"amount":30,"idempotency_key":"c1"}"#).unwrap();
    assert_eq!(again["replayed"], true);
    assert_eq!(again["transaction_id"], charge["transaction_id"]);
    let other = world.consume(r#"{"amount":31,"idempotency_key":"c1"}"#);
    assert_eq!(code(other), Code::IdempotencyKeyReused);
    world.restart();
    let id = charge["transaction_id"].as_str().unwrap();
    let refund = |amount, key| {
        format!(
            r#"{{"amount":{amount},"type":"refund","refund_of":"{id}","idempotency_key":"{key}"}}"#
        )
    };
    world.add(&refund(20, "r1")).unwrap();
    assert_eq!(code(world.add(&refund(11, "r2"))), Code::RefundExceedsCharge);
    world.restart();
    assert_eq!(world.balance().unwrap(), "90");
    assert_eq!(world.lines(""), ["3 refund 20 90", "2 consumption -30 70", "1 topup 100 100"]);
}

#[test]
fn pages_by_kind_offset_and_position() {
    let world = World::new();
    for (index, amount) in [100, 50, 25].iter().enumerate() {
        world
            .add(&format!(r#"{{"amount":{amount},"type":"topup","idempotency_key":"t{index}"}}"#))
            .unwrap();
        world.consume(&format!(r#"{{"amount":1,"idempotency_key":"c{index}"}}"#)).unwrap();
    }
    assert_eq!(world.lines("type=topup&limit=2"), ["5 topup 25 173", "3 topup 50 149"]);
    assert_eq!(world.lines("type=topup&limit=2&offset=2"), ["1 topup 100 100"]);
    assert_eq!(world.lines("type=consumption&before_sequence=6&limit=1"), ["4 consumption -1 148"]);
    assert_eq!(
        world.lines("limit=2&before_sequence=3"),
        ["2 consumption -1 99", "1 topup 100 100"]
    );
    assert!(world.lines("unit=usd").is_empty());
    let pagination = |query| world.page(query)["pagination"].clone();
    assert_eq!(
        pagination("type=topup&limit=2"),
        serde_json::json!({"limit": 2, "offset": 0, "total": 3, "has_more": true})
    );
    assert_eq!(pagination("limit=6")["has_more"], false);
}

#[test]
fn looking_at_an_unknown_customer_writes_nothing() {
    let world = World::new();
    assert_eq!(world.balance().unwrap(), "0");
    assert!(world.lines("").is_empty());
    assert_eq!(code(world.void("txn_00000000000000000000000000000000", "{}")), Code::NotFound);
    assert_eq!(
        code(world.consume(r#"{"amount":1,"on_insufficient":"reject"}"#)),
        Code::InsufficientCredits
    );
    world.alarm().unwrap();
    let written = world.disk.statements();
    assert!(
        !written.is_empty() && written.iter().all(|sql| sql.starts_with("SELECT")),
        "{written:?}"
    );
}

/// Every place where the storage can fail, while three calls are made: whatever failed, the same
/// call with the same key settles it, and each is carried out once.
#[test]
fn a_failing_disk_loses_and_doubles_nothing() {
    let calls = |world: &World| -> Result<(), Failure> {
        let soon = r#"{"amount":40,"type":"topup","idempotency_key":"t",
                       "expires_at":"2026-11-23T00:00:00Z"}"#;
        let granted = world.add(soon)?;
        world.consume(r#"{"amount":15,"idempotency_key":"c"}"#)?;
        let grant = granted["transaction_id"].as_str().unwrap();
        world.void(grant, r#"{"idempotency_key":"v"}"#)?;
        world.balance().map(drop)
    };
    let mut failures = 0;
    for operations in 0.. {
        let mut world = World::new();
        world.disk.fail_after(operations);
        let Err(failure) = calls(&world) else { break };
        failures += 1;
        assert_eq!(failure.error.code, Code::InternalError, "after {operations}");
        assert_eq!(failure.log.as_deref(), Some("the disk is gone"));
        world.disk.heal();
        if operations % 2 == 0 {
            world.restart();
        }
        calls(&world).unwrap();
        let statement = ["3 void -25 0", "2 consumption -15 25", "1 topup 40 40"];
        assert_eq!(world.lines(""), statement, "after {operations}");
        assert_eq!((world.balance().unwrap().as_str(), world.disk.alarm()), ("0", None));
        world.restart();
        assert_eq!(world.lines(""), statement, "after {operations}, from the disk");
    }
    // The tables, three records, three entries, three grants, the alarm twice, three commits.
    assert!(failures > 25, "only {failures} places failed");
}

#[test]
fn memory_is_not_ahead_of_the_disk() {
    let world = World::new();
    world.add(r#"{"amount":10,"type":"topup"}"#).unwrap();
    // The lookup, the entry and the grant succeed; the commit fails.
    world.disk.fail_after(3);
    let failed = world.consume(r#"{"amount":4,"idempotency_key":"c"}"#);
    assert_eq!(code(failed), Code::InternalError);
    world.disk.heal();
    assert_eq!(world.balance().unwrap(), "10");
    let charged = world.consume(r#"{"amount":4,"idempotency_key":"c"}"#).unwrap();
    assert_eq!((&charged["replayed"], world.balance().unwrap().as_str()), (&false.into(), "6"));
}

#[test]
fn a_replaced_instance_does_not_answer_from_memory() {
    let world = World::new();
    world.add(r#"{"amount":10,"type":"topup"}"#).unwrap();
    // The platform fails every storage access of an instance that it has replaced.
    world.disk.fail_after(0);
    assert_eq!(world.balance().unwrap_err().error.code, Code::InternalError);
    world.disk.heal();
    // Another instance writes; this one finds out and loads what is stored.
    let other = Ledger::new(world.disk.clone(), PACE);
    let more = parse_add(r#"{"amount":5,"type":"topup","idempotency_key":"x"}"#, &key()).unwrap();
    assert_eq!(world.balance().unwrap(), "10");
    other.perform(&world.owner, world.now, &more, &world.config).unwrap();
    assert_eq!(world.balance().unwrap_err().error.code, Code::InvariantViolation);
    assert_eq!(world.balance().unwrap(), "15");
}

const EXPIRING: &str = r#"{"amount":5,"type":"topup","expires_at":"2026-11-22T02:00:00Z"}"#;

#[test]
fn the_alarm_expires_what_is_due() {
    let mut world = World::new();
    world.add(EXPIRING).unwrap();
    assert_eq!(world.disk.alarm(), Some(hour(2)));
    // Early: nothing is due, and it is set again.
    world.now = hour(1);
    world.disk.lose_alarm();
    world.alarm().unwrap();
    assert_eq!((world.disk.alarm(), world.lines("").len()), (Some(hour(2)), 1));
    // Late, in a new process, and twice.
    world.now = hour(30);
    world.restart();
    for _ in 0..2 {
        world.disk.lose_alarm();
        world.alarm().unwrap();
        assert_eq!(world.lines(""), ["2 expiry -5 0", "1 topup 5 5"]);
        assert_eq!(world.disk.alarm(), None);
    }
    let page = world.page("limit=1");
    assert_eq!(page["data"][0]["created_at"], "2026-11-22T02:00:00.000Z");
}

#[test]
fn an_expiry_beyond_what_alarms_reach_gets_the_latest_alarm() {
    let world = World::new();
    world.add(&EXPIRING.replace("2026-11-22T02:00:00Z", "9999-12-31T23:59:59Z")).unwrap();
    assert_eq!(world.disk.alarm(), Some(Timestamp::from_millis(9_000_000_000_000)));
}

#[test]
fn a_lost_alarm_is_set_again_by_the_next_call() {
    let mut world = World::new();
    world.add(EXPIRING).unwrap();
    world.now = hour(3);
    assert!(world.disk.lose_alarm());
    world.restart();
    assert_eq!(world.balance().unwrap(), "0", "what is due counts as done");
    let alarm = world.disk.alarm().unwrap();
    assert!(alarm > world.now, "an alarm for the present moment may be dropped");
    world.now = alarm;
    world.alarm().unwrap();
    assert_eq!(world.lines("").len(), 2);
}

#[test]
fn an_alarm_that_stands_costs_a_waking_object_nothing() {
    let mut world = World::new();
    world.add(EXPIRING).unwrap();
    world.restart();
    world.disk.statements();
    world.balance().unwrap();
    assert!(world.disk.statements().iter().all(|sql| sql.starts_with("SELECT")));
}

#[test]
fn an_object_serves_one_owner() {
    let mut world = World::new();
    world.add(r#"{"amount":10,"type":"topup"}"#).unwrap();
    for restart in [false, true] {
        if restart {
            world.restart();
        }
        world.owner = owner_of("cus_2");
        let failure = world.balance().unwrap_err();
        assert_eq!(failure.error.code, Code::InvariantViolation);
        assert!(!failure.error.message.contains("cus_1"));
        assert_eq!(code(world.consume(r#"{"amount":1}"#)), Code::InvariantViolation);
        world.owner = owner_of("cus_1");
        assert_eq!(world.balance().unwrap(), "10");
    }
}

#[test]
fn an_object_without_entries_is_nobodys() {
    let mut world = World::new();
    assert_eq!(world.balance().unwrap(), "0");
    world.owner = owner_of("cus_2");
    world.add(r#"{"amount":10,"type":"topup"}"#).unwrap();
    assert_eq!(world.balance().unwrap(), "10");
}
