//! The way from a ledger to the directory of its environment.
//!
//! Decides how long a ledger waits for it. Each request makes a stub of its own: one that has failed
//! stays so.

use core::time::Duration;

use edge_credits_core::analytics::report::Report;
use edge_credits_core::http::{ENVIRONMENT_HEADER, Method, Request, Response};
use edge_credits_core::ids::Environment;
use js_sys::Promise;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::RequestInit;
use worker::Env;

use crate::front::{DIRECTORY, namespace};
use crate::head::Head;
use crate::upstream;

/// Where a directory takes reports. No request from outside gets there: the worker has no such path.
pub(crate) const REPORTS: &str = "/reports";

/// How long a ledger waits for an answer; it takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

#[wasm_bindgen]
extern "C" {
    type Objects;
    #[wasm_bindgen(method, catch, js_name = getByName)]
    fn get_by_name(this: &Objects, name: &str) -> Result<Stub, JsValue>;

    type Stub;
    #[wasm_bindgen(method, catch)]
    fn fetch(this: &Stub, url: &str, init: &RequestInit) -> Result<Promise, JsValue>;
}

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

async fn send(env: &Env, environment: Environment, request: &Request) -> Option<Response> {
    let objects: Objects = JsValue::from(namespace(env, DIRECTORY)?).unchecked_into();
    let stub = objects.get_by_name(&environment.object_name()).ok()?;
    upstream::send(request, PATIENCE, |url, init| stub.fetch(url, init)).await
}
