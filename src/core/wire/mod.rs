//! The shapes of the HTTP APIs: what their bodies hold and what their errors are called. No logic.

pub mod errors;
