//! What a cache of a balance answers: successful bodies, the notices in them, its refusals, and what
//! becomes of answers that are handed on.
//!
//! The fields are those of the ledger's answers without `sequence`, which is the upstream's to give,
//! and with what a caller must know of an answer without authority: `source`, `stale`, `degraded`,
//! and how many accepted charges are still on their way (`pending`).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::cache::{Accepted, BalanceView, Notice, Record, Refusal, Source};
use crate::http::Response;
use crate::idempotency::IdempotencyKey;
use crate::ids::{CustomerId, Unit};
use crate::wire::errors::{ApiError, Code};
use crate::wire::members::Members;
use crate::wire::reading::Said;
use crate::wire::rejections::{insufficient, overflow, reused, units_full};

mod holds;

pub use holds::{hold_refusal, local_hold_body, local_state_body};

/// What goes out with an answer besides.
#[derive(Clone, Copy, Debug)]
pub struct Aside<'a> {
    /// Charges of this customer that the upstream has not settled.
    pub pending: u64,
    /// What the caller should learn.
    pub notices: &'a [Notice],
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
    let credit_name = view.credit_name.as_deref().unwrap_or(unit.as_str());
    let mut body = Members::new();
    body.display("balance", Some(view.available.decimal(unit.scale())))
        .text("customer_id", Some(customer.as_str()))
        .text("credit_name", Some(credit_name))
        .text("unit", Some(unit.as_str()))
        .time("as_of", view.as_of);
    source(&mut body, view.source, view.stale, Some(aside.pending));
    body.display("breakdown", breakdown);
    notices(&mut body, aside.notices);
    body.finish()
}

/// The answer to `POST …/consume`. Balance and source of a replay are those of the first answer.
#[must_use]
pub fn charge_body(accepted: &Accepted, customer: &CustomerId, aside: Aside<'_>) -> String {
    let Accepted { record, replayed, stale } = accepted;
    let mut body = charge(record, *replayed, customer);
    source(&mut body, record.source, *stale, Some(aside.pending));
    notices(&mut body, aside.notices);
    body.finish()
}

fn charge(record: &Record, replayed: bool, customer: &CustomerId) -> Members {
    let balance = record.available.map(|available| available.decimal(record.unit.scale()));
    let mut body = Members::new();
    body.nullable("balance", balance)
        .text("transaction_id", Some(record.id.as_str()))
        .text("idempotency_key", Some(record.key.as_str()))
        .display("replayed", Some(replayed))
        .text("customer_id", Some(customer.as_str()))
        .text("unit", Some(record.unit.as_str()))
        .nullable_time("as_of", record.as_of);
    body
}

/// Where an answer comes from, and how far it can be trusted.
fn source(body: &mut Members, source: Source, stale: bool, pending: Option<u64>) {
    body.text("source", Some(source.as_str()))
        .display("pending", pending)
        .display("stale", Some(stale))
        .display("degraded", Some(source == Source::Degraded));
}

fn notices(body: &mut Members, told: &[Notice]) {
    let items: Vec<String> = told.iter().map(notice).collect();
    let list = (!told.is_empty()).then(|| format!("[{}]", items.join(",")));
    body.display("notices", list);
}

fn notice(notice: &Notice) -> String {
    let charge = notice.charge.as_ref();
    Members::new()
        .display("id", Some(notice.id))
        .text("kind", Some(notice.kind.as_str()))
        .text("code", Some(&notice.code))
        .time("at", notice.at)
        .text("transaction_id", charge.map(|charge| charge.id.as_str()))
        .text("idempotency_key", charge.map(|charge| charge.key.as_str()))
        .display("amount", charge.map(|charge| charge.amount.decimal(charge.unit.scale())))
        .text("unit", charge.map(|charge| charge.unit.as_str()))
        .finish()
}

/// The error that a refused call is answered with, and when it is worth another try.
#[must_use]
pub fn refusal(refusal: &Refusal, customer: &CustomerId) -> (ApiError, Option<Duration>) {
    match refusal {
        Refusal::KeyReused { field, first } => {
            let mut body = charge(first, true, customer);
            source(&mut body, first.source, false, None);
            (reused(field, RawValue::from_string(body.finish()).ok()), None)
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
/// What the caller is told instead, and when the call is worth another try. It never says that a
/// change did not happen where that is open.
pub fn handed_on(
    response: Option<Response>,
    key: Option<&IdempotencyKey>,
) -> Result<Response, (ApiError, Option<Duration>)> {
    let away = |message| {
        let error = ApiError::new(Code::UpstreamUnavailable, message);
        Err((error, Some(Duration::from_secs(1))))
    };
    let status = response.as_ref().map_or(0, |response| response.status);
    match (response, key) {
        (Some(response), _) if status == 403 && Said::read(&response.body).is_closed() => {
            Ok(response)
        }
        // The caller's own key was accepted here; it is the deployment's that is refused.
        (Some(_), _) if matches!(status, 401 | 403) => {
            let message = "The API behind this cache does not accept this deployment's key. Nothing \
                           was changed; tell whoever runs this deployment.";
            away(message)
        }
        (Some(response), _) if (200..300).contains(&status) || status >= 400 => Ok(response),
        (_, None) => away("The API behind this cache cannot be reached. Nothing was changed."),
        (_, Some(key)) => {
            let message = "The API behind this cache did not answer, and it is open whether the call \
                           took effect. Repeat it with the same idempotency key: it is carried out \
                           at most once.";
            let details = OpenCall { idempotency_key: key.as_str() };
            Err((ApiError::new(Code::InternalError, message).with_details(&details), None))
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

#[cfg(test)]
mod tests;
