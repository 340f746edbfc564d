//! At the bounds: of what is kept, of keys, and of what is known.

use super::*;

#[test]
fn what_may_be_captured_has_its_place_in_the_outbox() {
    let mut desk = Desk::with_balance(1_000_000);
    for number in 0..MAX_OPEN_HOLDS {
        desk.hold(&std::format!("h{number}"), 1);
    }
    assert_eq!(rule(desk.place(&of("one-more", 1))), Rejection::TooManyHolds);
    let most = usize::try_from(MAX_OPEN_CHARGES).unwrap();
    for number in MAX_OPEN_HOLDS..most {
        assert_eq!(word(&desk.consume(&std::format!("c{number}"), 1)), "done");
    }
    assert_eq!(word(&desk.consume("full", 1)), "outbox full");
    let hold =
        desk.keeper.cache(&desk.owner).unwrap().open_holds(desk.now).next().unwrap().id.clone();
    granted(desk.capture(&hold, Some(1)));
    desk.later(MINUTE);
    desk.expire();
    assert_eq!(desk.bodies().len(), 100);
    assert_eq!(desk.keeper.cache(&desk.owner).unwrap().open_holds(desk.now).count(), 0);
    assert_eq!(word(&desk.consume("after", 1)), "done", "nothing was used of the others");
}

#[test]
fn a_key_that_a_caller_has_taken_is_not_the_captures() {
    let mut desk = Desk::with_balance(100);
    let (one, two) = (desk.hold("1", 10).hold.id, desk.hold("2", 10).hold.id);
    desk.progress(&two, 4).unwrap();
    for hold in [&one, &two] {
        let key = crate::ledger::end_id(&desk.owner, hold);
        assert_eq!(word(&desk.consume(key.as_str(), 1)), "done");
    }
    let captured = granted(desk.capture(&one, Some(3)));
    assert_eq!(granted(desk.capture(&one, Some(3))).transaction, captured.transaction);
    desk.later(MINUTE);
    desk.expire();
    let rows = desk.keeper.store().open(0, 100).unwrap();
    let keys: std::collections::BTreeSet<_> = rows.iter().map(|row| row.key.clone()).collect();
    assert_eq!((rows.len(), keys.len()), (4, 4));
    assert!(rows.iter().any(|row| row.id == captured.transaction && row.amount == credits(3)));
    assert_eq!(desk.available(), "91");
}

#[test]
fn an_end_whose_notes_find_no_room_keeps_the_holds_own() {
    let mut desk = Desk::with_balance(1_000_000);
    let hold = desk.hold("h", 10).hold.id;
    let long = std::format!("{{\"a\":\"{}\"}}", "x".repeat(8_000));
    let charge = |key: &str| {
        let mut charge = Desk::charge(key, 1, crate::ledger::WhenShort::Allow);
        charge.call.metadata = Some(long.clone());
        charge
    };
    let waited = desk.waited();
    let mut number = 0;
    while word(&desk.accept(&charge(&std::format!("c{number}")), waited)) == "done" {
        number += 1;
    }
    assert!(number > 1_900, "{number} bodies of 8 KB fit");
    let call = CallDetails { metadata: Some(long.clone()), ..call("end") };
    let used = Some((Unit::credits(), credits(3)));
    granted(desk.end(&Command::Capture(Capture { call, hold, used })));
    let last = desk.keeper.store().open(number, 100).unwrap().pop().unwrap();
    assert_eq!(last.amount, credits(3));
    assert!(last.body.len() < 500, "{}", last.body);
}

#[test]
fn a_lease_lasts_until_a_balance_was_read_that_shows_what_became_of_it() {
    let mut desk = Desk::with_balance(100);
    let waited = desk.waited();
    let entropy = crate::entropy::Entropy::new([3; 16]);
    let lease = of("h", 60).lease(&entropy, &desk.owner.customer.clone());
    let placed = desk.keeper.place_lease(&desk.owner, desk.now, &lease, waited, &desk.config);
    let held = granted(placed.unwrap()).hold.id;
    assert_eq!(desk.available(), "40");
    for _ in 0..3 {
        desk.later(Duration::from_secs(600));
        assert!(!desk.expire());
        assert_eq!((desk.available(), desk.state(&held).0), ("40".into(), HoldState::Open));
        desk.restart();
    }
    desk.read(40, Some(11));
    assert!(!desk.expire());
    assert_eq!((desk.available(), desk.state(&held).0), ("40".into(), HoldState::Expired));
    assert!(desk.bodies().is_empty());
}

#[test]
fn what_ends_leaves_an_alarm_that_is_soon_enough_for_the_next() {
    let mut desk = Desk::with_balance(100);
    desk.hold("one", 10);
    desk.later(Duration::from_secs(5));
    desk.hold("two", 10);
    desk.later(Duration::from_secs(55));
    // It fires for the first, and is set for the case that the process ends here.
    desk.keeper.wake(desk.now).unwrap();
    let alarm = |desk: &Desk| desk.keeper.store().alarm().map(|due| due.since(desk.now).as_secs());
    assert_eq!(alarm(&desk), Some(10));
    desk.expire();
    assert_eq!(alarm(&desk), Some(5));
}
