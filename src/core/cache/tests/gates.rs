//! Which calls are answered at once, which after a read, and which not at all.

use super::desk::{Desk, credits, word};
use crate::cache::{
    MAX_OPEN_BYTES, MAX_OPEN_CHARGES, MAX_UNITS, Refusal, Source, Step, Store as _, Waited,
};
use crate::credits::Credits;
use crate::ids::Unit;
use crate::ledger::{AlarmIntent, WhenShort};
use crate::time::Timestamp;
use core::time::Duration;
use std::borrow::ToOwned as _;
use std::format;

const MINUTE: Duration = Duration::from_secs(60);

/// The source of an answer to a gate of one credit, or the word for what else it came to.
fn gate(desk: &mut Desk, key: &str, in_vain: bool) -> &'static str {
    let waited = Waited { in_vain, ..desk.waited() };
    match desk.gate_after(key, 1, waited) {
        Step::Done { answer, .. } => answer.record.source.as_str(),
        other => word(&other),
    }
}

#[test]
fn freshness_by_the_table() {
    let second = Duration::from_secs(1);
    // Age of the snapshot, whether a read was tried, with and without gracefulDegradation.
    let table = [
        (Duration::ZERO, false, "edge-cache", "edge-cache"),
        (MINUTE / 2, false, "edge-cache", "edge-cache"),
        (MINUTE / 2 + second, false, "edge-cache", "edge-cache"),
        (MINUTE * 3 / 2, false, "edge-cache", "edge-cache"),
        (MINUTE * 3 / 2 + second, false, "read first", "read first"),
        (MINUTE * 3 / 2, true, "edge-cache", "edge-cache"),
        (MINUTE * 3 / 2 + second, true, "degraded", "stale"),
        (MINUTE * 600, true, "degraded", "stale"),
    ];
    for (age, in_vain, graceful, strict) in table {
        for (graceful_degradation, expected) in [(true, graceful), (false, strict)] {
            let mut desk = Desk::with_balance(100);
            desk.config.graceful_degradation = graceful_degradation;
            desk.later(age);
            assert_eq!(gate(&mut desk, "a", in_vain), expected, "{age:?} {in_vain}");
        }
    }
}

#[test]
fn an_older_snapshot_is_refreshed_in_the_background() {
    for (age, expected) in [(MINUTE / 2, false), (MINUTE, true)] {
        let mut desk = Desk::with_balance(100);
        desk.later(age);
        let Step::Done { refresh, answer, .. } = desk.gate("a", 1) else { panic!() };
        assert_eq!((refresh, answer.stale), (expected, expected));
        let Step::Done { refresh, answer, .. } = desk.balance() else { panic!() };
        assert_eq!((refresh, answer.stale), (expected, expected));
    }
}

#[test]
fn a_snapshot_of_the_future_is_not_trusted() {
    let mut desk = Desk::with_balance(100);
    desk.now = Timestamp::from_millis(desk.now.as_millis() - 1);
    assert_eq!(gate(&mut desk, "a", false), "read first");
    assert_eq!(gate(&mut desk, "a", true), "degraded");
}

#[test]
fn a_balance_read_for_the_call_is_the_upstreams() {
    let mut desk = Desk::new();
    let waited = desk.waited();
    desk.read(10, None);
    let Step::Done { answer, .. } = desk.gate_after("a", 4, waited) else { panic!() };
    assert_eq!(answer.record.source, Source::Upstream);
    assert_eq!(answer.record.available, Some(credits(6)));
    let Step::Done { answer, pending, .. } = desk.balance() else { panic!() };
    assert_eq!((answer.source, answer.available, pending), (Source::EdgeCache, credits(6), 1));
}

#[test]
fn without_a_balance_gates_are_shut_and_usage_is_accepted() {
    let mut desk = Desk::new();
    assert_eq!(word(&desk.consume("u", 1)), "read first");
    let token = desk.begin_read();
    desk.fail_read(token);
    assert_eq!(word(&desk.gate("a", 1)), "unavailable");
    assert_eq!(word(&desk.balance()), "unavailable");
    let Step::Done { answer, pending, .. } = desk.consume("u", 1) else { panic!() };
    assert_eq!((answer.record.available, answer.record.source), (None, Source::Degraded));
    assert_eq!(pending, 1);
    let Step::Refused(Refusal::Unavailable { retry_after }) = desk.gate("a", 1) else { panic!() };
    assert!(retry_after >= Duration::from_secs(1) && retry_after <= MINUTE);
}

#[test]
fn usage_may_go_below_zero_and_gates_are_then_shut() {
    let mut desk = Desk::with_balance(10);
    assert_eq!(word(&desk.consume("u", 30)), "done");
    assert_eq!(desk.available(), "-20");
    let waited = Waited { in_vain: true, ..desk.waited() };
    let Step::Refused(Refusal::InsufficientCredits { available, requested, .. }) =
        desk.gate_after("a", 1, waited)
    else {
        panic!()
    };
    assert_eq!((available, requested), (credits(-20), credits(1)));
}

#[test]
fn a_refusal_writes_nothing_and_is_not_remembered() {
    let mut desk = Desk::with_balance(10);
    let before = desk.keeper.store().load().unwrap();
    let waited = Waited { in_vain: true, ..desk.waited() };
    assert_eq!(word(&desk.gate_after("a", 11, waited)), "insufficient");
    assert_eq!(desk.keeper.store().load().unwrap(), before);
    desk.read(11, Some(11));
    assert_eq!(word(&desk.gate("a", 11)), "done");
}

#[test]
fn the_outbox_is_full_at_its_bounds() {
    let mut desk = Desk::with_balance(1_000_000);
    for index in 0..MAX_OPEN_CHARGES {
        assert_eq!(word(&desk.consume(&format!("k{index}"), 1)), "done");
    }
    assert_eq!(word(&desk.consume("more", 1)), "outbox full");
    assert_eq!(word(&desk.gate("more", 1)), "outbox full");
    assert_eq!(word(&desk.gate("k7", 1)), "done", "a repeat needs no room");

    let mut desk = Desk::with_balance(1_000_000);
    let mut charge = Desk::charge("a", 1, WhenShort::Allow);
    charge.call.metadata = Some(format!("\"{}\"", "m".repeat(8_000)));
    let most = MAX_OPEN_BYTES / 8_100;
    let mut accepted = 0;
    for index in 0..=most * 2 {
        charge.call.key = crate::idempotency::IdempotencyKey::parse(&format!("k{index}")).unwrap();
        let waited = desk.waited();
        match desk.accept(&charge, waited) {
            Step::Done { .. } => accepted += 1,
            other => {
                assert_eq!(word(&other), "outbox full");
                break;
            }
        }
    }
    assert!(accepted >= most && accepted < most * 2, "{accepted} of about {most}");
}

#[test]
fn units_are_apart_and_bounded() {
    let mut desk = Desk::with_balance(10);
    let vain = Waited { arrived: 9, in_vain: true };
    for index in 1..MAX_UNITS {
        let mut charge = Desk::charge("same", 1, WhenShort::Allow);
        charge.call.key = crate::idempotency::IdempotencyKey::parse(&format!("k{index}")).unwrap();
        charge.unit = Unit::parse(&format!("unit{index}")).unwrap();
        assert_eq!(word(&desk.accept(&charge, vain)), "done");
    }
    let mut charge = Desk::charge("one-more", 1, WhenShort::Allow);
    charge.unit = Unit::parse("one-more").unwrap();
    assert_eq!(word(&desk.accept(&charge, vain)), "too many units");
    assert_eq!(desk.available(), "10");
}

#[test]
fn sums_stay_in_the_range() {
    let mut desk = Desk::with_balance(0);
    let mut charge = Desk::charge("a", 1, WhenShort::Allow);
    charge.amount = Credits::MAX;
    let waited = desk.waited();
    assert_eq!(word(&desk.accept(&charge, waited)), "done");
    assert_eq!(word(&desk.consume("b", 1)), "overflow");
    assert_eq!(desk.keeper.cache(&desk.owner.clone()).unwrap().pending(), 1);
}

#[test]
fn what_is_sent_is_plain_usage_fixed_when_it_was_accepted() {
    let mut desk = Desk::with_balance(100);
    let mut charge = Desk::charge("k\"1", 1, WhenShort::Reject);
    charge.amount = Credits::from_minor_units(1_500_000).unwrap();
    charge.call.description = Some("GPT: \"x\"".to_owned());
    charge.call.metadata = Some("{\"a\":1}".to_owned());
    let waited = desk.waited();
    desk.accept(&charge, waited);
    charge.unit = Unit::parse("api").unwrap();
    charge.call.key = crate::idempotency::IdempotencyKey::parse("k2").unwrap();
    let waited = Waited { in_vain: true, ..desk.waited() };
    charge.when_short = WhenShort::Allow;
    desk.accept(&charge, waited);
    let bodies: std::vec::Vec<_> =
        desk.keeper.store().open(0, 9).unwrap().into_iter().map(|row| row.body).collect();
    let tail = r#""description":"GPT: \"x\"","metadata":{"a":1},"idempotency_key""#;
    assert_eq!(
        bodies,
        [
            format!(r#"{{"amount":1.5,{tail}:"k\"1"}}"#),
            format!(r#"{{"amount":1.5,"unit":"api",{tail}:"k2"}}"#)
        ]
    );
}

#[test]
fn an_alarm_watches_over_what_is_accepted() {
    let mut desk = Desk::with_balance(100);
    assert_eq!(desk.keeper.store().alarm(), None);
    desk.gate("a", 1);
    let due = desk.keeper.store().alarm().unwrap();
    assert_eq!(due.since(desk.now), Duration::from_secs(10));
    // One that stands is left alone: no row is written for it with every charge.
    desk.later(Duration::from_secs(1));
    desk.gate("b", 1);
    assert_eq!(desk.keeper.store().alarm(), Some(due));
    let head = desk.keeper.cache(&desk.owner.clone()).unwrap().head().clone();
    assert_eq!(head.alarm_due, Some(due));
    assert_ne!(AlarmIntent::Set(due), AlarmIntent::Keep);
    // One that has not fired is set again by the next charge.
    desk.later(MINUTE);
    desk.gate("c", 1);
    assert!(desk.keeper.store().alarm().unwrap() > desk.now);
}
