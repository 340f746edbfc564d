//! The ClockNext API in cache mode: all of it is the upstream's to answer.
//!
//! What changes a customer's balance there is followed by a read of that balance before the change is
//! answered, so that the next gate knows it. An upstream that does not answer leaves open whether the
//! change was made.

use std::rc::Rc;

use edge_credits_core::http::Method;
use edge_credits_core::ids::Unit;
use edge_credits_core::wire::clocknext::passing::{handed_on, units_of};
use edge_credits_core::wire::requests::body_text;

use super::routes::{Ask, Seat};
use super::{Asking, not_here};
use crate::cache::CachedBalance;
use crate::conversation::Outside;
use crate::head::Head;
use crate::ledger::other_owner;
use crate::passing::{Reply, Target};
use crate::respond::Failure;
use crate::storage::Storage;

/// Passes a request on, at the object that was reached by `name`, where the runtime tells.
///
/// # Errors
/// `not_found`, `not_configured`; `upstream_unavailable` and `internal_error` where there is no answer.
pub(crate) async fn pass<S: Storage + 'static, O: Outside + 'static>(
    balance: &Rc<CachedBalance<S, O>>,
    name: Option<&str>,
    (head, asking): (&Head, &Asking<'_>),
) -> Result<Reply, Failure> {
    let terms = asking.ask.terms();
    if terms.seat == Seat::Edge {
        return Err(not_here().into());
    }
    if name.is_some_and(|name| name != asking.object_name()) {
        return Err(other_owner().into());
    }
    let method = Method::parse(terms.method).ok_or_else(not_here)?;
    let body = match terms.max_body_bytes {
        0 => None,
        _ => Some(body_text(&asking.body)?),
    };
    let setup = balance.outside.setup(asking.environment)?;
    let target = Target { path: head.path(), query: head.query() };
    let mut units: Vec<Unit> = body.as_deref().map(units_of).unwrap_or_default();
    if units.is_empty() {
        units.extend(unnamed_unit(asking.ask));
    }
    let key = head.header("idempotency-key");
    let request = setup.upstream.pass_through(method, &target.text(), body, key);
    let response = balance.outside.fetch(request, setup.timeout).await;
    let response = response.map(|response| setup.upstream.without_key(response));
    let response = handed_on(response, method == Method::Get)
        .map_err(|(error, retry_after)| Failure { retry_after, ..error.into() })?;
    if method != Method::Get && (200..300).contains(&response.status) {
        // Whom no customer is named, no balance here is touched by.
        if let Ok(owner) = asking.owner() {
            for unit in &units {
                balance.read_again(&owner, &setup, unit).await?;
            }
        }
    }
    Ok(Reply::Theirs(response))
}

/// What a request changes whose body names no unit.
fn unnamed_unit(ask: Ask<'_>) -> Option<Unit> {
    match ask {
        Ask::EnterWallet { .. } => Some(Unit::usd()),
        Ask::AdjustCredits { .. } => Some(Unit::credits()),
        _ => None,
    }
}
