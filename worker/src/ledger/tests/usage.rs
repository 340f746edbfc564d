//! Usage signals on SQLite: rows of signals, runs and days, kept with the entry or not at all.

mod edits;
mod model;
mod totals;

use edge_credits_core::analytics::day::Day;
use edge_credits_core::catalog::{Catalog, Edit, Section, parse_entry};
use edge_credits_core::usage::{
    Signal, parse_signal, parse_usage_query, usage_log_body, usage_page_body,
};
use edge_credits_core::wire::clocknext::wallet::parse_wallet_query;

use super::*;
use crate::usage_store;

fn price_list() -> Catalog {
    let entries = [
        (Section::Models, r#"{"modelId":"m","inputPrice":1,"outputPrice":2}"#),
        (
            Section::CreditTypes,
            r#"{"name":"API","agentKey":"api","marginPercent":30,"pricePerCredit":0.01}"#,
        ),
        (
            Section::Outcomes,
            r#"{"name":"Ticket","pricePerOutcome":0.99,"steps":[
                {"name":"Triage","agentKey":"triage"},{"name":"Answer","agentKey":"answer"}]}"#,
        ),
    ];
    entries.into_iter().fold(Catalog::seed(), |catalog, (section, body)| {
        catalog.edited(&Edit::Put(parse_entry(section, body).unwrap())).unwrap()
    })
}

fn credit(key: &str) -> String {
    format!(
        r#"{{"customerId":"cus_1","type":"credit","model":"m","agentKey":"api","inputTokens":1000,"idempotencyKey":"{key}"}}"#
    )
}

fn step(key: &str, step: &str, more: &str) -> String {
    format!(
        r#"{{"customerId":"cus_1","type":"outcome","model":"m","agentKey":"{step}","idempotencyKey":"{key}"{more}}}"#
    )
}

impl World {
    fn send(&self, bodies: &[&str]) -> Result<Vec<String>, Failure> {
        self.send_by(&price_list(), bodies)
    }

    fn send_by(&self, catalog: &Catalog, bodies: &[&str]) -> Result<Vec<String>, Failure> {
        let signals: Vec<Signal> =
            bodies.iter().map(|body| parse_signal(body, &key()).unwrap()).collect();
        let signals: Vec<&Signal> = signals.iter().collect();
        let outcomes = self.ledger.take_signals(&self.owner, self.now, &signals, catalog)?;
        Ok(outcomes
            .iter()
            .map(|outcome| match outcome {
                Ok(logged) => {
                    let body = usage_log_body(logged, &self.owner.customer);
                    let value: Value = serde_json::from_str(&body).unwrap();
                    let again = if value["duplicate"] == true { " again" } else { "" };
                    format!("{} left {}{again}", value["amount"], value["balanceAfter"])
                }
                Err(error) => error.code.as_str().to_owned(),
            })
            .collect())
    }

    fn usage_page(&self, query: &str) -> Value {
        let query = parse_usage_query(query).unwrap();
        let (entries, sums) = self.ledger.usage(&self.owner, self.now, &query).unwrap();
        let body = usage_page_body((&self.owner.customer, None), &sums, entries);
        serde_json::from_str(&body).unwrap()
    }
}

fn granted(world: &World) {
    for (unit, amount) in [("api", "1"), ("usd", "1.5")] {
        let body = format!(
            r#"{{"amount":{amount},"unit":"{unit}","type":"topup","idempotency_key":"t-{unit}"}}"#
        );
        world.add(&body).unwrap();
    }
}

#[test]
fn signals_survive_restarts_and_are_shown_newest_first() {
    let mut world = World::new();
    granted(&world);
    assert_eq!(world.send(&[&credit("a")]).unwrap(), ["0.13 left 0.87"]);
    world.restart();
    let both = [credit("b"), credit("a")];
    let both: Vec<&str> = both.iter().map(String::as_str).collect();
    assert_eq!(world.send(&both).unwrap(), ["0.13 left 0.74", "0.13 left 0.87 again"]);
    // A charge of the other face is no signal.
    world.consume(r#"{"amount":0.04,"unit":"api"}"#).unwrap();
    world.restart();
    assert_eq!(world.send(&[&step("s", "answer", "")]).unwrap(), ["0.99 left 0.51"]);
    let page = world.usage_page("limit=2");
    assert_eq!(page["totals"]["signals"], 3);
    assert_eq!(page["totals"]["customerCost"].to_string(), "0.9926");
    assert_eq!(page["totals"]["providedCost"].to_string(), "0.002");
    let logs = page["logs"].as_array().unwrap();
    assert_eq!(
        (logs.len(), &logs[0]["type"], &logs[1]["idempotencyKey"]),
        (2, &"outcome".into(), &"b".into())
    );
    let before = format!("beforeSequence={}", logs[1]["sequence"]);
    assert_eq!(world.usage_page(&before)["logs"].as_array().unwrap().len(), 1);
    // Both faces say the same of the same unit.
    let query = parse_balance_query("unit=api").unwrap();
    let balance = world.ledger.balance(&world.owner, world.now, &query).unwrap();
    assert!(balance.body.contains(r#""balance":0.7,"#), "{}", balance.body);
    assert_eq!(world.page("unit=api")["data"][0]["action"], "uncategorized");
    assert_eq!(world.page("unit=api")["data"][1]["action"], "api");
}

#[test]
fn runs_go_on_after_restarts() {
    let mut world = World::new();
    granted(&world);
    let named = r#","runId":"r""#;
    for (key, name, more, told) in [
        ("1", "triage", "", "0 left 1.5"),
        ("2", "triage", named, "0 left 1.5"),
        ("3", "answer", "", "0.99 left 0.51"),
        ("4", "answer", r#","runId":"r","complete":true"#, "insufficient_credits"),
        ("5", "triage", "", "0 left 0.51"),
    ] {
        assert_eq!(world.send(&[&step(key, name, more)]).unwrap(), [told], "{key}");
        world.restart();
    }
    world.add(r#"{"amount":1,"unit":"usd","type":"topup"}"#).unwrap();
    let end = step("4", "answer", r#","runId":"r","complete":true"#);
    assert_eq!(world.send(&[&end]).unwrap(), ["0.99 left 0.52"]);
    world.restart();
    assert_eq!(world.send(&[&end]).unwrap(), ["0.99 left 0.52 again"]);
    let again = end.replace(r#""4""#, r#""6""#);
    assert_eq!(world.send(&[&again]).unwrap(), ["0 left 0.52"]);
}

/// Every place where the storage can fail while signals are taken: all of a batch is kept or nothing,
/// and the same batch goes through afterwards, once.
#[test]
fn a_failing_disk_keeps_all_of_the_signals_or_nothing() {
    let bodies = [credit("a"), step("s", "triage", ""), step("u", "answer", ""), credit("b")];
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let mut failures = 0;
    for operations in 0.. {
        let mut world = World::new();
        granted(&world);
        let before = (world.lines("unit=api"), world.lines("unit=usd"), world.usage_page(""));
        world.disk.fail_after(operations);
        let outcome = world.send(&bodies);
        world.disk.heal();
        let Err(failure) = outcome else { break };
        failures += 1;
        assert_eq!(failure.error.code, Code::InternalError, "after {operations}");
        if operations % 2 == 0 {
            world.restart();
        }
        let after = (world.lines("unit=api"), world.lines("unit=usd"), world.usage_page(""));
        assert_eq!(before, after, "after {operations}");
        let told = ["0.13 left 0.87", "0 left 1.5", "0.99 left 0.51", "0.13 left 0.74"];
        assert_eq!(world.send(&bodies).unwrap(), told, "after {operations}");
        world.restart();
        assert_eq!(world.usage_page("")["totals"]["signals"], 4);
        let day = Day::of(world.now);
        assert_eq!(usage_store::days(&world.disk, (day, day)).unwrap().len(), 2);
    }
    // Two lookups of entries and days, one of runs; four entries, two grants, four signals, a run, two
    // sums of the day, the commit.
    assert!(failures >= 17, "only {failures} places failed");
}

#[test]
fn what_is_free_is_recorded_for_a_customer_who_has_nothing() {
    let mut world = World::new();
    let free = credit("k").replace("1000", "0");
    assert_eq!(world.send(&[&free]).unwrap(), ["0 left 0"]);
    world.restart();
    assert_eq!(
        world.send(&[&free, &credit("l")]).unwrap(),
        ["0 left 0 again", "insufficient_credits"]
    );
    assert_eq!(world.usage_page("")["totals"]["signals"], 1);
}

#[test]
fn refusals_and_repeats_write_nothing() {
    let world = World::new();
    assert_eq!(world.send(&[&credit("k")]).unwrap(), ["insufficient_credits"]);
    granted(&world);
    world.send(&[&credit("k")]).unwrap();
    world.disk.statements();
    let bodies = [credit("k"), credit("k").replace("api", "apu"), credit("k").replace("1000", "9")];
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let told = world.send(&bodies).unwrap();
    assert_eq!(told, ["0.13 left 0.87 again", "idempotency_key_reused", "idempotency_key_reused"]);
    assert!(world.disk.statements().iter().all(|sql| sql.starts_with("SELECT")));
}

#[test]
fn signals_are_found_by_their_indexes() {
    let world = World::new();
    granted(&world);
    world.disk.statements();
    world
        .send(&[&credit("a"), &step("s", "triage", ""), &step("t", "triage", r#","runId":"r""#)])
        .unwrap();
    world.usage_page("limit=5");
    let mut seen = 0;
    for sql in world.disk.statements().iter().filter(|sql| sql.starts_with("SELECT")) {
        seen += 1;
        let plan = world.disk.plan(sql);
        let scanned = ["signal_days", "runs", "entries"];
        assert!(
            scanned.iter().all(|table| !plan.contains(&format!("SCAN {table}"))),
            "{sql}\n{plan}"
        );
    }
    assert!(seen >= 5, "{seen}");
}

/// Five entries of the wallet under a million signals in credits are found without walking through these.
#[test]
fn the_wallet_is_found_by_its_index() {
    let world = World::new();
    granted(&world);
    world.send(&[&credit("a"), &credit("b")]).unwrap();
    for asked in ["", "cursor=9"] {
        world.disk.statements();
        let query = parse_wallet_query(asked).unwrap();
        let (_, rows) = world.ledger.entries(&world.owner, world.now, &query).unwrap();
        assert_eq!(rows.iter().map(|entry| entry.unit.as_str()).collect::<Vec<_>>(), ["usd"]);
        let statements = world.disk.statements();
        let sql = statements.iter().find(|sql| sql.contains("ORDER BY sequence DESC LIMIT"));
        let plan = world.disk.plan(sql.unwrap());
        assert!(plan.contains("SEARCH entries USING INDEX entries_usd (unit=?"), "{asked}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{asked}: {plan}");
    }
}

#[test]
fn a_batch_of_signals_writes_two_rows_for_each_and_one_for_the_day() {
    let world = World::new();
    world.add(r#"{"amount":1000,"unit":"api","type":"topup"}"#).unwrap();
    let bodies: Vec<String> = (0..100).map(|number| credit(&format!("k{number}"))).collect();
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    world.disk.statements();
    world.send(&bodies).unwrap();
    let statements = world.disk.statements();
    let count = |start: &str| statements.iter().filter(|sql| sql.starts_with(start)).count();
    assert_eq!(
        (count("INSERT INTO entries"), count("INSERT INTO signals"), count("INSERT OR REPLACE")),
        (100, 100, 1)
    );
    assert_eq!((count("SELECT"), count("INSERT INTO grants")), (2, 1));
}
