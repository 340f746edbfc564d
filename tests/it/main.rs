//! What is tested from outside the crates: the ledger against a second one, by way of its rows in
//! memory and in SQLite, and the wire's bodies by their text.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected stops there"
)]

mod batch;
mod differential;
mod holds;
mod pair;
mod queries;
mod reference;
mod replies;
mod requests;
mod script;
mod shelf;
mod sqlite;
mod stored_rows;

// The worker's own SQL, compiled here so that it runs on this machine. The crate itself is a cdylib
// for wasm whose modules are private, and nothing else of it is wanted.
#[path = "../../worker/src/schema.rs"]
#[allow(dead_code, unused_imports, reason = "the worker uses all of it")]
mod schema;
#[path = "../../worker/src/storage.rs"]
#[allow(dead_code, reason = "the worker uses all of it")]
mod storage;
#[path = "../../worker/src/store.rs"]
#[allow(dead_code, reason = "the worker uses all of it")]
mod store;
