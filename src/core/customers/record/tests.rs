use alloc::format;
use alloc::string::{String, ToString as _};

use super::*;

fn refused(body: &str) -> (Code, String) {
    let error = Changes::parse(body).unwrap_err();
    (error.code, error.message)
}

fn record(body: &str) -> Record {
    let id = CustomerId::parse("cus_1").unwrap();
    Record::new(id, &Changes::parse_new(body).unwrap(), Timestamp::from_millis(5))
}

/// A text of this many bytes that the field takes.
fn filled(text: &Text, bytes: usize) -> String {
    let Text(_, kind, _) = text;
    match kind {
        Kind::Line | Kind::Lines => "x".repeat(bytes),
        Kind::Email => format!("{}@b.c", "x".repeat(bytes - 4)),
        Kind::Url => format!("https://{}", "x".repeat(bytes - 8)),
        Kind::Currency => "USDUSD"[..bytes].to_owned(),
    }
}

#[test]
fn every_field_takes_its_longest_text_and_no_longer() {
    for text in TEXTS {
        let Text(name, kind, most) = text;
        let body = |bytes| format!(r#"{{"{name}":"{}"}}"#, filled(text, bytes));
        assert!(Changes::parse(&body(*most)).is_ok(), "{name}");
        let (code, message) = refused(&body(most + 1));
        assert_eq!(code, Code::InvalidRequest);
        assert!(message.contains(name) && message.contains(&most.to_string()), "{message}");
        for blank in ["", "  ", "\\u3000"] {
            assert_eq!(refused(&format!(r#"{{"{name}":"{blank}"}}"#)).0, Code::InvalidRequest);
        }
        for other in ["7", "true", "[]", "{}"] {
            assert_eq!(refused(&format!(r#"{{"{name}":{other}}}"#)).0, Code::InvalidType);
        }
        assert_eq!(refused(&format!(r#"{{"{name}":"a\u0000"}}"#)).0, Code::InvalidRequest);
        let lines = Changes::parse(&format!(r#"{{"{name}":"a\nb"}}"#));
        assert_eq!(lines.is_ok(), *kind == Kind::Lines, "{name}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let table = [
        (r#"{"email":"nobody"}"#, Code::InvalidRequest),
        (r#"{"email":"@host"}"#, Code::InvalidRequest),
        (r#"{"email":"a@"}"#, Code::InvalidRequest),
        (r#"{"email":"a b@c.d"}"#, Code::InvalidRequest),
        (r#"{"website":"javascript:alert(1)"}"#, Code::InvalidRequest),
        (r#"{"logoUrl":"https://"}"#, Code::InvalidRequest),
        (r#"{"logoUrl":"https://x\"onload=y"}"#, Code::InvalidRequest),
        (r#"{"logoUrl":"data:image/png;base64,x"}"#, Code::InvalidRequest),
        (r#"{"currencyCode":"US"}"#, Code::InvalidRequest),
        (r#"{"currencyCode":"U$D"}"#, Code::InvalidRequest),
        (r#"{"creditAllowance":-1}"#, Code::AmountNegative),
        (r#"{"creditAllowance":0.0000001}"#, Code::AmountPrecision),
        (r#"{"creditAllowance":1e300}"#, Code::AmountTooLarge),
        (r#"{"creditAllowance":"many"}"#, Code::InvalidType),
        (r#"{"name":null}"#, Code::InvalidRequest),
        (r#"{"email":null}"#, Code::InvalidRequest),
        (r#"{"id":"cus_2"}"#, Code::UnknownField),
        (r#"{"metadata":{}}"#, Code::UnknownField),
        (r#"{"notes":"a","notes":"b"}"#, Code::DuplicateField),
        ("null", Code::InvalidRequest),
    ];
    for (body, code) in table {
        assert_eq!(refused(body).0, code, "{body}");
    }
    for body in ["{}", r#"{"name":"Acme"}"#, r#"{"email":"a@b.c"}"#] {
        assert_eq!(Changes::parse_new(body).unwrap_err().code, Code::InvalidRequest);
    }
}

#[test]
fn null_clears_and_omission_keeps() {
    let mut acme = record(
        r#"{"name":"Acme","email":"ops@acme.com","notes":"VIP","city":null,"creditAllowance":"1000.50"}"#,
    );
    let change = |text| Changes::parse(text).unwrap();
    let later = Timestamp::from_millis(9);
    assert!(!acme.change(&change("{}"), later));
    assert!(!acme.change(&change(r#"{"notes":"VIP","city":null}"#), later));
    assert_eq!(acme.updated_at, Timestamp::from_millis(5), "nothing was changed");
    assert!(acme.change(&change(r#"{"notes":null,"city":"Köln"}"#), later));
    assert_eq!((acme.text("notes"), acme.text("city")), (None, Some("Köln")));
    assert_eq!((acme.text("name"), acme.updated_at), (Some("Acme"), later));
    let body: serde_json::Value = serde_json::from_str(&acme.to_body()).unwrap();
    assert_eq!(body["creditAllowance"].to_string(), "1000.5");
    assert!(body["notes"].is_null() && body["taxId"].is_null());
    assert_eq!(body.as_object().unwrap().len(), 1 + TEXTS.len() + 1 + 2);
    assert!(acme.change(&change(r#"{"creditAllowance":null}"#), Timestamp::from_millis(1)));
    assert_eq!(acme.updated_at, later, "a clock that steps back does not");
}

#[test]
fn what_is_stored_is_read_back() {
    let acme = record(r#"{"name":"Ac\"me","email":"a@b.c","notes":"a\n\tb","creditAllowance":0}"#);
    let times = (acme.created_at, acme.updated_at);
    let read = Record::load(acme.id.clone(), &acme.to_stored(), times);
    assert_eq!(read.as_ref(), Some(&acme));
    let unnamed = Record::unnamed(acme.id.clone(), times.0);
    assert_eq!(Record::load(acme.id.clone(), &unnamed.to_stored(), times), Some(unnamed));
    assert_eq!(Record::load(acme.id, "[]", times), None);
}

#[test]
fn a_key_names_one_customer_of_an_environment() {
    let (one, other) = (Entropy::new([1; 16]), Entropy::new([2; 16]));
    let key = IdempotencyKey::parse("signup-7").unwrap();
    let live = new_id(Environment::Live, Some(&key), &one);
    assert_eq!(live, new_id(Environment::Live, Some(&key), &other));
    assert_ne!(live, new_id(Environment::Test, Some(&key), &one));
    let random = new_id(Environment::Live, None, &one);
    assert_ne!(random, new_id(Environment::Live, None, &other));
    assert_eq!(random, new_id(Environment::Live, None, &one), "the same request, delivered twice");
    assert!(random.len() == 28 && CustomerId::parse(&random).is_ok());
    // A key that is spelled like randomness is not taken for it.
    let spelled = IdempotencyKey::parse(&one.uuid()).unwrap();
    assert_ne!(new_id(Environment::Live, Some(&spelled), &one), random);
    let of = |body| Changes::parse_new(body).unwrap().fingerprint();
    let (a, b) = (r#"{"name":"A","email":"a@b.c"}"#, r#"{ "email":"a@b.c", "name":"\u0041" }"#);
    assert_eq!(of(a), of(b));
    assert_ne!(of(a), of(r#"{"name":"B","email":"a@b.c"}"#));
}
