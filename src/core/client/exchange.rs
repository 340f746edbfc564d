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

use crate::client::answer;
use crate::client::budget::RetryBudget;
use crate::client::call::Call;
use crate::client::error::ClientError;
use crate::client::retry;
pub use crate::client::steps::{Event, Failure, MAX_RESPONSE_BYTES, Outcome, Step, Success};
use crate::client::waiting::{Next, Patience};
use crate::config::{ApiKey, ClientConfig};
use crate::entropy::{Entropy, Jitter};
use crate::error::Effect;
use crate::http::{ENVIRONMENT_HEADER, Method, Request, Response};
use crate::time::Timestamp;
use crate::wire::errors::Code;
use crate::wire::reading::Said;

/// The longest call that goes on after the response: hosts end such work after 30 s, and the caller
/// is to be told of a failure before that.
pub const BACKGROUND_ALLOWANCE: Duration = Duration::from_secs(25);

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
    call: Call,
    api_key: Option<ApiKey>,
    timeout: Duration,
    allowance: Duration,
    max_retries: u32,
    jitter: Jitter,
    state: State,
    deadline: Timestamp,
    attempts: u32,
    /// Whether an attempt before the last may have been carried out.
    unsettled: bool,
    /// What the last attempt came to, to be told if there is no time for another.
    last_error: Option<Box<ClientError>>,
    /// Since the charge has been accepted: it waits for the API for as long as it may.
    patience: Option<Patience>,
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
        let allowance = if call.is_background() {
            config.deadline.min(BACKGROUND_ALLOWANCE)
        } else {
            config.deadline
        };
        Self {
            request,
            call,
            api_key: config.api_key.clone(),
            timeout: config.timeout,
            allowance,
            max_retries: config.max_retries,
            jitter: entropy.jitter(),
            state: State::New,
            deadline: Timestamp::EPOCH,
            attempts: 0,
            unsettled: false,
            last_error: None,
            patience: None,
        }
    }

    /// The call that this exchange carries out.
    #[must_use]
    pub const fn call(&self) -> &Call {
        &self.call
    }

    /// Begins: the first attempt is sent at once, and the call's deadline counts from `now`.
    pub fn start(&mut self, now: Timestamp, budget: &mut RetryBudget) -> Step {
        if self.state != State::New {
            return self.misused();
        }
        budget.earn();
        self.deadline = now.plus(self.allowance);
        self.send(now, self.deadline)
    }

    /// Takes what happened and says what to do next.
    ///
    /// Total: an event that does not belong to the last step ends the call with effect `unknown`.
    pub fn on(&mut self, now: Timestamp, event: Event, budget: &mut RetryBudget) -> Step {
        match (self.state, event) {
            (State::Sending, Event::Response(response, said)) => {
                self.answered(now, response, *said, budget)
            }
            (State::Sending, Event::Failed { sent, failure }) => {
                let error = answer::no_answer(failure, sent, &self.request.url);
                match failure {
                    Failure::Timeout | Failure::Network => self.weigh(now, error, budget),
                    Failure::Aborted | Failure::Oversized | Failure::Overloaded => self.stop(error),
                }
            }
            // That the driver woke counts, not the time it woke at: the clock may have stepped back.
            (State::Sleeping, Event::Woke) if now < self.deadline => self.woke(now, budget),
            (State::Sleeping, Event::Woke) => self.give_up("The deadline of the call has passed."),
            (State::Sleeping, Event::Failed { failure: Failure::Aborted, .. }) => {
                self.stop(answer::no_answer(Failure::Aborted, false, &self.request.url))
            }
            _ => self.misused(),
        }
    }

    /// Goes on after it has ended because the API is away: the charge has been accepted meanwhile, as
    /// usage that has happened, and is to arrive under its key.
    ///
    /// For [`BACKGROUND_ALLOWANCE`], from now, or from its beginning if it was one for the background
    /// from the start. When it is sent is decided in `client::waiting`.
    pub fn go_on(&mut self, now: Timestamp, budget: &mut RetryBudget) -> Step {
        if self.state != State::Done {
            return self.misused();
        }
        self.request.body = self.call.plain_body();
        if !self.call.is_background() {
            self.deadline = now.plus(BACKGROUND_ALLOWANCE);
        }
        let mut error = ClientError::local("network_error", "The API could not be reached.");
        error.retryable = true;
        self.last_error = Some(error);
        let mut patience = Patience::new(now, self.deadline, budget.turns(), &mut self.jitter);
        let next = patience.pause(now, None, &mut self.jitter);
        self.patience = Some(patience);
        self.perform(now, next)
    }

    fn woke(&mut self, now: Timestamp, budget: &mut RetryBudget) -> Step {
        match &mut self.patience {
            Some(patience) => {
                let next = patience.woke(now, budget.bounded_turns(), &mut self.jitter);
                self.perform(now, next)
            }
            None => self.send(now, self.deadline),
        }
    }

    /// What one that waits for the API does next.
    fn perform(&mut self, now: Timestamp, next: Next) -> Step {
        match next {
            Next::Send(deadline) => self.send(now, deadline),
            Next::Sleep(until) => {
                self.state = State::Sleeping;
                Step::Sleep { until }
            }
            Next::GiveUp => self.give_up("The API did not come back in time."),
        }
    }

    fn send(&mut self, now: Timestamp, deadline: Timestamp) -> Step {
        self.state = State::Sending;
        self.attempts += 1;
        let deadline = now.plus(self.timeout).min(deadline);
        Step::Send { request: self.request.clone(), deadline }
    }

    fn answered(
        &mut self,
        now: Timestamp,
        response: Response,
        said: Said,
        budget: &mut RetryBudget,
    ) -> Step {
        // Without its data an answer of the analytics is somebody else's.
        let readable =
            said.is_object && (said.has_data || self.call.api_method().topic().is_none());
        let succeeded = (200..300).contains(&response.status) && readable;
        // Whoever says anything else may stand in front of the API.
        let decided = succeeded || matches!(response.status, 402 | 422);
        if decided && self.call.idempotency_key().is_some() {
            budget.turns().opened(now);
        }
        if succeeded {
            let header = response.header("idempotent-replayed");
            let replayed =
                said.replayed || header.is_some_and(|value| value.trim_ascii() == "true");
            let request_id = answer::header_id(&response);
            let body = response.body;
            let said = (!replayed).then(|| Box::new(said));
            return self.succeed(Success { body, replayed, request_id, said, ..self.blank() });
        }
        let requested = self.call.requested().map(|amount| amount.to_string());
        let hint = retry::hint(&response, now);
        let first = answer::first_receipt(&said).map(ToOwned::to_owned);
        let error = answer::error_of(&response, said, hint, requested.as_deref());
        if self.call.key_is_derived()
            && let Some(body) = first
        {
            // The same request, handled again with other numbers: what it did first stands.
            let request_id = error.request_id;
            let marks = Success { replayed: true, mismatch: true, ..self.blank() };
            return self.succeed(Success { body, request_id, ..marks });
        }
        self.weigh(now, error, budget)
    }

    /// A success as far as the exchange itself knows it.
    fn blank(&self) -> Success {
        Success {
            body: String::new(),
            idempotency_key: self.key(),
            attempts: self.attempts,
            replayed: false,
            mismatch: false,
            request_id: None,
            said: None,
        }
    }

    fn succeed(&mut self, success: Success) -> Step {
        self.state = State::Done;
        Step::Done(Ok(success))
    }

    /// Tries again after a pause, or stops.
    fn weigh(&mut self, now: Timestamp, error: Box<ClientError>, budget: &mut RetryBudget) -> Step {
        let retries = self.attempts.saturating_sub(1);
        if !error.retryable || (self.patience.is_none() && retries >= self.max_retries) {
            return self.stop(error);
        }
        if let Some(patience) = &mut self.patience {
            self.unsettled |= error.effect == Effect::Unknown;
            let hint = error.retry_after;
            self.last_error = Some(error);
            let next = patience.failed(now, hint, budget.turns(), &mut self.jitter);
            return self.perform(now, next);
        }
        let backoff = retry::backoff(retries, &mut self.jitter);
        // The hint outranks the backoff, and never shortens it: clients that were turned away
        // together with the same hint still come back apart.
        let until = now.plus(error.retry_after.map_or(backoff, |hint| hint.max(backoff)));
        self.last_error = Some(error);
        if until >= self.deadline {
            return self.give_up("The next attempt would come after the deadline of the call.");
        }
        if !budget.spend() {
            return self.give_up("Not tried again: too many calls are failing (retryBudget).");
        }
        self.unsettled |= self.last_error.as_ref().is_some_and(|e| e.effect == Effect::Unknown);
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
        let read = self.request.method == Method::Get;
        if read {
            error.effect = Effect::NotApplied;
        }
        self.unsettled |= error.effect == Effect::Unknown;
        error.attempts = self.attempts;
        error.idempotency_key = self.key();
        if self.attempts > 1 {
            error.message.push_str(" Tried ");
            error.message.push_str(&u64::from(self.attempts).to_string());
            error.message.push_str(" times.");
        }
        if error.effect == Effect::Unknown {
            error.message.push_str(
                " It is unknown whether this changed the customer's credits: call again with the \
                 same idempotencyKey (on this error) to settle it; it cannot be applied twice.",
            );
        } else if error.status.is_none() && !read {
            error.message.push_str(" Nothing was charged or granted.");
        }
        if let Some(api_key) = &self.api_key {
            answer::mask(&mut error, api_key.reveal());
        }
        Step::Done(Err(error))
    }

    fn key(&self) -> Option<String> {
        self.call.idempotency_key().map(|key| key.as_str().to_owned())
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
    // An object is reached through a binding, which is the permission: no secret is needed.
    if let Some(api_key) = config.api_key.as_ref().filter(|_| !config.bound) {
        let mut value = "Bearer ".to_owned();
        value.push_str(api_key.reveal());
        headers.push(("authorization", value));
    }
    if config.bound {
        headers.push((ENVIRONMENT_HEADER, config.environment.as_str().to_owned()));
    }
    headers
}
