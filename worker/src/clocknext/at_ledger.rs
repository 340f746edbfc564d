//! A request of the ClockNext API, answered by the object of one customer's ledger.
//!
//! Asynchronous, for some of it asks the directory. Until the first await nothing else happens at
//! this object; after one, what was read of the ledger before is old.

use edge_credits_core::ids::{Owner, Unit};
use edge_credits_core::ledger::{Command, LedgerConfig};
use edge_credits_core::plan::Plan;
use edge_credits_core::portal::token::{PortalKeys, TokenRequest};
use edge_credits_core::wire::clocknext::balances::{Named, balances_body};
use edge_credits_core::wire::clocknext::customers::{deleted_body, no_customer};
use edge_credits_core::wire::clocknext::envelope::Envelope;
use edge_credits_core::wire::clocknext::revenue::{parse_range, revenue_body};
use edge_credits_core::wire::clocknext::wallet::{
    entered_body, mistyped, named_credits, parse_credit_adjustment, parse_wallet_entry,
    parse_wallet_query, wallet_body,
};
use edge_credits_core::wire::errors::{ApiError, Code};
use edge_credits_core::wire::requests::{KeySource, body_text};
use wasm_bindgen::JsValue;
use worker::Env;

use super::routes::Ask;
use super::usage::Meter;
use super::{Asking, not_here};
use crate::front::{DIRECTORY, missing};
use crate::head::Head;
use crate::ledger::{Ledger, Standing, other_owner};
use crate::receive::{Received, environment_of, receive_whole};
use crate::respond::{Answer, Failure, Origin, respond};
use crate::serve::{Ids, away};
use crate::storage::Storage;
use crate::{catalog_line, directory_line, host, settings};

/// An object as one request finds it.
pub(crate) struct Here<'a, S> {
    /// The ledger that it keeps.
    pub(crate) ledger: &'a Ledger<S>,
    /// The name by which it was reached, where the runtime tells.
    pub(crate) name: Option<String>,
    /// What is wrong with the settings of its ledger.
    pub(crate) settings: Result<(), ApiError>,
    /// Its settings, and the way to the directory.
    pub(crate) env: &'a Env,
}

/// A request as it came in.
struct Asked<'a> {
    head: &'a Head,
    ids: &'a Ids,
}

impl<'a> Asked<'a> {
    /// Where its idempotency key comes from, unless the body names it.
    fn key(&self) -> KeySource<'a> {
        KeySource { header: self.head.header("idempotency-key"), entropy: &self.ids.entropy }
    }
}

/// Answers one request.
///
/// # Errors
/// Only what the runtime throws while an answer is being made.
pub(crate) async fn serve<S: Storage>(
    here: &Here<'_, S>,
    head: &Head,
    body: Option<Vec<u8>>,
) -> Result<String, JsValue> {
    let started = host::now();
    let ids = Ids::of(head)?;
    let request_id = &ids.request_id;
    let result = match receive_whole(head, body, &|_| environment_of(head)) {
        Ok(Received::Asking(asking)) => here.answer(&asking, &Asked { head, ids: &ids }).await,
        Ok(_) => Err(not_here().into()),
        Err(failure) => Err(failure),
    };
    let (took, envelope) = (host::now().since(started), Envelope::of(head.path()));
    Ok(respond(result, &Origin { request_id, part: "ledger", took, envelope }))
}

impl<S: Storage> Here<'_, S> {
    async fn answer(&self, asking: &Asking<'_>, asked: &Asked<'_>) -> Result<Answer, Failure> {
        let owner = asking.owner()?;
        // A caller that names objects otherwise would split one customer's credits over two.
        if self.name.as_deref().is_some_and(|name| name != owner.object_name()) {
            return Err(other_owner().into());
        }
        self.settings.clone()?;
        match asking.ask {
            Ask::Balances { .. } => {
                self.require_known(&owner).await?;
                // A balance is not kept from anybody for want of its name.
                let catalog = catalog_line::catalog_soon(self.env, owner.environment).await;
                let now = host::now();
                let balances = self.ledger.balances(&owner, now)?;
                let runs = self.ledger.run_counts(&owner, now)?;
                let name = |unit: &Unit| {
                    let known = catalog.as_ref()?.credit_type(unit.as_str())?;
                    Some(Named { id: known.key.as_str(), name: &known.name })
                };
                let body = balances_body(&owner.customer, (&balances, &runs), now, name);
                Ok(Answer { body, replayed: false })
            }
            Ask::Usage => self.meter(owner).take(asking, (asked.head, &asked.ids.entropy)).await,
            Ask::UsageBatch => self.meter(owner).take_batch(asking, &asked.ids.request_id).await,
            Ask::UsagePage | Ask::CustomerUsage { .. } => {
                self.meter(owner).page(asked.head.query()).await
            }
            Ask::Wallet { .. } => {
                let query = parse_wallet_query(asked.head.query())?;
                let (balance, rows) = self.ledger.entries(&owner, host::now(), &query)?;
                Ok(Answer { body: wallet_body(&balance, &rows, &query), replayed: false })
            }
            Ask::EnterWallet { .. } => {
                let command = parse_wallet_entry(&body_text(&asking.body)?, &asked.key())?;
                self.enter(&owner, &command)
            }
            Ask::AdjustCredits { .. } => {
                let command = parse_credit_adjustment(&body_text(&asking.body)?, &asked.key())?;
                self.require_meant(&owner, &command).await?;
                self.enter(&owner, &command)
            }
            _ => self.answer_about(&owner, asking, asked.head).await,
        }
    }

    /// What concerns the customer as a whole.
    async fn answer_about(
        &self,
        owner: &Owner,
        asking: &Asking<'_>,
        head: &Head,
    ) -> Result<Answer, Failure> {
        let now = host::now();
        match asking.ask {
            Ask::Plan { .. } => {
                self.require_known(owner).await?;
                self.ledger.plan(owner, host::now())
            }
            Ask::SetPlan { .. } => {
                let plan = Plan::parse(&body_text(&asking.body)?, now)?;
                self.require_known(owner).await?;
                self.ledger.set_plan(owner, host::now(), Some(plan))
            }
            Ask::EndPlan { .. } => {
                self.require_known(owner).await?;
                self.ledger.set_plan(owner, host::now(), None)
            }
            Ask::Revenue { .. } => {
                let window = parse_range(head.query(), now)?;
                self.require_known(owner).await?;
                let sums = self.ledger.signal_days(owner, host::now(), window)?;
                let body = revenue_body(&owner.customer, window, &sums);
                Ok(Answer { body, replayed: false })
            }
            Ask::PortalToken => {
                let request = TokenRequest::parse(&body_text(&asking.body)?)?;
                let keys = PortalKeys::read(|name| host::setting(self.env, name))?;
                self.require_known(owner).await?;
                let body = request.answer(owner.environment, &keys, host::now());
                Ok(Answer { body, replayed: false })
            }
            Ask::DeleteCustomer { .. } => self.delete(owner).await,
            _ => Err(not_here().into()),
        }
    }

    /// Whether there is such a customer: one with entries, or with a record.
    ///
    /// # Errors
    /// `not_found`; `upstream_unavailable` where the directory cannot be asked.
    async fn require_known(&self, owner: &Owner) -> Result<(), Failure> {
        match self.ledger.standing(owner, host::now())? {
            Standing::Open => return Ok(()),
            Standing::Closed => return Err(no_customer().into()),
            Standing::Empty => {}
        }
        if !directory_line::is_bound(self.env) {
            return Err(missing(DIRECTORY).into());
        }
        match directory_line::lists(self.env, owner).await {
            Some(true) => Ok(()),
            Some(false) => Err(no_customer().into()),
            None => Err(away().into()),
        }
    }

    /// The ledger is closed first: whatever happens to the list, nothing more is accepted. A repeat
    /// goes on where this ends.
    async fn delete(&self, owner: &Owner) -> Result<Answer, Failure> {
        if self.ledger.standing(owner, host::now())? != Standing::Closed {
            self.require_known(owner).await?;
            self.ledger.close(owner, host::now(), &LedgerConfig::default())?;
        }
        if directory_line::is_bound(self.env) && !directory_line::unlist(self.env, owner).await {
            let message = "The customer's ledger is closed, but the list of customers did not \
                           answer: repeat the call to take the customer off it.";
            return Err(ApiError::new(Code::UpstreamUnavailable, message).into());
        }
        Ok(Answer { body: deleted_body(&owner.customer), replayed: false })
    }

    fn meter(&self, owner: Owner) -> Meter<'_, S> {
        Meter { ledger: self.ledger, env: self.env, owner }
    }

    /// Whether the unit that a correction names is meant: the customer has had it, or it is not nearly one
    /// that the catalog has.
    ///
    /// # Errors
    /// `unknown_key`; `upstream_unavailable` where what is known of the catalog says so, and the present
    /// one is not to be had.
    async fn require_meant(&self, owner: &Owner, command: &Command) -> Result<(), Failure> {
        let (arrived, environment) = (host::now(), owner.environment);
        let Some(unit) = named_credits(command) else { return Ok(()) };
        if self.ledger.knows(owner, arrived, unit)? {
            return Ok(());
        }
        let known = catalog_line::catalog(self.env, environment).await;
        if known.is_ok_and(|catalog| mistyped(unit, &catalog).is_none()) {
            return Ok(());
        }
        let present = catalog_line::catalog_since(self.env, environment, arrived).await;
        match present {
            Ok(present) => mistyped(unit, &present).map_or(Ok(()), |error| Err(error.into())),
            Err(_) => {
                let message = "The catalog of this environment could not be read, so it is open \
                               whether there are such credits. Nothing was changed; repeat the call.";
                Err(ApiError::new(Code::UpstreamUnavailable, message).into())
            }
        }
    }

    /// What an owner enters by hand.
    fn enter(&self, owner: &Owner, command: &Command) -> Result<Answer, Failure> {
        let limit = host::setting(self.env, settings::OVERDRAFT_LIMIT);
        let config = settings::ledger_config(limit.as_deref())?;
        let receipt = self.ledger.carry_out(owner, host::now(), command, &config)?;
        let (body, replayed) = (entered_body(&receipt, &owner.customer), receipt.replayed);
        Ok(Answer { body, replayed })
    }
}
