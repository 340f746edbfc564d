//! The entrance's part of a top-up: whom it concerns, and whether it may be.
//!
//! A session is opened, an event entered and a test checkout paid by the customer's object. Which one
//! that is stands in a body, so the body is read first: [`admit`] says so to `worker/shim.js`, which
//! comes back with it to [`admit_whole`]. Of a webhook the signature is judged before anything looks
//! into the body. A buyer's browser carries a session that this deployment has signed.

use edge_credits_core::ids::{Environment, Owner};
use edge_credits_core::topup::event::Event;
use edge_credits_core::topup::order::parse_whose;
use edge_credits_core::topup::sandbox::Session;
use edge_credits_core::topup::signature::{invalid, verify};
use edge_credits_core::wire::errors::{ApiError, Code};
use edge_credits_core::wire::requests::body_text;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::Env;

use crate::auth::Scope;
use crate::checkout_page;
use crate::clocknext;
use crate::front::{
    BALANCE_CACHE, LEDGER, Object, at_the_edge, binding, keyring, missing, namespace, pass_on, seal,
};
use crate::head::Head;
use crate::host;
use crate::portal;
use crate::receive::{Received, TopUpCall, receive_whole};
use crate::respond::{Answer, Failure, Origin, page, redirect, respond};
use crate::routes::TopUpAction;
use crate::topup::ORIGIN;
use crate::topup_settings::{Till, till, webhook_secrets};

/// The first line of what [`admit`] returns where the body must be read first.
const READ: &str = "read";

/// Judges a step of a top-up by its head. Returns what [`crate::front::admit`] returns, or another
/// instruction: `read`, the most bytes that the body may have, and the request's id, a line each.
///
/// # Errors
/// Only what the runtime throws while an answer is being made.
pub(crate) fn admit(
    head: &Head,
    call: &TopUpCall<'_>,
    env: &Env,
    origin: &Origin<'_>,
) -> Result<String, JsValue> {
    let step = match call.action {
        TopUpAction::Open => Ok(read_first(call, origin)),
        TopUpAction::Webhook if binding(env) == BALANCE_CACHE => Err(no_till()),
        TopUpAction::Webhook => Ok(read_first(call, origin)),
        TopUpAction::Page { session } | TopUpAction::Pay { session } => {
            return match signed(session, env) {
                Some(session) => pass(head, &session.owner(), env, (origin, 0)),
                None => Ok(page(&checkout_page::unknown(), origin)),
            };
        }
        TopUpAction::Cancel { session } => {
            return Ok(match signed(session, env) {
                Some(session) => redirect(&session.cancel_url, origin),
                None => page(&checkout_page::unknown(), origin),
            });
        }
    };
    Ok(step.unwrap_or_else(|error| respond(Err(error.into()), origin)))
}

fn read_first(call: &TopUpCall<'_>, origin: &Origin<'_>) -> String {
    [READ, &call.action.max_body_bytes().to_string(), origin.request_id].join("\n")
}

/// The session that a test checkout's URL names, where this deployment has one.
fn signed(session: &str, env: &Env) -> Option<Session> {
    if binding(env) != LEDGER {
        return None;
    }
    let till = till(|name| host::setting(env, name), host::url, Environment::Test);
    let Ok(Till::Sandbox(key, _)) = till else { return None };
    Session::from_token(session, &key)
}

/// Judges a request that [`admit`] wanted read, by head and body. Returns what
/// [`crate::front::admit`] returns, or a promise of it; the object then gets the same body.
///
/// # Errors
/// Only what the runtime throws while an answer is being made.
#[wasm_bindgen(js_name = admitWhole)]
pub fn admit_whole(
    head: &str,
    body: Vec<u8>,
    env: &Env,
    request_id: &str,
) -> Result<JsValue, JsValue> {
    let head = Head::read(head);
    let origin = at_the_edge(&head, request_id);
    if let Some(step) = portal::step_of(&head) {
        return portal::edge::admit_whole(&head, step, &body, env, request_id).map(JsValue::from);
    }
    let authorize = |scope: Scope| keyring(env)?.authorize(head.header("authorization"), scope);
    let judged = match receive_whole(&head, Some(body), &authorize) {
        Ok(Received::TopUp(call)) => judge(&head, &call, env),
        Ok(Received::Asking(asking)) => {
            return clocknext::edge::pass_whole(&head, &asking, env, &origin);
        }
        // What was wanted read is one of these, and is the same request still.
        Ok(_) => Err(no_till().into()),
        Err(failure) => Err(failure),
    };
    let told = match judged {
        Ok(Some((owner, limit))) => pass(&head, &owner, env, (&origin, limit)),
        Ok(None) => {
            let body = r#"{"received":true,"effect":"none"}"#.to_owned();
            Ok(respond(Ok(Answer { body, replayed: false }), &origin))
        }
        Err(failure) => Ok(respond(Err(failure), &origin)),
    };
    told.map(JsValue::from)
}

/// Whose object is to go on, and how many bytes its body may have. `None` where there is nothing to
/// do.
fn judge(head: &Head, call: &TopUpCall<'_>, env: &Env) -> Result<Option<(Owner, usize)>, Failure> {
    let limit = call.action.max_body_bytes();
    if let Some(environment) = call.environment {
        let customer = parse_whose(&body_text(&call.body)?)?;
        return Ok(Some((Owner { environment, customer }, limit)));
    }
    let secrets = webhook_secrets(|name| host::setting(env, name))?;
    let signers = verify(head.header("stripe-signature"), &call.body, &secrets, host::now())?;
    let event = Event::parse(&body_text(&call.body)?, &seal(env)?)?;
    // A secret of one environment does not speak for the other.
    if !signers.into_iter().any(|secret| secret.speaks_for(event.environment())) {
        return Err(invalid().into());
    }
    match event {
        Event::Payment { owner, .. } => Ok(Some((owner, limit))),
        Event::Other { .. } => Ok(None),
    }
}

fn pass(
    head: &Head,
    owner: &Owner,
    env: &Env,
    (origin, limit): (&Origin<'_>, usize),
) -> Result<String, JsValue> {
    let binding = binding(env);
    if namespace(env, binding).is_none() {
        return Ok(respond(Err(missing(binding).into()), origin));
    }
    let (name, environment) = (owner.object_name(), owner.environment);
    let object = Object { binding, name, environment, limit };
    pass_on(head, &object, origin.request_id, &[(ORIGIN, head.origin())])
}

fn no_till() -> ApiError {
    let message = "This deployment is a cache in front of another API, which sells the credits: \
                   Stripe's events go there. Nothing was changed.";
    ApiError::new(Code::TopupNotConfigured, message)
}
