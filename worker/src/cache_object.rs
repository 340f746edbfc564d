//! The Durable Object class of a cached balance: hands what the runtime brings to
//! [`crate::cache_serve`], and the runtime to [`crate::conversation`].

use core::cell::OnceCell;
use core::time::Duration;
use std::rc::Rc;

use edge_credits_core::entropy::{Entropy, Jitter};
use edge_credits_core::http;
use edge_credits_core::ids::Environment;
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::errors::ApiError;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsError, JsValue};
use worker::worker_sys::DurableObjectState;
use worker::{Delay, Env, State};

use crate::cache::CachedBalance;
use crate::conversation::{Outside, Setup, Work};
use crate::head::Head;
use crate::object_storage::ObjectStorage;
use crate::{cache_serve, host, settings, upstream};

/// One customer's balance in front of a remote API, on SQLite.
#[wasm_bindgen]
pub struct BalanceCacheObject {
    balance: Rc<CachedBalance<ObjectStorage, Runtime>>,
}

#[wasm_bindgen]
impl BalanceCacheObject {
    /// The balance in the object's storage. Nothing is read yet.
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: Env) -> Self {
        let state = State::from(state);
        let storage = ObjectStorage::of(&state);
        let runtime = Runtime { state, env, setup: OnceCell::new() };
        Self { balance: Rc::new(CachedBalance::new(storage, runtime)) }
    }

    /// Answers a request, as the ledger's object does; with a promise where something must be waited
    /// for.
    ///
    /// # Errors
    /// Only what the runtime throws while an answer is being made.
    pub fn answer(&self, head: &str, body: Option<Vec<u8>>) -> Result<JsValue, JsValue> {
        let (balance, head) = (Rc::clone(&self.balance), Head::read(head));
        host::at_once(async move {
            let name = balance.outside.state.id().name();
            let answer = cache_serve::serve(&balance, name.as_deref(), &head, body).await;
            answer.map(JsValue::from)
        })
    }

    /// Takes the alarm.
    ///
    /// # Errors
    /// A sentence for the log; the runtime then fires the alarm again.
    pub fn alarm(&self) -> Result<JsValue, JsValue> {
        let balance = Rc::clone(&self.balance);
        host::at_once(async move {
            let done = balance.alarm().await;
            done.map(|()| JsValue::UNDEFINED).map_err(|reason| JsError::new(&reason).into())
        })
    }
}

/// The runtime around the object.
struct Runtime {
    state: State,
    env: Env,
    /// The settings, read once for the environment of the first call, which is that of the object's
    /// customer: another deployment is another instance.
    setup: OnceCell<(Environment, Rc<Setup>)>,
}

impl Outside for Runtime {
    fn now(&self) -> Timestamp {
        host::now()
    }

    fn jitter(&self) -> Jitter {
        Entropy::new(host::random().unwrap_or_default()).jitter()
    }

    fn setup(&self, environment: Environment) -> Result<Rc<Setup>, ApiError> {
        if let Some((_, setup)) = self.setup.get().filter(|(known, _)| *known == environment) {
            return Ok(Rc::clone(setup));
        }
        let setup = settings::cache(|name| host::setting(&self.env, name), host::url, environment)?;
        let setup = Rc::new(setup);
        // Kept unless there is one of the other environment, whose call the keeper will refuse.
        let _ = self.setup.set((environment, Rc::clone(&setup)));
        Ok(setup)
    }

    async fn fetch(&self, request: http::Request, limit: Duration) -> Option<http::Response> {
        upstream::fetch(request, limit).await
    }

    async fn sleep(&self, pause: Duration) {
        Delay::from(pause).await;
    }

    fn go_on(&self, work: Work) {
        self.state.wait_until(work);
    }

    fn log(&self, line: &str) {
        worker::console_error!("{line}");
    }
}
