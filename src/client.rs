//! The functions that the facade calls: [`check`] a configuration, [`begin`] a call, find the
//! [`next_page`] of a list, put into words what was [`told`].

use std::rc::Rc;

use edge_credits_core::client::arguments::ApiMethod;
use edge_credits_core::client::call::Call;
use edge_credits_core::client::error::ClientError;
use edge_credits_core::client::exchange::Exchange;
use edge_credits_core::client::quote;
use edge_credits_core::client::told::Told;
use edge_credits_core::entropy::Entropy;
use js_sys::{Array, Function};
use wasm_bindgen::prelude::*;

use crate::converse::promise;
use crate::convert;
use crate::drive;
use crate::host::{self, Route};
use crate::json::ParsedObject;
#[cfg(feature = "memory")]
use crate::memory::{self, Entered, Visit};
use crate::panic;
use crate::throw::{no_entropy, thrown};

#[wasm_bindgen]
extern "C" {
    /// What a call may use of its host: a plain object that the facade has made.
    pub type Host;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn fetcher(this: &Host) -> Option<JsValue>;
    #[wasm_bindgen(method, getter)]
    fn namespace(this: &Host) -> Option<JsValue>;
    #[wasm_bindgen(method, getter, js_name = onPanic)]
    fn on_panic(this: &Host) -> Function;
    #[cfg(feature = "memory")]
    #[wasm_bindgen(method, getter, js_name = onAccepted)]
    pub(crate) fn on_accepted(this: &Host) -> Function;
    #[cfg(feature = "memory")]
    #[wasm_bindgen(method, getter, js_name = onSettled)]
    pub(crate) fn on_settled(this: &Host) -> Function;
}

/// Checks the options of a client, and says which mode they come to. Sends nothing and keeps
/// nothing.
///
/// # Errors
/// `[facts, cause]`, see [`crate::throw`].
#[wasm_bindgen]
pub fn check(options: JsValue) -> Result<JsValue, JsValue> {
    let config = convert::config(options).map_err(|error| thrown(&error, None))?;
    Ok(JsValue::from_str(config.mode.as_str()))
}

/// The facts of the error that a cache's notice becomes, as JSON text.
#[wasm_bindgen]
pub fn told(notice: JsValue) -> JsValue {
    let told = ParsedObject::of(notice).map(|notice| Told::of(&notice));
    JsValue::from_str(&told.unwrap_or_default().to_error().to_json())
}

/// Starts a call: `[idempotency key or null, promise of the answer]`.
///
/// The key is made before anything is sent, so that the facade can name it whatever happens.
///
/// # Errors
/// `[facts, cause]` when the arguments are refused; nothing is sent then.
#[wasm_bindgen]
pub fn begin(options: JsValue, call: JsValue, host: &Host) -> Result<Array, JsValue> {
    panic::report_to(host.on_panic());
    prepare(options, call, host).map_err(|error| thrown(&error, None))
}

/// What a model call will cost, as JSON text. Asks nobody; `models` is the caller's list, or nothing.
///
/// # Errors
/// `[facts, cause]` when the options are refused.
#[wasm_bindgen]
pub fn quote(asked: JsValue, models: Option<Array>) -> Result<String, JsValue> {
    let asked = ParsedObject::of(asked).unwrap_or_default();
    let models = models.map(|models| objects(&models));
    quote::quote(&asked, models.as_deref()).map_err(|error| thrown(&error, None))
}

/// What is no object has no member that is asked for.
pub(crate) fn objects(values: &Array) -> Vec<ParsedObject> {
    values.iter().map(|value| ParsedObject::of(value).unwrap_or_default()).collect()
}

/// Where the page after this one begins: `[option, value]` for the next call of getTransactions,
/// `null` after the last page.
///
/// # Errors
/// `[facts, cause]` when the server's pages do not advance.
#[wasm_bindgen(js_name = nextPage)]
pub fn next_page(page: JsValue) -> Result<Option<Array>, JsValue> {
    let (mut walk, facts) = convert::page(page);
    let more = walk.turn(facts).map_err(|error| thrown(&error, None))?;
    Ok(more.then(|| convert::position(walk.position())))
}

fn prepare(options: JsValue, call: JsValue, host: &Host) -> Result<Array, Box<ClientError>> {
    let config = Rc::new(convert::config(options)?);
    let request = convert::call(call);
    let method = ApiMethod::parse(&request.method)
        .ok_or_else(|| ClientError::local("invalid_request", "there is no such method"))?;
    let entropy = Entropy::new(host::random_bytes().map_err(|_| no_entropy())?);
    let (arguments, request) = (&request.arguments, request.request.as_ref());
    #[cfg(feature = "memory")]
    let desk = {
        let visit = Visit::new(&config, &entropy, host);
        match memory::enter(visit, method, arguments, request)? {
            Entered::Answered(answer) => return Ok(answer),
            Entered::Passed(desk) => desk,
        }
    };
    let call = Call::new(&config, method, arguments, &entropy, request)?;
    let key = call.idempotency_key().map(|key| JsValue::from_str(key.as_str()));
    let owner = call.owner().clone();
    let line = route(host).open(|| owner.object_name());
    let exchange = Exchange::new(&config, call, &entropy);
    let answer = drive::run(config, exchange, line);
    #[cfg(feature = "memory")]
    let answer = memory::after_change(desk, owner, answer);
    Ok(Array::of2(&key.unwrap_or(JsValue::NULL), &promise(Box::pin(answer))))
}

fn route(host: &Host) -> Route {
    match (host.namespace(), host.fetcher()) {
        (Some(namespace), _) => Route::Object(namespace),
        (None, Some(fetcher)) => Route::Fetcher(fetcher),
        (None, None) => Route::Global,
    }
}
