//! The way from a request to a call on one customer's ledger: the same for both entrances.
//!
//! Requests from outside come to the worker, which knows the caller by an API key. A Worker that
//! holds the namespace binding calls the ledger's object itself: holding the binding is the
//! authority, and a header names the environment. Decides the order of the checks: size, method and
//! path, authority, content type, customer, body. What is in the body is judged by the object.

use edge_credits_core::analytics::question::{Topic, customer_of};
use edge_credits_core::http::decode_segment;
use edge_credits_core::ids::{CustomerId, Environment, Owner};
use edge_credits_core::wire::errors::{ApiError, Code};
use edge_credits_core::wire::requests::parse_customer;

use crate::auth::Scope;
use crate::clocknext::{self, Asking};
use crate::head::{Head, body_too_large};
use crate::respond::Failure;
use crate::routes::{Action, MAX_BODY_BYTES, Route, TopUpAction, not_found, route};

/// Names the environment to an object, `live` or `test`. Never let in from outside.
pub(crate) const ENVIRONMENT: &str = "x-edge-credits-environment";

/// Sixteen bytes in hexadecimal for a key of our own making, drawn once per request, so that a call
/// which the platform delivers to the object again makes the same key again.
pub(crate) const ENTROPY: &str = "x-edge-credits-entropy";

/// What is asked of whose ledger. (A question about all customers is no [`Call`].)
pub(crate) struct Call<'a> {
    /// Whose.
    pub(crate) owner: Owner,
    /// What.
    pub(crate) action: Action<'a>,
    /// The body; empty for reads, and as long as it has not been read.
    pub(crate) body: Vec<u8>,
}

/// A request that was let in.
pub(crate) enum Received<'a> {
    /// The health check.
    Health,
    /// A call.
    Call(Call<'a>),
    /// A question about all customers of an environment.
    Question {
        /// Which.
        environment: Environment,
        /// What about.
        topic: Topic,
    },
    /// Something of the ClockNext API.
    Asking(Asking<'a>),
    /// A step of a top-up.
    TopUp(TopUpCall<'a>),
}

/// A step of a top-up. Whom it concerns stands in its body, or in the session's token.
pub(crate) struct TopUpCall<'a> {
    /// What.
    pub(crate) action: TopUpAction<'a>,
    /// For which environment the caller speaks; `None` where no key is asked for.
    pub(crate) environment: Option<Environment>,
    /// The body, as in [`Call`].
    pub(crate) body: Vec<u8>,
}

/// Judges what can be judged of a request without its body. `admit` says for which environment the
/// caller speaks, or why not at all.
///
/// # Errors
/// The first check that fails.
pub(crate) fn receive<'a>(
    head: &'a Head,
    admit: &dyn Fn(Scope) -> Result<Environment, ApiError>,
) -> Result<Received<'a>, Failure> {
    let route = route(&head.method, head.path());
    head.check_size(match &route {
        Ok(Route::Customer { action, .. }) => action.max_body_bytes(),
        Ok(Route::TopUp(action)) => action.max_body_bytes().max(MAX_BODY_BYTES),
        Ok(Route::ClockNext(ask)) => ask.terms().max_body_bytes.max(MAX_BODY_BYTES),
        Ok(Route::Health | Route::Analytics(_) | Route::Portal(_)) | Err(_) => MAX_BODY_BYTES,
    })?;
    let (id, action) = match route? {
        Route::Health => return Ok(Received::Health),
        Route::ClockNext(ask) => {
            return clocknext::receive(head, ask, admit).map(Received::Asking);
        }
        Route::TopUp(action) => return top_up(head, action, admit).map(Received::TopUp),
        // Judged before, by its token: see [`crate::portal`].
        Route::Portal(_) => return Err(not_found().into()),
        Route::Customer { id, action } => (id, action),
        Route::Analytics(topic) => {
            let (action, body) = (Action::Ask(topic), Vec::new());
            let environment = admit(Scope::of(action))?;
            return Ok(match customer_of(topic, head.query())? {
                Some(customer) => {
                    Received::Call(Call { owner: Owner { environment, customer }, action, body })
                }
                None => Received::Question { environment, topic },
            });
        }
    };
    let environment = admit(Scope::of(action))?;
    if action.has_body() {
        head.check_content()?;
    }
    let owner = Owner { environment, customer: customer(id)? };
    Ok(Received::Call(Call { owner, action, body: Vec::new() }))
}

/// What Stripe and a buyer's browser send carries no key: the one signs, the other has the session.
fn top_up<'a>(
    head: &Head,
    action: TopUpAction<'a>,
    admit: &dyn Fn(Scope) -> Result<Environment, ApiError>,
) -> Result<TopUpCall<'a>, Failure> {
    let environment = match action {
        TopUpAction::Open => Some(admit(Scope::Use)?),
        _ => None,
    };
    if environment.is_some() {
        head.check_content()?;
    }
    Ok(TopUpCall { action, environment, body: Vec::new() })
}

/// The same with the body, which is `None` where it could not be read to its end.
///
/// # Errors
/// The first check that fails.
pub(crate) fn receive_whole<'a>(
    head: &'a Head,
    body: Option<Vec<u8>>,
    admit: &dyn Fn(Scope) -> Result<Environment, ApiError>,
) -> Result<Received<'a>, Failure> {
    let mut received = receive(head, admit)?;
    if let Received::Asking(asking) = &mut received {
        let limit = asking.ask.terms().max_body_bytes;
        if limit > 0 {
            asking.take_body(all_of(body, limit)?)?;
        }
        return Ok(received);
    }
    let (read, limit) = match &mut received {
        Received::Call(call) if call.action.has_body() => {
            let limit = call.action.max_body_bytes();
            (&mut call.body, limit)
        }
        Received::TopUp(call) if call.action.max_body_bytes() > 0 => {
            let limit = call.action.max_body_bytes();
            (&mut call.body, limit)
        }
        _ => return Ok(received),
    };
    *read = all_of(body, limit)?;
    Ok(received)
}

fn all_of(body: Option<Vec<u8>>, limit: usize) -> Result<Vec<u8>, ApiError> {
    let body = body.ok_or_else(broken_off)?;
    if body.len() > limit { Err(body_too_large(limit)) } else { Ok(body) }
}

/// The answer to a body that ended before its end.
pub(crate) fn broken_off() -> ApiError {
    ApiError::new(Code::InvalidJson, "The body broke off before its end. Nothing was changed.")
}

fn customer(id: &str) -> Result<CustomerId, ApiError> {
    parse_customer(&segment(id, "customer_id")?)
}

/// The text of a path segment.
///
/// # Errors
/// `invalid_id` when an escape is broken or it is not UTF-8.
pub(crate) fn segment(encoded: &str, param: &str) -> Result<String, ApiError> {
    decode_segment(encoded).ok_or_else(|| {
        let message =
            format!("The {param} in the path is not percent-encoded UTF-8. Nothing was changed.");
        ApiError::about(Code::InvalidId, param, &message)
    })
}

/// The environment that a holder of the binding speaks for.
///
/// # Errors
/// `invalid_request` when [`ENVIRONMENT`] does not say.
pub(crate) fn environment_of(head: &Head) -> Result<Environment, ApiError> {
    head.header(ENVIRONMENT).and_then(Environment::parse).ok_or_else(|| {
        let message = "A call on the ledger's object must name its environment, live or test, in \
                       the header x-edge-credits-environment. Nothing was changed.";
        ApiError::about(Code::InvalidRequest, ENVIRONMENT, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_are_decoded_once() {
        assert_eq!(customer("a%2Fb%25").unwrap().as_str(), "a/b%");
        for wrong in ["", "%20", "%00", "%ff", "%2e%2e", &"x".repeat(129)] {
            assert_eq!(customer(wrong).unwrap_err().code, Code::InvalidId, "{wrong:?}");
        }
    }

    #[test]
    fn the_environment_must_be_named() {
        let of = |value: Option<&str>| {
            let headers = value.map(|value| (ENVIRONMENT.to_owned(), value.to_owned()));
            let (method, url) = (String::new(), String::new());
            environment_of(&Head { method, url, headers: headers.into_iter().collect() })
        };
        assert_eq!(of(Some("live")).unwrap(), Environment::Live);
        assert_eq!(of(Some("test")).unwrap(), Environment::Test);
        for wrong in [None, Some("prod"), Some("live, live"), Some("")] {
            assert_eq!(of(wrong).unwrap_err().code, Code::InvalidRequest);
        }
    }
}
