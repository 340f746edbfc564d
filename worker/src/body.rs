//! Reading a request's body, up to its limit.
//!
//! Decides when to stop reading. Whatever the headers said, no more than the limit is let in.

use edge_credits_core::wire::errors::{ApiError, Code};
use js_sys::{Reflect, Uint8Array, futures::JsFuture};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{ReadableStreamDefaultReader, Request};

use crate::head::body_too_large;

/// The whole body, of at most `limit` bytes; empty where there is none.
///
/// # Errors
/// `body_too_large`, and nothing beyond the limit is read; `invalid_json` when the body breaks off.
pub(crate) async fn read(request: &Request, limit: usize) -> Result<Vec<u8>, ApiError> {
    let Some(stream) = request.body() else { return Ok(Vec::new()) };
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let mut body = Vec::new();
    while let Some(chunk) = next(&reader).await? {
        let start = body.len();
        let length = usize::try_from(chunk.length()).unwrap_or(usize::MAX).saturating_add(start);
        if length > limit {
            // Nobody waits for this: whatever is left unread ends with the request.
            let _ = reader.cancel();
            return Err(body_too_large(limit));
        }
        body.resize(length, 0);
        if let Some(free) = body.get_mut(start..) {
            chunk.copy_to(free);
        }
    }
    Ok(body)
}

/// A body whose declared length is within the limit, in one piece: as a stream it takes several
/// turns of the event loop, which cost more than all that is decided about a charge. HTTP keeps a
/// body to its declared length; a holder of the binding who breaks it is read, and then refused.
///
/// # Errors
/// As [`read`].
pub(crate) async fn read_declared(request: &Request, limit: usize) -> Result<Vec<u8>, ApiError> {
    let promise = request.array_buffer().map_err(|_| broken())?;
    let buffer = JsFuture::from(promise).await.map_err(|_| broken())?;
    let bytes = Uint8Array::new(&buffer);
    if usize::try_from(bytes.length()).unwrap_or(usize::MAX) > limit {
        return Err(body_too_large(limit));
    }
    Ok(bytes.to_vec())
}

/// The next chunk, or `None` at the end.
pub(crate) async fn next(
    reader: &ReadableStreamDefaultReader,
) -> Result<Option<Uint8Array>, ApiError> {
    let read = JsFuture::from(reader.read()).await.map_err(|_| broken())?;
    let field = |name: &str| Reflect::get(&read, &JsValue::from_str(name)).unwrap_or_default();
    if field("done").is_truthy() {
        return Ok(None);
    }
    // A caller that holds the binding can pass a stream of anything.
    field("value").dyn_into::<Uint8Array>().map(Some).map_err(|_| broken())
}

fn broken() -> ApiError {
    ApiError::new(Code::InvalidJson, "The body broke off before its end. Nothing was changed.")
}
