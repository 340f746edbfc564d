//! The entrance's part of the portal: whose page it is, and whether it may be seen.
//!
//! Decides by the token alone, without looking anything up. The token of the page is in its URL; that
//! of what follows is in the body, which is read first.

use edge_credits_core::portal::token::{Pass, PortalKeys, Unusable, claimed_owner};
use edge_credits_core::wire::errors::ApiError;
use wasm_bindgen::JsValue;
use worker::Env;

use super::page::{cancelled, failed, paid, unusable};
use super::{Asked, Step, TOKEN, theme};
use crate::front::{BALANCE_CACHE, Object, at_the_edge, binding, missing, namespace, pass_on};
use crate::head::Head;
use crate::host;
use crate::respond::{Origin, Page, content, page};
use crate::topup::ORIGIN;

/// Judges a step by its head. Returns what [`crate::front::admit`] returns.
///
/// # Errors
/// Only what the runtime throws while an answer is being made.
pub(crate) fn admit(
    head: &Head,
    step: Step,
    env: &Env,
    request_id: &str,
) -> Result<String, JsValue> {
    let origin = at_the_edge(head, request_id);
    let limit = step.max_body_bytes();
    if let Err(error) = head.check_size(limit) {
        return Ok(refuse(step, &failed(&error), &origin));
    }
    Ok(match step {
        Step::Paid => page(&paid(), &origin),
        Step::Cancelled => page(&cancelled(), &origin),
        Step::Data | Step::TopUp => ["read", &limit.to_string(), request_id].join("\n"),
        Step::Page => return judge(head, step, &Asked::of(step, head, None), env, &origin),
    })
}

/// Judges a step whose body [`admit`] wanted read.
///
/// # Errors
/// As for [`admit`].
pub(crate) fn admit_whole(
    head: &Head,
    step: Step,
    body: &[u8],
    env: &Env,
    request_id: &str,
) -> Result<String, JsValue> {
    let origin = at_the_edge(head, request_id);
    judge(head, step, &Asked::of(step, head, Some(body)), env, &origin)
}

fn judge(
    head: &Head,
    step: Step,
    asked: &Asked,
    env: &Env,
    origin: &Origin<'_>,
) -> Result<String, JsValue> {
    let shown = match object(step, &asked.token, env) {
        Ok(Ok(object)) => {
            let mut more = vec![(ORIGIN, head.origin())];
            if step != Step::Page {
                return pass_on(head, &object, origin.request_id, &more);
            }
            more.push((TOKEN, &asked.token));
            return pass_on(&without_token(head), &object, origin.request_id, &more);
        }
        Ok(Err(why)) => unusable(why),
        Err(error) => failed(&error),
    };
    Ok(refuse(step, &shown, origin))
}

/// The page's head as its object gets it: what else its URL says.
fn without_token(head: &Head) -> Head {
    let query = theme(head).map_or_else(String::new, |theme| format!("theme={theme}"));
    let url = format!("{}{}?{query}", head.origin(), head.path());
    Head { method: head.method.clone(), url, headers: head.headers.clone() }
}

/// Whose object is to go on.
fn object(step: Step, token: &str, env: &Env) -> Result<Result<Object, Unusable>, ApiError> {
    let (binding, limit) = (binding(env), step.max_body_bytes());
    if namespace(env, binding).is_none() {
        return Err(missing(binding));
    }
    let judged = if binding == BALANCE_CACHE {
        // The upstream has signed it, and judges it. Asked by the customer's own object: whoever makes
        // tokens up keeps none busy that others need.
        let claimed = claimed_owner(token).ok_or(Unusable::NotOurs);
        claimed.map(|owner| (owner.environment, owner.object_name()))
    } else {
        let keys = PortalKeys::read(|name| host::setting(env, name))?;
        let pass = Pass::from_token(token, &keys, host::now());
        pass.map(|pass| (pass.owner.environment, pass.owner.object_name()))
    };
    Ok(judged.map(|(environment, name)| Object { binding, name, environment, limit }))
}

/// A page that says no; to the page's own script the status is enough.
pub(super) fn refuse(step: Step, shown: &Page, origin: &Origin<'_>) -> String {
    if step == Step::Data { content(shown.status, "", origin) } else { page(shown, origin) }
}
