//! Calls on their way into a cache in memory, and out of it.

use super::{ENTROPY, arguments, call, config, refused};
use crate::cache::{Keeper, MemoryStore, ReadFailure, Reading, Refusal, Step, Waited};
use crate::client::arguments::ApiMethod;
use crate::client::cached::{self, Asked, MAX_CUSTOMERS, refused_key, stays};
use crate::client::error::{ClientError, ErrorClass};
use crate::client::request_keys::RequestName;
use crate::credits::Credits;
use crate::entropy::Jitter;
use crate::error::Effect;
use crate::ids::{Owner, Unit};
use crate::ledger::WhenShort;
use crate::time::Timestamp;
use core::time::Duration;
use std::string::ToString as _;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn asked(method: ApiMethod, json: &str) -> Asked {
    Asked::new(&config("{}"), method, &arguments(json), &ENTROPY, None).unwrap().unwrap()
}

fn charge(json: &str) -> Asked {
    asked(ApiMethod::ConsumeOrFail, json)
}

/// A customer's cache that has read so much.
fn keeper(owner: &Owner, balance: i64) -> Keeper<MemoryStore> {
    let mut keeper = Keeper::new(MemoryStore::default());
    let balance = Credits::from_minor_units(balance * 1_000_000).unwrap();
    let reading = Reading { balance, sequence: None, credit_name: None, ours: false };
    read(&mut keeper, owner, Ok(reading));
    keeper
}

fn read(keeper: &mut Keeper<MemoryStore>, owner: &Owner, result: Result<Reading, ReadFailure>) {
    let (unit, cache) = (Unit::credits(), config("{}").cache());
    let mut jitter: Jitter = ENTROPY.jitter();
    keeper.lease(owner, NOW, Some(&unit), &cache).unwrap();
    keeper.merge(owner, NOW, (1, &unit, result), &cache, &mut jitter).unwrap();
}

fn accept(keeper: &mut Keeper<MemoryStore>, asked: &Asked) -> Result<std::string::String, Refusal> {
    let Asked::Charge { owner, charge, .. } = asked else { panic!() };
    let waited = Waited { arrived: 0, in_vain: true };
    match keeper.accept(owner, NOW, charge, waited, &config("{}").cache()).unwrap() {
        Step::Done { answer, pending, .. } => Ok(asked.accepted(&answer, pending).body),
        Step::Refused(refusal) => Err(refusal),
        Step::ReadFirst => panic!("it has been read"),
    }
}

fn error_of(asked: &Asked, refusal: &Refusal) -> ClientError {
    *asked.refused(refusal).unwrap_err()
}

#[test]
fn what_the_cache_answers_and_what_the_api_must() {
    let json = r#"{"customerId":"cus_1","amount":5,"includeBreakdown":true,"grantId":"x"}"#;
    for method in ApiMethod::ALL {
        let cached = Asked::new(&config("{}"), method, &arguments(json), &ENTROPY, None);
        let expected = matches!(method, ApiMethod::Consume | ApiMethod::ConsumeOrFail);
        assert_eq!(cached.unwrap().is_some(), expected, "{method:?}");
    }
    let balance = asked(ApiMethod::GetBalance, r#"{"customerId":"cus_1","unit":"usd"}"#);
    assert_eq!((balance.unit().as_str(), balance.idempotency_key()), ("usd", None));
}

#[test]
fn a_charge_is_what_the_same_call_would_send() {
    let json = r#"{"customerId":"cus_1","amount":2.5,"unit":"usd","description":"d",
        "metadata":"{\"a\":1}","idempotencyKey":"k"}"#;
    for (method, short) in
        [(ApiMethod::Consume, WhenShort::Allow), (ApiMethod::ConsumeOrFail, WhenShort::Reject)]
    {
        let Asked::Charge { owner, charge, .. } = asked(method, json) else { panic!() };
        let sent = call(&config("{}"), method, json);
        assert_eq!(&owner, sent.owner());
        assert_eq!(charge.call.key, *sent.idempotency_key().unwrap());
        assert_eq!(charge.amount.minor_units(), 2_500_000_000);
        assert_eq!((charge.unit.as_str(), charge.when_short), ("usd", short));
        assert_eq!(charge.call.description.as_deref(), Some("d"));
        assert_eq!(charge.call.metadata.as_deref(), Some(r#"{"a":1}"#));
    }
}

#[test]
fn arguments_are_refused_in_the_same_words() {
    for json in [
        r#"{"customerId":"..","amount":1}"#,
        r#"{"customerId":"c"}"#,
        r#"{"customerId":"c","amount":-1}"#,
        r#"{"customerId":"c","amount":0.0000001}"#,
        r#"{"customerId":"c","amount":1,"unit":"a b"}"#,
        r#"{"customerId":"c","amount":1,"metadata":"[]"}"#,
        r#"{"customerId":"c","amount":1,"description":"a\u0000"}"#,
        r#"{"customerId":"c","amount":1,"idempotencyKey":"a,b"}"#,
    ] {
        let method = ApiMethod::Consume;
        let given = arguments(json);
        let cached = Asked::new(&config("{}"), method, &given, &ENTROPY, None).err().unwrap();
        assert_eq!(*cached, refused(method, json), "{json}");
    }
}

#[test]
fn answers_and_refusals_look_like_the_apis_own() {
    let five = charge(r#"{"customerId":"cus_1","amount":5,"idempotencyKey":"k"}"#);
    let mut keeper = keeper(five.owner(), 7);
    let body = accept(&mut keeper, &five).unwrap();
    assert!(body.starts_with(r#"{"balance":2,"transaction_id":"txn_"#), "{body}");
    assert!(body.ends_with(r#""pending":1,"stale":false,"degraded":false}"#), "{body}");

    let again = charge(r#"{"customerId":"cus_1","amount":5}"#);
    let error = error_of(&again, &accept(&mut keeper, &again).unwrap_err());
    assert_eq!((error.code.as_str(), error.status), ("insufficient_credits", Some(402)));
    let (current_balance, requested) = (Some("2".to_string()), Some("5".to_string()));
    assert_eq!(error.class, ErrorClass::InsufficientCredits { current_balance, requested });
    assert_eq!(error.idempotency_key.as_deref(), again.idempotency_key());

    let other = charge(r#"{"customerId":"cus_1","amount":6,"idempotencyKey":"k"}"#);
    let error = error_of(&other, &accept(&mut keeper, &other).unwrap_err());
    assert_eq!((error.code.as_str(), error.status), ("idempotency_key_reused", Some(422)));
    assert!(error.details.unwrap().contains(r#""field":"amount","first":{"balance":2"#));

    let retry_after = Duration::from_secs(7);
    for (refusal, code, retryable) in [
        (Refusal::Unavailable { retry_after }, "upstream_unavailable", true),
        (Refusal::Stale { retry_after }, "stale_balance", true),
        (Refusal::OutboxFull { retry_after }, "outbox_full", true),
        (Refusal::TooManyUnits, "too_many_units", false),
        (Refusal::Overflow, "amount_overflow", false),
    ] {
        let error = error_of(&again, &refusal);
        assert_eq!((error.code.as_str(), error.retryable), (code, retryable));
        assert_eq!(error.retry_after, retryable.then_some(retry_after));
        assert_eq!(error.effect, Effect::NotApplied);
        assert!(error.message.contains("Nothing was charged."), "{}", error.message);
    }
}

#[test]
fn a_request_handled_again_gets_its_first_answer() {
    let request = RequestName { base: "m1".to_string(), earlier: 0 };
    let of = |json: &str| {
        let arguments = arguments(json);
        let method = ApiMethod::Consume;
        Asked::new(&config("{}"), method, &arguments, &ENTROPY, Some(&request)).unwrap().unwrap()
    };
    let first = of(r#"{"customerId":"cus_1","amount":5}"#);
    let mut keeper = keeper(first.owner(), 7);
    accept(&mut keeper, &first).unwrap();
    let second = of(r#"{"customerId":"cus_1","amount":1}"#);
    let answer = second.refused(&accept(&mut keeper, &second).unwrap_err()).unwrap();
    assert!(answer.replayed && answer.mismatch && answer.body.starts_with(r#"{"balance":2,"#));
}

#[test]
fn a_key_that_never_worked_is_said_to_the_caller() {
    let five = charge(r#"{"customerId":"cus_1","amount":5}"#);
    let denied = || {
        let refused = Some("invalid_api_key".to_string());
        Err(ReadFailure { refused, answered: true, after: None })
    };
    let unit = Unit::credits();
    let mut new = Keeper::new(MemoryStore::default());
    assert!(refused_key(new.cache(five.owner()).unwrap(), &unit, NOW).is_none());
    read(&mut new, five.owner(), denied());
    let error = refused_key(new.cache(five.owner()).unwrap(), &unit, NOW).unwrap();
    assert_eq!((error.class, error.status), (ErrorClass::Authentication, Some(401)));
    // It is asked again after the pause, and a balance that was read once goes on.
    let later = NOW.plus(Duration::from_secs(601));
    assert!(refused_key(new.cache(five.owner()).unwrap(), &unit, later).is_none());
    let mut known = keeper(five.owner(), 7);
    let cache = config("{}").cache();
    known.lease(five.owner(), NOW, Some(&unit), &cache).unwrap();
    let told = (2, &unit, denied());
    known.merge(five.owner(), NOW, told, &cache, &mut ENTROPY.jitter()).unwrap();
    assert!(refused_key(known.cache(five.owner()).unwrap(), &unit, NOW).is_none());
}

#[test]
fn a_notice_masks_the_key() {
    let config = config("{}");
    let five = charge(r#"{"customerId":"cus_1","amount":5}"#);
    let mut keeper = Keeper::new(MemoryStore::default());
    let refused = Some(super::SECRET.to_string());
    read(&mut keeper, five.owner(), Err(ReadFailure { refused, answered: true, after: None }));
    let notice = keeper.store().notices_after(0).next().unwrap();
    let error = cached::told(notice, five.owner(), &config.upstream().unwrap());
    assert!(!error.to_json().contains(super::SECRET), "{}", error.to_json());
    assert_eq!(keeper.store().notices_after(notice.id).count(), 0);
}

#[test]
fn customers_named_lately_stay() {
    let recent = u64::try_from(MAX_CUSTOMERS / 2).unwrap();
    assert!(stays(10, 10) && stays(10, 9 + recent));
    assert!(!stays(10, 10 + recent));
}
