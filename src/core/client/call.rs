//! One logical call: what its arguments become on the wire.
//!
//! Decides whether the arguments are acceptable, the path, the query, the body's exact bytes and
//! the idempotency key, all before the first attempt and never again. Read [`Call::new`] first.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::client::arguments::{ApiMethod, Arguments, Sign};
use crate::client::error::ClientError;
use crate::client::request_keys::RequestKeys;
use crate::config::ClientConfig;
use crate::credits::{Credits, Decimal, Scale};
use crate::entropy::Entropy;
use crate::http::{Method, with_query};
use crate::idempotency::IdempotencyKey;
use crate::ids::{CustomerId, IdError, Owner, Product, TransactionId, Unit};
use crate::time::Timestamp;

/// Largest metadata, in bytes of its JSON text: what the ledger keeps with an entry.
pub const MAX_METADATA_BYTES: usize = 8 * 1024;
/// Largest page of transactions.
pub const MAX_PAGE: u32 = 100;

type Result<T> = core::result::Result<T, Box<ClientError>>;

/// A call, ready to be sent any number of times, the same each time.
///
/// It has no `Debug`: descriptions and metadata are the caller's data.
#[derive(Clone)]
pub struct Call {
    api_method: ApiMethod,
    owner: Owner,
    target: String,
    body: Option<String>,
    key: Option<IdempotencyKey>,
    requested: Option<Decimal>,
}

impl Call {
    /// Checks the arguments and fixes everything that is sent.
    ///
    /// The key of a changing call is the caller's own if there is one, else the next of the
    /// request's keys, else a fresh one.
    ///
    /// # Errors
    /// `invalid_id`, `invalid_amount`, `invalid_request`, `invalid_type`, `metadata_too_large` or
    /// `invalid_idempotency_key`; nothing has been sent, the effect is `not_applied`.
    pub fn new(
        config: &ClientConfig,
        method: ApiMethod,
        arguments: Arguments,
        entropy: &Entropy,
        request_keys: Option<&mut RequestKeys>,
    ) -> Result<Self> {
        let customer = customer(&arguments.customer_id)?;
        let key = match (method.changes(), arguments.idempotency_key.as_deref(), request_keys) {
            (false, ..) => None,
            (true, Some(own), _) => Some(own_key(own)?),
            (true, None, Some(keys)) => {
                Some(keys.next(method, &arguments.customer_id, arguments.label.as_deref())?)
            }
            (true, None, None) => Some(IdempotencyKey::generate(entropy)),
        };
        let owner = Owner { environment: config.environment, customer };
        let draft = Draft { config, method, arguments: &arguments, key: key.as_ref() };
        let parts = draft.parts().map_err(|mut error| {
            error.idempotency_key = key.as_ref().map(|key| key.as_str().to_owned());
            error
        })?;
        let Parts { target, body, requested } = parts;
        Ok(Self { api_method: method, owner, target, body, key, requested })
    }

    /// Which method this is.
    #[must_use]
    pub const fn api_method(&self) -> ApiMethod {
        self.api_method
    }

    /// Whose ledger it reaches; its object's name is [`Owner::object_name`].
    #[must_use]
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The verb.
    #[must_use]
    pub const fn method(&self) -> Method {
        if self.api_method.changes() { Method::Post } else { Method::Get }
    }

    /// Path and query, to be appended to the base URL.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The JSON body of a changing call.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    /// The key that every attempt carries; `None` for reads.
    #[must_use]
    pub const fn idempotency_key(&self) -> Option<&IdempotencyKey> {
        self.key.as_ref()
    }

    /// The amount that the call moves.
    #[must_use]
    pub const fn requested(&self) -> Option<Decimal> {
        self.requested
    }
}

/// What depends on the method.
struct Parts {
    target: String,
    body: Option<String>,
    requested: Option<Decimal>,
}

struct Draft<'a> {
    config: &'a ClientConfig,
    method: ApiMethod,
    arguments: &'a Arguments,
    key: Option<&'a IdempotencyKey>,
}

/// The body of every changing call: a method fills in its own fields, in this order.
#[derive(Default, Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Decimal>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_of: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_insufficient: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
}

impl<'a> Draft<'a> {
    fn parts(&self) -> Result<Parts> {
        match self.method {
            ApiMethod::GetBalance => self.balance(),
            ApiMethod::GetTransactions => self.transactions(),
            ApiMethod::Consume | ApiMethod::ConsumeOrFail => self.consume(),
            ApiMethod::Add => self.add(),
            ApiMethod::VoidGrant => self.void_grant(),
        }
    }

    fn balance(&self) -> Result<Parts> {
        let unit = self.unit()?;
        let breakdown = self.arguments.include_breakdown.filter(|wanted| *wanted);
        let path = self.config.paths.balance.fill(&self.arguments.customer_id, "");
        Ok(read(
            &path,
            [
                ("include_breakdown", breakdown.map(|_| "true".to_owned())),
                ("unit", unit.map(|unit| unit.as_str().to_owned())),
            ],
        ))
    }

    fn transactions(&self) -> Result<Parts> {
        let Arguments { limit, offset, before_sequence, kind, .. } = self.arguments;
        if limit.is_some_and(|limit| !(1..=MAX_PAGE).contains(&limit)) {
            let reason = "must be from 1 to 100";
            return Err(ClientError::argument("invalid_request", "limit", reason));
        }
        let unit = self.unit()?;
        let path = self.config.paths.transactions.fill(&self.arguments.customer_id, "");
        Ok(read(
            &path,
            [
                ("limit", limit.map(|limit| limit.to_string())),
                ("offset", offset.map(|offset| offset.to_string())),
                ("before_sequence", before_sequence.map(|sequence| sequence.to_string())),
                ("type", kind.clone()),
                ("unit", unit.map(|unit| unit.as_str().to_owned())),
            ],
        ))
    }

    fn consume(&self) -> Result<Parts> {
        let unit = self.unit()?;
        let amount = self.amount(unit.as_ref(), Sign::Positive)?;
        let gate = self.method == ApiMethod::ConsumeOrFail;
        let body = Body {
            on_insufficient: gate.then_some("reject"),
            unit: unit.as_ref().map(Unit::as_str),
            ..self.noted()?
        };
        self.change(&self.config.paths.consume.fill(&self.arguments.customer_id, ""), body, amount)
    }

    fn add(&self) -> Result<Parts> {
        let kind = self.arguments.kind.as_deref().unwrap_or("topup");
        let sign = match kind {
            "adjustment" => Sign::Either,
            "topup" | "refund" => Sign::Positive,
            _ => {
                let reason = "must be \"topup\", \"adjustment\" or \"refund\"";
                return Err(ClientError::argument("invalid_request", "type", reason));
            }
        };
        let unit = self.unit()?;
        let amount = self.amount(unit.as_ref(), sign)?;
        let Arguments { product, refund_of, effective_at, expires_at, priority, .. } =
            self.arguments;
        if let Some(product) = product {
            Product::parse(product).map_err(|error| refuse_id("product", error))?;
        }
        if let Some(charge) = refund_of {
            TransactionId::parse(charge).map_err(|error| refuse_id("refundOf", error))?;
        }
        let body = Body {
            kind: Some(kind),
            unit: unit.as_ref().map(Unit::as_str),
            product: product.as_deref(),
            priority: *priority,
            effective_at: instant("effectiveAt", effective_at.as_deref())?,
            expires_at: instant("expiresAt", expires_at.as_deref())?,
            refund_of: refund_of.as_deref(),
            ..self.noted()?
        };
        self.change(&self.config.paths.add.fill(&self.arguments.customer_id, ""), body, amount)
    }

    fn void_grant(&self) -> Result<Parts> {
        let grant = self.arguments.grant_id.as_deref().unwrap_or_default();
        TransactionId::parse(grant).map_err(|error| refuse_id("grantId", error))?;
        let path = self.config.paths.void_grant.fill(&self.arguments.customer_id, grant);
        let body = Body { reason: self.arguments.reason.as_deref(), ..Body::default() };
        self.post(&path, body, None)
    }

    /// A body with the notes that a caller may attach.
    fn noted(&self) -> Result<Body<'a>> {
        let description = self.arguments.description.as_deref();
        let metadata = self.arguments.metadata.as_deref().map(metadata).transpose()?;
        Ok(Body { description, metadata, ..Body::default() })
    }

    fn unit(&self) -> Result<Option<Unit>> {
        let parse = |name| Unit::parse(name).map_err(|error| refuse_id("unit", error));
        self.arguments.unit.as_deref().map(parse).transpose()
    }

    fn amount(&self, unit: Option<&Unit>, sign: Sign) -> Result<Decimal> {
        let scale = unit.map_or(Scale::CREDITS, Unit::scale);
        let raw = self.arguments.amount.as_ref();
        let missing = || ClientError::argument("invalid_amount", "amount", "is missing");
        let amount: Credits = raw.ok_or_else(missing)?.read(scale, sign)?;
        Ok(amount.decimal(scale))
    }

    fn change(&self, path: &str, body: Body<'a>, amount: Decimal) -> Result<Parts> {
        self.post(path, Body { amount: Some(amount), ..body }, Some(amount))
    }

    fn post(&self, path: &str, body: Body<'a>, requested: Option<Decimal>) -> Result<Parts> {
        let body = Body { idempotency_key: self.key.map(IdempotencyKey::as_str), ..body };
        let text = serde_json::to_string(&body).map_err(|_| {
            ClientError::local("invalid_request", "the call cannot be written as JSON")
        })?;
        Ok(Parts { target: path.to_owned(), body: Some(text), requested })
    }
}

fn read<'a>(path: &str, query: impl IntoIterator<Item = (&'a str, Option<String>)>) -> Parts {
    Parts { target: with_query(path, query), body: None, requested: None }
}

fn customer(text: &str) -> Result<CustomerId> {
    CustomerId::parse(text).map_err(|error| refuse_id("customerId", error))
}

fn refuse_id(name: &str, error: IdError) -> Box<ClientError> {
    ClientError::argument("invalid_id", name, error.reason())
}

fn own_key(text: &str) -> Result<IdempotencyKey> {
    IdempotencyKey::parse(text).map_err(|_| {
        ClientError::argument(
            "invalid_idempotency_key",
            "idempotencyKey",
            "must be 1 to 255 visible ASCII characters without a comma",
        )
    })
}

fn instant(name: &str, text: Option<&str>) -> Result<Option<Timestamp>> {
    let Some(text) = text else { return Ok(None) };
    let reason = "must be a Date, or an instant such as 2026-01-31T00:00:00Z";
    let instant = Timestamp::parse(text);
    instant.map(Some).ok_or_else(|| ClientError::argument("invalid_request", name, reason))
}

fn metadata(text: &str) -> Result<&RawValue> {
    if text.len() > MAX_METADATA_BYTES {
        let reason = "is larger than 8 KB as JSON";
        return Err(ClientError::argument("metadata_too_large", "metadata", reason));
    }
    let object =
        serde_json::from_str(text).ok().filter(|raw: &&RawValue| raw.get().starts_with('{'));
    object.ok_or_else(|| {
        ClientError::argument("invalid_request", "metadata", "must be an object that JSON can hold")
    })
}
