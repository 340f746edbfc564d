//! What a cache of a balance answers: successful bodies, the notices in them, its refusals, and what
//! becomes of answers that are handed on.
//!
//! The fields are those of the ledger's answers without `sequence`, which is the upstream's to give,
//! and with what a caller must know of an answer without authority: `source`, `stale`, `degraded`,
//! and how many accepted charges are still on their way (`pending`).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::cache::{Accepted, BalanceView, Notice, Record, Refusal, Source};
use crate::credits::Decimal;
use crate::http::Response;
use crate::idempotency::IdempotencyKey;
use crate::ids::{CustomerId, Unit};
use crate::time::Timestamp;
use crate::wire::errors::{ApiError, Code};
use crate::wire::rejections::{insufficient, overflow, reused, units_full};

/// What goes out with an answer besides.
#[derive(Clone, Copy, Debug)]
pub struct Aside<'a> {
    /// Charges of this customer that the upstream has not settled.
    pub pending: u64,
    /// What the caller should learn.
    pub notices: &'a [Notice],
}

#[derive(Serialize)]
struct BalanceBody<'a> {
    balance: Decimal,
    customer_id: &'a str,
    credit_name: &'a str,
    unit: &'a str,
    as_of: Timestamp,
    source: &'static str,
    pending: u64,
    stale: bool,
    degraded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    breakdown: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notices: Vec<NoticeBody<'a>>,
}

/// What is asked for: a customer's balance of a unit, and the upstream's `breakdown` where that was
/// asked for too, as JSON text.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Whose.
    pub customer: &'a CustomerId,
    /// Of which unit.
    pub unit: &'a Unit,
    /// As the upstream tells it.
    pub breakdown: Option<&'a str>,
}

/// The answer to `GET …/balance`.
#[must_use]
pub fn balance_body(view: &BalanceView, asked: Asked<'_>, aside: Aside<'_>) -> String {
    let Asked { customer, unit, breakdown } = asked;
    let breakdown = breakdown.and_then(|text| RawValue::from_string(text.to_string()).ok());
    to_json(&BalanceBody {
        breakdown,
        balance: view.available.decimal(unit.scale()),
        customer_id: customer.as_str(),
        credit_name: view.credit_name.as_deref().unwrap_or(unit.as_str()),
        unit: unit.as_str(),
        as_of: view.as_of,
        source: view.source.as_str(),
        pending: aside.pending,
        stale: view.stale,
        degraded: view.source == Source::Degraded,
        notices: notices(aside.notices),
    })
}

#[derive(Serialize)]
struct ChargeBody<'a> {
    balance: Option<Decimal>,
    transaction_id: &'a str,
    idempotency_key: &'a str,
    replayed: bool,
    customer_id: &'a str,
    unit: &'a str,
    as_of: Option<Timestamp>,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<u64>,
    stale: bool,
    degraded: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notices: Vec<NoticeBody<'a>>,
}

/// The answer to `POST …/consume`. Balance and source of a replay are those of the first answer.
#[must_use]
pub fn charge_body(accepted: &Accepted, customer: &CustomerId, aside: Aside<'_>) -> String {
    let Accepted { record, replayed, stale } = accepted;
    to_json(&ChargeBody {
        replayed: *replayed,
        stale: *stale,
        pending: Some(aside.pending),
        notices: notices(aside.notices),
        ..charge(record, customer)
    })
}

fn charge<'a>(record: &'a Record, customer: &'a CustomerId) -> ChargeBody<'a> {
    ChargeBody {
        balance: record.available.map(|available| available.decimal(record.unit.scale())),
        transaction_id: record.id.as_str(),
        idempotency_key: record.key.as_str(),
        replayed: true,
        customer_id: customer.as_str(),
        unit: record.unit.as_str(),
        as_of: record.as_of,
        source: record.source.as_str(),
        pending: None,
        stale: false,
        degraded: record.source == Source::Degraded,
        notices: Vec::new(),
    }
}

#[derive(Serialize)]
struct NoticeBody<'a> {
    id: u64,
    kind: &'static str,
    code: &'a str,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
}

impl<'a> NoticeBody<'a> {
    fn of(notice: &'a Notice) -> Self {
        let charge = notice.charge.as_ref();
        Self {
            id: notice.id,
            kind: notice.kind.as_str(),
            code: &notice.code,
            at: notice.at,
            transaction_id: charge.map(|charge| charge.id.as_str()),
            idempotency_key: charge.map(|charge| charge.key.as_str()),
            amount: charge.map(|charge| charge.amount.decimal(charge.unit.scale())),
            unit: charge.map(|charge| charge.unit.as_str()),
        }
    }
}

fn notices(told: &[Notice]) -> Vec<NoticeBody<'_>> {
    told.iter().map(NoticeBody::of).collect()
}

/// The error that a refused call is answered with, and when it is worth another try.
#[must_use]
pub fn refusal(refusal: &Refusal, customer: &CustomerId) -> (ApiError, Option<Duration>) {
    match refusal {
        Refusal::KeyReused { field, first } => {
            let first = RawValue::from_string(to_json(&charge(first, customer))).ok();
            (reused(field, first), None)
        }
        Refusal::InsufficientCredits { unit, available, requested } => {
            (insufficient(unit, *available, *requested), None)
        }
        Refusal::TooManyUnits => (units_full(), None),
        Refusal::Overflow => (overflow(), None),
        Refusal::Unavailable { retry_after } => {
            let message = "This customer's balance has never been read here, and the API behind \
                           this cache cannot be reached.";
            (wait(Code::UpstreamUnavailable, message, *retry_after), Some(*retry_after))
        }
        Refusal::Stale { retry_after } => {
            let message = "The last known balance is too old to decide on, and the API behind this \
                           cache cannot be reached.";
            (wait(Code::StaleBalance, message, *retry_after), Some(*retry_after))
        }
        Refusal::OutboxFull { retry_after } => {
            let message = "As many charges of this customer wait for the API behind this cache as \
                           it holds.";
            (wait(Code::OutboxFull, message, *retry_after), Some(*retry_after))
        }
    }
}

/// The upstream's answer to a call that was passed on, if its caller is to have it. `key` is that of
/// a call that changes something.
///
/// # Errors
/// What the caller is told instead. It never says that a change did not happen where that is open.
pub fn handed_on(
    response: Option<Response>,
    key: Option<&IdempotencyKey>,
) -> Result<Response, ApiError> {
    let status = response.as_ref().map_or(0, |response| response.status);
    match (response, key) {
        // The caller's own key was accepted here; it is the deployment's that is refused.
        (Some(_), _) if matches!(status, 401 | 403) => {
            let message = "The API behind this cache does not accept this deployment's key. Nothing \
                           was changed; tell whoever runs this deployment.";
            Err(ApiError::new(Code::UpstreamUnavailable, message))
        }
        (Some(response), _) if (200..300).contains(&status) || status >= 400 => Ok(response),
        (_, None) => {
            let message = "The API behind this cache cannot be reached. Nothing was changed.";
            Err(ApiError::new(Code::UpstreamUnavailable, message))
        }
        (_, Some(key)) => {
            let message = "The API behind this cache did not answer, and it is open whether the call \
                           took effect. Repeat it with the same idempotency key: it is carried out \
                           at most once.";
            let details = OpenCall { idempotency_key: key.as_str() };
            Err(ApiError::new(Code::InternalError, message).with_details(&details))
        }
    }
}

#[derive(Serialize)]
struct OpenCall<'a> {
    idempotency_key: &'a str,
}

fn wait(code: Code, what: &str, retry_after: Duration) -> ApiError {
    let seconds = whole_seconds(retry_after);
    let message = format!(
        "{what} Nothing was charged; repeat the call in {seconds} s, with the same idempotency key."
    );
    ApiError::new(code, &message)
}

/// The value of a `Retry-After` header: whole seconds, rounded up.
#[must_use]
pub fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Bodies hold strings, integers and checked JSON text, which always serialize.
pub(super) fn to_json<T: Serialize>(body: &T) -> String {
    serde_json::to_string(body).unwrap_or_else(|_| "{}".to_string())
}

#[cfg(test)]
mod tests;
