//! A worker that panics when told to, built with the real shim: what `tests/runtimes/shim.test.mjs`
//! runs. It has a class of the same name as the real worker, and nothing else of it.
#![allow(missing_docs, clippy::panic)]

use std::{cell::Cell, time::Duration};

use worker::{
    Context, Delay, DurableObject, Env, Request, Response, Result, State, durable_object, event,
};

#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    match request.path().as_str() {
        "/ok" => Response::ok("ok"),
        "/trap" => panic!("the handler traps"),
        _ => {
            let object = env.durable_object("LEDGER")?.id_from_name("one")?.get_stub()?;
            object.fetch_with_request(request).await
        }
    }
}

#[durable_object(alarm)]
pub struct LedgerObject {
    state: State,
    calls: Cell<u32>,
}

impl DurableObject for LedgerObject {
    fn new(state: State, _env: Env) -> Self {
        Self { state, calls: Cell::new(0) }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        let sql = self.state.storage().sql();
        sql.exec("CREATE TABLE IF NOT EXISTS calls (n INTEGER NOT NULL) STRICT", None)?;
        sql.exec("INSERT INTO calls VALUES (1)", None)?;
        self.calls.set(self.calls.get() + 1);
        match request.path().as_str() {
            "/object/trap" => panic!("the object traps at once"),
            "/object/trap-later" => {
                Delay::from(Duration::from_millis(10)).await;
                panic!("the object traps in a woken future")
            }
            "/object/wait" => Delay::from(Duration::from_secs(60)).await,
            _ => {}
        }
        let rows = sql.exec("SELECT n FROM calls", None)?.raw().count();
        Response::ok(format!("{{\"rows\":{rows},\"calls\":{}}}", self.calls.get()))
    }

    async fn alarm(&self) -> Result<Response> {
        Response::ok("")
    }
}
