//! Calls that a cache in this process's memory answers: which they are, and what they come to.
//!
//! Decides what becomes of a call's arguments on their way into [`crate::cache`], and of its steps
//! on their way out: an answer or an error such as the API's own. The cache decides about money;
//! a shell keeps one [`Keeper`](crate::cache::Keeper) per customer and talks for it.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::time::Duration;

use crate::cache::upstream::Upstream;
use crate::cache::{Accepted, BalanceView, Cache, Notice, Record, Refusal, Source};
use crate::client::answer;
use crate::client::arguments::{ApiMethod, Arguments};
use crate::client::call;
use crate::client::checks::{self, Checked};
use crate::client::error::{ClientError, ErrorClass};
use crate::client::methods::Draft;
use crate::client::request_keys::RequestName;
use crate::client::steps::{Outcome, Success};
use crate::client::told::Told;
use crate::config::ClientConfig;
use crate::credits::{Credits, Decimal};
use crate::entropy::Entropy;
use crate::ids::{Owner, Unit};
use crate::ledger::Consume;
use crate::time::Timestamp;
use crate::wire::errors::Code;
use crate::wire::members::Members;

/// Customers whose balances one process keeps: with nothing waiting they take a kilobyte or two
/// each. Beyond, those that no call has named for long are forgotten, and read again when one does.
pub const MAX_CUSTOMERS: usize = 10_000;

/// The code at a bound of what waits.
const OUTBOX_FULL: &str = "outbox_full";

/// What a call asks of the cache.
pub enum Asked {
    /// Accept a charge.
    Charge {
        /// Whose.
        owner: Owner,
        /// What.
        charge: Consume,
        /// Whether the key was derived from the request that is being handled.
        key_is_derived: bool,
    },
    /// Say the balance.
    Balance {
        /// Whose.
        owner: Owner,
        /// Of which unit.
        unit: Unit,
    },
}

impl Asked {
    /// Reads a call; `None` is one that goes to the API, because the cache cannot answer it: it knows
    /// balances, not what they are made of.
    ///
    /// # Errors
    /// As [`call::Call::new`]: the same checks, in the same words.
    pub fn new(
        config: &ClientConfig,
        method: ApiMethod,
        arguments: &Arguments,
        entropy: &Entropy,
        request: Option<&RequestName>,
    ) -> Checked<Option<Self>> {
        let owner = || -> Checked<Owner> {
            let customer = checks::customer(&arguments.customer_id)?;
            Ok(Owner { environment: config.environment, customer })
        };
        match method {
            ApiMethod::Consume | ApiMethod::ConsumeOrFail => {
                let owner = owner()?;
                let (key, key_is_derived) = call::key(method, arguments, entropy, request)?;
                let draft = Draft { paths: &config.paths, method, arguments, key: None };
                let charge = draft.charge(key.clone()).map_err(|mut error| {
                    error.idempotency_key = Some(key.as_str().to_string());
                    error
                })?;
                Ok(Some(Self::Charge { owner, charge, key_is_derived }))
            }
            ApiMethod::GetBalance if !arguments.include_breakdown.unwrap_or(false) => {
                let owner = owner()?;
                checks::unit(arguments.unit.as_deref())?;
                let unit = arguments.unit.as_deref().and_then(|unit| Unit::parse(unit).ok());
                Ok(Some(Self::Balance { owner, unit: unit.unwrap_or_else(Unit::credits) }))
            }
            _ => Ok(None),
        }
    }

    /// Whose balance.
    #[must_use]
    pub const fn owner(&self) -> &Owner {
        match self {
            Self::Charge { owner, .. } | Self::Balance { owner, .. } => owner,
        }
    }

    /// Of which unit.
    #[must_use]
    pub const fn unit(&self) -> &Unit {
        match self {
            Self::Charge { charge, .. } => &charge.unit,
            Self::Balance { unit, .. } => unit,
        }
    }

    /// The key of a charge.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&str> {
        match self {
            Self::Charge { charge, .. } => Some(charge.call.key.as_str()),
            Self::Balance { .. } => None,
        }
    }

    /// The answer to a charge that was accepted.
    #[must_use]
    pub fn accepted(&self, accepted: &Accepted, pending: u64) -> Success {
        let Accepted { record, replayed, stale } = accepted;
        self.success(receipt(record, self.owner(), *stale, pending), *replayed, false)
    }

    /// The answer to a question for the balance.
    #[must_use]
    pub fn balance(&self, view: &BalanceView, pending: u64) -> Success {
        let unit = self.unit();
        let body = Members::new()
            .display("balance", Some(view.available.decimal(unit.scale())))
            .text("customer_id", Some(self.owner().customer.as_str()))
            .text("credit_name", Some(view.credit_name.as_deref().unwrap_or(unit.as_str())))
            .text("unit", Some(unit.as_str()))
            .display("as_of", Some(quoted(view.as_of)))
            .text("source", Some(view.source.as_str()))
            .display("pending", Some(pending))
            .display("stale", Some(view.stale))
            .display("degraded", Some(view.source == Source::Degraded))
            .finish();
        self.success(body, false, false)
    }

    /// What a refusal comes to: an error, with the status that the API would give it; but the first
    /// answer where the request that is handled has asked before, for something else.
    ///
    /// # Errors
    /// The refusal; nothing was changed.
    pub fn refused(&self, refusal: &Refusal) -> Outcome {
        let mut error = match refusal {
            Refusal::KeyReused { field, first } => {
                let body = receipt(first, self.owner(), false, 0);
                if matches!(self, Self::Charge { key_is_derived: true, .. }) {
                    return Ok(self.success(body, true, true));
                }
                reused(field, &body)
            }
            Refusal::InsufficientCredits { unit, available, requested } => {
                insufficient(unit, *available, *requested)
            }
            Refusal::Unavailable { retry_after } => later(
                "upstream_unavailable",
                "This customer's balance has not been read yet, and the API cannot be reached.",
                *retry_after,
            ),
            Refusal::Stale { retry_after } => later(
                "stale_balance",
                "The last known balance is too old to decide on, and the API cannot be reached.",
                *retry_after,
            ),
            Refusal::OutboxFull { retry_after } => later(
                OUTBOX_FULL,
                "As many charges of this customer wait for the API as memory holds.",
                *retry_after,
            ),
            Refusal::TooManyUnits => error(
                Code::TooManyUnits.as_str(),
                422,
                "The customer has as many units as a cache holds; is the unit misspelled?",
            ),
            Refusal::Overflow => error(
                Code::AmountOverflow.as_str(),
                422,
                "The balance would leave the range of amounts (8 billion credits).",
            ),
        };
        error.idempotency_key = self.idempotency_key().map(ToString::to_string);
        Err(error)
    }

    fn success(&self, body: String, replayed: bool, mismatch: bool) -> Success {
        Success {
            body,
            idempotency_key: self.idempotency_key().map(ToString::to_string),
            attempts: 0,
            replayed,
            mismatch,
            request_id: None,
            said: None,
        }
    }
}

/// Whether a customer that no call is busy with stays in memory: whoever was named by the last
/// `MAX_CUSTOMERS / 2` calls does.
#[must_use]
pub fn stays(last_named: u64, calls: u64) -> bool {
    let recent = u64::try_from(MAX_CUSTOMERS / 2).unwrap_or(u64::MAX);
    calls.saturating_sub(last_named) < recent
}

/// There is no place for another customer: all have charges waiting.
#[must_use]
pub fn crowded() -> Box<ClientError> {
    let what = "As many customers as memory holds have charges that wait for the API.";
    later(OUTBOX_FULL, what, Duration::from_secs(1))
}

/// The API refuses the key, and nothing was ever read with it: more likely the key is wrong than
/// that it has been revoked, so the caller is told and nothing is accepted in its name.
#[must_use]
pub fn refused_key(cache: &Cache, unit: &Unit, now: Timestamp) -> Option<Box<ClientError>> {
    let health = &cache.head().health;
    let known = cache.unit(unit).is_some_and(|unit| unit.snapshot.is_some());
    if known || !health.paused || health.resting(now, 0).is_none() {
        return None;
    }
    let mut error = error(
        Code::InvalidApiKey.as_str(),
        401,
        "The API does not accept this API key: is it complete, current and for this server?",
    );
    error.class = ErrorClass::Authentication;
    Some(error)
}

/// What a notice says, for `onError`. A code of the API's that echoes the key is masked.
#[must_use]
pub fn told(notice: &Notice, owner: &Owner, upstream: &Upstream) -> Box<ClientError> {
    let charge = notice.charge.as_ref();
    let told = Told {
        kind: Some(notice.kind),
        code: Some(notice.code.clone()),
        customer_id: Some(owner.customer.as_str().to_string()),
        transaction_id: charge.map(|charge| charge.id.as_str().to_string()),
        idempotency_key: charge.map(|charge| charge.key.as_str().to_string()),
        amount: charge.map(|charge| decimal(&charge.unit, charge.amount).to_string()),
        unit: charge.map(|charge| charge.unit.as_str().to_string()),
        at: Some(notice.at.to_string()),
    };
    let mut error = told.to_error();
    answer::mask(&mut error, upstream.api_key.reveal());
    error
}

/// A charge as it was answered first, and is answered again; the facade adds key and `replayed`.
fn receipt(record: &Record, owner: &Owner, stale: bool, pending: u64) -> String {
    let balance = record.available.map(|available| decimal(&record.unit, available).to_string());
    Members::new()
        .display("balance", Some(balance.as_deref().unwrap_or("null")))
        .text("transaction_id", Some(record.id.as_str()))
        .text("customer_id", Some(owner.customer.as_str()))
        .text("unit", Some(record.unit.as_str()))
        .display("as_of", record.as_of.map(quoted))
        .text("source", Some(record.source.as_str()))
        .display("pending", Some(pending))
        .display("stale", Some(stale))
        .display("degraded", Some(record.source == Source::Degraded))
        .finish()
}

fn quoted(time: Timestamp) -> String {
    let mut text = String::from('"');
    text.push_str(&time.to_string());
    text.push('"');
    text
}

fn decimal(unit: &Unit, amount: Credits) -> Decimal {
    amount.decimal(unit.scale())
}

fn insufficient(unit: &Unit, available: Credits, requested: Credits) -> Box<ClientError> {
    let (current, requested) = (decimal(unit, available), decimal(unit, requested));
    let mut error = error(
        Code::InsufficientCredits.as_str(),
        402,
        "The customer's credits do not cover this call.",
    );
    error.details = Some(
        Members::new()
            .display("current_balance", Some(current))
            .display("requested", Some(requested))
            .text("unit", Some(unit.as_str()))
            .finish(),
    );
    let (current_balance, requested) = (Some(current.to_string()), Some(requested.to_string()));
    error.class = ErrorClass::InsufficientCredits { current_balance, requested };
    error
}

fn reused(field: &str, first: &str) -> Box<ClientError> {
    let mut error = error(
        Code::IdempotencyKeyReused.as_str(),
        422,
        "This idempotency key was used for a call with other content. Use a new key for a new \
         call.",
    );
    error.details =
        Some(Members::new().text("field", Some(field)).display("first", Some(first)).finish());
    error
}

fn later(code: &str, what: &str, retry_after: Duration) -> Box<ClientError> {
    let mut error = error(code, 503, what);
    error.message.push_str(" Repeat the call later, with the same idempotency key.");
    error.retryable = true;
    error.retry_after = Some(retry_after);
    error
}

fn error(code: &str, status: u16, what: &str) -> Box<ClientError> {
    let mut error = ClientError::local(code, what);
    error.message.push_str(" Nothing was charged.");
    error.status = Some(status);
    error
}
