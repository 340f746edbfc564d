//! The Durable Object class: hands what the runtime brings to [`crate::serve`].

use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsError, JsValue};
use worker::worker_sys::DurableObjectState;
use worker::{Env, State};

use crate::head::Head;

use crate::ledger::Ledger;
use crate::object_storage::ObjectStorage;
use crate::{host, serve, settings};

/// One customer's ledger, on SQLite.
#[wasm_bindgen]
pub struct LedgerObject {
    ledger: Ledger<ObjectStorage>,
    state: State,
    env: Env,
}

#[wasm_bindgen]
impl LedgerObject {
    /// The ledger in the object's storage. Nothing is read yet.
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: Env) -> Self {
        let state = State::from(state);
        Self { ledger: Ledger::new(ObjectStorage::of(&state)), state, env }
    }

    /// Answers a request: `head` and the answer are texts as [`Head::read`] and
    /// [`crate::respond::respond`] have them, `body` is absent where it could not be read.
    ///
    /// # Errors
    /// Only what the runtime throws while an answer is being made.
    pub fn answer(&self, head: &str, body: Option<Vec<u8>>) -> Result<String, JsValue> {
        let object = serve::Object {
            ledger: &self.ledger,
            name: self.state.id().name(),
            overdraft_limit: host::setting(&self.env, settings::OVERDRAFT_LIMIT),
        };
        object.serve(&Head::read(head), body)
    }

    /// Takes the alarm.
    ///
    /// # Errors
    /// A sentence for the log; the runtime then fires the alarm again.
    pub fn alarm(&self) -> Result<(), JsError> {
        self.ledger.alarm(host::now()).map_err(|reason| JsError::new(&reason))
    }
}
