//! Customers' records in the directory of their environment: made, changed, listed and taken away.
//!
//! What a record may hold and how a list goes on is the core's. Decided here is the order of the
//! steps: each change is one transaction of the row and of what it is found by.

use core::cell::Cell;

use edge_credits_core::customers::list::{Query, cursor};
use edge_credits_core::customers::record::{Changes, Record, new_id};
use edge_credits_core::customers::search::{Found, MAX_SEEKS, newest};
use edge_credits_core::customers::words::Wanted;
use edge_credits_core::entropy::Entropy;
use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::{CustomerId, Environment};
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::clocknext::customers::{
    customer_body, deleted_body, no_customer, other_customer, page_body,
};
use edge_credits_core::wire::errors::ApiError;

use super::Directory;
use crate::customer_store::{self, Kept};
use crate::respond::{Answer, Failure};
use crate::storage::Storage;
use crate::store::{StoreError, in_transaction};

/// What a new customer is made of, besides the body.
pub(crate) struct Birth<'a> {
    /// Whose customer.
    pub(crate) environment: Environment,
    /// The caller's key, where there is one: a repeat under it finds the customer.
    pub(crate) key: Option<&'a IdempotencyKey>,
    /// Drawn once per request, however often the platform delivers it.
    pub(crate) entropy: &'a Entropy,
}

/// Why a step did not end with an answer.
enum Fault {
    Store(StoreError),
    Refused(ApiError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl<S: Storage> Directory<S> {
    /// Makes a customer.
    ///
    /// # Errors
    /// `idempotency_key_reused` where the key made another customer, `internal_error` when the storage
    /// failed.
    pub(crate) fn create(
        &self,
        birth: &Birth<'_>,
        changes: &Changes,
        now: Timestamp,
    ) -> Result<Answer, Failure> {
        self.answer(|| {
            self.prepare(Some((birth.environment, now)))?;
            let id = new_id(birth.environment, birth.key, birth.entropy);
            let id = CustomerId::parse(&id).map_err(|_| StoreError::Corrupt)?;
            let fingerprint = changes.fingerprint();
            if let Some(kept) = customer_store::find(&self.storage, &id)? {
                let same = kept.fingerprint.as_ref() == Some(&fingerprint);
                let found = if same { Ok(kept.record) } else { Err(other_customer(&id)) };
                return Ok((customer_body(&found?), true));
            }
            if customer_store::is_gone(&self.storage, &id)? {
                return Err(no_customer().into());
            }
            let record = Record::new(id, changes, now);
            in_transaction(&self.storage, || {
                customer_store::add(&self.storage, &record, Some(&fingerprint))
            })?;
            Ok((customer_body(&record), false))
        })
    }

    /// A customer's record.
    ///
    /// # Errors
    /// `not_found`; `internal_error` when the storage failed.
    pub(crate) fn customer(&self, id: &CustomerId) -> Result<Answer, Failure> {
        self.answer(|| Ok((customer_body(&self.known(id)?.record), false)))
    }

    /// Changes a record.
    ///
    /// # Errors
    /// As for [`Directory::customer`].
    pub(crate) fn update(
        &self,
        id: &CustomerId,
        changes: &Changes,
        now: Timestamp,
    ) -> Result<Answer, Failure> {
        self.answer(|| {
            let before = self.known(id)?;
            let mut record = before.record.clone();
            if record.change(changes, now) {
                in_transaction(&self.storage, || {
                    customer_store::replace(&self.storage, &before, &record)
                })?;
            }
            Ok((customer_body(&record), false))
        })
    }

    /// Takes a customer's record away. A customer who is gone already stays gone: a repeat is
    /// answered as the first time. Whether a customer without a record exists is the ledger's to say.
    ///
    /// # Errors
    /// `internal_error` when the storage failed.
    pub(crate) fn remove(
        &self,
        (environment, id): (Environment, &CustomerId),
        now: Timestamp,
    ) -> Result<Answer, Failure> {
        self.answer(|| {
            self.prepare(Some((environment, now)))?;
            if !customer_store::is_gone(&self.storage, id)? {
                let kept = customer_store::find(&self.storage, id)?;
                in_transaction(&self.storage, || {
                    customer_store::remove(&self.storage, id, kept.as_ref(), now)
                })?;
            }
            Ok((deleted_body(id), false))
        })
    }

    /// A page of customers, newest first.
    ///
    /// # Errors
    /// As for [`Directory::customer`].
    pub(crate) fn list(&self, query: &Query) -> Result<Answer, Failure> {
        self.answer(|| {
            if !self.prepare(None)? {
                return Ok((page_body(&[], None), false));
            }
            self.adopt_some()?;
            let (page, next) = match &query.wanted {
                None => self.page(None, query)?,
                Some(wanted) => self.search(wanted, query)?,
            };
            let records: Vec<Record> = page.into_iter().map(|kept| kept.record).collect();
            Ok((page_body(&records, next.map(cursor).as_deref()), false))
        })
    }

    fn known(&self, id: &CustomerId) -> Result<Kept, Fault> {
        if !self.prepare(None)? {
            return Err(no_customer().into());
        }
        let mut kept = customer_store::find(&self.storage, id)?;
        if kept.is_none() && !self.adopted.get() {
            in_transaction(&self.storage, || customer_store::adopt_one(&self.storage, id))?;
            kept = customer_store::find(&self.storage, id)?;
        }
        kept.ok_or_else(|| no_customer().into())
    }

    /// Goes on giving records to customers from before there were any.
    pub(super) fn adopt_some(&self) -> Result<(), StoreError> {
        if self.adopted.get() {
            return Ok(());
        }
        let all = Cell::new(false);
        in_transaction(&self.storage, || {
            all.set(customer_store::adopt_some(&self.storage)?);
            Ok(())
        })?;
        self.adopted.set(all.get());
        Ok(())
    }

    /// One range of an index.
    fn page(
        &self,
        beginning: Option<&str>,
        query: &Query,
    ) -> Result<(Vec<Kept>, Option<u64>), StoreError> {
        // One more than the page holds, to know whether more follow.
        let limit = query.limit + 1;
        let mut page = customer_store::newest(&self.storage, beginning, query.before, limit)?;
        let size = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let more = page.len() > size;
        page.truncate(size);
        let next = page.last().map(|kept| kept.number).filter(|_| more);
        Ok((page, next))
    }

    /// The customers who fit a search: by one range of the index where that decides, else one by one.
    fn search(
        &self,
        wanted: &Wanted,
        query: &Query,
    ) -> Result<(Vec<Kept>, Option<u64>), StoreError> {
        let lookups = wanted.lookups();
        if let ([beginning], false) = (lookups.as_slice(), wanted.is_long()) {
            return self.page(Some(beginning), query);
        }
        let (mut page, mut before, mut budget) = (Vec::new(), query.before, MAX_SEEKS);
        let size = usize::try_from(query.limit).unwrap_or(usize::MAX);
        loop {
            let seek = |word: &str, below| customer_store::seek(&self.storage, word, below);
            before = match newest(&lookups, before, &mut budget, seek)? {
                Found::At(place) if page.len() == size => return Ok((page, Some(place + 1))),
                Found::At(place) => place,
                Found::Nothing => return Ok((page, None)),
                Found::Later(place) => return Ok((page, Some(place))),
            };
            let kept = customer_store::at(&self.storage, before)?.ok_or(StoreError::Corrupt)?;
            if wanted.fits(&kept.record) {
                page.push(kept);
            }
        }
    }

    fn answer(
        &self,
        step: impl FnOnce() -> Result<(String, bool), Fault>,
    ) -> Result<Answer, Failure> {
        match step() {
            Ok((body, replayed)) => Ok(Answer { body, replayed }),
            Err(Fault::Refused(error)) => Err(error.into()),
            Err(Fault::Store(error)) => Err(self.failure(error)),
        }
    }
}
