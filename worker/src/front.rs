//! The worker's own part: who is asking, and which object is to answer.
//!
//! It holds no state and judges no body. An accepted call is sent to the object of its customer with
//! the headers that the object reads and no others, so that nothing from outside can pass for one
//! of ours.

use core::cell::RefCell;
use std::rc::Rc;

use edge_credits_core::entropy::Entropy;
use edge_credits_core::http::{decode_segment, encode_component};
use edge_credits_core::wire::errors::{ApiError, Code};
use js_sys::{Reflect, Uint8Array, futures::JsFuture};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Headers, Request, RequestInit, Response};
use worker::Env;
use worker::worker_sys::DurableObjectNamespace;

use crate::auth::{Keyring, Scope};
use crate::head::Head;
use crate::receive::{Call, ENTROPY, ENVIRONMENT, Received, receive};
use crate::respond::{Answer, Failure, Origin, REQUEST_ID, VERSION, respond};
use crate::routes::Action;
use crate::{hex, host, settings};

/// The binding of the ledger's objects.
const LEDGER: &str = "LEDGER";

/// The binding of the cached balances' objects, which answer where there is an upstream.
const BALANCE_CACHE: &str = "BALANCE_CACHE";

/// Answers one request from outside.
///
/// # Errors
/// Only what the runtime throws while an answer is being made.
pub(crate) async fn serve(request: &Request, env: &Env) -> worker::Result<Response> {
    let started = host::now();
    let head = host::head(request);
    let request_id = Entropy::new(host::random()?).uuid();
    let result = match pass_on(&head, request, env, &request_id).await {
        Ok(Reply::Theirs(response)) => return Ok(response),
        Ok(Reply::Ours(answer)) => Ok(answer),
        Err(failure) => Err(failure),
    };
    let origin = Origin { request_id: &request_id, part: "edge", took: host::now().since(started) };
    respond(result, &origin).map(Response::from)
}

/// Where an answer was made.
enum Reply {
    /// Here.
    Ours(Answer),
    /// By the object.
    Theirs(Response),
}

async fn pass_on(
    head: &Head,
    request: &Request,
    env: &Env,
    request_id: &str,
) -> Result<Reply, Failure> {
    let admit = |action: Action<'_>| {
        keyring(env)?.authorize(head.header("authorization"), Scope::of(action))
    };
    let call = match receive(head, request, &admit).await? {
        Received::Health => return Ok(Reply::Ours(health(env))),
        Received::Call(call) => call,
    };
    let binding = binding(env);
    let Some(namespace) = namespace(env, binding) else {
        let message =
            format!("The binding {binding} is missing: see wrangler.toml. Nothing was changed.");
        return Err(ApiError::new(Code::NotConfigured, &message).into());
    };
    send(head, &call, &namespace, request_id).await.map(Reply::Theirs).map_err(|thrown| {
        let message = "The customer's object did not answer, and it is open whether the call took \
                       effect. Repeat it with the same idempotency key: it is carried out at most \
                       once.";
        Failure {
            log: Some(format!("the object of {binding} failed: {}", host::describe(&thrown))),
            ..ApiError::new(Code::InternalError, message).into()
        }
    })
}

/// The keys of this deployment, read once per instance: reading 256 of them takes longer than all
/// else that is done for a request.
fn keyring(env: &Env) -> Result<Rc<Keyring>, ApiError> {
    thread_local! {
        static READ: RefCell<Option<(JsValue, Rc<Keyring>)>> = const { RefCell::new(None) };
    }
    let secret = host::setting_value(env, settings::API_KEYS);
    READ.with_borrow_mut(|read| match read {
        Some((text, keyring)) if *text == secret => Ok(Rc::clone(keyring)),
        _ => {
            let keyring = Rc::new(Keyring::parse(secret.as_string().as_deref())?);
            *read = Some((secret, Rc::clone(&keyring)));
            Ok(keyring)
        }
    })
}

/// Sends a call to its customer's object. The stub is new each time: one that has failed stays so.
async fn send(
    head: &Head,
    call: &Call<'_>,
    namespace: &DurableObjectNamespace,
    request_id: &str,
) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    headers.set(ENVIRONMENT, call.owner.environment.as_str())?;
    headers.set(ENTROPY, &hex::encode(&host::random()?))?;
    headers.set(REQUEST_ID, request_id)?;
    if let Some(key) = head.header("idempotency-key") {
        headers.set("idempotency-key", key)?;
    }
    let init = RequestInit::new();
    init.set_method(&head.method);
    if call.action.has_body() {
        headers.set("content-type", "application/json")?;
        // As bytes and not as a stream: the platform can then deliver it again by itself.
        init.set_body(&Uint8Array::from(call.body.as_slice()));
    }
    init.set_headers(&headers);
    let request = Request::new_with_str_and_init(&object_url(head), &init)?;
    let stub = namespace.get_by_name(&call.owner.object_name())?;
    let response = JsFuture::from(stub.fetch_with_request(&request)?).await?;
    response.dyn_into()
}

/// The same path and query, every segment spelled in the one way that no URL parser changes: what
/// was judged here is what the object gets to see.
fn object_url(head: &Head) -> String {
    let respell = |segment: &str| {
        decode_segment(segment).map_or_else(|| segment.to_owned(), |text| encode_component(&text))
    };
    let path: Vec<String> = head.path().split('/').map(respell).collect();
    format!("https://ledger{}?{}", path.join("/"), head.query())
}

/// `GET /health`: up, and able to serve?
fn health(env: &Env) -> Answer {
    let setting = |name: &str| host::setting(env, name);
    let binding = binding(env);
    let (mode, sensible) = if binding == BALANCE_CACHE {
        ("cache", settings::is_cache_configured(setting, host::url))
    } else {
        let overdraft = setting(settings::OVERDRAFT_LIMIT);
        ("ledger", settings::ledger_config(overdraft.as_deref()).is_ok())
    };
    let configured = sensible && keyring(env).is_ok() && namespace(env, binding).is_some();
    let body = format!(
        r#"{{"status":"ok","version":"{VERSION}","mode":"{mode}","configured":{configured}}}"#
    );
    Answer { body, replayed: false }
}

/// Whose objects answer.
fn binding(env: &Env) -> &'static str {
    let upstream = host::setting(env, settings::UPSTREAM_URL);
    if upstream.is_some() { BALANCE_CACHE } else { LEDGER }
}

fn namespace(env: &Env, binding: &str) -> Option<DurableObjectNamespace> {
    let binding = Reflect::get(env, &JsValue::from_str(binding)).ok()?;
    binding.is_object().then(|| binding.unchecked_into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_see_the_path_that_was_judged() {
        let table = [
            ("http://h:1/v1/customers/cus_1/balance", "https://ledger/v1/customers/cus_1/balance?"),
            (
                "http://h/v1/customers/a%2fb/balance?x=%2F",
                "https://ledger/v1/customers/a%2Fb/balance?x=%2F",
            ),
            ("http://h/v1/customers/a\\b|é/add", "https://ledger/v1/customers/a%5Cb%7C%C3%A9/add?"),
            ("http://h/v1/customers/%ff/add", "https://ledger/v1/customers/%ff/add?"),
        ];
        for (url, expected) in table {
            let head = Head { method: String::new(), url: url.to_owned(), headers: Vec::new() };
            assert_eq!(object_url(&head), expected);
        }
    }
}
