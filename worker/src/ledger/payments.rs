//! Payments in one customer's ledger: the same order of steps, for facts that are not refused.

use edge_credits_core::ids::Owner;
use edge_credits_core::ledger::stored::SqlValue;
use edge_credits_core::ledger::{Lookups, Payment, PaymentRows, Rejection};
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::errors::{ApiError, Code};
use edge_credits_core::wire::rejections;

use super::{Fault, Ledger};
use crate::respond::Failure;
use crate::storage::Storage;
use crate::store::{self, StoreError};

impl<S: Storage> Ledger<S> {
    /// Takes note of a payment, or of a refund of one: each once, however often it is told. All that
    /// it writes, the record of the payment included, is one transaction. The word for what it came
    /// to is [`edge_credits_core::ledger::Settled::effect`].
    ///
    /// # Errors
    /// As for [`Ledger::perform`]. No refusal: what the ledger cannot hold is `internal_error`, and
    /// must be told again.
    pub(crate) fn settle_payment(
        &self,
        owner: &Owner,
        now: Timestamp,
        payment: &Payment,
    ) -> Result<&'static str, Failure> {
        let settled = self.step(owner, now, |loaded| {
            let rows = if loaded.has_tables {
                payment_rows(&self.storage, &payment.lookups(owner))?
            } else {
                PaymentRows::default()
            };
            let settled = payment.settle(&loaded.account, &rows, now)?;
            self.commit(loaded, now, &settled.writes)?;
            Ok(settled.effect)
        });
        settled.map_err(|fault| match fault {
            Fault::Rejected(rejection) if rejection != Rejection::Inconsistent => {
                not_settled(&rejections::to_error(&rejection, &owner.customer))
            }
            fault => fault.into_failure(owner),
        })
    }

    /// Whether a payment has been entered.
    ///
    /// # Errors
    /// As for [`Ledger::perform`]; nothing is changed.
    pub(crate) fn knows_payment(
        &self,
        owner: &Owner,
        now: Timestamp,
        payment: &Payment,
    ) -> Result<bool, Failure> {
        self.with(owner, now, |loaded| {
            let known = loaded.has_tables
                && store::find(&self.storage, &payment.lookups(owner))?.record.is_some();
            Ok(known)
        })
    }
}

/// The answer when a payment cannot be entered: whoever told of it tells it again.
fn not_settled(reason: &ApiError) -> Failure {
    let message = "The ledger cannot take this payment in at present. Nothing was changed; it must \
                   be told again, when whoever runs this deployment has seen to it.";
    let log = Some(format!("a payment was not entered: {}", reason.message));
    Failure { log, ..ApiError::new(Code::InternalError, message).into() }
}

/// The rows that a payment's decision needs besides the account.
///
/// # Errors
/// [`StoreError`].
fn payment_rows(storage: &dyn Storage, lookups: &Lookups) -> Result<PaymentRows, StoreError> {
    let found = store::find(storage, lookups)?;
    let ended = found.charge.as_ref().map(|entry| entry.sequence.to_string());
    let ends = match ended {
        // By the partial index over the few entries that are no usage.
        Some(grant) => store::entries(
            storage,
            "WHERE kind IN ('expiry', 'void') AND kind <> 'consumption' AND EXISTS (SELECT 1 FROM \
             json_each(draws) WHERE json_extract(value, '$[0]') = CAST(? AS INTEGER)) \
             ORDER BY sequence",
            &[SqlValue::Text(grant)],
        )?,
        None => vec![],
    };
    Ok(PaymentRows { found, ends })
}
