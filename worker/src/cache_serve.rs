//! A call on one customer's cached balance, answered by its object.
//!
//! Decides which of the core's readers a body or a query goes to; as [`crate::serve`] for the ledger.

use std::rc::Rc;

use edge_credits_core::entropy::Entropy;
use edge_credits_core::ledger::Command;
use edge_credits_core::wire::errors::{ApiError, Code};
use edge_credits_core::wire::requests::{KeySource, body_text, parse_balance_query, parse_consume};
use web_sys::Request;

use crate::cache::CachedBalance;
use crate::conversation::Outside;
use crate::head::Head;
use crate::host;
use crate::ledger::other_owner;
use crate::receive::{Call, Received, environment_of, receive};
use crate::respond::{Answer, Failure, Origin, respond};
use crate::routes::Action;
use crate::serve::{Ids, no_health};
use crate::storage::Storage;

/// Answers one request to the object that was reached by `name`, where the runtime tells.
///
/// # Errors
/// Only what the runtime throws while an answer is being made.
pub(crate) async fn serve<S: Storage + 'static, O: Outside + 'static>(
    balance: &Rc<CachedBalance<S, O>>,
    name: Option<&str>,
    request: &Request,
) -> worker::Result<worker::Response> {
    let started = host::now();
    let head = host::head(request);
    let Ids { entropy, request_id } = Ids::of(&head)?;
    let result = match receive(&head, request, |_| environment_of(&head)).await {
        // A caller that names objects otherwise would split one customer's balance over two.
        Ok(Received::Call(call)) if name.is_some_and(|name| name != call.owner.object_name()) => {
            Err(other_owner().into())
        }
        Ok(Received::Call(call)) => answer(balance, &head, &call, &entropy).await,
        Ok(Received::Health) => Err(no_health().into()),
        Err(failure) => Err(failure),
    };
    let took = host::now().since(started);
    respond(result, &Origin { request_id: &request_id, part: "cache", took })
}

async fn answer<S: Storage + 'static, O: Outside + 'static>(
    balance: &Rc<CachedBalance<S, O>>,
    head: &Head,
    call: &Call<'_>,
    entropy: &Entropy,
) -> Result<Answer, Failure> {
    match call.action {
        Action::Balance => balance.balance(&call.owner, &parse_balance_query(head.query())?).await,
        Action::Consume => {
            let key = KeySource { header: head.header("idempotency-key"), entropy };
            match parse_consume(&body_text(&call.body)?, &key)? {
                Command::Consume(charge) => balance.consume(&call.owner, &charge).await,
                _ => Err(not_here().into()),
            }
        }
        _ => Err(not_here().into()),
    }
}

fn not_here() -> ApiError {
    ApiError::new(Code::NotFound, "A cached balance has no such path. Nothing was changed.")
}
