//! The cache of one customer's balance in front of a remote ledger: answers at once, sends later.
//!
//! [`Cache`] knows the last balance read upstream (the [`Snapshot`]) and what it accepted since, and
//! from both what is available. An accepted charge is a [`Record`] (to answer its repeats) and an
//! [`OutboxRow`] (to be sent until the upstream has settled it). Each step is a function from the
//! cache, looked-up rows, the time and an event to [`Writes`]: [`accept`](Keeper::accept),
//! [`balance`](Keeper::balance), [`lease`](Keeper::lease), [`settle`](Keeper::settle) and
//! [`merge`](Keeper::merge). [`Keeper`] runs steps on a [`Store`] in the one order that is safe: look
//! up, decide, commit, apply, answer. Two shells drive it, a Durable Object and a long-lived process;
//! the simulator is a third. Where the upstream has no holds of its own, [`LocalHold`]s are kept here.
//!
//! Read [`rows`](Record) first, then [`Cache`], then [`Keeper`]. The invariants D1 to D18 are listed in
//! the domain README beside the crate. Nothing here sends: a [`Conversation`] says what to send, and
//! [`upstream`] reads the answers.

mod accept;
mod config;
mod holds;
mod keeper;
mod memory;
mod merge;
pub mod mutants;
mod notices;
mod operator;
mod outbox;
mod read;
mod rows;
mod settle;
mod state;
mod store;
pub mod stored;
#[cfg(test)]
mod tests;
pub mod upstream;
mod view;

pub use accept::{Accepted, Refusal, Waited};
pub use config::{
    CacheConfig, HoldsAt, MAX_BACKOFF, MAX_OPEN_BYTES, MAX_OPEN_CHARGES, MAX_UNITS, RECORD_LIFE,
};
pub use holds::{Ended, HoldReceipt, HoldRefusal, LocalHold, Told, TookHold};
pub use keeper::{Fault, Keeper, Step};
pub use memory::MemoryStore;
pub use notices::{Notice, NoticeCharge, NoticeKind};
pub use operator::{Counts, Handled, Overview};
pub use outbox::{Conversation, Next};
pub use read::{ReadFailure, Reading};
pub use rows::{LONGEST_WAIT, OutboxRow, Record, RecordState, Source, Writes};
pub use settle::{Outcome, Receipt};
pub use state::{Acknowledged, Cache, Head, Health, Lease, Snapshot, UnitState};
pub use store::{Store, Stored};
pub use view::BalanceView;
