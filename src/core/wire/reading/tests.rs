//! The client's side of the status table, line by line.

use super::*;
use std::format;
use std::string::String;
use std::vec::Vec;

use Effect::{Applied, NotApplied, Unknown};

#[test]
fn statuses_by_the_table() {
    let table = [
        (200, None, Kind::Success, false, Applied),
        (299, None, Kind::Success, false, Applied),
        (0, None, Kind::Protocol, false, Unknown),
        (101, None, Kind::Protocol, false, Unknown),
        (302, None, Kind::Protocol, false, Unknown),
        (308, Some("moved"), Kind::Protocol, false, Unknown),
        (400, Some("invalid_json"), Kind::Other, false, NotApplied),
        (401, Some("invalid_api_key"), Kind::Authentication, false, NotApplied),
        (402, Some("insufficient_credits"), Kind::InsufficientCredits, false, NotApplied),
        (402, None, Kind::InsufficientCredits, false, NotApplied),
        (403, Some("insufficient_scope"), Kind::Other, false, NotApplied),
        (404, None, Kind::Other, false, NotApplied),
        (405, None, Kind::Other, false, NotApplied),
        (408, None, Kind::Other, true, Unknown),
        (409, Some("idempotency_key_in_use"), Kind::Other, true, Unknown),
        (409, Some("hold_already_captured"), Kind::Other, false, NotApplied),
        (409, None, Kind::Other, false, NotApplied),
        (413, None, Kind::Other, false, NotApplied),
        (415, None, Kind::Other, false, NotApplied),
        (422, Some("idempotency_key_reused"), Kind::Other, false, NotApplied),
        (425, None, Kind::Other, true, NotApplied),
        (429, Some("rate_limited"), Kind::RateLimit, true, NotApplied),
        (429, None, Kind::RateLimit, true, NotApplied),
        (500, Some("internal_error"), Kind::Other, true, Unknown),
        (500, None, Kind::Other, true, Unknown),
        (501, Some("topup_not_configured"), Kind::Other, false, NotApplied),
        (501, None, Kind::Other, false, Unknown),
        (502, None, Kind::Other, true, Unknown),
        (503, Some("not_configured"), Kind::Other, false, NotApplied),
        (503, Some("upstream_unavailable"), Kind::Other, true, NotApplied),
        (503, None, Kind::Other, true, Unknown),
        (503, Some("ServiceUnavailable"), Kind::Other, true, Unknown),
        (504, None, Kind::Other, true, Unknown),
        (505, None, Kind::Other, false, Unknown),
        (520, None, Kind::Other, true, Unknown),
        (530, None, Kind::Other, true, Unknown),
        (531, None, Kind::Other, false, Unknown),
        (600, None, Kind::Protocol, false, Unknown),
        (65_535, None, Kind::Protocol, false, Unknown),
    ];
    for (status, code, kind, retry, effect) in table {
        assert_eq!(judge(status, code), Judgement { kind, retry, effect }, "{status} {code:?}");
    }
}

/// C3 and C4 for every status and code: what is retried is the table's list, and nothing that may
/// have been carried out is called refused.
#[test]
fn only_the_listed_statuses_are_retried() {
    let codes = Code::ALL.iter().map(|code| Some(code.as_str())).chain([None, Some(KEY_IN_USE)]);
    let codes: Vec<Option<&str>> = codes.collect();
    for status in 0..=1_000 {
        for code in &codes {
            let judgement = judge(status, *code);
            let listed = matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 520..=530)
                || (status == 409 && *code == Some(KEY_IN_USE));
            let setting =
                status == 503 && matches!(*code, Some("not_configured" | "topup_not_configured"));
            assert_eq!(judgement.retry, listed && !setting, "{status} {code:?}");
            let may_have_run = matches!(status, 408 | 500 | 502 | 504 | 520..=530)
                || !(200..600).contains(&status);
            assert!(!may_have_run || judgement.effect == Unknown, "{status} {code:?}");
        }
    }
}

/// Every error that our worker sends is read back with its code.
#[test]
fn our_own_errors_are_read_back() {
    for code in Code::ALL {
        let error =
            crate::wire::errors::ApiError::about(*code, "amount", "Words for a \"person\".");
        let said = Said::read(&error.to_body("req_7"));
        assert_eq!(said.code.as_deref(), Some(code.as_str()));
        assert_eq!(said.message.as_deref(), Some("Words for a \"person\"."));
        assert_eq!(said.details.as_deref().unwrap(), r#"{"param":"amount"}"#);
        assert_eq!(said.request_id.as_deref(), Some("req_7"));
    }
}

#[test]
fn bodies_in_other_forms() {
    let read = |body: &str| {
        let said = Said::read(body);
        (said.code, said.message, said.details, said.request_id)
    };
    let some = |text: &str| Some(text.to_owned());
    let none: Option<String> = None;
    assert_eq!(
        read(r#" {"code":"c","message":"m","details":{"a":1},"request_id":"r"}"#),
        (some("c"), some("m"), some(r#"{"a":1}"#), some("r"))
    );
    assert_eq!(read(r#"{"error":"gone"}"#), (none.clone(), some("gone"), None, None));
    assert_eq!(
        read(r#"{"ok":false,"error":"gone","code":"c","details":{"a":1}}"#),
        (some("c"), some("gone"), some(r#"{"a":1}"#), None)
    );
    for nothing in ["", "<html>502</html>", "[]", "null", "{", r#"{"error":5}"#, r#"{"error":[]}"#]
    {
        assert_eq!(read(nothing), (None, None, None, None), "{nothing}");
    }
    // A part that is malformed is left out; the others stay.
    let odd = r#"{"error":{"code":{"x":1},"message":"m","details":[1],"request_id":7}}"#;
    assert_eq!(read(odd), (None, some("m"), None, None));
    let null = r#"{"error":{"code":null,"message":null,"details":null}}"#;
    assert_eq!(read(null), (None, None, None, None));
}

#[test]
fn what_is_taken_from_a_body_is_bounded() {
    let body = format!(
        r#"{{"code":"{}","message":"{}\u0007\n","details":{{"a":"{}"}},"request_id":"{}"}}"#,
        "c".repeat(65),
        "é".repeat(2_000),
        "d".repeat(MAX_DETAILS_BYTES),
        "r".repeat(129)
    );
    let said = Said::read(&body);
    assert_eq!(said.message.unwrap(), "é".repeat(500));
    assert!(said.code.is_none() && said.details.is_none() && said.request_id.is_none());
    let said = Said::read(r#"{"code":"a b","message":"a\u0007b\nc","request_id":"a\nb"}"#);
    assert_eq!(said.message.unwrap(), "a b c");
    assert!(said.code.is_none() && said.request_id.is_none());
}

#[test]
fn success_bodies() {
    let table = [
        (r#"{"balance":5}"#, Some(false)),
        (" {\"balance\":5,\"replayed\":true}\n", Some(true)),
        (r#"{"replayed":false}"#, Some(false)),
        (r#"{"replayed":"true"}"#, Some(false)),
        (r#"{"replayed":null}"#, Some(false)),
        ("", None),
        ("OK", None),
        ("[]", None),
        ("null", None),
        ("{", None),
        (r#"{"balance":5} trailing"#, None),
        ("<!doctype html>", None),
    ];
    for (body, replayed) in table {
        let said = Said::read(body);
        assert_eq!(said.is_object.then_some(said.replayed), replayed, "{body}");
    }
}

#[test]
fn shortages_as_decimal_text() {
    let read = |details: &str| {
        let said = Said::read(&format!(r#"{{"error":{{"details":{details}}}}}"#));
        (said.current_balance, said.requested)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(read(r#"{"current_balance":1.50,"requested":10}"#), (some("1.50"), some("10")));
    assert_eq!(read(r#"{"current_balance":"-2","requested":"x"}"#), (some("-2"), None));
    assert_eq!(read(r#"{"current_balance":null,"requested":{}}"#), (None, None));
    assert_eq!(read(r#"{"requested":"1,2"}"#), (None, None));
    assert_eq!(read("[]"), (None, None));
    // The most of a coarse unit, the least of a fine one.
    let ends = r#"{"current_balance":0.000000001,"requested":8000000000}"#;
    assert_eq!(read(ends), (some("0.000000001"), some("8000000000")));
    let beyond = r#"{"current_balance":8000000001,"requested":0.0000000001}"#;
    assert_eq!(read(beyond), (None, None));
}

proptest::proptest! {
    #[test]
    fn any_body_is_read(body in "[{}\\[\\]\":,a-z0-9\\\\ .eE-]{0,60}") {
        let _ = Said::read(&body);
    }
}
