//! The entrance's part of the ClockNext API: which object is to answer, and `GET /api/v1/me`.

use edge_credits_core::usage::split_by_customer;
use edge_credits_core::wire::members::Members;
use edge_credits_core::wire::requests::body_text;
use wasm_bindgen::JsValue;
use worker::Env;

use super::Asking;
use super::fan_out::FanOut;
use super::routes::Seat;
use crate::front::{
    BALANCE_CACHE, DIRECTORY, LEDGER, Object, binding, keyring, missing, namespace, pass_on,
};
use crate::head::Head;
use crate::host;
use crate::respond::{Answer, Failure, Origin, VERSION, respond};

/// The first line of what [`admit`] returns where the body must be read first.
const READ: &str = "read";

/// Judges a request by its head. Returns what [`crate::front::admit`] returns, or that the body is to
/// be read first, as [`crate::front_topup::admit`] does.
///
/// # Errors
/// Only what the runtime throws while an answer is being made.
pub(crate) fn admit(
    head: &Head,
    asking: &Asking<'_>,
    env: &Env,
    origin: &Origin<'_>,
) -> Result<String, JsValue> {
    let terms = asking.ask.terms();
    match terms.seat {
        Seat::Edge => Ok(respond(me(head, env), origin)),
        Seat::LedgerOfBody | Seat::LedgersOfBody => {
            Ok([READ, &terms.max_body_bytes.to_string(), origin.request_id].join("\n"))
        }
        _ => pass(head, asking, env, origin),
    }
}

/// Passes a request on to who answers it.
///
/// # Errors
/// As [`admit`].
pub(crate) fn pass(
    head: &Head,
    asking: &Asking<'_>,
    env: &Env,
    origin: &Origin<'_>,
) -> Result<String, JsValue> {
    let terms = asking.ask.terms();
    let binding = match (binding(env), terms.seat) {
        (BALANCE_CACHE, _) => BALANCE_CACHE,
        (_, Seat::Directory | Seat::DirectoryOf(_)) => DIRECTORY,
        _ => LEDGER,
    };
    if namespace(env, binding).is_none() {
        return Ok(respond(Err(missing(binding).into()), origin));
    }
    let environment = asking.environment;
    let name = if binding == DIRECTORY { environment.object_name() } else { asking.object_name() };
    let object = Object { binding, name, environment, limit: terms.max_body_bytes };
    pass_on(head, &object, origin.request_id, &[])
}

/// Passes a request on whose body has been read: one that concerns several customers, to all of them.
/// Returns what [`admit`] returns, or a promise of it.
///
/// # Errors
/// As [`admit`].
pub(crate) fn pass_whole(
    head: &Head,
    asking: &Asking<'_>,
    env: &Env,
    origin: &Origin<'_>,
) -> Result<JsValue, JsValue> {
    let is_whole = asking.ask.terms().seat != Seat::LedgersOfBody || asking.customer.is_some();
    if is_whole || namespace(env, binding(env)).is_none() {
        return pass(head, asking, env, origin).map(JsValue::from);
    }
    let split = body_text(&asking.body).and_then(|body| split_by_customer(&body));
    let split = match split {
        Ok(split) => split,
        Err(error) => return Ok(respond(Err(error.into()), origin).into()),
    };
    let out = FanOut {
        env: env.clone(),
        environment: asking.environment,
        split,
        request_id: origin.request_id.to_owned(),
        entropy: host::random()?,
    };
    let envelope = origin.envelope;
    host::at_once(async move {
        let started = host::now();
        let answer = out.answer().await;
        let (request_id, took) = (&*out.request_id, host::now().since(started));
        let origin = Origin { request_id, part: "edge", took, envelope };
        Ok(respond(Ok(answer), &origin).into())
    })
}

/// Whom the key speaks for.
fn me(head: &Head, env: &Env) -> Result<Answer, Failure> {
    let keyring = keyring(env)?;
    let key = keyring.holder(head.header("authorization"))?;
    let scopes: Vec<String> =
        key.scopes.iter().map(|scope| format!("\"{}\"", scope.as_str())).collect();
    let mode = if binding(env) == LEDGER { "ledger" } else { "cache" };
    let mut body = Members::new();
    body.text("keyId", Some(&key.id))
        .text("environment", Some(key.environment.as_str()))
        .display("scopes", Some(format!("[{}]", scopes.join(","))))
        .text("mode", Some(mode))
        .text("version", Some(VERSION));
    Ok(Answer { body: body.finish(), replayed: false })
}
