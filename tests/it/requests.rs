//! Requests of the Credit Engine API: what each body, header and query is read as, line by line.

use std::collections::BTreeSet;

use edge_credits_core::entropy::Entropy;
use edge_credits_core::ledger::{Command, GrantCredits, WhenShort};
use edge_credits_core::wire::errors::{ApiError, Code};
use edge_credits_core::wire::requests::{
    KeySource, body_text, parse_add, parse_consume, parse_customer, parse_void,
};

/// The key that is made where a request names none.
const FRESH: &str = "07070707-0707-4707-8707-070707070707";
pub(crate) const CHARGE: &str = "txn_00112233445566778899aabbccddeeff";

/// Header, body, and what is read.
pub(crate) type Line = (Option<&'static str>, &'static str, &'static str);

/// A refusal's code, and the field that it names.
pub(crate) fn refusal(error: &ApiError) -> String {
    let details = error.details.as_ref().map_or("", |details| details.get());
    let param = details.strip_prefix(r#"{"param":""#).and_then(|rest| rest.strip_suffix(r#""}"#));
    format!("{} {}", error.code.as_str(), param.unwrap_or("-"))
}

/// A command in one line: everything in it that is not as usual.
fn words(command: &Command) -> String {
    let call = command.call();
    let mut words = match command {
        Command::Consume(it) => {
            let verb = if it.when_short == WhenShort::Reject { "gate" } else { "consume" };
            format!("{verb} {} {}", it.amount.decimal(it.unit.scale()), it.unit.as_str())
        }
        Command::Grant(it) => granted(it),
        Command::Debit(it) => {
            format!("debit {} {}", it.amount.decimal(it.unit.scale()), it.unit.as_str())
        }
        Command::Refund(it) => {
            assert_eq!(it.refund_of.as_str(), CHARGE);
            format!("give back {} {}", it.amount.decimal(it.unit.scale()), it.unit.as_str())
        }
        Command::Void(it) => {
            assert_eq!(it.grant.as_str(), CHARGE);
            "void".to_owned()
        }
        Command::Hold(it) => {
            let (amount, unit) = (it.amount.decimal(it.unit.scale()), it.unit.as_str());
            format!("hold {amount} {unit} {} ms {}", it.ttl.as_millis(), it.on_expiry.as_str())
        }
        Command::Capture(it) => match &it.used {
            Some((unit, used)) => {
                format!("capture {} {}", used.decimal(unit.scale()), unit.as_str())
            }
            None => "capture".to_owned(),
        },
        Command::Release(_) => "release".to_owned(),
        Command::Usage(_) => panic!("signals are not asked of this face"),
    };
    let key = if call.key.as_str() == FRESH { "fresh" } else { call.key.as_str() };
    words.push_str(&format!(" key {key}"));
    for (name, note) in [("description", &call.description), ("metadata", &call.metadata)] {
        words.push_str(&note.as_ref().map_or(String::new(), |note| format!(" {name} {note}")));
    }
    words
}

fn granted(grant: &GrantCredits) -> String {
    let amount = grant.amount.decimal(grant.unit.scale());
    let (source, unit) = (grant.source.as_str(), grant.unit.as_str());
    let product = grant.product.as_ref().map(|product| format!(" for {}", product.as_str()));
    let from = grant.effective_at.map(|time| format!(" from {time}"));
    let until = grant.expires_at.map(|time| format!(" until {time}"));
    let terms = [product, from, until].into_iter().flatten().collect::<String>();
    format!("{source} {amount} {unit} priority {}{terms}", grant.priority)
}

/// Reads every line, and returns the codes that were met.
pub(crate) fn check(
    read: impl Fn(&str, &KeySource<'_>) -> Result<Command, ApiError>,
    lines: &[Line],
) -> BTreeSet<Code> {
    let entropy = Entropy::new([7; 16]);
    let mut codes = BTreeSet::new();
    for (header, body, expected) in lines {
        let read = match read(body, &KeySource { header: *header, entropy: &entropy }) {
            Ok(command) => words(&command),
            Err(error) => {
                assert!(error.message.contains("Nothing was changed"), "{}", error.message);
                codes.insert(error.code);
                refusal(&error)
            }
        };
        assert_eq!(read, *expected, "{header:?} {body}");
    }
    codes
}

const CONSUME: &[Line] = &[
    (None, r#"{"amount":1}"#, "consume 1 credits key fresh"),
    (None, r#"{"amount":1.5,"idempotency_key":"k"}"#, "consume 1.5 credits key k"),
    (None, r#"{"amount":"0.000001"}"#, "consume 0.000001 credits key fresh"),
    (None, r#"{"amount":0.000000001,"unit":"usd"}"#, "consume 0.000000001 usd key fresh"),
    (None, r#"{"amount":1e3,"unit":"gpu.h"}"#, "consume 1000 gpu.h key fresh"),
    (None, r#"{"amount":8000000000}"#, "consume 8000000000 credits key fresh"),
    (None, r#"{"amount":1,"on_insufficient":"reject"}"#, "gate 1 credits key fresh"),
    (None, r#"{"amount":1,"on_insufficient":"allow"}"#, "consume 1 credits key fresh"),
    (
        None,
        r#"{"amount":1,"description":"chat: hi","metadata":{"a":[1, 2]}}"#,
        r#"consume 1 credits key fresh description chat: hi metadata {"a":[1, 2]}"#,
    ),
    // Header and body.
    (Some("h"), r#"{"amount":1}"#, "consume 1 credits key h"),
    (Some("\"h\""), r#"{"amount":1}"#, "consume 1 credits key h"),
    (Some(" h\t"), r#"{"amount":1}"#, "consume 1 credits key h"),
    (Some("h"), r#"{"amount":1,"idempotency_key":"h"}"#, "consume 1 credits key h"),
    (Some("\"h\""), r#"{"amount":1,"idempotency_key":"h"}"#, "consume 1 credits key h"),
    (Some("\"a\\\"b\""), r#"{"amount":1,"idempotency_key":"a\"b"}"#, "consume 1 credits key a\"b"),
    // A body's key is not quoted: its quotes are part of it.
    (None, r#"{"amount":1,"idempotency_key":"\"h\""}"#, "consume 1 credits key \"h\""),
    (
        Some("h"),
        r#"{"amount":1,"idempotency_key":"\"h\""}"#,
        "idempotency_key_conflict idempotency_key",
    ),
    (
        Some("h"),
        r#"{"amount":1,"idempotency_key":"H"}"#,
        "idempotency_key_conflict idempotency_key",
    ),
    (Some(""), r#"{"amount":1}"#, "invalid_idempotency_key idempotency_key"),
    (Some("a,b"), r#"{"amount":1}"#, "invalid_idempotency_key idempotency_key"),
    (Some("a, a"), r#"{"amount":1}"#, "duplicate_header idempotency_key"),
    (Some("\"h"), r#"{"amount":1}"#, "invalid_idempotency_key idempotency_key"),
    (Some("ключ"), r#"{"amount":1}"#, "invalid_idempotency_key idempotency_key"),
    (Some("h"), r#"{"amount":1,"idempotency_key":""}"#, "invalid_idempotency_key idempotency_key"),
    (None, r#"{"amount":1,"idempotency_key":"a b"}"#, "invalid_idempotency_key idempotency_key"),
    (None, r#"{"amount":1,"idempotency_key":7}"#, "invalid_type idempotency_key"),
    (None, r#"{"amount":1,"idempotency_key":null}"#, "invalid_request idempotency_key"),
    // Amounts.
    (None, "{}", "invalid_request amount"),
    (None, r#"{"amount":0}"#, "amount_zero amount"),
    (None, r#"{"amount":"0.000"}"#, "amount_zero amount"),
    (None, r#"{"amount":-0}"#, "amount_negative amount"),
    (None, r#"{"amount":-1}"#, "amount_negative amount"),
    (None, r#"{"amount":"-5"}"#, "amount_negative amount"),
    (None, r#"{"amount":0.0000001}"#, "amount_precision amount"),
    (None, r#"{"amount":1e-7}"#, "amount_precision amount"),
    (None, r#"{"amount":0.0000000001,"unit":"usd"}"#, "amount_precision amount"),
    (None, r#"{"amount":8000000000.000001}"#, "amount_too_large amount"),
    (None, r#"{"amount":8000001,"unit":"usd"}"#, "amount_too_large amount"),
    (None, r#"{"amount":1E400}"#, "amount_too_large amount"),
    (None, r#"{"amount":99999999999999999999999999999999999999999}"#, "amount_too_large amount"),
    (None, r#"{"amount":null}"#, "invalid_type amount"),
    (None, r#"{"amount":true}"#, "invalid_type amount"),
    (None, r#"{"amount":[1]}"#, "invalid_type amount"),
    (None, r#"{"amount":{}}"#, "invalid_type amount"),
    (None, r#"{"amount":""}"#, "invalid_type amount"),
    (None, r#"{"amount":" 5"}"#, "invalid_type amount"),
    (None, r#"{"amount":"5 "}"#, "invalid_type amount"),
    (None, r#"{"amount":"+5"}"#, "invalid_type amount"),
    (None, r#"{"amount":"1e3"}"#, "invalid_type amount"),
    (None, r#"{"amount":"0x10"}"#, "invalid_type amount"),
    (None, r#"{"amount":"1_000"}"#, "invalid_type amount"),
    (None, r#"{"amount":"1,5"}"#, "invalid_type amount"),
    (None, r#"{"amount":"١٢"}"#, "invalid_type amount"),
    // Bodies.
    (None, "", "invalid_json -"),
    (None, "\u{feff}{\"amount\":1}", "invalid_json -"),
    (None, r#"{"amount":1}}"#, "invalid_json -"),
    (None, r#"{"amount":+1}"#, "invalid_json -"),
    (None, r#"{"amount":NaN}"#, "invalid_json -"),
    (None, r#"{"amount":1,}"#, "invalid_json -"),
    (None, r#"{"amount":1,"\ud800":1}"#, "invalid_json -"),
    (None, "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "json_too_deep -"),
    (None, r#"[{"amount":1}]"#, "invalid_request body"),
    (None, "null", "invalid_request body"),
    (None, r#"{"amount":1,"amount":2}"#, "duplicate_field amount"),
    (None, r#"{"amount":1,"am\u006funt":2}"#, "duplicate_field amount"),
    (None, r#"{"amount":1,"metadata":{"a":{"b":1,"b":1}}}"#, "duplicate_field b"),
    (None, r#"{"amount":1,"type":"topup"}"#, "unknown_field type"),
    (None, r#"{"amount":1,"Amount":1}"#, "unknown_field Amount"),
    (None, r#"{"amount":1,"__proto__":{}}"#, "unknown_field __proto__"),
    // Other fields.
    (None, r#"{"amount":1,"unit":"my unit"}"#, "invalid_id unit"),
    (None, r#"{"amount":1,"unit":""}"#, "invalid_id unit"),
    (None, r#"{"amount":1,"unit":1}"#, "invalid_type unit"),
    (None, r#"{"amount":1,"unit":null}"#, "invalid_request unit"),
    (None, r#"{"amount":1,"on_insufficient":"refuse"}"#, "invalid_request on_insufficient"),
    (None, r#"{"amount":1,"on_insufficient":true}"#, "invalid_type on_insufficient"),
    (None, r#"{"amount":1,"description":1}"#, "invalid_type description"),
    (None, r#"{"amount":1,"description":"a\u0000b"}"#, "invalid_request description"),
    (None, r#"{"amount":1,"description":"\udc00"}"#, "invalid_type description"),
    (None, r#"{"amount":1,"metadata":"{}"}"#, "invalid_type metadata"),
    (None, r#"{"amount":1,"metadata":null}"#, "invalid_request metadata"),
];

const ADD: &[Line] = &[
    (None, r#"{"amount":5,"type":"topup"}"#, "topup 5 credits priority 100 key fresh"),
    (
        Some("h"),
        r#"{"amount":"5","type":"adjustment","unit":"usd","priority":0,"description":"d"}"#,
        "adjustment 5 usd priority 0 key h description d",
    ),
    (
        None,
        r#"{"amount":5,"type":"refund","product":"pro","priority":1000}"#,
        "refund 5 credits priority 1000 for pro key fresh",
    ),
    (
        None,
        r#"{"amount":5,"type":"topup","effective_at":"2026-01-01T00:00:00+01:00","expires_at":"2027-01-01T00:00:00.5Z"}"#,
        "topup 5 credits priority 100 from 2025-12-31T23:00:00.000Z until 2027-01-01T00:00:00.500Z key fresh",
    ),
    (None, r#"{"amount":-5,"type":"adjustment"}"#, "debit 5 credits key fresh"),
    (
        None,
        r#"{"amount":2,"type":"refund","refund_of":"txn_00112233445566778899aabbccddeeff"}"#,
        "give back 2 credits key fresh",
    ),
    (None, r#"{"amount":5}"#, "invalid_request type"),
    (None, r#"{"type":"topup"}"#, "invalid_request amount"),
    (None, r#"{"amount":5,"type":"gift"}"#, "invalid_request type"),
    (None, r#"{"amount":5,"type":"consumption"}"#, "invalid_request type"),
    (None, r#"{"amount":5,"type":1}"#, "invalid_type type"),
    (None, r#"{"amount":0,"type":"adjustment"}"#, "amount_zero amount"),
    (None, r#"{"amount":-5,"type":"topup"}"#, "amount_negative amount"),
    (None, r#"{"amount":-5,"type":"refund"}"#, "amount_negative amount"),
    (None, r#"{"amount":-0,"type":"adjustment"}"#, "amount_negative amount"),
    (None, r#"{"amount":-8000000001,"type":"adjustment"}"#, "amount_too_large amount"),
    (
        None,
        r#"{"amount":-2,"type":"refund","refund_of":"txn_00112233445566778899aabbccddeeff"}"#,
        "amount_negative amount",
    ),
    (
        None,
        r#"{"amount":2,"type":"topup","refund_of":"txn_00112233445566778899aabbccddeeff"}"#,
        "invalid_request refund_of",
    ),
    (None, r#"{"amount":2,"type":"refund","refund_of":"txn_1"}"#, "invalid_id refund_of"),
    (None, r#"{"amount":2,"type":"refund","refund_of":null}"#, "invalid_request refund_of"),
    // The terms of a grant, on what makes none.
    (None, r#"{"amount":-5,"type":"adjustment","priority":1}"#, "unknown_field priority"),
    (None, r#"{"amount":-5,"type":"adjustment","product":"pro"}"#, "unknown_field product"),
    (
        None,
        r#"{"amount":2,"type":"refund","refund_of":"txn_00112233445566778899aabbccddeeff","expires_at":"2027-01-01T00:00:00Z"}"#,
        "unknown_field expires_at",
    ),
    (
        None,
        r#"{"amount":5,"type":"topup","on_insufficient":"reject"}"#,
        "unknown_field on_insufficient",
    ),
    (None, r#"{"amount":5,"type":"topup","product":"a b"}"#, "invalid_id product"),
    (None, r#"{"amount":5,"type":"topup","priority":1001}"#, "invalid_request priority"),
    (None, r#"{"amount":5,"type":"topup","priority":-1}"#, "invalid_request priority"),
    (None, r#"{"amount":5,"type":"topup","priority":1.5}"#, "invalid_type priority"),
    (None, r#"{"amount":5,"type":"topup","priority":"1"}"#, "invalid_type priority"),
    (None, r#"{"amount":5,"type":"topup","expires_at":"tomorrow"}"#, "invalid_request expires_at"),
    (None, r#"{"amount":5,"type":"topup","expires_at":1790000000}"#, "invalid_type expires_at"),
    (
        None,
        r#"{"amount":5,"type":"topup","effective_at":"2026-02-30T00:00:00Z"}"#,
        "invalid_request effective_at",
    ),
];

const VOID: &[Line] = &[
    (None, "{}", "void key fresh"),
    (
        Some("h"),
        r#"{"idempotency_key":"h","reason":"a mistake"}"#,
        "void key h description a mistake",
    ),
    (None, r#"{"metadata":{}}"#, "void key fresh metadata {}"),
    (Some("h"), r#"{"idempotency_key":"i"}"#, "idempotency_key_conflict idempotency_key"),
    (None, r#"{"reason":1}"#, "invalid_type reason"),
    (None, r#"{"description":"x"}"#, "unknown_field description"),
    (None, "", "invalid_json -"),
];

#[test]
fn bodies_are_read_as_the_tables_say_and_every_code_is_met() {
    let mut codes = check(parse_consume, CONSUME);
    codes.extend(check(parse_add, ADD));
    codes.extend(check(|body, key| parse_void(CHARGE, body, key), VOID));
    for grant in ["", "txn_", "txn_00112233445566778899AABBCCDDEEFF", "grant", "../x"] {
        codes.extend(check(
            |body, key| parse_void(grant, body, key),
            &[(None, "{}", "invalid_id grant_id")],
        ));
    }
    for (longest, field, code) in [
        (8_192 - 8, r#""metadata":{"a":""#, Code::MetadataTooLarge),
        (1_024, r#""description":""#, Code::InvalidRequest),
        (255, r#""idempotency_key":""#, Code::InvalidIdempotencyKey),
        (64, r#""unit":""#, Code::InvalidId),
    ] {
        let end = if code == Code::MetadataTooLarge { "\"}}" } else { "\"}" };
        let body = |length| format!(r#"{{"amount":1,{field}{}{end}"#, "x".repeat(length));
        let entropy = Entropy::new([7; 16]);
        let read =
            |length| parse_consume(&body(length), &KeySource { header: None, entropy: &entropy });
        assert!(read(longest).is_ok(), "{field}");
        let error = read(longest + 1).unwrap_err();
        assert_eq!(error.code, code, "{field}");
        codes.insert(error.code);
    }
    let all = [
        Code::InvalidJson,
        Code::JsonTooDeep,
        Code::DuplicateField,
        Code::DuplicateHeader,
        Code::InvalidRequest,
        Code::InvalidType,
        Code::InvalidId,
        Code::AmountZero,
        Code::AmountNegative,
        Code::AmountPrecision,
        Code::UnknownField,
        Code::MetadataTooLarge,
        Code::InvalidIdempotencyKey,
        Code::IdempotencyKeyConflict,
        Code::AmountTooLarge,
    ];
    assert_eq!(codes, BTreeSet::from(all));
}

#[test]
fn a_body_must_be_utf8() {
    assert_eq!(body_text(b"{\"a\":\"\xc3\xa9\"}").unwrap(), "{\"a\":\"é\"}");
    for bytes in [&b"\xff"[..], b"{\"a\":\"\xc3\"}", b"\xed\xa0\x80", b"\xc0\x80"] {
        assert_eq!(body_text(bytes).unwrap_err().code, Code::InvalidJson);
    }
}

#[test]
fn customers_are_read_as_the_table_says() {
    for id in ["cus_1", "org/42: café ☕", "a", "...", "' OR 1=1 --", "__proto__", "%2F"] {
        assert_eq!(parse_customer(id).unwrap().as_str(), id);
    }
    let long = "é".repeat(64);
    assert_eq!(parse_customer(&long).unwrap().as_str(), long);
    for id in ["", ".", "..", " a", "a ", "a\nb", "a\0", "\u{7f}", &"é".repeat(65)] {
        assert_eq!(refusal(&parse_customer(id).unwrap_err()), "invalid_id customer_id", "{id:?}");
    }
}
