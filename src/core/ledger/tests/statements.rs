//! Table tests: what is asked line by line, what is answered, and the statement afterwards.

use super::book::{Book, at, credits};
use crate::credits::Credits;
use crate::ids::{Product, Unit};
use crate::ledger::*;

/// Plays `script`, whose lines are `what is asked | what is answered`, and compares the statement.
pub(super) fn check(book: &mut Book, script: &str, statement: &str) {
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
    let (asked, answered): (std::vec::Vec<&str>, std::vec::Vec<&str>) =
        lines.map(|line| line.split_once('|').map(|(a, b)| (a.trim(), b.trim())).unwrap()).unzip();
    assert_eq!(book.play(&asked.join("\n")), answered.join("\n"));
    let expected: std::vec::Vec<&str> =
        statement.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(book.statement(), expected.join("\n"));
}

#[test]
fn grants_pay_usage_until_the_gate_refuses() {
    check(
        &mut Book::new(),
        "0 grant 100 | = 100
         1 gate 60.5 | = 39.5
         2 gate 40   | no: insufficient, 39.5 of 40
         3 gate 39.5 | = 0
         4 gate 0.000001 | no: insufficient, 0 of 0.000001",
        "1 @0 topup +100 = 100
         2 @1 consumption -60.5 = 39.5 1:60.5
         3 @3 consumption -39.5 = 0 1:39.5",
    );
}

#[test]
fn usage_that_has_happened_becomes_overage_and_the_next_grant_pays_it() {
    check(
        &mut Book::new(),
        "0 use 5      | = -5
         1 gate 1     | no: insufficient, -5 of 1
         2 grant 3    | = -2
         3 grant 10   | = 8
         4 gate 9     | no: insufficient, 8 of 9",
        "1 @0 consumption -5 = -5
         2 @2 topup +3 = -2 2:3
         3 @3 topup +10 = 8 3:2",
    );
}

#[test]
fn plain_usage_stops_at_the_overdraft_limit() {
    let mut book = Book::new();
    book.config.overdraft_limit = Some(credits("10"));
    check(
        &mut book,
        "0 grant 1   | = 1
         1 use 11    | = -10
         2 use 0.5   | no: insufficient, -10 of 0.5
         3 debit 0.5 | no: insufficient, -10 of 0.5",
        "1 @0 topup +1 = 1
         2 @1 consumption -11 = -10 1:1",
    );
}

#[test]
fn burn_order_is_priority_then_expiry_then_age() {
    check(
        &mut Book::new(),
        "0 grant 1                         | = 1
         0 grant 2 until 90                | = 3
         0 grant 4 until 50                | = 7
         0 grant 8 priority 5              | = 15
         0 grant 16 priority 5 until 99    | = 31
         0 grant 32                        | = 63
         1 use 31.5                        | = 31.5
         2 use 31.5                        | = 0",
        "1 @0 topup +1 = 1
         2 @0 topup +2 = 3
         3 @0 topup +4 = 7
         4 @0 topup +8 = 15
         5 @0 topup +16 = 31
         6 @0 topup +32 = 63
         7 @1 consumption -31.5 = 31.5 5:16 4:8 3:4 2:2 1:1 6:0.5
         8 @2 consumption -31.5 = 0 6:31.5",
    );
}

#[test]
fn a_grant_pays_nothing_at_its_expiry_and_expires_once() {
    check(
        &mut Book::new(),
        "0 grant 10 until 50 | = 10
         1 use 4             | = 6
         50 gate 1           | no: insufficient, 0 of 1
         51 settle           | = 0
         51 settle           | = 0
         60 grant 5          | = 5",
        "1 @0 topup +10 = 10
         2 @1 consumption -4 = 6 1:4
         3 @50 expiry -6 = 0 1:6
         4 @60 topup +5 = 5",
    );
}

#[test]
fn what_is_due_is_written_first_at_its_own_time_in_order() {
    check(
        &mut Book::new(),
        "0 grant 10 until 30          | = 10
         0 grant 20 from 20 until 40  | = 10
         0 grant 5 from 30            | = 10
         50 use 1                     | = 4",
        "1 @0 topup +10 = 10
         2 @0 scheduled 0 = 10
         3 @0 scheduled 0 = 10
         4 @20 topup +20 = 30
         5 @30 expiry -10 = 20 1:10
         6 @30 topup +5 = 25
         7 @40 expiry -20 = 5 2:20
         8 @50 consumption -1 = 4 3:1",
    );
}

#[test]
fn a_clock_that_steps_back_revives_nothing() {
    check(
        &mut Book::new(),
        "0 grant 10 until 50 | = 10
         60 grant 1          | = 1
         10 gate 2           | no: insufficient, 1 of 2
         10 gate 1           | = 0",
        "1 @0 topup +10 = 10
         2 @50 expiry -10 = 0 1:10
         3 @60 topup +1 = 1
         4 @60 consumption -1 = 0 3:1",
    );
}

#[test]
fn a_scheduled_grant_pays_overage_when_its_time_comes() {
    check(
        &mut Book::new(),
        "0 grant 10 from 5 | = 0
         1 use 4           | = -4
         5 settle          | = 6",
        "1 @0 scheduled 0 = 0
         2 @1 consumption -4 = -4
         3 @5 topup +10 = 6 1:4",
    );
}

#[test]
fn a_repeat_is_answered_as_the_first_time_and_a_refusal_is_judged_afresh() {
    check(
        &mut Book::new(),
        "0 gate 5 #buy         | no: insufficient, 0 of 5
         1 grant 5 #g          | = 5
         2 gate 5 #buy         | = 0
         3 gate 5 #buy         | = 0 replayed
         4 use 5 #buy          | = 0 replayed
         5 gate 6 #buy         | no: key reused, other amount
         6 use 5 in gpu #buy   | no: key reused, other unit
         7 grant 5 until 99 #g | no: key reused, other expires_at
         8 grant 5 as refund #g | no: key reused, other type
         9 grant 5 #g          | = 5 replayed
         9 debit 5 #buy        | = -5",
        "1 @1 topup +5 = 5
         2 @2 consumption -5 = 0 1:5
         3 @9 adjustment -5 = -5",
    );
}

#[test]
fn a_refund_restores_the_grants_last_drawn_first() {
    check(
        &mut Book::new(),
        "0 grant 10 until 50  | = 10
         0 grant 10           | = 20
         1 use 15 #u          | = 5
         2 refund 7 of #u     | = 12
         3 refund 9 of #u     | no: only 8 refundable
         4 refund 8 of #u     | = 20
         5 refund 1 of #u     | no: only 0 refundable
         6 refund 1 of #x     | no: UnknownCharge
         7 refund 1 in gpu of #u | no: charge is in credits",
        "1 @0 topup +10 = 10
         2 @0 topup +10 = 20
         3 @1 consumption -15 = 5 1:10 2:5
         4 @2 refund +7 = 12 2:-5 1:-2
         5 @4 refund +8 = 20 1:-8",
    );
}

#[test]
fn a_refund_to_a_grant_that_has_ended_ends_at_once() {
    check(
        &mut Book::new(),
        "0 grant 10 until 50 #g | = 10
         1 use 10 #u            | = 0
         2 grant 3 #h           | = 3
         3 use 1 #v             | = 2
         4 void #h              | = 0
         60 refund 4 of #u      | = 4
         61 refund 1 of #v      | = 1
         62 gate 1              | no: insufficient, 0 of 1",
        "1 @0 topup +10 = 10
         2 @1 consumption -10 = 0 1:10
         3 @2 topup +3 = 3
         4 @3 consumption -1 = 2 3:1
         5 @4 void -2 = 0 3:2
         6 @60 refund +4 = 4 1:-4
         7 @60 expiry -4 = 0 1:4
         8 @61 refund +1 = 1 3:-1
         9 @61 void -1 = 0 3:1",
    );
}

#[test]
fn a_refund_of_overage_lowers_it_or_becomes_a_grant_where_it_was_paid() {
    check(
        &mut Book::new(),
        "0 grant 4           | = 4
         1 use 10 #u         | = -6
         2 refund 1 of #u    | = -5
         3 grant 3           | = -2
         4 refund 5 of #u    | = 3
         5 refund 4 of #u    | = 7
         6 gate 7            | = 0",
        "1 @0 topup +4 = 4
         2 @1 consumption -10 = -6 1:4
         3 @2 refund +1 = -5
         4 @3 topup +3 = -2 4:3
         5 @4 refund +5 = 3
         6 @5 refund +4 = 7 1:-4
         7 @6 consumption -7 = 0 1:4 5:3",
    );
}

#[test]
fn what_comes_back_pays_other_overage_first() {
    check(
        &mut Book::new(),
        "0 grant 10 #g    | = 10
         1 use 10 #u      | = 0
         2 use 3          | = -3
         3 refund 5 of #u | = 2
         4 refund 5 of #u | = 7
         5 gate 7         | = 0",
        "1 @0 topup +10 = 10
         2 @1 consumption -10 = 0 1:10
         3 @2 consumption -3 = -3
         4 @3 refund +5 = 2 1:-5 1:3
         5 @4 refund +5 = 7 1:-5
         6 @5 consumption -7 = 0 1:7",
    );
}

#[test]
fn voiding_ends_what_is_left_and_only_once() {
    check(
        &mut Book::new(),
        "0 grant 10 #g        | = 10
         0 grant 5 from 50 #s | = 10
         1 use 4              | = 6
         2 void #g #v         | = 0
         3 void #g #v         | = 0 replayed
         4 void #g            | no: GrantEnded
         5 void #s            | = 0
         6 void #none         | no: UnknownGrant
         60 settle            | = 0",
        "1 @0 topup +10 = 10
         2 @0 scheduled 0 = 10
         3 @1 consumption -4 = 6 1:4
         4 @2 void -6 = 0 1:6
         5 @5 void 0 = 0",
    );
}

#[test]
fn units_do_not_mix() {
    let mut book = Book::new();
    check(
        &mut book,
        "0 grant 10 in gpu | = 10
         1 gate 1          | no: insufficient, 0 of 1
         2 gate 4 in gpu   | = 6",
        "1 @0 topup +10 = 10
         2 @2 consumption -4 = 6 1:4",
    );
    assert_eq!(book.account.totals().count(&Unit::credits(), None), 0);
    assert_eq!(book.account.totals().count(&Unit::parse("gpu").unwrap(), None), 2);
}

#[test]
fn what_is_held_is_neither_spent_nor_expired() {
    let mut book = Book::new();
    book.play("0 grant 10 until 50 #g");
    let grant = book.account.grants.get_mut(&1).unwrap();
    grant.held = credits("4");
    let balance = book.account.balance(&Unit::credits(), at(1)).unwrap();
    assert_eq!((balance.posted, balance.held), (credits("10"), credits("4")));
    assert_eq!(balance.available, credits("6"));
    let expired = book.account.balance(&Unit::credits(), at(50)).unwrap();
    assert_eq!((expired.posted, expired.available), (credits("4"), Credits::ZERO));
}

#[test]
fn breakdown_is_per_product_and_adds_up() {
    let mut book = Book::new();
    book.play(
        "0 grant 10 for pro until 90
         0 grant 5 for pro until 50
         0 grant 2
         1 use 1",
    );
    let balance = book.account.balance(&Unit::credits(), at(2)).unwrap();
    let lines: std::vec::Vec<_> = balance
        .breakdown
        .iter()
        .map(|line| (line.product.as_ref().map(Product::as_str), line.balance, line.expires_at))
        .collect();
    let expected = [(None, credits("2"), None), (Some("pro"), credits("14"), Some(at(50)))];
    assert_eq!(lines, expected);
    assert_eq!(balance.available, credits("16"));
}

#[test]
fn rows_that_contradict_each_other_are_not_loaded() {
    let mut book = Book::new();
    book.play("0 grant 10\n1 use 4");
    let owner = || book.account.owner().clone();
    let last = || book.entries().pop();
    assert!(Account::load(owner(), last(), (book.grants(), [].into())).is_ok());
    assert_eq!(Account::load(owner(), last(), Default::default()), Err(Corrupt));
    assert_eq!(Account::load(owner(), None, (book.grants(), [].into())), Err(Corrupt));
    let newer = |mut grant: Grant| {
        grant.sequence = 3;
        grant
    };
    let newer = book.grants().into_iter().map(newer).collect();
    assert_eq!(
        Account::load(owner(), last(), (newer, [].into())),
        Err(Corrupt),
        "a grant of a later entry"
    );
}

#[test]
fn entries_about_a_grant_name_its_product() {
    let mut book = Book::new();
    book.play(
        "0 grant 5 for pro from 10 until 20
         0 grant 5 for pack #p
         1 void #p
         20 settle",
    );
    let entries = book.entries();
    let named = |entry: &Entry| (entry.kind, entry.product.clone());
    let expected = [
        (EntryKind::Scheduled, "pro"),
        (EntryKind::Topup, "pack"),
        (EntryKind::Void, "pack"),
        (EntryKind::Topup, "pro"),
        (EntryKind::Expiry, "pro"),
    ];
    let expected = expected.map(|(kind, product)| (kind, Product::parse(product).ok()));
    assert_eq!(entries.iter().map(named).collect::<std::vec::Vec<_>>(), expected);
}

#[test]
fn entries_that_refer_to_what_cannot_have_been_are_not_read() {
    let mut book = Book::new();
    book.play("0 grant 10\n1 use 4");
    let entry = || book.entries().pop().unwrap();
    let read = |entry: &Entry| stored::entry_from_row(stored::entry_to_row(entry).unwrap());
    assert_eq!(read(&entry()), Ok(entry()));
    let mut counted = entry();
    let totals = counted.totals.0.get_mut(&Unit::credits()).unwrap();
    totals.counts.insert(EntryKind::Topup, u64::MAX);
    assert_eq!(read(&counted), Err(Corrupt), "more entries than the ledger has");
    for (grant, amount) in [(0, "4"), (3, "4"), (1, "0")] {
        let mut drawn = entry();
        drawn.draws = [Draw { grant, amount: credits(amount) }].into();
        assert_eq!(read(&drawn), Err(Corrupt), "{grant}: {amount}");
    }
}
