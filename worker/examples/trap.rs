//! A worker that panics when told to, built with the real shim: what `tests/runtimes/shim.test.mjs`
//! runs. It exports what the shim needs under the real worker's names, and nothing else of it.
#![allow(missing_docs, clippy::panic)]

use std::{cell::Cell, time::Duration};

use js_sys::futures::future_to_promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::worker_sys::DurableObjectState;
use worker::{Delay, Env, Result, State};

/// The path of a head.
fn path(head: &str) -> &str {
    let url = head.lines().nth(1).unwrap_or_default();
    url.splitn(4, '/').nth(3).unwrap_or_default()
}

fn ok(body: &str) -> String {
    format!("200\ncontent-type\ntext/plain\n\n{body}")
}

#[wasm_bindgen]
pub fn admit(head: &str, _env: &Env) -> String {
    match path(head) {
        "ok" => ok("ok"),
        "trap" => panic!("the handler traps"),
        other => format!("pass\nLEDGER\none\n0\nGET\nhttps://trap/{other}"),
    }
}

#[wasm_bindgen]
pub struct LedgerObject {
    state: State,
    calls: Cell<u32>,
}

#[wasm_bindgen]
impl LedgerObject {
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, _env: Env) -> Self {
        Self { state: State::from(state), calls: Cell::new(0) }
    }

    pub fn answer(&self, head: &str, _body: Option<Vec<u8>>) -> Result<JsValue> {
        let sql = self.state.storage().sql();
        sql.exec("CREATE TABLE IF NOT EXISTS calls (n INTEGER NOT NULL) STRICT", None)?;
        sql.exec("INSERT INTO calls VALUES (1)", None)?;
        self.calls.set(self.calls.get() + 1);
        match path(head) {
            "object/trap" => panic!("the object traps at once"),
            "object/trap-later" => Ok(future_to_promise(async {
                Delay::from(Duration::from_millis(10)).await;
                panic!("the object traps in a woken future")
            })
            .into()),
            "object/wait" => Ok(future_to_promise(async {
                Delay::from(Duration::from_secs(60)).await;
                Ok(ok("waited").into())
            })
            .into()),
            _ => {
                let rows = sql.exec("SELECT n FROM calls", None)?.raw().count();
                let body = format!("{{\"rows\":{rows},\"calls\":{}}}", self.calls.get());
                Ok(ok(&body).into())
            }
        }
    }

    pub fn alarm(&self) {}
}
