//! A request to the directory of an environment: a ledger's report or question about its customer, a
//! question about all, or one of the ClockNext API's.
//!
//! Whoever holds the binding may ask; what ledgers say comes by paths that the worker does not have.

use edge_credits_core::analytics::question::parse_question;
use edge_credits_core::analytics::report::Report;
use edge_credits_core::entropy::Entropy;
use edge_credits_core::http::parse_query;
use edge_credits_core::ids::Environment;
use edge_credits_core::wire::batch::MAX_BATCH_BYTES;
use edge_credits_core::wire::clocknext::envelope::Envelope;
use edge_credits_core::wire::errors::{ApiError, Code};
use edge_credits_core::wire::requests::body_text;
use wasm_bindgen::JsValue;

use crate::catalog_line::{CATALOG, UNCHANGED};
use crate::clocknext::at_directory;
use crate::directory::Directory;
use crate::directory_line::REPORTS;
use crate::head::{Head, body_too_large};
use crate::host;
use crate::receive::{Received, broken_off, environment_of, receive_whole};
use crate::respond::{Answer, Failure, Origin, respond};
use crate::serve::{Ids, no_health};
use crate::storage::Storage;

/// Answers one request to the object that was reached by `name`, where the runtime tells.
///
/// # Errors
/// Only what the runtime throws while an answer is being made.
pub(crate) fn serve<S: Storage>(
    directory: &Directory<S>,
    name: Option<&str>,
    head: &Head,
    body: Option<Vec<u8>>,
) -> Result<String, JsValue> {
    let started = host::now();
    let Ids { request_id, entropy } = Ids::of(head)?;
    let result = if head.method == "POST" && head.path() == REPORTS {
        take(directory, name, body)
    } else {
        answer(directory, name, (head, body), &entropy)
    };
    let took = host::now().since(started);
    Ok(respond(
        result,
        &Origin {
            request_id: &request_id,
            part: "directory",
            took,
            envelope: Envelope::of(head.path()),
        },
    ))
}

fn take<S: Storage>(
    directory: &Directory<S>,
    name: Option<&str>,
    body: Option<Vec<u8>>,
) -> Result<Answer, Failure> {
    let body = body.ok_or_else(broken_off)?;
    if body.len() > MAX_BATCH_BYTES {
        return Err(body_too_large(MAX_BATCH_BYTES).into());
    }
    let report = Report::parse(&body_text(&body)?)?;
    require_own(name, report.owner.environment)?;
    directory.apply(&report, host::now())
}

fn answer<S: Storage>(
    directory: &Directory<S>,
    name: Option<&str>,
    (head, body): (&Head, Option<Vec<u8>>),
    entropy: &Entropy,
) -> Result<Answer, Failure> {
    if head.method == "GET" && head.path() == CATALOG {
        require_own(name, environment_of(head)?)?;
        return tell_catalog(directory, head.query());
    }
    if let Some(customer) = at_directory::record_asked(head) {
        require_own(name, environment_of(head)?)?;
        return at_directory::answer_ledger(directory, head, &customer?);
    }
    match receive_whole(head, body, &|_| environment_of(head))? {
        Received::Question { environment, topic } => {
            require_own(name, environment)?;
            directory.ask(&parse_question(topic, head.query())?, host::now())
        }
        Received::Asking(asking) => {
            require_own(name, asking.environment)?;
            at_directory::answer(directory, (head, &asking), entropy)
        }
        Received::Health | Received::TopUp(_) => Err(no_health().into()),
        Received::Call(_) => {
            let message = "The directory knows all customers together; ask this customer's ledger.";
            Err(ApiError::new(Code::NotFound, message).into())
        }
    }
}

/// The catalog, for a ledger that does not know this version of it.
fn tell_catalog<S: Storage>(directory: &Directory<S>, query: &str) -> Result<Answer, Failure> {
    let known = parse_query(query).into_iter().find(|(name, _)| name == "known");
    let body = match known {
        Some((_, version)) if version == directory.catalog_version()? => UNCHANGED.to_owned(),
        _ => directory.catalog()?.to_json(),
    };
    Ok(Answer { body, replayed: false })
}

/// A caller that names objects otherwise would split one environment over two, or mix two in one.
fn require_own(name: Option<&str>, environment: Environment) -> Result<(), ApiError> {
    if name.is_none_or(|name| name == environment.object_name()) {
        return Ok(());
    }
    let message = "This object is not the directory of this environment. Nothing was changed; \
                   objects are named by their environment.";
    Err(ApiError::new(Code::InvariantViolation, message))
}
