//! Table tests of batches: the same answers and the same rows as one by one, and what stops it all.

use std::string::ToString;
use std::vec::Vec;

use super::book::{Book, at, credits};
use crate::idempotency::IdempotencyKey;
use crate::ids::Unit;
use crate::ledger::*;

/// Plays the outlined batch (`line | outcome`) on a book on which `before` has been played, then the
/// same lines one by one on another such book: the answers are the table's and the rows are equal.
fn check(before: &str, table: &str) -> Book {
    let rows: Vec<(&str, &str)> = table.lines().map(|row| row.split_once('|').unwrap()).collect();
    let script = rows.iter().map(|(line, _)| *line).collect::<Vec<_>>().join("\n");
    let expected: Vec<&str> = rows.iter().map(|(_, outcome)| outcome.trim()).collect();
    let (mut joined, mut single) = (Book::new(), Book::new());
    joined.play(before);
    single.play(before);
    assert_eq!(joined.play_batch(&script), expected.join("\n"));
    assert_eq!(single.play(&script), expected.join("\n"));
    assert_eq!(joined.statement(), single.statement());
    assert_eq!(
        (&joined.entry_rows, &joined.grant_rows, &joined.account, joined.alarm),
        (&single.entry_rows, &single.grant_rows, &single.account, single.alarm)
    );
    joined
}

#[test]
fn each_charge_sees_the_ones_before_it() {
    let book = check(
        "0 grant 10 until 50 #early
         0 grant 10",
        "1 gate 8 #a  | = 12
         1 gate 13 #b | no: insufficient, 12 of 13
         1 gate 4 #c  | = 8
         1 use 9 #d   | = -1
         1 gate 1 #e  | no: insufficient, -1 of 1
         1 use 1 #f   | = -2",
    );
    assert_eq!(
        book.statement(),
        "1 @0 topup +10 = 10\n2 @0 topup +10 = 20\n3 @1 consumption -8 = 12 1:8\n\
         4 @1 consumption -4 = 8 1:2 2:2\n5 @1 consumption -9 = -1 2:8\n6 @1 consumption -1 = -2"
    );
    // The grant that would have expired is used up.
    assert_eq!(book.alarm, None);
}

#[test]
fn keys_are_known_from_the_store_and_from_the_batch() {
    check(
        "0 grant 10
         1 use 1 #stored",
        "2 use 1 #stored | = 9 replayed
         2 use 2 #new    | = 7
         2 gate 2 #new   | = 7 replayed
         2 use 3 #new    | no: key reused, other amount
         2 gate 2 #stored | no: key reused, other amount
         2 gate 8 #dear  | no: insufficient, 7 of 8
         2 gate 7 #dear  | = 0",
    );
}

#[test]
fn what_is_due_is_written_once_by_the_first_that_is_accepted() {
    let book = check(
        "0 grant 10 until 5 #old
         0 grant 3 from 6 until 9 #soon
         0 grant 4",
        "7 gate 8 #a | no: insufficient, 7 of 8
         7 gate 7 #b | = 0
         7 gate 1 #c | no: insufficient, 0 of 1",
    );
    assert_eq!(book.entry_rows.len(), 6, "{}", book.statement());
    assert_eq!(book.alarm, None);
    let left = check("0 grant 5 until 9\n0 grant 5 until 8", "7 use 5 #a | = 5\n7 use 1 #b | = 4");
    assert_eq!(left.alarm, Some(at(9)));
    // The first charge moves the alarm on, the second takes it away.
    let spent = check("0 grant 5 until 9\n0 grant 5 until 8", "7 use 5 #a | = 5\n7 use 5 #b | = 0");
    assert_eq!(spent.alarm, None);
}

#[test]
fn a_batch_of_refusals_and_replays_writes_nothing() {
    let before = "0 grant 5 until 3\n1 use 1 #a";
    let book = check(before, "4 gate 5 #b | no: insufficient, 0 of 5\n4 use 1 #a | = 4 replayed");
    assert_eq!((book.entry_rows.len(), book.alarm), (2, Some(at(3))));
}

#[test]
fn each_grant_is_written_once_however_many_charges_draw_on_it() {
    let consumes = (0..100).map(|number| consume(&number.to_string(), "1"));
    let mut book = Book::new();
    book.play("0 grant 70 #a\n0 grant 20 #b");
    let batch = Batch::new(consumes);
    let config = LedgerConfig::default();
    let decision = batch.decide(&book.account, Vec::new(), at(1), &config).unwrap();
    assert_eq!(decision.writes.entries.len(), 100);
    let left: Vec<(u64, bool)> =
        decision.writes.grants.iter().map(|grant| (grant.sequence, grant.is_open())).collect();
    assert_eq!(left, [(1, false), (2, false)]);
}

/// The second item's record makes no sense: the first, which would be fine alone, is not kept either.
#[test]
fn an_account_that_contradicts_itself_stops_the_whole() {
    let mut book = Book::new();
    book.play("0 grant 10");
    let batch = Batch::new(["a", "b"].map(|key| consume(key, "1")));
    let config = LedgerConfig::default();
    assert!(batch.decide(&book.account, Vec::new(), at(1), &config).is_ok());
    // A record without a key is nothing that a key can name.
    let mut record = book.entries().remove(0);
    record.id = batch.lookups(book.account.owner()).remove(1);
    record.record = None;
    let stopped = batch.decide(&book.account, Vec::from([record]), at(1), &config);
    assert_eq!(stopped, Err(Rejection::Inconsistent));
}

fn consume(key: &str, amount: &str) -> Consume {
    let key = IdempotencyKey::parse(key).unwrap();
    let call = CallDetails { key, description: None, metadata: None };
    let (unit, amount) = (Unit::credits(), credits(amount));
    Consume { call, unit, amount, when_short: WhenShort::Allow }
}
