//! Calls that the API did not answer, in stateless mode: what is said and accepted without it.
//!
//! Decides when the API counts as away, what an isolate remembers of its customers, how much a gate may
//! allow meanwhile, and what becomes of a charge that was accepted so. Sending it after all is the
//! exchange's ([`Exchange::go_on`]). Persistent mode has rules of its own, in [`crate::cache`].
//!
//! **What it may overspend.** Usage that has happened is always accepted. Gates allow `degradedLimit`
//! credits per customer between two answers of the API to a change of that customer: what is being sent
//! counts, and so does what could not be sent. An answer to a read frees nothing, because reads go on
//! where only writes fail. Where the API has told a balance, however long ago, gates do not allow more
//! than that less what was accepted since. All of it is known to one isolate only: *n* isolates allow
//! *n* times as much.
//!
//! Read [`Standing`] first.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::client::arguments::ApiMethod;
use crate::client::cached;
use crate::client::call::Call;
use crate::client::error::{ClientError, ErrorClass};
use crate::client::remembered::{Balance, Known};
use crate::client::steps::{Outcome, Success};
use crate::config::{ClientConfig, Mode};
use crate::credits::Credits;
use crate::idempotency::{IdempotencyKey, Operation, Scope};
use crate::ids::{CustomerId, Unit};
use crate::time::Timestamp;
use crate::wire::errors::Code;
use crate::wire::members::Members;

/// Accepted charges that wait for one API at once, in one isolate: with the largest metadata each
/// holds some 20 KB, of an isolate's 128 MB.
pub const MAX_WAITING: usize = 1_000;

/// What one isolate remembers of the customers behind one API.
///
/// Plain data that all clients of the isolate share, like the retry budget: on the edge a client lives
/// for one request, and a limit of its own would bound nothing.
#[derive(Default)]
pub struct Standing {
    /// By customer and unit.
    known: Vec<Known>,
    waiting: Vec<Waiting>,
    /// Calls so far, by which it is told which customers were named last.
    calls: u64,
    /// Whether nothing is remembered here.
    closed: bool,
}

/// A charge that was accepted and is being sent.
#[derive(PartialEq, Eq)]
struct Waiting {
    customer: CustomerId,
    unit: Unit,
    key: IdempotencyKey,
    amount: Credits,
    /// Whether it was let in by a gate.
    gate: bool,
}

/// What a call comes to whose exchange has ended.
pub enum Ended {
    /// As it ended, or as the last known balance has it.
    Final(Outcome),
    /// Its charge is accepted. The exchange goes on in the background; its end is to be told to
    /// [`Standing::sent`].
    Accepted(Success),
}

impl Standing {
    /// One that remembers nothing, and so accepts nothing: for clients beyond those that a shell has room
    /// for.
    #[must_use]
    pub fn closed() -> Self {
        Self { closed: true, ..Self::default() }
    }

    /// Whether it may be forgotten: nothing waits, and no limit has been drawn on.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.known.iter().all(|known| known.allowed.is_zero())
    }

    /// Takes note of how a call ended, and says what it comes to.
    pub fn conclude(
        &mut self,
        config: &ClientConfig,
        call: &Call,
        outcome: Outcome,
        now: Timestamp,
    ) -> Ended {
        if config.mode != Mode::Stateless {
            return Ended::Final(outcome);
        }
        match outcome {
            Err(error) if is_away(&error) => {
                if config.graceful_degradation {
                    return self.without_api(config, call, error);
                }
                Ended::Final(Err(error))
            }
            outcome => {
                self.heard(call, &outcome, now);
                Ended::Final(outcome)
            }
        }
    }

    /// Takes note of how the sending of an accepted charge ended.
    pub fn sent(&mut self, call: &Call, outcome: &Outcome, now: Timestamp) {
        let Some(charge) = Waiting::of(call) else { return };
        self.waiting.retain(|waiting| *waiting != charge);
        self.heard(call, outcome, now);
    }

    /// The API has answered: what it says of a balance is kept. If that was a change, what gates allowed
    /// without it and is not on its way any more counts no longer.
    fn heard(&mut self, call: &Call, outcome: &Outcome, now: Timestamp) {
        let said = match outcome {
            Ok(success) => success.said.as_deref(),
            Err(error) if matches!(error.class, ErrorClass::InsufficientCredits { .. }) => None,
            // Whoever said that may be a proxy, or refuse the caller and not know the customer.
            Err(_) => return,
        };
        let gates = self.waiting_of(call, |waiting| waiting.gate);
        let all = self.waiting_of(call, |_| true);
        // The end of a grant does not say of which unit it was.
        let named = call.api_method() != ApiMethod::VoidGrant;
        let balance = said.filter(|_| named).and_then(|said| Balance::of(said, now));
        if self.closed || (balance.is_none() && self.place(call).is_err()) {
            return;
        }
        let Some(known) = self.known(call) else { return };
        if call.idempotency_key().is_some() {
            known.allowed = gates;
        }
        if let Some(balance) = balance {
            known.tell(balance, all);
        }
    }

    /// What a call comes to that the API did not answer.
    fn without_api(
        &mut self,
        config: &ClientConfig,
        call: &Call,
        error: Box<ClientError>,
    ) -> Ended {
        match call.api_method() {
            ApiMethod::GetBalance => match self.last_known(call) {
                Some(body) => Ended::Final(Ok(success(call, body, false))),
                None => Ended::Final(Err(error)),
            },
            ApiMethod::Consume | ApiMethod::ConsumeOrFail => self.accept(config, call, error),
            _ => Ended::Final(Err(error)),
        }
    }

    fn accept(&mut self, config: &ClientConfig, call: &Call, error: Box<ClientError>) -> Ended {
        let Some(charge) = Waiting::of(call) else { return Ended::Final(Err(error)) };
        let body = self.receipt(call);
        if self.waiting.contains(&charge) {
            return Ended::Final(Ok(success(call, body, true)));
        }
        if self.closed {
            return refused(
                error,
                "This process remembers as many APIs and keys as it has room for.",
            );
        }
        if self.waiting.len() >= MAX_WAITING {
            return refused(error, "As many charges wait for it as this process holds.");
        }
        if charge.gate
            && let Err(why) = self.allow(config, call, charge.amount)
        {
            return refused(error, why);
        }
        if let Ok(at) = self.place(call)
            && let Some(known) = self.known.get_mut(at)
        {
            known.owe(charge.amount);
        }
        self.waiting.push(charge);
        Ended::Accepted(success(call, body, false))
    }

    /// Draws on what gates may allow a customer without the API; or says why not.
    fn allow(
        &mut self,
        config: &ClientConfig,
        call: &Call,
        amount: Credits,
    ) -> Result<(), &'static str> {
        let is_counted = call.unit().as_str() == Unit::CREDITS;
        let known = self.known(call).filter(|_| is_counted);
        let sum = known.as_ref().and_then(|known| known.allowed.checked_add(amount));
        let (Some(known), Some(sum)) = (known, sum.filter(|sum| *sum <= config.degraded_limit))
        else {
            return Err("It would allow more than degradedLimit without it.");
        };
        if known.left().is_some_and(|left| left < amount) {
            return Err("The balance known last does not cover it.");
        }
        known.allowed = sum;
        Ok(())
    }

    /// The answer to a charge that is accepted without the API.
    fn receipt(&self, call: &Call) -> String {
        let balance = self.balance(call);
        let scope = Scope { owner: call.owner(), operation: Operation::Consume };
        let id = call.idempotency_key().map(|key| scope.transaction_id(key.as_str()));
        Members::new()
            .nullable("balance", balance.map(|balance| &balance.text))
            .text("transaction_id", id.as_ref().map(|id| id.as_str()))
            .text("customer_id", Some(call.owner().customer.as_str()))
            .text("unit", Some(call.unit().as_str()))
            .nullable_time("as_of", balance.map(|balance| balance.at))
            .text("source", Some("degraded"))
            .display("degraded", Some(true))
            .finish()
    }

    /// The answer to a question for the balance, where one is known.
    fn last_known(&self, call: &Call) -> Option<String> {
        let balance = self.balance(call)?;
        let name = balance.credit_name.as_deref().unwrap_or(call.unit().as_str());
        let body = Members::new()
            .display("balance", Some(&balance.text))
            .text("customer_id", Some(call.owner().customer.as_str()))
            .text("credit_name", Some(name))
            .text("unit", Some(call.unit().as_str()))
            .time("as_of", balance.at)
            .text("source", Some("degraded"))
            .display("degraded", Some(true))
            .finish();
        Some(body)
    }

    fn balance(&self, call: &Call) -> Option<&Balance> {
        self.known.get(self.place(call).ok()?)?.balance.as_ref()
    }

    /// Where a call's customer is, or belongs.
    fn place(&self, call: &Call) -> Result<usize, usize> {
        let (customer, unit) = (&call.owner().customer, call.unit());
        self.known.binary_search_by(|known| (&known.customer, &known.unit).cmp(&(customer, unit)))
    }

    /// The sum of what waits of a call's customer and unit.
    fn waiting_of(&self, call: &Call, which: impl Fn(&Waiting) -> bool) -> Credits {
        let own = |waiting: &&Waiting| {
            waiting.customer == call.owner().customer
                && waiting.unit == *call.unit()
                && which(waiting)
        };
        self.waiting.iter().filter(own).fold(Credits::default(), |sum, waiting| {
            sum.checked_add(waiting.amount).unwrap_or(Credits::MAX)
        })
    }

    /// What is known of a call's customer, to be written to; `None` where there is no room.
    fn known(&mut self, call: &Call) -> Option<&mut Known> {
        self.calls += 1;
        let calls = self.calls;
        if self.place(call).is_err() && self.known.len() >= cached::MAX_CUSTOMERS {
            // A limit that has been drawn on is not forgotten.
            self.known
                .retain(|known| !known.allowed.is_zero() || cached::stays(known.last_named, calls));
        }
        let at = match self.place(call) {
            Ok(at) => at,
            Err(_) if self.known.len() >= cached::MAX_CUSTOMERS => return None,
            Err(at) => {
                self.known.insert(at, Known::new(call));
                at
            }
        };
        let known = self.known.get_mut(at)?;
        known.last_named = calls;
        Some(known)
    }
}

impl Waiting {
    fn of(call: &Call) -> Option<Self> {
        Some(Self {
            customer: call.owner().customer.clone(),
            unit: call.unit().clone(),
            key: call.idempotency_key()?.clone(),
            amount: call.requested()?.amount,
            gate: call.api_method() == ApiMethod::ConsumeOrFail,
        })
    }
}

/// Whether nobody has decided: no answer came, or one from in front of the API. An answer that names
/// a decision of the API's own stands, and so does a limit.
fn is_away(error: &ClientError) -> bool {
    let decided = [Code::InvariantViolation, Code::StaleBalance, Code::OutboxFull];
    let silent = ["network_error", "timeout"];
    error.retryable
        && match error.status {
            None => silent.contains(&&*error.code),
            Some(status) => {
                status >= 500 && !decided.iter().any(|code| code.as_str() == error.code)
            }
        }
}

fn refused(mut error: Box<ClientError>, why: &str) -> Ended {
    error.message.push_str(" Not accepted while the API is away. ");
    error.message.push_str(why);
    Ended::Final(Err(error))
}

fn success(call: &Call, body: String, replayed: bool) -> Success {
    Success {
        body,
        idempotency_key: call.idempotency_key().map(|key| key.as_str().to_owned()),
        attempts: 0,
        replayed,
        mismatch: false,
        request_id: None,
        said: None,
    }
}
