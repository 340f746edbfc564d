//! The bound on open holds, and rows of holds that cannot be.

use std::format;
use std::vec::Vec;

use super::book::{Book, credits};
use crate::ledger::*;

#[test]
fn the_number_of_open_holds_is_bounded() {
    let mut book = Book::new();
    book.reload = false;
    book.play("0 grant 5000");
    for number in 0..MAX_OPEN_HOLDS {
        let outcome = book.play(&format!("0 hold 2 ttl 9 #{number}"));
        assert!(outcome.starts_with('='), "{outcome}");
    }
    assert_eq!(book.play("1 hold 1 #more"), "no: TooManyHolds");
    assert_eq!(book.play("2 release #7"), "= 3002");
    assert_eq!(book.play("3 hold 1 #more"), "= 3001");
    assert_eq!(book.play("4 hold 1 #over"), "no: TooManyHolds");
    assert_eq!(book.play("9 hold 1 #over"), "= 4998", "what is due has ended");
}

#[test]
fn rows_of_holds_that_contradict_the_grants_are_not_loaded() {
    let mut book = Book::new();
    book.play("0 grant 10\n1 hold 4 #h\n2 hold 3 #i");
    let load = |(grants, holds): (Vec<Grant>, Vec<Hold>)| {
        Account::load(book.account.owner().clone(), book.entries().pop(), (grants, holds))
    };
    assert!(load(book.open()).is_ok());
    let change = |change: fn(&mut Vec<Grant>, &mut Vec<Hold>)| {
        let (mut grants, mut holds) = book.open();
        change(&mut grants, &mut holds);
        load((grants, holds))
    };
    assert_eq!(change(|_, holds| holds.truncate(1)), Err(Corrupt), "a hold is missing");
    assert_eq!(change(|_, holds| holds[0].sequence = 9), Err(Corrupt), "of a later entry");
    assert_eq!(change(|_, holds| holds[0].reserves[0].grant = 2), Err(Corrupt), "of no grant");
    assert_eq!(
        change(|_, holds| holds[0].reserves[0].amount = credits("5")),
        Err(Corrupt),
        "other amounts"
    );
}

#[test]
fn rows_that_no_hold_can_have_are_not_read() {
    let mut book = Book::new();
    book.play("0 grant 10\n1 hold 4 #h\n2 progress #h 1");
    let read = |change: fn(&mut Hold)| {
        let mut hold = book.holds().remove(0);
        change(&mut hold);
        stored::hold_from_row(stored::hold_to_row(&hold).unwrap()).map(|_| ())
    };
    assert_eq!(read(|_| {}), Ok(()));
    let wrong: [fn(&mut Hold); 9] = [
        |hold| hold.reserves[0].amount = credits("3"),
        |hold| hold.reserves[0].grant = hold.sequence,
        |hold| hold.reserves.clear(),
        |hold| hold.progress = Some(credits("4.1")),
        |hold| hold.progress = Some(credits("-1")),
        |hold| hold.captured = credits("1"),
        |hold| (hold.state, hold.captured) = (HoldState::Captured, credits("5")),
        |hold| (hold.state, hold.captured) = (HoldState::Expired, credits("2")),
        |hold| hold.ttl = core::time::Duration::from_secs(90_000),
    ];
    for (number, change) in wrong.into_iter().enumerate() {
        assert_eq!(read(change), Err(Corrupt), "{number}");
    }
    let mut row = stored::hold_to_row(&book.holds()[0]).unwrap();
    *row.last_mut().unwrap() = stored::SqlValue::Integer(0);
    assert_eq!(stored::hold_from_row(row), Err(Corrupt), "open, and marked as ended");
}
