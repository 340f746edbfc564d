//! The worker's own part: who is asking, and which object is to answer.
//!
//! It judges no body and sends nothing. An accepted call goes to the object of its customer with
//! the headers that the object reads and no others, so that nothing from outside can pass for one
//! of ours.

use core::cell::RefCell;
use core::time::Duration;
use std::rc::Rc;

use edge_credits_core::analytics::question::no_directory;
use edge_credits_core::entropy::Entropy;
use edge_credits_core::http::{decode_segment, encode_component};
use edge_credits_core::ids::Environment;
use edge_credits_core::topup::seal::Seal;
use edge_credits_core::wire::clocknext::envelope::Envelope;
use edge_credits_core::wire::errors::{ApiError, Code};
use js_sys::Reflect;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::Env;
use worker::worker_sys::DurableObjectNamespace;

use crate::auth::{Keyring, Scope};
use crate::clocknext;
use crate::head::{Head, body_too_large};
use crate::receive::{ENTROPY, ENVIRONMENT, Received, broken_off, receive};
use crate::respond::{Answer, Origin, REQUEST_ID, VERSION, respond};
use crate::routes::Action;
use crate::{front_topup, hex, host, portal, settings, topup_settings};

/// The binding of the ledger's objects.
pub(crate) const LEDGER: &str = "LEDGER";

/// A name among the ledgers that is no customer's.
const SEAL: &str = "top-up seal";

/// The binding of the cached balances' objects, which answer where there is an upstream.
pub(crate) const BALANCE_CACHE: &str = "BALANCE_CACHE";

/// The binding of the objects that know all customers of an environment.
pub(crate) const DIRECTORY: &str = "DIRECTORY";

/// The first line of what [`admit`] returns where an object is to answer.
const PASS: &str = "pass";

/// Judges one request from outside by its head (as [`Head::read`] takes it). Returns the answer, as
/// [`respond`] writes it; or what `worker/shim.js` is to do instead, a line each: `pass`, the
/// binding, the object's name there, the most bytes that its body may have (0: none is read), and
/// the head of the request that the object gets.
///
/// # Errors
/// Only what the runtime throws while an answer is being made.
#[wasm_bindgen]
pub fn admit(head: &str, env: &Env) -> Result<String, JsValue> {
    let started = host::now();
    let head = Head::read(head);
    let request_id = Entropy::new(host::random()?).uuid();
    if let Some(step) = portal::step_of(&head) {
        return portal::edge::admit(&head, step, env, &request_id);
    }
    let admit = |scope: Scope| keyring(env)?.authorize(head.header("authorization"), scope);
    let result = match receive(&head, &admit) {
        Ok(Received::Health) => Ok(health(env)),
        Ok(Received::TopUp(call)) => {
            return front_topup::admit(&head, &call, env, &at_the_edge(&head, &request_id));
        }
        Ok(Received::Asking(asking)) => {
            return clocknext::edge::admit(&head, &asking, env, &at_the_edge(&head, &request_id));
        }
        Ok(Received::Call(call)) => {
            let binding = binding(env);
            if namespace(env, binding).is_some() {
                let limit = if call.action.has_body() { call.action.max_body_bytes() } else { 0 };
                let (name, environment) = (call.owner.object_name(), call.owner.environment);
                let object = Object { binding, name, environment, limit };
                return pass_on(&head, &object, &request_id, &[]);
            }
            Err(missing(binding).into())
        }
        Ok(Received::Question { environment, .. }) => {
            let binding = if binding(env) == LEDGER { DIRECTORY } else { BALANCE_CACHE };
            if namespace(env, binding).is_some() {
                let name = environment.object_name();
                let object = Object { binding, name, environment, limit: 0 };
                return pass_on(&head, &object, &request_id, &[]);
            }
            Err(if binding == DIRECTORY { no_directory() } else { missing(binding) }.into())
        }
        Err(failure) => Err(failure),
    };
    let took = host::now().since(started);
    Ok(respond(result, &Origin { took, ..at_the_edge(&head, &request_id) }))
}

/// The worker itself, where it takes no time to mention.
pub(crate) fn at_the_edge<'a>(head: &Head, request_id: &'a str) -> Origin<'a> {
    let envelope = Envelope::of(head.path());
    Origin { request_id, part: "edge", took: Duration::ZERO, envelope }
}

/// The answer to a request that was let in and whose body could not be read: it is over the limit,
/// or it broke off.
#[wasm_bindgen(js_name = refuseBody)]
pub fn refuse_body(head: &str, request_id: &str, limit: usize, broke_off: bool) -> String {
    let error = if broke_off { broken_off() } else { body_too_large(limit) };
    respond(Err(error.into()), &at_the_edge(&Head::read(head), request_id))
}

/// The most bytes that any body may have.
#[wasm_bindgen(js_name = longestBody)]
pub fn longest_body() -> usize {
    Action::Batch.max_body_bytes()
}

pub(crate) fn missing(binding: &str) -> ApiError {
    let message =
        format!("The binding {binding} is missing: see wrangler.toml. Nothing was changed.");
    ApiError::new(Code::NotConfigured, &message)
}

/// The keys of this deployment, read once per instance: reading 256 of them takes longer than all
/// else that is done for a request.
pub(crate) fn keyring(env: &Env) -> Result<Rc<Keyring>, ApiError> {
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

/// The object that is to answer.
pub(crate) struct Object {
    /// Whose it is.
    pub(crate) binding: &'static str,
    /// Its name there.
    pub(crate) name: String,
    /// For which environment the caller speaks.
    pub(crate) environment: Environment,
    /// Most bytes of the body; 0: there is none.
    pub(crate) limit: usize,
}

/// What an object gets of a request; `more` are headers of ours beside those that all objects read.
///
/// # Errors
/// What the runtime throws where randomness is refused, which is outside a request.
pub(crate) fn pass_on(
    head: &Head,
    object: &Object,
    request_id: &str,
    more: &[(&str, &str)],
) -> Result<String, JsValue> {
    let entropy = hex::encode(&host::random()?);
    let (limit, url) = (object.limit.to_string(), object_url(head));
    let mut lines = vec![PASS, object.binding, &object.name, &limit, &head.method, &url];
    lines.extend([ENVIRONMENT, object.environment.as_str()]);
    lines.extend([ENTROPY, &entropy]);
    lines.extend([REQUEST_ID, request_id]);
    if let Some(key) = head.header("idempotency-key") {
        lines.extend(["idempotency-key", key]);
    }
    if object.limit > 0 {
        lines.extend(["content-type", "application/json"]);
    }
    lines.extend(more.iter().flat_map(|(name, value)| [*name, *value]));
    Ok(lines.join("\n"))
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
        let (overdraft, delay) =
            (setting(settings::OVERDRAFT_LIMIT), setting(settings::REPORT_DELAY_MS));
        let pace = settings::pace_config(delay.as_deref(), true);
        let topups = topup_settings::are_sensible(setting, host::url);
        let limits = settings::ledger_config(overdraft.as_deref()).is_ok();
        ("ledger", limits && pace.is_ok() && topups && portal::is_sensible(setting))
    };
    let configured = sensible && keyring(env).is_ok() && namespace(env, binding).is_some();
    let body = format!(
        r#"{{"status":"ok","version":"{VERSION}","mode":"{mode}","configured":{configured}}}"#
    );
    Answer { body, replayed: false }
}

/// Whose objects answer.
pub(crate) fn binding(env: &Env) -> &'static str {
    let upstream = host::setting(env, settings::UPSTREAM_URL);
    if upstream.is_some() { BALANCE_CACHE } else { LEDGER }
}

pub(crate) fn namespace(env: &Env, binding: &str) -> Option<DurableObjectNamespace> {
    let binding = Reflect::get(env, &JsValue::from_str(binding)).ok()?;
    binding.is_object().then(|| binding.unchecked_into())
}

/// What tells this deployment's top-ups from those of others at the same Stripe account: the id that
/// its ledgers' namespace gives to a name. No other namespace gives that id to any, this one gives it
/// for as long as there are ledgers, and since the object is never made it is shown nowhere.
///
/// # Errors
/// `not_configured` where there is no such namespace.
pub(crate) fn seal(env: &Env) -> Result<Seal, ApiError> {
    let ledgers = namespace(env, LEDGER).ok_or_else(|| missing(LEDGER))?;
    let id = ledgers.id_from_name(SEAL).and_then(|id| id.to_string());
    id.map(|id| Seal::derive(&id)).map_err(|_| missing(LEDGER))
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
