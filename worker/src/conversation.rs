//! The one line from a cached balance to its upstream: who holds a conversation, and who waits.
//!
//! The core decides what is said next and what an answer means ([`Keeper::lease`],
//! [`Keeper::settle`], [`Keeper::merge`]); here it is carried out, one conversation after another,
//! until there is nothing to say. Calls that need a fresh balance name its unit and wait for the
//! driver; all of them are calls on one object, whose requests share one context, so that one may
//! wake another. Memory knows who drives, storage does not need to: two drivers would take turns by
//! their leases.
//!
//! [`Keeper::lease`]: edge_credits_core::cache::Keeper::lease
//! [`Keeper::settle`]: edge_credits_core::cache::Keeper::settle
//! [`Keeper::merge`]: edge_credits_core::cache::Keeper::merge

mod line;

use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::rc::Rc;

use edge_credits_core::cache::upstream::{self, Reading, Upstream};
use edge_credits_core::cache::{CacheConfig, Conversation, Next, OutboxRow, Outcome, ReadFailure};
use edge_credits_core::entropy::Jitter;
use edge_credits_core::http::{Request, Response};
use edge_credits_core::ids::{CustomerId, Environment, Owner, Unit};
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::errors::ApiError;
use edge_credits_core::wire::reading::Said;

use crate::cache::CachedBalance;
use crate::respond::Failure;
use crate::storage::Storage;

use line::all;
pub(crate) use line::{Line, within};

/// Work that goes on after the answer that it began with.
pub(crate) type Work = Pin<Box<dyn Future<Output = ()>>>;

/// What a cached balance needs of the runtime around it.
pub(crate) trait Outside {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// What spreads pauses.
    fn jitter(&self) -> Jitter;
    /// How the deployment wants balances of an environment cached.
    ///
    /// # Errors
    /// `not_configured`.
    fn setup(&self, environment: Environment) -> Result<Rc<Setup>, ApiError>;
    /// Sends a request. `None` when there is no usable answer within `limit`; whether the request
    /// has arrived is then open.
    fn fetch(&self, request: Request, limit: Duration) -> impl Future<Output = Option<Response>>;
    /// Waits.
    fn sleep(&self, pause: Duration) -> impl Future<Output = ()>;
    /// Lets work go on beside the answers.
    fn go_on(&self, work: Work);
    /// A line in the log, of what nobody waits for.
    fn log(&self, line: &str);
}

/// The deployment's settings of the cache.
pub(crate) struct Setup {
    /// Where to, and by which key.
    pub(crate) upstream: Upstream,
    /// How the cache works.
    pub(crate) config: CacheConfig,
    /// How long one request may take.
    pub(crate) timeout: Duration,
}

impl<S: Storage + 'static, O: Outside + 'static> CachedBalance<S, O> {
    /// Lets the driver begin, unless one is at work.
    pub(crate) fn kick(self: &Rc<Self>, owner: &Owner, setup: &Rc<Setup>) {
        let now = self.outside.now();
        let Some(number) = self.line.begin(now, setup.config.lease) else { return };
        let (this, owner, setup) = (Rc::clone(self), owner.clone(), Rc::clone(setup));
        self.outside.go_on(Box::pin(async move {
            if let Err(Failure { error, log, .. }) = this.drive(number, &owner, &setup).await {
                this.outside.log(log.as_deref().unwrap_or(&error.message));
            }
            this.line.end(number);
        }));
    }

    /// Waits until a balance that was asked for after the conversation `arrived` has been read, or
    /// will not be.
    pub(crate) async fn read_first(
        self: &Rc<Self>,
        owner: &Owner,
        setup: &Rc<Setup>,
        (unit, arrived): (&Unit, u64),
    ) {
        self.line.want(unit);
        self.kick(owner, setup);
        let lease = setup.config.lease;
        for _ in 0..MOST_TURNS {
            let heard = self.line.heard();
            if self.line.last_read(unit) > arrived || !self.line.is_busy(self.outside.now(), lease)
            {
                return;
            }
            if within(self.outside.sleep(lease), heard).await.is_none() {
                return;
            }
        }
    }

    /// Waits until the driver has nothing to say, for so long at most.
    pub(crate) async fn drained(&self, limit: Duration, lease: Duration) {
        let quiet = async {
            while self.line.is_busy(self.outside.now(), lease) {
                self.line.heard().await;
            }
        };
        within(self.outside.sleep(limit), quiet).await;
    }

    /// Holds conversations until there is nothing to say, or to be waited for.
    async fn drive(&self, number: u64, owner: &Owner, setup: &Setup) -> Result<(), Failure> {
        let config = &setup.config;
        while self.line.is_driven_by(number) {
            let now = self.outside.now();
            self.line.go_on_from(now, config.lease);
            let wanted = self.line.first_wanted();
            match self.keep(|keeper| keeper.lease(owner, now, wanted.as_ref(), config))? {
                Next::Talk(conversation) => self.hold(owner, setup, conversation).await?,
                // One that this instance knows nothing of: its process has ended, or its driver was
                // cut off. It is over when its lease is.
                Next::Busy { until } => self.outside.sleep(until.since(now)).await,
                Next::Wait { .. } | Next::Idle => return Ok(()),
            }
        }
        Ok(())
    }

    /// One conversation, and its report.
    async fn hold(
        &self,
        owner: &Owner,
        setup: &Setup,
        conversation: Conversation,
    ) -> Result<(), Failure> {
        let mut jitter = self.outside.jitter();
        let config = &setup.config;
        match conversation {
            Conversation::Read { token, unit } => {
                self.line.begin_read(&unit);
                let result = self.read(setup, &owner.customer, &unit).await;
                let (now, told) = (self.outside.now(), (token, &unit, result));
                self.keep(|keeper| keeper.merge(owner, now, told, config, &mut jitter))?;
                self.line.end_read(&unit, token);
            }
            Conversation::Send { token, rows, batch } => {
                let outcomes = if batch {
                    self.send_batch(setup, &owner.customer, &rows).await
                } else {
                    all(rows.iter().map(|row| self.send(setup, &owner.customer, row))).await
                };
                let (now, told) = (self.outside.now(), (token, outcomes.as_slice()));
                self.keep(|keeper| keeper.settle(owner, now, told, config, &mut jitter))?;
                self.line.ring();
            }
        }
        Ok(())
    }

    async fn read(
        &self,
        setup: &Setup,
        customer: &CustomerId,
        unit: &Unit,
    ) -> Result<Reading, ReadFailure> {
        let request = setup.upstream.read(customer, unit);
        match self.outside.fetch(request, setup.timeout).await {
            Some(response) => {
                let said = Said::read(&response.body);
                upstream::reading(&response, &said, unit, self.outside.now())
            }
            None => Err(ReadFailure { refused: None, answered: false, after: None }),
        }
    }

    async fn send(&self, setup: &Setup, customer: &CustomerId, row: &OutboxRow) -> (u64, Outcome) {
        let request = setup.upstream.send(customer, row);
        let outcome = match self.outside.fetch(request, setup.timeout).await {
            Some(response) => {
                let said = Said::read(&response.body);
                upstream::outcome(&response, &said, &row.unit, self.outside.now())
            }
            None => upstream::unanswered(true),
        };
        (row.position, outcome)
    }

    async fn send_batch(
        &self,
        setup: &Setup,
        customer: &CustomerId,
        rows: &[OutboxRow],
    ) -> Vec<(u64, Outcome)> {
        let request = setup.upstream.send_batch(customer, rows);
        let response = self.outside.fetch(request, setup.timeout).await;
        upstream::batch_outcomes(response.as_ref(), rows, self.outside.now())
    }
}

/// How many conversations a call waits for: the one under way, its own read, and those of other
/// units in between. Each is bounded by its lease.
const MOST_TURNS: u32 = 6;
