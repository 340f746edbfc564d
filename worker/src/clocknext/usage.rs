//! Usage signals at the customer's ledger: one, many, and what has been used.
//!
//! The catalog is asked for first, and waited for; then signals are judged and written without a
//! pause. Prices, runs and refusals are the core's ([`edge_credits_core::usage`]).

use core::time::Duration;

use edge_credits_core::entropy::Entropy;
use edge_credits_core::ids::Owner;
use edge_credits_core::usage::{
    Judged, Signal, customer_in, logged_body, parse_signal, parse_signal_batch, parse_usage_query,
    results_body, usage_page_body,
};
use edge_credits_core::wire::errors::{ApiError, Code};
use edge_credits_core::wire::requests::{KeySource, body_text};
use worker::Env;

use super::Asking;
use crate::head::Head;
use crate::ledger::{Ledger, other_owner};
use crate::respond::{Answer, Failure};
use crate::storage::Storage;
use crate::{catalog_line, directory_line, host};

/// Whether a signal was refused for what the catalog does not know.
fn is_unknown(told: &Judged) -> bool {
    matches!(told, Err(error) if matches!(error.code, Code::UnknownModel | Code::UnknownKey))
}

/// How long the customer's record is waited for; it takes milliseconds.
const RECORD_PATIENCE: Duration = Duration::from_millis(500);

/// What answers a request about usage.
pub(crate) struct Meter<'a, S> {
    /// The customer's ledger.
    pub(crate) ledger: &'a Ledger<S>,
    /// Where the catalog is asked for.
    pub(crate) env: &'a Env,
    /// Whose.
    pub(crate) owner: Owner,
}

impl<S: Storage> Meter<'_, S> {
    /// Takes one signal.
    ///
    /// # Errors
    /// Why it is refused; as for [`Ledger::take_signals`].
    pub(crate) async fn take(
        &self,
        asking: &Asking<'_>,
        (head, entropy): (&Head, &Entropy),
    ) -> Result<Answer, Failure> {
        let key = KeySource { header: head.header("idempotency-key"), entropy };
        let signal = parse_signal(&body_text(&asking.body)?, &key)?;
        let mut judged = self.judge(&[&signal]).await?;
        let logged = judged.pop().ok_or_else(other_owner)??;
        let replayed = logged.duplicate;
        Ok(Answer { body: logged_body(&logged, &self.owner.customer), replayed })
    }

    /// Takes many, each answered as it would be alone.
    ///
    /// # Errors
    /// What is wrong around the signals; as for [`Ledger::take_signals`].
    pub(crate) async fn take_batch(
        &self,
        asking: &Asking<'_>,
        request_id: &str,
    ) -> Result<Answer, Failure> {
        let batch = parse_signal_batch(&body_text(&asking.body)?)?;
        // A signal of somebody else's is not this ledger's to take.
        let items: Vec<Result<Signal, ApiError>> =
            batch.items.into_iter().map(|item| item.and_then(|signal| self.own(signal))).collect();
        let signals: Vec<&Signal> = items.iter().filter_map(|item| item.as_ref().ok()).collect();
        let mut judged = self.judge(&signals).await?.into_iter();
        let results = items.iter().map(|item| match item {
            Ok(_) => judged.next().unwrap_or_else(|| Err(other_owner())),
            Err(error) => Err(error.clone()),
        });
        let results: Vec<Judged> = results.collect();
        let body = results_body(&results, &self.owner.customer, request_id);
        Ok(Answer { body, replayed: false })
    }

    fn own(&self, signal: Signal) -> Result<Signal, ApiError> {
        if signal.customer == self.owner.customer { Ok(signal) } else { Err(other_owner()) }
    }

    async fn judge(&self, signals: &[&Signal]) -> Result<Vec<Judged>, Failure> {
        if signals.is_empty() {
            return Ok(Vec::new());
        }
        let (arrived, environment) = (host::now(), self.owner.environment);
        let catalog = catalog_line::catalog(self.env, environment).await?;
        let mut judged = self.ledger.take_signals(&self.owner, host::now(), signals, &catalog)?;
        if !judged.iter().any(is_unknown) {
            return Ok(judged);
        }
        // What this catalog does not know may have been put into it since it was read.
        let present = catalog_line::catalog_since(self.env, environment, arrived).await;
        let unknown = judged.iter_mut().zip(signals).filter(|(told, _)| is_unknown(told));
        let (told, again): (Vec<&mut Judged>, Vec<&Signal>) = unknown.unzip();
        let retold = match present {
            Ok(present) if present.version() == catalog.version() => return Ok(judged),
            Ok(present) => self.ledger.take_signals(&self.owner, host::now(), &again, &present)?,
            Err(away) => again.iter().map(|_| Err(away.clone())).collect(),
        };
        told.into_iter().zip(retold).for_each(|(told, retold)| *told = retold);
        Ok(judged)
    }

    /// What has been used, and by whom. Usage is not kept from anybody for want of a record.
    ///
    /// # Errors
    /// As for [`Ledger::usage`].
    pub(crate) async fn page(&self, query: &str) -> Result<Answer, Failure> {
        let query = parse_usage_query(query)?;
        let record = directory_line::record(self.env, &self.owner, RECORD_PATIENCE).await;
        let customer = record.as_ref().and_then(|answer| customer_in(&answer.body));
        let (entries, sums) = self.ledger.usage(&self.owner, host::now(), &query)?;
        let body = usage_page_body((&self.owner.customer, customer), &sums, entries);
        Ok(Answer { body, replayed: false })
    }
}
