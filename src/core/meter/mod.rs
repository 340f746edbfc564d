//! The meter of one call whose cost is known only when it ends: from the tokens that a provider
//! reports, or that are estimated until it does, to the credits that its holds are charged.
//!
//! Decides what tokens cost, how much is held for them, when the ledger is told how much of that is
//! used, when more has to be held, and what each hold is captured for in the end. It does not read
//! streams: who meters names the numbers that a provider said, and the text that went by in bytes.
//! Nor does it keep anything: a [`Meter`] is numbers that a shell holds between two steps.
//!
//! Read [`Meter`] first, then [`Meter::tokens`], [`Meter::due`] and [`Meter::settle`].

mod counting;
mod course;
mod desk;
mod numbers;
mod open;

#[cfg(test)]
mod tests;

pub use counting::{BYTES_PER_TOKEN, MAX_TOKENS, Report};
pub use course::{Due, Settlement};
pub use desk::DESK;
pub use numbers::{ABSENT, KINDS, MAX_HOLDS, Meter, NUMBERS};
pub use open::{AMOUNTS, MIN_LEARNED, PRESUMED_OUTPUT, Rates};
