//! Tokens of the portal: exactly what this deployment has signed, and not for longer than it said.

use std::borrow::ToOwned;
use std::format;
use std::string::String;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::ids::{CustomerId, Environment, Owner};
use crate::portal::token::*;
use crate::time::Timestamp;
use crate::wire::errors::{ApiError, Code};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210";

fn read(current: Option<&str>, previous: Option<&str>) -> Result<PortalKeys, ApiError> {
    PortalKeys::read(|name| match name {
        PORTAL_SECRET => current.map(ToOwned::to_owned),
        PORTAL_SECRET_PREVIOUS => previous.map(ToOwned::to_owned),
        _ => panic!("{name}"),
    })
}

fn keys(current: &str, previous: Option<&str>) -> PortalKeys {
    read(Some(current), previous).unwrap_or_else(|error| panic!("{}", error.message))
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn pass() -> Pass {
    let customer = CustomerId::parse("cus_1 \"é\"").unwrap();
    let owner = Owner { environment: Environment::Live, customer };
    Pass { owner, member: Email::parse("ann@example.com"), expires_at: at(9_000) }
}

#[test]
fn a_token_is_its_pass_until_its_time() {
    let keys = keys(SECRET, None);
    let token = pass().to_token(&keys);
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{token}");
    assert_eq!(Pass::from_token(&token, &keys, at(0)), Ok(pass()));
    assert_eq!(Pass::from_token(&token, &keys, at(8_999)), Ok(pass()));
    assert_eq!(Pass::from_token(&token, &keys, at(9_000)), Err(Unusable::Ended));
    let nobody = Pass { member: None, ..pass() };
    assert_eq!(Pass::from_token(&nobody.to_token(&keys), &keys, at(0)), Ok(nobody));
}

/// The form is part of what other programs keep: computed by hand, with `openssl dgst`.
#[test]
fn a_token_stays_readable_from_version_to_version() {
    let customer = CustomerId::parse("cus_1").unwrap();
    let owner = Owner { environment: Environment::Test, customer };
    let pass = Pass { owner, member: None, expires_at: at(1_000) };
    let token =
        "eyJlIjoidGVzdCIsImMiOiJjdXNfMSIsIngiOjEwMDB9.KQJ5qj4RBMlyiDvFfH1s97CfA46FdkF6fEZKwdvGoaE";
    assert_eq!(pass.to_token(&keys(SECRET, None)), token);
}

#[test]
fn what_a_token_claims_is_read_of_any() {
    let token = pass().to_token(&keys(SECRET, None));
    let (payload, _) = token.split_once('.').unwrap();
    assert_eq!(claimed_owner(&token), Some(pass().owner));
    assert_eq!(claimed_owner(&format!("{payload}.forged")), Some(pass().owner));
    let broken = format!("{payload}.forged\nx-header");
    for none in ["", ".", "a.b", payload, &"x".repeat(5_000), &broken] {
        assert_eq!(claimed_owner(none), None, "{none}");
    }
}

#[test]
fn a_token_of_others_is_none_even_when_it_has_ended() {
    let token = pass().to_token(&keys(OTHER, None));
    for now in [at(0), at(9_000)] {
        assert_eq!(Pass::from_token(&token, &keys(SECRET, None), now), Err(Unusable::NotOurs));
    }
}

#[test]
fn a_secret_changes_without_ending_what_is_open() {
    let (old, both) = (keys(SECRET, None), keys(OTHER, Some(SECRET)));
    let (before, since) = (pass().to_token(&old), pass().to_token(&both));
    assert_eq!(Pass::from_token(&before, &both, at(0)), Ok(pass()));
    assert_eq!(Pass::from_token(&since, &both, at(0)), Ok(pass()));
    // Signed with the new one, and the old one's tokens end with it.
    assert_eq!(Pass::from_token(&since, &keys(OTHER, None), at(0)), Ok(pass()));
    assert_eq!(Pass::from_token(&before, &keys(OTHER, None), at(0)), Err(Unusable::NotOurs));
}

#[test]
fn the_longest_pass_has_a_token_that_is_read() {
    let keys = keys(SECRET, None);
    for character in ["\"", "\u{7ffff}"] {
        let text = |bytes: usize| character.repeat(bytes / character.len());
        let customer = CustomerId::parse(&text(128)).unwrap();
        let owner = Owner { environment: Environment::Test, customer };
        let member = Email::parse(&format!("{}@a", text(252)));
        assert!(member.is_some());
        let pass = Pass { owner, member, expires_at: Timestamp::MAX };
        let token = pass.to_token(&keys);
        assert!(token.len() <= 1_122, "{}", token.len());
        assert_eq!(Pass::from_token(&token, &keys, at(0)), Ok(pass));
    }
}

/// Room in the JSON is no part of a pass, so it can make a token of any length.
#[test]
fn no_more_of_a_token_is_looked_at_than_a_pass_needs() {
    let keys = keys(SECRET, None);
    let secret = Sha256::new().chain_update(b"edge-credits portal token\0").chain_update(SECRET);
    let signed = |room: usize| {
        let payload = format!(r#"{{"e":"live","c":"cus_1","x":9000{}}}"#, " ".repeat(room));
        let payload = URL_SAFE_NO_PAD.encode(payload);
        let mac = Hmac::<Sha256>::new_from_slice(&secret.clone().finalize()).unwrap();
        let mac = mac.chain_update(payload.as_bytes()).finalize().into_bytes();
        format!("{payload}.{}", URL_SAFE_NO_PAD.encode(mac))
    };
    let read = |token: &str| Pass::from_token(token, &keys, at(0)).map(|pass| pass.expires_at);
    assert_eq!(read(&signed(1_400)), Ok(at(9_000)));
    let long = signed(1_600);
    assert!(long.len() > MAX_TOKEN_BYTES, "{}", long.len());
    assert_eq!(read(&long), Err(Unusable::NotOurs));
    assert_eq!(claimed_owner(&long), None);
}

#[test]
fn secrets_that_can_be_guessed_sign_nothing() {
    let short = &SECRET[1..];
    let spaced = format!("{SECRET} ");
    let table = [
        (None, None, "PORTAL_SECRET is not set"),
        (Some(""), None, "PORTAL_SECRET is not set"),
        (None, Some(SECRET), "PORTAL_SECRET is not set"),
        (Some(short), None, "PORTAL_SECRET is not 32"),
        (Some(spaced.as_str()), None, "PORTAL_SECRET is not 32"),
        (Some(SECRET), Some(short), "PORTAL_SECRET_PREVIOUS is not 32"),
    ];
    for (current, previous, expected) in table {
        let error = read(current, previous).err().unwrap();
        assert_eq!(error.code, Code::NotConfigured);
        assert!(error.message.starts_with(expected), "{}", error.message);
        assert!(!error.message.contains(short));
    }
    assert!(read(Some(SECRET), Some("")).is_ok());
}

#[test]
fn requests_by_the_table() {
    let parsed = |body: &str| {
        let request = TokenRequest::parse(body).map_err(|error| error.code)?;
        let member = request.member.map(|member| member.as_str().to_owned());
        Ok((request.customer.as_str().to_owned(), request.ttl_seconds, member))
    };
    let cus = || "cus_1".to_owned();
    let ann = Some("ann@example.com".to_owned());
    let table = [
        (r#"{"customerId":"cus_1"}"#, Ok((cus(), 900, None))),
        (
            r#"{"customerId":"cus_1","ttlSeconds":60,"memberEmail":"ann@example.com"}"#,
            Ok((cus(), 60, ann)),
        ),
        (r#"{"customerId":"cus_1","ttlSeconds":43200}"#, Ok((cus(), 43_200, None))),
        (r#"{"customerId":"cus_1","ttlSeconds":43201}"#, Err(Code::InvalidRequest)),
        (r#"{"customerId":"cus_1","ttlSeconds":99999999}"#, Err(Code::InvalidRequest)),
        (r#"{"customerId":"cus_1","ttlSeconds":59}"#, Err(Code::InvalidRequest)),
        (r#"{"customerId":"cus_1","ttlSeconds":-1}"#, Err(Code::InvalidRequest)),
        (r#"{"customerId":"cus_1","ttlSeconds":60.5}"#, Err(Code::InvalidType)),
        (r#"{"customerId":"cus_1","ttlSeconds":"60"}"#, Err(Code::InvalidType)),
        (r#"{"customerId":"cus_1","memberEmail":"ann"}"#, Err(Code::InvalidRequest)),
        (r#"{"customerId":"cus_1","memberEmail":"a@b@c"}"#, Err(Code::InvalidRequest)),
        (r#"{"customerId":"cus_1","memberEmail":"a b@c"}"#, Err(Code::InvalidRequest)),
        (r#"{"customerId":"cus_1","ttl":60}"#, Err(Code::UnknownField)),
        (r#"{"customerId":" "}"#, Err(Code::InvalidId)),
        ("{}", Err(Code::InvalidRequest)),
        ("[]", Err(Code::InvalidRequest)),
    ];
    for (body, expected) in table {
        assert_eq!(parsed(body), expected, "{body}");
    }
}

#[test]
fn the_answer_says_until_when() {
    let keys = keys(SECRET, None);
    let request = TokenRequest::parse(r#"{"customerId":"cus_1","ttlSeconds":600}"#).unwrap();
    let body = request.answer(Environment::Test, &keys, at(1_000));
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["expiresAt"], "1970-01-01T00:10:01.000Z");
    assert_eq!(body["expiresIn"], 600);
    let token = body["token"].as_str().unwrap();
    let pass = Pass::from_token(token, &keys, at(1_000)).unwrap();
    assert_eq!(pass.owner.environment, Environment::Test);
    assert_eq!(pass.owner.customer.as_str(), "cus_1");
    assert_eq!(Pass::from_token(token, &keys, at(601_000)), Err(Unusable::Ended));
}

proptest! {
    /// What is not signed to the bit is no pass.
    #[test]
    fn a_changed_token_is_none(at_byte in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let keys = keys(SECRET, None);
        let token = pass().to_token(&keys);
        let mut bytes = token.clone().into_bytes();
        let i = at_byte.index(bytes.len());
        bytes[i] = to.as_bytes()[0];
        let changed = String::from_utf8(bytes).unwrap();
        prop_assume!(changed != token);
        prop_assert_eq!(Pass::from_token(&changed, &keys, at(0)), Err(Unusable::NotOurs));
    }

    /// Any text is read or refused.
    #[test]
    fn any_text_is_refused(text in "\\PC{0,100}") {
        let read = Pass::from_token(&text, &keys(SECRET, None), at(0));
        prop_assert_eq!(read, Err(Unusable::NotOurs));
    }
}
