//! What one of Stripe's events means for a ledger.
//!
//! Decides which events count. Two say that a payment has arrived, one that it was paid back; all
//! others have no effect, and so have those about something that this deployment did not sell. What is
//! ours is known by the metadata that [`super::stripe`] wrote and sealed when the session was opened:
//! Stripe hands it back on the session and, by way of the payment, on its charge.
//!
//! A payment goes by the name of its payment intent, which a session has exactly one of and which its
//! charge names too; a session that cost nothing has none, and goes by its own id. So a session is
//! entered once, whichever events tell of it and however often; and a refund finds it before or after.
//!
//! A refund is told by its charge and not by itself (`refund.created`): the charge says how much was
//! paid back in all, so that events which are repeated, lost or out of order come to the same.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::time::Duration;

use crate::credits::{Credits, whole_number};
use crate::idempotency::IdempotencyKey;
use crate::ids::{CustomerId, Environment, Owner, Product, Unit};
use crate::ledger::{CallDetails, Payment, Reversal, TopUp};
use crate::topup::seal::Seal;
use crate::topup::stripe::METADATA;
use crate::wire::errors::{ApiError, Code};
use crate::wire::members::Members;
use crate::wire::reading::{JsonObject as _, RawObject};

/// Largest event that is read, in bytes: a session with its metadata has about 5 KB.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;

/// Longest of Stripe's ids that is taken: they have 30 to 70 characters. The names of a payment's
/// reversals are longer, and must stay idempotency keys.
const MAX_ID_BYTES: usize = 200;

/// An event as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It tells of a payment.
    Payment {
        /// Whose ledger it concerns.
        owner: Owner,
        /// What became known.
        payment: Payment,
    },
    /// It has no effect here, but for being acknowledged.
    Other {
        /// Which environment it speaks for.
        environment: Environment,
    },
}

impl Event {
    /// Reads an event, as the deployment that has `seal`.
    ///
    /// # Errors
    /// `invalid_json` for what is no event; `invalid_request` for one about a payment of ours that
    /// cannot be entered as it is. Stripe shows either to whoever runs the deployment.
    pub fn parse(body: &str, seal: &Seal) -> Result<Self, ApiError> {
        let event = RawObject::read(body);
        let kind = event.as_ref().and_then(|event| event.text("type"));
        let (Some(event), Some(kind)) = (event, kind) else { return Err(no_event()) };
        let live = event.flag("livemode").ok_or_else(no_event)?;
        let environment = if live { Environment::Live } else { Environment::Test };
        let object = event.object("data").and_then(|data| data.object("object"));
        let id = event.text("id").filter(|id| is_id(id)).ok_or_else(no_event)?;
        let object = object.ok_or_else(no_event)?;
        let read = match kind.as_str() {
            "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
                About::top_up
            }
            "charge.refunded" => About::reversal,
            _ => return Ok(Self::Other { environment }),
        };
        let Some(sold) = Sold::of(&object, environment, seal)? else {
            return Ok(Self::Other { environment });
        };
        let payment = read(&About { event: &id, object: &object, sold: &sold });
        match payment.ok_or_else(unusable)? {
            None => Ok(Self::Other { environment }),
            Some(payment) => {
                let customer = CustomerId::parse(&sold.customer).map_err(|_| unusable())?;
                Ok(Self::Payment { owner: Owner { environment, customer }, payment })
            }
        }
    }

    /// Which environment it speaks for.
    #[must_use]
    pub const fn environment(&self) -> Environment {
        match self {
            Self::Payment { owner, .. } => owner.environment,
            Self::Other { environment } => *environment,
        }
    }
}

/// What was written on a session when it was opened.
struct Sold {
    customer: String,
    credits: Option<String>,
    unit: Option<String>,
    product: Option<String>,
    days: Option<String>,
    pack: Option<String>,
}

impl Sold {
    /// The metadata of an object that was sold here; `None` for what was not.
    ///
    /// # Errors
    /// `invalid_request` where it is not as it was written, in this environment.
    fn of(
        object: &RawObject<'_>,
        environment: Environment,
        seal: &Seal,
    ) -> Result<Option<Self>, ApiError> {
        let Some(metadata) = object.object("metadata") else { return Ok(None) };
        let text = |name| metadata.text(name);
        if text(METADATA.mark).as_deref() != Some(seal.mark()) {
            return Ok(None);
        }
        let (customer, signature) = (text(METADATA.customer), text(METADATA.seal));
        let (Some(customer), Some(signature)) = (customer, signature) else {
            return Err(unusable());
        };
        let sold = Self {
            customer,
            credits: text(METADATA.credits),
            unit: text(METADATA.unit),
            product: text(METADATA.product),
            days: text(METADATA.days),
            pack: text(METADATA.pack),
        };
        let here = text(METADATA.environment).as_deref() == Some(environment.as_str());
        let intact = here && seal.signed(&signature, &sold.sealed(environment));
        if intact { Ok(Some(sold)) } else { Err(unusable()) }
    }

    /// What is sealed, in the order of [`super::stripe`].
    fn sealed(&self, environment: Environment) -> [(&str, Option<&str>); 7] {
        [
            (METADATA.environment, Some(environment.as_str())),
            (METADATA.customer, Some(&self.customer)),
            (METADATA.credits, self.credits.as_deref()),
            (METADATA.unit, self.unit.as_deref()),
            (METADATA.pack, self.pack.as_deref()),
            (METADATA.product, self.product.as_deref()),
            (METADATA.days, self.days.as_deref()),
        ]
    }

    fn unit(&self) -> Option<Unit> {
        Unit::parse(self.unit.as_deref().unwrap_or(Unit::CREDITS)).ok()
    }
}

/// An event about something of ours. `None` is what cannot be read; `Some(None)` what has no effect.
struct About<'a> {
    event: &'a str,
    object: &'a RawObject<'a>,
    sold: &'a Sold,
}

impl About<'_> {
    fn top_up(&self) -> Option<Option<Payment>> {
        // A session that is complete and not paid (a bank debit) is told again when it is. One that
        // costs nothing needs no payment.
        let status = self.object.text("payment_status");
        if !matches!(status.as_deref(), Some("paid" | "no_payment_required")) {
            return Some(None);
        }
        let session = self.object.text("id").filter(|id| is_id(id))?;
        let name = self.payment_intent().unwrap_or_else(|| session.clone());
        let unit = self.sold.unit()?;
        let credits = self.sold.credits.as_deref()?;
        let credits = Credits::from_decimal_text(credits, unit.scale()).ok()?;
        let product = self.sold.product.as_deref().map(Product::parse).transpose().ok()?;
        let days = match self.sold.days.as_deref() {
            None => None,
            Some(days) => Some(whole_number(days).filter(|days| (1..=36_525).contains(days))?),
        };
        let metadata = Members::new()
            .text("source", Some("stripe"))
            .text("session_id", Some(&session))
            .text("event_id", Some(self.event))
            .text("price_id", self.sold.pack.as_deref().filter(|pack| is_id(pack)))
            .finish();
        let call = CallDetails {
            key: IdempotencyKey::parse(&name).ok()?,
            description: Some("Top-up".to_owned()),
            metadata: Some(metadata),
        };
        let lasts = days.map(|days| Duration::from_secs(days * 86_400));
        let top_up = TopUp { call, unit, amount: credits, product, lasts };
        credits.is_positive().then_some(Some(Payment::TopUp(top_up)))
    }

    fn reversal(&self) -> Option<Option<Payment>> {
        // A charge without a payment intent was made by no session.
        let Some(name) = self.payment_intent() else { return Some(None) };
        let money = |name| self.object.number(name).and_then(|text| whole_number(&text));
        let (paid, refunded) = (money("amount")?, money("amount_refunded")?);
        if refunded == 0 || paid == 0 {
            return Some(None);
        }
        let charge = self.object.text("id").filter(|id| is_id(id));
        let metadata = Members::new()
            .text("source", Some("stripe"))
            .text("charge_id", charge.as_deref())
            .text("event_id", Some(self.event))
            .text("refunded", Some(&format!("{refunded}/{paid}")))
            .finish();
        Some(Some(Payment::Reversal(Reversal {
            payment: IdempotencyKey::parse(&name).ok()?,
            unit: self.sold.unit()?,
            refunded: refunded.min(paid),
            paid,
            description: Some("Top-up refunded".to_owned()),
            metadata: Some(metadata),
        })))
    }

    /// The payment intent's id, which may stand there expanded.
    fn payment_intent(&self) -> Option<String> {
        let inner = || self.object.object("payment_intent").and_then(|intent| intent.text("id"));
        self.object.text("payment_intent").or_else(inner).filter(|id| is_id(id))
    }
}

/// Whether text may be one of Stripe's ids.
fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(allowed)
}

fn no_event() -> ApiError {
    ApiError::new(Code::InvalidJson, "The body is no event of Stripe's. Nothing was changed.")
}

fn unusable() -> ApiError {
    let message = "The event is about a top-up of this deployment, and lacks what is needed to enter \
                   it, or is not what was written when it was sold. Nothing was changed; has the \
                   session's metadata been edited?";
    ApiError::new(Code::InvalidRequest, message)
}
