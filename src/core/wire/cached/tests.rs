//! The bodies of a cache by their text, and what becomes of answers that are handed on.

use super::*;
use crate::cache::{NoticeCharge, NoticeKind, RecordState};
use crate::credits::Credits;
use crate::idempotency::Fingerprint;
use crate::ids::TransactionId;
use crate::time::Timestamp;
use std::borrow::ToOwned as _;
use std::boxed::Box;
use std::vec;

const ID: &str = "txn_00000000000000000000000000000000";

fn credits(whole: i64) -> Credits {
    Credits::from_minor_units(whole * 1_000_000).unwrap()
}

fn customer() -> CustomerId {
    CustomerId::parse("cus \"1\"").unwrap()
}

fn record() -> Record {
    Record {
        id: TransactionId::parse(ID).unwrap(),
        key: IdempotencyKey::parse("k").unwrap(),
        fingerprint: Fingerprint::of([("amount", Some("4"))]),
        unit: Unit::credits(),
        amount: credits(4),
        accepted_at: Timestamp::from_millis(2_000),
        available: Some(credits(-1)),
        as_of: Some(Timestamp::from_millis(1_000)),
        source: Source::EdgeCache,
        state: RecordState::Accepted,
        code: None,
        upstream_id: None,
    }
}

fn notice(charge: Option<NoticeCharge>) -> Notice {
    let (kind, code) = (NoticeKind::Rejected, "insufficient_credits".to_owned());
    let at = Timestamp::from_millis(3_000);
    Notice { id: 7, kind, code, at, charge, told_at: None }
}

#[test]
fn a_balance_tells_how_much_it_can_be_trusted() {
    let view = BalanceView {
        available: credits(5),
        as_of: Timestamp::from_millis(1_000),
        source: Source::Degraded,
        stale: true,
        credit_name: Some("Tokens".to_owned()),
    };
    let (customer, unit) = (customer(), Unit::credits());
    let breakdown = Some(r#"[{"product":null}]"#);
    let asked = Asked { customer: &customer, unit: &unit, breakdown };
    let body = balance_body(&view, asked, Aside { pending: 2, notices: &[notice(None)] });
    let expected = concat!(
        r#"{"balance":5,"customer_id":"cus \"1\"","credit_name":"Tokens","unit":"credits","#,
        r#""as_of":"1970-01-01T00:00:01.000Z","source":"degraded","pending":2,"stale":true,"#,
        r#""degraded":true,"breakdown":[{"product":null}],"notices":[{"id":7,"kind":"rejected","#,
        r#""code":"insufficient_credits","at":"1970-01-01T00:00:03.000Z"}]}"#
    );
    assert_eq!(body, expected);
}

#[test]
fn a_charge_and_its_replay_differ_in_what_may_differ() {
    let (customer, none) = (customer(), Aside { pending: 1, notices: &[] });
    let body = |accepted: &Accepted| charge_body(accepted, &customer, none);
    let first = body(&Accepted { record: record(), replayed: false, stale: false });
    let expected = concat!(
        r#"{"balance":-1,"transaction_id":"txn_00000000000000000000000000000000","#,
        r#""idempotency_key":"k","replayed":false,"customer_id":"cus \"1\"","unit":"credits","#,
        r#""as_of":"1970-01-01T00:00:01.000Z","source":"edge-cache","pending":1,"stale":false,"#,
        r#""degraded":false}"#
    );
    assert_eq!(first, expected);
    let again = body(&Accepted { record: record(), replayed: true, stale: false });
    assert_eq!(again, expected.replace(r#""replayed":false"#, r#""replayed":true"#));
    let unknown = Record { available: None, as_of: None, source: Source::Degraded, ..record() };
    let unknown = body(&Accepted { record: unknown, replayed: false, stale: true });
    assert!(unknown.contains(r#""balance":null"#) && unknown.contains(r#""as_of":null"#));
    assert!(unknown.contains(r#""degraded":true"#));
}

#[test]
fn notices_name_their_charge() {
    let record = record();
    let (id, key, unit) = (record.id.clone(), record.key.clone(), record.unit.clone());
    let told = [notice(Some(NoticeCharge { id, key, unit, amount: record.amount }))];
    let accepted = Accepted { record, replayed: false, stale: false };
    let body = charge_body(&accepted, &customer(), Aside { pending: 0, notices: &told });
    let named = format!(r#""transaction_id":"{ID}","idempotency_key":"k","amount":4,"unit":"#);
    assert!(body.contains(&named), "{body}");
}

#[test]
fn refusals_by_the_table() {
    let wait = Duration::from_millis(1_500);
    let unit = Unit::credits();
    let reused = Refusal::KeyReused { field: "amount".to_owned(), first: Box::new(record()) };
    let (available, requested) = (credits(3), credits(8));
    let table = [
        (reused, Code::IdempotencyKeyReused, false),
        (
            Refusal::InsufficientCredits { unit, available, requested },
            Code::InsufficientCredits,
            false,
        ),
        (Refusal::TooManyUnits, Code::TooManyUnits, false),
        (Refusal::Overflow, Code::AmountOverflow, false),
        (Refusal::Unavailable { retry_after: wait }, Code::UpstreamUnavailable, true),
        (Refusal::Stale { retry_after: wait }, Code::StaleBalance, true),
        (Refusal::OutboxFull { retry_after: wait }, Code::OutboxFull, true),
    ];
    for (why, code, waits) in table {
        let (error, retry_after) = refusal(&why, &customer());
        assert_eq!((error.code, retry_after), (code, waits.then_some(wait)));
        assert!(error.message.contains("Nothing was c"), "{}", error.message);
        assert_eq!(error.message.contains("in 2 s"), waits, "{}", error.message);
        if code == Code::IdempotencyKeyReused {
            let details = error.details.unwrap();
            assert!(details.get().starts_with(r#"{"field":"amount","first":{"balance":-1,"#));
        }
    }
    assert_eq!((whole_seconds(Duration::ZERO), whole_seconds(Duration::from_secs(2))), (0, 2));
}

#[test]
fn what_is_handed_on_and_what_is_said_instead() {
    let key = IdempotencyKey::parse("k").unwrap();
    let judge = |status: Option<u16>, changes: bool| {
        let response =
            status.map(|status| Response { status, headers: vec![], body: "{}".to_owned() });
        handed_on(response, changes.then_some(&key)).map(|response| response.status)
    };
    for status in [200, 201, 400, 402, 404, 409, 422, 429, 500, 503] {
        for changes in [false, true] {
            assert_eq!(judge(Some(status), changes).ok(), Some(status));
        }
    }
    let code = |status, changes| {
        let (error, retry_after) = judge(status, changes).unwrap_err();
        assert_eq!(retry_after, Some(Duration::from_secs(1)));
        error.code
    };
    for status in [401, 403] {
        // Refused before anything was done, by a key that is not the caller's.
        assert_eq!(code(Some(status), true), Code::UpstreamUnavailable);
        assert_eq!(code(Some(status), false), Code::UpstreamUnavailable);
    }
    // That a customer was deleted is no word about the deployment's key.
    let body = r#"{"error":{"code":"customer_closed","message":"x"}}"#.to_owned();
    let closed = Response { status: 403, headers: vec![], body };
    assert_eq!(handed_on(Some(closed), Some(&key)).unwrap().status, 403);
    for silent in [None, Some(302)] {
        assert_eq!(code(silent, false), Code::UpstreamUnavailable);
        // A change that may have been made is never called one that was not.
        let (error, retry_after) = judge(silent, true).unwrap_err();
        assert_eq!(retry_after, None);
        assert_eq!(error.code, Code::InternalError);
        assert!(!error.message.contains("Nothing was changed"));
        assert_eq!(error.details.unwrap().get(), r#"{"idempotency_key":"k"}"#);
    }
}
