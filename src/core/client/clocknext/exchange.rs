//! One call to `/api/v1`: attempts, pauses, and what is known at the end.
//!
//! Decides when to send, how long to wait, when to stop, and the outcome. It is an exchange like
//! [`crate::client::exchange`], with that API's own policy: the same steps and events, so one driver
//! performs both.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use crate::client::answer::{header_id, mask, no_answer};
use crate::client::clocknext::answer::{error_of, succeeded};
use crate::client::clocknext::call::Ask;
use crate::client::clocknext::config::{FaceConfig, RetryPolicy};
use crate::client::error::{ClientError, ErrorClass, FaceClass};
use crate::client::retry;
use crate::client::steps::{Event, Failure, Step, Success};
use crate::config::ApiKey;
use crate::entropy::{Entropy, Jitter};
use crate::error::Effect;
use crate::http::{Request, Response};
use crate::time::Timestamp;
use crate::wire::members::Members;
use crate::wire::reading::Said;

/// How long a server's hint is waited for. Longer ones end the call, which says so.
pub const MAX_HINT: Duration = Duration::from_secs(60);
/// Which client this is, for the server's logs.
const USER_AGENT: &str = concat!("edge-credits-js/", env!("CARGO_PKG_VERSION"));
/// The code of a batch that this server does not take as one: its signals can go one by one.
pub const NO_BATCH: &str = "no_batch";
/// The code of a call whose time was over before it was carried out.
pub const DEADLINE: &str = "deadline";

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Sending,
    Sleeping,
    Done,
}

/// One call in progress. It has no `Debug`: it holds the API key.
pub struct Conversation {
    request: Request,
    ask: Ask,
    api_key: ApiKey,
    timeout: Duration,
    retry: RetryPolicy,
    deadline: Option<Timestamp>,
    jitter: Jitter,
    state: State,
    attempts: u32,
    /// Whether an attempt before the last may have been carried out.
    unsettled: bool,
    last_error: Option<Box<ClientError>>,
}

impl Conversation {
    /// A conversation for one call, with until when it may go on.
    #[must_use]
    pub fn new(
        config: &FaceConfig,
        ask: Ask,
        deadline: Option<Timestamp>,
        entropy: &Entropy,
    ) -> Self {
        let mut url = config.base_url.clone();
        url.push_str(&ask.target);
        let request = Request {
            method: ask.method,
            url,
            headers: headers(&config.api_key, ask.body.is_some()),
            body: ask.body.clone(),
        };
        Self {
            request,
            ask,
            api_key: config.api_key.clone(),
            timeout: config.timeout,
            retry: config.retry,
            deadline,
            jitter: entropy.jitter(),
            state: State::Sleeping,
            attempts: 0,
            unsettled: false,
            last_error: None,
        }
    }

    /// Begins, or goes on after a pause: the next attempt is sent at once.
    pub fn start(&mut self, now: Timestamp) -> Step {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            return self.too_late();
        }
        self.state = State::Sending;
        self.attempts += 1;
        let limit = now.plus(self.timeout);
        let deadline = self.deadline.map_or(limit, |deadline| limit.min(deadline));
        Step::Send { request: self.request.clone(), deadline }
    }

    /// Takes what happened and says what to do next. Total, as [`crate::client::exchange`] is.
    pub fn on(&mut self, now: Timestamp, event: Event) -> Step {
        match (self.state, event) {
            (State::Sending, Event::Response(response, said)) => {
                self.answered(now, response, *said)
            }
            (State::Sending, Event::Failed { sent, failure }) => {
                let mut error = no_answer(failure, sent, &self.request.url);
                error.class = ErrorClass::Face(FaceClass::NETWORK);
                match failure {
                    Failure::Timeout | Failure::Network | Failure::Overloaded => {
                        self.weigh(now, error, None)
                    }
                    Failure::Aborted | Failure::Oversized => self.stop(error),
                }
            }
            (State::Sleeping, Event::Woke) => self.start(now),
            _ => self.stop(ClientError::local(
                "internal_error",
                "The client's driver lost track of this call; this is a defect in edge-credits.",
            )),
        }
    }

    /// What is told of a pause, as JSON: `attempt` (the one that failed), `delayMs`, and the facts of
    /// the `error`.
    #[must_use]
    pub fn pause(&self, now: Timestamp, until: Timestamp) -> String {
        let delay = u64::try_from(until.since(now).as_millis()).unwrap_or(u64::MAX);
        Members::new()
            .display("attempt", Some(u64::from(self.attempts)))
            .display("delayMs", Some(delay))
            .display("error", self.last_error.as_ref().map(|error| error.to_json()))
            .finish()
    }

    fn answered(&mut self, now: Timestamp, response: Response, said: Said) -> Step {
        let status = response.status;
        if succeeded(status, &said) {
            self.state = State::Done;
            let request_id = header_id(&response);
            return Step::Done(Ok(Success {
                // What is no JSON object says no more than its status.
                body: if said.is_object { response.body } else { "{}".to_owned() },
                idempotency_key: self.ask.key.clone(),
                attempts: self.attempts,
                replayed: said.replayed,
                mismatch: false,
                request_id,
                said: Some(Box::new(said)),
            }));
        }
        let mut error = error_of(status, said, &response.body);
        error.request_id = error.request_id.or_else(|| header_id(&response));
        let asked = matches!(status, 429 | 503).then(|| retry::asked(&response, now)).flatten();
        error.retry_after = asked;
        if self.ask.batch && matches!(status, 400 | 404 | 405 | 413 | 415 | 422) {
            error.code = NO_BATCH.to_owned();
        }
        self.weigh(now, error, asked)
    }

    /// Tries again after a pause, or stops.
    fn weigh(
        &mut self,
        now: Timestamp,
        mut error: Box<ClientError>,
        asked: Option<Duration>,
    ) -> Step {
        let again = error.retryable && self.ask.repeatable;
        if !again || self.attempts >= self.retry.max_attempts {
            return self.stop(error);
        }
        if asked.is_some_and(|pause| pause > MAX_HINT) {
            error.message.push_str(
                " The server asks to wait for longer than 60 s, so it was not tried again.",
            );
            return self.stop(error);
        }
        let pause = asked.unwrap_or_else(|| delay(self.retry, self.attempts, &mut self.jitter));
        let until = now.plus(pause);
        self.unsettled |= error.effect == Effect::Unknown;
        self.last_error = Some(error);
        if self.deadline.is_some_and(|deadline| until >= deadline) {
            return self.too_late();
        }
        self.state = State::Sleeping;
        Step::Sleep { until }
    }

    fn too_late(&mut self) -> Step {
        let mut error = self.last_error.take().unwrap_or_else(|| {
            let mut error = ClientError::local(DEADLINE, "The call was not sent.");
            error.class = ErrorClass::Face(FaceClass::NETWORK);
            error
        });
        error.code = DEADLINE.to_owned();
        error.message.push_str(" No time was left for another attempt.");
        self.stop(error)
    }

    /// Ends the call with an error, completed by what the attempts before it leave open.
    fn stop(&mut self, mut error: Box<ClientError>) -> Step {
        self.state = State::Done;
        if matches!(error.class, ErrorClass::Engine) {
            error.class = ErrorClass::Face(FaceClass::BASE);
        }
        if self.unsettled {
            error.effect = Effect::Unknown;
        }
        if !self.ask.changes {
            error.effect = Effect::NotApplied;
        }
        error.attempts = self.attempts;
        error.idempotency_key = self.ask.key.clone();
        if self.attempts > 1 {
            error.message.push_str(" Tried ");
            error.message.push_str(&u64::from(self.attempts).to_string());
            error.message.push_str(" times.");
        }
        mask(&mut error, self.api_key.reveal());
        Step::Done(Err(error))
    }
}

/// The pause after so many attempts: `min(base · 2^(n−1), max)`, times a random part of it from one
/// half up to the whole.
#[must_use]
pub fn delay(policy: RetryPolicy, attempts: u32, jitter: &mut Jitter) -> Duration {
    let factor = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    let ceiling = policy.base_delay.saturating_mul(factor).min(policy.max_delay);
    let micros = u64::try_from(ceiling.as_micros()).unwrap_or(u64::MAX);
    let half = micros / 2;
    // The whole itself is excluded: [0.5, 1).
    Duration::from_micros(half + jitter.up_to((micros - half).saturating_sub(1)))
}

fn headers(api_key: &ApiKey, has_body: bool) -> Vec<(&'static str, String)> {
    let mut authorization = "Bearer ".to_owned();
    authorization.push_str(api_key.reveal());
    let mut headers = Vec::new();
    headers.push(("accept", "application/json".to_owned()));
    headers.push(("authorization", authorization));
    headers.push(("user-agent", USER_AGENT.to_owned()));
    if has_body {
        headers.push(("content-type", "application/json".to_owned()));
    }
    headers
}
