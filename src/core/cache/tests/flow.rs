//! A charge's way from its acceptance to its end.

use super::desk::{Desk, UNKNOWN, applied, word};
use crate::cache::{Next, Outcome};
use core::time::Duration;

#[test]
fn a_first_call_reads_the_balance() {
    let mut desk = Desk::new();
    let waited = desk.waited();
    assert_eq!(word(&desk.gate_after("a", 5, waited)), "read first");
    desk.read(100, Some(1));
    assert_eq!(word(&desk.gate_after("a", 5, waited)), "done");
    assert_eq!(desk.available(), "95");
    assert_eq!(word(&desk.gate("a", 5)), "done", "a repeat");
    assert_eq!(word(&desk.gate("a", 6)), "key reused");
    assert_eq!(desk.available(), "95");
}

#[test]
fn a_charge_counts_once_whatever_is_read_meanwhile() {
    let mut desk = Desk::with_balance(100);
    assert_eq!(word(&desk.gate("a", 30)), "done");
    let (token, positions) = desk.begin_send();
    assert_eq!(positions, [1]);
    assert!(matches!(desk.lease(false), Next::Busy { .. }));
    desk.settle(token, &[(1, applied(70, Some(11)))]);
    assert_eq!(desk.available(), "70");
    desk.restart();
    assert_eq!(desk.available(), "70");
    assert_eq!(desk.lease(false), Next::Idle);
}

#[test]
fn what_may_be_in_the_reading_is_subtracted_until_it_is_known() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 30);
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, UNKNOWN)]);
    desk.later(Duration::from_secs(2));
    // It was applied, and the reading shows it; nobody can know.
    desk.read(70, Some(11));
    assert_eq!(desk.available(), "40");
    desk.later(Duration::from_secs(2));
    let (token, _) = desk.begin_send();
    let again = Outcome::Applied(crate::cache::Receipt {
        balance: Some(super::desk::credits(70)),
        sequence: Some(11),
        replayed: true,
        id: None,
    });
    desk.settle(token, &[(1, again)]);
    assert_eq!(desk.available(), "70");
}

#[test]
fn a_shortage_is_checked_upstream_once() {
    let mut desk = Desk::with_balance(10);
    let waited = desk.waited();
    assert_eq!(word(&desk.gate_after("a", 20, waited)), "read first");
    desk.read(10, Some(10));
    assert_eq!(word(&desk.gate_after("a", 20, waited)), "insufficient");
    desk.read(25, Some(11));
    assert_eq!(word(&desk.gate("a", 20)), "done");
    assert_eq!(desk.available(), "5");
}

#[test]
fn usage_is_accepted_and_gates_go_on_to_the_last_known_balance_while_the_upstream_is_away() {
    let mut desk = Desk::with_balance(100);
    desk.later(Duration::from_secs(3600));
    assert_eq!(word(&desk.gate("a", 60)), "read first");
    let token = desk.begin_read();
    desk.fail_read(token);
    // The upstream is left alone for a while, so nobody waits for it now.
    assert_eq!(word(&desk.gate("a", 60)), "done");
    assert_eq!(word(&desk.gate("b", 60)), "insufficient");
    assert_eq!(word(&desk.consume("c", 60)), "done");
    assert_eq!(desk.available(), "-20");
    assert_eq!(word(&desk.balance()), "done");

    desk.config.graceful_degradation = false;
    assert_eq!(word(&desk.gate("d", 1)), "stale");
    assert_eq!(word(&desk.balance()), "stale");
    assert_eq!(word(&desk.consume("e", 1)), "done");
}
