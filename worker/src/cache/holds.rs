//! Calls about holds: on those that the cache keeps, or passed on to an upstream that has its own.
//!
//! The core says who keeps them ([`HoldsAt`]); a hold that was placed here stays here, whatever a
//! later deployment is set to.

use std::rc::Rc;

use edge_credits_core::cache::{HoldsAt, TookHold, Waited};
use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::{Owner, TransactionId, Unit};
use edge_credits_core::ledger::{Command, Hold, Place, Rejection};
use edge_credits_core::wire::cached::{hold_refusal, local_hold_body, local_state_body};
use edge_credits_core::wire::errors::ApiError;
use edge_credits_core::wire::holds::{
    hold_body, holds_body, parse_capture, parse_extend, parse_hold, parse_hold_id,
    parse_holds_query, parse_progress, parse_release,
};
use edge_credits_core::wire::rejections::to_error;
use edge_credits_core::wire::requests::KeySource;

use super::{CachedBalance, Told};
use crate::conversation::{Outside, Setup};
use crate::passing::{Reply, Target};
use crate::receive::segment;
use crate::respond::{Answer, Failure};
use crate::routes::HoldChange;
use crate::storage::Storage;

/// A call that changes something, as it came in.
pub(crate) struct Asked<'a> {
    /// What is asked for.
    pub(crate) target: Target<'a>,
    /// Its body.
    pub(crate) body: String,
    /// The key that it names, or the one made for it.
    pub(crate) key: IdempotencyKey,
    /// Where that key comes from.
    pub(crate) source: &'a KeySource<'a>,
}

impl<S: Storage + 'static, O: Outside + 'static> CachedBalance<S, O> {
    /// Places a hold.
    ///
    /// # Errors
    /// The refusal as an error of the API, and as for [`CachedBalance::consume`]; as for
    /// [`CachedBalance::change_there`] where the upstream keeps holds.
    pub(crate) async fn place(
        self: &Rc<Self>,
        owner: &Owner,
        asked: Asked<'_>,
    ) -> Result<Reply, Failure> {
        let setup = self.outside.setup(owner.environment)?;
        self.watch(owner, &setup)?;
        let mut waited = self.keep(|keeper| keeper.arrive(owner))?;
        let read = match parse_hold(&asked.body, asked.source) {
            Ok(Command::Hold(place)) => Ok(place),
            Ok(_) => Err(to_error(&Rejection::Inconsistent, &owner.customer)),
            Err(error) => Err(error),
        };
        let here = match &read {
            Ok(place) if self.keep(|keeper| keeper.has_placed(owner, place))? => true,
            Ok(place) if self.places_here(owner, &setup, &read, &mut waited).await? => {
                if self.was_placed_there(owner, place, &asked.target).await? {
                    return self.leave_to_it(owner, asked).await;
                }
                true
            }
            Ok(_) => false,
            Err(_) => self.places_here(owner, &setup, &read, &mut waited).await?,
        };
        if !here {
            let now = self.outside.now();
            self.keep(|keeper| keeper.places_there(owner, now))?;
        }
        let place = match read {
            Ok(place) if !here => {
                return self.place_there(owner, &setup, (&place, waited), asked).await;
            }
            Ok(place) => place,
            // What it says to that is its own.
            Err(_) if !here => return self.leave_to_it(owner, asked).await,
            Err(error) => return Err(error.into()),
        };
        let told = self
            .decide(owner, &setup, (&place.unit, waited), |keeper, now, waited, config| {
                keeper.place(owner, now, &place, waited, config)
            })
            .await?;
        receipt(told, owner)
    }

    /// The upstream's answer to a call.
    async fn leave_to_it(
        self: &Rc<Self>,
        owner: &Owner,
        asked: Asked<'_>,
    ) -> Result<Reply, Failure> {
        let Asked { target, body, key, .. } = asked;
        self.change_there(owner, &target, body, &key).await.map(Reply::Theirs)
    }

    /// Whether a new hold is kept here. Before the upstream has ever shown a balance it is asked for
    /// one, which a hold needs in any case.
    async fn places_here(
        self: &Rc<Self>,
        owner: &Owner,
        setup: &Rc<Setup>,
        read: &Result<Place, ApiError>,
        waited: &mut Waited,
    ) -> Result<bool, Failure> {
        let known = self.keep(|keeper| keeper.holds_at(owner, &setup.config))?;
        let at = match (known, read) {
            (Some(at), _) => Some(at),
            (None, Ok(Place { unit, .. })) => {
                self.read_first(owner, setup, (unit, waited.arrived)).await;
                waited.in_vain = true;
                self.keep(|keeper| keeper.holds_at(owner, &setup.config))?
            }
            (None, Err(_)) => None,
        };
        // Without a balance the cache can say so, and why.
        Ok(at != Some(HoldsAt::Upstream))
    }

    /// Reports progress, extends, captures or releases.
    ///
    /// # Errors
    /// As for [`CachedBalance::place`].
    pub(crate) async fn change_hold(
        self: &Rc<Self>,
        owner: &Owner,
        (hold, change): (&str, HoldChange),
        asked: Asked<'_>,
    ) -> Result<Reply, Failure> {
        let setup = self.outside.setup(owner.environment)?;
        self.watch(owner, &setup)?;
        let Some(id) = self.kept_here(owner, &setup, hold)? else {
            let Asked { target, body, key, .. } = asked;
            let answer = match change {
                // Neither moves credits, so the balance need not be read again.
                HoldChange::Extend | HoldChange::Progress => {
                    self.send_there(owner, &target, body, &key).await
                }
                HoldChange::Capture | HoldChange::Release => {
                    self.change_there(owner, &target, body, &key).await
                }
            };
            return answer.map(Reply::Theirs);
        };
        let adjust = match change {
            HoldChange::Capture => {
                let command = parse_capture(id, &asked.body, asked.source)?;
                return self.end_hold(owner, &setup, &command).await;
            }
            HoldChange::Release => {
                let command = parse_release(id, &asked.body, asked.source)?;
                return self.end_hold(owner, &setup, &command).await;
            }
            HoldChange::Extend => parse_extend(&asked.body)?,
            HoldChange::Progress => parse_progress(&asked.body)?,
        };
        let now = self.outside.now();
        let adjusted = self.keep(|keeper| keeper.adjust_hold(owner, now, (&id, &adjust)))?;
        shown(adjusted, owner)
    }

    async fn end_hold(
        self: &Rc<Self>,
        owner: &Owner,
        setup: &Rc<Setup>,
        command: &Command,
    ) -> Result<Reply, Failure> {
        // The hold is of a unit whose balance is known: no other is asked for here.
        let unit = Unit::credits();
        let told = self
            .call(owner, setup, &unit, |keeper, now, waited, config| {
                keeper.end_hold(owner, now, command, waited, config)
            })
            .await?;
        // What was captured is sent at once.
        self.watch(owner, setup)?;
        receipt(told, owner)
    }

    /// One hold.
    ///
    /// # Errors
    /// As for [`CachedBalance::place`]; nothing is changed.
    pub(crate) async fn hold_state(
        self: &Rc<Self>,
        owner: &Owner,
        hold: &str,
        target: &Target<'_>,
    ) -> Result<Reply, Failure> {
        let setup = self.outside.setup(owner.environment)?;
        self.watch(owner, &setup)?;
        let Some(id) = self.kept_here(owner, &setup, hold)? else {
            return self.read_there(owner.environment, target).await.map(Reply::Theirs);
        };
        let now = self.outside.now();
        match self.keep(|keeper| keeper.hold(owner, now, &id))? {
            Some((hold, charge)) => {
                let body = local_state_body(&hold, charge.as_ref());
                Ok(Reply::Ours(Answer { body, replayed: false }))
            }
            None => shown(Err(Rejection::UnknownHold), owner),
        }
    }

    /// The open holds.
    ///
    /// # Errors
    /// As for [`CachedBalance::place`]; nothing is changed.
    pub(crate) async fn open_holds(
        self: &Rc<Self>,
        owner: &Owner,
        target: &Target<'_>,
    ) -> Result<Reply, Failure> {
        let setup = self.outside.setup(owner.environment)?;
        self.watch(owner, &setup)?;
        let at = self.keep(|keeper| keeper.holds_at(owner, &setup.config))?;
        if at != Some(HoldsAt::Cache) {
            return self.read_there(owner.environment, target).await.map(Reply::Theirs);
        }
        let (query, now) = (parse_holds_query(target.query)?, self.outside.now());
        let body = self.keep(|keeper| {
            keeper.touch(owner)?;
            Ok(holds_body(keeper.cache(owner)?.open_holds(now).rev(), &query))
        })?;
        Ok(Reply::Ours(Answer { body, replayed: false }))
    }

    /// The id of a hold that is kept here, or would be; `None` for one that the upstream may have:
    /// from the time before this deployment kept holds itself, too.
    fn kept_here(
        &self,
        owner: &Owner,
        setup: &Setup,
        encoded: &str,
    ) -> Result<Option<TransactionId>, Failure> {
        let now = self.outside.now();
        let id = segment(encoded, "hold_id").and_then(|segment| parse_hold_id(&segment));
        if let Ok(id) = &id
            && self.keep(|keeper| keeper.hold(owner, now, id))?.is_some()
        {
            return Ok(Some(id.clone()));
        }
        let passed_on = setup.config.holds == HoldsAt::Upstream
            || self.keep(|keeper| keeper.upstream_may_have_holds(owner))?;
        if passed_on { Ok(None) } else { Ok(Some(id?)) }
    }
}

fn receipt(told: Told<TookHold>, owner: &Owner) -> Result<Reply, Failure> {
    let (customer, aside) = (&owner.customer, told.aside());
    match &told.answer {
        Ok(receipt) => {
            let body = local_hold_body(receipt, customer, Some(aside));
            Ok(Reply::Ours(Answer { body, replayed: receipt.replayed }))
        }
        Err(refusal) => Err(hold_refusal(refusal, customer).into()),
    }
}

fn shown(hold: Result<Hold, Rejection>, owner: &Owner) -> Result<Reply, Failure> {
    match hold {
        Ok(hold) => Ok(Reply::Ours(Answer { body: hold_body(&hold), replayed: false })),
        Err(rejection) => Err(to_error(&rejection, &owner.customer).into()),
    }
}
