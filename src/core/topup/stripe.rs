//! A checkout session, as Stripe is asked for it and as it answers.
//!
//! Decides which of the deployment's keys may be used, the bytes of the request, and what each answer
//! means for the caller. A session that is asked for twice under one key is opened once: Stripe keeps
//! the key, for 24 hours at least, and answers with the first one; with the first failure too, so that
//! a key that has failed there is spent.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use crate::config::UrlParts;
use crate::http::{Method, Request, Response};
use crate::idempotency::{Operation, Scope};
use crate::ids::{Environment, Owner, Product};
use crate::topup::order::Order;
use crate::topup::packs::Pack;
use crate::topup::seal::Seal;
use crate::wire::errors::{ApiError, Code};
use crate::wire::members::Members;
use crate::wire::reading::{JsonObject as _, RawObject};

/// Where Stripe's API is.
pub const STRIPE_API: &str = "https://api.stripe.com";

/// The version of Stripe's API that is spoken, whatever the account's default is.
pub const STRIPE_VERSION: &str = "2025-03-31.basil";

/// How long Stripe may take, to the last byte: less than the client's `timeoutMs`, so that the caller
/// is told by us.
pub const STRIPE_TIMEOUT: Duration = Duration::from_secs(8);

/// The names of what is written on a session, and read again from the events about it.
pub(crate) struct MetadataNames {
    pub(crate) environment: &'static str,
    pub(crate) customer: &'static str,
    pub(crate) credits: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) pack: &'static str,
    pub(crate) product: &'static str,
    pub(crate) days: &'static str,
    pub(crate) mark: &'static str,
    pub(crate) seal: &'static str,
}

/// Stripe allows 40 characters each, and 500 of a value.
pub(crate) const METADATA: MetadataNames = MetadataNames {
    environment: "edge_credits_environment",
    customer: "edge_credits_customer",
    credits: "edge_credits_credits",
    unit: "edge_credits_unit",
    pack: "edge_credits_price",
    product: "edge_credits_product",
    days: "edge_credits_expires_after_days",
    mark: "edge_credits_deployment",
    seal: "edge_credits_seal",
};

/// A secret key of a Stripe account. It has neither `Debug` nor `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct StripeKey(String);

impl StripeKey {
    /// Which environment a key works in, by its prefix; `None` for what is no secret key.
    #[must_use]
    pub fn environment(text: &str) -> Option<Environment> {
        let after = |prefix: &str| text.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
        if after("sk_live_") || after("rk_live_") {
            Some(Environment::Live)
        } else if after("sk_test_") || after("rk_test_") {
            Some(Environment::Test)
        } else {
            None
        }
    }

    /// The key of an environment: its own setting (`STRIPE_SECRET_KEY_LIVE`, `…_TEST`), else
    /// `STRIPE_SECRET_KEY` where its prefix is of that environment. `setting` is a setting's text.
    ///
    /// # Errors
    /// `not_configured` for a setting that holds no secret key, or one of the other environment.
    pub fn choose(
        setting: impl Fn(&str) -> Option<String>,
        environment: Environment,
    ) -> Result<Option<Self>, ApiError> {
        let given = |name: &str| setting(name).filter(|text| !text.is_empty());
        let own = match environment {
            Environment::Live => "STRIPE_SECRET_KEY_LIVE",
            Environment::Test => "STRIPE_SECRET_KEY_TEST",
        };
        if let Some(text) = given(own) {
            return match Self::environment(&text) {
                Some(marked) if marked == environment => Self::of(text, own).map(Some),
                _ => Err(wrong(own, "is not a secret key of this environment")),
            };
        }
        let Some(text) = given("STRIPE_SECRET_KEY") else { return Ok(None) };
        match Self::environment(&text) {
            Some(marked) if marked == environment => Self::of(text, "STRIPE_SECRET_KEY").map(Some),
            Some(_) => Ok(None),
            None => Err(wrong("STRIPE_SECRET_KEY", "does not begin with sk_live_ or sk_test_")),
        }
    }

    fn of(text: String, name: &str) -> Result<Self, ApiError> {
        let visible = text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic());
        if visible { Ok(Self(text)) } else { Err(wrong(name, "is malformed")) }
    }
}

fn wrong(name: &str, problem: &str) -> ApiError {
    ApiError::new(Code::NotConfigured, &format!("{name} {problem}. Nothing was changed."))
}

/// A session that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Where the buyer pays.
    pub checkout_url: String,
    /// Its name.
    pub session_id: String,
    /// Whether an earlier call with the same key had opened it.
    pub replayed: bool,
}

impl Opened {
    /// The answer's body.
    #[must_use]
    pub fn to_body(&self, order: &Order) -> String {
        Members::new()
            .text("checkout_url", Some(&self.checkout_url))
            .text("session_id", Some(&self.session_id))
            .text("customer_id", Some(order.customer.as_str()))
            .text("idempotency_key", Some(order.key.as_str()))
            .display("replayed", Some(self.replayed))
            .finish()
    }
}

/// Stripe, as one deployment talks to it in one environment. No `Debug`: it holds the key.
pub struct Stripe {
    base: String,
    key: StripeKey,
}

impl Stripe {
    /// With another address than Stripe's own where the setting `STRIPE_API_BASE` names one.
    ///
    /// # Errors
    /// `not_configured` for an address that the key must not be sent to.
    pub fn new(key: StripeKey, base: Option<&UrlParts>) -> Result<Self, ApiError> {
        let base = match base {
            None => STRIPE_API.to_owned(),
            Some(parts) => parts.to_base().map_err(|problem| wrong("STRIPE_API_BASE", problem))?,
        };
        Ok(Self { base, key })
    }

    /// The request for a session: the same to the byte for every attempt of a call. `seal` is the
    /// deployment's.
    #[must_use]
    pub fn open(&self, owner: &Owner, order: &Order, pack: &Pack, seal: &Seal) -> Request {
        // Stripe's keys are one account's, so the caller's own is not enough: two customers' calls
        // may have the same.
        let scope = Scope { owner, operation: Operation::TopUp };
        let id = scope.transaction_id(order.key.as_str());
        let headers = Vec::from([
            ("authorization", format!("Bearer {}", self.key.0)),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("idempotency-key", format!("edge-credits-{id}")),
            ("stripe-version", STRIPE_VERSION.to_owned()),
        ]);
        let url = format!("{}/v1/checkout/sessions", self.base);
        Request { method: Method::Post, url, headers, body: Some(form(owner, order, pack, seal)) }
    }

    /// What an answer means; `None` is none within the time.
    ///
    /// # Errors
    /// The codes of the table, each with the effect that is known: a session that may have been
    /// opened is found again by the same key.
    pub fn opened(&self, response: Option<&Response>) -> Result<Opened, Refused> {
        let Some(response) = response else { return Err(unavailable("did not answer in time")) };
        let body = RawObject::read(&response.body);
        if (200..300).contains(&response.status) {
            let text = |name| body.as_ref().and_then(|body| body.text(name));
            let usable = |text: &String| text.len() <= 4_096 && text.bytes().all(is_visible);
            let url = text("url").filter(usable).filter(|url| url.starts_with("http"));
            let (Some(session_id), Some(checkout_url)) = (text("id").filter(usable), url) else {
                return Err(unavailable("answered with no session"));
            };
            return Ok(Opened { checkout_url, session_id, replayed: is_replay(response) });
        }
        let error = body.and_then(|body| body.object("error"));
        let word =
            |name| error.as_ref().and_then(|error| error.text(name)).filter(|text| is_word(text));
        let said = Said { kind: word("type"), code: word("code"), param: word("param") };
        Err(said.refusal(response))
    }
}

/// Why no session is answered, and when the call is worth another try.
#[derive(Debug)]
pub struct Refused {
    /// For the caller.
    pub error: ApiError,
    /// How long to wait, where that is known.
    pub retry_after: Option<Duration>,
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self { error, retry_after: None }
    }
}

/// What an error of Stripe's says that may be shown: never its message, which can echo a key.
struct Said {
    kind: Option<String>,
    code: Option<String>,
    param: Option<String>,
}

impl Said {
    fn refusal(&self, response: &Response) -> Refused {
        let status = response.status;
        let wait = |seconds| Some(Duration::from_secs(seconds));
        let idempotency = self.kind.as_deref() == Some("idempotency_error");
        let retry_after = response.header("retry-after").and_then(|text| text.trim().parse().ok());
        match status {
            400 | 409 if idempotency && self.code.as_deref() != Some("idempotency_key_in_use") => {
                let message = "This idempotency key already stands for a session with other content \
                               (or the pack has been changed meanwhile). Nothing was changed; use a \
                               new key for a new session.";
                ApiError::new(Code::IdempotencyKeyReused, message).into()
            }
            _ if is_replay(response) => {
                let message = "Stripe has refused or failed the first call with this idempotency key, and \
                               answers every other one with that for a day. Nothing that a buyer \
                               could reach was opened; use a new key.";
                ApiError::new(Code::StripeRefused, message).with_details(&self.details()).into()
            }
            409 => {
                let message = "A call with this idempotency key is running at Stripe. Repeat it.";
                let error = ApiError::new(Code::IdempotencyKeyInUse, message);
                Refused { error, retry_after: wait(1) }
            }
            429 => {
                let message =
                    "Stripe asks to slow down. Nothing was opened; repeat the call later.";
                let error = ApiError::new(Code::RateLimited, message);
                Refused { error, retry_after: wait(retry_after.unwrap_or(1).min(600)) }
            }
            401 | 403 => {
                self.unconfigured("Stripe does not let the deployment's key open sessions")
            }
            400 | 404 if self.code.as_deref() == Some("resource_missing") => {
                self.unconfigured("Stripe does not know the price of this pack")
            }
            400..=499 => {
                let message = "Stripe will not open such a session; details say why. Nothing was \
                               opened.";
                ApiError::new(Code::StripeRefused, message).with_details(&self.details()).into()
            }
            _ => unavailable(&format!("failed (HTTP {status})")),
        }
    }

    fn unconfigured(&self, what: &str) -> Refused {
        let message = format!(
            "{what}: whoever runs this deployment must look at its Stripe settings. Nothing was \
             opened."
        );
        ApiError::new(Code::TopupNotConfigured, &message).with_details(&self.details()).into()
    }

    fn details(&self) -> StripeDetails<'_> {
        StripeDetails {
            stripe_type: self.kind.as_deref(),
            stripe_code: self.code.as_deref(),
            stripe_param: self.param.as_deref(),
        }
    }
}

#[derive(serde::Serialize)]
struct StripeDetails<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    stripe_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stripe_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stripe_param: Option<&'a str>,
}

fn unavailable(what: &str) -> Refused {
    let message = format!(
        "Stripe {what}, so it is open whether a session was opened. Repeat the call with the same \
         idempotency key: it opens one session at most."
    );
    ApiError::new(Code::StripeUnavailable, &message).into()
}

/// Whether Stripe repeats what it answered to an earlier call with the key.
fn is_replay(response: &Response) -> bool {
    response.header("idempotent-replayed") == Some("true")
}

/// Whether a part of Stripe's errors may be shown: a name such as `line_items[0][price]`.
fn is_word(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-[]".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_visible(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

/// The body. Nothing in it changes from one attempt to the next.
fn form(owner: &Owner, order: &Order, pack: &Pack, seal: &Seal) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("mode", "payment")
        .append_pair("client_reference_id", owner.customer.as_str())
        .append_pair("line_items[0][price]", &pack.price)
        .append_pair("line_items[0][quantity]", "1")
        .append_pair("success_url", &order.success_url)
        .append_pair("cancel_url", &order.cancel_url);
    let (amount, days) = (pack.amount(), pack.expires_after_days.map(|days| days.to_string()));
    let sealed = [
        (METADATA.environment, Some(owner.environment.as_str())),
        (METADATA.customer, Some(owner.customer.as_str())),
        (METADATA.credits, Some(&*amount)),
        (METADATA.unit, Some(pack.unit.as_str())),
        (METADATA.pack, Some(&*pack.price)),
        (METADATA.product, pack.product.as_ref().map(Product::as_str)),
        (METADATA.days, days.as_deref()),
    ];
    let signature = seal.sign(&sealed);
    let ours = [(METADATA.mark, Some(seal.mark())), (METADATA.seal, Some(&*signature))];
    // Twice: the session's events carry its own, a charge's those of the payment intent.
    for place in ["metadata", "payment_intent_data[metadata]"] {
        for (name, value) in sealed.iter().chain(&ours) {
            if let Some(value) = value {
                form.append_pair(&format!("{place}[{name}]"), value);
            }
        }
    }
    form.finish()
}
