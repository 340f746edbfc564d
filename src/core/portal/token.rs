//! Tokens of the portal: signed permission to see one customer's page until a given time.
//!
//! Decides what a token says, for how long it may be, and whether it is one of this deployment's.
//! A token is its own proof: the worker verifies it without looking anything up. So it cannot be taken
//! back singly; it is short-lived instead, and a new secret ends all of them. It permits looking at one
//! customer of one environment and nothing else.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ids::{CustomerId, Environment, Owner};
use crate::time::Timestamp;
use crate::wire::errors::{ApiError, Code};
use crate::wire::fields::{Fields, field_error};
use crate::wire::members::Members;
use crate::wire::requests::parse_customer;

/// The secret that signs tokens.
pub const PORTAL_SECRET: &str = "PORTAL_SECRET";

/// The secret that signed them before. Tokens of either are taken, so that pages which are open while
/// the secret changes stay so; remove it when the longest of them is over.
pub const PORTAL_SECRET_PREVIOUS: &str = "PORTAL_SECRET_PREVIOUS";

/// How long a token lasts that names no time, in seconds: a visit.
pub const DEFAULT_TTL_SECONDS: u16 = 900;

/// Shortest life, in seconds: below it a page on a slow line is over before it is there.
pub const MIN_TTL_SECONDS: u16 = 60;

/// Longest life, in seconds: a working day. What cannot be taken back must not last.
pub const MAX_TTL_SECONDS: u16 = 12 * 3_600;

/// Shortest secret, in bytes. Whoever has a token can try secrets without asking us, so it must not be
/// a password: `openssl rand -hex 32` makes 64.
const MIN_SECRET_BYTES: usize = 32;

/// Longest address of a member, in bytes: the most that mail can carry.
const MAX_EMAIL_BYTES: usize = 254;

/// Longest token that is looked at: customer and member in their widest spelling make 1,122.
pub const MAX_TOKEN_BYTES: usize = 2_048;

/// What signs a deployment's tokens. It has neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct PortalKeys {
    current: Key,
    previous: Option<Key>,
}

#[derive(Clone)]
struct Key([u8; 32]);

impl Key {
    fn of(name: &str, secret: &str) -> Result<Self, ApiError> {
        if secret.len() < MIN_SECRET_BYTES || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!(
                "{name} is not {MIN_SECRET_BYTES} or more characters of plain text without white \
                 space, such as `openssl rand -hex 32` makes. Nothing was changed."
            );
            return Err(ApiError::new(Code::NotConfigured, &message));
        }
        let digest = Sha256::new().chain_update(b"edge-credits portal token\0");
        Ok(Self(digest.chain_update(secret.as_bytes()).finalize().into()))
    }

    fn mac(&self, payload: &str) -> Option<Hmac<Sha256>> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        Some(mac.chain_update(payload.as_bytes()))
    }

    /// In constant time.
    fn signed(&self, payload: &str, mac: &[u8]) -> bool {
        self.mac(payload).is_some_and(|expected| expected.verify_slice(mac).is_ok())
    }
}

impl PortalKeys {
    /// Reads [`PORTAL_SECRET`] and [`PORTAL_SECRET_PREVIOUS`]; `setting` is a secret's text.
    ///
    /// # Errors
    /// `not_configured` when there is no secret, or one that could be guessed.
    pub fn read(setting: impl Fn(&str) -> Option<String>) -> Result<Self, ApiError> {
        Self::read_by(&setting)
    }

    /// Once, however many ways there are to settings: else each of them is 1 KB of the worker.
    fn read_by(setting: &dyn Fn(&str) -> Option<String>) -> Result<Self, ApiError> {
        let given = |name| setting(name).filter(|text: &String| !text.is_empty());
        let Some(secret) = given(PORTAL_SECRET) else {
            let message = "PORTAL_SECRET is not set: this deployment has no portal. Nothing was \
                           changed; set the secret to 32 or more random characters.";
            return Err(ApiError::new(Code::NotConfigured, message));
        };
        let previous = given(PORTAL_SECRET_PREVIOUS);
        let previous = previous.map(|secret| Key::of(PORTAL_SECRET_PREVIOUS, &secret));
        Ok(Self { current: Key::of(PORTAL_SECRET, &secret)?, previous: previous.transpose()? })
    }

    /// Both keys are tried, whatever the first one says.
    fn signed(&self, payload: &str, mac: &[u8]) -> bool {
        let previous = self.previous.as_ref().is_some_and(|key| key.signed(payload, mac));
        self.current.signed(payload, mac) | previous
    }
}

/// What a token permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Whose page.
    pub owner: Owner,
    /// Who looks at it, where the owner's app has said.
    pub member: Option<Email>,
    /// From when on it permits nothing.
    pub expires_at: Timestamp,
}

/// Why a token permits nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// This deployment has not signed it, or not with a secret that is still in force.
    NotOurs,
    /// Its time is over.
    Ended,
}

/// The payload of a token. The names are short: it stands in a URL.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    e: String,
    c: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    m: Option<String>,
    x: i64,
}

impl Pass {
    /// The pass as text that a URL can hold, signed.
    #[must_use]
    pub fn to_token(&self, keys: &PortalKeys) -> String {
        let payload = Payload {
            e: self.owner.environment.as_str().to_owned(),
            c: self.owner.customer.as_str().to_owned(),
            m: self.member.as_ref().map(|member| member.0.clone()),
            x: self.expires_at.as_millis(),
        };
        // Strings and numbers always serialize.
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_string(&payload).unwrap_or_default());
        let mac = keys.current.mac(&payload).map(|mac| mac.finalize().into_bytes());
        format!("{payload}.{}", URL_SAFE_NO_PAD.encode(mac.unwrap_or_default()))
    }

    /// Reads a token.
    ///
    /// # Errors
    /// [`Unusable`]. That a token has ended is said of those alone that this deployment has signed.
    pub fn from_token(token: &str, keys: &PortalKeys, now: Timestamp) -> Result<Self, Unusable> {
        let pass = Self::signed(token, keys).ok_or(Unusable::NotOurs)?;
        if now < pass.expires_at { Ok(pass) } else { Err(Unusable::Ended) }
    }

    fn signed(token: &str, keys: &PortalKeys) -> Option<Self> {
        let (payload, mac) = token.split_once('.').filter(|_| token.len() <= MAX_TOKEN_BYTES)?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        if !keys.signed(payload, &mac) {
            return None;
        }
        let payload: Payload =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let environment = Environment::parse(&payload.e)?;
        let customer = CustomerId::parse(&payload.c).ok()?;
        let member = match payload.m {
            Some(text) => Some(Email::parse(&text)?),
            None => None,
        };
        let expires_at = Timestamp::from_millis(payload.x);
        Some(Self { owner: Owner { environment, customer }, member, expires_at })
    }
}

/// Whose page a token names, signed or not: it says which object is to ask an upstream, and permits
/// nothing.
#[must_use]
pub fn claimed_owner(token: &str) -> Option<Owner> {
    let (payload, mac) = token.split_once('.').filter(|_| token.len() <= MAX_TOKEN_BYTES)?;
    // Nobody's yet, but of the letters of one: it goes on in a header.
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    mac.bytes().all(is_letter).then_some(())?;
    let payload: Payload = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let environment = Environment::parse(&payload.e)?;
    Some(Owner { environment, customer: CustomerId::parse(&payload.c).ok()? })
}

/// The address of somebody at the customer's: it is shown, and nothing is sent to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Checks that text could be an address: something on either side of one `@`, no white space or
    /// control characters, at most 254 bytes. Whether anybody reads mail there is not known.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let sides = !local.is_empty() && !domain.is_empty() && !domain.contains('@');
        let plain = !text.chars().any(|c| c.is_control() || c.is_whitespace());
        (sides && plain && text.len() <= MAX_EMAIL_BYTES).then(|| Self(text.to_owned()))
    }

    /// The address as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What `POST /api/v1/portal/token` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// Whose page.
    pub customer: CustomerId,
    /// For how long, within the bounds.
    pub ttl_seconds: u16,
    /// Who is going to look at it.
    pub member: Option<Email>,
}

impl TokenRequest {
    /// Reads the body: `customerId`, `ttlSeconds?` and `memberEmail?`.
    ///
    /// # Errors
    /// Any 400 of the tables for bodies and ids; `invalid_request` for a time out of bounds, and for a
    /// member's address that is none.
    pub fn parse(body: &str) -> Result<Self, ApiError> {
        let mut fields = Fields::parse(body)?;
        let customer = parse_customer(&fields.required_text("customerId")?)?;
        let ttl = fields.integer("ttlSeconds", MAX_TTL_SECONDS);
        let bounds = format!("is not between {MIN_TTL_SECONDS} and {MAX_TTL_SECONDS}");
        let out_of_bounds = || field_error(Code::InvalidRequest, "ttlSeconds", &bounds);
        let ttl = ttl.map_err(|error| match error.code {
            Code::InvalidRequest => out_of_bounds(),
            _ => error,
        })?;
        let ttl_seconds = ttl.unwrap_or(DEFAULT_TTL_SECONDS);
        if ttl_seconds < MIN_TTL_SECONDS {
            return Err(out_of_bounds());
        }
        let address = |text: String| {
            let problem = "is not a mail address";
            Email::parse(&text)
                .ok_or_else(|| field_error(Code::InvalidRequest, "memberEmail", problem))
        };
        let member = fields.text("memberEmail")?.map(address).transpose()?;
        fields.finish()?;
        Ok(Self { customer, ttl_seconds, member })
    }

    /// The answer, for the envelope of its route: `token`, `expiresAt`, and `expiresIn` in seconds.
    #[must_use]
    pub fn answer(&self, environment: Environment, keys: &PortalKeys, now: Timestamp) -> String {
        let owner = Owner { environment, customer: self.customer.clone() };
        let expires_at = now.plus(Duration::from_secs(self.ttl_seconds.into()));
        let pass = Pass { owner, member: self.member.clone(), expires_at };
        Members::new()
            .text("token", Some(&pass.to_token(keys)))
            .time("expiresAt", expires_at)
            .display("expiresIn", Some(self.ttl_seconds))
            .finish()
    }
}
