//! What a conversation says to the API: requests of the core, each attempted once, and the core's
//! reading of their answers.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;

use edge_credits_core::cache::upstream::{self, ReadFailure, Reading};
use edge_credits_core::cache::{OutboxRow, Outcome};
use edge_credits_core::http::Response;
use edge_credits_core::ids::{CustomerId, Unit};
use edge_credits_core::wire::reading::Said;

use crate::host::{self, Answer, Trouble};
use crate::json::ParsedObject;
use crate::memory::Desk;

/// A charge on its way: what becomes of it, by position.
type Sending<'a> = Pin<Box<dyn Future<Output = (u64, Outcome)> + 'a>>;

/// Reads a balance.
pub(super) async fn read(
    desk: &Desk,
    customer: &CustomerId,
    unit: &Unit,
) -> Result<Reading, ReadFailure> {
    let request = desk.upstream.read(customer, unit);
    match desk.line().send(&request, desk.timeout).await {
        Ok(Answer { response, said }) => upstream::reading(&response, &said, unit, host::now()),
        Err(_) => Err(ReadFailure { refused: None, answered: false, after: None }),
    }
}

/// Sends charges, all at once or as one batch: what became of each, by position.
pub(super) async fn send(
    desk: &Desk,
    customer: &CustomerId,
    rows: &[OutboxRow],
    batch: bool,
) -> Vec<(u64, Outcome)> {
    if batch {
        return send_batch(desk, customer, rows).await;
    }
    let mut sends: Vec<Sending<'_>> = Vec::new();
    for row in rows {
        sends.push(Box::pin(send_one(desk, customer, row)));
    }
    let mut outcomes = Vec::new();
    poll_fn(|context| {
        sends.retain_mut(|send| match send.as_mut().poll(context) {
            Poll::Ready(outcome) => {
                outcomes.push(outcome);
                false
            }
            Poll::Pending => true,
        });
        if sends.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outcomes
}

async fn send_one(desk: &Desk, customer: &CustomerId, row: &OutboxRow) -> (u64, Outcome) {
    let request = desk.upstream.send(customer, row);
    let outcome = match desk.line().send(&request, desk.timeout).await {
        Ok(Answer { response, said }) => {
            upstream::outcome(&response, &said, &row.unit, host::now())
        }
        Err(trouble) => unanswered(&trouble),
    };
    (row.position, outcome)
}

async fn send_batch(desk: &Desk, customer: &CustomerId, rows: &[OutboxRow]) -> Vec<(u64, Outcome)> {
    let request = desk.upstream.send_batch(customer, rows);
    let answer = desk.line().send(&request, desk.timeout).await;
    let now = host::now();
    let results = answer.as_ref().ok().and_then(|answer| results(&answer.response, rows.len()));
    let outcome = |index: usize, row: &OutboxRow| match &answer {
        Err(trouble) => unanswered(trouble),
        Ok(Answer { response, said }) => {
            match results.as_ref().and_then(|results| results.get(index)) {
                Some((response, said)) => upstream::outcome(response, said, &row.unit, now),
                None => upstream::batch_outcome(response, said, &row.unit, now),
            }
        }
    };
    rows.iter().enumerate().map(|(index, row)| (row.position, outcome(index, row))).collect()
}

/// The answers within the answer to a batch, one for each of its charges.
fn results(answer: &Response, expected: usize) -> Option<Vec<(Response, Said)>> {
    if answer.status != 200 {
        return None;
    }
    let results = ParsedObject::read(&answer.body)?.items("results")?;
    let read = |result: Option<ParsedObject>| {
        let result = result?;
        let said = Said::of(result.member("body").as_ref());
        let status = result.status();
        Some((Response { status, headers: Vec::new(), body: String::new() }, said))
    };
    let results: Vec<_> = results.into_iter().map_while(read).collect();
    (results.len() == expected).then_some(results)
}

fn unanswered(trouble: &Trouble) -> Outcome {
    upstream::unanswered(!matches!(trouble, Trouble::NotSent(_)))
}
