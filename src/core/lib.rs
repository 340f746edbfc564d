//! Every decision of edge-credits: what an amount is, what the ledger answers, when a client tries
//! again. No clock, no I/O, no randomness, no JavaScript: time and entropy are arguments, and a
//! step returns data for a shell to perform.
//!
//! Read `README.md` beside this file for the domain (terms, laws, burn order, time) and `DESIGN.md`
//! for the decisions behind it.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "mutants"))]
extern crate std;

#[cfg(all(feature = "mutants", target_arch = "wasm32"))]
compile_error!("the mutants are for the simulator alone");

pub mod analytics;
pub mod cache;
pub mod catalog;
pub mod client;
pub mod config;
pub mod credits;
pub mod customers;
pub mod entropy;
pub mod error;
pub mod http;
pub mod idempotency;
pub mod ids;
pub mod ledger;
pub mod meter;
pub mod plan;
pub mod portal;
pub mod pricing;
pub mod time;
pub mod topup;
pub mod usage;
pub mod wire;
