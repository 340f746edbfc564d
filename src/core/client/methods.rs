//! What each method puts on the wire: its path, its query, its body.
//!
//! Decides which arguments a method reads and under which names they travel. The bytes are made
//! once per call; attempts repeat them. Whether one argument is acceptable is
//! [`super::checks`]' decision.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::ops::Range;

use crate::analytics::question::Topic;
use crate::client::arguments::{ApiMethod, Arguments};
use crate::client::checks::{self, Checked, Sign};
use crate::client::error::ClientError;
use crate::config::Paths;
use crate::credits::{Decimal, Scale};
use crate::http::Target;
use crate::idempotency::IdempotencyKey;
use crate::ids::Unit;
use crate::ledger::{CallDetails, Consume, WhenShort};
use crate::wire::members::Members;

/// What is sent.
#[derive(Clone)]
pub(crate) struct Content {
    /// Path and query.
    pub(crate) target: String,
    /// The JSON body of a changing call.
    pub(crate) body: Option<String>,
    /// Where in the body it says that the call is a gate.
    pub(crate) gate: Range<usize>,
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

impl Draft<'_> {
    /// Checks the method's arguments and writes them down.
    pub(crate) fn content(&self) -> Checked<Content> {
        match self.method {
            ApiMethod::GetBalance => self.balance(),
            ApiMethod::GetTransactions => self.transactions(),
            ApiMethod::Consume | ApiMethod::ConsumeOrFail => self.consume(),
            ApiMethod::Add => self.add(),
            ApiMethod::VoidGrant => self.void_grant(),
            ApiMethod::Hold => self.hold(),
            ApiMethod::ExtendHold => self.change_hold("/extend"),
            ApiMethod::ReportHold => self.change_hold("/progress"),
            ApiMethod::CaptureHold => self.change_hold("/capture"),
            ApiMethod::ReleaseHold => self.change_hold("/release"),
            ApiMethod::GetHold => self.one_hold(),
            ApiMethod::GetHolds => self.open_holds(),
            ApiMethod::GetUsageAnalytics
            | ApiMethod::GetTopConsumers
            | ApiMethod::GetActionBreakdown
            | ApiMethod::GetBurnRate
            | ApiMethod::GetAnalyticsSummary => self.analytics(),
            ApiMethod::CreateTopUpSession => self.top_up_session(),
        }
    }

    /// One shape for all five: what is asked about stands in the path, and the server judges the words.
    fn analytics(&self) -> Checked<Content> {
        let Arguments { customer_id, everybody, period, group_by, days, limit, unit, .. } =
            self.arguments;
        checks::unit(unit.as_deref())?;
        let topic = self.method.topic().map_or("", Topic::as_str);
        let mut target = Target::new(self.paths.analytics.fill("", topic));
        target
            .text("period", period.as_deref())
            .text("group_by", group_by.as_deref())
            .number("days", days.map(u64::from))
            .number("limit", checks::page_limit(*limit)?.map(u64::from))
            .text("customer_id", (!everybody).then_some(customer_id))
            .text("unit", unit.as_deref());
        Ok(Content { target: target.finish(), body: None, gate: 0..0, requested: None })
    }

    fn balance(&self) -> Checked<Content> {
        let Arguments { customer_id, include_breakdown, unit, .. } = self.arguments;
        checks::unit(unit.as_deref())?;
        let mut target = Target::new(self.paths.balance.fill(customer_id, ""));
        let wanted = include_breakdown.unwrap_or(false);
        target.text("include_breakdown", wanted.then_some("true")).text("unit", unit.as_deref());
        Ok(Content { target: target.finish(), body: None, gate: 0..0, requested: None })
    }

    fn transactions(&self) -> Checked<Content> {
        let Arguments { customer_id, limit, offset, before_sequence, kind, unit, .. } =
            self.arguments;
        checks::unit(unit.as_deref())?;
        let mut target = Target::new(self.paths.transactions.fill(customer_id, ""));
        target
            .number("limit", checks::page_limit(*limit)?.map(u64::from))
            .number("offset", *offset)
            .number("before_sequence", *before_sequence)
            .text("type", kind.as_deref())
            .text("unit", unit.as_deref());
        Ok(Content { target: target.finish(), body: None, gate: 0..0, requested: None })
    }

    fn consume(&self) -> Checked<Content> {
        let mut body = Members::new();
        let requested = self.amount(&mut body, Sign::Positive)?;
        self.notes(&mut body)?;
        let gate = self.method == ApiMethod::ConsumeOrFail;
        let before = body.len();
        body.text("on_insufficient", gate.then_some("reject"));
        let gate = before..body.len();
        let path = self.paths.consume.fill(&self.arguments.customer_id, "");
        Ok(Content { gate, ..self.post(path, body, Some(requested)) })
    }

    /// Checks a charge's arguments as [`Draft::consume`] does, for a cache to accept.
    pub(crate) fn charge(&self, key: IdempotencyKey) -> Checked<Consume> {
        let Arguments { amount, unit, description, metadata, .. } = self.arguments;
        let scale = checks::unit(unit.as_deref())?;
        let amount = checks::amount(amount.as_ref(), scale, Sign::Positive)?;
        let unit = unit.as_deref().and_then(|unit| Unit::parse(unit).ok());
        let description =
            checks::note("description", description.as_deref())?.map(ToOwned::to_owned);
        let metadata = checks::metadata(metadata.as_deref())?.map(ToOwned::to_owned);
        let gate = self.method == ApiMethod::ConsumeOrFail;
        Ok(Consume {
            call: CallDetails { key, description, metadata },
            unit: unit.unwrap_or_else(Unit::credits),
            amount,
            when_short: if gate { WhenShort::Reject } else { WhenShort::Allow },
        })
    }

    fn add(&self) -> Checked<Content> {
        let Arguments { product, priority, refund_of, effective_at, expires_at, .. } =
            self.arguments;
        let kind = self.arguments.kind.as_deref().unwrap_or("topup");
        let sign = match kind {
            "adjustment" => Sign::Either,
            "topup" | "refund" => Sign::Positive,
            _ => {
                let reason = "must be \"topup\", \"adjustment\" or \"refund\"";
                return Err(ClientError::argument("invalid_request", "type", reason));
            }
        };
        let mut body = Members::new();
        let requested = self.amount(&mut body, sign)?;
        checks::product(product.as_deref())?;
        if let Some(charge) = refund_of {
            checks::entry("refundOf", charge)?;
        }
        let effective_at = checks::instant("effectiveAt", effective_at.as_deref())?;
        let expires_at = checks::instant("expiresAt", expires_at.as_deref())?;
        body.text("type", Some(kind))
            .text("product", product.as_deref())
            .display("priority", checks::priority(*priority)?.map(u64::from))
            .text("effective_at", effective_at.as_deref())
            .text("expires_at", expires_at.as_deref())
            .text("refund_of", refund_of.as_deref());
        self.notes(&mut body)?;
        let path = self.paths.add.fill(&self.arguments.customer_id, "");
        Ok(self.post(path, body, Some(requested)))
    }

    fn void_grant(&self) -> Checked<Content> {
        let Arguments { customer_id, grant_id, reason, .. } = self.arguments;
        let grant = grant_id.as_deref().unwrap_or_default();
        checks::entry("grantId", grant)?;
        let mut body = Members::new();
        body.text("reason", checks::note("reason", reason.as_deref())?);
        Ok(self.post(self.paths.void_grant.fill(customer_id, grant), body, None))
    }

    fn top_up_session(&self) -> Checked<Content> {
        let Arguments { customer_id, success_url, cancel_url, credits, price_id, .. } =
            self.arguments;
        let success_url = checks::return_url("successUrl", success_url.as_ref())?;
        let cancel_url = checks::return_url("cancelUrl", cancel_url.as_ref())?;
        let price_id = checks::price(price_id.as_deref(), credits.is_some())?;
        let credits = checks::credits(credits.as_ref())?;
        let mut body = Members::new();
        body.text("customer_id", Some(customer_id))
            .text("success_url", Some(success_url))
            .text("cancel_url", Some(cancel_url))
            .display("credits", credits.map(|credits| credits.decimal(Scale::CREDITS)))
            .text("price_id", price_id);
        Ok(self.post(self.paths.top_up_sessions.fill("", ""), body, None))
    }

    fn hold(&self) -> Checked<Content> {
        let Arguments { customer_id, ttl_ms, on_expiry, .. } = self.arguments;
        let mut body = Members::new();
        let requested = self.amount(&mut body, Sign::Positive)?;
        body.display("ttl_ms", ttl_ms.map(checks::ttl).transpose()?)
            .text("on_expiry", checks::on_expiry(on_expiry.as_deref())?);
        self.notes(&mut body)?;
        Ok(self.post(self.paths.holds.fill(customer_id, ""), body, Some(requested)))
    }

    fn one_hold(&self) -> Checked<Content> {
        let target = self.paths.hold.fill(&self.arguments.customer_id, self.hold_id()?);
        Ok(Content { target, body: None, gate: 0..0, requested: None })
    }

    fn open_holds(&self) -> Checked<Content> {
        let Arguments { customer_id, limit, before_sequence, unit, .. } = self.arguments;
        checks::unit(unit.as_deref())?;
        let mut target = Target::new(self.paths.holds.fill(customer_id, ""));
        target
            .number("limit", checks::page_limit(*limit)?.map(u64::from))
            .number("before_sequence", *before_sequence)
            .text("unit", unit.as_deref());
        Ok(Content { target: target.finish(), body: None, gate: 0..0, requested: None })
    }

    fn hold_id(&self) -> Checked<&str> {
        let hold = self.arguments.hold_id.as_deref().unwrap_or_default();
        checks::entry("holdId", hold)?;
        Ok(hold)
    }

    /// What happens to a hold, at the path of it that is called so.
    fn change_hold(&self, change: &str) -> Checked<Content> {
        let Arguments { customer_id, ttl_ms, amount, .. } = self.arguments;
        let hold = self.hold_id()?;
        let mut body = Members::new();
        match self.method {
            ApiMethod::ExtendHold => {
                body.display("ttl_ms", Some(checks::ttl(ttl_ms.unwrap_or_default())?));
            }
            ApiMethod::ReportHold => {
                self.amount_as("used", &mut body, Sign::NotNegative)?;
            }
            _ => {
                if self.method == ApiMethod::CaptureHold && amount.is_some() {
                    self.amount(&mut body, Sign::NotNegative)?;
                }
                self.notes(&mut body)?;
            }
        }
        let mut path = self.paths.hold.fill(customer_id, hold);
        path.push_str(change);
        Ok(self.post(path, body, None))
    }

    /// The amount and its unit.
    fn amount(&self, body: &mut Members, sign: Sign) -> Checked<Decimal> {
        self.amount_as("amount", body, sign)
    }

    fn amount_as(&self, name: &'static str, body: &mut Members, sign: Sign) -> Checked<Decimal> {
        let unit = self.arguments.unit.as_deref();
        let scale = checks::unit(unit)?;
        let amount = checks::amount(self.arguments.amount.as_ref(), scale, sign)?.decimal(scale);
        body.display(name, Some(amount)).text("unit", unit);
        Ok(amount)
    }

    /// What a caller may attach.
    fn notes(&self, body: &mut Members) -> Checked<()> {
        let Arguments { description, metadata, .. } = self.arguments;
        body.text("description", checks::note("description", description.as_deref())?)
            .display("metadata", checks::metadata(metadata.as_deref())?);
        Ok(())
    }

    fn post(&self, target: String, mut body: Members, requested: Option<Decimal>) -> Content {
        body.text("idempotency_key", self.key.map(IdempotencyKey::as_str));
        Content { target, body: Some(body.finish()), gate: 0..0, requested }
    }
}
