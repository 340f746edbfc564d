//! The API behind a cached balance: requests to it, by the runtime's `fetch`.
//!
//! Decides when to stop waiting and when to stop reading. What is sent and what an answer means is
//! the core's ([`edge_credits_core::cache::upstream`]). Redirects are not followed: the key would go
//! with them.

use core::time::Duration;

use edge_credits_core::http::{RESPONSE_HEADERS, Request, Response};
use js_sys::{Promise, Reflect, Uint8Array, futures::JsFuture};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{
    AbortController, Headers, ReadableStreamDefaultReader, RequestInit, RequestRedirect,
};
use worker::Delay;

use crate::conversation::within;

/// Largest answer that is read, in bytes: a batch of 100 receipts is 50 KB, a page of transactions
/// with 8 KB of metadata each below 1 MB.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// The headers of a page that is passed on, besides those that the core reads.
const PAGE_HEADERS: [&str; 2] = ["content-security-policy", "location"];

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_name = fetch)]
    fn fetch_url(url: &str, init: &RequestInit) -> Result<Promise, JsValue>;
}

/// Sends a request and reads the answer to its end. `None` where that fails, takes longer than
/// `limit`, or is larger than [`MAX_ANSWER_BYTES`].
pub(crate) async fn fetch(request: Request, limit: Duration) -> Option<Response> {
    send(&request, limit, fetch_url).await
}

/// As [`fetch`], by a `fetch` of somebody else's: an object's stub.
pub(crate) async fn send(
    request: &Request,
    limit: Duration,
    fetch: impl Fn(&str, &RequestInit) -> Result<Promise, JsValue>,
) -> Option<Response> {
    let controller = AbortController::new().ok()?;
    let answer = within(Delay::from(limit), exchange(request, &controller, fetch)).await;
    if !matches!(answer, Some(Ok(_))) {
        // Whatever is still under way ends here.
        controller.abort();
    }
    answer?.ok()
}

async fn exchange(
    request: &Request,
    controller: &AbortController,
    fetch: impl Fn(&str, &RequestInit) -> Result<Promise, JsValue>,
) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in &request.headers {
        headers.set(name, value)?;
    }
    let init = RequestInit::new();
    init.set_method(request.method.as_str());
    init.set_headers(&headers);
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&controller.signal()));
    if let Some(body) = &request.body {
        init.set_body(&JsValue::from_str(body));
    }
    let response = JsFuture::from(fetch(&request.url, &init)?).await?;
    let response: web_sys::Response = response.unchecked_into();
    let theirs = response.headers();
    let header = |name: &str| Some((name.to_owned(), theirs.get(name).ok()??));
    let headers = RESPONSE_HEADERS.into_iter().chain(PAGE_HEADERS).filter_map(header).collect();
    let body = text(&response).await?;
    Ok(Response { status: response.status(), headers, body })
}

/// A body as text. Bytes that are no UTF-8 are no answer of the API, whatever their status.
async fn text(response: &web_sys::Response) -> Result<String, JsValue> {
    let Some(stream) = response.body() else { return Ok(String::new()) };
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let mut bytes = Vec::new();
    while let Some(chunk) = next(&reader).await? {
        let start = bytes.len();
        let length = usize::try_from(chunk.length()).unwrap_or(usize::MAX).saturating_add(start);
        if length > MAX_ANSWER_BYTES {
            return Err(JsValue::from_str("the answer is too large"));
        }
        bytes.resize(length, 0);
        if let Some(free) = bytes.get_mut(start..) {
            chunk.copy_to(free);
        }
    }
    Ok(String::from_utf8(bytes).unwrap_or_default())
}

async fn next(reader: &ReadableStreamDefaultReader) -> Result<Option<Uint8Array>, JsValue> {
    let read = JsFuture::from(reader.read()).await?;
    let field = |name: &str| Reflect::get(&read, &JsValue::from_str(name));
    if field("done")?.is_truthy() { Ok(None) } else { field("value")?.dyn_into().map(Some) }
}
