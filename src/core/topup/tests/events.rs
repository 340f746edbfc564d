//! Stripe's events: which count, and for whom.

use std::borrow::ToOwned;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use serde_json::{Value, json};

use crate::ids::Environment;
use crate::ledger::Payment;
use crate::topup::event::*;
use crate::topup::seal::Seal;
use crate::wire::errors::Code;

fn seal() -> Seal {
    Seal::derive("this deployment")
}

fn metadata() -> Value {
    sealed(json!({
        "edge_credits_environment": "test",
        "edge_credits_customer": "cus_1",
        "edge_credits_credits": "1000.5",
        "edge_credits_unit": "credits",
        "edge_credits_price": "price_1",
    }))
}

/// Metadata with the deployment's seal on what it says now.
fn sealed(mut metadata: Value) -> Value {
    let members =
        ["environment", "customer", "credits", "unit", "price", "product", "expires_after_days"]
            .map(|name| format!("edge_credits_{name}"));
    let text = |name: &String| metadata.get(name).and_then(Value::as_str);
    let signed: Vec<_> = members.iter().map(|name| (name.as_str(), text(name))).collect();
    let signature = seal().sign(&signed);
    metadata["edge_credits_deployment"] = json!(seal().mark());
    metadata["edge_credits_seal"] = json!(signature);
    metadata
}

fn session() -> Value {
    json!({
        "id": "cs_test_1", "object": "checkout.session", "payment_status": "paid",
        "payment_intent": "pi_1", "metadata": metadata(),
    })
}

fn charge() -> Value {
    json!({
        "id": "ch_1", "object": "charge", "amount": 1000, "amount_refunded": 250,
        "payment_intent": "pi_1", "metadata": metadata(),
    })
}

fn event(kind: &str, object: &Value) -> Value {
    json!({
        "id": "evt_1", "object": "event", "type": kind, "livemode": false, "created": 1_800_000_000,
        "data": { "object": object },
    })
}

fn with(mut value: Value, path: &str, other: Value) -> Value {
    *value.pointer_mut(path).unwrap() = other;
    value
}

/// What an event comes to, in words.
fn told(event: &Value) -> String {
    match Event::parse(&event.to_string(), &seal()) {
        Ok(Event::Other { .. }) => "nothing".to_owned(),
        Ok(Event::Payment { owner, payment: Payment::TopUp(top_up) }) => format!(
            "{} {} gets {} {} by {} for {:?}",
            owner.environment.as_str(),
            owner.customer.as_str(),
            top_up.amount.decimal(top_up.unit.scale()),
            top_up.unit.as_str(),
            top_up.call.key.as_str(),
            top_up.lasts.map(|lasts| lasts.as_secs()),
        ),
        Ok(Event::Payment { payment: Payment::Reversal(back), .. }) => {
            format!("{} back {}/{}", back.payment.as_str(), back.refunded, back.paid)
        }
        Err(error) => error.code.as_str().to_owned(),
    }
}

const COMPLETED: &str = "checkout.session.completed";
const SUCCEEDED: &str = "checkout.session.async_payment_succeeded";

#[test]
fn payments_by_the_table() {
    let granted = "test cus_1 gets 1000.5 credits by pi_1 for None";
    let unpaid = with(session(), "/payment_status", json!("unpaid"));
    let expanded = with(session(), "/payment_intent", json!({ "id": "pi_1", "amount": 5 }));
    let free = with(session(), "/payment_intent", Value::Null);
    let free = with(free, "/payment_status", json!("no_payment_required"));
    let odd = with(session(), "/payment_status", Value::Null);
    let table = [
        (event(COMPLETED, &session()), granted),
        (event(SUCCEEDED, &session()), granted),
        (event(COMPLETED, &expanded), granted),
        (event(COMPLETED, &free), "test cus_1 gets 1000.5 credits by cs_test_1 for None"),
        (event(COMPLETED, &unpaid), "nothing"),
        (event(SUCCEEDED, &unpaid), "nothing"),
        (event(COMPLETED, &odd), "nothing"),
        (event("checkout.session.expired", &session()), "nothing"),
        (event("checkout.session.async_payment_failed", &unpaid), "nothing"),
        (event("customer.created", &json!({ "id": "cus_9" })), "nothing"),
        (event("charge.dispute.created", &charge()), "nothing"),
    ];
    for (event, expected) in table {
        assert_eq!(told(&event), expected, "{event}");
    }
}

#[test]
fn refunds_by_the_table() {
    let refund = |refunded: u64| with(charge(), "/amount_refunded", json!(refunded));
    let table = [
        (event("charge.refunded", &charge()), "pi_1 back 250/1000"),
        (event("charge.refunded", &refund(1_000)), "pi_1 back 1000/1000"),
        (event("charge.refunded", &refund(1_001)), "pi_1 back 1000/1000"),
        (event("charge.refunded", &refund(0)), "nothing"),
        (event("charge.refunded", &with(charge(), "/payment_intent", Value::Null)), "nothing"),
        (event("charge.refunded", &with(charge(), "/amount", json!("1000"))), "invalid_request"),
        (event("charge.refunded", &with(charge(), "/amount", json!(-1))), "invalid_request"),
        // The charge says how much came back in all; the refund does not.
        (
            event("refund.created", &json!({ "id": "re_1", "charge": "ch_1", "amount": 5 })),
            "nothing",
        ),
        (event("charge.refund.updated", &json!({ "id": "re_1", "metadata": {} })), "nothing"),
    ];
    for (event, expected) in table {
        assert_eq!(told(&event), expected, "{event}");
    }
}

#[test]
fn what_was_not_sold_here_is_nobodys() {
    let without = with(session(), "/metadata", json!({ "credits": "5", "customer": "cus_1" }));
    assert_eq!(told(&event(COMPLETED, &without)), "nothing");
    // Another deployment's, whose customers may have the same names.
    for event in [event(COMPLETED, &session()), event("charge.refunded", &charge())] {
        let there = Event::parse(&event.to_string(), &Seal::derive("that deployment"));
        assert!(matches!(there, Ok(Event::Other { .. })), "{event}: {there:?}");
    }
    let mut unmarked = session();
    unmarked["metadata"].as_object_mut().unwrap().remove("edge_credits_deployment");
    assert_eq!(told(&event(COMPLETED, &unmarked)), "nothing");
    let none = with(session(), "/metadata", Value::Null);
    assert_eq!(told(&event(COMPLETED, &none)), "nothing");
}

#[test]
fn what_was_sold_here_and_edited_is_shown_to_the_operator() {
    for name in [
        "edge_credits_environment",
        "edge_credits_customer",
        "edge_credits_credits",
        "edge_credits_unit",
        "edge_credits_price",
        "edge_credits_seal",
    ] {
        for edited in [json!("5"), json!("live"), Value::Null] {
            let mut metadata = metadata();
            metadata[name] = edited;
            for (kind, object) in [(COMPLETED, session()), ("charge.refunded", charge())] {
                let edited = event(kind, &with(object, "/metadata", metadata.clone()));
                assert_eq!(told(&edited), "invalid_request", "{edited}");
            }
        }
    }
    for name in ["edge_credits_product", "edge_credits_expires_after_days"] {
        let mut added = session();
        added["metadata"][name] = json!("5");
        assert_eq!(told(&event(COMPLETED, &added)), "invalid_request", "{name}");
    }
    let mut relabelled = event(COMPLETED, &session());
    relabelled["livemode"] = json!(true);
    assert_eq!(told(&relabelled), "invalid_request");
    // Where it has no effect, nothing is wrong.
    relabelled["type"] = json!("checkout.session.expired");
    assert_eq!(told(&relabelled), "nothing");
}

#[test]
fn what_was_sealed_and_cannot_be_entered_is_shown_too() {
    let set = |name: &str, value: Value| {
        let mut metadata = metadata();
        metadata[name] = value;
        event(COMPLETED, &with(session(), "/metadata", sealed(metadata)))
    };
    for (name, value) in [
        ("edge_credits_credits", json!("1e3")),
        ("edge_credits_credits", json!("0")),
        ("edge_credits_credits", json!("-5")),
        ("edge_credits_credits", json!("0.0000001")),
        ("edge_credits_credits", Value::Null),
        ("edge_credits_unit", json!("not a unit")),
        ("edge_credits_customer", json!("..")),
        ("edge_credits_expires_after_days", json!("0")),
        ("edge_credits_expires_after_days", json!("soon")),
        ("edge_credits_product", json!("a b")),
    ] {
        let parsed = Event::parse(&set(name, value.clone()).to_string(), &seal());
        assert_eq!(parsed.unwrap_err().code, Code::InvalidRequest, "{name} {value}");
    }
    let days = set("edge_credits_expires_after_days", json!("30"));
    assert!(told(&days).ends_with("for Some(2592000)"));
}

#[test]
fn what_is_no_event() {
    let mut headless = event(COMPLETED, &session());
    headless.as_object_mut().unwrap().remove("livemode");
    let nameless = with(event(COMPLETED, &session()), "/id", json!("evt 1"));
    for text in [
        String::new(),
        "[]".to_owned(),
        "null".to_owned(),
        "{".to_owned(),
        "{\"type\":5}".to_owned(),
        "[".repeat(100_000),
        format!("{}1{}", "{\"data\":".repeat(5_000), "}".repeat(5_000)),
        headless.to_string(),
        nameless.to_string(),
    ] {
        let code = Event::parse(&text, &seal()).unwrap_err().code;
        assert_eq!(code, Code::InvalidJson, "{text:.60}");
    }
}

#[test]
fn an_event_speaks_for_its_environment() {
    let other = |live: bool| {
        let mut event = event("customer.created", &json!({}));
        event["livemode"] = json!(live);
        Event::parse(&event.to_string(), &seal()).unwrap().environment()
    };
    assert_eq!((other(true), other(false)), (Environment::Live, Environment::Test));
}

proptest::proptest! {
    /// Any text is read or refused.
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,300}|[{}\\[\\]\":,a-z0-9]{0,300}") {
        let _ = Event::parse(&text, &seal());
    }

    /// Any text in any place of an event of ours is read or refused, and whose credits they are does
    /// not change by it.
    #[test]
    fn any_text_in_any_place(text in "\\PC{0,80}", place in 0_usize..9) {
        let places = [
            "/id", "/type", "/data/object/id", "/data/object/payment_intent",
            "/data/object/payment_status", "/data/object/metadata/edge_credits_credits",
            "/data/object/metadata/edge_credits_unit", "/data/object/metadata/edge_credits_price",
            "/data/object/metadata/edge_credits_environment",
        ];
        let event = with(event(COMPLETED, &session()), places[place], json!(text));
        if let Ok(Event::Payment { owner, .. }) = Event::parse(&event.to_string(), &seal()) {
            proptest::prop_assert_eq!(owner.customer.as_str(), "cus_1");
        }
    }
}
