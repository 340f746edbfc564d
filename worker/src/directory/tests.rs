//! A town of ledgers and their directory on SQLite: whatever is lost, repeated, late or cut off by a
//! failing disk on the way, in the end the directory knows what a recount of all entries knows.

mod catalog;
mod customers;
mod recount;
mod town;

use edge_credits_core::analytics::day::Period;
use edge_credits_core::analytics::question::{Topic, parse_question};
use edge_credits_core::wire::errors::Code;

use recount::{Line, compare, text};
use town::{House, Town};

#[test]
fn whatever_happens_on_the_way_everything_is_counted_once() {
    let (mut applied, mut refused) = (0, 0);
    for seed in 0..30 {
        let mut town = Town::new(7, seed);
        for _ in 0..400 {
            town.happen();
        }
        refused += town.letters.len();
        town.come_to_rest();
        // What is still on its way arrives after all.
        for (_, report) in core::mem::take(&mut town.letters) {
            town.directory.apply(&report, town.now).unwrap();
        }
        let recount = town.recount();
        applied += recount.0.len();
        for unit in ["credits", "images"] {
            for period in Period::ALL {
                compare(&town, &recount, unit, period);
            }
            let balance: i64 =
                recount.0.iter().filter(|line| line.unit == unit).map(|line| line.amount).sum();
            let burn = town.ask(Topic::BurnRate, &format!("unit={unit}"));
            assert_eq!(burn["data"]["balance"], balance);
        }
        for House { owner, disk, .. } in &town.houses {
            // Nothing is left to tell, so nothing rings but what the account itself waits for.
            let query = format!("period=last_90_days&customer_id={}", owner.customer.as_str());
            let mine = town.ask(Topic::Usage, &query.replace(' ', "%20"));
            let (from, to) = (text(&mine, "from"), text(&mine, "to"));
            let own = recount
                .of("credits", &from, &to)
                .filter(|line| line.customer == owner.customer.as_str());
            let told: i64 = mine["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["consumed"].as_i64().unwrap())
                .sum();
            assert_eq!(told, own.map(Line::consumed).sum::<i64>());
            assert!(disk.alarm().is_none_or(|due| due > town.now));
        }
    }
    assert!(applied > 2_500 && refused > 10, "{applied} entries, {refused} reports late");
}

#[test]
fn a_question_before_the_first_report_is_answered_with_nothing_and_writes_nothing() {
    let town = Town::new(1, 0);
    for topic in Topic::ALL {
        let body = town.ask(topic, "");
        assert!(body["data"].is_array() || body["data"].is_object());
    }
    assert_eq!(town.ask(Topic::TopConsumers, "")["data"].as_array().unwrap().len(), 0);
    assert_eq!(town.ask(Topic::Summary, "")["data"]["active_customers"], 0);
    assert!(town.disk.statements().iter().all(|sql| sql.starts_with("SELECT")));
}

/// No question walks through customers × days: each search is by an index, and the only rows that are
/// walked are the customers who were active.
#[test]
fn questions_search_and_do_not_scan() {
    let mut town = Town::new(3, 1);
    for _ in 0..60 {
        town.call();
    }
    town.come_to_rest();
    town.disk.statements();
    for topic in Topic::ALL {
        town.ask(topic, "period=last_90_days");
    }
    town.ask(Topic::Usage, "group_by=action");
    let statements = town.disk.statements();
    assert!(statements.len() >= 10, "{statements:?}");
    for sql in statements {
        let plan = town.disk.plan(&sql);
        let scans = ["SCAN totals", "SCAN active", "SCAN days", "SCAN actions", "SCAN arrivals"];
        assert!(!scans.iter().any(|scan| plan.contains(scan)), "{sql}\n{plan}");
    }
}

#[test]
fn rows_that_make_no_sense_are_not_added_up() {
    let mut town = Town::new(1, 2);
    town.call();
    town.come_to_rest();
    town.disk.raw("UPDATE actions SET kind = 'gift'").unwrap();
    let question = parse_question(Topic::Actions, "").unwrap();
    let failure = town.directory.ask(&question, town.now).unwrap_err();
    assert_eq!(failure.error.code, Code::InvariantViolation);
    for statement in [
        "UPDATE days SET consumed = -1",
        "UPDATE totals SET transactions = 0",
        "UPDATE arrivals SET gap = 91",
        "UPDATE customers SET applied = 0",
        "UPDATE head SET environment = 'prod'",
    ] {
        assert!(town.disk.raw(statement).is_err(), "{statement}");
    }
}
