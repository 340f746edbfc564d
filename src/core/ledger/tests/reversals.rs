//! Reversals of grants whose credits come back later: by a refund of a charge, or by a hold's end.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use proptest::prelude::*;

use super::book::{Book, at, credits};
use super::payments::{paid, refunded};
use crate::credits::Credits;
use crate::idempotency::IdempotencyKey;
use crate::ids::Unit;
use crate::ledger::payment::share;
use crate::ledger::*;

const DAY: i64 = 86_400;

#[test]
fn a_charge_of_an_ended_grant_comes_to_the_same_before_and_after_the_reversal() {
    let spent = || {
        let mut book = Book::new();
        book.pay(0, &paid("1000", Some(1)));
        book.play("1 use 600 #u\n86400 settle");
        book
    };
    let mut book = spent();
    assert_eq!(book.pay(2 * DAY, &refunded(1, 1)), "reversed = -600");
    assert_eq!(book.play("172801 refund 200 of #u #a\n172802 refund 400 of #u #b"), "= -400\n= 0");
    assert_eq!(book.available(at(3 * DAY)), "0");
    let mut book = spent();
    assert_eq!(book.play("172800 refund 600 of #u #a"), "= 600");
    assert_eq!(book.pay(2 * DAY, &refunded(1, 1)), "none = 0");
    // Half of the money: 400 of the 500 have expired, and 100 are owed until usage is given back.
    let mut book = spent();
    assert_eq!(book.pay(2 * DAY, &refunded(1, 2)), "reversed = -100");
    assert_eq!(book.play("172801 refund 300 of #u #a"), "= 200");
    assert_eq!(book.available(at(172_801)), "0");
    assert_eq!(book.pay(2 * DAY + 2, &refunded(1, 1)), "reversed = -300");
    assert_eq!(book.play("172803 refund 300 of #u #b"), "= 0");
}

#[test]
fn a_hold_on_an_ended_grant_comes_to_the_same_before_and_after_the_reversal() {
    let held = || {
        let mut book = Book::new();
        book.pay(0, &paid("1000", Some(1)));
        book.play("86300 hold 600 ttl 600 then release #h\n86400 settle");
        book
    };
    for end in ["86420 release #h", "86420 capture #h 250", "87000 settle"] {
        let mut book = held();
        assert_eq!(book.pay(DAY + 10, &refunded(1, 1)), "reversed = -600");
        book.play(end);
        let mut other = held();
        other.play(end);
        other.pay(DAY + 700, &refunded(1, 1));
        let balance = book.available(at(2 * DAY));
        assert_eq!(balance, if end.contains("250") { "-250" } else { "0" }, "{end}");
        assert_eq!(other.available(at(2 * DAY)), balance, "{end}");
    }
}

#[test]
fn what_a_reversal_took_from_others_becomes_credits_again() {
    let mut book = Book::new();
    book.pay(0, &paid("1000", Some(1)));
    book.play("1 use 600 #u\n2 grant 700");
    assert_eq!(book.pay(3, &refunded(1, 1)), "reversed = 100");
    // Not credits of the payment, which would end with the day.
    assert_eq!(book.play("4 refund 600 of #u #r\n86400 settle"), "= 700\n= 700");
    assert_eq!(book.entries().len(), 5, "nothing was left to expire");
    let mut book = Book::new();
    book.pay(0, &paid("1000", Some(1)));
    book.play("1 hold 600 ttl 9 then release #h\n2 grant 700");
    assert_eq!(book.pay(3, &refunded(1, 1)), "reversed = 100");
    assert_eq!(book.play("10 settle\n86400 settle"), "= 700\n= 700");
}

#[test]
fn a_reversal_that_is_given_back_is_owed_no_more() {
    let mut book = Book::new();
    book.pay(0, &paid("1000", Some(1)));
    book.play("1 use 600 #u\n2 grant 700");
    assert_eq!(book.pay(3, &refunded(1, 1)), "reversed = 100");
    let refund = Command::Refund(Refund {
        call: call("back"),
        unit: Unit::credits(),
        amount: credits("1000"),
        refund_of: book.entries().pop().unwrap().id,
    });
    book.run(at(4), &refund).unwrap();
    assert_eq!(book.available(at(4)), "1100");
    book.play("5 refund 600 of #u #r");
    assert_eq!(book.available(at(5)), "1700");
    assert_eq!(book.play("86400 settle"), "= 700", "all of the payment's credits end");
}

fn call(key: &str) -> CallDetails {
    CallDetails { key: IdempotencyKey::parse(key).unwrap(), description: None, metadata: None }
}

/// What happens to a payment, and around it; numbers of charges and holds are those of steps.
#[derive(Clone, Debug)]
enum Step {
    Paid,
    Refunded(u64),
    Use(u32),
    GiveBack(usize, u32),
    Grant(u32),
    Hold(u32, u32),
    Release(usize),
    Capture(usize, u32),
    Void,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amount = || 1_u32..1_500;
    let step = prop_oneof![
        4 => Just(Step::Paid),
        6 => (1_u64..=97).prop_map(Step::Refunded),
        6 => amount().prop_map(Step::Use),
        9 => (0_usize..20, amount()).prop_map(|(of, amount)| Step::GiveBack(of, amount)),
        1 => amount().prop_map(Step::Grant),
        4 => (amount(), 1_u32..80_000).prop_map(|(amount, ttl)| Step::Hold(amount, ttl)),
        3 => (0_usize..20).prop_map(Step::Release),
        3 => (0_usize..20, amount()).prop_map(|(of, used)| Step::Capture(of, used)),
        1 => Just(Step::Void),
    ];
    prop::collection::vec(step, 1..30)
}

/// What is known of the payment's grant from what happened, in minor units: nothing of this is the
/// ledger's own arithmetic of what is owed.
#[derive(Default)]
struct Model {
    entries: usize,
    /// Granted by the payment; 0 until it comes.
    amount: i64,
    /// The share of the furthest refund.
    share: i64,
    /// Of the payment's credits, those that are spent or held.
    used: i64,
    /// The other grants, less all usage.
    others: i64,
}

impl Model {
    /// Takes in what has been written since.
    fn follow(&mut self, book: &Book) {
        let grant = book.grants().into_iter().find(|row| row.product.is_some());
        let sequence = grant.map_or(0, |grant| grant.sequence);
        let on = |draws: &[Draw], sign: i64| -> i64 {
            let draws = draws.iter().filter(|draw| draw.grant == sequence);
            draws.map(|draw| (sign * draw.amount.minor_units()).max(0)).sum()
        };
        let holds = book.holds();
        for entry in book.entries().drain(self.entries..) {
            self.entries += 1;
            let (taken, back) = (on(&entry.draws, 1), on(&entry.draws, -1));
            let hold = holds.iter().find(|hold| Some(&hold.id) == entry.hold.as_ref());
            let reserved = hold.map_or(0, |hold| on(&hold.reserves, 1));
            let captured = hold.is_some_and(|hold| hold.captured.is_positive());
            match entry.kind {
                EntryKind::Topup if entry.sequence == sequence => {
                    self.amount = entry.amount.minor_units();
                    self.used += taken;
                }
                EntryKind::Hold => self.used += reserved,
                EntryKind::Consumption if hold.is_some() => self.come_back(reserved - taken),
                EntryKind::Release => {
                    self.come_back(if captured { 0 } else { reserved });
                    self.used += taken;
                }
                EntryKind::Topup | EntryKind::Consumption | EntryKind::Refund => {
                    self.come_back(back);
                    self.used += taken;
                }
                _ => {}
            }
            let of_payment = entry.sequence == sequence || entry.kind == EntryKind::Adjustment;
            if !of_payment && !matches!(entry.kind, EntryKind::Expiry | EntryKind::Void) {
                self.others += entry.amount.minor_units();
            }
        }
    }

    /// Used credits come back. As far as more was used than the refund leaves, the draws that take
    /// them from the grant again are no use of it.
    fn come_back(&mut self, back: i64) {
        let owed = (self.used + self.share - self.amount).max(0);
        self.used -= back + owed.min(back);
    }

    /// The balance: of the payment's credits, those are gone that its refund takes, or that have
    /// ended unused if these are more.
    fn balance(&self, ended: bool) -> i64 {
        let unused = if ended { self.amount - self.used } else { 0 };
        let share = if self.amount == 0 { 0 } else { self.share };
        self.others + self.amount - unused.max(share)
    }
}

fn play(book: &mut Book, top_up: &Payment, (number, second): (usize, i64), step: &Step) -> String {
    match step {
        Step::Paid => book.pay(second, top_up),
        Step::Refunded(cents) => book.pay(second, &refunded(*cents, 97)),
        Step::Use(amount) => book.play(&format!("{second} use {amount} #u{number}")),
        Step::GiveBack(of, amount) => {
            book.play(&format!("{second} refund {amount} of #u{of} #r{number}"))
        }
        Step::Grant(amount) => book.play(&format!("{second} grant {amount} #g{number}")),
        Step::Hold(amount, ttl) => {
            book.play(&format!("{second} hold {amount} ttl {ttl} then release #h{number}"))
        }
        Step::Release(of) => book.play(&format!("{second} release #h{of}")),
        // What was captured can be given back as what was used.
        Step::Capture(of, used) => book.play(&format!("{second} capture #h{of} {used} #u{number}")),
        Step::Void => {
            let grant = book.grants().into_iter().find(|row| row.product.is_some());
            let Some(Grant { id, .. }) = grant else { return String::new() };
            let void = Command::Void(Void { call: call(&format!("v{number}")), grant: id });
            format!("{:?}", book.run(at(second), &void).is_ok())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever comes back to a payment's grant, ended or not, and whenever: of its credits, as many
    /// are gone as its furthest refund takes, or as have ended unused, whichever is more.
    #[test]
    fn credits_are_taken_back_or_end_and_never_both(
        steps in steps(),
        amount in 1_u64..3_000_000,
        ends in any::<bool>(),
    ) {
        let amount = Credits::from_minor_units(i64::try_from(amount).unwrap() * 997 + 13).unwrap();
        let Payment::TopUp(top_up) = paid("1", ends.then_some(1)) else { panic!() };
        let product = Some(crate::ids::Product::parse("pack").unwrap());
        let top_up = Payment::TopUp(TopUp { amount, product, ..top_up });
        let (mut book, mut model, mut furthest) = (Book::new(), Model::default(), 0);
        for (number, step) in steps.into_iter().enumerate() {
            let second = i64::try_from(number).unwrap() * 9_000;
            // What is due comes before the step.
            book.settle(at(second));
            model.follow(&book);
            let told = play(&mut book, &top_up, (number, second), &step);
            if let Step::Refunded(cents) = step {
                furthest = furthest.max(cents);
                model.share = share(amount, furthest, 97).minor_units();
            }
            model.follow(&book);
            let grant = book.grants().into_iter().find(|row| row.product.is_some());
            let ended = grant.is_some_and(|grant| {
                matches!(grant.state, GrantState::Expired | GrantState::Voided)
            });
            let balance = book.account.balance(&Unit::credits(), at(second)).unwrap();
            prop_assert_eq!(
                balance.posted.minor_units(),
                model.balance(ended),
                "{} {:?} {}\n{}", number, &step, told, book.statement().to_string()
            );
        }
    }
}
