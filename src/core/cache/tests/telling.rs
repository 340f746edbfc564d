//! How long a notice goes out with answers.

use super::desk::Desk;
use crate::cache::{Outcome, Step};
use core::time::Duration;
use std::format;
use std::vec::Vec;

/// The ids that the next answer carries.
fn told(desk: &mut Desk) -> Vec<u64> {
    let waited = crate::cache::Waited { in_vain: true, ..desk.waited() };
    match desk.balance_after(waited) {
        Step::Done { notices, .. } => notices.into_iter().map(|notice| notice.id).collect(),
        other => panic!("{other:?}"),
    }
}

fn quarantine(desk: &mut Desk, charges: u64) {
    for index in 0..charges {
        desk.gate(&format!("k{index}"), 1);
    }
    while let crate::cache::Next::Talk(_) = {
        let next = desk.lease(false);
        if let crate::cache::Next::Talk(crate::cache::Conversation::Send { token, rows, .. }) =
            &next
        {
            let refused = |position| (position, Outcome::Refused { code: "not_found".into() });
            let outcomes: Vec<_> = rows.iter().map(|row| refused(row.position)).collect();
            desk.settle(*token, &outcomes);
        }
        next
    } {}
}

#[test]
fn a_notice_is_repeated_for_five_minutes_after_it_was_first_told() {
    let mut desk = Desk::with_balance(100);
    quarantine(&mut desk, 1);
    desk.later(Duration::from_secs(86_400));
    assert_eq!(told(&mut desk), [1], "however late somebody asks");
    desk.later(Duration::from_secs(300));
    assert_eq!(told(&mut desk), [1]);
    desk.restart();
    desk.later(Duration::from_secs(1));
    assert_eq!(told(&mut desk), [0; 0]);
    assert_eq!(desk.keeper.cache(&desk.owner.clone()).unwrap().head().untold, 0);
}

#[test]
fn many_notices_go_out_in_turns_that_are_short_while_others_wait() {
    let mut desk = Desk::with_balance(1_000);
    quarantine(&mut desk, 120);
    assert_eq!(told(&mut desk), (1..=50).collect::<Vec<u64>>());
    desk.later(Duration::from_secs(10));
    assert_eq!(told(&mut desk), (1..=50).collect::<Vec<u64>>(), "that answer may have been lost");
    for (first, last) in [(51, 100), (101, 120)] {
        desk.later(Duration::from_secs(11));
        told(&mut desk);
        assert_eq!(told(&mut desk), (first..=last).collect::<Vec<u64>>());
    }
    desk.later(Duration::from_secs(300));
    assert_eq!(told(&mut desk), (101..=120).collect::<Vec<u64>>(), "nobody waits behind these");
}

#[test]
fn charges_are_refused_once_too_many_refusals_wait_to_be_told() {
    let mut desk = Desk::with_balance(1_000_000);
    let mut told = 0;
    for round in 0.. {
        for index in 0..6 {
            let word = crate::cache::tests::desk::word(&desk.gate(&format!("{round}-{index}"), 1));
            if word == "outbox full" {
                assert!(told >= crate::cache::MAX_OPEN_CHARGES);
                return;
            }
        }
        let (token, positions) = desk.begin_send();
        let rejected = || Outcome::Rejected { code: "insufficient_credits".into() };
        let outcomes: Vec<_> = positions.into_iter().map(|at| (at, rejected())).collect();
        desk.settle(token, &outcomes);
        told = desk.keeper.cache(&desk.owner.clone()).unwrap().head().untold;
        assert!(told < crate::cache::MAX_OPEN_CHARGES + 100);
    }
}

#[test]
fn what_was_told_otherwise_is_dropped_up_to_its_number() {
    let mut desk = Desk::with_balance(10_000);
    quarantine(&mut desk, 3_000);
    let owner = desk.owner.clone();
    desk.keeper.told(&owner, desk.now, 2_990).unwrap();
    assert_eq!(told(&mut desk), (2_991..=3_000).collect::<Vec<u64>>());
    assert_eq!(desk.keeper.cache(&owner).unwrap().head().untold, 10);
    desk.keeper.told(&owner, desk.now, 3_000).unwrap();
    assert_eq!(desk.keeper.store().notices_after(0).count(), 0);
    desk.restart();
    assert_eq!(desk.keeper.cache(&owner).unwrap().head().untold, 0);
    quarantine(&mut desk, 3_001);
    assert_eq!(told(&mut desk), [3_001], "numbers go on");
}
