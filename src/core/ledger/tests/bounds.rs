//! Table tests of the bounds: amounts, balances now and to come, and the number of open grants.

use super::book::{Book, credits};
use super::statements::check;
use crate::ledger::*;

#[test]
fn terms_that_make_no_sense_are_refused() {
    check(
        &mut Book::new(),
        "10 grant 1 until 10        | no: ExpiryPassed
         10 grant 1 from 20 until 20 | no: ExpiryPassed
         10 grant 8000000000        | = 8000000000
         11 grant 0.000001          | no: Overflow
         12 use 8000000000          | = 0
         13 use 8000000000          | = -8000000000
         14 use 0.000001            | no: Overflow",
        "1 @10 topup +8000000000 = 8000000000
         2 @12 consumption -8000000000 = 0 1:8000000000
         3 @13 consumption -8000000000 = -8000000000",
    );
}

#[test]
fn scheduled_grants_are_counted_before_a_grant_is_taken_on() {
    check(
        &mut Book::new(),
        "0 grant 8000000000 from 50 | = 0
         1 grant 1                  | no: Overflow
         50 settle                  | = 8000000000",
        "1 @0 scheduled 0 = 0
         2 @50 topup +8000000000 = 8000000000",
    );
}

#[test]
fn the_number_of_open_grants_is_bounded() {
    let mut book = Book::new();
    book.reload = false;
    for number in 0..MAX_OPEN_GRANTS {
        assert_eq!(book.play(&std::format!("0 grant 1 until 9 #{number}")).get(..1), Some("="));
    }
    assert_eq!(book.play("1 grant 1 #more"), "no: TooManyGrants");
    assert_eq!(book.play("9 grant 1 #more"), "= 1");
    assert_eq!(book.entry_rows.len(), 2 * MAX_OPEN_GRANTS + 1);
}

#[test]
fn overage_makes_room_for_what_is_to_come() {
    check(
        &mut Book::new(),
        "0 use 7 #u                 | = -7
         1 grant 8000000000 from 50 | = -7
         2 refund 1 of #u           | = -6
         3 grant 7                  | no: Overflow
         4 grant 6                  | = 0
         5 refund 1 of #u           | no: Overflow
         50 settle                  | = 8000000000",
        "1 @0 consumption -7 = -7
         2 @1 scheduled 0 = -7
         3 @2 refund +1 = -6
         4 @4 topup +6 = 0 4:6
         5 @50 topup +8000000000 = 8000000000",
    );
}

#[test]
fn a_refund_that_ends_at_once_needs_no_room_for_what_is_to_come() {
    check(
        &mut Book::new(),
        "0 grant 5 until 10          | = 5
         1 use 5 #u                  | = 0
         20 grant 8000000000 from 50 | = 0
         21 refund 5 of #u           | = 5",
        "1 @0 topup +5 = 5
         2 @1 consumption -5 = 0 1:5
         3 @20 scheduled 0 = 0
         4 @21 refund +5 = 5 1:-5
         5 @21 expiry -5 = 0 1:5",
    );
}

#[test]
fn refunds_are_refused_where_they_would_open_too_many_grants() {
    let mut book = Book::new();
    book.reload = false;
    book.play("0 grant 4 priority 1 #g1\n0 grant 4 priority 2 #g2\n1 use 8 #both\n2 use 3 #over");
    for number in 0..MAX_OPEN_GRANTS {
        assert_ne!(book.play(&std::format!("3 grant 5 #{number}")), "no: TooManyGrants");
    }
    // Used up both; the first of the thousand has paid the overage and is open still.
    assert_eq!(book.play("4 refund 1 of #both #r1"), "no: TooManyGrants");
    assert_eq!(book.play("4 refund 1 of #over #r2"), "no: TooManyGrants");
    assert_eq!(book.play("5 void #9 #r3"), "= 4992");
    assert_eq!(book.play("6 refund 8 of #both #r4"), "no: TooManyGrants", "it would open two");
    assert_eq!(book.play("7 refund 1 of #both #r5"), "= 4993");
    assert_eq!(book.play("8 refund 3 of #both #r6"), "= 4996", "the grant is open already");
    assert_eq!(book.play("9 refund 1 of #both #r7"), "no: TooManyGrants");
}

#[test]
fn an_overdraft_limit_beyond_the_range_of_a_unit_is_none() {
    let mut book = Book::new();
    book.config.overdraft_limit = Some(credits("8000000000"));
    check(
        &mut book,
        "0 use 8000000000        | = -8000000000
         1 use 1                 | no: insufficient, -8000000000 of 1
         2 use 8000000000 in usd | = -8000000000
         3 use 1 in usd          | no: Overflow",
        "1 @0 consumption -8000000000 = -8000000000
         2 @2 consumption -8000000000 = -8000000000",
    );
}

#[test]
fn the_number_of_units_is_bounded() {
    let mut book = Book::new();
    for number in 0..MAX_UNITS {
        assert_eq!(book.play(&std::format!("0 use 1 in unit{number} #{number}")), "= -1");
    }
    assert_eq!(book.play("1 use 1 in another #more"), "no: TooManyUnits");
    assert_eq!(book.play("1 grant 1 in another #more"), "no: TooManyUnits");
    assert_eq!(book.play("1 gate 1 in another #more"), "no: insufficient, 0 of 1");
    assert_eq!(book.play("1 grant 3 in unit0 #known"), "= 2");
}
