//! The driver: performs one exchange, step by step. A loop with three arms, and no decisions.
//!
//! Every call has its own driver, its own I/O and its own waker. Nothing is awaited that another
//! call started: on the edge, a future woken from another request would run in that request's
//! context and end with it.

use edge_credits_core::client::exchange::{Event, Exchange, Failure, Step};
use edge_credits_core::config::ClientConfig;
use wasm_bindgen::JsValue;

use crate::budgets::with_budget;
use crate::convert;
use crate::host::{self, Answer, Line, Trouble, now};
use crate::throw::thrown;

/// Performs an exchange to its end: what its promise is settled with, either way.
pub(crate) async fn run(
    config: ClientConfig,
    mut exchange: Exchange,
    line: Line,
) -> Result<JsValue, JsValue> {
    let mut cause = None;
    let mut event = None;
    loop {
        let step = with_budget(&config, |budget| match event.take() {
            None => exchange.start(now(), budget),
            Some(event) => exchange.on(now(), event, budget),
        });
        event = Some(match step {
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
            Step::Done(Ok(success)) => return Ok(convert::answer(&success)),
            Step::Done(Err(error)) => return Err(thrown(&error, cause)),
        });
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
