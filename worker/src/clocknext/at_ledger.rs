//! A request of the ClockNext API, answered by the object of one customer's ledger.
//!
//! Asynchronous, for some of it asks the directory. Until the first await nothing else happens at
//! this object; after one, what was read of the ledger before is old.

use edge_credits_core::wire::clocknext::balances::balances_body;
use edge_credits_core::wire::clocknext::envelope::Envelope;
use edge_credits_core::wire::errors::ApiError;
use wasm_bindgen::JsValue;

use super::routes::Ask;
use super::{Asking, not_here};
use crate::head::Head;
use crate::host;
use crate::ledger::{Ledger, other_owner};
use crate::receive::{Received, environment_of, receive_whole};
use crate::respond::{Answer, Failure, Origin, respond};
use crate::serve::Ids;
use crate::storage::Storage;

/// An object as one request finds it.
pub(crate) struct Here<'a, S> {
    /// The ledger that it keeps.
    pub(crate) ledger: &'a Ledger<S>,
    /// The name by which it was reached, where the runtime tells.
    pub(crate) name: Option<String>,
    /// What is wrong with the settings of its ledger.
    pub(crate) settings: Result<(), ApiError>,
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
    let Ids { request_id, .. } = Ids::of(head)?;
    let result = match receive_whole(head, body, &|_| environment_of(head)) {
        Ok(Received::Asking(asking)) => here.answer(&asking).await,
        Ok(_) => Err(not_here().into()),
        Err(failure) => Err(failure),
    };
    let (took, envelope) = (host::now().since(started), Envelope::of(head.path()));
    Ok(respond(result, &Origin { request_id: &request_id, part: "ledger", took, envelope }))
}

impl<S: Storage> Here<'_, S> {
    #[allow(clippy::unused_async, reason = "routes that ask the directory follow")]
    async fn answer(&self, asking: &Asking<'_>) -> Result<Answer, Failure> {
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
            Ask::Me => Err(not_here().into()),
        }
    }
}
