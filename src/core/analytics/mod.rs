//! Usage over time and over customers: what is counted, where it is kept, and what is answered.
//!
//! A ledger answers for its customer, the directory of an environment for all of them. Both keep sums
//! per day ([`rollup`]); the directory gets its own from the ledgers' [`report`]s, each entry once,
//! whatever is lost, repeated or late on the way. Read [`tally`] for what counts as consumed and
//! added, [`directory`] for how customers are counted and ranked without reading customers × days,
//! [`pace`] for when a ledger reports, [`question`] and [`answers`] for the API.
//!
//! Nothing here charges, and nothing that is charged waits for it.

pub mod answers;
pub mod day;
pub mod directory;
pub mod pace;
pub mod question;
pub mod report;
pub mod rollup;
pub mod tally;
#[cfg(test)]
mod tests;
