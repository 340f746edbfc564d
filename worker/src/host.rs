//! What only the runtime has: the time, randomness, settings, and promises.
//!
//! Decides nothing.

use core::panic::AssertUnwindSafe;
use core::task::{Context, Poll, Waker};

use edge_credits_core::config::UrlParts;
use edge_credits_core::time::Timestamp;
use js_sys::Date;
use js_sys::futures::future_to_promise;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::Url;
use worker::Env;

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

/// What comes of a future: at once where it waits for nothing, as most calls do, else as a promise,
/// which takes several turns of the event loop.
///
/// # Errors
/// Those of the future.
pub(crate) fn at_once(
    future: impl Future<Output = Result<JsValue, JsValue>> + 'static,
) -> Result<JsValue, JsValue> {
    let mut future = Box::pin(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        // It is polled again from there, and leaves the waker that counts.
        Poll::Pending => Ok(future_to_promise(AssertUnwindSafe(future)).into()),
    }
}

/// What was thrown, in words for the log.
pub(crate) fn describe(thrown: &JsValue) -> String {
    let message = thrown.dyn_ref::<js_sys::Error>().map(js_sys::Error::message);
    let message = message.map(String::from).or_else(|| thrown.as_string());
    message.unwrap_or_else(|| "something that is no error was thrown".to_owned())
}
