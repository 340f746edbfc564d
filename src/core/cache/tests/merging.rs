//! The merge rule (D5), by tables and against a model that knows the upstream.

use super::desk::{Desk, applied, credits, word};
use crate::cache::{Outcome, Receipt, Snapshot, UnitState};
use crate::time::Timestamp;
use proptest::prelude::*;
use std::vec::Vec;

fn snapshot(balance: i64, sequence: Option<u64>, read: u64) -> Snapshot {
    let as_of = Timestamp::from_millis(1);
    Snapshot { balance: credits(balance), sequence, read, as_of, credit_name: None }
}

#[test]
fn older_readings_are_ignored() {
    // Known sequence and read, those of the reading, whether it is taken.
    let table = [
        ((Some(5), 3), (Some(6), 4), true),
        ((Some(5), 3), (Some(6), 2), true),
        ((Some(5), 3), (Some(5), 4), true),
        ((Some(5), 3), (Some(5), 2), false),
        ((Some(5), 3), (Some(4), 4), false),
        ((None, 3), (None, 4), true),
        ((None, 3), (None, 2), false),
        ((None, 3), (Some(1), 4), true),
        ((Some(5), 3), (None, 4), true),
        ((Some(5), 3), (None, 2), false),
    ];
    for ((known, read), (sequence, new_read), taken) in table {
        let mut unit = UnitState::new(crate::ids::Unit::credits());
        unit.merge(snapshot(1, known, read));
        assert_eq!(unit.merge(snapshot(2, sequence, new_read)), taken, "{known:?} {sequence:?}");
        let balance = unit.snapshot.unwrap().balance;
        assert_eq!(balance, credits(if taken { 2 } else { 1 }));
    }
}

#[test]
fn an_acknowledged_charge_counts_until_a_reading_has_it_for_certain() {
    // Without positions: what was acknowledged before the reading began is in it.
    let mut desk = Desk::new();
    desk.read(100, None);
    desk.gate("a", 10);
    let (token, _) = desk.begin_send();
    desk.settle(token, &[(1, applied(90, None))]);
    assert_eq!(desk.available(), "90", "the answer's balance is no snapshot");
    let token = desk.begin_read();
    desk.gate("b", 5);
    desk.end_read(token, 90, None);
    assert_eq!(desk.available(), "85");
}

#[test]
fn a_reading_that_began_before_the_acknowledgement_may_lack_the_charge() {
    let mut desk = Desk::new();
    desk.read(100, None);
    desk.gate("a", 10);
    let (token, _) = desk.begin_send();
    // The lease is lost, a read begins, and only then comes the answer of the first conversation.
    desk.later(desk.config.lease);
    let read = desk.begin_read();
    desk.settle(token, &[(1, applied(90, None))]);
    assert_eq!(desk.available(), "90");
    desk.end_read(read, 100, None);
    assert_eq!(desk.available(), "90", "whether it was in this reading is open");
    desk.read(90, None);
    assert_eq!(desk.available(), "90");
}

#[test]
fn a_replays_balance_is_of_old() {
    let mut desk = Desk::with_balance(100);
    desk.gate("a", 10);
    let (token, _) = desk.begin_send();
    let balance = Some(credits(500));
    let receipt = Receipt { balance, sequence: Some(12), replayed: true, id: None };
    desk.settle(token, &[(1, Outcome::Applied(receipt))]);
    assert_eq!(desk.available(), "90");
}

#[test]
fn a_lost_leases_reading_is_ignored() {
    let mut desk = Desk::with_balance(100);
    let token = desk.begin_read();
    desk.later(desk.config.lease);
    let second = desk.begin_read();
    desk.end_read(token, 1, Some(99));
    assert_eq!(desk.available(), "100");
    desk.end_read(second, 50, Some(11));
    assert_eq!(desk.available(), "50");
}

#[test]
fn many_acknowledged_charges_stay_few_sums_and_never_count_too_early() {
    let mut unit = UnitState::new(crate::ids::Unit::credits());
    unit.merge(snapshot(1_000, Some(1), 1));
    for sequence in 2..202 {
        let amount = credits(1);
        unit.acknowledge(crate::cache::Acknowledged { sequence: Some(sequence), mark: 1, amount });
    }
    assert!(unit.acknowledged.len() <= 33, "{}", unit.acknowledged.len());
    assert_eq!(unit.available(), Some(credits(800)));
    // A reading in the middle lets go of no charge that it lacks.
    unit.merge(snapshot(900, Some(101), 2));
    assert!(unit.available().unwrap() <= credits(800));
    unit.merge(snapshot(800, Some(201), 3));
    assert_eq!(unit.available(), Some(credits(800)));
}

#[test]
fn an_upstream_whose_positions_went_back_is_not_overdrawn() {
    let mut desk = Desk::new();
    desk.read(100, Some(1_000));
    // Restored, or another: its positions begin anew.
    for (key, position, balance) in [("a", 1, 40), ("b", 2, -20)] {
        desk.gate(key, 60);
        if let crate::cache::Next::Talk(crate::cache::Conversation::Send { token, .. }) =
            desk.lease(false)
        {
            desk.settle(token, &[(position, applied(balance, Some(position)))]);
        }
    }
    assert_eq!(desk.available(), "40", "the second gate was shut");
    desk.read(40, Some(1));
    assert_eq!(desk.available(), "40");
    desk.read(30, Some(1_001));
    assert_eq!(desk.available(), "30");
}

/// What a random history does next.
#[derive(Clone, Debug)]
enum Event {
    Charge(i64),
    Send,
    /// The oldest conversation that is open upstream arrives there.
    Arrive,
    /// The answer to it comes back.
    Answer,
    /// It never does.
    Lose,
    Read,
    ReadAnswer,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (1..30_i64).prop_map(Event::Charge),
        3 => Just(Event::Send),
        3 => Just(Event::Arrive),
        3 => Just(Event::Answer),
        1 => Just(Event::Lose),
        2 => Just(Event::Read),
        2 => Just(Event::ReadAnswer),
    ];
    proptest::collection::vec(event, 1..80)
}

/// An upstream that applies each key once, and tells its position or does not.
struct Upstream {
    balance: i64,
    sequence: u64,
    tells: bool,
    applied: Vec<(u64, u64)>,
}

impl Upstream {
    fn apply(&mut self, position: u64, amount: i64) -> Receipt {
        let tell = |sequence: u64, tells: bool| tells.then_some(sequence);
        if let Some((_, sequence)) = self.applied.iter().find(|(known, _)| *known == position) {
            let balance = Some(credits(self.balance + 7));
            let sequence = tell(*sequence, self.tells);
            return Receipt { balance, sequence, replayed: true, id: None };
        }
        self.balance -= amount;
        self.sequence += 1;
        self.applied.push((position, self.sequence));
        let balance = Some(credits(self.balance));
        Receipt { balance, sequence: tell(self.sequence, self.tells), replayed: false, id: None }
    }
}

/// A conversation on its way: its rows, and what the upstream has answered so far.
struct Sent {
    token: u64,
    rows: Vec<(u64, i64)>,
    receipts: Option<Vec<Receipt>>,
}

proptest! {
    /// Whatever is lost, late or read in between: as the only one who spends, the cache never
    /// lets a gate take what is not there.
    #[test]
    fn a_sole_writer_never_overdraws(history in events(), tells in any::<bool>()) {
        let mut desk = Desk::new();
        let mut upstream = Upstream { balance: 100, sequence: 10, tells, applied: Vec::new() };
        desk.read(100, tells.then_some(10));
        let (mut sent, mut read): (Vec<Sent>, Option<(u64, i64, u64)>) = (Vec::new(), None);
        let (mut keys, mut accepted) = (0, 0);
        for event in history {
            match event {
                Event::Charge(amount) => {
                    keys += 1;
                    let waited = crate::cache::Waited { arrived: u64::MAX, in_vain: true };
                    if word(&desk.gate_after(&std::format!("k{keys}"), amount, waited)) == "done" {
                        accepted += amount;
                    }
                    prop_assert!(accepted <= 100, "accepted {accepted}");
                }
                Event::Send => {
                    if let crate::cache::Next::Talk(crate::cache::Conversation::Send { token, rows, .. }) = desk.lease(false) {
                        let rows = rows.iter().map(|row| (row.position, row.amount.minor_units() / 1_000_000)).collect();
                        sent.push(Sent { token, rows, receipts: None });
                    }
                }
                Event::Arrive => {
                    if let Some(one) = sent.iter_mut().find(|one| one.receipts.is_none()) {
                        one.receipts = Some(one.rows.iter().map(|(position, amount)| upstream.apply(*position, *amount)).collect());
                    }
                }
                Event::Answer => {
                    if let Some(at) = sent.iter().position(|one| one.receipts.is_some()) {
                        let one = sent.remove(at);
                        let receipts = one.receipts.unwrap();
                        let outcomes: Vec<_> = one.rows.iter().zip(receipts).map(|((position, _), receipt)| (*position, Outcome::Applied(receipt))).collect();
                        desk.settle(one.token, &outcomes);
                    }
                }
                // Its process died: the next may begin when the lease has ended.
                Event::Lose => {
                    desk.later(desk.config.lease);
                    desk.restart();
                }
                Event::Read => {
                    if let crate::cache::Next::Talk(crate::cache::Conversation::Read { token, .. }) = desk.lease(true) {
                        read = Some((token, upstream.balance, upstream.sequence));
                    }
                }
                Event::ReadAnswer => {
                    if let Some((token, balance, sequence)) = read.take() {
                        desk.end_read(token, balance, tells.then_some(sequence));
                    }
                }
            }
            prop_assert!(upstream.balance >= 0);
        }
    }
}
