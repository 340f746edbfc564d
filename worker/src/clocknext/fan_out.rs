//! A batch of signals of several customers: each customer's object takes its own, all of them at once.
//!
//! An object that does not answer costs its own signals an answer, and no others: what became of these is
//! open, and they can be sent again.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;
use core::time::Duration;

use edge_credits_core::http::{Method, Request, Response};
use edge_credits_core::ids::{Environment, Owner};
use edge_credits_core::usage::{SignalGroup, SplitSignals};
use worker::Env;

use crate::front::binding;
use crate::receive::{ENTROPY, ENVIRONMENT};
use crate::respond::{Answer, REQUEST_ID};
use crate::{hex, object_line};

/// Where an object takes them.
const PATH: &str = "https://ledger/api/v1/usage/batch";

/// How long an object may take; a batch takes it some milliseconds. Less than the ten seconds after which
/// SDKs give up: one that hangs must not cost the others their answers.
const PATIENCE: Duration = Duration::from_secs(8);

/// A batch on its way.
pub(crate) struct FanOut {
    /// The way to the objects.
    pub(crate) env: Env,
    /// For which environment the caller speaks.
    pub(crate) environment: Environment,
    /// Its signals, by customer.
    pub(crate) split: SplitSignals,
    /// The request's id.
    pub(crate) request_id: String,
    /// For keys of our own making; a batch makes none.
    pub(crate) entropy: [u8; 16],
}

impl FanOut {
    /// Sends each customer's signals to its object, and joins what they answer.
    pub(crate) async fn answer(&self) -> Answer {
        let sent = self.split.groups.iter().map(|group| self.send(group));
        let answers = all(sent).await;
        Answer { body: self.split.merged(&answers, &self.request_id), replayed: false }
    }

    async fn send(&self, group: &SignalGroup) -> Option<Response> {
        let owner = Owner { environment: self.environment, customer: group.customer.clone() };
        let request = Request {
            method: Method::Post,
            url: PATH.to_owned(),
            headers: vec![
                (ENVIRONMENT, self.environment.as_str().to_owned()),
                (ENTROPY, hex::encode(&self.entropy)),
                (REQUEST_ID, self.request_id.clone()),
                ("content-type", "application/json".to_owned()),
            ],
            body: Some(group.body.clone()),
        };
        let object = (binding(&self.env), &*owner.object_name());
        object_line::send(&self.env, object, &request, PATIENCE).await
    }
}

/// Runs futures together; the results stand in their order.
async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut results: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    poll_fn(move |context| {
        for (future, result) in running.iter_mut().zip(&mut results) {
            if result.is_none()
                && let Poll::Ready(output) = future.as_mut().poll(context)
            {
                *result = Some(output);
            }
        }
        if results.iter().any(Option::is_none) {
            return Poll::Pending;
        }
        Poll::Ready(results.iter_mut().filter_map(Option::take).collect())
    })
    .await
}
