//! The header `Stripe-Signature`: exactly what was signed is accepted, whatever is put into it.

use std::borrow::ToOwned;
use std::format;
use std::string::String;
use std::vec::Vec;

use hmac::{Hmac, Mac as _};
use proptest::prelude::*;
use sha2::Sha256;

use crate::ids::Environment;
use crate::time::Timestamp;
use crate::topup::signature::*;
use crate::wire::errors::Code;

const NOW: i64 = 1_800_000_000;
const BODY: &[u8] = br#"{"id":"evt_1"}"#;

fn secrets(text: &str) -> Vec<Secret> {
    Secret::list(text, Environment::Test).unwrap()
}

fn sign(secret: &str, time: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn accepts(header: &str, secret: &str) -> bool {
    let secrets = secrets(secret);
    let now = Timestamp::from_millis(NOW * 1_000 + 999);
    match verify(Some(header), BODY, &secrets, now) {
        Ok(signers) => !signers.is_empty(),
        Err(error) => {
            assert_eq!(error.code, Code::InvalidSignature);
            assert_eq!(error.message, invalid().message, "one answer for all");
            false
        }
    }
}

#[test]
fn headers_by_the_table() {
    let good = sign("whsec_one", &format!("{NOW}"), BODY);
    let other = sign("whsec_other", &format!("{NOW}"), BODY);
    let t = format!("t={NOW}");
    let upper = good.to_uppercase();
    let table = [
        (format!("{t},v1={good}"), true),
        (format!("v1={good},{t}"), true),
        (format!("{t}, v1={good}"), true),
        (format!("{t},v1={upper}"), true),
        (format!("{t},v0={other},v1={good},v2=x"), true),
        (format!("{t},v1={other},v1={good}"), true),
        (format!("{t},v1=zz,v1={good}"), true),
        (format!("{t},v1={other}"), false),
        (format!("{t},v0={good}"), false),
        (format!("{t},V1={good}"), false),
        (t.clone(), false),
        (format!("v1={good}"), false),
        (format!("{t},{t},v1={good}"), false),
        (format!("t=0{NOW},v1={good}"), false),
        (format!("t=+{NOW},v1={good}"), false),
        (format!("t=,v1={good}"), false),
        (format!("t=9999999999999,v1={good}"), false),
        (format!("{t},v1={good}00"), false),
        (format!("{t},v1={}", &good[..62]), false),
        (format!("{t},v1={good},"), false),
        (format!("{t};v1={good}"), false),
        (String::new(), false),
        (
            format!("{t},{},v1={good}", format!("v1={other},").repeat(16).trim_end_matches(',')),
            false,
        ),
        (format!("{t},x={},v1={good}", "y".repeat(5_000)), false),
    ];
    for (header, expected) in table {
        assert_eq!(accepts(&header, "whsec_one"), expected, "{header:.120}");
    }
    let secrets = secrets("whsec_one");
    assert!(verify(None, BODY, &secrets, Timestamp::from_millis(NOW * 1_000)).is_err());
}

#[test]
fn five_minutes_either_way() {
    for (seconds, expected) in [
        (-301, false),
        (-300, true),
        (0, true),
        (300, true),
        (301, false),
        (i64::from(i32::MAX), false),
    ] {
        let time = format!("{}", NOW + seconds);
        let header = format!("t={time},v1={}", sign("whsec_one", &time, BODY));
        assert_eq!(accepts(&header, "whsec_one"), expected, "{seconds}");
    }
}

#[test]
fn any_secret_in_force_will_do() {
    let header = format!("t={NOW},v1={}", sign("whsec_new", &format!("{NOW}"), BODY));
    for list in [
        "whsec_old,whsec_new",
        " whsec_new\nwhsec_old ",
        "[\"whsec_old\",\"whsec_new\"]",
        "whsec_new,",
    ] {
        assert!(accepts(&header, list), "{list}");
    }
    assert!(!accepts(&header, "whsec_old"));
}

#[test]
fn lists_that_are_none() {
    let many = ["whsec_123"; MAX_SECRETS + 1].join(",");
    for list in
        ["", " , ", "short", "[]", "[\"\"]", "[1]", "[\"whsec_one\"", "whsec_ö1234567", &many]
    {
        assert!(Secret::list(list, Environment::Test).is_err(), "{list:.40}");
    }
}

#[test]
fn a_secret_of_one_environment_does_not_speak_for_the_other() {
    let live = Secret::list("whsec_live", Environment::Live).unwrap();
    assert!(live[0].speaks_for(Environment::Live) && !live[0].speaks_for(Environment::Test));
}

proptest! {
    /// The reader is total: any text is read or refused, and what is read has a signature.
    #[test]
    fn any_text_is_read_or_refused(header in "[tv01=,a-f0-9 ;.]{0,200}|\\PC{0,200}") {
        if let Some(signed) = Signed::parse(&header) {
            let shown = format!("{signed:?}");
            prop_assert!(!shown.contains(" 0 signatures"));
        }
    }

    /// One bit of the body, the time or the signature, and it is another's.
    #[test]
    fn a_changed_bit_is_noticed(
        body in prop::collection::vec(any::<u8>(), 1..200),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
        part in 0_usize..3,
    ) {
        let time = format!("{NOW}");
        let mut signature = sign("whsec_one", &time, &body).into_bytes();
        let mut time = time.into_bytes();
        let mut sent = body.clone();
        let now = Timestamp::from_millis(NOW * 1_000);
        let secrets = secrets("whsec_one");
        let header = |time: &[u8], signature: &[u8]| {
            format!("t={},v1={}", std::str::from_utf8(time).unwrap(), std::str::from_utf8(signature).unwrap())
        };
        prop_assert!(verify(Some(&header(&time, &signature)), &sent, &secrets, now).is_ok());
        match part {
            0 => { let i = at.index(sent.len()); sent[i] ^= 1 << bit; }
            // Another digit, so that it stays a number near now.
            1 => { let i = time.len() - 1; time[i] = b'0' + (time[i] - b'0' + 1 + bit) % 10; }
            _ => {
                let i = at.index(signature.len());
                signature[i] = if signature[i] == b'0' { b'1' } else { b'0' };
            }
        }
        prop_assert!(verify(Some(&header(&time, &signature)), &sent, &secrets, now).is_err());
    }
}

#[test]
fn what_is_read_shows_no_signature() {
    let header = format!("t={NOW},v1={}", "ab".repeat(32));
    let shown = format!("{:?}", Signed::parse(&header).unwrap());
    assert_eq!(shown, format!("Signed({NOW}, 1 signatures)").to_owned());
}
