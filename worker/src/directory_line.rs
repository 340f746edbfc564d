//! The way from a ledger to the directory of its environment.
//!
//! Decides how long a ledger waits for it.

use core::time::Duration;

use edge_credits_core::analytics::report::Report;
use edge_credits_core::http::{ENVIRONMENT_HEADER, Method, Request, Response, encode_component};
use edge_credits_core::ids::{Environment, Owner};
use worker::Env;

use crate::front::{DIRECTORY, namespace};
use crate::head::Head;
use crate::object_line;

/// Where a directory takes reports. No request from outside gets there: the worker has no such path.
pub(crate) const REPORTS: &str = "/reports";

/// Where a directory is asked about a customer by the customer's ledger; the percent-encoded id follows.
pub(crate) const RECORDS: &str = "/records/";

/// How long a ledger waits for an answer; it takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long where a caller waits behind the ledger, who gives up after ten seconds.
const QUESTION_PATIENCE: Duration = Duration::from_secs(5);

/// Whether there is a directory.
pub(crate) fn is_bound(env: &Env) -> bool {
    namespace(env, DIRECTORY).is_some()
}

/// Sends a report, and returns the body of the answer.
///
/// # Errors
/// A sentence for the log.
pub(crate) async fn report(env: &Env, report: &Report) -> Result<String, String> {
    let request = Request {
        method: Method::Post,
        url: format!("https://directory{REPORTS}"),
        headers: vec![("content-type", "application/json".to_owned())],
        body: Some(report.to_json()),
    };
    match send(env, report.owner.environment, &request).await {
        Some(Response { status: 200, body, .. }) => Ok(body),
        Some(Response { status: status @ 400..500, .. }) => {
            Err(format!("it refused it with {status}; is it of another version than the ledger?"))
        }
        Some(Response { status, .. }) => Err(format!("it answered {status}")),
        None => Err("it did not answer".to_owned()),
    }
}

/// Whether the directory lists a customer; `None` where it does not answer.
pub(crate) async fn lists(env: &Env, owner: &Owner) -> Option<bool> {
    match about(env, owner, Method::Get, QUESTION_PATIENCE).await?.status {
        200 => Some(true),
        404 => Some(false),
        _ => None,
    }
}

/// What the directory answers about a customer; `None` where it does not answer in time.
pub(crate) async fn record(env: &Env, owner: &Owner, patience: Duration) -> Option<Response> {
    about(env, owner, Method::Get, patience).await
}

/// Has the directory take a customer's record away; whether it has.
pub(crate) async fn unlist(env: &Env, owner: &Owner) -> bool {
    about(env, owner, Method::Delete, QUESTION_PATIENCE)
        .await
        .is_some_and(|response| response.status == 200)
}

async fn about(env: &Env, owner: &Owner, method: Method, patience: Duration) -> Option<Response> {
    let id = encode_component(owner.customer.as_str());
    let request = Request {
        method,
        url: format!("https://directory{RECORDS}{id}"),
        headers: vec![(ENVIRONMENT_HEADER, owner.environment.as_str().to_owned())],
        body: None,
    };
    send_within(env, owner.environment, &request, patience).await
}

/// Asks what a caller has asked.
pub(crate) async fn ask(env: &Env, environment: Environment, head: &Head) -> Option<Response> {
    let request = Request {
        method: Method::Get,
        url: format!("https://directory{}?{}", head.path(), head.query()),
        headers: vec![(ENVIRONMENT_HEADER, environment.as_str().to_owned())],
        body: None,
    };
    send(env, environment, &request).await
}

/// Sends a request to the directory of an environment. `None` where it does not answer.
pub(crate) async fn send(
    env: &Env,
    environment: Environment,
    request: &Request,
) -> Option<Response> {
    send_within(env, environment, request, PATIENCE).await
}

/// As [`send`], with a patience of the caller's.
pub(crate) async fn send_within(
    env: &Env,
    environment: Environment,
    request: &Request,
    patience: Duration,
) -> Option<Response> {
    object_line::send(env, (DIRECTORY, &environment.object_name()), request, patience).await
}
