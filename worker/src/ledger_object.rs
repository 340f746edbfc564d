//! The Durable Object class: hands what the runtime brings to [`crate::serve`].
#![expect(missing_docs, reason = "the macro makes public functions without docs")]

use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use crate::ledger::Ledger;
use crate::object_storage::ObjectStorage;
use crate::{host, serve, settings};

/// One customer's ledger, on SQLite.
#[durable_object(alarm)]
pub struct LedgerObject {
    ledger: Ledger<ObjectStorage>,
    state: State,
    env: Env,
}

impl DurableObject for LedgerObject {
    fn new(state: State, env: Env) -> Self {
        Self { ledger: Ledger::new(ObjectStorage::of(&state)), state, env }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        let object = serve::Object {
            ledger: &self.ledger,
            name: self.state.id().name(),
            overdraft_limit: host::setting(&self.env, settings::OVERDRAFT_LIMIT),
        };
        object.serve(request.inner()).await
    }

    async fn alarm(&self) -> Result<Response> {
        self.ledger.alarm(host::now())?;
        Response::empty()
    }
}
