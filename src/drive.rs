//! The driver: performs one exchange, step by step. A loop with three arms, and no decisions.
//!
//! Every call has its own driver, its own I/O and its own waker. Nothing is awaited that another
//! call started: on the edge, a future woken from another request would run in that request's
//! context and end with it.

use std::rc::Rc;

use edge_credits_core::client::degraded::Ended;
use edge_credits_core::client::exchange::{Event, Exchange, Failure, Outcome, Step};
use edge_credits_core::config::ClientConfig;
use wasm_bindgen::JsValue;

use crate::client::promise;
use crate::convert;
use crate::host::{self, Answer, Line, Trouble, now};
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
    let mut cause = None;
    let mut step = first;
    loop {
        let event = match step {
            Step::Send { request, deadline } => {
                let answer = line.send(&request, deadline.since(now())).await;
                cause = None;
                match answer {
                    Ok(Answer { response, said }) => Event::Response(response, said),
                    Err(trouble) => failed(trouble, &mut cause),
                }
            }
            Step::Sleep { until } => {
                host::sleep(until.since(now())).await;
                Event::Woke
            }
            Step::Done(outcome) => return (outcome, cause),
        };
        step = with_shared(config, |shared| exchange.on(now(), event, &mut shared.budget));
    }
}

/// The event of an attempt without an answer. What the host threw is kept for the error's `cause`.
fn failed(trouble: Trouble, cause: &mut Option<JsValue>) -> Event {
    let (sent, failure) = match &trouble {
        Trouble::NotSent(_) => (false, Failure::Network),
        Trouble::TimedOut => (true, Failure::Timeout),
        Trouble::TooLarge => (true, Failure::Oversized),
        Trouble::Overloaded(_) => (true, Failure::Overloaded),
        Trouble::Broke(_) => (true, Failure::Network),
    };
    *cause = trouble.thrown();
    Event::Failed { sent, failure }
}
