//! One logical call over HTTP: attempts, pauses, and what is known at the end.
//!
//! Decides when to send, how long to wait, when to stop, and the outcome. One event in, one step
//! out; the driver is a loop with three arms. The request is the same on every attempt.
//!
//! **What earlier attempts leave open.** Once an attempt may have reached the ledger, only two
//! answers to the same key settle the question: a success (the call is applied, now or then) and
//! `idempotency_key_reused` (the key stands for another call, so this one can never be applied). A
//! later refusal does not: a 402 says that the key had not been applied when it was judged, while
//! the first attempt may still be on its way and arrive after a top-up. Such an error keeps its
//! class and code and says effect `unknown`. Reads never have an effect.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use crate::client::budget::RetryBudget;
use crate::client::call::Call;
use crate::client::error::{ClientError, ErrorClass};
use crate::client::retry;
use crate::config::{ApiKey, ClientConfig};
use crate::entropy::{Entropy, Jitter};
use crate::error::Effect;
use crate::http::{Method, Request, Response};
use crate::time::Timestamp;
use crate::wire::errors::Code;
use crate::wire::reading::{self, ErrorBody, Kind};

/// Largest response body that a shell reads before it reports [`Failure::Oversized`]: a page of 100
/// transactions with full metadata stays below it.
pub const MAX_RESPONSE_BYTES: usize = 1024 * 1024;

/// What a driver does next.
pub enum Step {
    /// Send the request; when `deadline` passes before the last byte of the answer's body, abort
    /// and report [`Failure::Timeout`]. Redirects are not followed.
    Send {
        /// The same on every attempt. Holds a secret.
        request: Request,
        /// When this attempt is given up.
        deadline: Timestamp,
    },
    /// Wait, then report [`Event::Woke`].
    Sleep {
        /// When to wake.
        until: Timestamp,
    },
    /// The call has ended.
    Done(Outcome),
}

/// What a driver reports.
#[derive(Clone, Debug)]
pub enum Event {
    /// An answer, its body read to the end.
    Response(Response),
    /// No usable answer.
    Failed {
        /// Whether anything may have left this machine. When in doubt: true.
        sent: bool,
        /// What went wrong.
        failure: Failure,
    },
    /// The sleep is over.
    Woke,
}

/// Why there is no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The attempt's deadline passed.
    Timeout,
    /// No connection, or it broke.
    Network,
    /// The caller ended the call.
    Aborted,
    /// The body exceeds [`MAX_RESPONSE_BYTES`].
    Oversized,
}

/// A call that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Success {
    /// The status, 200 to 299.
    pub status: u16,
    /// The body's JSON text, as it came.
    pub body: String,
    /// The key that the call went under; `None` for reads.
    pub idempotency_key: Option<String>,
    /// How many times it was sent.
    pub attempts: u32,
    /// Whether the server answered from its record of an earlier call under the key.
    pub replayed: bool,
    /// The server's name of the answer.
    pub request_id: Option<String>,
}

/// How a call ended.
pub type Outcome = Result<Success, Box<ClientError>>;

/// Where the exchange is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Sending,
    Sleeping,
    Done,
}

/// One logical call in progress. It has no `Debug`: it holds the API key.
pub struct Exchange {
    request: Request,
    api_key: Option<ApiKey>,
    key: Option<String>,
    requested: Option<String>,
    timeout: Duration,
    call_allowance: Duration,
    max_retries: u32,
    jitter: Jitter,
    state: State,
    deadline: Timestamp,
    attempts: u32,
    /// Whether an earlier attempt may have been carried out.
    unsettled: bool,
    /// What the last attempt came to, to be told if there is no time for another.
    last_error: Option<Box<ClientError>>,
}

impl Exchange {
    /// An exchange for one call. `entropy` may be the one that made the call's key.
    #[must_use]
    pub fn new(config: &ClientConfig, call: Call, entropy: &Entropy) -> Self {
        let mut url = config.base_url.clone();
        url.push_str(call.target());
        let request = Request {
            method: call.method(),
            url,
            headers: headers(config, &call),
            body: call.body().map(ToOwned::to_owned),
        };
        Self {
            request,
            api_key: config.api_key.clone(),
            key: call.idempotency_key().map(|key| key.as_str().to_owned()),
            requested: call.requested().map(|amount| amount.to_string()),
            timeout: config.timeout,
            call_allowance: config.deadline,
            max_retries: config.max_retries,
            jitter: entropy.jitter(),
            state: State::New,
            deadline: Timestamp::EPOCH,
            attempts: 0,
            unsettled: false,
            last_error: None,
        }
    }

    /// Begins: the first attempt is sent at once, and the call's deadline counts from `now`.
    pub fn start(&mut self, now: Timestamp, budget: &mut RetryBudget) -> Step {
        if self.state != State::New {
            return self.misused();
        }
        budget.earn();
        self.deadline = now.plus(self.call_allowance);
        self.send(now)
    }

    /// Takes what happened and says what to do next.
    ///
    /// Total: an event that does not belong to the last step ends the call with effect `unknown`.
    pub fn on(&mut self, now: Timestamp, event: Event, budget: &mut RetryBudget) -> Step {
        match (self.state, event) {
            (State::Sending, Event::Response(response)) => self.answered(now, response, budget),
            (State::Sending, Event::Failed { sent, failure }) => {
                self.failed(now, sent, failure, budget)
            }
            // The clock may have stepped: that the driver woke counts, not the time it woke at.
            (State::Sleeping, Event::Woke) if now < self.deadline => self.send(now),
            (State::Sleeping, Event::Woke) => self.give_up("The deadline of the call has passed."),
            _ => self.misused(),
        }
    }

    fn send(&mut self, now: Timestamp) -> Step {
        self.state = State::Sending;
        self.attempts += 1;
        let deadline = now.plus(self.timeout).min(self.deadline);
        Step::Send { request: self.request.clone(), deadline }
    }

    fn answered(&mut self, now: Timestamp, response: Response, budget: &mut RetryBudget) -> Step {
        let request_id = response.header("x-request-id").and_then(reading::request_id);
        if (200..300).contains(&response.status)
            && let Some(replayed) = reading::read_success(&response.body)
        {
            let header = response.header("idempotent-replayed");
            let replayed = replayed || header.is_some_and(|value| value.trim() == "true");
            return self.succeed(response, replayed, request_id);
        }
        let error = self.error_of(&response, request_id, retry::hint(&response, now));
        self.weigh(now, error, budget)
    }

    fn succeed(&mut self, response: Response, replayed: bool, request_id: Option<String>) -> Step {
        self.state = State::Done;
        Step::Done(Ok(Success {
            status: response.status,
            body: response.body,
            idempotency_key: self.key.take(),
            attempts: self.attempts,
            replayed,
            request_id,
        }))
    }

    fn failed(
        &mut self,
        now: Timestamp,
        sent: bool,
        failure: Failure,
        budget: &mut RetryBudget,
    ) -> Step {
        let (code, what) = match failure {
            Failure::Timeout => ("timeout", "The API did not answer in time."),
            Failure::Network => ("network_error", "The API could not be reached, or hung up."),
            Failure::Aborted => ("aborted", "The call was ended before the API answered."),
            Failure::Oversized => {
                ("protocol_error", "The API answered with more than 1 MB, which was not read.")
            }
        };
        let mut error = ClientError::local(code, what);
        error.retryable = failure != Failure::Oversized;
        error.effect = if sent { Effect::Unknown } else { Effect::NotApplied };
        let again = matches!(failure, Failure::Timeout | Failure::Network);
        if again { self.weigh(now, error, budget) } else { self.stop(error) }
    }

    /// The error that an answer means, judged alone.
    fn error_of(
        &self,
        response: &Response,
        request_id: Option<String>,
        hint: Option<Duration>,
    ) -> Box<ClientError> {
        let said = ErrorBody::read(&response.body);
        let judgement = reading::judge(response.status, said.code.as_deref());
        let protocol = matches!(judgement.kind, Kind::Success | Kind::Protocol);
        let code = match said.code {
            _ if protocol => "protocol_error".to_owned(),
            Some(code) => code,
            None => reading::default_code(response.status).to_owned(),
        };
        let mut error = ClientError::local(&code, "");
        error.message = match said.message {
            _ if protocol => "The API answered with something that is not its protocol; is \
                              baseUrl right, and is there a proxy in between?"
                .to_owned(),
            Some(message) => message,
            None => said_nothing(response.status),
        };
        error.status = Some(response.status);
        error.details = said.details;
        error.retryable = judgement.retry;
        error.effect = if protocol { Effect::Unknown } else { judgement.effect };
        error.request_id = said.request_id.or(request_id);
        error.retry_after = hint;
        error.class = match judgement.kind {
            Kind::InsufficientCredits => {
                let (current_balance, requested) = reading::read_shortage(error.details.as_deref());
                let requested = requested.or_else(|| self.requested.clone());
                ErrorClass::InsufficientCredits { current_balance, requested }
            }
            Kind::RateLimit => ErrorClass::RateLimit,
            Kind::Authentication => ErrorClass::Authentication,
            Kind::Success | Kind::Protocol | Kind::Other => ErrorClass::Engine,
        };
        error
    }

    /// Tries again after a pause, or stops.
    fn weigh(&mut self, now: Timestamp, error: Box<ClientError>, budget: &mut RetryBudget) -> Step {
        if !error.retryable {
            return self.stop(error);
        }
        let retries = self.attempts.saturating_sub(1);
        if retries >= self.max_retries {
            return self.stop(error);
        }
        let backoff = retry::backoff(retries, &mut self.jitter);
        let pause = error.retry_after.map_or(backoff, |hint| hint.max(backoff));
        let until = now.plus(pause);
        let remember = |this: &mut Self, error: Box<ClientError>| {
            this.unsettled |= error.effect == Effect::Unknown;
            this.last_error = Some(error);
        };
        if until >= self.deadline {
            remember(self, error);
            return self.give_up("The next attempt would come after the deadline of the call.");
        }
        if !budget.spend() {
            remember(self, error);
            return self.give_up("Not tried again: too many calls are failing (retryBudget).");
        }
        remember(self, error);
        self.state = State::Sleeping;
        Step::Sleep { until }
    }

    /// Stops although another attempt might have helped.
    fn give_up(&mut self, why: &str) -> Step {
        let mut error = self.last_error.take().unwrap_or_else(|| {
            ClientError::local("timeout", "The call ended before it was answered.")
        });
        error.message.push(' ');
        error.message.push_str(why);
        self.stop(error)
    }

    /// Ends the call with an error, completed by what the attempts before it leave open.
    fn stop(&mut self, mut error: Box<ClientError>) -> Step {
        self.state = State::Done;
        let settled = error.code == Code::IdempotencyKeyReused.as_str();
        if self.unsettled && !settled {
            error.effect = Effect::Unknown;
        }
        if self.request.method == Method::Get {
            error.effect = Effect::NotApplied;
        }
        error.attempts = self.attempts;
        error.idempotency_key = self.key.take();
        if self.attempts > 1 {
            error.message.push_str(" Tried ");
            error.message.push_str(&self.attempts.to_string());
            error.message.push_str(" times.");
        }
        if error.effect == Effect::Unknown {
            error.message.push_str(
                " It is unknown whether this changed the customer's credits: call again with the \
                 same idempotencyKey (on this error) to settle it; it cannot be applied twice.",
            );
        } else if error.status.is_none() && self.request.method == Method::Post {
            error.message.push_str(" Nothing was charged or granted.");
        }
        self.mask(&mut error);
        Step::Done(Err(error))
    }

    /// Takes the API key out of whatever the server echoed.
    fn mask(&self, error: &mut ClientError) {
        let Some(api_key) = &self.api_key else { return };
        let secret = api_key.reveal();
        let mask = |text: &str| text.contains(secret).then(|| text.replace(secret, "[API key]"));
        if let Some(masked) = mask(&error.message) {
            error.message = masked;
        }
        if let Some(masked) = mask(&error.code) {
            error.code = masked;
        }
        error.request_id = error.request_id.take().map(|id| mask(&id).unwrap_or(id));
        if error.details.as_ref().is_some_and(|details| details.get().contains(secret)) {
            error.details = None;
        }
    }

    /// An event out of turn is a driver's mistake; what was sent may have been carried out.
    fn misused(&mut self) -> Step {
        self.unsettled |= self.attempts > 0;
        self.stop(ClientError::local(
            "internal_error",
            "The client's driver lost track of this call; this is a defect in edge-credits.",
        ))
    }
}

fn headers(config: &ClientConfig, call: &Call) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    headers.push(("accept", "application/json".to_owned()));
    if call.body().is_some() {
        headers.push(("content-type", "application/json".to_owned()));
    }
    if let Some(key) = call.idempotency_key() {
        headers.push(("idempotency-key", key.to_header()));
    }
    // A ledger object is reached through a binding, which is the permission: no secret is needed.
    if let Some(api_key) = config.api_key.as_ref().filter(|_| !config.ledger) {
        headers.push(("authorization", ["Bearer ", api_key.reveal()].concat()));
    }
    headers
}

fn said_nothing(status: u16) -> String {
    let mut message = match status {
        401 => "The API does not accept this API key; is it complete, current and for this server?",
        402 => "The customer's credits do not cover this call; nothing was deducted.",
        403 => "The API refuses this to the API key, or a proxy in between does.",
        404 => "The API does not have this; are baseUrl and paths right?",
        429 => "The API asks to slow down; nothing was changed.",
        500..=599 => "The API failed, or a proxy in front of it did.",
        _ => "The API refused the call without saying why.",
    }
    .to_owned();
    message.push_str(" (HTTP ");
    message.push_str(&status.to_string());
    message.push(')');
    message
}
