//! The ClockNext client's half of `/api/v1`: signals, customers, the portal.
//!
//! Decides whether a signal may be sent and what it looks like, when a buffer sends and how much, which
//! path a call goes to, what an answer of either envelope means, and when to try again. It sends
//! nothing, sleeps never and holds no signals: a shell does.
//!
//! Read [`signal::SignalInput`] first (arguments to body), then [`call::Ask`] (paths), then
//! [`exchange::Conversation`] (request to outcome) and [`buffer::Backlog`] (when to send).

pub mod answer;
pub mod buffer;
pub mod call;
pub mod config;
pub mod exchange;
pub mod signal;

#[cfg(test)]
mod tests;
