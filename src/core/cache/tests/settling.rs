//! What answers do to charges, and what operators may do (D6, D13).

use super::desk::{Desk, UNKNOWN, applied, word};
use crate::cache::{
    Counts, Handled, Next, NoticeKind, Outcome, Receipt, RecordState, Step, Store as _,
};
use crate::idempotency::{Operation, Scope};
use crate::ids::TransactionId;
use core::time::Duration;

fn id(desk: &Desk, key: &str) -> TransactionId {
    Scope { owner: &desk.owner, operation: Operation::Consume }.transaction_id(key)
}

fn counts(desk: &mut Desk) -> (u64, u64, u64, u64, u64) {
    let owner = desk.owner.clone();
    let (overview, _) =
        desk.keeper.overview(&owner, desk.now, (0, 10), &desk.config.clone()).unwrap();
    let Counts { pending, in_flight, applied, rejected, quarantined } = overview.counts;
    (pending, in_flight, applied, rejected, quarantined)
}

fn rejected() -> Outcome {
    Outcome::Rejected { code: "insufficient_credits".into() }
}

fn state(desk: &Desk, key: &str) -> RecordState {
    desk.keeper.store().record(&id(desk, key), desk.now).unwrap().unwrap().state
}

#[test]
fn every_edge_of_a_charge() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    desk.gate("b", 2);
    desk.gate("c", 3);
    desk.gate("d", 4);
    assert_eq!(counts(&mut desk), (4, 0, 0, 0, 0));
    let (token, _) = desk.begin_send();
    assert_eq!(counts(&mut desk), (0, 4, 0, 0, 0));
    let refused = Outcome::Refused { code: "unknown_field".into() };
    let outcomes = [(1, applied(99, Some(11))), (2, rejected()), (3, refused), (4, UNKNOWN)];
    desk.settle(token, &outcomes);
    assert_eq!(counts(&mut desk), (1, 0, 1, 1, 1));
    // 99 as read, less 3 whose fate is open and 4 that are sent again.
    assert_eq!(desk.available(), "92");
    assert_eq!(state(&desk, "b"), RecordState::Rejected);
    assert_eq!(state(&desk, "c"), RecordState::Quarantined);
    // What is settled stays so, whatever is still said of it.
    desk.settle(token, &outcomes);
    assert_eq!(counts(&mut desk), (1, 0, 1, 1, 1));
    desk.restart();
    assert_eq!(counts(&mut desk), (1, 0, 1, 1, 1));
}

#[test]
fn a_rejection_is_told_and_its_key_stays_answered() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, rejected())]);
    let Step::Done { notices, answer, .. } = desk.gate("a", 1) else { panic!() };
    assert!(answer.replayed);
    assert_eq!(answer.record.state, RecordState::Rejected);
    let notice = notices.first().unwrap();
    assert_eq!((notice.kind, &*notice.code), (NoticeKind::Rejected, "insufficient_credits"));
    assert_eq!(desk.available(), "100");
}

#[test]
fn a_refusal_counts_only_when_no_earlier_attempt_can_still_arrive() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, UNKNOWN)]);
    desk.later(Duration::from_secs(2));
    desk.read(100, Some(10));
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, rejected())]);
    assert_eq!(counts(&mut desk), (1, 0, 0, 0, 0), "the first attempt may still arrive");
    assert!(matches!(desk.lease(false), Next::Wait { .. }));
    desk.later(Duration::from_secs(600));
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, rejected())]);
    assert_eq!(counts(&mut desk), (0, 0, 0, 1, 0));
}

#[test]
fn a_charge_without_an_outcome_is_of_unknown_fate() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    let (token, _) = desk.begin_send();
    desk.settle(token, &[]);
    let row = desk.keeper.store().open(0, 1).unwrap().remove(0);
    assert!(row.first_attempt_at.is_some());
    assert_eq!(counts(&mut desk), (1, 0, 0, 0, 0));
}

#[test]
fn the_upstreams_own_name_is_kept_beside_ours() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    let (token, _) = desk.begin_send();
    let receipt = Receipt { id: Some("tx-77".into()), ..Receipt::default() };
    desk.settle(token, &[(1, Outcome::Applied(receipt))]);
    let record = desk.keeper.store().record(&id(&desk, "a"), desk.now).unwrap().unwrap();
    assert_eq!(record.upstream_id.as_deref(), Some("tx-77"));
    assert_eq!(record.id, id(&desk, "a"));
}

#[test]
fn operators_retry_and_write_off_what_is_quarantined_and_nothing_else() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    desk.gate("b", 2);
    desk.gate("c", 3);
    let (token, _) = desk.begin_send();
    let refused = || Outcome::Refused { code: "not_found".into() };
    desk.settle(token, &[(1, refused()), (2, refused()), (3, UNKNOWN)]);
    let (owner, now) = (desk.owner.clone(), desk.now);
    let (a, b, c) = (id(&desk, "a"), id(&desk, "b"), id(&desk, "c"));
    let other = id(&desk, "none");
    assert_eq!(desk.keeper.retry(&owner, now, &c), Ok(Handled::NotQuarantined));
    assert_eq!(desk.keeper.write_off(&owner, now, &other), Ok(Handled::Unknown));
    assert_eq!(desk.keeper.write_off(&owner, now, &a), Ok(Handled::Done));
    assert_eq!(counts(&mut desk), (1, 0, 0, 1, 1));
    assert_eq!(desk.available(), "95", "what is written off may be spent again");
    assert_eq!(desk.keeper.write_off(&owner, now, &a), Ok(Handled::Unknown));
    assert_eq!(desk.keeper.retry(&owner, now, &b), Ok(Handled::Done));
    assert_eq!(counts(&mut desk), (2, 0, 0, 1, 0));
    let (token, positions) = {
        desk.later(Duration::from_secs(2));
        desk.begin_send()
    };
    assert_eq!(positions, [2, 3]);
    desk.settle(token, &[(2, applied(98, Some(11))), (3, applied(95, Some(12)))]);
    assert_eq!(counts(&mut desk), (0, 0, 2, 1, 0));
    assert_eq!(desk.available(), "95");
    assert_eq!(state(&desk, "b"), RecordState::Accepted);
    assert_eq!(word(&desk.gate("b", 2)), "done");
}

#[test]
fn an_operators_retry_does_not_forget_an_attempt_that_may_still_arrive() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, UNKNOWN)]);
    desk.later(Duration::from_secs(2));
    desk.read(100, Some(10));
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, Outcome::Refused { code: "not_found".into() })]);
    let (owner, a) = (desk.owner.clone(), id(&desk, "a"));
    assert_eq!(desk.keeper.retry(&owner, desk.now, &a), Ok(Handled::Done));
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, rejected())]);
    assert_eq!(counts(&mut desk), (1, 0, 0, 0, 0), "it is sent at once, and its refusal waits");
    desk.later(Duration::from_secs(600));
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, rejected())]);
    assert_eq!(counts(&mut desk), (0, 0, 0, 1, 0));
}

#[test]
fn a_late_answer_settles_what_was_quarantined() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    let (first, _) = desk.begin_send();
    desk.later(desk.config.lease);
    let (second, _) = desk.begin_send();
    desk.settle(second, &[(1, Outcome::Refused { code: "not_found".into() })]);
    assert_eq!(counts(&mut desk), (0, 0, 0, 0, 1));
    desk.settle(first, &[(1, applied(99, Some(11)))]);
    assert_eq!(counts(&mut desk), (0, 0, 1, 0, 0));
    assert_eq!(state(&desk, "a"), RecordState::Accepted);
}

#[test]
fn a_refusal_that_does_not_count_yet_is_not_asked_for_again_at_once_when_the_clock_steps_back() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 1);
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, UNKNOWN)]);
    desk.now = crate::time::Timestamp::from_millis(desk.now.as_millis() - 3_600_000);
    desk.read(100, Some(10));
    let rejected = || [(1, Outcome::Rejected { code: "insufficient_credits".into() })];
    let (token, _) = desk.begin_send();
    desk.settle(token, &rejected());
    assert!(matches!(desk.lease(false), Next::Wait { .. }), "the attempt may be under way");
    desk.later(Duration::from_secs(600));
    let (token, _) = desk.begin_send();
    desk.settle(token, &rejected());
    assert_eq!(counts(&mut desk), (0, 0, 0, 1, 0));
}
