//! Payments and what is paid back: by hand, and as properties over every order of events.

use std::borrow::ToOwned;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use proptest::prelude::*;

use super::book::{Book, at, credits};
use crate::credits::Credits;
use crate::idempotency::IdempotencyKey;
use crate::ids::Unit;
use crate::ledger::payment::share;
use crate::ledger::*;

impl Book {
    /// Tells the ledger a fact about a payment; what it came to, and the balance after.
    pub(super) fn pay(&mut self, seconds: i64, payment: &Payment) -> String {
        let lookups = payment.lookups(self.account.owner());
        let entries = self.entries();
        let by_id = |id| entries.iter().find(|entry| entry.id == id).cloned();
        let grant = lookups.grant.clone().unwrap();
        let mut found = Found { record: by_id(lookups.record), ..Found::default() };
        found.charge = by_id(lookups.charge.unwrap());
        found.refunds = entries.clone();
        found.refunds.retain(|entry| entry.refund_of.as_ref() == Some(&grant));
        found.grants = self.grants();
        found.grants.retain(|row| row.id == grant);
        let sequence = found.grants.first().map(|row| row.sequence);
        let mut ends = entries;
        ends.retain(|entry| {
            let end = matches!(entry.kind, EntryKind::Expiry | EntryKind::Void);
            end && entry.draws.iter().any(|draw| Some(draw.grant) == sequence)
        });
        let rows = PaymentRows { found, ends };
        let settled = payment.settle(&self.account, &rows, at(seconds)).unwrap();
        self.store(&settled.writes);
        format!("{} = {}", settled.effect, self.available(at(seconds)))
    }
}

pub(super) fn paid(amount: &str, days: Option<u64>) -> Payment {
    Payment::TopUp(TopUp {
        call: CallDetails {
            key: IdempotencyKey::parse("pi_1").unwrap(),
            description: None,
            metadata: None,
        },
        unit: Unit::credits(),
        amount: credits(amount),
        product: None,
        lasts: days.map(|days| core::time::Duration::from_secs(days * 86_400)),
    })
}

pub(super) fn refunded(refunded: u64, paid: u64) -> Payment {
    Payment::Reversal(Reversal {
        payment: IdempotencyKey::parse("pi_1").unwrap(),
        unit: Unit::credits(),
        refunded,
        paid,
        description: None,
        metadata: None,
    })
}

#[test]
fn a_payment_is_entered_once() {
    let mut book = Book::new();
    assert_eq!(book.pay(0, &paid("1000", None)), "granted = 1000");
    assert_eq!(book.pay(1, &paid("1000", None)), "none = 1000");
    // Whatever else the repeat says: the payment has been entered.
    assert_eq!(book.pay(2, &paid("2000", None)), "none = 1000");
    assert_eq!(book.entries().len(), 1);
}

#[test]
fn a_payment_pays_overage_first() {
    let mut book = Book::new();
    book.play("0 use 300");
    assert_eq!(book.pay(1, &paid("1000", None)), "granted = 700");
}

#[test]
fn refunds_in_parts_take_back_their_parts() {
    let mut book = Book::new();
    book.pay(0, &paid("1000", None));
    assert_eq!(book.pay(1, &refunded(250, 1000)), "reversed = 750");
    assert_eq!(book.pay(2, &refunded(250, 1000)), "none = 750");
    assert_eq!(book.pay(3, &refunded(600, 1000)), "reversed = 400");
    // An older one that was late.
    assert_eq!(book.pay(4, &refunded(400, 1000)), "none = 400");
    assert_eq!(book.pay(5, &refunded(1000, 1000)), "reversed = 0");
    assert_eq!(book.pay(6, &refunded(1000, 1000)), "none = 0");
    assert_eq!(book.pay(7, &paid("1000", None)), "none = 0");
}

#[test]
fn a_refund_that_comes_first_is_kept_until_its_payment_comes() {
    let mut book = Book::new();
    book.play("0 grant 50");
    assert_eq!(book.pay(1, &refunded(300, 1000)), "noted = 50");
    assert_eq!(book.pay(1, &refunded(300, 1000)), "none = 50");
    assert_eq!(book.pay(2, &refunded(100, 1000)), "noted = 50");
    assert_eq!(book.pay(3, &paid("1000", None)), "granted = 750");
    assert_eq!(book.pay(4, &refunded(300, 1000)), "none = 750");
    assert_eq!(book.pay(5, &refunded(1000, 1000)), "reversed = 50");
}

#[test]
fn what_is_refunded_before_it_came_pays_no_overage() {
    let mut book = Book::new();
    book.play("0 use 400");
    assert_eq!(book.pay(1, &refunded(10, 10)), "noted = -400");
    assert_eq!(book.pay(2, &paid("1000", None)), "granted = -400");
    let mut book = Book::new();
    book.play("0 use 400");
    book.pay(1, &refunded(7, 10));
    assert_eq!(book.pay(2, &paid("1000", None)), "granted = -100");
}

#[test]
fn what_was_spent_is_owed() {
    let mut book = Book::new();
    book.pay(0, &paid("1000", None));
    book.play("1 use 900\n2 grant 30");
    assert_eq!(book.pay(3, &refunded(1, 1)), "reversed = -870");
    // The next grant pays it, as any overage.
    assert_eq!(book.play("4 grant 900"), "= 30");
}

#[test]
fn what_has_expired_is_gone_already() {
    const DAY: i64 = 86_400;
    let mut book = Book::new();
    book.pay(0, &paid("1000", Some(1)));
    book.play("1 use 200");
    // Half of it was paid back; 800 of it have expired, which is more.
    assert_eq!(book.pay(2 * DAY, &refunded(1, 2)), "none = 0");
    assert_eq!(book.pay(2 * DAY, &refunded(1, 1)), "reversed = -200");

    let mut book = Book::new();
    book.pay(0, &paid("1000", Some(1)));
    book.play("1 use 200");
    assert_eq!(book.pay(2, &refunded(1, 2)), "reversed = 300");
    book.settle(at(2 * DAY));
    assert_eq!(book.pay(2 * DAY, &refunded(1, 1)), "reversed = -200");
}

#[test]
fn a_voided_grant_has_nothing_to_take_back() {
    let mut book = Book::new();
    book.pay(0, &paid("1000", None));
    let id = book.entries()[0].id.clone();
    let call = CallDetails {
        key: IdempotencyKey::parse("void").unwrap(),
        description: None,
        metadata: None,
    };
    book.run(at(1), &Command::Void(Void { call, grant: id })).unwrap();
    assert_eq!(book.pay(2, &refunded(1, 1)), "none = 0");
}

#[test]
fn a_charge_that_is_given_back_after_a_reversal_settles_what_was_owed() {
    let mut book = Book::new();
    book.pay(0, &paid("1000", None));
    book.play("1 use 600 #u");
    assert_eq!(book.pay(2, &refunded(1, 1)), "reversed = -600");
    assert_eq!(book.play("3 refund 600 of #u"), "= 0");
}

#[test]
fn a_payment_is_not_refused_for_the_number_of_grants() {
    let mut book = Book::new();
    book.reload = false;
    for number in 0..MAX_OPEN_GRANTS {
        assert!(book.play(&format!("0 grant 1 #g{number}")).starts_with('='));
    }
    assert_eq!(book.play("1 grant 1"), "no: TooManyGrants");
    assert_eq!(book.pay(2, &paid("5", None)), "granted = 1005");
}

#[test]
fn shares_by_the_table() {
    let table = [
        ("1000", 1, 3, "333.333333"),
        ("1000", 2, 3, "666.666666"),
        ("1000", 3, 3, "1000"),
        ("1000", 4, 3, "1000"),
        ("0.000001", 1, 2, "0"),
        ("0.000001", 2, 2, "0.000001"),
        ("8000000000", u64::MAX - 1, u64::MAX, "7999999999.999999"),
        ("1", 0, 5, "0"),
        ("1", 0, 0, "1"),
    ];
    for (amount, refunded, paid, expected) in table {
        let share = share(credits(amount), refunded, paid);
        assert_eq!(share, credits_or_zero(expected), "{amount} × {refunded}/{paid}");
    }
}

fn credits_or_zero(text: &str) -> Credits {
    if text == "0" { Credits::ZERO } else { credits(text) }
}

/// What happens to a payment, and around it.
#[derive(Clone, Debug)]
enum Step {
    Paid,
    Refunded(u64),
    Use(u32),
    Grant(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Paid),
        5 => (1_u64..=997).prop_map(Step::Refunded),
        3 => (1_u32..2_000).prop_map(Step::Use),
        1 => (1_u32..500).prop_map(Step::Grant),
    ];
    prop::collection::vec(step, 1..24)
}

proptest! {
    /// Whatever order the events come in, and however often: what is left of the payment in the
    /// balance is its credits less the share of the furthest refund.
    #[test]
    fn every_order_comes_to_the_same(steps in steps(), amount in 1_u64..5_000_000) {
        let amount = Credits::from_minor_units(i64::try_from(amount).unwrap() * 997 + 13).unwrap();
        let Payment::TopUp(top_up) = paid("1", None) else { panic!() };
        let top_up = Payment::TopUp(TopUp { amount, ..top_up });
        let mut book = Book::new();
        let mut expected = 0_i64;
        let (mut arrived, mut furthest) = (false, 0);
        for (second, step) in (0_i64..).zip(steps) {
            match step {
                Step::Paid => {
                    book.pay(second, &top_up);
                    arrived = true;
                }
                Step::Refunded(cents) => {
                    book.pay(second, &refunded(cents, 997));
                    furthest = furthest.max(cents);
                }
                Step::Use(whole) => {
                    book.play(&format!("{second} use {whole} #u{second}"));
                    expected -= i64::from(whole) * 1_000_000;
                }
                Step::Grant(whole) => {
                    book.play(&format!("{second} grant {whole} #g{second}"));
                    expected += i64::from(whole) * 1_000_000;
                }
            }
            let kept = if arrived {
                amount.minor_units() - share(amount, furthest, 997).minor_units()
            } else {
                0
            };
            let balance = book.account.balance(&Unit::credits(), at(second)).unwrap().available;
            prop_assert_eq!(balance.minor_units(), expected + kept);
        }
        let granted: Vec<_> =
            book.entries().into_iter().filter(|entry| entry.kind == EntryKind::Topup
                && entry.record.as_ref().is_some_and(|record| record.key.as_str() == "pi_1")).collect();
        prop_assert_eq!(granted.len(), usize::from(arrived));
    }

    /// A share is between nothing and all, grows with what is paid back, and ends at all.
    #[test]
    fn shares_grow_from_nothing_to_all(
        minor in 1_i64..=8_000_000_000_000_000,
        paid in 1_u64..=u64::MAX,
        one in any::<u64>(),
        other in any::<u64>(),
    ) {
        let amount = Credits::from_minor_units(minor).unwrap();
        let (less, more) = (one.min(other), one.max(other));
        prop_assert!(share(amount, less, paid) <= share(amount, more, paid));
        prop_assert!(!share(amount, one, paid).is_negative());
        prop_assert!(share(amount, one, paid) <= amount);
        prop_assert_eq!(share(amount, paid, paid), amount);
    }
}

#[test]
fn names_say_what_they_stand_for() {
    let mut book = Book::new();
    book.pay(0, &refunded(5, 10));
    book.pay(1, &paid("10", None));
    let told: Vec<String> = book
        .entries()
        .iter()
        .map(|entry| {
            let key = entry.record.as_ref().map(|record| record.key.as_str().to_owned());
            format!("{} {} {:?}", entry.kind.as_str(), entry.amount.minor_units(), key)
        })
        .collect();
    let expected = [
        "adjustment 0 Some(\"pi_1:5/10\")",
        "topup 10000000 Some(\"pi_1\")",
        "adjustment -5000000 None",
    ];
    assert_eq!(told, expected.map(|line| line.to_string()));
}
