//! The client's half: one logical call from its arguments to its outcome.
//!
//! Decides what is sent, under which key, what an answer means, whether to try again and when, and
//! what an error tells a person. It sends nothing and sleeps never: a driver performs each
//! [`exchange::Step`] and hands back an [`exchange::Event`].
//!
//! Read [`call::Call`] first (arguments to request), then [`exchange::Exchange`] (request to
//! outcome), then [`error::ClientError`] (what a caller is told).
//!
//! ```
//! use edge_credits_core::client::arguments::{ApiMethod, Arguments, RawAmount};
//! use edge_credits_core::client::budget::RetryBudget;
//! use edge_credits_core::client::call::Call;
//! use edge_credits_core::client::exchange::{Event, Exchange, Step};
//! use edge_credits_core::config::{ClientConfig, ConfigOptions};
//! use edge_credits_core::entropy::Entropy;
//! use edge_credits_core::http::Response;
//! use edge_credits_core::time::Timestamp;
//! use edge_credits_core::wire::reading::Said;
//!
//! let options = ConfigOptions { api_key: Some("ce_test_0123".into()), ..Default::default() };
//! let config = ClientConfig::new(options).unwrap();
//! let mut budget = RetryBudget::new(config.retry_budget);
//! let arguments = Arguments {
//!     customer_id: "cus_1".into(),
//!     amount: Some(RawAmount { kind: "number".into(), text: "5".into() }),
//!     ..Default::default()
//! };
//!
//! let entropy = Entropy::new([7; 16]);
//! let call = Call::new(&config, ApiMethod::ConsumeOrFail, &arguments, &entropy, None).unwrap();
//! let mut exchange = Exchange::new(&config, call, &entropy);
//! let now = Timestamp::from_millis(1_000_000);
//! let Step::Send { request, .. } = exchange.start(now, &mut budget) else { panic!() };
//! assert_eq!(request.url, "https://api.creditengine.dev/v1/customers/cus_1/consume");
//!
//! let answer = Response { status: 200, headers: vec![], body: r#"{"balance":95}"#.into() };
//! let said = Said::read(&answer.body);
//! let Step::Done(outcome) = exchange.on(now, Event::Response(answer, Box::new(said)), &mut budget) else { panic!() };
//! assert_eq!(outcome.unwrap().body, r#"{"balance":95}"#);
//! ```

pub(crate) mod answer;
pub mod arguments;
pub mod budget;
pub mod cached;
pub mod call;
pub(crate) mod checks;
pub mod clocknext;
pub mod degraded;
pub mod error;
pub mod exchange;
pub mod http_date;
mod methods;
pub mod paging;
pub mod quote;
mod remembered;
pub mod request_keys;
pub mod retry;
mod steps;
pub mod told;
mod waiting;

#[cfg(test)]
mod tests;
