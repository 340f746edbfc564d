//! What only the runtime has: the time, randomness, settings, and promises.
//!
//! Decides nothing.

use core::future::poll_fn;
use core::panic::AssertUnwindSafe;
use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex};
use std::task::Wake;

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

/// A line in the log, of what nobody waits for.
pub(crate) fn log(line: &str) {
    // Tests run without the runtime whose console this is.
    if cfg!(target_arch = "wasm32") {
        worker::console_error!("{line}");
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
    match begin(future) {
        Begun::Done(result) => result,
        Begun::Waits(rest) => Ok(future_to_promise(AssertUnwindSafe(rest)).into()),
    }
}

/// A future after its first poll.
enum Begun<T, R> {
    /// It waits for nothing.
    Done(T),
    /// What is left of it, which must be polled.
    Waits(R),
}

fn begin<T>(
    future: impl Future<Output = T> + 'static,
) -> Begun<T, impl Future<Output = T> + 'static> {
    let mut future = Box::pin(future);
    let relay = Arc::new(Relay::default());
    let waker = Waker::from(Arc::clone(&relay));
    match future.as_mut().poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(result) => Begun::Done(result),
        Poll::Pending => Begun::Waits(poll_fn(move |context| {
            relay.reach(context.waker());
            future.as_mut().poll(context)
        })),
    }
}

/// The waker of the first poll. What was polled then may keep it for good, as a timeout does, so it
/// passes on to whoever polls since. A wake before anybody does is not lost: the first of those
/// polls is due anyway.
#[derive(Default)]
struct Relay(Mutex<Option<Waker>>);

impl Relay {
    fn reach(&self, waker: &Waker) {
        if let Ok(mut last) = self.0.lock() {
            *last = Some(waker.clone());
        }
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        // Not while it is locked: who is woken may poll at once.
        let last = self.0.lock().ok().and_then(|last| last.clone());
        if let Some(waker) = last {
            waker.wake();
        }
    }
}

/// What was thrown, in words for the log.
pub(crate) fn describe(thrown: &JsValue) -> String {
    let message = thrown.dyn_ref::<js_sys::Error>().map(js_sys::Error::message);
    let message = message.map(String::from).or_else(|| thrown.as_string());
    message.unwrap_or_else(|| "something that is no error was thrown".to_owned())
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_waker_of_the_first_poll_wakes_who_polls_since() {
        let first = Arc::new(Mutex::new(None::<Waker>));
        let kept = Arc::clone(&first);
        // As the runtime's timeout does, it keeps the first waker that it sees.
        let Begun::Waits(rest) = begin(poll_fn(move |context| {
            kept.lock().unwrap().get_or_insert_with(|| context.waker().clone());
            Poll::<()>::Pending
        })) else {
            panic!("it waits")
        };
        let wake = || first.lock().unwrap().clone().unwrap().wake();
        wake();
        let mut rest = Box::pin(rest);
        for _ in 0..2 {
            let count = Arc::new(Count::default());
            let waker = Waker::from(Arc::clone(&count));
            assert!(rest.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            assert_eq!(count.0.load(Ordering::Relaxed), 0);
            wake();
            assert_eq!(count.0.load(Ordering::Relaxed), 1);
        }
        assert!(matches!(begin(core::future::ready(3)), Begun::Done(3)));
    }
}
