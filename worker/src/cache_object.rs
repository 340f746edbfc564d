//! The Durable Object class of a cached balance: hands what the runtime brings to
//! [`crate::cache_serve`], and the runtime to [`crate::conversation`].
#![expect(missing_docs, reason = "the macro makes public functions without docs")]

use core::cell::OnceCell;
use core::time::Duration;
use std::rc::Rc;

use edge_credits_core::entropy::{Entropy, Jitter};
use edge_credits_core::http;
use edge_credits_core::ids::Environment;
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::errors::ApiError;
use worker::{Delay, DurableObject, Env, Request, Response, Result, State, durable_object};

use crate::cache::CachedBalance;
use crate::conversation::{Outside, Setup, Work};
use crate::object_storage::ObjectStorage;
use crate::{cache_serve, host, settings, upstream};

/// One customer's balance in front of a remote API, on SQLite.
#[durable_object(alarm)]
pub struct BalanceCacheObject {
    balance: Rc<CachedBalance<ObjectStorage, Runtime>>,
}

impl DurableObject for BalanceCacheObject {
    fn new(state: State, env: Env) -> Self {
        let storage = ObjectStorage::of(&state);
        let runtime = Runtime { state, env, setup: OnceCell::new() };
        Self { balance: Rc::new(CachedBalance::new(storage, runtime)) }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        let name = self.balance.outside.state.id().name();
        cache_serve::serve(&self.balance, name.as_deref(), request.inner()).await
    }

    async fn alarm(&self) -> Result<Response> {
        self.balance.alarm().await?;
        Response::empty()
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

    fn setup(&self, environment: Environment) -> core::result::Result<Rc<Setup>, ApiError> {
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
