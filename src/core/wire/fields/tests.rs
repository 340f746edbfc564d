//! What a body of JSON gives, member by member, and what it is refused for.

use super::*;
use alloc::string::ToString as _;

fn code_of(body: &str) -> Option<Code> {
    let read = |body| {
        let mut fields = Fields::parse(body)?;
        fields.amount(&Unit::credits())?;
        fields.metadata()?;
        fields.description("description")?;
        fields.finish()
    };
    read(body).err().map(|error| error.code)
}

#[test]
fn bodies_by_the_table() {
    let deep = |levels: usize| {
        format!(r#"{{"amount":1,"metadata":{}1{}}}"#, r#"{"a":"#.repeat(levels), "}".repeat(levels))
    };
    let table: Vec<(String, Option<Code>)> = [
        (r#"{"amount":1}"#, None),
        (r#"{"amount":"1.5","description":"x","metadata":{"__proto__":{"a":1}}}"#, None),
        ("", Some(Code::InvalidJson)),
        ("{", Some(Code::InvalidJson)),
        ("\u{feff}{}", Some(Code::InvalidJson)),
        (r#"{"amount":1} x"#, Some(Code::InvalidJson)),
        (r#"{"amount":NaN}"#, Some(Code::InvalidJson)),
        ("{'amount':1}", Some(Code::InvalidJson)),
        ("{\"amount\":1 /* one */}", Some(Code::InvalidJson)),
        (r#"{"amount":01}"#, Some(Code::InvalidJson)),
        ("[]", Some(Code::InvalidRequest)),
        ("1", Some(Code::InvalidRequest)),
        ("{}", Some(Code::InvalidRequest)),
        (r#"{"amount":1,"amount":1}"#, Some(Code::DuplicateField)),
        (r#"{"amount":1,"metadata":{"a":[{"b":1,"\u0062":2}]}}"#, Some(Code::DuplicateField)),
        (r#"{"amount":1,"x":1}"#, Some(Code::UnknownField)),
        (r#"{"amount":1,"description":null}"#, Some(Code::InvalidRequest)),
        (r#"{"amount":1,"description":5}"#, Some(Code::InvalidType)),
        (r#"{"amount":1,"metadata":[]}"#, Some(Code::InvalidType)),
        (r#"{"amount":null}"#, Some(Code::InvalidType)),
        (r#"{"amount":true}"#, Some(Code::InvalidType)),
        (r#"{"amount":[1]}"#, Some(Code::InvalidType)),
        (r#"{"amount":"true"}"#, Some(Code::InvalidType)),
        (r#"{"amount":"1e3"}"#, Some(Code::InvalidType)),
        (r#"{"amount":1e3}"#, None),
        (r#"{"amount":1E400}"#, Some(Code::AmountTooLarge)),
        (r#"{"amount":0}"#, Some(Code::AmountZero)),
        (r#"{"amount":-0}"#, Some(Code::AmountNegative)),
        (r#"{"amount":0.0000001}"#, Some(Code::AmountPrecision)),
    ]
    .into_iter()
    .map(|(body, code)| (body.to_owned(), code))
    .chain([
        (deep(15), None),
        (deep(16), Some(Code::JsonTooDeep)),
        ("[".repeat(100_000), Some(Code::JsonTooDeep)),
        (
            format!(r#"{{"amount":1,"metadata":{{"a":"{}"}}}}"#, "x".repeat(8_192)),
            Some(Code::MetadataTooLarge),
        ),
        (
            format!(r#"{{"amount":1,"description":"{}"}}"#, "x".repeat(1_025)),
            Some(Code::InvalidRequest),
        ),
        (r#"{"amount":1,"description":"a\u0000b"}"#.to_owned(), Some(Code::InvalidRequest)),
        (r#"{"amount":1,"description":"[[[[[[[[[[[[[[[[[[[[\"[["}"#.to_owned(), None),
    ])
    .collect();
    for (body, code) in table {
        assert_eq!(code_of(&body), code, "{:.80}", body);
    }
}

#[test]
fn errors_name_the_field() {
    let error = Fields::parse(r#"{"amount":1,"amuont":2}"#).and_then(|mut fields| {
        fields.amount(&Unit::credits())?;
        fields.finish()
    });
    assert_eq!(error.unwrap_err().details.unwrap().to_string(), r#"{"param":"amuont"}"#);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(body in "[{}\\[\\]\":,a0-9\\\\ .eE-]{0,60}") {
        let _ = code_of(&body);
    }
}
