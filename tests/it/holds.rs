//! Holds on the wire: what is read, what is answered, and what a refusal says.

use edge_credits_core::credits::Credits;
use edge_credits_core::entropy::Entropy;
use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::{TransactionId, Unit};
use edge_credits_core::ledger::{
    Account, Adjust, CallDetails, Capture, Command, Found, GrantCredits, Hold, HoldState,
    LedgerConfig, Receipt, Rejection, Source, decide,
};
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::holds::{
    hold_body, holds_body, parse_capture, parse_extend, parse_hold, parse_holds_query,
    parse_progress, parse_release,
};
use edge_credits_core::wire::rejections::to_error;
use edge_credits_core::wire::replies::receipt_body;
use edge_credits_core::wire::requests::KeySource;

use crate::requests::{CHARGE, Line, check, refusal};
use crate::shelf::owner;

fn charge() -> TransactionId {
    TransactionId::parse(CHARGE).unwrap()
}

const HOLD: &[Line] = &[
    (None, r#"{"amount":75}"#, "hold 75 credits 900000 ms capture_progress key fresh"),
    (
        Some("k"),
        r#"{"amount":"0.000000001","unit":"usd","ttl_ms":1000,"on_expiry":"release"}"#,
        "hold 0.000000001 usd 1000 ms release key k",
    ),
    (
        None,
        r#"{"amount":1,"ttl_ms":86400000,"on_expiry":"capture_all","description":"a: b"}"#,
        "hold 1 credits 86400000 ms capture_all key fresh description a: b",
    ),
    (None, r#"{"amount":0}"#, "amount_zero amount"),
    (None, r#"{"amount":-1}"#, "amount_negative amount"),
    (None, r#"{"amount":1.0000001}"#, "amount_precision amount"),
    (None, r"{}", "invalid_request amount"),
    (None, r#"{"amount":1,"ttl_ms":999}"#, "invalid_request ttl_ms"),
    (None, r#"{"amount":1,"ttl_ms":86400001}"#, "invalid_request ttl_ms"),
    (None, r#"{"amount":1,"ttl_ms":-1000}"#, "invalid_request ttl_ms"),
    (None, r#"{"amount":1,"ttl_ms":1000.5}"#, "invalid_type ttl_ms"),
    (None, r#"{"amount":1,"ttl_ms":"1000"}"#, "invalid_type ttl_ms"),
    (None, r#"{"amount":1,"ttl_ms":null}"#, "invalid_request ttl_ms"),
    (None, r#"{"amount":1,"on_expiry":"keep"}"#, "invalid_request on_expiry"),
    (None, r#"{"amount":1,"on_expiry":1}"#, "invalid_type on_expiry"),
    (None, r#"{"amount":1,"on_insufficient":"reject"}"#, "unknown_field on_insufficient"),
];

const CAPTURE: &[Line] = &[
    (None, r"{}", "capture key fresh"),
    (Some("k"), r#"{"amount":12.5}"#, "capture 12.5 credits key k"),
    (None, r#"{"amount":0}"#, "capture 0 credits key fresh"),
    (
        None,
        r#"{"amount":1,"unit":"usd","description":"d"}"#,
        "capture 1 usd key fresh description d",
    ),
    (None, r#"{"amount":-1}"#, "amount_negative amount"),
    (None, r#"{"amount":-0}"#, "amount_negative amount"),
    (None, r#"{"amount":null}"#, "invalid_type amount"),
    (None, r#"{"amount":true}"#, "invalid_type amount"),
    (None, r#"{"amount":9e99}"#, "amount_too_large amount"),
    (None, r#"{"used":1}"#, "unknown_field used"),
    (None, r"[]", "invalid_request body"),
];

const RELEASE: &[Line] = &[
    (None, r"{}", "release key fresh"),
    (None, r#"{"metadata":{"a":1}}"#, r#"release key fresh metadata {"a":1}"#),
    (None, r#"{"amount":1}"#, "unknown_field amount"),
    (Some("a,b"), r"{}", "invalid_idempotency_key idempotency_key"),
];

#[test]
fn commands_are_read_line_by_line() {
    check(parse_hold, HOLD);
    check(|body, key| parse_capture(charge(), body, key), CAPTURE);
    check(|body, key| parse_release(charge(), body, key), RELEASE);
}

#[test]
fn changes_are_read_line_by_line() {
    let told = |change: Result<Adjust, _>| match change {
        Ok(Adjust::Extend { ttl }) => format!("for {} ms", ttl.as_millis()),
        Ok(Adjust::Progress { unit, used }) => {
            format!("{} {}", used.decimal(unit.scale()), unit.as_str())
        }
        Err(error) => refusal(&error),
    };
    for (body, expected) in [
        (r#"{"ttl_ms":60000,"idempotency_key":"k"}"#, "for 60000 ms"),
        (r"{}", "invalid_request ttl_ms"),
        (r#"{"ttl_ms":1}"#, "invalid_request ttl_ms"),
        (r#"{"ttl_ms":60000,"used":1}"#, "unknown_field used"),
    ] {
        assert_eq!(told(parse_extend(body)), expected, "{body}");
    }
    for (body, expected) in [
        (r#"{"used":12.5}"#, "12.5 credits"),
        (r#"{"used":0,"unit":"usd"}"#, "0 usd"),
        (r"{}", "invalid_request used"),
        (r#"{"used":-1}"#, "amount_negative used"),
        (r#"{"used":"x"}"#, "invalid_type used"),
        (r#"{"used":0.0000001}"#, "amount_precision used"),
        (r#"{"used":1,"amount":1}"#, "unknown_field amount"),
    ] {
        assert_eq!(told(parse_progress(body)), expected, "{body}");
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_795_341_600_000 + millis)
}

/// An account, and what a command on it is answered.
struct Desk(Account);

impl Desk {
    fn new() -> Self {
        let mut desk = Self(Account::new(owner()));
        desk.run(
            &Command::Grant(GrantCredits {
                call: call("grant"),
                unit: Unit::credits(),
                amount: Credits::from_minor_units(500_000_000).unwrap(),
                source: Source::Topup,
                product: None,
                priority: 100,
                effective_at: None,
                expires_at: None,
            }),
            at(0),
        );
        desk
    }

    fn run(&mut self, command: &Command, now: Timestamp) -> Receipt {
        let config = LedgerConfig::default();
        let decision = decide(&self.0, &Found::default(), now, command, &config).unwrap();
        self.0.apply(&decision.writes);
        decision.receipt
    }

    fn hold(&mut self, body: &str, now: Timestamp) -> Receipt {
        let entropy = Entropy::new([7; 16]);
        let command = parse_hold(body, &KeySource { header: None, entropy: &entropy }).unwrap();
        self.run(&command, now)
    }
}

fn call(key: &str) -> CallDetails {
    let key = IdempotencyKey::parse(key).unwrap();
    CallDetails { key, description: None, metadata: None }
}

fn told(receipt: &Receipt) -> String {
    let id = receipt.hold.as_ref().unwrap().id.as_str().to_owned();
    let text = receipt_body(receipt, &owner().customer);
    text.replace(&id, "HOLD").replace(receipt.entry.id.as_str(), "TX")
}

#[test]
fn answers_to_placing_and_ending() {
    let mut desk = Desk::new();
    let body = r#"{"amount":75,"idempotency_key":"k","description":"AI: chat","metadata":{"__proto__": 1}}"#;
    let placed = desk.hold(body, at(1));
    let common = r#"{"hold_id":"HOLD","state":"open","unit":"credits","amount":75,"used":null,"captured":0,"on_expiry":"capture_progress","placed_at":"2026-11-22T10:00:00.001Z","expires_at":"2026-11-22T10:15:00.001Z","description":"AI: chat","metadata":{"__proto__": 1}"#;
    let receipt = r#","balance":425,"transaction_id":"HOLD","idempotency_key":"k","replayed":false,"customer_id":"cus_1","sequence":2,"as_of":"2026-11-22T10:00:00.001Z"}"#;
    assert_eq!(told(&placed), format!("{common}{receipt}"));
    let hold: &Hold = placed.hold.as_ref().unwrap();
    assert_eq!(hold_body(hold).replace(hold.id.as_str(), "HOLD"), format!("{common}}}"));

    let used = Some((Unit::credits(), Credits::from_minor_units(12_500_001).unwrap()));
    let capture = Capture { call: call("end"), hold: hold.id.clone(), used };
    let captured = desk.run(&Command::Capture(capture), at(2));
    let common = common.replace(r#""open""#, r#""captured""#);
    let common = common.replace(r#""captured":0"#, r#""captured":12.500001"#);
    let receipt = r#","balance":487.499999,"transaction_id":"TX","idempotency_key":"end","replayed":false,"customer_id":"cus_1","sequence":3,"as_of":"2026-11-22T10:00:00.002Z"}"#;
    assert_eq!(told(&captured), format!("{common}{receipt}"));
}

#[test]
fn pages_of_open_holds_are_newest_first_and_go_on_by_sequence() {
    let mut desk = Desk::new();
    for number in 0..5 {
        desk.hold(&format!(r#"{{"amount":{},"idempotency_key":"{number}"}}"#, number + 1), at(1));
    }
    let page = |query: &str| {
        let query = parse_holds_query(query).unwrap();
        let text = holds_body(desk.0.open_holds().rev(), &query);
        let (data, pagination) = text.split_once(r#"],"pagination":"#).unwrap();
        let items = data.split(r#""amount":"#).skip(1);
        let amounts = items.map(|item| item.split(',').next().unwrap().to_owned());
        (amounts.collect::<Vec<_>>().join(" "), pagination.to_owned())
    };
    let last = r#"{"limit":20,"has_more":false,"next_before_sequence":null}}"#;
    assert_eq!(page(""), ("5 4 3 2 1".to_owned(), last.to_owned()));
    let more = r#"{"limit":2,"has_more":true,"next_before_sequence":5}}"#;
    assert_eq!(page("limit=2"), ("5 4".to_owned(), more.to_owned()));
    assert_eq!(page("limit=2&before_sequence=5").0, "3 2");
    assert_eq!(page("unit=usd").0, "");
    for wrong in ["limit=0", "limit=101", "before_sequence=x", "unit="] {
        assert!(parse_holds_query(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn refusals_tell_what_was_captured() {
    let unit = Unit::credits();
    let captured = Credits::from_minor_units(1_500_000).unwrap();
    let ended = |state| Rejection::HoldEnded { state, unit: unit.clone(), captured };
    let said = |rejection: &Rejection| {
        let error = to_error(rejection, &owner().customer);
        let details = error.details.as_ref().map_or("-", |details| details.get()).to_owned();
        (error.code.as_str(), error.code.status(), details)
    };
    let details = |state| format!(r#"{{"state":"{state}","captured":1.5,"unit":"credits"}}"#);
    for (rejection, code, status, details) in [
        (ended(HoldState::Captured), "hold_already_captured", 409, details("captured")),
        (ended(HoldState::Released), "hold_already_released", 409, details("released")),
        (ended(HoldState::Expired), "hold_expired", 409, details("expired")),
        (
            Rejection::CaptureExceedsHold { unit: unit.clone(), held: captured },
            "capture_exceeds_hold",
            422,
            r#"{"held":1.5,"unit":"credits"}"#.to_owned(),
        ),
        (Rejection::UnknownHold, "not_found", 404, r#"{"param":"hold_id"}"#.to_owned()),
        (
            Rejection::OtherHoldUnit { unit: unit.clone() },
            "invalid_request",
            400,
            r#"{"param":"unit"}"#.to_owned(),
        ),
        (Rejection::TooManyHolds, "too_many_holds", 422, "-".to_owned()),
    ] {
        assert_eq!(said(&rejection), (code, status, details));
    }
}
