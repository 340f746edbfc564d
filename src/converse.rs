//! The driver of whatever is a conversation with an API: a loop with three arms, and no decisions.

use core::pin::Pin;

use edge_credits_core::client::exchange::{Event, Failure, Outcome, Step};
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;

use crate::host::{self, Answer, Line, Trouble, now};

/// The promise of a future. Boxed, so that the module holds one kind of promise and not one for each
/// kind of future.
pub(crate) fn promise(work: Work) -> Promise {
    future_to_promise(work)
}

/// What a promise is made of.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<JsValue, JsValue>>>>;

/// Performs steps to their end; `on` takes what happened and says what to do next.
pub(crate) async fn converse(
    line: &Line,
    first: Step,
    on: &mut dyn FnMut(Event) -> Step,
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
        step = on(event);
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
