//! The test checkout: a session in the sandbox of a deployment without a Stripe test key.
//!
//! The session is its own token: what was ordered, signed, in the URL of the page that the worker
//! serves. So nothing is stored before somebody pays, and paying is entered like any payment, under
//! the session's id. Decides what a token says, whether it is one of this deployment's, and until when.
//! Live credits cannot be had this way: a token names none but the sandbox.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::credits::Credits;
use crate::idempotency::{IdempotencyKey, Operation, Scope};
use crate::ids::{CustomerId, Environment, Owner, Product, Unit};
use crate::ledger::{CallDetails, Payment, TopUp};
use crate::time::Timestamp;
use crate::topup::order::Order;
use crate::topup::packs::Pack;
use crate::topup::stripe::Opened;
use crate::wire::members::Members;

/// How long a session can be paid, as with Stripe.
pub const SESSION_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Longest token: two URLs of 2,048 bytes, a customer id in its widest spelling, and the rest.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// What signs a deployment's tokens. It has neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct TokenKey([u8; 32]);

impl TokenKey {
    /// A key that is as secret as `secret` is, and says nothing of it.
    #[must_use]
    pub fn derive(secret: &str) -> Self {
        let digest = Sha256::new().chain_update(b"edge-credits test checkout\0");
        Self(digest.chain_update(secret.as_bytes()).finalize().into())
    }

    fn mac(&self, payload: &str) -> Option<Hmac<Sha256>> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        Some(mac.chain_update(payload.as_bytes()))
    }
}

/// A session of the test checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name, `cs_test_…`.
    pub id: String,
    /// Whose credits.
    pub customer: CustomerId,
    /// How much is bought: positive.
    pub credits: Credits,
    /// Of what.
    pub unit: Unit,
    /// What the grant is for.
    pub product: Option<Product>,
    /// The price that the pack has at Stripe.
    pub price: String,
    /// How many days the credits last; `None` for ever.
    pub days: Option<u32>,
    /// Where the buyer goes who has paid.
    pub success_url: String,
    /// Where the buyer goes who has not.
    pub cancel_url: String,
    /// From when it can no longer be paid.
    pub expires_at: Timestamp,
}

/// The payload of a token. The names are short: it stands in a URL.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    i: String,
    c: String,
    a: i64,
    u: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p: Option<String>,
    r: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<u32>,
    s: String,
    x: String,
    e: i64,
}

impl Session {
    /// The session of an order. One key makes one session: asked for again, it has the same id, and
    /// is paid once.
    #[must_use]
    pub fn open(order: &Order, pack: &Pack, now: Timestamp) -> Self {
        let owner = Owner { environment: Environment::Test, customer: order.customer.clone() };
        let scope = Scope { owner: &owner, operation: Operation::TopUp };
        let id = scope.transaction_id(order.key.as_str());
        let digits = id.as_str().trim_start_matches("txn_");
        Self {
            id: format!("cs_test_{digits}"),
            customer: order.customer.clone(),
            credits: pack.credits,
            unit: pack.unit.clone(),
            product: pack.product.clone(),
            price: pack.price.clone(),
            days: pack.expires_after_days,
            success_url: order.success_url.clone(),
            cancel_url: order.cancel_url.clone(),
            expires_at: now.plus(SESSION_LIFE),
        }
    }

    /// Whose ledger it concerns.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner { environment: Environment::Test, customer: self.customer.clone() }
    }

    /// The session as the segment of a path, signed.
    #[must_use]
    pub fn to_token(&self, key: &TokenKey) -> String {
        let payload = Payload {
            i: self.id.clone(),
            c: self.customer.as_str().to_owned(),
            a: self.credits.minor_units(),
            u: self.unit.as_str().to_owned(),
            p: self.product.as_ref().map(|product| product.as_str().to_owned()),
            r: self.price.clone(),
            d: self.days,
            s: self.success_url.clone(),
            x: self.cancel_url.clone(),
            e: self.expires_at.as_millis(),
        };
        // Strings and numbers always serialize.
        let payload = serde_json::to_string(&payload).unwrap_or_default();
        let payload = URL_SAFE_NO_PAD.encode(payload);
        let mac = key.mac(&payload).map(|mac| mac.finalize().into_bytes());
        format!("{payload}.{}", URL_SAFE_NO_PAD.encode(mac.unwrap_or_default()))
    }

    /// Reads a token back; `None` for what this deployment has not signed.
    #[must_use]
    pub fn from_token(token: &str, key: &TokenKey) -> Option<Self> {
        let (payload, mac) = token.split_once('.').filter(|_| token.len() <= MAX_TOKEN_BYTES)?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        key.mac(payload)?.verify_slice(&mac).ok()?;
        let payload: Payload =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        Some(Self {
            id: payload.i,
            customer: CustomerId::parse(&payload.c).ok()?,
            credits: Credits::from_minor_units(payload.a)
                .filter(|credits| credits.is_positive())?,
            unit: Unit::parse(&payload.u).ok()?,
            product: payload.p.as_deref().map(Product::parse).transpose().ok()?,
            price: payload.r,
            days: payload.d,
            success_url: payload.s,
            cancel_url: payload.x,
            expires_at: Timestamp::from_millis(payload.e),
        })
    }

    /// Whether it can still be paid.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// The answer to whoever has opened it. `origin` is where the worker's pages are.
    #[must_use]
    pub fn opened(&self, origin: &str, key: &TokenKey) -> Opened {
        let checkout_url = format!("{origin}/checkout/test/{}", self.to_token(key));
        Opened { checkout_url, session_id: self.id.clone(), replayed: false }
    }

    /// Where the buyer goes who has paid: with the session's id in the place that is kept for it.
    #[must_use]
    pub fn success_target(&self) -> String {
        self.success_url.replace("{CHECKOUT_SESSION_ID}", &self.id)
    }

    /// How much is bought, as decimal text.
    #[must_use]
    pub fn amount(&self) -> String {
        self.credits.decimal(self.unit.scale()).to_string()
    }

    /// Its payment. `None` for an id that is no key, which no session of ours has.
    #[must_use]
    pub fn payment(&self) -> Option<Payment> {
        let metadata = Members::new()
            .text("source", Some("test_checkout"))
            .text("session_id", Some(&self.id))
            .text("price_id", Some(&self.price))
            .finish();
        let call = CallDetails {
            key: IdempotencyKey::parse(&self.id).ok()?,
            description: Some("Top-up".to_owned()),
            metadata: Some(metadata),
        };
        let lasts = self.days.map(|days| Duration::from_secs(u64::from(days) * 86_400));
        let product = self.product.clone();
        let top_up = TopUp { call, unit: self.unit.clone(), amount: self.credits, product, lasts };
        Some(Payment::TopUp(top_up))
    }
}
