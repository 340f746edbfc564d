//! Golden bodies: the exact text of every answer and of every refusal by the ledger.

use edge_credits_core::credits::{Credits, Scale};
use edge_credits_core::idempotency::{Fingerprint, IdempotencyKey};
use edge_credits_core::ids::{CustomerId, Product, TransactionId, Unit};
use edge_credits_core::ledger::{
    Balance, BreakdownLine, Entry, EntryKind, KeyRecord, Receipt, Rejection, Totals,
};
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::rejections::to_error;
use edge_credits_core::wire::replies::{balance_body, page_body, receipt_body};
use edge_credits_core::wire::requests::{parse_balance_query, parse_page_query};

fn credits(text: &str) -> Credits {
    Credits::from_decimal_text(text, Scale::CREDITS).unwrap()
}

fn customer() -> CustomerId {
    CustomerId::parse("cus \"1\"").unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn id(digit: char) -> TransactionId {
    TransactionId::parse(&format!("txn_{}", digit.to_string().repeat(32))).unwrap()
}

fn consumption() -> Entry {
    Entry {
        sequence: 7,
        id: id('a'),
        kind: EntryKind::Consumption,
        unit: Unit::credits(),
        amount: credits("-2.5"),
        balance_after: credits("97.5"),
        held_after: credits("10"),
        time: at("2026-11-22T10:00:00.25Z"),
        draws: vec![],
        description: Some("chat: hello".to_owned()),
        metadata: Some(r#"{"__proto__": 1, "n": 1e3}"#.to_owned()),
        product: None,
        refund_of: None,
        hold: None,
        record: Some(KeyRecord {
            key: IdempotencyKey::parse("key-1").unwrap(),
            fingerprint: Fingerprint::of([("unit", Some("credits"))]),
        }),
        totals: Totals::default(),
    }
}

/// One that nobody called for, of the other scale.
fn expiry() -> Entry {
    Entry {
        sequence: 8,
        id: id('b'),
        kind: EntryKind::Expiry,
        unit: Unit::parse("usd").unwrap(),
        amount: Credits::from_minor_units(-1).unwrap(),
        balance_after: Credits::MAX.negated(),
        held_after: Credits::ZERO,
        product: Some(Product::parse("pro").unwrap()),
        refund_of: Some(id('c')),
        description: None,
        metadata: None,
        record: None,
        ..consumption()
    }
}

#[test]
fn receipts() {
    let told =
        |entry, replayed| receipt_body(&Receipt { entry, replayed, hold: None }, &customer());
    assert_eq!(
        told(consumption(), false),
        r#"{"balance":87.5,"transaction_id":"txn_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","idempotency_key":"key-1","replayed":false,"customer_id":"cus \"1\"","unit":"credits","sequence":7,"as_of":"2026-11-22T10:00:00.250Z"}"#
    );
    let first = told(consumption(), false);
    assert_eq!(told(consumption(), true), first.replace("false", "true"));
    assert_eq!(
        told(expiry(), false),
        r#"{"balance":-8000000,"transaction_id":"txn_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","idempotency_key":null,"replayed":false,"customer_id":"cus \"1\"","unit":"usd","sequence":8,"as_of":"2026-11-22T10:00:00.250Z"}"#
    );
}

#[test]
fn balances() {
    let line = |product: Option<&str>, balance, expires_at| BreakdownLine {
        product: product.map(|product| Product::parse(product).unwrap()),
        balance: credits(balance),
        expires_at,
    };
    let balance = Balance {
        unit: Unit::credits(),
        posted: credits("0.1"),
        held: credits("0.000001"),
        available: credits("0.099999"),
        sequence: 0,
        as_of: Timestamp::EPOCH,
        breakdown: vec![
            line(None, "-1", None),
            line(Some("pro"), "1.099999", Some(at("2027-01-01T00:00:00Z"))),
        ],
    };
    let told = |query| balance_body(&balance, &parse_balance_query(query).unwrap(), &customer());
    let plain = r#"{"balance":0.099999,"customer_id":"cus \"1\"","credit_name":"credits","unit":"credits","posted":0.1,"held":0.000001,"sequence":0,"as_of":"1970-01-01T00:00:00.000Z""#;
    assert_eq!(told(""), format!("{plain}}}"));
    let lines = r#","breakdown":[{"product":null,"balance":-1,"expires_at":null},{"product":"pro","balance":1.099999,"expires_at":"2027-01-01T00:00:00.000Z"}]}"#;
    assert_eq!(told("include_breakdown=true"), format!("{plain}{lines}"));
}

#[test]
fn pages() {
    let told = |rows: &[Entry], query| page_body(rows, &parse_page_query(query).unwrap(), 9);
    assert_eq!(
        told(&[], ""),
        r#"{"data":[],"pagination":{"limit":20,"offset":0,"total":9,"has_more":false}}"#
    );
    let first = r#"{"id":"txn_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","type":"expiry","amount":-0.000000001,"balance_after":-8000000,"unit":"usd","description":null,"metadata":null,"action":"uncategorized","created_at":"2026-11-22T10:00:00.250Z","idempotency_key":null,"sequence":8,"product":"pro","refund_of":"txn_cccccccccccccccccccccccccccccccc"}"#;
    let second = r#"{"id":"txn_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","type":"consumption","amount":-2.5,"balance_after":87.5,"unit":"credits","description":"chat: hello","metadata":{"__proto__": 1, "n": 1e3},"action":"hello","created_at":"2026-11-22T10:00:00.250Z","idempotency_key":"key-1","sequence":7,"product":null,"refund_of":null}"#;
    let rows = [expiry(), consumption()];
    assert_eq!(
        told(&rows, "limit=2&offset=3"),
        format!(
            r#"{{"data":[{first},{second}],"pagination":{{"limit":2,"offset":3,"total":9,"has_more":false}}}}"#
        )
    );
    assert_eq!(
        told(&rows, "limit=1"),
        format!(
            r#"{{"data":[{first}],"pagination":{{"limit":1,"offset":0,"total":9,"has_more":true}}}}"#
        )
    );
}

/// A refusal, its status, and its body between `{"error":` and `,"request_id":"req_1"}}`.
fn refusals() -> Vec<(Rejection, u16, String)> {
    let usd = || Unit::parse("usd").unwrap();
    let said = |code: &str, message: &str, details: &str| {
        format!(r#"{{"code":"{code}","message":"{message}"{details}"#)
    };
    let about = |param: &str| format!(r#","details":{{"param":"{param}"}}"#);
    let first =
        receipt_body(&Receipt { entry: consumption(), replayed: true, hold: None }, &customer());
    vec![
        (
            Rejection::KeyReused {
                field: "amount".to_owned(),
                first: Box::new(Receipt { entry: consumption(), replayed: true, hold: None }),
            },
            422,
            said(
                "idempotency_key_reused",
                "This idempotency key already stands for a call with another amount. Nothing was \
                 changed; the first call stays as it was. Use a new key for a new call.",
                &format!(r#","details":{{"field":"amount","first":{first}}}"#),
            ),
        ),
        (
            Rejection::ExpiryPassed,
            400,
            said(
                "invalid_request",
                "The grant would expire before it can be used. Nothing was granted; send an \
                 expires_at after now and after effective_at.",
                &about("expires_at"),
            ),
        ),
        (
            Rejection::UnknownCharge,
            404,
            said(
                "not_found",
                "This customer has no charge with this transaction id. Nothing was refunded.",
                &about("refund_of"),
            ),
        ),
        (
            Rejection::UnknownGrant,
            404,
            said(
                "not_found",
                "This customer has no grant with this id. Nothing was voided.",
                &about("grant_id"),
            ),
        ),
        (
            Rejection::OtherUnit { unit: usd() },
            400,
            said(
                "invalid_request",
                "The charge was in usd; a refund goes back in the unit of its charge. Nothing was \
                 refunded.",
                &about("unit"),
            ),
        ),
        (
            Rejection::GrantEnded,
            422,
            said(
                "grant_ended",
                "Nothing is left of this grant to void: it is used up, expired or already voided. \
                 Nothing was changed.",
                &about("grant_id"),
            ),
        ),
        (
            Rejection::RefundExceedsCharge { unit: usd(), refundable: credits("0.000001") },
            422,
            said(
                "refund_exceeds_charge",
                "Only 0.000000001 of this charge can still be refunded. Nothing was refunded; \
                 send at most that much.",
                r#","details":{"param":"amount","refundable":0.000000001}"#,
            ),
        ),
        (
            Rejection::TooManyGrants,
            422,
            said(
                "too_many_grants",
                "The customer would have more than 1000 open grants, the most a ledger holds. Nothing \
                 was changed; void some, or let some expire or be spent.",
                "",
            ),
        ),
        (
            Rejection::InsufficientCredits {
                unit: Unit::credits(),
                available: credits("-0.5"),
                requested: credits("8000000000"),
            },
            402,
            said(
                "insufficient_credits",
                "The balance is -0.5 and the call asks for 8000000000. Nothing was charged; add \
                 credits and repeat the call, with the same key if you like.",
                r#","details":{"current_balance":-0.5,"requested":8000000000,"unit":"credits"}"#,
            ),
        ),
        (
            Rejection::Overflow,
            422,
            said(
                "amount_overflow",
                "The balance would leave the range of amounts (8 billion credits). Nothing was \
                 changed.",
                "",
            ),
        ),
        (
            Rejection::Inconsistent,
            500,
            said(
                "invariant_violation",
                "This customer's ledger does not add up, so it was left untouched. Nothing was \
                 changed; report the request id to whoever runs this deployment.",
                "",
            ),
        ),
    ]
}

#[test]
fn refusals_by_the_ledger() {
    for (rejection, status, said) in refusals() {
        let error = to_error(&rejection, &customer());
        let body = format!(r#"{{"error":{said},"request_id":"req_1"}}}}"#);
        assert_eq!(error.to_body("req_1"), body);
        assert_eq!(error.code.status(), status, "{rejection:?}");
    }
}
