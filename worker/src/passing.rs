//! Calls on a cached balance that are not its own to answer: passed on to the upstream, or an
//! operator's.
//!
//! What changes a balance there is read here before the change is answered, so that the next gate
//! knows it. An upstream that does not answer leaves open whether the change was made; the core says
//! what the caller is told ([`handed_on`]).

use std::rc::Rc;

use edge_credits_core::http::Response;
use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::{Environment, Owner, TransactionId, Unit};
use edge_credits_core::wire::cached::handed_on;
use edge_credits_core::wire::outbox::{OutboxQuery, handled_body, outbox_body};
use edge_credits_core::wire::reading::named_unit;

use crate::cache::CachedBalance;
use crate::conversation::{Outside, Setup};
use crate::respond::{Answer, Failure};
use crate::storage::Storage;

/// What is asked for, as it came in.
pub(crate) struct Target<'a> {
    /// Still percent-encoded.
    pub(crate) path: &'a str,
    /// Without its `?`; empty where there is none.
    pub(crate) query: &'a str,
}

impl Target<'_> {
    /// Both, as an upstream is asked for them.
    pub(crate) fn text(&self) -> String {
        let separator = if self.query.is_empty() { "" } else { "?" };
        format!("{}{separator}{}", self.path, self.query)
    }
}

/// Whose answer it is.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The cache's.
    Ours(Answer),
    /// The upstream's.
    Theirs(Response),
}

impl<S: Storage + 'static, O: Outside + 'static> CachedBalance<S, O> {
    /// Reads something of the upstream's.
    ///
    /// # Errors
    /// `upstream_unavailable`; `not_configured`.
    pub(crate) async fn read_there(
        &self,
        environment: Environment,
        target: &Target<'_>,
    ) -> Result<Response, Failure> {
        let setup = self.outside.setup(environment)?;
        self.pass_on(&setup, target, None, None).await
    }

    /// Sends something there that changes no balance.
    ///
    /// # Errors
    /// As for [`CachedBalance::change_there`].
    pub(crate) async fn send_there(
        &self,
        owner: &Owner,
        target: &Target<'_>,
        body: String,
        key: &IdempotencyKey,
    ) -> Result<Response, Failure> {
        let setup = self.outside.setup(owner.environment)?;
        self.pass_on(&setup, target, Some(body), Some(key)).await
    }

    /// Changes something there, and reads the balance again when that was done.
    ///
    /// # Errors
    /// `internal_error` where it is open whether the change was made; `upstream_unavailable` where it
    /// was not; `not_configured`.
    pub(crate) async fn change_there(
        self: &Rc<Self>,
        owner: &Owner,
        target: &Target<'_>,
        body: String,
        key: &IdempotencyKey,
    ) -> Result<Response, Failure> {
        let setup = self.outside.setup(owner.environment)?;
        let unit = named_unit(&body);
        let response = self.pass_on(&setup, target, Some(body), Some(key)).await?;
        if (200..300).contains(&response.status) {
            let unit = named_unit(&response.body).or(unit).unwrap_or_else(Unit::credits);
            self.read_again(owner, &setup, &unit).await?;
        }
        Ok(response)
    }

    async fn pass_on(
        &self,
        setup: &Setup,
        target: &Target<'_>,
        body: Option<String>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Response, Failure> {
        let request = setup.upstream.pass_on(&target.text(), body, key);
        let response = self.outside.fetch(request, setup.timeout).await;
        let response = response.map(|response| setup.upstream.without_key(response));
        handed_on(response, key)
            .map_err(|(error, retry_after)| Failure { retry_after, ..error.into() })
    }

    /// Waits for a balance that is read from now on.
    pub(crate) async fn read_again(
        self: &Rc<Self>,
        owner: &Owner,
        setup: &Rc<Setup>,
        unit: &Unit,
    ) -> Result<(), Failure> {
        let waited = self.keep(|keeper| keeper.arrive(owner))?;
        self.read_first(owner, setup, (unit, waited.arrived)).await;
        Ok(())
    }

    /// What waits to be sent, for an operator.
    ///
    /// # Errors
    /// As for [`CachedBalance::consume`]; nothing is changed.
    pub(crate) fn outbox(
        self: &Rc<Self>,
        owner: &Owner,
        query: OutboxQuery,
    ) -> Result<Answer, Failure> {
        let setup = self.outside.setup(owner.environment)?;
        self.watch(owner, &setup)?;
        let (now, config) = (self.outside.now(), &setup.config);
        let page = (query.after, query.limit);
        let body = self.keep(|keeper| {
            let (overview, rows) = keeper.overview(owner, now, page, config)?;
            let lease = keeper.cache(owner)?.live_lease(now, config.lease);
            let sending = lease.map_or(&[][..], |lease| &lease.positions);
            Ok(outbox_body(&overview, &rows, sending, query, &owner.customer))
        })?;
        Ok(Answer { body, replayed: false })
    }

    /// Sends a quarantined charge again.
    ///
    /// # Errors
    /// `not_found`, `invalid_request`; and as for [`CachedBalance::consume`].
    pub(crate) fn retry(
        self: &Rc<Self>,
        owner: &Owner,
        id: &TransactionId,
    ) -> Result<Answer, Failure> {
        let setup = self.outside.setup(owner.environment)?;
        let now = self.outside.now();
        let handled = self.keep(|keeper| keeper.retry(owner, now, id))?;
        self.watch(owner, &setup)?;
        let body = handled_body(handled, "pending", id, &owner.customer)?;
        Ok(Answer { body, replayed: false })
    }

    /// Writes a quarantined charge off.
    ///
    /// # Errors
    /// As for [`CachedBalance::retry`].
    pub(crate) fn write_off(&self, owner: &Owner, id: &TransactionId) -> Result<Answer, Failure> {
        let now = self.outside.now();
        let handled = self.keep(|keeper| keeper.write_off(owner, now, id))?;
        let body = handled_body(handled, "rejected", id, &owner.customer)?;
        Ok(Answer { body, replayed: false })
    }
}
