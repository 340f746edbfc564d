//! The Cloudflare Worker of edge-credits: one entrance for HTTP, and one object per customer.
//!
//! A request passes [`front`] (who is asking?), and is answered by the customer's [`ledger_object`]
//! by way of [`serve`] (what is asked?) and [`ledger`] (look up, decide, persist, answer); with an
//! upstream, by its [`cache_object`] by way of [`cache_serve`], [`cache`] and [`conversation`]. The
//! ledgers report what was used to the [`directory_object`] of their environment, which answers for all
//! customers by way of [`directory_serve`] and [`directory`]. Both APIs go this way; what is the ClockNext API's
//! own is in [`clocknext`]. What may be charged, granted or refused is decided in `edge-credits-core`; this crate performs. Read
//! [`receive`] for the order of the checks, [`schema`] and [`cache_schema`] for what is stored.

mod auth;
mod cache;
mod cache_object;
mod cache_schema;
mod cache_serve;
mod cache_sql;
mod cache_store;
mod catalog_line;
mod catalog_store;
mod checkout_page;
mod clocknext;
mod conversation;
mod customer_store;
mod directory;
mod directory_line;
mod directory_object;
mod directory_schema;
mod directory_serve;
mod directory_store;
mod front;
mod front_topup;
mod head;
mod hex;
mod host;
mod html;
mod ledger;
mod ledger_object;
mod object_line;
mod object_storage;
mod passing;
mod portal;
mod receive;
mod respond;
mod rollup_store;
mod routes;
mod schema;
mod serve;
mod settings;
mod standing_store;
mod storage;
mod store;
mod topup;
mod topup_settings;
mod upstream;
mod usage_store;

pub use cache_object::BalanceCacheObject;
pub use directory_object::DirectoryObject;
pub use front::{admit, longest_body, refuse_body};
pub use front_topup::admit_whole;
pub use ledger_object::LedgerObject;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
