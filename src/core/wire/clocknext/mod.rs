//! The shapes of the ClockNext API (`/api/v1`): what its bodies hold, and how answers are wrapped.
//!
//! Its errors are the codes of [`crate::wire::errors`] in another envelope and, where the two APIs
//! disagree, under another status: [`envelope`] has that table. What a request may say is read as
//! strictly as a Credit Engine body ([`crate::wire::fields`]).

pub mod balances;
pub mod customers;
pub mod envelope;
pub mod passing;
pub mod requests;
pub mod revenue;
pub mod wallet;
