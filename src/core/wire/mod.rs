//! The shapes of the HTTP APIs: what their bodies hold and what their errors are called. No judgement
//! about credits: that is the ledger's.

pub mod batch;
pub mod cached;
pub mod clocknext;
pub mod errors;
pub mod fields;
pub mod holds;
pub mod members;
pub mod outbox;
pub mod reading;
pub mod rejections;
pub mod replies;
pub mod requests;
