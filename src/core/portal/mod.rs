//! The customer portal: a page that one customer may see, for a while.
//!
//! Decides who may see whose page ([`token`]). Read [`token::Pass`] first.

pub mod token;

#[cfg(test)]
mod tests;
