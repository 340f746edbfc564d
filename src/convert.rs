//! From JavaScript's values to the core's, and back.
//!
//! The facade has read every option once into plain objects of text, numbers and booleans; here
//! they get types. A success leaves as JSON text: the facade parses it once, fields that this
//! version does not know included.

use edge_credits_core::client::arguments::Arguments;
use edge_credits_core::client::error::ClientError;
use edge_credits_core::client::exchange::Success;
use edge_credits_core::client::request_keys::RequestName;
use edge_credits_core::config::{ClientConfig, ConfigOptions};
use js_sys::Array;
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;

/// A call as the facade hands it over.
#[derive(Deserialize)]
pub(crate) struct CallRequest {
    /// The method's name on the `CreditEngine` class.
    pub(crate) method: String,
    /// Its arguments and options.
    pub(crate) arguments: Arguments,
    /// The request that it belongs to, under `forRequest`.
    pub(crate) request: Option<RequestName>,
}

/// Reads the options of a client.
pub(crate) fn config(options: JsValue) -> Result<ClientConfig, Box<ClientError>> {
    let options: ConfigOptions = serde_wasm_bindgen::from_value(options)
        .map_err(|error| ClientError::config(&error.to_string()))?;
    ClientConfig::new(options)
}

/// Reads a call.
pub(crate) fn call(call: JsValue) -> Result<CallRequest, Box<ClientError>> {
    serde_wasm_bindgen::from_value(call)
        .map_err(|error| ClientError::local("invalid_request", &error.to_string()))
}

/// What a call resolves to: `[body, facts]`, both JSON text.
pub(crate) fn answer(success: &Success) -> JsValue {
    #[derive(Serialize)]
    struct Facts<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        idempotency_key: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        replayed: Option<bool>,
        #[serde(skip_serializing_if = "core::ops::Not::not")]
        mismatch: bool,
    }
    let idempotency_key = success.idempotency_key.as_deref();
    let facts = Facts {
        idempotency_key,
        replayed: idempotency_key.map(|_| success.replayed),
        mismatch: success.mismatch,
    };
    // Strings and booleans always serialize; the fallback keeps the function total.
    let facts = serde_json::to_string(&facts).unwrap_or_else(|_| "{}".to_owned());
    Array::of2(&JsValue::from_str(&success.body), &JsValue::from_str(&facts)).into()
}
