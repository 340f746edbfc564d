//! What the upstream is sent, and what its answers mean: the one adapter table (D18).
//!
//! Decides requests as data, and from a status and what a body says which edge a charge takes.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use crate::cache::mutants::{self, Mutant};
pub use crate::cache::read::{ReadFailure, Reading};
use crate::cache::rows::OutboxRow;
use crate::cache::settle::{Outcome, Receipt};
use crate::client::answer::masked;
use crate::client::retry;
use crate::config::{ApiKey, PathOptions, Paths, UrlParts};
use crate::credits::{AmountError, Credits, whole_number};
use crate::error::Effect;
use crate::http::{Method, Request, Response, Target};
use crate::idempotency::{IdempotencyKey, digest};
use crate::ids::{CustomerId, Environment, Unit};
use crate::time::Timestamp;
use crate::wire::batch::{ItemResult, read_results};
use crate::wire::reading::{self, Kind, Said};

/// The header by which our own worker is known.
const OURS: &str = "x-edge-credits";

/// Where the upstream is, and by which key it is entered. It has no `Debug`: it holds the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Origin and base path, without a trailing slash.
    pub base_url: String,
    /// The deployment's key of the environment.
    pub api_key: ApiKey,
    /// Where the methods are.
    pub paths: Paths,
}

/// Why an upstream cannot be used, to be read after the setting's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// The URL.
    Url(&'static str),
    /// The key.
    Key(&'static str),
}

impl Upstream {
    /// The upstream at a URL, entered by the deployment's key of an environment. The key's prefix
    /// must name that environment: test charges sent with a live key would be real.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn new(base: &UrlParts, api_key: &str, environment: Environment) -> Result<Self, Unusable> {
        let base_url = base.to_base().map_err(Unusable::Url)?;
        let malformed =
            "must start with ce_live_ or ce_test_ and go on in visible ASCII characters";
        let (api_key, named) = ApiKey::parse(api_key).map_err(|_| Unusable::Key(malformed))?;
        if named != environment {
            let other = "is a key of the other environment: ce_live_ is live, ce_test_ is test";
            return Err(Unusable::Key(other));
        }
        // The API's own paths, which are well formed.
        let paths =
            Paths::new(&PathOptions::default()).map_err(|_| Unusable::Url("has no paths"))?;
        Ok(Self { base_url, api_key, paths })
    }

    /// By what a new key is noticed ([`crate::cache::CacheConfig::authority`]): 48 bits of its
    /// digest, which do not tell the key.
    #[must_use]
    pub fn authority(&self) -> u64 {
        let digest = digest(&["authority", self.api_key.reveal()]);
        digest.iter().take(6).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
    }

    /// The request for a balance.
    #[must_use]
    pub fn read(&self, customer: &CustomerId, unit: &Unit) -> Request {
        let mut target = Target::new(self.paths.balance.fill(customer.as_str(), ""));
        target.text("unit", named(unit));
        self.request(Method::Get, &target.finish(), None, None)
    }

    /// The request for one charge: the same on every attempt.
    #[must_use]
    pub fn send(&self, customer: &CustomerId, row: &OutboxRow) -> Request {
        let path = self.paths.consume.fill(customer.as_str(), "");
        self.request(Method::Post, &path, Some(row.body.clone()), Some(&row.key))
    }

    /// The request for several charges at once, which our own worker takes.
    #[must_use]
    pub fn send_batch(&self, customer: &CustomerId, rows: &[OutboxRow]) -> Request {
        let mut body = "{\"items\":[".to_owned();
        for (index, row) in rows.iter().enumerate() {
            if index > 0 {
                body.push(',');
            }
            body.push_str(&row.body);
        }
        body.push_str("]}");
        let path = self.paths.batch.fill(customer.as_str(), "");
        self.request(Method::Post, &path, Some(body), None)
    }

    /// The request for a call that is not answered by the cache: what its caller asked for, under
    /// the deployment's key. `target` is path and query.
    #[must_use]
    pub fn pass_on(
        &self,
        target: &str,
        body: Option<String>,
        key: Option<&IdempotencyKey>,
    ) -> Request {
        let method = if body.is_some() { Method::Post } else { Method::Get };
        self.request(method, target, body, key)
    }

    /// The request for a call of the ClockNext API, whose verb and body are the caller's. `key` is the
    /// caller's `Idempotency-Key`, as it came.
    #[must_use]
    pub fn pass_through(
        &self,
        method: Method,
        target: &str,
        body: Option<String>,
        key: Option<&str>,
    ) -> Request {
        let mut request = self.request(method, target, body, None);
        request.headers.extend(key.map(|key| ("idempotency-key", key.to_owned())));
        request
    }

    /// The request for something that brings its own permission: without the deployment's key.
    #[must_use]
    pub fn pass_unsigned(&self, target: &str, body: Option<String>) -> Request {
        let method = if body.is_some() { Method::Post } else { Method::Get };
        let mut url = self.base_url.clone();
        url.push_str(target);
        Request { method, url, headers: Vec::new(), body }
    }

    /// An answer for the eyes of callers: without the deployment's key, should the API echo it.
    #[must_use]
    pub fn without_key(&self, answer: Response) -> Response {
        let shown = |text: &str| masked(text, self.api_key.reveal());
        let headers = answer.headers.into_iter().map(|(name, value)| (name, shown(&value)));
        Response { status: answer.status, headers: headers.collect(), body: shown(&answer.body) }
    }

    fn request(
        &self,
        method: Method,
        target: &str,
        body: Option<String>,
        key: Option<&IdempotencyKey>,
    ) -> Request {
        let mut url = self.base_url.clone();
        url.push_str(target);
        let mut bearer = "Bearer ".to_owned();
        bearer.push_str(self.api_key.reveal());
        let mut headers = Vec::from([("accept", "application/json".to_owned())]);
        headers.push(("authorization", bearer));
        if body.is_some() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        if let Some(key) = key {
            headers.push(("idempotency-key", key.to_header()));
        }
        Request { method, url, headers, body }
    }
}

/// An API that knows one kind of credits need not know its name here.
fn named(unit: &Unit) -> Option<&str> {
    (unit.as_str() != Unit::CREDITS).then_some(unit.as_str())
}

/// What an answer to a charge means.
///
/// * 2xx with an object: applied. Anything else with a 2xx or 3xx is no answer of this API.
/// * 402: rejected. 401 and 403: the key is refused, and the charge waits.
/// * 408, 409, 425, 429, 5xx: to be sent again. A 409 that says "duplicate" proves nothing of the
///   content, so it is sent again too, until the window has passed.
/// * Any other 4xx with an object: refused as it is. Without one a proxy may have said it.
#[must_use]
pub fn outcome(response: &Response, said: &Said, unit: &Unit, now: Timestamp) -> Outcome {
    let status = response.status;
    let judgement = reading::judge(status, said.code.as_deref());
    let code = || code(status, said);
    let after = retry::hint(response, now);
    match status {
        200..=299 if said.is_object => {
            let header = response.header("idempotent-replayed");
            let marked = header.is_some_and(|value| value.trim_ascii() == "true");
            Outcome::Applied(Receipt {
                balance: amount(said, unit),
                sequence: said.sequence,
                replayed: said.replayed || marked,
                id: said.transaction_id.clone(),
            })
        }
        // The customer was deleted there: the key is as good as ever, and no charge will be taken.
        403 if said.is_closed() => Outcome::Rejected { code: code() },
        401 | 403 => Outcome::Paused { code: code() },
        402 => Outcome::Rejected { code: code() },
        409 if mutants::is(Mutant::ConflictIsApplied) => Outcome::Applied(Receipt::default()),
        409 => Outcome::Again { effect: Effect::Unknown, after },
        408 | 425 | 429 => Outcome::Again { effect: judgement.effect, after },
        // A page of a proxy is no word of this API.
        400..=499 if !said.is_object => unanswered(true),
        400..=499 => Outcome::Refused { code: code() },
        _ if judgement.kind == Kind::Success => unanswered(true),
        _ => Outcome::Again { effect: judgement.effect, after },
    }
}

/// The outcome of an attempt without a usable answer. `sent`: whether anything may have left.
#[must_use]
pub const fn unanswered(sent: bool) -> Outcome {
    let effect = if sent { Effect::Unknown } else { Effect::NotApplied };
    Outcome::Again { effect, after: None }
}

/// What an answer to a batch as a whole means for each of its charges, where it does not say so
/// itself. When the route is not there, or not for these bodies, they go one by one.
#[must_use]
pub fn batch_outcome(response: &Response, said: &Said, unit: &Unit, now: Timestamp) -> Outcome {
    match outcome(response, said, unit, now) {
        _ if matches!(response.status, 404 | 405 | 413) => Outcome::Singly,
        Outcome::Refused { .. } | Outcome::Rejected { .. } => Outcome::Singly,
        // The batch as a whole is no charge.
        Outcome::Applied(_) => unanswered(true),
        other => other,
    }
}

/// What an answer to a batch means for each of its charges, by position; `None` is no usable answer.
#[must_use]
pub fn batch_outcomes(
    response: Option<&Response>,
    rows: &[OutboxRow],
    now: Timestamp,
) -> Vec<(u64, Outcome)> {
    let each = |outcome: &dyn Fn(&OutboxRow) -> Outcome| {
        rows.iter().map(|row| (row.position, outcome(row))).collect()
    };
    let Some(response) = response else { return each(&|_| unanswered(true)) };
    let results = read_results(&response.body, rows.len());
    let Some(results) = results.filter(|_| (200..300).contains(&response.status)) else {
        let said = Said::read(&response.body);
        return each(&|row| batch_outcome(response, &said, &row.unit, now));
    };
    let item = |(row, result): (&OutboxRow, ItemResult<'_>)| {
        let ItemResult { status, body } = result;
        let alone = Response { status, headers: Vec::new(), body: String::new() };
        (row.position, outcome(&alone, &Said::read(body), &row.unit, now))
    };
    rows.iter().zip(results).map(item).collect()
}

/// What an answer to a read means.
///
/// # Errors
/// [`ReadFailure`]: no balance, and how long to wait for one.
pub fn reading(
    response: &Response,
    said: &Said,
    unit: &Unit,
    now: Timestamp,
) -> Result<Reading, ReadFailure> {
    let status = response.status;
    let failure = ReadFailure {
        refused: (matches!(status, 401 | 403) && !said.is_closed()).then(|| code(status, said)),
        // A refusal of the read alone, such as of a customer who has no balance yet.
        answered: (400..500).contains(&status)
            && said.is_object
            && !reading::judge(status, None).retry,
        after: retry::hint(response, now),
    };
    if !(200..300).contains(&status) || !said.is_object {
        return Err(failure);
    }
    let balance = amount(said, unit).ok_or(failure)?;
    let credit_name = said.credit_name.clone();
    let ours = response.header(OURS).is_some();
    Ok(Reading { balance, sequence: said.sequence, credit_name, ours })
}

/// A balance as the upstream tells it. One that counts in floats may tell more decimals than the
/// unit has; what is below them is not there to be spent.
fn amount(said: &Said, unit: &Unit) -> Option<Credits> {
    let (text, scale) = (said.balance.as_deref()?, unit.scale());
    match Credits::from_number_text(text, scale) {
        Ok(amount) => Some(amount),
        Err(AmountError::Precision) => {
            let unsigned = text.strip_prefix('-').unwrap_or(text);
            let cut = cut(unsigned, usize::from(scale.decimals()))?;
            let cut = Credits::from_decimal_text(&cut, scale).ok()?;
            let below = || cut.negated().checked_sub(Credits::from_minor_units(1)?);
            if text.starts_with('-') { below() } else { Some(cut) }
        }
        Err(_) => None,
    }
}

/// An unsigned number's text with so many decimals and no exponent; what is beyond them is cut off.
/// `None` for what is no number, and for more places than a double can shift.
fn cut(text: &str, decimals: usize) -> Option<String> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "-0"));
    // More decimals than a unit has are those of a small number.
    let shift = usize::try_from(whole_number(exponent.strip_prefix('-')?)?).ok()?;
    let (whole, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = "0".repeat(shift.min(MAX_SHIFT));
    digits.push_str(whole);
    let point = digits.len().checked_sub(shift).filter(|_| shift <= MAX_SHIFT)?;
    digits.push_str(rest);
    let (whole, rest) = digits.split_at_checked(point)?;
    let whole = whole.trim_start_matches('0');
    let mut cut = String::from(if whole.is_empty() { "0" } else { whole });
    cut.push('.');
    cut.push_str(rest.get(..decimals)?);
    Some(cut)
}

/// The smallest double is 5e-324.
const MAX_SHIFT: usize = 324;

fn code(status: u16, said: &Said) -> String {
    // Whoever echoes our key does not get it into a notice.
    let secret = |part: &[u8]| part == b"ce_live_" || part == b"ce_test_";
    let code = said.code.as_deref().filter(|code| !code.as_bytes().windows(8).any(secret));
    code.map_or_else(|| reading::default_code(status).to_string(), ToOwned::to_owned)
}

/// How long the conversation as a whole may take: its attempts all run at once.
#[must_use]
pub fn lease_for(timeout: Duration) -> Duration {
    timeout.saturating_add(Duration::from_secs(5))
}
