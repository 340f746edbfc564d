//! Tests of the ledger: statements that read like a bank's, and the numbered laws as properties.

mod batch;
mod book;
mod bounds;
mod hold_rows;
mod holds;
mod laws;
mod payments;
mod reversals;
mod statements;
