use super::*;
use crate::ids::{CustomerId, Environment, Owner};
use crate::ledger::{Entry, EntryKind};
use core::convert::Infallible;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn plan(body: &str) -> Plan {
    Plan::parse(body, at("2026-11-22T12:00:00Z")).unwrap()
}

#[test]
fn periods_by_the_calendar() {
    let table = [
        (Period::Day, "2026-12-31T23:59:59.999Z", "2026-12-31", "2027-01-01"),
        (Period::Week, "2026-11-22T12:00:00Z", "2026-11-16", "2026-11-23"),
        (Period::Week, "2026-11-23T00:00:00Z", "2026-11-23", "2026-11-30"),
        (Period::Month, "2028-02-29T12:00:00Z", "2028-02-01", "2028-03-01"),
        (Period::Month, "2026-12-01T00:00:00Z", "2026-12-01", "2027-01-01"),
        (Period::Year, "2026-06-01T00:00:00Z", "2026-01-01", "2027-01-01"),
    ];
    for (period, time, start, end) in table {
        let (from, until) = period.of(at(time));
        let midnight = |day: &str| at(&format!("{day}T00:00:00Z"));
        assert_eq!((from, until), (midnight(start), midnight(end)), "{period:?} {time}");
        assert_eq!(period.of(until).0, until, "the next one begins where this one ends");
    }
}

/// An account with the records of its keys, as a store would have them.
struct Book(Account, Vec<Entry>);

impl Book {
    fn new() -> Self {
        let customer = CustomerId::parse("c").unwrap();
        Self(Account::new(Owner { environment: Environment::Live, customer }), Vec::new())
    }

    /// Gives what is due; how many grants that were.
    fn give(&mut self, plan: &mut Plan, time: &str) -> usize {
        if !plan.is_due(at(time)) {
            return 0;
        }
        let entries = self.1.clone();
        let find = |lookups: &Lookups| {
            let record = entries.iter().find(|entry| entry.id == lookups.record).cloned();
            Ok::<_, Infallible>(Found { record, ..Found::default() })
        };
        let Given { writes, after, refused } = plan.give(&self.0, at(time), find).unwrap();
        assert_eq!(refused, None);
        self.0.apply(&writes);
        let given = writes.entries.iter().filter(|entry| entry.kind == EntryKind::Adjustment);
        let given = given.count();
        self.1.extend(writes.entries);
        *plan = after;
        given
    }

    fn available(&self, unit: &str, time: &str) -> String {
        let unit = Unit::parse(unit).unwrap();
        let balance = self.0.balance(&unit, at(time)).unwrap();
        balance.available.decimal(unit.scale()).to_string()
    }
}

#[test]
fn what_is_included_is_given_once_a_period() {
    let body = r#"{"name":"Prö plan","included":[{"amount":100},{"unit":"usd","amount":"0.5"}]}"#;
    let (mut pro, mut book) = (plan(body), Book::new());
    assert_eq!(book.give(&mut pro, "2026-11-22T12:00:00Z"), 2);
    assert!(!pro.is_due(at("2026-11-30T23:59:59Z")), "no call looks for its grants until then");
    assert!(pro.is_due(at("2026-12-01T00:00:00Z")));
    assert_eq!(book.available("usd", "2026-11-30T23:59:59Z"), "0.5");
    assert_eq!(book.available("credits", "2026-12-01T00:00:00Z"), "0", "it expires");
    // The same plan set again, in the same period: nothing more, though its amounts have changed.
    let mut more = plan(r#"{"name":"Prö plan","included":[{"amount":150}]}"#);
    assert_eq!(book.give(&mut more, "2026-11-23T00:00:00Z"), 0);
    assert_eq!(book.available("credits", "2026-11-23T00:00:00Z"), "100");
    assert_eq!(book.give(&mut more, "2026-12-01T00:00:00Z"), 1);
    assert_eq!(book.available("credits", "2026-12-01T00:00:00Z"), "150");
    // Another plan gives at once, and the way back gives nothing.
    let mut max = plan(r#"{"name":"Max","included":[{"amount":1000}]}"#);
    assert_eq!(book.give(&mut max, "2026-12-02T00:00:00Z"), 1);
    assert_eq!(book.available("credits", "2026-12-02T00:00:00Z"), "1150");
    more.given = None;
    assert_eq!(book.give(&mut more, "2026-12-03T00:00:00Z"), 0);
    // Nobody came for two months: the present period is given, the missed ones are over.
    assert_eq!(book.give(&mut max, "2027-03-15T00:00:00Z"), 1);
    assert_eq!(book.available("credits", "2027-03-15T00:00:00Z"), "1000");
}

#[test]
fn a_clock_that_steps_back_gives_nothing_twice() {
    let mut daily = plan(r#"{"name":"Daily","period":"day","included":[{"amount":10}]}"#);
    let mut book = Book::new();
    assert_eq!(book.give(&mut daily, "2026-11-22T00:00:00Z"), 1);
    assert_eq!(book.give(&mut daily, "2026-11-21T23:59:59Z"), 0);
    daily.given = None;
    assert_eq!(book.give(&mut daily, "2026-11-21T23:59:59Z"), 0, "ledger time does not step back");
}

#[test]
fn bodies_by_the_table() {
    let read = |body: &str| Plan::parse(body, Timestamp::EPOCH).map_err(|error| error.code);
    let whole =
        plan(r#"{"name":"Pro","period":"week","included":[{"unit":"images","amount":"2.5"}]}"#);
    assert_eq!(Plan::load(&whole.to_stored()), Some(whole));
    let bare = plan(r#"{"name":"Free"}"#);
    assert_eq!((bare.period, bare.included.len()), (Period::Month, 0));
    let many = format!(r#"{{"name":"x","included":[{}]}}"#, ["{\"amount\":1}"; 17].join(","));
    let table = [
        ("{}", Code::InvalidRequest),
        (r#"{"name":" "}"#, Code::InvalidRequest),
        (r#"{"name":"a\nb"}"#, Code::InvalidRequest),
        (r#"{"name":"x","period":"fortnight"}"#, Code::InvalidRequest),
        (r#"{"name":"x","included":{}}"#, Code::InvalidType),
        (r#"{"name":"x","included":[1]}"#, Code::InvalidRequest),
        (r#"{"name":"x","included":[{"unit":"a b","amount":1}]}"#, Code::InvalidId),
        (r#"{"name":"x","included":[{"amount":0}]}"#, Code::AmountZero),
        (r#"{"name":"x","included":[{"amount":-1}]}"#, Code::AmountNegative),
        (r#"{"name":"x","included":[{"amount":1},{"amount":2}]}"#, Code::InvalidRequest),
        (r#"{"name":"x","included":[{"amount":1,"x":2}]}"#, Code::UnknownField),
        (r#"{"name":"x","plan":1}"#, Code::UnknownField),
        (&many, Code::InvalidRequest),
    ];
    for (body, code) in table {
        assert_eq!(read(body), Err(code), "{body}");
    }
    assert_eq!(Plan::load("{}"), None);
}

#[test]
fn a_plan_that_is_set_again_goes_on() {
    let first = plan(r#"{"name":"Pro","included":[{"amount":1}]}"#);
    let later = |body| Plan::parse(body, at("2026-12-05T00:00:00Z")).unwrap();
    let same = later(r#"{"name":"Pro","included":[{"amount":2}]}"#).since(Some(&first));
    assert_eq!((same.since, same.given), (first.since, None));
    let other = later(r#"{"name":"Max"}"#).since(Some(&first));
    assert_ne!(other.since, first.since);
}
