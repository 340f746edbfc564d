//! The driver of one exchange, from its start to what its promise is settled with.
//!
//! Every call has its own driver, its own I/O and its own waker. Nothing is awaited that another
//! call started: on the edge, a future woken from another request would run in that request's
//! context and end with it.

use std::rc::Rc;

use edge_credits_core::client::degraded::Ended;
use edge_credits_core::client::exchange::{Exchange, Outcome, Step};
use edge_credits_core::config::ClientConfig;
use wasm_bindgen::JsValue;

use crate::converse::{converse, promise};
use crate::convert;
use crate::host::{Line, now};
use crate::isolate::with_shared;
use crate::throw::thrown;

/// Performs a call: what its promise is settled with, either way.
///
/// A charge that is accepted without the API resolves with one part more: the promise of its sending.
pub(crate) async fn run(
    config: Rc<ClientConfig>,
    mut exchange: Exchange,
    line: Line,
) -> Result<JsValue, JsValue> {
    let first = with_shared(&config, |shared| exchange.start(now(), &mut shared.budget));
    let (outcome, cause) = perform(&config, &mut exchange, &line, first).await;
    let ended = with_shared(&config, |shared| {
        shared.standing.conclude(&config, exchange.call(), outcome, now())
    });
    match ended {
        Ended::Final(Ok(success)) => Ok(convert::answer(&success).into()),
        Ended::Final(Err(error)) => Err(thrown(&error, cause)),
        Ended::Accepted(success) => {
            let answer = convert::answer(&success);
            answer.push(&promise(Box::pin(send_behind(config, exchange, line))));
            Ok(answer.into())
        }
    }
}

/// Sends a charge that was accepted before it could be sent.
async fn send_behind(
    config: Rc<ClientConfig>,
    mut exchange: Exchange,
    line: Line,
) -> Result<JsValue, JsValue> {
    let first = with_shared(&config, |shared| exchange.go_on(now(), &mut shared.budget));
    let (outcome, cause) = perform(&config, &mut exchange, &line, first).await;
    with_shared(&config, |shared| shared.standing.sent(exchange.call(), &outcome, now()));
    outcome.map(|success| convert::answer(&success).into()).map_err(|error| thrown(&error, cause))
}

/// Performs an exchange from a step to its end. What the host threw last is an error's cause.
async fn perform(
    config: &Rc<ClientConfig>,
    exchange: &mut Exchange,
    line: &Line,
    first: Step,
) -> (Outcome, Option<JsValue>) {
    let mut on =
        |event| with_shared(config, |shared| exchange.on(now(), event, &mut shared.budget));
    converse(line, first, &mut on).await
}
