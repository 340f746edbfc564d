//! A usage signal as it is sent.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::value::RawValue;

use crate::catalog::cached_tokens;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::ids::{CustomerId, Unit};
use crate::pricing::{CachedTokens, MAX_TOKENS, Tokens};
use crate::usage::metrics::metrics;
use crate::wire::batch::{Listed, MAX_BATCH_ITEMS};
use crate::wire::errors::{ApiError, Code};
use crate::wire::fields::{Fields, MAX_METADATA_BYTES, field_error, id_error, missing};
use crate::wire::requests::{KeySource, read_key, read_own_key};

/// Longest name of a model, a run, a member or a metric, in bytes.
pub(super) const MAX_LABEL_BYTES: usize = 128;

/// What a signal is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignalType {
    /// A credit type's credits.
    Credit,
    /// The wallet, at the model's cost.
    Wallet,
    /// The wallet, by the outcome's price, when its run is complete.
    Outcome,
}

impl SignalType {
    /// Every type.
    pub const ALL: [Self; 3] = [Self::Credit, Self::Wallet, Self::Outcome];

    /// The word on the wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Wallet => "wallet",
            Self::Outcome => "outcome",
        }
    }

    /// Reads [`SignalType::as_str`], in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text))
    }
}

/// A report of usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Whose usage.
    pub customer: CustomerId,
    /// What it is taken from.
    pub kind: SignalType,
    /// The model, as the caller spells it.
    pub model: String,
    /// The credit type's or the step's key; of a wallet signal none.
    pub key: Option<Unit>,
    /// What was used.
    pub tokens: Tokens,
    /// Where tokens from the cache are counted besides; `None`: as the model's entry says.
    pub cached: Option<CachedTokens>,
    /// The run that a step belongs to.
    pub run: Option<String>,
    /// Whether the step completes its run.
    pub complete: bool,
    /// Who of the customer's people.
    pub member: Option<String>,
    /// The caller's JSON object, as text.
    pub custom: Option<String>,
    /// Further figures, by name, as JSON text.
    pub metrics: Vec<(String, String)>,
    /// The signal's own key.
    pub idempotency_key: IdempotencyKey,
    /// Price it and check it, and keep nothing.
    pub dry_run: bool,
}

impl Signal {
    /// What the signal's key stands for: all that decides what is taken, before any price is known.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let count = |count: u64| count.to_string();
        let Tokens { input, output, cache } = self.tokens;
        Fingerprint::of([
            ("type", Some(self.kind.as_str())),
            ("model", Some(&*self.model.to_ascii_lowercase())),
            ("agentKey", self.key.as_ref().map(Unit::as_str)),
            ("inputTokens", Some(&*count(input))),
            ("outputTokens", Some(&*count(output))),
            ("cacheTokens", Some(&*count(cache))),
            ("cachedTokens", self.cached.map(CachedTokens::as_str)),
            ("runId", self.run.as_deref()),
            ("complete", self.complete.then_some("true")),
        ])
    }
}

/// Reads one signal. Its key stands in the body or in the header; without one, it is made.
///
/// # Errors
/// The 400 and 422 of the tables for bodies, ids and keys; a name that stands for no field is a metric
/// where its value is a number, and refused otherwise.
pub fn parse_signal(body: &str, key: &KeySource<'_>) -> Result<Signal, ApiError> {
    read_signal(body, Some(key))
}

/// Many signals.
#[derive(Clone, Debug)]
pub struct SignalBatch {
    /// Each as it reads, or why it does not.
    pub items: Vec<Result<Signal, ApiError>>,
}

/// Reads `{"signals": […]}`: 1 to 100, each with a key of its own. What is wrong inside of a signal is
/// that signal's result.
///
/// # Errors
/// What is wrong around the signals.
pub fn parse_signal_batch(body: &str) -> Result<SignalBatch, ApiError> {
    let items = split_signal_batch(body)?;
    Ok(SignalBatch { items: items.into_iter().map(|item| read_signal(item, None)).collect() })
}

/// The signals of a batch, as they are written.
///
/// # Errors
/// As [`parse_signal_batch`].
pub(crate) fn split_signal_batch(body: &str) -> Result<Vec<&str>, ApiError> {
    const NAME: &str = "signals";
    let mut fields = Fields::split(body)?;
    let list = fields.take(NAME)?.ok_or_else(|| missing(NAME))?;
    fields.finish()?;
    if !list.get().starts_with('[') {
        return Err(field_error(Code::InvalidType, NAME, "is not a list"));
    }
    // A list by its first character, in text that is JSON, is a list.
    let Listed(items) = serde_json::from_str(list.get()).unwrap_or_default();
    if !(1..=MAX_BATCH_ITEMS).contains(&items.len()) {
        let problem = format!("does not hold 1 to {MAX_BATCH_ITEMS} signals");
        return Err(field_error(Code::InvalidRequest, NAME, &problem));
    }
    Ok(items.into_iter().map(RawValue::get).collect())
}

fn read_signal(body: &str, key: Option<&KeySource<'_>>) -> Result<Signal, ApiError> {
    let mut fields = Fields::parse(body)?;
    let customer = fields.required_text("customerId")?;
    let customer = CustomerId::parse(&customer).map_err(|error| id_error("customerId", error))?;
    let kind = SignalType::parse(&fields.required_text("type")?).ok_or_else(|| {
        field_error(Code::InvalidRequest, "type", "is none of credit, wallet and outcome")
    })?;
    let model = required(label(&mut fields, "model")?, "model")?;
    let tokens = Tokens {
        input: count(&mut fields, "inputTokens")?,
        output: count(&mut fields, "outputTokens")?,
        cache: count(&mut fields, "cacheTokens")?,
    };
    let cached = cached_tokens(&mut fields)?;
    let agent_key = agent_key(&mut fields, kind)?;
    let run = label(&mut fields, "runId")?;
    let complete = flag(&mut fields, "complete")?;
    if kind != SignalType::Outcome && (run.is_some() || complete) {
        let name = if complete { "complete" } else { "runId" };
        return Err(field_error(Code::InvalidRequest, name, "goes with type outcome only"));
    }
    let member = label(&mut fields, "member")?;
    let custom = custom(&mut fields)?;
    let own_key = fields.text("idempotencyKey")?;
    let idempotency_key = match key {
        Some(source) => read_key(own_key, source)?,
        None => read_own_key(&required(own_key, "idempotencyKey")?)?,
    };
    let dry_run = flag(&mut fields, "dryRun")?;
    let metrics = metrics(fields)?;
    Ok(Signal {
        customer,
        kind,
        model,
        key: agent_key,
        tokens,
        cached,
        run,
        complete,
        member,
        custom,
        metrics,
        idempotency_key,
        dry_run,
    })
}

fn required(text: Option<String>, name: &str) -> Result<String, ApiError> {
    text.ok_or_else(|| missing(name))
}

/// Short text that is not blank.
fn label(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<String>, ApiError> {
    let Some(text) = fields.text(name)? else { return Ok(None) };
    let problem = if text.trim().is_empty() {
        "is blank"
    } else if text.len() > MAX_LABEL_BYTES {
        "is longer than 128 bytes"
    } else if text.chars().any(char::is_control) {
        "holds a control character"
    } else {
        return Ok(Some(text));
    };
    Err(field_error(Code::InvalidRequest, name, problem))
}

/// A count of tokens; absent is none.
fn count(fields: &mut Fields<'_>, name: &'static str) -> Result<u64, ApiError> {
    let Some(value) = fields.take(name)? else { return Ok(0) };
    if !value.get().starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return Err(field_error(Code::InvalidType, name, "is not a number"));
    }
    let count: Option<u64> = serde_json::from_str(value.get()).ok();
    count.filter(|count| *count <= MAX_TOKENS).ok_or_else(|| {
        let problem = "is not a whole number from 0 to 9007199254740991";
        field_error(Code::InvalidRequest, name, problem)
    })
}

fn flag(fields: &mut Fields<'_>, name: &'static str) -> Result<bool, ApiError> {
    match fields.take(name)?.map(RawValue::get) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(field_error(Code::InvalidType, name, "is neither true nor false")),
    }
}

/// `agentKey`, or `key` as the older SDK calls it.
fn agent_key(fields: &mut Fields<'_>, kind: SignalType) -> Result<Option<Unit>, ApiError> {
    const NAME: &str = "agentKey";
    let (new, old) = (fields.text(NAME)?, fields.text("key")?);
    if new.is_some() && old.is_some() && new != old {
        return Err(field_error(Code::InvalidRequest, NAME, "is another than key says"));
    }
    let key = new.or(old);
    match (kind, &key) {
        (SignalType::Wallet, None) => return Ok(None),
        (SignalType::Wallet, Some(_)) => {
            let problem = "goes with types credit and outcome only";
            return Err(field_error(Code::InvalidRequest, NAME, problem));
        }
        (SignalType::Credit | SignalType::Outcome, _) => {}
    }
    let key = required(key, NAME)?;
    Unit::parse(&key).map(Some).map_err(|error| id_error(NAME, error))
}

fn custom(fields: &mut Fields<'_>) -> Result<Option<String>, ApiError> {
    let Some(value) = fields.take("custom")? else { return Ok(None) };
    if !value.get().starts_with('{') {
        return Err(field_error(Code::InvalidType, "custom", "is not an object"));
    }
    if value.get().len() > MAX_METADATA_BYTES {
        let problem = format!("is larger than {MAX_METADATA_BYTES} bytes of JSON");
        return Err(field_error(Code::MetadataTooLarge, "custom", &problem));
    }
    Ok(Some(value.get().to_owned()))
}
