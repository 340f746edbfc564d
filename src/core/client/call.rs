//! One logical call, ready to be sent.
//!
//! Decides the idempotency key, and fixes path, query and body bytes before the first attempt. What
//! each method sends is in [`super::methods`]; sending is the [`crate::client::exchange`]'s.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;

use crate::client::arguments::{ApiMethod, Arguments};
use crate::client::checks::{self, Checked};
use crate::client::error::ClientError;
use crate::client::methods::{Content, Draft};
use crate::client::request_keys::RequestName;
use crate::config::ClientConfig;
use crate::credits::Decimal;
use crate::entropy::Entropy;
use crate::http::Method;
use crate::idempotency::IdempotencyKey;
use crate::ids::{Owner, Unit};

/// A call that can be sent any number of times, the same each time.
///
/// It has no `Debug`: descriptions and metadata are the caller's data.
#[derive(Clone)]
pub struct Call {
    api_method: ApiMethod,
    owner: Owner,
    unit: Unit,
    content: Content,
    key: Option<IdempotencyKey>,
    key_is_derived: bool,
    background: bool,
}

impl Call {
    /// Checks the arguments and fixes everything that is sent.
    ///
    /// The key of a changing call is the caller's own if there is one, else derived from the
    /// request it belongs to, else a fresh one. Reads have none.
    ///
    /// # Errors
    /// `invalid_id`, `invalid_amount`, `invalid_request`, `metadata_too_large` or
    /// `invalid_idempotency_key`; nothing has been sent, the effect is `not_applied`.
    pub fn new(
        config: &ClientConfig,
        method: ApiMethod,
        arguments: &Arguments,
        entropy: &Entropy,
        request: Option<&RequestName>,
    ) -> Result<Self, Box<ClientError>> {
        let environment = config.environment;
        let owner = match method.topic() {
            Some(_) if arguments.everybody => Owner::everybody(environment),
            _ => Owner { environment, customer: checks::customer(&arguments.customer_id)? },
        };
        let (key, key_is_derived) = match method.changes() {
            true => key(method, arguments, entropy, request).map(|(key, own)| (Some(key), own))?,
            false => (None, false),
        };
        let draft = Draft { paths: &config.paths, method, arguments, key: key.as_ref() };
        let content = draft.content().map_err(|mut error| {
            error.idempotency_key = key.as_ref().map(|key| key.as_str().to_owned());
            error
        })?;
        let background = arguments.background;
        // The method's own checks have refused what is none, where it has a unit at all.
        let unit = arguments.unit.as_deref().and_then(|unit| Unit::parse(unit).ok());
        let unit = unit.unwrap_or_else(Unit::credits);
        Ok(Self { api_method: method, owner, unit, content, key, key_is_derived, background })
    }

    /// Which method this is.
    #[must_use]
    pub const fn api_method(&self) -> ApiMethod {
        self.api_method
    }

    /// Whose ledger it reaches, or [`Owner::everybody`]; the name of the object that answers is
    /// [`Owner::object_name`].
    #[must_use]
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Of which unit.
    #[must_use]
    pub const fn unit(&self) -> &Unit {
        &self.unit
    }

    /// The verb.
    #[must_use]
    pub const fn method(&self) -> Method {
        if self.api_method.changes() { Method::Post } else { Method::Get }
    }

    /// Path and query, to be appended to the base URL.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.content.target
    }

    /// The JSON body of a changing call.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        self.content.body.as_deref()
    }

    /// The body of the same charge as usage that has happened: what was accepted was promised, and is
    /// no question any more.
    #[must_use]
    pub(crate) fn plain_body(&self) -> Option<String> {
        let (body, gate) = (self.body()?, &self.content.gate);
        let mut plain = body.get(..gate.start)?.to_owned();
        plain.push_str(body.get(gate.end..)?);
        Some(plain)
    }

    /// The key that every attempt carries; `None` for reads.
    #[must_use]
    pub const fn idempotency_key(&self) -> Option<&IdempotencyKey> {
        self.key.as_ref()
    }

    /// Whether the key was derived from the request that is being handled: the same request,
    /// handled again, is then meant to get its first answer, whatever it asks for now.
    #[must_use]
    pub const fn key_is_derived(&self) -> bool {
        self.key_is_derived
    }

    /// Whether the call goes on after the response has been sent.
    #[must_use]
    pub const fn is_background(&self) -> bool {
        self.background
    }

    /// The amount that the call moves.
    #[must_use]
    pub const fn requested(&self) -> Option<Decimal> {
        self.content.requested
    }
}

/// The key of a changing call, and whether it is derived from the request that the call belongs to.
pub(super) fn key(
    method: ApiMethod,
    arguments: &Arguments,
    entropy: &Entropy,
    request: Option<&RequestName>,
) -> Checked<(IdempotencyKey, bool)> {
    match (arguments.idempotency_key.as_deref(), request) {
        (Some(own), _) => Ok((checks::own_key(own)?, false)),
        (None, Some(request)) => {
            let label = arguments.label.as_deref();
            Ok((request.key(method, &arguments.customer_id, label)?, true))
        }
        (None, None) => Ok((IdempotencyKey::generate(entropy), false)),
    }
}
