//! What a customer has used in all is told at the same cost after years as after days.

use core::time::Duration;

use edge_credits_core::ledger::stored::SqlValue;

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

/// A ledger with so many days of usage of every type before today, one signal each, of 1 000 tokens,
/// written by its own signals where they are few and else behind its back.
fn with_days(days: u32) -> World {
    let mut world = World::new();
    world.add(r#"{"amount":1000,"unit":"api","type":"topup"}"#).unwrap();
    world.send(&[&credit("first")]).unwrap();
    let first = Day::of(world.now).number();
    world
        .disk
        .raw(&format!(
            "WITH RECURSIVE days(day) AS (SELECT {first} + 1 UNION ALL SELECT day + 1 FROM days \
             WHERE day < {first} + {days}) INSERT INTO signal_days SELECT day, type, 1, 1000, 0, 0, \
             1000000, 1300000 FROM days, (SELECT 'credit' AS type UNION SELECT 'wallet' UNION \
             SELECT 'outcome')"
        ))
        .unwrap();
    world.now = world.now.plus(DAY * (days + 1));
    world.send(&[&credit("last")]).unwrap();
    world
}

#[test]
fn three_years_are_added_up_already() {
    let mut costs = Vec::new();
    for days in [3, 3 * 365] {
        let world = with_days(days);
        world.disk.steps();
        world.disk.statements();
        let page = world.usage_page("limit=1");
        costs.push(world.disk.steps());
        assert_eq!(page["totals"]["signals"], 3 * days + 2);
        assert_eq!(page["totals"]["credit"]["inputTokens"], 1_000 * (days + 2));
        assert_eq!(page["totals"]["wallet"]["signals"], days);
        // 0.0013 USD a day and type, and twice what a credit signal of today costs.
        let nano = u64::from(3 * days + 2) * 1_300_000;
        let usd: f64 = page["totals"]["customerCost"].to_string().parse().unwrap();
        assert_eq!((usd * 1e9).round() as u64, nano);
        let rows =
            "SELECT count(*) FROM signal_days WHERE day > (SELECT max(day) FROM signal_totals)";
        assert_eq!(world.disk.query(rows, &[]).unwrap(), [[SqlValue::Integer(1)]]);
        for sql in world.disk.statements().iter().filter(|sql| sql.contains("signal_days")) {
            let plan = world.disk.plan(sql);
            assert!(plan.contains("SEARCH signal_days"), "{sql}\n{plan}");
        }
    }
    assert_eq!(costs[0], costs[1], "the totals cost more after three years than after three days");
}

/// Day by day, over restarts and with days on which nothing of a type happens: always the sum of all.
#[test]
fn totals_are_the_sum_of_the_days() {
    let mut world = World::new();
    for unit in ["api", "usd"] {
        let body = format!(
            r#"{{"amount":1000,"unit":"{unit}","type":"topup","idempotency_key":"t-{unit}"}}"#
        );
        world.add(&body).unwrap();
    }
    let mut sent = [0, 0];
    for number in 0..40_usize {
        let wallet = format!(
            r#"{{"customerId":"cus_1","type":"wallet","model":"m","inputTokens":7,"idempotencyKey":"w{number}"}}"#
        );
        if !number.is_multiple_of(3) {
            world.send(&[&credit(&format!("c{number}"))]).unwrap();
            sent[0] += 1;
        }
        if number.is_multiple_of(4) {
            world.send(&[&wallet]).unwrap();
            sent[1] += 1;
        }
        let totals = &world.usage_page("")["totals"];
        assert_eq!(
            (&totals["credit"]["signals"], &totals["wallet"]["inputTokens"]),
            (&sent[0].into(), &(7 * sent[1]).into()),
            "after {number}"
        );
        if number.is_multiple_of(5) {
            world.restart();
        }
        world.now = world.now.plus(DAY * u32::try_from(number % 4).unwrap());
    }
}

/// Sums at their largest neither refuse a signal nor a question.
#[test]
fn sums_that_are_full_stay_full() {
    let mut world = World::new();
    world.add(r#"{"amount":1000,"unit":"api","type":"topup"}"#).unwrap();
    world.send(&[&credit("a")]).unwrap();
    world.disk.raw("UPDATE signal_days SET input = 9007199254740991").unwrap();
    for key in ["b", "c", "d"] {
        world.now = world.now.plus(DAY);
        world.send(&[&credit(key)]).unwrap();
    }
    let totals = &world.usage_page("")["totals"];
    assert_eq!(totals["signals"], 4);
    assert!(totals["inputTokens"].as_u64().unwrap() >= 9_007_199_254_740_991, "{totals}");
}
