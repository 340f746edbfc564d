//! The portal in cache mode: the upstream's, where that is a worker of ours.
//!
//! Its pages come as they are, with their policy; the deployment's key is not sent, for a token is
//! permission enough. What a cache has accepted and not yet sent is not in these figures: they are the
//! upstream's, and so is the token.

use std::rc::Rc;

use edge_credits_core::http::{Response, encode_component};
use edge_credits_core::wire::errors::{ApiError, Code};
use wasm_bindgen::JsValue;

use super::edge::refuse;
use super::page::failed;
use super::{Step, TOKEN, theme};
use crate::cache::CachedBalance;
use crate::conversation::Outside;
use crate::head::Head;
use crate::host;
use crate::passing::Target;
use crate::receive::environment_of;
use crate::respond::{Origin, Page, content, page, redirect};
use crate::serve::Ids;
use crate::storage::Storage;

/// Passes a step on.
///
/// # Errors
/// Only what the runtime throws while an answer is being made.
pub(crate) async fn pass<S: Storage + 'static, O: Outside + 'static>(
    balance: &Rc<CachedBalance<S, O>>,
    head: &Head,
    step: Step,
    body: Option<Vec<u8>>,
) -> Result<String, JsValue> {
    let started = host::now();
    let Ids { request_id, .. } = Ids::of(head)?;
    let answer = ask(balance, head, step, body).await;
    let took = host::now().since(started);
    let origin = Origin { request_id: &request_id, part: "cache", took, envelope: None };
    Ok(match answer {
        Ok(theirs) => hand_on(step, theirs, &origin),
        Err(error) => refuse(step, &failed(&error), &origin),
    })
}

async fn ask<S: Storage + 'static, O: Outside + 'static>(
    balance: &Rc<CachedBalance<S, O>>,
    head: &Head,
    step: Step,
    body: Option<Vec<u8>>,
) -> Result<Response, ApiError> {
    let setup = balance.outside.setup(environment_of(head)?)?;
    let query = page_query(head, step);
    let target =
        Target { path: head.path(), query: query.as_deref().unwrap_or(head.query()) }.text();
    let body = (step.max_body_bytes() > 0).then(|| body.unwrap_or_default());
    let body = body.map(|body| String::from_utf8(body).unwrap_or_default());
    let request = setup.upstream.pass_unsigned(&target, body);
    let theirs = balance.outside.fetch(request, setup.timeout).await;
    let theirs = theirs.ok_or_else(|| {
        let message = "The API behind this one did not answer. Try again in a moment.";
        ApiError::new(Code::UpstreamUnavailable, message)
    })?;
    if theirs.header("x-edge-credits").is_some() { Ok(theirs) } else { Err(no_portal()) }
}

/// The page's query as a browser has it: to the upstream this is one.
fn page_query(head: &Head, step: Step) -> Option<String> {
    let token = head.header(TOKEN).filter(|_| step == Step::Page)?;
    let theme = theme(head).map_or_else(String::new, |theme| format!("&theme={theme}"));
    Some(format!("token={}{theme}", encode_component(token)))
}

fn hand_on(step: Step, theirs: Response, origin: &Origin<'_>) -> String {
    if let Some(url) = theirs.header("location") {
        return redirect(url, origin);
    }
    if step == Step::Data {
        return content(theirs.status, &theirs.body, origin);
    }
    // Without a policy of its own a page may do nothing.
    let policy =
        theirs.header("content-security-policy").unwrap_or("default-src 'none'").to_owned();
    page(&Page { status: theirs.status, policy, html: theirs.body }, origin)
}

fn no_portal() -> ApiError {
    let message = "This deployment is a cache in front of another API, which has no portal of this \
                   kind.";
    ApiError::new(Code::NotConfigured, message)
}
