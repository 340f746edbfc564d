//! One attempt: a request of the core performed by the host's `fetch`, or by an object that has one.
//!
//! Decides nothing about retries or meaning: it reports an answer or a failure. What a caller or a
//! host hands in is read and called through [`get`] and [`invoke`], which catch: an exception that
//! unwinds through wasm frames would strand the call. Read [`Route`], then [`Line`].

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;

use edge_credits_core::client::exchange::MAX_RESPONSE_BYTES;
use edge_credits_core::http::{RESPONSE_HEADERS, Request, Response};
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::reading::Said;
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, ArrayBuffer, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Headers, RequestInit, RequestRedirect};

use crate::json::ParsedObject;

/// `setTimeout` takes a signed 32-bit count of milliseconds and fires at once beyond it.
const MAX_TIMER_MS: u32 = i32::MAX.unsigned_abs();

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = crypto, js_name = getRandomValues)]
    fn get_random_values(bytes: &mut [u8]) -> Result<JsValue, JsValue>;
}

/// Where a client's requests go, as its options say.
#[cfg(feature = "engine")]
pub(crate) enum Route {
    /// The host's own `fetch`.
    Global,
    /// An object with a `fetch` method.
    Fetcher(JsValue),
    /// The customer's object in a namespace.
    Object(JsValue),
}

/// The way of one call: taken when it enters, because the globals of a later moment may be another
/// request's.
pub(crate) enum Line {
    /// A `fetch` function and what it is a method of, or why there is none.
    Fetch(Result<Port, JsValue>),
    /// An object's stub is broken once it has thrown, so every attempt makes a new one.
    #[cfg(feature = "engine")]
    Object {
        /// Where the object lives.
        namespace: JsValue,
        /// Its name.
        name: String,
    },
}

/// A `fetch` function and what it is a method of.
pub(crate) struct Port {
    receiver: JsValue,
    fetch: Function,
}

/// An answer as it came, and what its body says.
pub(crate) struct Answer {
    pub(crate) response: Response,
    pub(crate) said: Box<Said>,
}

/// Why an attempt has no answer, with what the host threw.
pub(crate) enum Trouble {
    /// Nothing left this machine.
    NotSent(JsValue),
    /// The time was up; the attempt has been aborted.
    TimedOut,
    /// The body is longer than any answer of this API.
    TooLarge,
    /// The object has more calls waiting than it takes.
    Overloaded(JsValue),
    /// Anything else: it may have been sent.
    Broke(JsValue),
}

impl Trouble {
    fn broke(thrown: JsValue) -> Self {
        // Only a Durable Object's stub sets this; it asks not to be called again.
        let overloaded = get(&thrown, "overloaded").is_ok_and(|mark| mark.is_truthy());
        if overloaded { Self::Overloaded(thrown) } else { Self::Broke(thrown) }
    }

    /// What the host threw.
    pub(crate) fn thrown(self) -> Option<JsValue> {
        match self {
            Self::NotSent(thrown) | Self::Overloaded(thrown) | Self::Broke(thrown) => Some(thrown),
            Self::TimedOut | Self::TooLarge => None,
        }
    }
}

#[cfg(feature = "engine")]
impl Route {
    /// The way of one call; the name is that of the customer's object.
    pub(crate) fn open(self, object_name: impl FnOnce() -> String) -> Line {
        match self {
            Self::Global => Line::of(None),
            Self::Fetcher(fetcher) => Line::of(Some(fetcher)),
            Self::Object(namespace) => Line::Object { namespace, name: object_name() },
        }
    }
}

impl Port {
    fn of(receiver: JsValue) -> Result<Self, JsValue> {
        let fetch = get(&receiver, "fetch")?.dyn_into::<Function>()?;
        Ok(Self { receiver, fetch })
    }

    fn call(&self, url: &str, init: &RequestInit) -> Result<Promise, JsValue> {
        let arguments = Array::of2(&JsValue::from_str(url), init);
        Ok(Promise::resolve(&self.fetch.apply(&self.receiver, &arguments)?))
    }
}

/// Reads a property of something that may be anything.
#[inline(never)]
fn get(object: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    Reflect::get(object, &JsValue::from_str(name))
}

/// Calls a method of something that may be anything.
#[inline(never)]
fn invoke(object: &JsValue, method: &str, arguments: &Array) -> Result<JsValue, JsValue> {
    get(object, method)?.dyn_into::<Function>()?.apply(object, arguments)
}

/// Awaits what may be a promise.
async fn awaited(value: &JsValue) -> Result<JsValue, JsValue> {
    JsFuture::from(Promise::resolve(value)).await
}

impl Line {
    /// The host's own `fetch`, or that of an object.
    pub(crate) fn of(fetcher: Option<JsValue>) -> Self {
        Self::Fetch(Port::of(fetcher.unwrap_or_else(|| js_sys::global().into())))
    }

    /// Sends a request and reads the whole answer, within so much time.
    ///
    /// The timer runs until the body's last byte: a server that stalls half way is a timeout too.
    pub(crate) async fn send(&self, request: &Request, limit: Duration) -> Result<Answer, Trouble> {
        let controller = AbortController::new().map_err(Trouble::NotSent)?;
        let init = init(request, &controller).map_err(Trouble::NotSent)?;
        let attempt = async {
            let answer = self.call(&request.url, &init)?;
            let answer = JsFuture::from(answer).await.map_err(Trouble::broke)?;
            read(answer).await
        };
        match within(attempt, limit).await {
            Some(answer) => answer,
            None => {
                controller.abort();
                Err(Trouble::TimedOut)
            }
        }
    }

    fn call(&self, url: &str, init: &RequestInit) -> Result<Promise, Trouble> {
        match self {
            Self::Fetch(Ok(port)) => port.call(url, init).map_err(Trouble::broke),
            Self::Fetch(Err(missing)) => Err(Trouble::NotSent(missing.clone())),
            #[cfg(feature = "engine")]
            Self::Object { namespace, name } => {
                let name = Array::of1(&JsValue::from_str(name));
                let id = invoke(namespace, "idFromName", &name);
                let stub = id.and_then(|id| invoke(namespace, "get", &Array::of1(&id)));
                let port = stub.and_then(Port::of).map_err(Trouble::NotSent)?;
                port.call(url, init).map_err(Trouble::broke)
            }
        }
    }
}

/// Sixteen bytes of the host's cryptographic source. Never at module scope, where hosts refuse it.
pub(crate) fn random_bytes() -> Result<[u8; 16], JsValue> {
    let mut bytes = [0; 16];
    get_random_values(&mut bytes)?;
    Ok(bytes)
}

/// Waits so long.
pub(crate) async fn sleep(pause: Duration) {
    timer(pause).await;
}

fn timer(pause: Duration) -> TimeoutFuture {
    let millis = u32::try_from(pause.as_millis()).unwrap_or(MAX_TIMER_MS);
    TimeoutFuture::new(millis.min(MAX_TIMER_MS))
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    // Milliseconds since 1970 are whole and far below 2^53.
    Timestamp::from_millis(js_sys::Date::now() as i64)
}

/// The work's output, or `None` when the time was up first. Dropping the timer clears it, so that
/// an answered call keeps no process awake.
pub(crate) async fn within<F: Future>(work: F, limit: Duration) -> Option<F::Output> {
    let mut work = pin!(work);
    let mut timer = pin!(timer(limit));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => timer.as_mut().poll(context).map(|()| None),
    })
    .await
}

fn init(request: &Request, controller: &AbortController) -> Result<RequestInit, JsValue> {
    let init = RequestInit::new();
    init.set_method(request.method.as_str());
    let headers = Headers::new()?;
    for (name, value) in &request.headers {
        headers.set(name, value)?;
    }
    init.set_headers(&headers);
    if let Some(body) = &request.body {
        init.set_body(&JsValue::from_str(body));
    }
    // Followed by hand: never, because a redirect would carry the key to another place.
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&controller.signal()));
    Ok(init)
}

async fn read(answer: JsValue) -> Result<Answer, Trouble> {
    let (status, headers, body) = head(&answer).map_err(Trouble::broke)?;
    let body = if body.is_falsy() { String::new() } else { text(&body).await? };
    let parsed = ParsedObject::read(&body);
    #[cfg(not(feature = "clocknext"))]
    let said = Said::of(parsed.as_ref());
    #[cfg(feature = "clocknext")]
    let said = Said::in_envelope(parsed.as_ref());
    Ok(Answer { response: Response { status, headers, body }, said: Box::new(said) })
}

type Head = (u16, Vec<(String, String)>, JsValue);

fn head(answer: &JsValue) -> Result<Head, JsValue> {
    let given = get(answer, "headers")?;
    let mut headers = Vec::new();
    for name in RESPONSE_HEADERS {
        let value = invoke(&given, "get", &Array::of1(&JsValue::from_str(name)))?;
        if let Some(value) = value.as_string() {
            headers.push((name.to_owned(), value));
        }
    }
    // A status that is no number of HTTP's saturates to one that the core takes for no answer.
    let status = get(answer, "status")?.as_f64().unwrap_or_default() as u16;
    Ok((status, headers, get(answer, "body")?))
}

/// A body's text, up to [`MAX_RESPONSE_BYTES`].
async fn text(stream: &JsValue) -> Result<String, Trouble> {
    let none = Array::new();
    let reader = invoke(stream, "getReader", &none).map_err(Trouble::broke)?;
    let mut bytes = Vec::new();
    loop {
        let read = invoke(&reader, "read", &none).map_err(Trouble::broke)?;
        let chunk = awaited(&read).await.map_err(Trouble::broke)?;
        let Some(part) = part(&chunk).map_err(Trouble::broke)? else { break };
        if bytes.len() + part.len() > MAX_RESPONSE_BYTES {
            // Nobody waits for the rest; taken as a future, a refusal to stop is a handled rejection.
            if let Ok(stopped) = invoke(&reader, "cancel", &none) {
                drop(JsFuture::from(Promise::resolve(&stopped)));
            }
            return Err(Trouble::TooLarge);
        }
        bytes.extend(part);
    }
    // Bytes that are no text are no JSON either, and the core says so of an empty body.
    Ok(String::from_utf8(bytes).unwrap_or_default())
}

/// The bytes of a chunk; `None` at the end.
fn part(chunk: &JsValue) -> Result<Option<Vec<u8>>, JsValue> {
    if get(chunk, "done")?.is_truthy() {
        return Ok(None);
    }
    let value = get(chunk, "value")?;
    // Not `instanceof`: the array may be of another realm.
    if !ArrayBuffer::is_view(&value) {
        return Err(js_sys::TypeError::new("the body is no stream of bytes").into());
    }
    Ok(Some(Uint8Array::unchecked_from_js(value).to_vec()))
}
