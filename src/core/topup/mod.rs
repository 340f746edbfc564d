//! Top-ups: a customer buys credits, and the ledger learns of it.
//!
//! Decides what is for sale ([`packs`]), what a checkout session is asked for ([`order`]) and how that
//! is said to Stripe ([`stripe`]), how its own sales are known again ([`seal`]), whether a webhook is
//! Stripe's ([`signature`]) and what it means ([`event`]), and, where no money is to move, the state of
//! a test checkout ([`sandbox`]). It sends nothing. What a payment does to a ledger is
//! [`crate::ledger::Payment`]'s.
//!
//! How many credits a payment buys is written down when the session is opened, from the deployment's
//! own list, into metadata that comes back signed. Neither the caller nor the buyer names an amount
//! that is believed.

pub mod event;
pub mod order;
pub mod packs;
pub mod sandbox;
pub mod seal;
pub mod signature;
pub mod stripe;

#[cfg(test)]
mod tests;
