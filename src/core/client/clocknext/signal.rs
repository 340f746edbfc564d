//! One signal, from what a caller says to the body that is sent, the same on every attempt.
//!
//! Decides which fields a signal must and may have, and under which names they travel. What it costs,
//! and whether the customer may, is the server's to judge.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;

use crate::client::checks::{Checked, own_key};
use crate::client::error::ClientError;
use crate::entropy::Entropy;
use crate::usage::is_metric_name;
use crate::wire::members::Members;

/// Largest body of one signal, in bytes: the server's limit of 64 KB for a body.
pub const MAX_SIGNAL_BYTES: usize = 64 * 1024;
/// A signal as a shell hands it over: read, not yet judged.
#[derive(Clone, Debug, Default)]
#[cfg_attr(test, derive(serde::Deserialize), serde(rename_all = "camelCase", default))]
pub struct SignalInput {
    /// `credit`, `wallet` or `outcome`, in any case.
    #[cfg_attr(test, serde(rename = "type"))]
    pub kind: Option<String>,
    /// Whose usage it is.
    pub customer_id: Option<String>,
    /// The catalog's id of the model.
    pub model: Option<String>,
    /// The credit's or the outcome step's stable key.
    pub key: Option<String>,
    /// Another name for `key`.
    pub agent_key: Option<String>,
    /// The run of a workflow that an outcome belongs to.
    pub run_id: Option<String>,
    /// Whether the outcome ends its run.
    pub complete: Option<bool>,
    /// Who of the customer's people.
    pub member: Option<String>,
    /// The caller's own data, as JSON text of an object.
    pub custom: Option<String>,
    /// The caller's own key.
    pub idempotency_key: Option<String>,
    /// Whether it is only priced and checked.
    pub dry_run: bool,
    /// Tokens read.
    pub input_tokens: Option<u64>,
    /// Tokens written.
    pub output_tokens: Option<u64>,
    /// Tokens read from the provider's cache.
    pub cache_tokens: Option<u64>,
    /// The name of a metric.
    pub metric_ref: Option<String>,
    /// Its value, as JSON text of a number.
    pub metric_value: Option<String>,
}

/// A signal that can be sent any number of times, the same each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// `credit`, `wallet` or `outcome`.
    pub kind: &'static str,
    /// Its idempotency key.
    pub key: String,
    /// Its JSON body.
    pub body: String,
}

impl Signal {
    /// Checks a signal and writes it down. A caller's own key is never replaced; else one is made of
    /// `entropy`.
    ///
    /// # Errors
    /// `invalid_request`, `invalid_id` or `invalid_idempotency_key`: nothing was sent.
    pub fn new(input: &SignalInput, entropy: impl FnOnce() -> Checked<Entropy>) -> Checked<Self> {
        let customer = required("customerId", "invalid_id", input.customer_id.as_deref())?;
        let kind = kind(required("type", "invalid_request", input.kind.as_deref())?)?;
        let model = required("model", "invalid_request", input.model.as_deref())?;
        let agent_key = agent_key(input, kind)?;
        if kind != "outcome" && (input.run_id.is_some() || input.complete.is_some()) {
            return Err(refused("runId", "and complete are of outcomes alone"));
        }
        let metric = metric(input)?;
        let key = match input.idempotency_key.as_deref() {
            // As the server does: a key that it refuses would be a loss that is told too late.
            Some(own) => own_key(own)?.as_str().to_owned(),
            None => entropy()?.uuid(),
        };
        let mut body = Members::new();
        body.text("customerId", Some(customer))
            .text("type", Some(kind))
            .text("model", Some(model))
            .display("inputTokens", Some(input.input_tokens.unwrap_or_default()))
            .display("outputTokens", Some(input.output_tokens.unwrap_or_default()))
            .display("cacheTokens", input.cache_tokens)
            .text("agentKey", agent_key)
            .text("runId", optional("runId", input.run_id.as_deref())?)
            .display("complete", input.complete)
            .text("member", optional("member", input.member.as_deref())?)
            .display("custom", input.custom.as_deref());
        if let Some((name, value)) = metric {
            body.named(name, value);
        }
        body.text("idempotencyKey", Some(&key)).display("dryRun", input.dry_run.then_some(true));
        let body = body.finish();
        if body.len() > MAX_SIGNAL_BYTES {
            return Err(refused("signal", "is larger than 64 KB: is custom too large"));
        }
        Ok(Self { kind, key, body })
    }
}

fn kind(given: &str) -> Checked<&'static str> {
    ["credit", "wallet", "outcome"]
        .into_iter()
        .find(|kind| given.eq_ignore_ascii_case(kind))
        .ok_or_else(|| refused("type", "must be \"credit\", \"wallet\" or \"outcome\""))
}

/// The key by which a credit or an outcome is known. The SDK has called it by two names.
fn agent_key<'a>(input: &'a SignalInput, kind: &str) -> Checked<Option<&'a str>> {
    let (old, new) = (input.key.as_deref(), input.agent_key.as_deref());
    let given = match (old, new) {
        (Some(old), Some(new)) if old != new => {
            return Err(refused("key", "and agentKey name the same and differ"));
        }
        _ => new.or(old),
    };
    match (kind, given) {
        ("wallet", None) => Ok(None),
        ("wallet", Some(_)) => Err(refused("key", "is of credits and outcomes alone")),
        (_, given) => required("key", "invalid_request", given).map(Some),
    }
}

fn metric(input: &SignalInput) -> Checked<Option<(&str, &str)>> {
    let (Some(name), Some(value)) = (input.metric_ref.as_deref(), input.metric_value.as_deref())
    else {
        if input.metric_ref.is_some() || input.metric_value.is_some() {
            return Err(refused("metric", "must be {ref, value}, a name and a number"));
        }
        return Ok(None);
    };
    if !is_metric_name(name) {
        return Err(refused(
            "metric.ref",
            "is no metric's name: 1 to 128 bytes that are unlike a signal's own field or a count of \
             tokens (those go into tokens)",
        ));
    }
    Ok(Some((name, value)))
}

/// A text that must be there and say something.
pub(crate) fn required<'a>(name: &str, code: &str, given: Option<&'a str>) -> Checked<&'a str> {
    let text = given.unwrap_or_default();
    if text.trim().is_empty() {
        return Err(ClientError::argument(code, name, "is missing or blank"));
    }
    Ok(text)
}

fn optional<'a>(name: &str, given: Option<&'a str>) -> Checked<Option<&'a str>> {
    given.map(|text| required(name, "invalid_request", Some(text))).transpose()
}

fn refused(name: &str, reason: &str) -> Box<ClientError> {
    ClientError::argument("invalid_request", name, reason)
}
