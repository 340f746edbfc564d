//! The Durable Object class: hands what the runtime brings to [`crate::serve`], and the way to the
//! directory to the ledger's alarm.

use std::rc::Rc;

use edge_credits_core::analytics::pace::PaceConfig;
use edge_credits_core::analytics::report::Report;
use edge_credits_core::entropy::{Entropy, Jitter};
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::errors::ApiError;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsError, JsValue};
use worker::worker_sys::DurableObjectState;
use worker::{Env, State};

use crate::clocknext::at_ledger;
use crate::head::Head;
use crate::ledger::{Ledger, Outward};
use crate::object_storage::ObjectStorage;
use crate::routes::{Route, TopUpAction, route};
use crate::{directory_line, host, portal, serve, settings, topup};

/// One customer's ledger, on SQLite.
#[wasm_bindgen]
pub struct LedgerObject(Rc<Inside>);

struct Inside {
    ledger: Ledger<ObjectStorage>,
    runtime: Runtime,
    /// The settings that are read once, or what is wrong with them.
    settings: Result<(), ApiError>,
}

#[wasm_bindgen]
impl LedgerObject {
    /// The ledger in the object's storage. Nothing is read yet.
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: Env) -> Self {
        let state = State::from(state);
        let storage = ObjectStorage::of(&state);
        let delay = host::setting(&env, settings::REPORT_DELAY_MS);
        let directory = directory_line::is_bound(&env);
        let (config, settings) = match settings::pace_config(delay.as_deref(), directory) {
            Ok(config) => (config, Ok(())),
            // Nothing is served then, so that no charge goes unreported for a mistyped setting.
            Err(error) => (PaceConfig::default(), Err(error)),
        };
        let ledger = Ledger::new(storage, config);
        Self(Rc::new(Inside { ledger, runtime: Runtime { state, env }, settings }))
    }

    /// Answers a request: `head` and the answer are texts as [`Head::read`] and
    /// [`crate::respond::respond`] have them, `body` is absent where it could not be read. With a
    /// promise where the directory is asked, or Stripe.
    ///
    /// # Errors
    /// Only what the runtime throws while an answer is being made.
    pub fn answer(&self, head: &str, body: Option<Vec<u8>>) -> Result<JsValue, JsValue> {
        let head = Head::read(head);
        let Inside { ledger, runtime, settings } = &*self.0;
        let name = runtime.state.id().name();
        // What most requests are for, a call on this ledger, is judged once, further down.
        let (of_all, top_up) = match route(&head.method, head.path()) {
            Ok(Route::Analytics(_)) => (serve::asks_of_all(&head), None),
            Ok(Route::TopUp(action)) => (None, Some(action == TopUpAction::Open)),
            Ok(Route::ClockNext(_)) => {
                let inside = Rc::clone(&self.0);
                return host::at_once(async move {
                    inside.answer_clocknext(&head, body).await.map(JsValue::from)
                });
            }
            Ok(Route::Portal(_)) => {
                let inside = Rc::clone(&self.0);
                return host::at_once(async move {
                    inside.answer_portal(&head, body).await.map(JsValue::from)
                });
            }
            _ => (None, None),
        };
        if let Some(environment) = of_all {
            let inside = Rc::clone(&self.0);
            return host::at_once(async move {
                let env = &inside.runtime.env;
                let answer = serve::ask_directory(env, name.as_deref(), environment, &head).await;
                answer.map(JsValue::from)
            });
        }
        if let Some(opens) = top_up {
            let (env, settings) = (runtime.env.clone(), settings.clone());
            let here = topup::Here { env, name, settings };
            if opens {
                let inside = Rc::clone(&self.0);
                return host::at_once(async move {
                    topup::open(here, &inside.ledger, head, body).await.map(JsValue::from)
                });
            }
            return topup::serve(&here, ledger, &head, body).map(JsValue::from);
        }
        let object = serve::Object {
            ledger,
            name,
            settings: settings.clone(),
            overdraft_limit: host::setting(&runtime.env, settings::OVERDRAFT_LIMIT),
        };
        object.serve(&head, body).map(JsValue::from)
    }

    /// Takes the alarm.
    ///
    /// # Errors
    /// A sentence for the log; the runtime then fires the alarm again.
    pub fn alarm(&self) -> Result<JsValue, JsValue> {
        let inside = Rc::clone(&self.0);
        host::at_once(async move {
            let done = inside.ledger.alarm(&inside.runtime).await;
            done.map(|()| JsValue::UNDEFINED).map_err(|reason| JsError::new(&reason).into())
        })
    }
}

impl Inside {
    async fn answer_clocknext(
        &self,
        head: &Head,
        body: Option<Vec<u8>>,
    ) -> Result<String, JsValue> {
        let name = self.runtime.state.id().name();
        let (ledger, settings) = (&self.ledger, self.settings.clone());
        let env = &self.runtime.env;
        at_ledger::serve(&at_ledger::Here { ledger, name, settings, env }, head, body).await
    }

    async fn answer_portal(&self, head: &Head, body: Option<Vec<u8>>) -> Result<String, JsValue> {
        let Runtime { state, env } = &self.runtime;
        let (env, name, settings) = (env.clone(), state.id().name(), self.settings.clone());
        portal::serve::serve(&topup::Here { env, name, settings }, &self.ledger, head, body).await
    }
}

/// The runtime around the object.
struct Runtime {
    state: State,
    env: Env,
}

impl Outward for Runtime {
    fn now(&self) -> Timestamp {
        host::now()
    }

    fn jitter(&self) -> Jitter {
        Entropy::new(host::random().unwrap_or_default()).jitter()
    }

    async fn report(&self, report: &Report) -> Result<String, String> {
        directory_line::report(&self.env, report).await
    }

    fn log(&self, line: &str) {
        worker::console_error!("{line}");
    }
}
