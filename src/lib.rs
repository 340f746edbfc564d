//! The wasm client of edge-credits: a thin shell around `edge-credits-core`.
//!
//! It performs what the core decides, through the host's `fetch` and timers. Between calls it holds
//! the retry budgets, what it knows for when an API is away and, in persistent mode in memory, the balances and charges of `memory`; there
//! is no handle that JavaScript would have to free. Its
//! exports are called by the facade in `pkg/js` and by nothing else. Read
//! [`client`] first, then [`drive`].

#[cfg(feature = "engine")]
mod client;
#[cfg(feature = "clocknext")]
mod clocknext;
mod converse;
#[cfg(feature = "engine")]
mod convert;
#[cfg(feature = "engine")]
mod drive;
mod fields;
mod host;
#[cfg(feature = "engine")]
mod isolate;
mod json;
#[cfg(feature = "memory")]
mod memory;
#[cfg(feature = "engine")]
mod meter;
mod panic;
mod throw;

#[cfg(feature = "engine")]
pub use client::{Host, begin, check, next_page, quote, told};
#[cfg(feature = "clocknext")]
pub use clocknext::{FaceHost, ask, pace, refusal, signal, signal_options, verdict};
#[cfg(feature = "engine")]
pub use meter::{meter_ask, meter_open};

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
