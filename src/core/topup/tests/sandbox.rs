//! Tokens of the test checkout: exactly what this deployment has signed.

use std::borrow::ToOwned;
use std::string::String;

use proptest::prelude::*;

use super::orders::order;
use crate::ids::Environment;
use crate::ledger::Payment;
use crate::time::Timestamp;
use crate::topup::packs::{Packs, Wanted};
use crate::topup::sandbox::*;

fn session() -> Session {
    let packs = Packs::parse(None, Environment::Test).unwrap().or_sandbox();
    let order = order("").unwrap();
    Session::open(&order, packs.choose(&Wanted::Default).unwrap(), Timestamp::from_millis(5_000))
}

fn key(secret: &str) -> TokenKey {
    TokenKey::derive(secret)
}

#[test]
fn a_token_is_its_session() {
    let (session, key) = (session(), key("secret"));
    let token = session.to_token(&key);
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{token}");
    assert_eq!(Session::from_token(&token, &key), Some(session.clone()));
    assert_eq!(Session::from_token(&token, &TokenKey::derive("other")), None);
    assert!(session.id.starts_with("cs_test_") && session.id.len() == 40);
    let opened = session.opened("http://127.0.0.1:8787", &key);
    assert_eq!(opened.checkout_url, std::format!("http://127.0.0.1:8787/checkout/test/{token}"));
    assert_eq!(opened.session_id, session.id);
}

#[test]
fn the_longest_session_has_a_token_that_is_read() {
    let (mut session, key) = (session(), key("secret"));
    session.success_url = std::format!("https://a.example/{}", "x".repeat(2_030));
    session.cancel_url.clone_from(&session.success_url);
    session.customer = crate::ids::CustomerId::parse(&"\u{7ffff}".repeat(32)).unwrap();
    assert_eq!(Session::from_token(&session.to_token(&key), &key), Some(session));
}

#[test]
fn one_key_makes_one_session_whenever_it_is_asked_for() {
    let packs = Packs::parse(None, Environment::Test).unwrap().or_sandbox();
    let pack = packs.choose(&Wanted::Default).unwrap();
    let open = |millis| Session::open(&order("").unwrap(), pack, Timestamp::from_millis(millis));
    assert_eq!(open(0).id, open(9_999_999).id);
}

#[test]
fn a_session_can_be_paid_for_a_day() {
    let session = session();
    let at = |millis: i64| session.is_open(Timestamp::from_millis(5_000 + millis));
    assert!(at(0) && at(24 * 3_600_000 - 1) && !at(24 * 3_600_000));
}

#[test]
fn a_payment_is_the_sandboxs_and_goes_by_the_session() {
    let session = session();
    assert_eq!(session.owner().environment, Environment::Test);
    let Some(Payment::TopUp(top_up)) = session.payment() else { panic!() };
    assert_eq!(top_up.call.key.as_str(), session.id);
    assert_eq!(session.success_target(), std::format!("https://a.example/ok?s={}", session.id));
}

proptest! {
    /// What is not signed to the bit is no session.
    #[test]
    fn a_changed_token_is_none(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let key = TokenKey::derive("secret");
        let token = session().to_token(&key);
        let mut bytes = token.clone().into_bytes();
        let i = at.index(bytes.len());
        bytes[i] = to.as_bytes()[0];
        let changed = String::from_utf8(bytes).unwrap();
        prop_assume!(changed != token);
        prop_assert_eq!(Session::from_token(&changed, &key), None);
    }

    /// Any text is read or refused.
    #[test]
    fn any_text_is_refused(text in "\\PC{0,100}") {
        prop_assert_eq!(Session::from_token(&text, &TokenKey::derive("secret".to_owned().as_str())), None);
    }
}
