//! Which conversation comes next: leases, batches, rests, probes, windows.

use super::desk::{Desk, UNKNOWN, applied, word};
use crate::cache::{
    Conversation, Next, NoticeKind, Outcome, ReadFailure, Reading, Step, Store as _,
};
use crate::error::Effect;
use core::time::Duration;
use std::format;
use std::vec::Vec;

const HOUR: Duration = Duration::from_secs(3600);

fn send(desk: &mut Desk) -> (Vec<u64>, bool) {
    match desk.lease(false) {
        Next::Talk(Conversation::Send { rows, batch, .. }) => {
            (rows.iter().map(|row| row.position).collect(), batch)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn our_own_worker_takes_batches_and_others_a_few_at_once() {
    for (ours, expected) in [(false, 6), (true, 100)] {
        let mut desk = Desk::new();
        let token = desk.begin_read();
        let balance = super::desk::credits(10_000);
        desk.merge(token, Ok(Reading { balance, sequence: Some(1), credit_name: None, ours }));
        for index in 0..150 {
            desk.gate(&format!("k{index}"), 1);
        }
        let (rows, batch) = send(&mut desk);
        assert_eq!((rows.len(), batch), (expected, ours));
        assert_eq!(rows.first(), Some(&1));
    }
}

#[test]
fn a_batch_stays_below_the_ledgers_limit() {
    let mut desk = Desk::new();
    let token = desk.begin_read();
    let balance = super::desk::credits(10_000);
    desk.merge(token, Ok(Reading { balance, sequence: None, credit_name: None, ours: true }));
    let mut charge = Desk::charge("k", 1, crate::ledger::WhenShort::Allow);
    charge.call.metadata = Some(format!("{{\"m\":\"{}\"}}", "\\u00e9".repeat(5_000)));
    for index in 0..40 {
        charge.call.key = crate::idempotency::IdempotencyKey::parse(&format!("k{index}")).unwrap();
        let waited = desk.waited();
        assert_eq!(word(&desk.accept(&charge, waited)), "done");
    }
    let Next::Talk(Conversation::Send { rows, .. }) = desk.lease(false) else { panic!() };
    let bytes: usize = rows.iter().map(|row| row.body.len() + 1).sum();
    assert!(rows.len() < 40 && bytes <= 900 * 1024 && bytes > 800 * 1024, "{bytes}");
}

#[test]
fn a_batch_that_is_not_taken_goes_singly() {
    let mut desk = Desk::new();
    let token = desk.begin_read();
    let balance = super::desk::credits(100);
    desk.merge(token, Ok(Reading { balance, sequence: None, credit_name: None, ours: true }));
    desk.gate("a", 1);
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, Outcome::Singly)]);
    assert_eq!(send(&mut desk), (Vec::from([1]), false));
}

#[test]
fn one_conversation_at_a_time_and_a_lost_one_ends_with_its_lease() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    let (lost, _) = desk.begin_send();
    desk.restart();
    desk.later(desk.config.lease - Duration::from_millis(1));
    assert!(matches!(desk.lease(false), Next::Busy { .. }));
    assert!(matches!(desk.lease(true), Next::Busy { .. }));
    desk.later(Duration::from_millis(1));
    let Next::Talk(Conversation::Send { token, rows, .. }) = desk.lease(false) else { panic!() };
    assert!(token > lost);
    let row = rows.first().unwrap();
    assert_eq!(row.attempts, 1, "the lost attempt is counted");
    assert!(row.first_attempt_at.is_some() && row.first_attempt_at == row.last_attempt_at);
    // The lost conversation's refusal says nothing now; that it was applied would.
    desk.settle(lost, &[(1, Outcome::Rejected { code: "insufficient_credits".into() })]);
    assert_eq!(desk.keeper.cache(&desk.owner.clone()).unwrap().pending(), 1);
    desk.settle(lost, &[(1, applied(99, Some(11)))]);
    assert_eq!(desk.keeper.cache(&desk.owner.clone()).unwrap().pending(), 0);
    assert_eq!(desk.available(), "99");
}

#[test]
fn a_lease_of_the_future_has_ended() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    desk.begin_send();
    desk.now = crate::time::Timestamp::from_millis(desk.now.as_millis() - 3_600_000);
    assert!(matches!(desk.lease(false), Next::Talk(_)));
}

#[test]
fn rows_that_wait_for_a_time_of_the_old_clock_are_due() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, UNKNOWN)]);
    desk.later(Duration::from_secs(2));
    desk.read(100, Some(10));
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, Outcome::Rejected { code: "insufficient_credits".into() })]);
    let due = desk.keeper.store().open(0, 1).unwrap().remove(0).due_at;
    assert!(due.since(desk.now) > Duration::from_secs(590));
    desk.now = crate::time::Timestamp::from_millis(desk.now.as_millis() - 3_600_000);
    desk.begin_send();
    let row = desk.keeper.store().open(0, 1).unwrap().remove(0);
    assert_eq!(row.due_at, desk.now, "and do not wait for it again when the clock catches up");
}

#[test]
fn a_rest_that_does_not_count_is_forgotten() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, Outcome::Paused { code: "invalid_api_key".into() })]);
    let before = desk.now;
    // However little the clock stepped back, and even if nobody called meanwhile.
    desk.now = crate::time::Timestamp::from_millis(before.as_millis() - 1);
    assert_eq!(word(&desk.gate("b", 200)), "read first");
    let token = desk.begin_read();
    desk.now = before;
    assert_eq!(word(&desk.gate("b", 200)), "read first", "the clock has caught up");
    desk.end_read(token, 100, Some(10));
    assert!(matches!(desk.lease(false), Next::Talk(Conversation::Send { .. })));
}

#[test]
fn a_failing_upstream_is_probed_by_reads_with_growing_pauses() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, UNKNOWN)]);
    let mut pauses = Vec::new();
    for _ in 0..4 {
        let Next::Wait { until } = desk.lease(false) else { panic!() };
        assert_eq!(desk.keeper.store().alarm(), Some(until), "the alarm is set for it");
        pauses.push(until.since(desk.now).as_millis());
        desk.now = until;
        let Next::Talk(Conversation::Read { token, .. }) = desk.lease(false) else { panic!() };
        desk.fail_read(token);
    }
    for (pause, longest) in pauses.iter().zip([1_000, 2_000, 4_000, 8_000]) {
        assert!((longest / 2..=longest).contains(pause), "{pauses:?}");
    }
    // A read that succeeds lets one conversation through; its failure counts on.
    let Next::Wait { until } = desk.lease(false) else { panic!() };
    desk.now = until;
    let Next::Talk(Conversation::Send { token, rows, .. }) = desk.lease(false) else { panic!() };
    assert_eq!(rows.len(), 1, "every fifth probe is a charge");
    desk.settle(token, &[(1, UNKNOWN)]);
    let Next::Wait { until } = desk.lease(false) else { panic!() };
    assert!(until.since(desk.now) >= Duration::from_secs(16));
    desk.now = until;
    desk.read(100, Some(10));
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, applied(99, Some(11)))]);
    let health = &desk.keeper.cache(&desk.owner.clone()).unwrap().head().health;
    assert_eq!((health.failures, health.resume_at), (0, None));
}

#[test]
fn a_read_that_alone_is_refused_does_not_stop_the_outbox() {
    let mut desk = Desk::new();
    let token = desk.begin_read();
    desk.merge(token, Err(ReadFailure { refused: None, answered: true, after: None }));
    let waited = crate::cache::Waited { in_vain: true, ..desk.waited() };
    let charge = Desk::charge("a", 1, crate::ledger::WhenShort::Allow);
    assert_eq!(word(&desk.accept(&charge, waited)), "done");
    assert_eq!(send(&mut desk).0, [1]);
}

#[test]
fn hints_are_followed_up_to_ten_minutes() {
    for (asked, expected) in [(90, 90), (86_400, 600)] {
        let mut desk = Desk::with_balance(100);
        desk.gate("a", 1);
        let (token, _) = desk.begin_send();
        let after = Some(Duration::from_secs(asked));
        desk.settle(token, &[(1, Outcome::Again { effect: Effect::NotApplied, after })]);
        let Next::Wait { until } = desk.lease(false) else { panic!() };
        assert_eq!(until.since(desk.now), Duration::from_secs(expected));
    }
}

#[test]
fn a_hint_counts_for_its_charge_whatever_became_of_the_others() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    desk.gate("b", 1);
    let (token, _) = desk.begin_send();
    let after = Some(Duration::from_secs(30));
    let busy = Outcome::Again { effect: Effect::NotApplied, after };
    desk.settle(token, &[(1, applied(99, None)), (2, busy)]);
    let Next::Wait { until } = desk.lease(false) else { panic!() };
    assert_eq!(until.since(desk.now), Duration::from_secs(30));
}

#[test]
fn a_charge_is_tried_now_and_then_even_while_calls_wait_for_a_read_that_fails() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, UNKNOWN)]);
    let mut sent = 0;
    for _ in 0..10 {
        desk.later(Duration::from_secs(60));
        match desk.lease(true) {
            Next::Talk(Conversation::Read { token, .. }) => desk.fail_read(token),
            Next::Talk(Conversation::Send { token, .. }) => {
                sent += 1;
                desk.settle(token, &[(1, UNKNOWN)]);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(sent, 2);
}

#[test]
fn waiting_calls_and_waiting_charges_take_turns() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    // The desk's first conversation was a read.
    let Next::Talk(Conversation::Send { token, .. }) = desk.lease(true) else { panic!() };
    desk.settle(token, &[(1, applied(99, None))]);
    desk.gate("b", 1);
    let token = desk.begin_read();
    desk.end_read(token, 99, Some(12));
    assert!(matches!(desk.lease(true), Next::Talk(Conversation::Send { .. })));
}

#[test]
fn a_charge_of_unknown_fate_is_not_sent_near_the_end_of_the_window() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    desk.gate("b", 2);
    let (token, _) = desk.begin_send();
    let not_applied = Outcome::Again { effect: Effect::NotApplied, after: None };
    desk.settle(token, &[(1, UNKNOWN), (2, not_applied)]);
    // 24 hours less a tenth.
    desk.later(HOUR * 21 + HOUR * 3 / 5);
    desk.read(100, Some(10));
    let Next::Talk(Conversation::Send { rows, .. }) = desk.lease(false) else { panic!() };
    let positions: Vec<u64> = rows.iter().map(|row| row.position).collect();
    assert_eq!(positions, [2], "a charge that was never taken has no window");
    assert_eq!(desk.available(), "97", "what is open may not be spent again");
    let Step::Done { notices, pending, .. } = desk.gate("c", 1) else { panic!() };
    let notice = notices.first().unwrap();
    assert_eq!((notice.kind, pending), (NoticeKind::Quarantined, 2));
    assert_eq!(notice.charge.as_ref().unwrap().key.as_str(), "a");
}

#[test]
fn a_refused_key_pauses_and_another_key_resumes() {
    let mut desk = Desk::with_balance(100);
    desk.config.authority = 1;
    desk.gate("a", 1);
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, Outcome::Paused { code: "invalid_api_key".into() })]);
    let Next::Wait { until } = desk.lease(false) else { panic!() };
    assert_eq!(until.since(desk.now), Duration::from_secs(600));
    let Step::Done { notices, .. } = desk.gate("b", 1) else { panic!() };
    assert_eq!(notices.first().unwrap().kind, NoticeKind::Paused);
    // The same key again is no news.
    desk.now = until;
    let token = desk.begin_read();
    let refused = Some("invalid_api_key".into());
    desk.merge(token, Err(ReadFailure { refused, answered: false, after: None }));
    let head = desk.keeper.cache(&desk.owner.clone()).unwrap().head().clone();
    assert_eq!((head.notices, head.health.paused), (1, true));
    assert!(matches!(desk.lease(false), Next::Wait { .. }));
    desk.config.authority = 2;
    desk.read(100, Some(10));
    let (token, rows) = desk.begin_send();
    assert_eq!(rows, [1, 2]);
    desk.settle(token, &[(1, applied(99, Some(11))), (2, applied(98, Some(12)))]);
    assert!(!desk.keeper.cache(&desk.owner.clone()).unwrap().head().health.paused);
}

#[test]
fn alarms_late_early_twice_and_lost_change_nothing_but_the_time() {
    let mut desk = Desk::with_balance(100);
    assert!(!desk.keeper.wake(desk.now).unwrap(), "nothing waits");
    desk.gate("a", 1);
    for _ in 0..2 {
        assert!(desk.keeper.wake(desk.now).unwrap());
        let armed = desk.keeper.store().alarm().unwrap();
        assert_eq!(armed.since(desk.now), Duration::from_secs(60), "armed before anything else");
    }
    let owner = desk.owner.clone();
    // Lost: found by the next call, more than a minute after its time.
    desk.later(Duration::from_secs(119));
    assert!(desk.keeper.watch(&owner, desk.now, &desk.config).unwrap());
    assert!(desk.keeper.store().alarm().unwrap() < desk.now);
    desk.later(Duration::from_secs(2));
    assert!(desk.keeper.watch(&owner, desk.now, &desk.config).unwrap());
    assert!(desk.keeper.store().alarm().unwrap() > desk.now);
    desk.begin_send();
    assert!(!desk.keeper.watch(&owner, desk.now, &desk.config).unwrap(), "somebody is at it");
}
