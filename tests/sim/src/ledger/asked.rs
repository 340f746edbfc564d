//! What a ledger is asked, and what it answers.

use edge_credits_core::ids::{TransactionId, Unit};
use edge_credits_core::ledger::{Adjust, Balance, Command, Hold, Receipt, Rejection};
use edge_credits_core::plan::Plan;
use edge_credits_core::usage::Signal;

use super::tariff::Tariff;

/// One request.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Command(Command),
    Adjust(TransactionId, Adjust),
    Balance(Unit),
    Hold(TransactionId),
    Holds,
    Signals(Vec<Signal>),
    SetPlan(Option<Plan>),
    /// The customer is to be taken away.
    Close,
}

/// One answer.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Receipt(Box<Receipt>),
    Adjusted(Hold),
    Balance(Balance),
    Hold(Hold),
    /// The open ones, newest first.
    Holds(Vec<TransactionId>),
    /// What there is more to say was judged before.
    Done,
    Refused(Rejection),
}

/// Why a ledger writes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cause<'a> {
    /// Its alarm.
    Alarm,
    /// A call to which it said no, or that only reads.
    Due,
    Asked(&'a Asked),
    /// Signals, at these prices.
    Signals(&'a [Signal], &'a Tariff),
    /// A period of a plan that has begun.
    Plan(&'a Plan),
}
