//! Answers, from a source that adds up a list of facts each time it is asked.

use std::borrow::ToOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::format;
use std::string::{String, ToString as _};
use std::vec::Vec;

use serde_json::{Value, json};

use super::answers::{Consumer, MAX_GROUPS, Source, answer};
use super::day::{Day, Window};
use super::question::{Topic, parse_question};
use super::tally::Tally;
use crate::credits::Credits;
use crate::ids::{CustomerId, Unit};
use crate::ledger::EntryKind;
use crate::time::Timestamp;

/// 2026-11-22, a Sunday, at noon.
const NOW: &str = "2026-11-22T12:00:00Z";

/// Entries of several customers: `(day, customer, kind, action, amount)`, whole credits.
struct Book(Vec<(Day, String, EntryKind, String, i64)>);

impl Book {
    fn of(entries: &[(&str, &str, EntryKind, &str, i64)]) -> Self {
        let entry =
            |(date, customer, kind, action, amount): &(&str, &str, EntryKind, &str, i64)| {
                let time = Timestamp::parse(&format!("{date}T01:02:03Z")).unwrap();
                let (customer, action) = ((*customer).to_owned(), (*action).to_owned());
                (Day::of(time), customer, *kind, action, *amount)
            };
        Self(entries.iter().map(entry).collect())
    }

    fn tallies(
        &self,
        window: Window,
    ) -> impl Iterator<Item = (&(Day, String, EntryKind, String, i64), Tally)> {
        let within = self.0.iter().filter(move |entry| window.contains(entry.0));
        within.map(|entry| {
            let amount = Credits::from_minor_units(entry.4 * 1_000_000).unwrap();
            (entry, Tally::of(entry.2, amount, false))
        })
    }

    fn ask(&self, topic: Topic, query: &str) -> Value {
        let question = parse_question(topic, query).unwrap();
        let now = Timestamp::parse(NOW).unwrap();
        let Ok(body) = answer(&question, self, now);
        serde_json::from_str(&body).unwrap()
    }
}

impl Source for Book {
    type Error = Infallible;

    fn days(&self, _: &Unit, window: Window) -> Result<Vec<(Day, Tally)>, Infallible> {
        let mut days = BTreeMap::<Day, Tally>::new();
        for (entry, tally) in self.tallies(window) {
            let sum = days.entry(entry.0).or_default();
            *sum = sum.plus(tally);
        }
        Ok(days.into_iter().collect())
    }

    fn actions(
        &self,
        _: &Unit,
        window: Window,
    ) -> Result<Vec<(String, EntryKind, Tally)>, Infallible> {
        let rows = self.tallies(window);
        Ok(rows.map(|(entry, tally)| (entry.3.clone(), entry.2, tally)).collect())
    }

    fn balance(&self, _: &Unit) -> Result<i64, Infallible> {
        Ok(self.0.iter().map(|entry| entry.4 * 1_000_000).sum())
    }

    fn active_customers(&self, _: &Unit, window: Window) -> Result<u64, Infallible> {
        let active = self.tallies(window).filter(|(_, tally)| tally.consumed > 0);
        let customers: BTreeSet<&str> = active.map(|(entry, _)| entry.1.as_str()).collect();
        Ok(customers.len() as u64)
    }

    fn top(&self, _: &Unit, window: Window, limit: u32) -> Result<Vec<Consumer>, Infallible> {
        let mut sums = BTreeMap::<&str, Tally>::new();
        for (entry, tally) in self.tallies(window) {
            let sum = sums.entry(entry.1.as_str()).or_default();
            *sum = sum.plus(tally);
        }
        let mut all: Vec<_> = sums.into_iter().filter(|(_, sum)| sum.consumed > 0).collect();
        all.sort_by_key(|(_, sum)| -sum.consumed);
        let consumer = |(id, sums)| Consumer { id: CustomerId::parse(id).unwrap(), sums };
        Ok(all.into_iter().take(limit as usize).map(consumer).collect())
    }
}

fn book() -> Book {
    use EntryKind::{Adjustment, Consumption, Expiry, Refund, Topup};
    Book::of(&[
        ("2026-11-08", "a", Topup, "Starter", 100),
        ("2026-11-09", "a", Consumption, "chat", -40),
        ("2026-11-14", "b", Topup, "Starter", 100),
        ("2026-11-15", "b", Consumption, "chat", -10),
        ("2026-11-16", "a", Consumption, "image", -20),
        ("2026-11-16", "a", Refund, "image", 20),
        ("2026-11-20", "c", Topup, "Starter", 10),
        ("2026-11-21", "c", Expiry, "uncategorized", -10),
        ("2026-11-22", "b", Consumption, "chat", -7),
        ("2026-11-22", "b", Adjustment, "correction", -3),
    ])
}

#[test]
fn a_series_has_every_day_and_adds_up() {
    let body = book().ask(Topic::Usage, "period=last_7_days");
    assert_eq!((&body["from"], &body["to"]), (&json!("2026-11-16"), &json!("2026-11-22")));
    assert_eq!(
        (&body["as_of"], &body["unit"]),
        (&json!("2026-11-22T12:00:00.000Z"), &json!("credits"))
    );
    let data = body["data"].as_array().unwrap();
    assert_eq!(data.len(), 7);
    let first = json!({"day": "2026-11-16", "consumed": 20, "added": 20, "expired": 0, "net": 0,
        "transaction_count": 2});
    assert_eq!(data[0], first);
    let idle = json!({"day": "2026-11-17", "consumed": 0, "added": 0, "expired": 0, "net": 0,
        "transaction_count": 0});
    assert_eq!(data[1], idle);
    assert_eq!(data[5]["expired"], 10);
    assert_eq!((&data[6]["consumed"], &data[6]["net"]), (&json!(10), &json!(-10)));
}

#[test]
fn weeks_begin_on_monday_and_are_cut_by_the_window() {
    let body = book().ask(Topic::Usage, "period=current_month&group_by=week");
    let data = body["data"].as_array().unwrap();
    let lines: Vec<_> =
        data.iter().map(|line| (&line["day"], &line["week"], &line["net"])).collect();
    let expected = [
        ("2026-10-26", "2026-W44", 0),
        ("2026-11-02", "2026-W45", 100),
        ("2026-11-09", "2026-W46", 50),
        ("2026-11-16", "2026-W47", -10),
    ];
    let expected = expected.map(|(day, week, net)| (json!(day), json!(week), json!(net)));
    let expected: Vec<_> = expected.iter().map(|(day, week, net)| (day, week, net)).collect();
    assert_eq!(lines, expected);
}

#[test]
fn actions_go_together_or_by_kind() {
    let together = book().ask(Topic::Usage, "group_by=action");
    let image = json!({"action": "image", "consumed": 20, "added": 20, "expired": 0, "net": 0,
        "transaction_count": 2});
    assert_eq!(together["data"][0]["action"], "chat");
    assert_eq!(together["data"][1], image);
    let apart = book().ask(Topic::Actions, "");
    let lines: Vec<String> = apart["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            format!("{} {} {} {}", text("action"), text("type"), line["consumed"], line["added"])
        })
        .collect();
    assert_eq!(
        lines,
        [
            "chat consumption 57 0",
            "image consumption 20 0",
            "correction adjustment 3 0",
            "Starter topup 0 210",
            "image refund 0 20",
            "uncategorized expiry 0 0",
        ]
    );
}

#[test]
fn more_actions_than_an_answer_holds_are_told_together() {
    let actions: Vec<String> = (0..MAX_GROUPS + 5).map(|number| format!("a{number:05}")).collect();
    let entries: Vec<_> = actions
        .iter()
        .map(|action| ("2026-11-22", "a", EntryKind::Consumption, action.as_str(), -2))
        .collect();
    let body = Book::of(&entries).ask(Topic::Actions, "");
    let data = body["data"].as_array().unwrap();
    assert_eq!(data.len(), MAX_GROUPS + 1);
    let rest = &data[MAX_GROUPS];
    assert_eq!((&rest["action"], &rest["consumed"]), (&json!("(other)"), &json!(10)));
}

#[test]
fn rankings_show_who_consumed_most() {
    let body = book().ask(Topic::TopConsumers, "period=last_30_days&limit=2");
    assert_eq!(
        body["data"],
        json!([
            {"customer_id": "a", "total_consumed": 60, "total_added": 120, "transaction_count": 4},
            {"customer_id": "b", "total_consumed": 20, "total_added": 100, "transaction_count": 4},
        ])
    );
}

#[test]
fn a_burn_rate_is_rounded_once() {
    // Consumed 80, added 230 in 30 days: more comes in than goes.
    let growing = book().ask(Topic::BurnRate, "days=30");
    assert_eq!(
        growing["data"],
        json!({
            "daily_avg_consumed": 2.666_667, "daily_avg_added": 7.666_667, "net_daily_burn": -5,
            "projection_days_remaining": null, "balance": 140,
        })
    );
    // Consumed 10 in 2 days: 140 last for 28 days.
    let burning = book().ask(Topic::BurnRate, "days=2");
    assert_eq!(burning["data"]["net_daily_burn"], 5);
    assert_eq!(burning["data"]["projection_days_remaining"], 28);
    let idle = Book::of(&[]).ask(Topic::BurnRate, "");
    assert_eq!(idle["data"]["projection_days_remaining"], Value::Null);
    let owing = Book::of(&[("2026-11-22", "a", EntryKind::Consumption, "x", -1)]);
    let owing = owing.ask(Topic::BurnRate, "days=90");
    assert_eq!(
        owing["data"],
        json!({
            "daily_avg_consumed": 0.011_111, "daily_avg_added": 0, "net_daily_burn": 0.011_111,
            "projection_days_remaining": 0, "balance": -1,
        })
    );
}

#[test]
fn a_summary_compares_with_the_days_before() {
    let body = book().ask(Topic::Summary, "period=last_7_days");
    assert_eq!((&body["from"], &body["to"]), (&json!("2026-11-16"), &json!("2026-11-22")));
    assert_eq!(
        body["data"],
        json!({
            "total_consumed": 30, "total_added": 30, "total_expired": 10, "net_change": -10,
            "total_transactions": 6, "active_customers": 2,
            "comparison": {
                "total_consumed": 50, "total_added": 100, "total_expired": 0, "net_change": 50,
                "total_transactions": 3, "active_customers": 2,
                "total_consumed_change_percent": -40, "total_added_change_percent": -70,
                "net_change_percent": -120, "total_transactions_change_percent": 100,
                "active_customers_change_percent": 0,
                "from": "2026-11-09", "to": "2026-11-15",
            },
        })
    );
    let first = Book::of(&[("2026-11-22", "a", EntryKind::Consumption, "x", -1)]);
    let comparison = &first.ask(Topic::Summary, "")["data"]["comparison"];
    assert_eq!(comparison["total_consumed_change_percent"], Value::Null);
}

#[test]
fn percentages_have_two_decimals() {
    for (before, now, percent) in
        [(3, 1, "-66.67"), (3, 4, "33.33"), (8, 9, "12.5"), (400, 401, "0.25"), (2, 6, "200")]
    {
        let book = Book::of(&[
            ("2026-11-10", "a", EntryKind::Consumption, "x", -before),
            ("2026-11-22", "a", EntryKind::Consumption, "x", -now),
        ]);
        let body = book.ask(Topic::Summary, "period=last_7_days");
        let change = &body["data"]["comparison"]["total_consumed_change_percent"];
        assert_eq!(change.to_string().trim_end_matches(".0"), percent);
    }
}
