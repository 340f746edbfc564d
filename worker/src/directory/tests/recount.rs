//! What all entries of a town come to, added up from the lists of its ledgers alone.

use std::collections::{BTreeMap, BTreeSet};

use edge_credits_core::analytics::day::{Day, Period};
use edge_credits_core::analytics::question::Topic;
use edge_credits_core::ids::Owner;
use edge_credits_core::wire::requests::parse_page_query;
use serde_json::Value;

use super::town::{House, Town};

impl Town {
    /// Every entry of every ledger, as the API lists them.
    pub(super) fn recount(&self) -> Recount {
        let mut entries = Vec::new();
        for House { owner, ledger, .. } in &self.houses {
            for unit in ["credits", "images"] {
                for offset in (0..).step_by(100) {
                    let query = format!("unit={unit}&limit=100&offset={offset}");
                    let query = parse_page_query(&query).unwrap();
                    let page = ledger.page(owner, self.now, &query).unwrap();
                    let page: Value = serde_json::from_str(&page.body).unwrap();
                    let rows = page["data"].as_array().unwrap();
                    entries.extend(rows.iter().map(|row| Line::of(owner, unit, row)));
                    if rows.is_empty() {
                        break;
                    }
                }
            }
        }
        Recount(entries)
    }
}

/// An entry as the API lists it; all amounts are whole.
pub(super) struct Line {
    pub(super) customer: String,
    pub(super) unit: &'static str,
    pub(super) day: String,
    pub(super) action: String,
    pub(super) kind: String,
    pub(super) amount: i64,
    /// Credits of a purchase whose money was paid back.
    pub(super) taken_back: bool,
}

impl Line {
    pub(super) fn of(owner: &Owner, unit: &'static str, row: &Value) -> Self {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let (kind, amount) = (text("type"), row["amount"].as_i64().unwrap());
        let taken_back = kind == "adjustment" && amount < 0 && row["refund_of"].is_string();
        Self {
            customer: owner.customer.as_str().to_owned(),
            unit,
            day: text("created_at")[..10].to_owned(),
            action: text("action"),
            kind,
            amount,
            taken_back,
        }
    }

    pub(super) fn ended(&self) -> bool {
        self.kind == "expiry" || self.kind == "void" || self.taken_back
    }

    pub(super) fn consumed(&self) -> i64 {
        if self.ended() { 0 } else { (-self.amount).max(0) }
    }

    pub(super) fn added(&self) -> i64 {
        self.amount.max(0)
    }
}

/// What is said of a town without its directory.
pub(super) struct Recount(pub(super) Vec<Line>);

/// consumed, added, entries
pub(super) type Sums = (i64, i64, i64);

impl Recount {
    pub(super) fn of<'a>(
        &'a self,
        unit: &'a str,
        from: &'a str,
        to: &'a str,
    ) -> impl Iterator<Item = &'a Line> {
        let within =
            move |line: &&Line| line.unit == unit && (from..=to).contains(&line.day.as_str());
        self.0.iter().filter(within)
    }

    pub(super) fn by<'a, K: Ord>(
        lines: impl Iterator<Item = &'a Line>,
        key: impl Fn(&Line) -> K,
    ) -> BTreeMap<K, Sums> {
        let mut sums = BTreeMap::<K, Sums>::new();
        for line in lines {
            let sum = sums.entry(key(line)).or_default();
            *sum = (sum.0 + line.consumed(), sum.1 + line.added(), sum.2 + 1);
        }
        sums
    }
}

pub(super) fn sums(row: &Value, names: [&str; 3]) -> Sums {
    let number = |name: &str| row[name].as_i64().unwrap();
    let [consumed, added, count] = names.map(number);
    (consumed, added, count)
}

pub(super) const LINE: [&str; 3] = ["consumed", "added", "transaction_count"];
pub(super) const TOTAL: [&str; 3] = ["total_consumed", "total_added", "transaction_count"];

pub(super) fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap().to_owned()
}

/// Compares every answer about one unit and period with the recount.
pub(super) fn compare(town: &Town, recount: &Recount, unit: &str, period: Period) {
    let about = format!("unit={unit}&period={}", period.as_str());
    let usage = town.ask(Topic::Usage, &about);
    let (from, to) = (text(&usage, "from"), text(&usage, "to"));
    assert_eq!(to, Day::of(town.now).to_string());
    let lines = || recount.of(unit, &from, &to);

    let days = Recount::by(lines(), |line| line.day.clone());
    let told: BTreeMap<String, Sums> = usage["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (text(row, "day"), sums(row, LINE)))
        .filter(|(_, sums)| sums.2 > 0)
        .collect();
    assert_eq!(told, days, "{about}");

    let actions = Recount::by(lines(), |line| (line.action.clone(), line.kind.clone()));
    let breakdown = town.ask(Topic::Actions, &about);
    let told: BTreeMap<(String, String), Sums> = breakdown["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| ((text(row, "action"), text(row, "type")), sums(row, LINE)))
        .collect();
    assert_eq!(told, actions, "{about}");

    let customers = Recount::by(lines(), |line| line.customer.clone());
    let mut ranking: Vec<(String, Sums)> =
        customers.into_iter().filter(|(_, sums)| sums.0 > 0).collect();
    ranking.sort_by_key(|(_, sums)| -sums.0);
    let active = ranking.len();
    for row in usage["data"].as_array().unwrap() {
        let day = text(row, "day");
        let ended = lines().filter(|line| line.day == day && line.ended());
        assert_eq!(row["expired"], ended.map(|line| -line.amount).sum::<i64>(), "{about} {day}");
    }
    for limit in [1, 3, 100] {
        let top = town.ask(Topic::TopConsumers, &format!("{about}&limit={limit}"));
        let told: Vec<(String, Sums)> = top["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (text(row, "customer_id"), sums(row, TOTAL)))
            .collect();
        assert_eq!(told, ranking[..active.min(limit)], "{about}");
    }

    let summary = town.ask(Topic::Summary, &about);
    let (data, before) = (&summary["data"], &summary["data"]["comparison"]);
    assert_eq!(data["active_customers"], active, "{about}");
    let (from, to) = (text(before, "from"), text(before, "to"));
    let lines = || recount.of(unit, &from, &to);
    let names = ["total_consumed", "total_added", "total_transactions"];
    let all = Recount::by(lines(), |_| ()).into_values().next().unwrap_or_default();
    assert_eq!(sums(before, names), all, "{about}");
    let active: BTreeSet<&str> =
        lines().filter(|line| line.consumed() > 0).map(|line| line.customer.as_str()).collect();
    assert_eq!(before["active_customers"], active.len(), "{about}, before");
}
