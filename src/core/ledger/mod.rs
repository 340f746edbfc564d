//! The ledger of one customer: commands in, a decision out, nothing done.
//!
//! [`decide`] judges a [`Command`] against an [`Account`] and returns either a [`Rejection`] (nothing
//! changes) or a [`Decision`]: the [`Writes`] that a store persists in one transaction, and the
//! [`Receipt`] to answer with. [`Account::apply`] then brings the account in memory to the same
//! state; loading the stored rows again gives that state too, which is what lets a crash happen
//! between any two steps. Read [`Account`], then [`Draft`](draft), then [`decide`].
//!
//! The laws (L1 …) are listed in the domain README beside the crate.

mod account;
pub(crate) mod action;
mod balance;
mod batch;
mod command;
mod decide;
mod draft;
mod entry;
mod grant;
mod hold;
pub mod mutants;
mod payment;
mod refund;
mod rejection;
pub mod stored;
#[cfg(test)]
mod tests;
mod writes;

pub use account::{Account, Corrupt};
pub use balance::{Balance, BreakdownLine};
pub use batch::{Batch, BatchDecision};
pub(crate) use command::hold_fingerprint;
pub use command::{
    CallDetails, Command, Consume, Debit, Found, GrantCredits, Lookups, Refund, Usage, Void,
    WhenShort,
};
pub use decide::{Decision, LedgerConfig, decide, settle};
pub use entry::{Draw, Entry, EntryKind, KeyRecord, Receipt, Totals, UnitTotals};
pub use grant::{DEFAULT_PRIORITY, Grant, GrantState, MAX_PRIORITY, Source};
pub(crate) use hold::draft::end_id;
pub use hold::judge::{Adjustment, adjust, hold_at};
pub(crate) use hold::judge::{Ending, adjusted, ended, require_unit, require_within};
pub use hold::{
    Adjust, Capture, DEFAULT_HOLD_TTL, Hold, HoldState, MAX_HOLD_TTL, MAX_OPEN_HOLDS, MIN_HOLD_TTL,
    Notes, OnExpiry, Place, Release,
};
pub use payment::{Payment, PaymentRows, Reversal, Settled, TopUp};
pub use rejection::Rejection;
pub use writes::{AlarmIntent, Writes};

/// Most grants of one customer that may be open (unspent or scheduled) at a time.
///
/// A step may have to expire all of them at once and sorts them for the burn order: 1,000 keeps
/// that well under a millisecond, and a daily grant with a year's life stays below it.
pub const MAX_OPEN_GRANTS: usize = 1_000;

/// Most units of one customer. Each entry repeats the totals of all of them, about 100 bytes a unit.
pub const MAX_UNITS: usize = 64;
