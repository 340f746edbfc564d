//! What only the runtime has: the time, randomness, settings, and a request's headers.
//!
//! Decides nothing.

use edge_credits_core::config::UrlParts;
use edge_credits_core::time::Timestamp;
use js_sys::{Array, Date};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Request, Url};
use worker::Env;

use crate::head::Head;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = crypto, js_name = getRandomValues)]
    fn get_random_values(bytes: &mut [u8]) -> Result<JsValue, JsValue>;
}

/// The wall clock. It stands still between I/O in production.
#[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 are whole and small")]
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(Date::now() as i64)
}

/// Sixteen unpredictable bytes.
///
/// # Errors
/// What the runtime throws where randomness is refused, which is outside a request.
pub(crate) fn random() -> Result<[u8; 16], JsValue> {
    let mut bytes = [0; 16];
    get_random_values(&mut bytes)?;
    Ok(bytes)
}

/// A variable or secret; `None` when it is absent or no text.
pub(crate) fn setting(env: &Env, name: &str) -> Option<String> {
    setting_value(env, name).as_string()
}

/// A variable or secret as the runtime holds it: for comparing without copying.
pub(crate) fn setting_value(env: &Env, name: &str) -> JsValue {
    js_sys::Reflect::get(env, &JsValue::from_str(name)).unwrap_or_default()
}

/// A URL in its pieces; all empty when the text is none. By the runtime, because a parser of our
/// own brings 46 KB (gzip) of Unicode tables for host names.
pub(crate) fn url(text: &str) -> UrlParts {
    let Ok(url) = Url::new(text) else { return UrlParts::default() };
    UrlParts {
        protocol: url.protocol(),
        host: url.host(),
        hostname: url.hostname(),
        pathname: url.pathname(),
        username: url.username(),
        password: url.password(),
        search: url.search(),
        hash: url.hash(),
    }
}

/// A request without its body.
pub(crate) fn head(request: &Request) -> Head {
    let pairs = js_sys::try_iter(&request.headers()).ok().flatten().into_iter().flatten();
    let text = |pair: &Array, index| pair.get(index).as_string().unwrap_or_default();
    let headers = pairs.filter_map(Result::ok).map(|pair| {
        let pair: Array = pair.unchecked_into();
        (text(&pair, 0), text(&pair, 1))
    });
    Head { method: request.method(), url: request.url(), headers: headers.collect() }
}

/// What was thrown, in words for the log.
pub(crate) fn describe(thrown: &JsValue) -> String {
    let message = thrown.dyn_ref::<js_sys::Error>().map(js_sys::Error::message);
    let message = message.map(String::from).or_else(|| thrown.as_string());
    message.unwrap_or_else(|| "something that is no error was thrown".to_owned())
}
