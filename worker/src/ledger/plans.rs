//! A customer's plan: set, ended, and its grants given as periods begin.
//!
//! Whatever comes to the ledger first in a period gives what the period brings: a call, or the alarm
//! that the expiry of the last period's grants has set. The grants are committed first, then that they
//! were given: a crash in between gives them again, under the same keys, to no effect.

use edge_credits_core::ids::Owner;
use edge_credits_core::ledger::{Found, Lookups, Rejection};
use edge_credits_core::plan::{Given, Plan, plan_body};
use edge_credits_core::time::Timestamp;

use super::{Fault, Ledger, Loaded};
use crate::host;
use crate::respond::{Answer, Failure};
use crate::standing_store::{self, OfCustomer};
use crate::storage::Storage;
use crate::store::{self, in_transaction};

impl<S: Storage> Ledger<S> {
    /// The plan that the customer is on.
    ///
    /// # Errors
    /// As for [`Ledger::perform`].
    pub(crate) fn plan(&self, owner: &Owner, now: Timestamp) -> Result<Answer, Failure> {
        let body = self.with(owner, now, |loaded| {
            self.touch(loaded)?;
            Ok(plan_body(loaded.plan.as_ref(), loaded.account.time_at(now)))
        })?;
        Ok(Answer { body, replayed: false })
    }

    /// Puts the customer on a plan, or takes them off the one they are on, and gives what it includes.
    ///
    /// # Errors
    /// As for [`Ledger::perform`]; what the ledger cannot hold, it is not put on.
    pub(crate) fn set_plan(
        &self,
        owner: &Owner,
        now: Timestamp,
        plan: Option<Plan>,
    ) -> Result<Answer, Failure> {
        let body = self.with(owner, now, |loaded| {
            let plan = plan.map(|plan| plan.since(loaded.plan.as_ref()));
            if loaded.account.is_closed() {
                return Err(Rejection::Closed.into());
            }
            match plan {
                Some(plan) => self.give(loaded, now, &plan)?,
                None => self.keep_plan(loaded, now, None)?,
            }
            Ok(plan_body(loaded.plan.as_ref(), loaded.account.time_at(now)))
        })?;
        Ok(Answer { body, replayed: false })
    }

    /// Gives what a period that has begun brings. What the ledger cannot hold is left out for this
    /// period, with a line in the log, and keeps nobody from anything else.
    pub(super) fn renew(&self, loaded: &mut Loaded, now: Timestamp) -> Result<(), Fault> {
        let due = loaded.plan.as_ref().filter(|plan| plan.is_due(loaded.account.time_at(now)));
        let Some(plan) = due.cloned() else { return Ok(()) };
        let given = self.given(loaded, now, &plan)?;
        match &given.refused {
            Some(Rejection::Inconsistent) => return Err(Rejection::Inconsistent.into()),
            Some(why) => host::log(&format!("a plan gives less than it includes: {why:?}")),
            None => {}
        }
        self.commit(loaded, now, &given.writes)?;
        self.keep_plan(loaded, now, Some(given.after))
    }

    fn give(&self, loaded: &mut Loaded, now: Timestamp, plan: &Plan) -> Result<(), Fault> {
        let given = self.given(loaded, now, plan)?;
        if let Some(rejection) = given.refused {
            return Err(rejection.into());
        }
        self.commit(loaded, now, &given.writes)?;
        self.keep_plan(loaded, now, Some(given.after))
    }

    fn given(&self, loaded: &Loaded, now: Timestamp, plan: &Plan) -> Result<Given, Fault> {
        let find = |lookups: &Lookups| match loaded.has_tables {
            true => store::find(&self.storage, lookups),
            false => Ok(Found::default()),
        };
        Ok(plan.give(&loaded.account, now, find)?)
    }

    fn keep_plan(
        &self,
        loaded: &mut Loaded,
        now: Timestamp,
        plan: Option<Plan>,
    ) -> Result<(), Fault> {
        let known = OfCustomer { closed_at: None, plan };
        in_transaction(&self.storage, || {
            self.make_tables(loaded, now)?;
            standing_store::keep(&self.storage, &known)
        })?;
        loaded.has_tables = true;
        loaded.plan = known.plan;
        Ok(())
    }
}
