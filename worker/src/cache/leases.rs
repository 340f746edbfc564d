//! Holds that the upstream keeps, as this cache places them.
//!
//! The ledger judges them by what it knows, and it does not know what waits in this cache's outbox;
//! nor does a gate here know of a hold whose answer is on its way. So while a hold is being placed
//! there, its credits are held here: by a hold of the cache's own that ends when the balance that
//! shows the other has been read. What was accepted here and what is held there then never come to
//! more than the balance, whatever fails in between.

use std::rc::Rc;
use std::time::Duration;

use edge_credits_core::cache::{Refusal, Snapshot, Step, Waited};
use edge_credits_core::error::Effect;
use edge_credits_core::http::Response;
use edge_credits_core::ids::{Owner, TransactionId};
use edge_credits_core::ledger::Place;
use edge_credits_core::wire::cached::hold_refusal;
use edge_credits_core::wire::errors::Code;
use edge_credits_core::wire::reading::{Said, judge};

use super::holds::Asked;
use super::{CachedBalance, refused};
use crate::conversation::{Outside, Setup};
use crate::passing::{Reply, Target};
use crate::respond::Failure;
use crate::storage::Storage;

impl<S: Storage + 'static, O: Outside + 'static> CachedBalance<S, O> {
    /// Places a hold at the upstream. One that it has already is answered again, whatever is left.
    ///
    /// # Errors
    /// As for [`CachedBalance::place`].
    pub(super) async fn place_there(
        self: &Rc<Self>,
        owner: &Owner,
        setup: &Rc<Setup>,
        (place, waited): (&Place, Waited),
        asked: Asked<'_>,
    ) -> Result<Reply, Failure> {
        let Asked { target, body, key, source } = asked;
        let lease = place.lease(source.entropy, &owner.customer);
        let held = match self.reserve(owner, setup, &lease, waited).await? {
            Ok(held) => held,
            // Its own credits may be what is missing.
            Err(short) if self.is_there(owner, place, &target).await => {
                drop(short);
                None
            }
            Err(short) => return Err(refused(&short, owner)),
        };
        let answer = self.change_there(owner, &target, body, &key).await;
        if let Some(held) = held
            && self.is_known(owner, setup, place, &answer).await?
        {
            let now = self.outside.now();
            let release = lease.released(held);
            self.keep(|keeper| {
                keeper.end_hold(owner, now, &release, waited, &setup.config).map(drop)
            })?;
        }
        answer.map(Reply::Theirs)
    }

    /// Holds the credits here. `None` where nothing can be spent here in any case.
    async fn reserve(
        self: &Rc<Self>,
        owner: &Owner,
        setup: &Rc<Setup>,
        lease: &Place,
        waited: Waited,
    ) -> Result<Result<Option<TransactionId>, Refusal>, Failure> {
        let place = |waited| {
            let now = self.outside.now();
            self.keep(|keeper| keeper.place_lease(owner, now, lease, waited, &setup.config))
        };
        let mut step = place(waited)?;
        if matches!(step, Step::ReadFirst) {
            self.read_first(owner, setup, (&lease.unit, waited.arrived)).await;
            step = place(Waited { in_vain: true, ..waited })?;
        }
        match step {
            Step::Done { answer: Ok(receipt), .. } => Ok(Ok(Some(receipt.hold.id))),
            Step::Done { answer: Err(refusal), .. } => {
                Err(hold_refusal(&refusal, &owner.customer).into())
            }
            Step::Refused(short @ Refusal::InsufficientCredits { .. }) => Ok(Err(short)),
            // Gates are shut as well.
            Step::Refused(Refusal::Unavailable { .. } | Refusal::Stale { .. })
            | Step::ReadFirst => Ok(Ok(None)),
            Step::Refused(why) => Err(refused(&why, owner)),
        }
    }

    /// Whether a hold that is not known here is one of the upstream's, where holds were placed there
    /// until lately ([`Keeper::may_be_there`](edge_credits_core::cache::Keeper::may_be_there)).
    ///
    /// # Errors
    /// `upstream_unavailable` where it does not say: placed here too, the hold might be there twice.
    pub(super) async fn was_placed_there(
        &self,
        owner: &Owner,
        place: &Place,
        target: &Target<'_>,
    ) -> Result<bool, Failure> {
        let now = self.outside.now();
        if !self.keep(|keeper| keeper.may_be_there(owner, now))? {
            return Ok(false);
        }
        match self.look_there(owner, place, target).await?.status {
            200 => Ok(true),
            404 => Ok(false),
            _ => {
                let retry_after = Duration::from_secs(1);
                Err(refused(&Refusal::Unavailable { retry_after }, owner))
            }
        }
    }

    /// Whether the upstream is known to have this hold.
    async fn is_there(&self, owner: &Owner, place: &Place, target: &Target<'_>) -> bool {
        let found = self.look_there(owner, place, target).await;
        found.is_ok_and(|response| response.status == 200)
    }

    async fn look_there(
        &self,
        owner: &Owner,
        place: &Place,
        target: &Target<'_>,
    ) -> Result<Response, Failure> {
        let path = format!("{}/{}", target.path, place.hold_id(owner));
        self.read_there(owner.environment, &Target { path: &path, query: "" }).await
    }

    /// Whether the balance here shows what has become of the hold there.
    async fn is_known(
        self: &Rc<Self>,
        owner: &Owner,
        setup: &Rc<Setup>,
        place: &Place,
        answer: &Result<Response, Failure>,
    ) -> Result<bool, Failure> {
        let response = match answer {
            Ok(response) => response,
            Err(failure) => return Ok(failure.error.code == Code::UpstreamUnavailable),
        };
        let said = Said::read(&response.body);
        match judge(response.status, said.code.as_deref()).effect {
            Effect::NotApplied => return Ok(true),
            Effect::Unknown => return Ok(false),
            Effect::Applied => {}
        }
        let Some(placed) = said.sequence else {
            // Without positions only a read that begins now shows it for certain.
            let now = self.keep(|keeper| keeper.arrive(owner))?.arrived;
            self.read_first(owner, setup, (&place.unit, now)).await;
            return self.shows(owner, place, |snapshot| snapshot.read > now);
        };
        self.shows(owner, place, |snapshot| snapshot.sequence >= Some(placed))
    }

    fn shows(
        &self,
        owner: &Owner,
        place: &Place,
        it: impl Fn(&Snapshot) -> bool,
    ) -> Result<bool, Failure> {
        self.keep(|keeper| {
            let unit = keeper.cache(owner)?.unit(&place.unit);
            Ok(unit.and_then(|unit| unit.snapshot.as_ref()).is_some_and(it))
        })
    }
}
