//! A request of the ClockNext API, answered by the directory of an environment; and what a ledger asks it
//! about its customer.

use edge_credits_core::customers::list::Query;
use edge_credits_core::customers::record::Changes;
use edge_credits_core::entropy::Entropy;
use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::CustomerId;
use edge_credits_core::wire::errors::ApiError;
use edge_credits_core::wire::requests::{KeySource, body_text, parse_customer, read_header};

use super::routes::Ask;
use super::{Asking, not_here};
use crate::directory::Directory;
use crate::directory::customers::Birth;
use crate::directory_line::RECORDS;
use crate::head::Head;
use crate::host;
use crate::receive::{environment_of, segment};
use crate::respond::{Answer, Failure};
use crate::storage::Storage;

/// Answers one request.
///
/// # Errors
/// As the directory's.
pub(crate) fn answer<S: Storage>(
    directory: &Directory<S>,
    (head, asking): (&Head, &Asking<'_>),
    entropy: &Entropy,
) -> Result<Answer, Failure> {
    let now = host::now();
    let body = || body_text(&asking.body);
    let customer = || asking.customer.as_ref().ok_or_else(not_here);
    match asking.ask {
        Ask::CreateCustomer => {
            let key = named_key(head, entropy)?;
            let birth = Birth { environment: asking.environment, key: key.as_ref(), entropy };
            directory.create(&birth, &Changes::parse_new(&body()?)?, now)
        }
        Ask::Customers => directory.list(&Query::parse(head.query())?),
        Ask::Customer { .. } => directory.customer(customer()?),
        Ask::UpdateCustomer { .. } => {
            directory.update(customer()?, &Changes::parse(&body()?)?, now)
        }
        _ => super::catalog::answer(directory, asking),
    }
}

/// The caller's key of a creation. The public API has none; without one, each request makes a customer.
fn named_key(head: &Head, entropy: &Entropy) -> Result<Option<IdempotencyKey>, ApiError> {
    read_header(&KeySource { header: head.header("idempotency-key"), entropy })
}

/// The customer whom a ledger asks about, where the path is that question.
pub(crate) fn record_asked(head: &Head) -> Option<Result<CustomerId, ApiError>> {
    let id = head.path().strip_prefix(RECORDS)?;
    Some(segment(id, "customer_id").and_then(|id| parse_customer(&id)))
}

/// Answers a ledger: whether its customer is listed; or takes the customer's record away.
///
/// # Errors
/// As the directory's.
pub(crate) fn answer_ledger<S: Storage>(
    directory: &Directory<S>,
    head: &Head,
    id: &CustomerId,
) -> Result<Answer, Failure> {
    match head.method.as_str() {
        "GET" => directory.customer(id),
        "DELETE" => directory.remove((environment_of(head)?, id), host::now()),
        _ => Err(not_here().into()),
    }
}
