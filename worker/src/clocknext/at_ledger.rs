//! A request of the ClockNext API, answered by the object of one customer's ledger.
//!
//! Asynchronous, for some of it asks the directory. Until the first await nothing else happens at
//! this object; after one, what was read of the ledger before is old.

use edge_credits_core::ids::Owner;
use edge_credits_core::ledger::Command;
use edge_credits_core::wire::clocknext::balances::balances_body;
use edge_credits_core::wire::clocknext::envelope::Envelope;
use edge_credits_core::wire::clocknext::wallet::{
    entered_body, parse_credit_adjustment, parse_wallet_entry, parse_wallet_query, wallet_body,
};
use edge_credits_core::wire::errors::ApiError;
use edge_credits_core::wire::requests::{KeySource, body_text};
use wasm_bindgen::JsValue;
use worker::Env;

use super::routes::Ask;
use super::usage::Meter;
use super::{Asking, not_here};
use crate::head::Head;
use crate::ledger::{Ledger, other_owner};
use crate::receive::{Received, environment_of, receive_whole};
use crate::respond::{Answer, Failure, Origin, respond};
use crate::serve::Ids;
use crate::storage::Storage;
use crate::{host, settings};

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
                let now = host::now();
                let balances = self.ledger.balances(&owner, now)?;
                let body = balances_body(&owner.customer, &balances, now, |_| None);
                Ok(Answer { body, replayed: false })
            }
            Ask::Usage => self.meter(owner).take(asking, (asked.head, &asked.ids.entropy)).await,
            Ask::UsageBatch => self.meter(owner).take_batch(asking, &asked.ids.request_id).await,
            Ask::UsagePage | Ask::CustomerUsage { .. } => {
                self.meter(owner).page(asked.head.query(), None)
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
                self.enter(&owner, &command)
            }
            Ask::Me
            | Ask::Catalog
            | Ask::Entries { .. }
            | Ask::PutEntry { .. }
            | Ask::RemoveEntry { .. } => Err(not_here().into()),
        }
    }

    fn meter(&self, owner: Owner) -> Meter<'_, S> {
        Meter { ledger: self.ledger, env: self.env, owner }
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
