//! The way from a ledger to the catalog of its environment, which the directory keeps.
//!
//! Each isolate keeps the catalog that it read last and asks for news of it when it is older than
//! [`MAX_AGE`]: the answer is that there are none, or the new one. So an edit counts everywhere after
//! that time, and at once where it was made. While the directory is away the last one goes on: an entry
//! names the version that priced it. Without a binding there is the list of public prices.

use core::cell::RefCell;
use core::time::Duration;
use std::rc::Rc;

use edge_credits_core::catalog::Catalog;
use edge_credits_core::http::{ENVIRONMENT_HEADER, Method, Request, Response, Target};
use edge_credits_core::ids::Environment;
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::errors::{ApiError, Code};
use wasm_bindgen::JsValue;
use worker::Env;

use crate::{directory_line, host};

/// Where a directory tells its catalog. No request from outside gets there: the worker has no such
/// path.
pub(crate) const CATALOG: &str = "/catalog";

/// What it answers to one who has the present version.
pub(crate) const UNCHANGED: &str = "{}";

/// How old a catalog may be that prices signals: an edit takes this long to count everywhere, and a
/// busy isolate asks the directory a dozen times a minute.
const MAX_AGE: Duration = Duration::from_secs(5);

/// Most catalogs that are kept: an isolate serves one deployment with two environments, and tests have
/// several in one process.
const MAX_KEPT: usize = 8;

/// A catalog and when it was known to be the present one.
struct Kept {
    /// Of which deployment.
    env: JsValue,
    environment: Environment,
    catalog: Rc<Catalog>,
    at: Timestamp,
}

thread_local! {
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

/// The catalog of an environment.
///
/// # Errors
/// `upstream_unavailable` where none has been read yet and the directory is away.
pub(crate) async fn catalog(env: &Env, environment: Environment) -> Result<Rc<Catalog>, ApiError> {
    let kept = kept(env, environment);
    if let Some((catalog, at)) = &kept {
        // A clock that steps back makes it no younger.
        let now = host::now();
        if *at <= now && now.since(*at) < MAX_AGE {
            return Ok(Rc::clone(catalog));
        }
    }
    if !directory_line::is_bound(env) {
        return Ok(keep(env, environment, Rc::new(Catalog::seed())));
    }
    let known = kept.map(|(catalog, _)| catalog);
    let mut target = Target::new(format!("https://directory{CATALOG}"));
    target.text("known", known.as_ref().map(|catalog| catalog.version()).as_deref());
    let request = Request {
        method: Method::Get,
        url: target.finish(),
        headers: vec![(ENVIRONMENT_HEADER, environment.as_str().to_owned())],
        body: None,
    };
    let told = match directory_line::send(env, environment, &request).await {
        Some(Response { status: 200, body, .. }) => Some(body),
        _ => None,
    };
    let news = told.as_deref().filter(|body| *body != UNCHANGED);
    match (news.map(Catalog::from_json), known) {
        (Some(Ok(catalog)), _) => Ok(keep(env, environment, Rc::new(catalog))),
        (None, Some(known)) if told.is_some() => Ok(keep(env, environment, known)),
        (_, Some(known)) => Ok(known),
        (_, None) => Err(away()),
    }
}

/// Forgets what was read: it has been edited here.
pub(crate) fn forget(environment: Environment) {
    KEPT.with_borrow_mut(|kept| kept.retain(|kept| kept.environment != environment));
}

fn kept(env: &Env, environment: Environment) -> Option<(Rc<Catalog>, Timestamp)> {
    KEPT.with_borrow(|kept| {
        let is_it = |kept: &&Kept| kept.environment == environment && kept.env == **env;
        let found = kept.iter().find(is_it);
        found.map(|kept| (Rc::clone(&kept.catalog), kept.at))
    })
}

fn keep(env: &Env, environment: Environment, catalog: Rc<Catalog>) -> Rc<Catalog> {
    let this = JsValue::clone(env);
    KEPT.with_borrow_mut(|all| {
        all.retain(|kept| kept.environment != environment || kept.env != this);
        if all.len() >= MAX_KEPT {
            all.remove(0);
        }
        let at = host::now();
        all.push(Kept { env: this, environment, catalog: Rc::clone(&catalog), at });
    });
    catalog
}

fn away() -> ApiError {
    let message = "The catalog of this environment could not be read, and without it nothing has a \
                   price. Nothing was changed; send the signal again.";
    ApiError::new(Code::UpstreamUnavailable, message)
}
