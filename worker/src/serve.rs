//! A call on one customer's ledger, answered by the ledger's object.
//!
//! Decides which of the core's readers a body or a query goes to. The body is read first; from then
//! on nothing is awaited, so no other call comes between.

use edge_credits_core::analytics::question::{no_directory, parse_question};
use edge_credits_core::entropy::Entropy;
use edge_credits_core::ids::{Environment, TransactionId};
use edge_credits_core::ledger::Command;
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::batch::parse_batch;
use edge_credits_core::wire::clocknext::envelope::Envelope;
use edge_credits_core::wire::errors::{ApiError, Code};
use edge_credits_core::wire::holds::{
    parse_capture, parse_extend, parse_hold, parse_hold_id, parse_holds_query, parse_progress,
    parse_release,
};
use edge_credits_core::wire::requests::{
    KeySource, body_text, parse_add, parse_balance_query, parse_consume, parse_page_query,
    parse_void,
};
use wasm_bindgen::JsValue;
use worker::Env;

use crate::head::Head;
use crate::ledger::{Ledger, other_owner};
use crate::receive::{Call, ENTROPY, Received, environment_of, receive, receive_whole, segment};
use crate::respond::{Answer, Failure, Origin, REQUEST_ID, hand_on, respond};
use crate::routes::{Action, HoldChange};
use crate::storage::Storage;
use crate::{directory_line, hex, host, settings};

/// Longest request id that is taken over from a caller.
const MAX_REQUEST_ID_LENGTH: usize = 64;

/// An object as one call finds it.
pub(crate) struct Object<'a, S> {
    /// The ledger that it keeps.
    pub(crate) ledger: &'a Ledger<S>,
    /// The name by which it was reached, where the runtime tells.
    pub(crate) name: Option<String>,
    /// What is wrong with the settings that every call needs, if anything is.
    pub(crate) settings: Result<(), ApiError>,
    /// The setting of that name.
    pub(crate) overdraft_limit: Option<String>,
}

/// What a call is answered by, besides its content.
#[derive(Clone, Copy)]
struct Asked<'a> {
    head: &'a Head,
    entropy: &'a Entropy,
    request_id: &'a str,
}

impl<S: Storage> Object<'_, S> {
    /// Answers one request.
    ///
    /// # Errors
    /// Only what the runtime throws while an answer is being made.
    pub(crate) fn serve(&self, head: &Head, body: Option<Vec<u8>>) -> Result<String, JsValue> {
        let started = host::now();
        let Ids { entropy, request_id } = Ids::of(head)?;
        let result = match receive_whole(head, body, &|_| environment_of(head)) {
            Ok(Received::Call(call)) => {
                self.answer(&call, &Asked { head, entropy: &entropy, request_id: &request_id })
            }
            Ok(Received::Health | Received::TopUp(_) | Received::Asking(_)) => {
                Err(no_health().into())
            }
            Ok(Received::Question { .. }) => Err(not_alone().into()),
            Err(failure) => Err(failure),
        };
        let origin = Origin {
            request_id: &request_id,
            part: "ledger",
            took: host::now().since(started),
            envelope: Envelope::of(head.path()),
        };
        Ok(respond(result, &origin))
    }

    /// Answers one call, as of now.
    fn answer(&self, call: &Call<'_>, asked: &Asked<'_>) -> Result<Answer, Failure> {
        let Asked { head, entropy, request_id } = *asked;
        let now = host::now();
        // A caller that names objects otherwise would split one customer's credits over two.
        if self.name.as_deref().is_some_and(|name| name != call.owner.object_name()) {
            return Err(other_owner().into());
        }
        self.settings.clone()?;
        let key = KeySource { header: head.header("idempotency-key"), entropy };
        let command = match call.action {
            Action::Balance => {
                let query = parse_balance_query(head.query())?;
                return self.ledger.balance(&call.owner, now, &query);
            }
            Action::Transactions => {
                let query = parse_page_query(head.query())?;
                return self.ledger.page(&call.owner, now, &query);
            }
            Action::Ask(topic) => {
                let question = parse_question(topic, head.query())?;
                return self.ledger.ask(&call.owner, now, &question);
            }
            Action::Batch => return self.batch(call, request_id, now),
            Action::Outbox | Action::Retry { .. } | Action::WriteOff { .. } => {
                return Err(no_outbox().into());
            }
            Action::Consume => parse_consume(&body_text(&call.body)?, &key)?,
            Action::Add => parse_add(&body_text(&call.body)?, &key)?,
            Action::Void { grant } => {
                parse_void(&segment(grant, "grant_id")?, &body_text(&call.body)?, &key)?
            }
            Action::Hold => parse_hold(&body_text(&call.body)?, &key)?,
            Action::Holds => {
                return self.ledger.holds(&call.owner, now, &parse_holds_query(head.query())?);
            }
            Action::HoldState { hold } => {
                return self.ledger.hold(&call.owner, now, &hold_id(hold)?);
            }
            Action::HoldChange { hold, change } => {
                let (hold, body) = (hold_id(hold)?, body_text(&call.body)?);
                let adjust = match change {
                    HoldChange::Capture => {
                        return self.perform(call, &parse_capture(hold, &body, &key)?, now);
                    }
                    HoldChange::Release => {
                        return self.perform(call, &parse_release(hold, &body, &key)?, now);
                    }
                    HoldChange::Extend => parse_extend(&body)?,
                    HoldChange::Progress => parse_progress(&body)?,
                };
                return self.ledger.adjust(&call.owner, now, (&hold, &adjust));
            }
        };
        self.perform(call, &command, now)
    }

    /// A header `Idempotency-Key` means nothing here: each item has its key.
    fn batch(&self, call: &Call<'_>, request_id: &str, now: Timestamp) -> Result<Answer, Failure> {
        let request = parse_batch(&body_text(&call.body)?)?;
        let config = settings::ledger_config(self.overdraft_limit.as_deref())?;
        let outcomes = self.ledger.perform_batch(&call.owner, now, &request.batch, &config)?;
        let body = request.answer(&outcomes, &call.owner.customer, request_id);
        Ok(Answer { body, replayed: false })
    }

    fn perform(
        &self,
        call: &Call<'_>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Answer, Failure> {
        let config = settings::ledger_config(self.overdraft_limit.as_deref())?;
        self.ledger.perform(&call.owner, now, command, &config)
    }
}

/// The environment, where a request asks of all its customers: a holder of the ledger's binding has no
/// other way to the directory than by an object of the ledger's, named by the environment.
pub(crate) fn asks_of_all(head: &Head) -> Option<Environment> {
    match receive(head, &|_| environment_of(head)) {
        Ok(Received::Question { environment, .. }) => Some(environment),
        _ => None,
    }
}

/// Answers such a request.
///
/// # Errors
/// Only what the runtime throws while an answer is being made.
pub(crate) async fn ask_directory(
    env: &Env,
    name: Option<&str>,
    environment: Environment,
    head: &Head,
) -> Result<String, JsValue> {
    let started = host::now();
    let Ids { request_id, .. } = Ids::of(head)?;
    let refused = if name.is_some_and(|name| name != environment.object_name()) {
        Some(not_alone())
    } else {
        (!directory_line::is_bound(env)).then(no_directory)
    };
    let answer = match refused {
        Some(error) => Err(error),
        None => directory_line::ask(env, environment, head).await.ok_or_else(away),
    };
    let took = host::now().since(started);
    let origin = Origin { request_id: &request_id, part: "directory", took, envelope: None };
    Ok(match answer {
        Ok(theirs) => hand_on(theirs, &origin),
        Err(error) => respond(Err(error.into()), &origin),
    })
}

/// The answer where a directory does not.
pub(crate) fn away() -> ApiError {
    let message = "The directory of this environment did not answer. Ask again.";
    ApiError::new(Code::UpstreamUnavailable, message)
}

fn hold_id(encoded: &str) -> Result<TransactionId, ApiError> {
    parse_hold_id(&segment(encoded, "hold_id")?)
}

/// What makes a request's names: for keys of our own making, and of the request itself.
pub(crate) struct Ids {
    /// For the key of a call that names none.
    pub(crate) entropy: Entropy,
    /// In the answer, in its body where that is an error, and in the log.
    pub(crate) request_id: String,
}

impl Ids {
    /// Those that the caller has given, or new ones.
    ///
    /// # Errors
    /// What the runtime throws where randomness is refused, which is outside a request.
    pub(crate) fn of(head: &Head) -> Result<Self, JsValue> {
        let entropy = match head.header(ENTROPY).and_then(hex::decode) {
            Some(bytes) => bytes,
            None => host::random()?,
        };
        let request_id = match head.header(REQUEST_ID).filter(|id| is_request_id(id)) {
            Some(id) => id.to_owned(),
            None => Entropy::new(host::random()?).uuid(),
        };
        Ok(Self { entropy: Entropy::new(entropy), request_id })
    }
}

fn is_request_id(text: &str) -> bool {
    let fits = (1..=MAX_REQUEST_ID_LENGTH).contains(&text.len());
    fits && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn no_outbox() -> ApiError {
    let message = "A ledger has no outbox: this deployment is not a cache. Nothing was changed.";
    ApiError::new(Code::NotFound, message)
}

/// The answer of one customer's object to a question about all.
pub(crate) fn not_alone() -> ApiError {
    let message = "This object knows one customer: name it by customer_id, or ask the object that is \
                   named by the environment alone.";
    ApiError::about(Code::InvalidRequest, "customer_id", message)
}

/// The answer of an object to the health check.
pub(crate) fn no_health() -> ApiError {
    ApiError::new(Code::NotFound, "There is no such path here; the worker answers /health.")
}
