//! The way to an object of this deployment, from another one or from the entrance.
//!
//! Each request makes a stub of its own: one that has failed stays so.

use core::time::Duration;

use edge_credits_core::http::{Request, Response};
use js_sys::Promise;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::RequestInit;
use worker::Env;

use crate::front::namespace;
use crate::upstream;

#[wasm_bindgen]
extern "C" {
    type Objects;
    #[wasm_bindgen(method, catch, js_name = getByName)]
    fn get_by_name(this: &Objects, name: &str) -> Result<Stub, JsValue>;

    type Stub;
    #[wasm_bindgen(method, catch)]
    fn fetch(this: &Stub, url: &str, init: &RequestInit) -> Result<Promise, JsValue>;
}

/// Sends a request to the object of that name. `None` where it does not answer in time.
pub(crate) async fn send(
    env: &Env,
    (binding, name): (&str, &str),
    request: &Request,
    patience: Duration,
) -> Option<Response> {
    let objects: Objects = JsValue::from(namespace(env, binding)?).unchecked_into();
    let stub = objects.get_by_name(name).ok()?;
    upstream::send(request, patience, |url, init| stub.fetch(url, init)).await
}
