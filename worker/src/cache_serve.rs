//! A call on one customer's cached balance, answered by its object.
//!
//! Decides which of the core's readers a body or a query goes to; as [`crate::serve`] for the ledger.

use std::rc::Rc;

use edge_credits_core::entropy::Entropy;
use edge_credits_core::ids::{Owner, TransactionId};
use edge_credits_core::ledger::Command;
use edge_credits_core::topup::order::parse_whose;
use edge_credits_core::wire::clocknext::envelope::Envelope;
use edge_credits_core::wire::errors::{ApiError, Code};
use edge_credits_core::wire::outbox::parse_outbox_query;
use edge_credits_core::wire::requests::{
    KeySource, body_text, parse_balance_query, parse_consume, parse_key,
};
use wasm_bindgen::JsValue;

use crate::cache::{AskedOfHolds, CachedBalance};
use crate::clocknext;
use crate::conversation::Outside;
use crate::head::Head;
use crate::host;
use crate::ledger::other_owner;
use crate::passing::{Reply, Target};
use crate::portal;
use crate::receive::{Call, Received, TopUpCall, environment_of, receive_whole, segment};
use crate::respond::{Failure, Origin, hand_on, respond};
use crate::routes::{Action, TopUpAction};
use crate::serve::{Ids, no_health, not_alone};
use crate::storage::Storage;

/// Answers one request to the object that was reached by `name`, where the runtime tells.
///
/// # Errors
/// Only what the runtime throws while an answer is being made.
pub(crate) async fn serve<S: Storage + 'static, O: Outside + 'static>(
    balance: &Rc<CachedBalance<S, O>>,
    name: Option<&str>,
    head: &Head,
    body: Option<Vec<u8>>,
) -> Result<String, JsValue> {
    if let Some(step) = portal::step_of(head) {
        return portal::passing::pass(balance, head, step, body).await;
    }
    let started = host::now();
    let Ids { entropy, request_id } = Ids::of(head)?;
    let reply = match receive_whole(head, body, &|_| environment_of(head)) {
        // A caller that names objects otherwise would split one customer's balance over two.
        Ok(Received::Call(call)) if name.is_some_and(|name| name != call.owner.object_name()) => {
            Err(other_owner().into())
        }
        Ok(Received::Call(call)) => answer(balance, head, &call, &entropy).await,
        Ok(Received::Asking(asking)) => {
            clocknext::passing::pass(balance, name, (head, &asking)).await
        }
        Ok(Received::TopUp(call)) => open_there(balance, name, (head, &call), &entropy).await,
        Ok(Received::Health) => Err(no_health().into()),
        Ok(Received::Question { environment, .. }) => {
            if name.is_some_and(|name| name != environment.object_name()) {
                Err(not_alone().into())
            } else {
                let target = Target { path: head.path(), query: head.query() };
                balance.read_there(environment, &target).await.map(Reply::Theirs)
            }
        }
        Err(failure) => Err(failure),
    };
    let took = host::now().since(started);
    let origin = Origin {
        request_id: &request_id,
        part: "cache",
        took,
        envelope: Envelope::of(head.path()),
    };
    Ok(match reply {
        Ok(Reply::Ours(answer)) => respond(Ok(answer), &origin),
        Ok(Reply::Theirs(answer)) => hand_on(answer, &origin),
        Err(failure) => respond(Err(failure), &origin),
    })
}

async fn answer<S: Storage + 'static, O: Outside + 'static>(
    balance: &Rc<CachedBalance<S, O>>,
    head: &Head,
    call: &Call<'_>,
    entropy: &Entropy,
) -> Result<Reply, Failure> {
    let owner = &call.owner;
    let key = KeySource { header: head.header("idempotency-key"), entropy };
    let target = Target { path: head.path(), query: head.query() };
    let answer = match call.action {
        Action::Balance => {
            let query = parse_balance_query(head.query())?;
            return balance.balance(owner, &query, &target).await;
        }
        Action::Consume => match parse_consume(&body_text(&call.body)?, &key)? {
            Command::Consume(charge) => balance.consume(owner, &charge).await?,
            _ => return Err(not_here().into()),
        },
        Action::Transactions | Action::Ask(_) => {
            return balance.read_there(owner.environment, &target).await.map(Reply::Theirs);
        }
        Action::Add | Action::Void { .. } => {
            let body = body_text(&call.body)?;
            let key = parse_key(&body, &key)?;
            return balance.change_there(owner, &target, body, &key).await.map(Reply::Theirs);
        }
        Action::Hold | Action::HoldChange { .. } => {
            let body = body_text(&call.body)?;
            let asked = AskedOfHolds { key: parse_key(&body, &key)?, target, body, source: &key };
            return match call.action {
                Action::HoldChange { hold, change } => {
                    balance.change_hold(owner, (hold, change), asked).await
                }
                _ => balance.place(owner, asked).await,
            };
        }
        Action::Holds => return balance.open_holds(owner, &target).await,
        Action::HoldState { hold } => return balance.hold_state(owner, hold, &target).await,
        Action::Outbox => balance.outbox(owner, parse_outbox_query(head.query())?)?,
        Action::Retry { transaction } => balance.retry(owner, &charge_id(transaction)?)?,
        Action::WriteOff { transaction } => balance.write_off(owner, &charge_id(transaction)?)?,
        Action::Batch => return Err(not_here().into()),
    };
    Ok(Reply::Ours(answer))
}

/// A checkout session is opened by who sells the credits.
async fn open_there<S: Storage + 'static, O: Outside + 'static>(
    balance: &Rc<CachedBalance<S, O>>,
    name: Option<&str>,
    (head, call): (&Head, &TopUpCall<'_>),
    entropy: &Entropy,
) -> Result<Reply, Failure> {
    let (TopUpAction::Open, Some(environment)) = (call.action, call.environment) else {
        return Err(not_here().into());
    };
    let body = body_text(&call.body)?;
    let owner = Owner { environment, customer: parse_whose(&body)? };
    if name.is_some_and(|name| name != owner.object_name()) {
        return Err(other_owner().into());
    }
    let key = KeySource { header: head.header("idempotency-key"), entropy };
    let key = parse_key(&body, &key)?;
    let target = Target { path: head.path(), query: head.query() };
    balance.send_there(&owner, &target, body, &key).await.map(Reply::Theirs)
}

fn charge_id(encoded: &str) -> Result<TransactionId, ApiError> {
    TransactionId::parse(&segment(encoded, "transaction_id")?).map_err(|error| {
        let message = format!("The transaction id {}. Nothing was changed.", error.reason());
        ApiError::about(Code::InvalidId, "transaction_id", &message)
    })
}

fn not_here() -> ApiError {
    ApiError::new(Code::NotFound, "A cached balance has no such path. Nothing was changed.")
}
