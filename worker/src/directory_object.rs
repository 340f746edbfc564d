//! The Durable Object class of a directory: hands what the runtime brings to
//! [`crate::directory_serve`].

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::worker_sys::DurableObjectState;
use worker::{Env, State};

use crate::directory::Directory;
use crate::directory_serve;
use crate::head::Head;
use crate::object_storage::ObjectStorage;

/// All customers of one environment, on SQLite.
#[wasm_bindgen]
pub struct DirectoryObject {
    directory: Directory<ObjectStorage>,
    state: State,
}

#[wasm_bindgen]
impl DirectoryObject {
    /// The directory in the object's storage. Nothing is read yet.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::needless_pass_by_value, reason = "the runtime gives every object its settings")]
    pub fn new(state: DurableObjectState, _env: Env) -> Self {
        let state = State::from(state);
        Self { directory: Directory::new(ObjectStorage::of(&state)), state }
    }

    /// Answers a request, as the ledger's object does.
    ///
    /// # Errors
    /// Only what the runtime throws while an answer is being made.
    pub fn answer(&self, head: &str, body: Option<Vec<u8>>) -> Result<String, JsValue> {
        let name = self.state.id().name();
        directory_serve::serve(&self.directory, name.as_deref(), &Head::read(head), body)
    }

    /// It sets no alarm; one that comes all the same has nothing to do.
    pub fn alarm(&self) {}
}
