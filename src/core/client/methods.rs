//! What each method puts on the wire: its path, its query, its body.
//!
//! Decides which arguments a method reads and under which names they travel. The bytes are made
//! once per call; attempts repeat them. Whether one argument is acceptable is
//! [`super::checks`]' decision.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};

use crate::client::arguments::{ApiMethod, Arguments};
use crate::client::checks::{self, Checked, Sign};
use crate::client::error::ClientError;
use crate::config::Paths;
use crate::credits::{Decimal, Scale};
use crate::http::with_query;
use crate::idempotency::IdempotencyKey;
use crate::ids::{Product, Unit};
use crate::time::Timestamp;
use crate::wire::members::Members;

/// What is sent.
#[derive(Clone)]
pub(crate) struct Content {
    /// Path and query.
    pub(crate) target: String,
    /// The JSON body of a changing call.
    pub(crate) body: Option<String>,
    /// The amount that it moves.
    pub(crate) requested: Option<Decimal>,
}

/// A call whose key is known and whose content is not yet written.
pub(crate) struct Draft<'a> {
    pub(crate) paths: &'a Paths,
    pub(crate) method: ApiMethod,
    pub(crate) arguments: &'a Arguments,
    pub(crate) key: Option<&'a IdempotencyKey>,
}

/// The body of every changing call: a method fills in its own fields, and they go out in this order.
#[derive(Default)]
struct Body<'a> {
    amount: Option<Decimal>,
    kind: Option<&'a str>,
    unit: Option<&'a str>,
    product: Option<&'a str>,
    priority: Option<u32>,
    effective_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    refund_of: Option<&'a str>,
    reason: Option<&'a str>,
    description: Option<&'a str>,
    metadata: Option<&'a str>,
    on_insufficient: Option<&'static str>,
    idempotency_key: Option<&'a str>,
}

impl Body<'_> {
    fn to_json(&self) -> String {
        let instant = |time: Option<Timestamp>| time.map(|time| time.to_string());
        Members::new()
            .display("amount", self.amount)
            .text("type", self.kind)
            .text("unit", self.unit)
            .text("product", self.product)
            .display("priority", self.priority)
            .text("effective_at", instant(self.effective_at).as_deref())
            .text("expires_at", instant(self.expires_at).as_deref())
            .text("refund_of", self.refund_of)
            .text("reason", self.reason)
            .text("description", self.description)
            .display("metadata", self.metadata)
            .text("on_insufficient", self.on_insufficient)
            .text("idempotency_key", self.idempotency_key)
            .finish()
    }
}

impl<'a> Draft<'a> {
    /// Checks the method's arguments and writes them down.
    pub(crate) fn content(&self) -> Checked<Content> {
        match self.method {
            ApiMethod::GetBalance => self.balance(),
            ApiMethod::GetTransactions => self.transactions(),
            ApiMethod::Consume | ApiMethod::ConsumeOrFail => self.consume(),
            ApiMethod::Add => self.add(),
            ApiMethod::VoidGrant => self.void_grant(),
        }
    }

    fn balance(&self) -> Checked<Content> {
        let unit = checks::unit(self.arguments.unit.as_deref())?;
        let breakdown = self.arguments.include_breakdown.unwrap_or(false);
        let path = self.paths.balance.fill(&self.arguments.customer_id, "");
        let query = [
            ("include_breakdown", breakdown.then(|| "true".to_owned())),
            ("unit", unit.map(|unit| unit.as_str().to_owned())),
        ];
        Ok(Content { target: with_query(&path, query), body: None, requested: None })
    }

    fn transactions(&self) -> Checked<Content> {
        let Arguments { offset, before_sequence, kind, .. } = self.arguments;
        let limit = checks::page_limit(self.arguments.limit)?;
        let unit = checks::unit(self.arguments.unit.as_deref())?;
        let path = self.paths.transactions.fill(&self.arguments.customer_id, "");
        let query = [
            ("limit", limit.map(|limit| limit.to_string())),
            ("offset", offset.map(|offset| offset.to_string())),
            ("before_sequence", before_sequence.map(|sequence| sequence.to_string())),
            ("type", kind.clone()),
            ("unit", unit.map(|unit| unit.as_str().to_owned())),
        ];
        Ok(Content { target: with_query(&path, query), body: None, requested: None })
    }

    fn consume(&self) -> Checked<Content> {
        let unit = checks::unit(self.arguments.unit.as_deref())?;
        let amount = self.amount(unit.as_ref(), Sign::Positive)?;
        let gate = self.method == ApiMethod::ConsumeOrFail;
        let body = Body {
            amount: Some(amount),
            unit: unit.as_ref().map(Unit::as_str),
            on_insufficient: gate.then_some("reject"),
            ..self.noted()?
        };
        self.post(self.paths.consume.fill(&self.arguments.customer_id, ""), body)
    }

    fn add(&self) -> Checked<Content> {
        let Arguments { kind, priority, refund_of, effective_at, expires_at, .. } = self.arguments;
        let kind = kind.as_deref().unwrap_or("topup");
        let sign = match kind {
            "adjustment" => Sign::Either,
            "topup" | "refund" => Sign::Positive,
            _ => {
                let reason = "must be \"topup\", \"adjustment\" or \"refund\"";
                return Err(ClientError::argument("invalid_request", "type", reason));
            }
        };
        let unit = checks::unit(self.arguments.unit.as_deref())?;
        let product = checks::product(self.arguments.product.as_deref())?;
        if let Some(charge) = refund_of {
            checks::entry("refundOf", charge)?;
        }
        let body = Body {
            amount: Some(self.amount(unit.as_ref(), sign)?),
            kind: Some(kind),
            unit: unit.as_ref().map(Unit::as_str),
            product: product.as_ref().map(Product::as_str),
            priority: checks::priority(*priority)?,
            effective_at: checks::instant("effectiveAt", effective_at.as_deref())?,
            expires_at: checks::instant("expiresAt", expires_at.as_deref())?,
            refund_of: refund_of.as_deref(),
            ..self.noted()?
        };
        self.post(self.paths.add.fill(&self.arguments.customer_id, ""), body)
    }

    fn void_grant(&self) -> Checked<Content> {
        let grant = self.arguments.grant_id.as_deref().unwrap_or_default();
        checks::entry("grantId", grant)?;
        let reason = checks::note("reason", self.arguments.reason.as_deref())?;
        let path = self.paths.void_grant.fill(&self.arguments.customer_id, grant);
        self.post(path, Body { reason, ..Body::default() })
    }

    /// A body with the notes that a caller may attach.
    fn noted(&self) -> Checked<Body<'a>> {
        Ok(Body {
            description: checks::note("description", self.arguments.description.as_deref())?,
            metadata: checks::metadata(self.arguments.metadata.as_deref())?,
            ..Body::default()
        })
    }

    fn amount(&self, unit: Option<&Unit>, sign: Sign) -> Checked<Decimal> {
        let scale = unit.map_or(Scale::CREDITS, Unit::scale);
        let amount = checks::amount(self.arguments.amount.as_ref(), scale, sign)?;
        Ok(amount.decimal(scale))
    }

    fn post(&self, target: String, body: Body<'_>) -> Checked<Content> {
        let requested = body.amount;
        let body = Body { idempotency_key: self.key.map(IdempotencyKey::as_str), ..body };
        Ok(Content { target, body: Some(body.to_json()), requested })
    }
}
