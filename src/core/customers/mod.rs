//! Customers as an owner keeps them: names, addresses, notes. What they have and spend is the
//! ledger's.
//!
//! Decides what a record may hold ([`record`]), by what it is found ([`words`], [`search`]) and where a
//! list goes on ([`list`]). It stores nothing.
//!
//! A customer also exists by having ledger entries alone: such a one has a record without a name. So a list shows everybody, whichever of the two APIs they came by.

pub mod list;
pub mod record;
pub mod search;
pub mod words;
