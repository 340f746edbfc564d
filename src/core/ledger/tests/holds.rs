//! Table tests of holds: who gets one, what it keeps, and how it ends, once.

use std::format;
use std::string::String;
use std::vec::Vec;

use super::book::{Book, at, credits};
use super::statements::check;
use crate::ids::Unit;
use crate::ledger::*;

#[test]
fn a_hold_reserves_and_a_capture_takes_what_was_used() {
    check(
        &mut Book::new(),
        "0 grant 500           | = 500
         1 hold 75 #h          | = 425
         2 gate 425.5          | no: insufficient, 425 of 425.5
         3 gate 425            | = 0
         4 capture #h 12.345678 #c | = 62.654322
         5 gate 62.654322      | = 0",
        "1 @0 topup +500 = 500
         2 @1 hold 0 = 500 (75 held)
         3 @3 consumption -425 = 75 (75 held) 1:425
         4 @4 consumption -12.345678 = 62.654322 1:12.345678
         5 @5 consumption -62.654322 = 0 1:62.654322",
    );
}

#[test]
fn twenty_at_once_on_credits_for_six() {
    let mut book = Book::new();
    book.play("0 grant 500");
    let placed: Vec<String> =
        (0..20).map(|number| book.play(&format!("1 hold 75 #h{number}"))).collect();
    let granted = placed.iter().filter(|outcome| outcome.starts_with('=')).count();
    assert_eq!(granted, 6);
    assert_eq!(placed[6], "no: insufficient, 50 of 75");
    let used = ["0.000001", "75", "0", "33.333333", "74.999999", "8.1"];
    for (number, used) in used.iter().enumerate() {
        assert!(book.play(&format!("2 capture #h{number} {used}")).starts_with('='));
    }
    // 500 less the sum of these, to the micro-credit.
    assert_eq!(book.available(at(2)), "308.566667");
    assert!(book.account.open_holds().next().is_none());
}

#[test]
fn a_hold_never_goes_to_overage() {
    check(
        &mut Book::new(),
        "0 hold 1      | no: insufficient, 0 of 1
         1 use 5       | = -5
         2 hold 1      | no: insufficient, -5 of 1
         3 grant 6     | = 1
         4 hold 1.1    | no: insufficient, 1 of 1.1
         4 hold 1 #h   | = 0
         5 use 2       | = -2
         6 release #h  | = -1",
        "1 @1 consumption -5 = -5
         2 @3 topup +6 = 1 2:5
         3 @4 hold 0 = 1 (1 held)
         4 @5 consumption -2 = -1 (1 held)
         5 @6 release 0 = -1 2:1",
    );
}

#[test]
fn what_a_capture_leaves_pays_overage() {
    check(
        &mut Book::new(),
        "0 grant 10         | = 10
         1 hold 10 #h       | = 0
         2 use 3            | = -3
         3 capture #h 4 #c  | = 3
         4 refund 4 of #c   | = 7",
        "1 @0 topup +10 = 10
         2 @1 hold 0 = 10 (10 held)
         3 @2 consumption -3 = 7 (10 held)
         4 @3 consumption -4 = 3 1:4
         5 @3 release 0 = 3 1:3
         6 @4 refund +4 = 7 1:-4",
    );
}

#[test]
fn a_hold_keeps_its_credits_beyond_their_grants_expiry() {
    check(
        &mut Book::new(),
        "0 grant 10 until 50    | = 10
         1 hold 6 ttl 100 #h    | = 4
         50 settle              | = 0
         60 capture #h 5 #c     | = 1
         61 refund 2 of #c      | = 2",
        "1 @0 topup +10 = 10
         2 @1 hold 0 = 10 (6 held)
         3 @50 expiry -4 = 6 (6 held) 1:4
         4 @60 consumption -5 = 1 1:5
         5 @60 expiry -1 = 0 1:1
         6 @61 refund +2 = 2 1:-2
         7 @61 expiry -2 = 0 1:2",
    );
}

#[test]
fn a_release_into_a_grant_that_was_held_whole_when_it_expired_ends_at_once() {
    check(
        &mut Book::new(),
        "0 grant 10 until 50   | = 10
         0 grant 3             | = 13
         1 hold 11 ttl 100 #h  | = 2
         50 settle             | = 2
         60 release #h         | = 13",
        "1 @0 topup +10 = 10
         2 @0 topup +3 = 13
         3 @1 hold 0 = 13 (11 held)
         4 @60 release 0 = 13
         5 @60 expiry -10 = 3 1:10",
    );
}

#[test]
fn a_void_takes_what_is_free_and_what_comes_back_ends_at_once() {
    check(
        &mut Book::new(),
        "0 grant 10 #g      | = 10
         1 hold 4 #h        | = 6
         2 void #g          | = 0
         3 void #g #again   | no: GrantEnded
         4 capture #h 1     | = 3
         5 grant 2 #whole   | = 2
         6 hold 2 #i        | = 0
         7 void #whole      | no: GrantEnded",
        "1 @0 topup +10 = 10
         2 @1 hold 0 = 10 (4 held)
         3 @2 void -6 = 4 (4 held) 1:6
         4 @4 consumption -1 = 3 1:1
         5 @4 void -3 = 0 1:3
         6 @5 topup +2 = 2
         7 @6 hold 0 = 2 (2 held)",
    );
}

#[test]
fn reserves_follow_the_burn_order_and_so_do_captures_and_refunds() {
    check(
        &mut Book::new(),
        "0 grant 2                | = 2
         0 grant 4 until 90       | = 6
         0 grant 8 priority 5     | = 14
         1 hold 13 #h             | = 1
         2 capture #h 9.5 #c      | = 4.5
         3 refund 2 of #c #r      | = 6.5
         4 gate 6.5               | = 0",
        "1 @0 topup +2 = 2
         2 @0 topup +4 = 6
         3 @0 topup +8 = 14
         4 @1 hold 0 = 14 (13 held)
         5 @2 consumption -9.5 = 4.5 3:8 2:1.5
         6 @3 refund +2 = 6.5 2:-1.5 3:-0.5
         7 @4 consumption -6.5 = 0 3:0.5 2:4 1:2",
    );
}

#[test]
fn a_hold_that_nobody_ends_ends_by_its_own_rule_at_its_own_time() {
    check(
        &mut Book::new(),
        "0 grant 100                              | = 100
         1 hold 10 ttl 20 #told                   | = 90
         1 hold 10 ttl 10 #untold                 | = 80
         1 hold 10 ttl 30 then capture_all #all   | = 70
         1 hold 10 ttl 15 then release #none      | = 60
         2 progress #told 4                       | used 4 until 21
         2 progress #none 4                       | used 4 until 16
         50 gate 86                               | = 0",
        "1 @0 topup +100 = 100
         2 @1 hold 0 = 100 (10 held)
         3 @1 hold 0 = 100 (20 held)
         4 @1 hold 0 = 100 (30 held)
         5 @1 hold 0 = 100 (40 held)
         6 @11 release 0 = 100 (30 held)
         7 @16 release 0 = 100 (20 held)
         8 @21 consumption -4 = 96 (10 held) 1:4
         9 @31 consumption -10 = 86 1:10
         10 @50 consumption -86 = 0 1:86",
    );
}

#[test]
fn at_one_instant_grants_end_before_holds_and_holds_before_what_begins() {
    check(
        &mut Book::new(),
        "0 grant 10 until 50         | = 10
         0 grant 5 from 50           | = 10
         40 hold 6 ttl 10 #h         | = 4
         40 use 5                    | = -1
         50 settle                   | = 4",
        "1 @0 topup +10 = 10
         2 @0 scheduled 0 = 10
         3 @40 hold 0 = 10 (6 held)
         4 @40 consumption -5 = 5 (6 held) 1:4
         5 @50 release 0 = 5
         6 @50 expiry -6 = -1 1:6
         7 @50 topup +5 = 4 2:1",
    );
}

#[test]
fn progress_only_grows_and_extending_only_lengthens() {
    let mut book = Book::new();
    check(
        &mut book,
        "0 grant 100            | = 100
         1 hold 10 ttl 20 #h    | = 90
         2 progress #h 4        | used 4 until 21
         3 progress #h 2        | used 4 until 21
         3 progress #h 0        | used 4 until 21
         4 progress #h 10.5     | no: only 10 held
         5 extend #h 10         | used 4 until 21
         6 extend #h 30         | used 4 until 36
         7 progress #h 10       | used 10 until 36
         21 settle              | = 90
         35 capture #h          | = 90
         36 progress #h 10      | no: captured, 10 captured
         36 extend #h 10        | no: captured, 10 captured
         36 progress #x 10      | no: UnknownHold",
        "1 @0 topup +100 = 100
         2 @1 hold 0 = 100 (10 held)
         3 @35 consumption -10 = 90 1:10",
    );
    assert_eq!(book.alarm, None);
}

#[test]
fn a_capture_without_an_amount_takes_what_was_reported_or_all() {
    check(
        &mut Book::new(),
        "0 grant 100       | = 100
         1 hold 10 #a      | = 90
         1 hold 10 #b      | = 80
         1 hold 10 #c      | = 70
         2 progress #a 3   | used 3 until 61
         2 progress #b 0   | used 0 until 61
         3 capture #a      | = 77
         3 capture #b      | = 87
         3 capture #c      | = 87",
        "1 @0 topup +100 = 100
         2 @1 hold 0 = 100 (10 held)
         3 @1 hold 0 = 100 (20 held)
         4 @1 hold 0 = 100 (30 held)
         5 @3 consumption -3 = 97 (20 held) 1:3
         6 @3 release 0 = 97 (10 held)
         7 @3 consumption -10 = 87 1:10",
    );
}

#[test]
fn a_hold_ends_once_and_the_same_end_again_is_answered_alike() {
    check(
        &mut Book::new(),
        "0 grant 100              | = 100
         1 hold 10 #a             | = 90
         1 hold 10 #b             | = 80
         1 hold 10 ttl 5 #c       | = 70
         2 capture #a 10.000001   | no: only 10 held
         2 capture #a 4           | = 76
         3 capture #a 4 #other    | = 76 replayed
         3 capture #a             | = 76 replayed
         3 capture #a 5           | no: captured, 4 captured
         3 capture #a 0           | no: captured, 4 captured
         3 release #a             | no: captured, 4 captured
         3 release #b             | = 86
         4 release #b             | = 86 replayed
         4 capture #b 0           | = 86 replayed
         4 capture #b             | = 86 replayed
         4 capture #b 1           | no: released, 0 captured
         4 capture #a 1 in gpu    | no: OtherHoldUnit { unit: Unit(\"credits\") }
         6 capture #c 1           | no: expired, 0 captured
         7 settle                 | = 96
         8 capture #c 1           | no: expired, 0 captured
         8 release #c             | no: expired, 0 captured
         8 release #x             | no: UnknownHold
         9 hold 10 #a             | = 90 replayed
         9 hold 11 #a             | no: key reused, other amount",
        "1 @0 topup +100 = 100
         2 @1 hold 0 = 100 (10 held)
         3 @1 hold 0 = 100 (20 held)
         4 @1 hold 0 = 100 (30 held)
         5 @2 consumption -4 = 96 (20 held) 1:4
         6 @3 release 0 = 96 (10 held)
         7 @6 release 0 = 96",
    );
}

#[test]
fn a_capture_at_its_expiry_is_too_late_and_a_clock_that_steps_back_revives_nothing() {
    check(
        &mut Book::new(),
        "0 grant 100                         | = 100
         1 hold 10 ttl 5 then capture_all #a | = 90
         1 hold 10 ttl 5 #b                  | = 80
         5 capture #b 7                      | = 83
         6 capture #a 3                      | no: expired, 10 captured
         7 use 1                             | = 82
         2 capture #a 3                      | no: expired, 10 captured
         2 progress #a 3                     | no: expired, 10 captured",
        "1 @0 topup +100 = 100
         2 @1 hold 0 = 100 (10 held)
         3 @1 hold 0 = 100 (20 held)
         4 @5 consumption -7 = 93 (10 held) 1:7
         5 @6 consumption -10 = 83 1:10
         6 @7 consumption -1 = 82 1:1",
    );
}

#[test]
fn the_answer_to_a_repeated_hold_is_the_first() {
    let mut book = Book::new();
    book.play("0 grant 100\n1 hold 10 ttl 20 #h\n2 progress #h 3\n3 extend #h 40");
    let placed = book.holds().remove(0).as_placed();
    assert_eq!((placed.expires_at, placed.progress), (at(21), None));
    let command = Command::Hold(Place {
        call: CallDetails {
            key: crate::idempotency::IdempotencyKey::parse("#h").unwrap(),
            description: None,
            metadata: None,
        },
        unit: Unit::credits(),
        amount: credits("10"),
        ttl: core::time::Duration::from_secs(20),
        on_expiry: OnExpiry::CaptureProgress,
    });
    let receipt = book.run(at(9), &command).unwrap();
    assert!(receipt.replayed);
    assert_eq!(receipt.hold, Some(placed));
}

#[test]
fn the_end_of_a_hold_has_the_notes_of_its_placing_unless_it_has_its_own() {
    let mut book = Book::new();
    book.play("0 grant 100");
    let call = |key: &str, description: Option<&str>| CallDetails {
        key: crate::idempotency::IdempotencyKey::parse(key).unwrap(),
        description: description.map(Into::into),
        metadata: Some(format!("{{\"action\":\"{key}\"}}")),
    };
    let place = |key: &str, ttl| {
        let (unit, amount, call) = (Unit::credits(), credits("10"), call(key, Some("chat")));
        let ttl = core::time::Duration::from_secs(ttl);
        Command::Hold(Place { call, unit, amount, ttl, on_expiry: OnExpiry::CaptureAll })
    };
    let hold = book.run(at(1), &place("told", 60)).unwrap().entry.id;
    book.run(at(1), &place("untold", 30)).unwrap();
    let capture = Command::Capture(Capture { call: call("end", None), hold, used: None });
    book.run(at(2), &capture).unwrap();
    book.settle(at(31));
    let ends = book.entries().split_off(3);
    let notes = |entry: &Entry| (entry.action(), entry.description.clone());
    let expected = ["end", "untold"].map(|action| (action.into(), Some("chat".into())));
    assert_eq!(ends.iter().map(notes).collect::<Vec<_>>(), expected);
    assert!(ends[0].record.is_some(), "a caller's");
    assert!(ends[1].record.is_none(), "the ledger's own");
    assert!(ends.iter().all(|entry| entry.hold.is_some()));
}
