//! Usage signals: what was used, priced, and taken from the customer's ledger once.
//!
//! A signal says what happened (a model, its tokens, what they were for); the
//! [catalog](crate::catalog) says what that costs; the [ledger](crate::ledger) takes it. Decides which
//! signals make sense, what each takes from which unit, when a run of an outcome is complete, and what
//! is kept to show later. Read [`Signal`], then [`judge`].
//!
//! | law | |
//! | --- | --- |
//! | U1 | a signal is recorded once, whatever it costs: its key's entry is its record, and a repeat is answered from it without being priced again, whatever has become of the catalog |
//! | U2 | what does not cover a signal is refused, and nothing of it is kept |
//! | U3 | a run of an outcome is billed once, by the signal that completes it, at the price that it was opened with |
//! | U4 | an entry names the version of the catalog that priced it, and that of its run where it is another |
//! | U5 | the sums of a day are those of the signals that were taken on it, and runs are counted as they are |

mod days;
mod judge;
mod log;
mod metrics;
mod page;
mod price;
mod run;
mod signal;
mod split;
#[cfg(test)]
mod tests;

pub use days::{DaySums, MAX_SUM};
pub use judge::RunCount;
pub use judge::{Judged, Logged, Rows, UsageDecision, UsageLookups, day_of, judge, lookups};
pub use log::{logged_body, results_body, usage_log_body};
pub(crate) use metrics::is_metric_name;
pub use metrics::{MAX_METRIC_BYTES, MAX_METRICS};
pub use page::{UsageQuery, customer_in, name_in, parse_usage_query, usage_page_body};
pub use run::{Run, RunLookup, Terms};
pub(crate) use signal::split_signal_batch;
pub use signal::{Signal, SignalBatch, SignalType, parse_signal, parse_signal_batch};
pub use split::{SignalGroup, SplitSignals, split_by_customer};
