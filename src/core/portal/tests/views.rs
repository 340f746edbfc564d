//! What a customer is shown of a ledger, from calls as they come in to the lines of the page.

use std::borrow::ToOwned;
use std::format;
use std::string::{String, ToString as _};
use std::vec::Vec;

use crate::analytics::day::{Day, Window};
use crate::analytics::tally::Tally;
use crate::credits::Credits;
use crate::entropy::Entropy;
use crate::ids::{CustomerId, Environment, Owner, Unit};
use crate::ledger::{Account, Command, Entry, EntryKind, Found, LedgerConfig, Rejection, decide};
use crate::portal::view::*;
use crate::time::Timestamp;
use crate::wire::holds::parse_hold;
use crate::wire::requests::{KeySource, parse_add, parse_consume};

const DAY: i64 = 86_400_000;
/// 2026-11-22T12:00:00Z
const NOON: i64 = 1_795_348_800_000;

/// A ledger and all its entries.
struct Book {
    account: Account,
    entries: Vec<Entry>,
    calls: u8,
}

impl Book {
    fn new() -> Self {
        let customer = CustomerId::parse("cus_1").unwrap();
        let owner = Owner { environment: Environment::Live, customer };
        Self { account: Account::new(owner), entries: Vec::new(), calls: 0 }
    }

    fn run(&mut self, at: i64, of: impl FnOnce(&KeySource<'_>) -> Command) -> &mut Self {
        self.calls += 1;
        let entropy = Entropy::new([self.calls; 16]);
        let command = of(&KeySource { header: None, entropy: &entropy });
        let (now, config) = (Timestamp::from_millis(at), LedgerConfig::default());
        let decision = decide(&self.account, &Found::default(), now, &command, &config).unwrap();
        self.account.apply(&decision.writes);
        self.entries.extend(decision.writes.entries);
        self
    }

    fn add(&mut self, at: i64, body: &str) -> &mut Self {
        self.run(at, |key| parse_add(body, key).unwrap())
    }

    fn consume(&mut self, at: i64, body: &str) -> &mut Self {
        self.run(at, |key| parse_consume(body, key).unwrap())
    }

    fn view(&self, at: i64) -> View {
        let most = usize::try_from(LINES_TO_READ).unwrap();
        let activity = |entry: &&Entry| {
            let recent = entry.sequence + LOOK_BACK > self.account.sequence();
            recent && !NO_ACTIVITY.contains(&entry.kind)
        };
        let newest = self.entries.iter().rev().filter(activity).take(most).cloned();
        let newest: Vec<Entry> = newest.collect();
        let days = |unit: &Unit, window: Window| {
            let own = self.entries.iter().filter(|entry| entry.unit == *unit);
            let sums = own.map(|entry| {
                let tally = Tally::of(entry.kind, entry.amount, entry.refund_of.is_some());
                (Day::of(entry.time), tally)
            });
            let mut days: Vec<(Day, Tally)> = Vec::new();
            for (day, tally) in sums.filter(|(day, _)| window.contains(*day)) {
                match days.iter_mut().find(|(known, _)| *known == day) {
                    Some((_, sum)) => *sum = sum.plus(tally),
                    None => days.push((day, tally)),
                }
            }
            Ok::<_, Rejection>(days)
        };
        View::of(&self.account, Timestamp::from_millis(at), &newest, days).unwrap()
    }
}

fn topup(amount: &str, more: &str) -> String {
    format!(r#"{{"amount":{amount},"type":"topup"{more}}}"#)
}

fn charge(amount: &str, more: &str) -> String {
    format!(r#"{{"amount":{amount}{more}}}"#)
}

fn credits(whole: i64) -> Credits {
    Credits::from_minor_units(whole * 1_000_000).unwrap()
}

#[test]
fn a_new_customer_has_no_credits_and_nothing_else() {
    let view = Book::new().view(NOON);
    assert!(view.is_new() && !view.more_activity);
    let [unit] = view.units.as_slice() else { panic!("{:?}", view.units) };
    assert_eq!((unit.unit.as_str(), unit.available), ("credits", Credits::ZERO));
    assert_eq!(unit.days.len(), 30);
    assert_eq!((unit.peak(), unit.lasts_days), (None, None));
    assert!(view.ending.is_empty() && view.coming.is_empty() && view.activity.is_empty());
}

#[test]
fn usage_is_told_day_by_day_and_what_was_before() {
    let mut book = Book::new();
    book.add(NOON - 40 * DAY, &topup("1000", ""));
    for (days_ago, amount) in [(31, "7"), (29, "1"), (9, "2"), (9, "3"), (0, "4")] {
        book.consume(NOON - days_ago * DAY, &charge(amount, ""));
    }
    let view = book.view(NOON);
    let unit = &view.units[0];
    let used: Vec<i64> = unit.days.iter().map(|(_, used)| used / 1_000_000).collect();
    let mut expected = [0; 30];
    (expected[0], expected[20], expected[29]) = (1, 5, 4);
    assert_eq!(used, expected);
    assert_eq!((unit.used, unit.used_before), (10_000_000, 7_000_000));
    assert_eq!(unit.peak().unwrap().0.to_string(), "2026-11-13");
    assert_eq!(unit.days[0].0.to_string(), "2026-10-24");
    assert_eq!(unit.available, credits(983));
    // 10 in 30 days: 983 would last for eight years.
    assert_eq!(unit.lasts_days, Some(MAX_LASTING_DAYS));
}

#[test]
fn how_long_it_lasts_follows_from_the_days_since_it_began() {
    let table = [
        // Days ago of a charge of 30, what is added besides, how long the rest lasts.
        (2, "30", Some(3)),
        (2, "35", Some(3)),
        (2, "40", Some(4)),
        (29, "10", Some(10)),
        (35, "10", None),
        (1, "300", None),
        (2, "0.000001", Some(0)),
    ];
    for (days_ago, rest, expected) in table {
        let mut book = Book::new();
        book.add(NOON - 40 * DAY, &topup("30", "")).add(NOON - 40 * DAY, &topup(rest, ""));
        book.consume(NOON - days_ago * DAY, &charge("30", ""));
        assert_eq!(book.view(NOON).units[0].lasts_days, expected, "{days_ago} {rest}");
    }
    let mut book = Book::new();
    book.consume(NOON - 5 * DAY, &charge("30", ""));
    let unit = &book.view(NOON).units[0];
    assert_eq!((unit.available, unit.lasts_days), (credits(-30), None));
}

/// What expires unused is not there to be used: 30 in 3 days are 10 a day.
#[test]
fn what_expires_does_not_last() {
    let until = |days: i64| {
        let at = Timestamp::from_millis(NOON + days * DAY);
        format!(r#","expires_at":"{at}""#)
    };
    let table: [(&[(&str, String)], u32); 6] = [
        // 100 without an end.
        (&[("100", String::new())], 10),
        // 80 of them end in two days, of which 20 are used by then; the other 20 last for two more.
        (&[("80", until(2)), ("20", String::new())], 4),
        // Used up before they end.
        (&[("10", until(2)), ("20", String::new())], 3),
        // All of it ends.
        (&[("80", until(2))], 2),
        (&[("80", until(2)), ("80", until(5))], 5),
        // Who burns first is who ends first, whatever came first.
        (&[("20", String::new()), ("80", until(2))], 4),
    ];
    for (grants, expected) in table {
        let mut book = Book::new();
        book.add(NOON - 9 * DAY, &topup("30", ""));
        book.consume(NOON - 2 * DAY, &charge("30", ""));
        for (amount, more) in grants {
            book.add(NOON, &topup(amount, more));
        }
        assert_eq!(book.view(NOON).units[0].lasts_days, Some(expected), "{grants:?}");
    }
}

/// Also where there are more grants than the page lists.
#[test]
fn all_that_ends_soon_is_summed_up() {
    let mut book = Book::new();
    for day in 0..14 {
        let at = Timestamp::from_millis(NOON + DAY / 2 * (day + 1));
        let more = format!(r#","unit":"{}","expires_at":"{at}""#, ["a", "b"][(day % 2) as usize]);
        book.add(NOON, &topup("1", &more));
    }
    book.add(NOON, &topup("5", r#","unit":"b""#));
    let view = book.view(NOON);
    let soon =
        |of: &str| view.units.iter().find(|unit| unit.unit.as_str() == of).unwrap().ending_soon;
    assert_eq!(soon("a"), Some(EndingSoon { amount: credits(7), at: None }));
    assert_eq!(soon("b"), Some(EndingSoon { amount: credits(6), at: None }));
    // One is told by its time; what is held does not expire, and what is later is not soon.
    let mut book = Book::new();
    let until =
        |days: i64| format!(r#","expires_at":"{}""#, Timestamp::from_millis(NOON + days * DAY));
    book.add(NOON, &topup("10", &until(3))).add(NOON, &topup("10", &until(7)));
    book.run(NOON, |key| parse_hold(r#"{"amount":4}"#, key).unwrap());
    let at = Some(Timestamp::from_millis(NOON + 3 * DAY));
    assert_eq!(book.view(NOON).units[0].ending_soon, Some(EndingSoon { amount: credits(6), at }));
}

#[test]
fn units_by_what_matters() {
    let mut book = Book::new();
    for unit in ["usd", "zebra", "credits", "apple", "spent"] {
        book.add(NOON - 50 * DAY, &topup("5", &format!(r#","unit":"{unit}""#)));
    }
    book.consume(NOON - 40 * DAY, &charge("5", r#","unit":"spent""#));
    let order = |book: &Book| -> Vec<String> {
        book.view(NOON).units.iter().map(|unit| unit.unit.as_str().to_owned()).collect()
    };
    assert_eq!(order(&book), ["credits", "usd", "apple", "zebra", "spent"]);
    // Whose credits are gone for long sees first what there is.
    book.consume(NOON - 39 * DAY, &charge("5", ""));
    assert_eq!(order(&book), ["usd", "apple", "zebra", "credits", "spent"]);
}

#[test]
fn grants_are_told_by_when_they_end_and_begin() {
    let mut book = Book::new();
    let until = |day: u8| format!(r#","expires_at":"2026-12-{day:02}T00:00:00Z""#);
    book.add(NOON, &topup("10", &format!(r#"{},"product":"pro""#, until(20))));
    book.add(NOON, &topup("20", &until(10)));
    book.add(NOON, &topup("40", ""));
    book.add(NOON, &topup("80", r#","effective_at":"2026-12-24T00:00:00Z""#));
    book.consume(NOON, &charge("5", ""));
    let view = book.view(NOON);
    let ending: Vec<(Credits, String, Option<&str>)> = view
        .ending
        .iter()
        .map(|grant| {
            let product = grant.product.as_ref().map(|product| product.as_str());
            (grant.amount, grant.time.to_string(), product)
        })
        .collect();
    assert_eq!(
        ending,
        [
            (credits(15), "2026-12-10T00:00:00.000Z".to_owned(), None),
            (credits(10), "2026-12-20T00:00:00.000Z".to_owned(), Some("pro")),
        ]
    );
    assert_eq!(view.coming.len(), 1);
    assert_eq!(view.coming[0].time.to_string(), "2026-12-24T00:00:00.000Z");
    assert_eq!(view.coming[0].amount, credits(80));
    // Reading is as of now, whether the alarm has been or not.
    let later = book.view(NOON + 20 * DAY);
    assert_eq!(later.ending.len(), 1);
    assert_eq!(later.units[0].available, credits(50));
    let christmas = book.view(NOON + 40 * DAY);
    assert!(christmas.ending.is_empty() && christmas.coming.is_empty());
    assert_eq!(christmas.units[0].available, credits(120));
}

#[test]
fn more_grants_than_fit_are_counted() {
    let mut book = Book::new();
    for day in 1..=15 {
        let more = format!(r#","expires_at":"2026-12-{day:02}T00:00:00Z""#);
        book.add(NOON, &topup("1", &more));
    }
    let view = book.view(NOON);
    assert_eq!((view.ending.len(), view.more_ending), (MAX_GRANTS, 3));
    assert_eq!(view.ending[0].time.to_string(), "2026-12-01T00:00:00.000Z");
}

#[test]
fn activity_is_what_moved_the_newest_first_and_in_its_words() {
    let mut book = Book::new();
    book.add(NOON - DAY, &topup("100", r#","product":"pro","description":" First pack ""#));
    book.run(NOON, |key| parse_hold(r#"{"amount":10}"#, key).unwrap());
    book.consume(NOON, &charge("1", r#","metadata":{"action":"image_generation"}"#));
    book.consume(NOON, &charge("2", r#","description":"Chat","metadata":{"action":"chat"}"#));
    book.consume(NOON, &charge("3", r#","description":"  ""#));
    let note = r#"{"amount":-1,"type":"adjustment","description":"suspected fraud"}"#;
    book.add(NOON, note);
    let view = book.view(NOON);
    let lines: Vec<(EntryKind, Option<&str>, Credits)> =
        view.activity.iter().map(|line| (line.kind, line.words.as_deref(), line.amount)).collect();
    assert_eq!(
        lines,
        [
            (EntryKind::Adjustment, None, credits(-1)),
            (EntryKind::Consumption, None, credits(-3)),
            (EntryKind::Consumption, Some("Chat"), credits(-2)),
            (EntryKind::Consumption, Some("image_generation"), credits(-1)),
            (EntryKind::Topup, Some("First pack"), credits(100)),
        ]
    );
    let unit = &view.units[0];
    assert_eq!((unit.available, unit.held), (credits(83), credits(10)));
    assert!(!view.more_activity && !view.is_new());
}

#[test]
fn there_is_an_end_to_what_is_listed() {
    let mut book = Book::new();
    book.add(NOON, &topup("1000", ""));
    for _ in 0..20 {
        book.consume(NOON, &charge("1", ""));
    }
    let view = book.view(NOON);
    assert_eq!((view.activity.len(), view.more_activity), (MAX_LINES, true));
    let mut book = Book::new();
    book.add(NOON, &topup("1000", ""));
    for _ in 1..MAX_LINES {
        book.consume(NOON, &charge("1", ""));
    }
    let view = book.view(NOON);
    assert_eq!((view.activity.len(), view.more_activity), (MAX_LINES, false));
}
