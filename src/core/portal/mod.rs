//! The customer portal: a page that one customer may see, for a while.
//!
//! Decides who may see whose page ([`token`]), what it shows of a ledger ([`view`]), who may embed it
//! and what it sells ([`settings`]). It knows no markup: how things are said and look is the worker's.
//! Read [`token::Pass`] and [`view::View`] first.

pub mod settings;
pub mod token;
pub mod view;

#[cfg(test)]
mod tests;
