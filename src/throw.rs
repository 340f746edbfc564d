//! From the core's error to what JavaScript catches.
//!
//! The classes are JavaScript's own (`pkg/js/errors.js`): the facade makes the error from the facts
//! given here, where the caller is still on the stack.

use edge_credits_core::client::error::ClientError;
use js_sys::Array;
use wasm_bindgen::JsValue;

/// What is thrown: `[facts as JSON text, cause]`; the cause is what the host threw, if it did.
pub(crate) fn thrown(error: &ClientError, cause: Option<JsValue>) -> JsValue {
    let facts = JsValue::from_str(&error.to_json());
    Array::of2(&facts, &cause.unwrap_or(JsValue::UNDEFINED)).into()
}

/// The host has no randomness to offer here.
pub(crate) fn no_entropy() -> Box<ClientError> {
    ClientError::local(
        "no_context",
        "there is no crypto.getRandomValues here: call from inside a request handler, not at \
         module scope, and on a runtime with Web Crypto. Nothing was sent or charged.",
    )
}
