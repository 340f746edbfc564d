//! The way from a ledger to the catalog of its environment, which the directory keeps.
//!
//! Each isolate keeps the catalog that it read last and asks for news of it as [`News`] decides: the
//! answer is that there are none, or the new one. So an edit counts everywhere after some seconds, and
//! at once where it was made. While the directory is slow or away the last one goes on: an entry names
//! the version that priced it. Without a binding there is the list of public prices.

use core::cell::RefCell;
use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::rc::Rc;

use edge_credits_core::catalog::{Catalog, News, NewsStep, Pace};
use edge_credits_core::http::{ENVIRONMENT_HEADER, Method, Request, Response, Target};
use edge_credits_core::ids::Environment;
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::errors::{ApiError, Code};
use js_sys::futures::{JsFuture, future_to_promise};
use wasm_bindgen::JsValue;
use worker::{Delay, Env};

use crate::conversation::within;
use crate::{directory_line, host};

/// Where a directory tells its catalog. No request from outside gets there: the worker has no such
/// path.
pub(crate) const CATALOG: &str = "/catalog";

/// What it answers to one who has the present version.
pub(crate) const UNCHANGED: &str = "{}";

/// How often one looks whether another's question has been answered. Its promise belongs to the request
/// that asked, and is not to be waited for in another.
const LOOK: Duration = Duration::from_millis(20);

/// How long anything waits to be refused.
const LONGEST: Duration = Duration::from_secs(6);

/// How long names are waited for.
const SOON: Duration = Duration::from_millis(500);

/// Most catalogs that are kept: an isolate serves one deployment with two environments, and tests have
/// several in one process.
const MAX_KEPT: usize = 8;

/// A catalog, and what is known of its age.
struct Kept {
    /// Of which deployment.
    env: JsValue,
    environment: Environment,
    catalog: Option<Rc<Catalog>>,
    news: News,
}

thread_local! {
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

/// The catalog of an environment.
///
/// # Errors
/// `upstream_unavailable` where none has been read yet and the directory is away.
pub(crate) async fn catalog(env: &Env, environment: Environment) -> Result<Rc<Catalog>, ApiError> {
    match kept(env, environment, |kept| kept.news.step(host::now(), &Pace::CATALOG)) {
        NewsStep::GoOn => {}
        NewsStep::Ask { .. } if !directory_line::is_bound(env) => {
            kept(env, environment, |kept| {
                kept.catalog = Some(Rc::new(Catalog::seed()));
                kept.news.answered(host::now());
            });
        }
        NewsStep::Ask { limit, wait } => {
            let _ = within(Delay::from(wait), begin(env, environment, limit)).await;
        }
        NewsStep::Wait(wait) => {
            let _ = within(Delay::from(wait), settled(env, environment)).await;
        }
    }
    kept(env, environment, |kept| kept.catalog.clone()).ok_or_else(away)
}

/// The catalog where it is wanted for names alone: as it is known within half a second, if it is.
pub(crate) async fn catalog_soon(env: &Env, environment: Environment) -> Option<Rc<Catalog>> {
    let _ = within(Delay::from(SOON), catalog(env, environment)).await;
    kept(env, environment, |kept| kept.catalog.clone())
}

/// The catalog as it was at `arrived` or later: for what the known one does not know, which may have been
/// put in a moment ago. A refusal for good needs this one.
///
/// # Errors
/// `upstream_unavailable` where the directory does not tell.
pub(crate) async fn catalog_since(
    env: &Env,
    environment: Environment,
    arrived: Timestamp,
) -> Result<Rc<Catalog>, ApiError> {
    if !directory_line::is_bound(env) {
        return catalog(env, environment).await;
    }
    let step = || {
        let now = host::now();
        kept(env, environment, |kept| kept.news.step_since(arrived, now, &Pace::CATALOG))
    };
    let mut has_asked = false;
    let end = arrived.plus(LONGEST);
    loop {
        match step() {
            NewsStep::GoOn => break,
            NewsStep::Ask { limit, .. } if !has_asked => {
                has_asked = true;
                begin(env, environment, limit);
            }
            _ if has_asked && kept(env, environment, |kept| kept.news.is_settled()) => {
                return Err(away());
            }
            _ if host::now() > end => return Err(away()),
            _ => Delay::from(LOOK).await,
        }
    }
    kept(env, environment, |kept| kept.catalog.clone()).ok_or_else(away)
}

/// Begins a question, which goes on when nobody waits for it any more.
fn begin(env: &Env, environment: Environment, limit: Duration) -> JsFuture<JsValue> {
    kept(env, environment, |kept| kept.news.ask(host::now()));
    let env = env.clone();
    let asking = AssertUnwindSafe(async move {
        ask(&env, environment, limit).await;
        Ok(JsValue::UNDEFINED)
    });
    JsFuture::from(future_to_promise(asking))
}

/// Asks the directory for news, and keeps the answer.
async fn ask(env: &Env, environment: Environment, limit: Duration) {
    let known = kept(env, environment, |kept| kept.catalog.clone());
    let mut target = Target::new(format!("https://directory{CATALOG}"));
    target.text("known", known.as_ref().map(|catalog| catalog.version()).as_deref());
    let request = Request {
        method: Method::Get,
        url: target.finish(),
        headers: vec![(ENVIRONMENT_HEADER, environment.as_str().to_owned())],
        body: None,
    };
    let told = match directory_line::send_within(env, environment, &request, limit).await {
        Some(Response { status: 200, body, .. }) if body == UNCHANGED => known.clone(),
        Some(Response { status: 200, body, .. }) => Catalog::from_json(&body).ok().map(Rc::new),
        _ => None,
    };
    kept(env, environment, |kept| {
        let Some(catalog) = told else { return kept.news.failed(host::now()) };
        // What was forgotten meanwhile has been edited since, perhaps after this was told: it serves
        // whoever waits, and the next one asks again.
        let is_forgotten = known.is_some() && kept.catalog.is_none();
        kept.catalog = Some(catalog);
        if !is_forgotten {
            kept.news.answered(host::now());
        }
    });
}

/// Returns when nobody's question is under way.
async fn settled(env: &Env, environment: Environment) {
    while !kept(env, environment, |kept| kept.news.is_settled()) {
        Delay::from(LOOK).await;
    }
}

/// Forgets what was read: it has been edited here.
pub(crate) fn forget(environment: Environment) {
    KEPT.with_borrow_mut(|kept| kept.retain(|kept| kept.environment != environment));
}

/// What is kept of an environment; of one that is new here, nothing yet.
fn kept<T>(env: &Env, environment: Environment, with: impl FnOnce(&mut Kept) -> T) -> T {
    KEPT.with_borrow_mut(|all| {
        let is_it = |kept: &Kept| kept.environment == environment && kept.env == **env;
        let mut this = match all.iter().position(is_it) {
            Some(place) => all.remove(place),
            None => {
                Kept { env: JsValue::clone(env), environment, catalog: None, news: News::default() }
            }
        };
        let told = with(&mut this);
        if all.len() >= MAX_KEPT {
            all.remove(0);
        }
        all.push(this);
        told
    })
}

fn away() -> ApiError {
    let message = "The catalog of this environment could not be read, and without it nothing has a \
                   price. Nothing was changed; send the signal again.";
    ApiError::new(Code::UpstreamUnavailable, message)
}
