//! What a reversed grant owes, across restarts.

use core::time::Duration;

use edge_credits_core::credits::{Credits, Scale};
use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::Unit;
use edge_credits_core::ledger::{CallDetails, Payment, Reversal, TopUp};

use super::*;

fn top_up() -> Payment {
    let key = IdempotencyKey::parse("pi_1").unwrap();
    Payment::TopUp(TopUp {
        call: CallDetails { key, description: None, metadata: None },
        unit: Unit::credits(),
        amount: Credits::from_decimal_text("1000", Scale::CREDITS).unwrap(),
        product: None,
        lasts: Some(Duration::from_secs(86_400)),
    })
}

fn reversal() -> Payment {
    Payment::Reversal(Reversal {
        payment: IdempotencyKey::parse("pi_1").unwrap(),
        unit: Unit::credits(),
        refunded: 1,
        paid: 1,
        description: None,
        metadata: None,
    })
}

#[test]
fn what_a_reversed_grant_owes_is_kept_until_it_comes_back() {
    let mut world = World::new();
    let settle = |world: &World, payment: &Payment| {
        world.ledger.settle_payment(&world.owner, world.now, payment).unwrap()
    };
    assert_eq!(settle(&world, &top_up()), "granted");
    let charge = world.consume(r#"{"amount":350}"#).unwrap();
    let hold = world.hold(r#"{"amount":250,"ttl_ms":86400000,"on_expiry":"release"}"#).unwrap();
    world.restart();
    assert_eq!(settle(&world, &reversal()), "reversed");
    world.restart();
    assert_eq!(world.balance().unwrap(), "-600");
    world.now = hour(20);
    world.end(&hold, "release", "{}").unwrap();
    world.restart();
    assert_eq!(world.balance().unwrap(), "-350");
    world.now = hour(48);
    let refund =
        format!(r#"{{"amount":350,"type":"refund","refund_of":{}}}"#, charge["transaction_id"]);
    world.add(&refund).unwrap();
    world.restart();
    assert_eq!(world.balance().unwrap(), "0");

    // A reversal that is given back: its grant, which it did not draw on, is found by the payment.
    let mut world = World::new();
    settle(&world, &top_up());
    let charge = world.consume(r#"{"amount":1000}"#).unwrap();
    settle(&world, &reversal());
    let reversed = world.page("type=adjustment")["data"][0]["id"].clone();
    world
        .add(&format!(
            r#"{{"amount":1000,"type":"refund","refund_of":{reversed},"idempotency_key":"a"}}"#
        ))
        .unwrap();
    world.restart();
    assert_eq!(world.balance().unwrap(), "0");
    world
        .add(&format!(
            r#"{{"amount":1000,"type":"refund","refund_of":{}}}"#,
            charge["transaction_id"]
        ))
        .unwrap();
    assert_eq!(world.balance().unwrap(), "1000");
    world.now = hour(25);
    assert_eq!(world.balance().unwrap(), "0", "they are the payment's, and end with it");
}
