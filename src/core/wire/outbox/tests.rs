//! The operator's view by its text.

use super::*;
use crate::cache::{Counts, Health};
use crate::credits::Credits;
use crate::idempotency::IdempotencyKey;
use crate::ids::Unit;
use crate::time::Timestamp;
use std::borrow::ToOwned;

const ID: &str = "txn_00000000000000000000000000000000";

fn row(position: u64, quarantined: Option<&str>) -> OutboxRow {
    OutboxRow {
        position,
        id: TransactionId::parse(ID).unwrap(),
        key: IdempotencyKey::parse("k").unwrap(),
        unit: Unit::credits(),
        amount: Credits::from_minor_units(1_500_000).unwrap(),
        body: "{}".to_owned(),
        accepted_at: Timestamp::from_millis(1_000),
        attempts: 2,
        first_attempt_at: None,
        last_attempt_at: None,
        due_at: Timestamp::from_millis(2_000),
        quarantined: quarantined.map(ToOwned::to_owned),
    }
}

#[test]
fn open_charges_and_where_they_stand() {
    let counts = Counts { pending: 1, in_flight: 1, applied: 5, rejected: 0, quarantined: 1 };
    let overview = Overview { counts, health: Health::default() };
    let rows = [row(3, None), row(4, None), row(9, Some("not_found"))];
    let customer = CustomerId::parse("cus").unwrap();
    let body = |limit| {
        let query = OutboxQuery { after: 0, limit };
        outbox_body(&overview, &rows, &[4], query, &customer)
    };
    let start = concat!(
        r#"{"customer_id":"cus","counts":{"pending":1,"in_flight":1,"applied":5,"rejected":0,"#,
        r#""quarantined":1},"upstream":{"failures":0,"resume_at":null,"paused":false,"#,
        r#""batches":false},"data":[{"transaction_id":"txn_00000000000000000000000000000000","#,
        r#""idempotency_key":"k","unit":"credits","amount":1.5,"state":"pending","code":null,"#,
        r#""attempts":2,"first_attempt_at":null,"accepted_at":"1970-01-01T00:00:01.000Z"},"#
    );
    let full = body(3);
    assert!(full.starts_with(start), "{full}");
    assert!(full.contains(r#""state":"in_flight""#));
    assert!(full.contains(r#""state":"quarantined","code":"not_found""#));
    assert!(full.ends_with(r#"],"next_after":9}"#), "{full}");
    assert!(body(4).ends_with("}]}"), "the last page names no next");
}

#[test]
fn queries_by_the_table() {
    let read = |query| parse_outbox_query(query).map(|query| (query.after, query.limit));
    assert_eq!(read("").unwrap(), (0, 100));
    assert_eq!(read("after=7&limit=1&x=y").unwrap(), (7, 1));
    for wrong in
        ["limit=0", "limit=101", "limit=", "limit=+5", "after=-1", "after=9007199254740992"]
    {
        assert_eq!(read(wrong).unwrap_err().code, Code::InvalidRequest, "{wrong}");
    }
}

#[test]
fn decisions_are_answered() {
    let (id, customer) = (TransactionId::parse(ID).unwrap(), CustomerId::parse("cus").unwrap());
    let answer = |handled| handled_body(handled, "rejected", &id, &customer);
    assert!(answer(Handled::Done).unwrap().ends_with(r#""state":"rejected"}"#));
    assert_eq!(answer(Handled::Unknown).unwrap_err().code, Code::NotFound);
    assert_eq!(answer(Handled::NotQuarantined).unwrap_err().code, Code::InvalidRequest);
}
