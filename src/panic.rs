//! What happens when the client panics, which is a defect: nothing after it can be trusted.
//!
//! The instance is replaced before the next call, and JavaScript is told at once, because the
//! promises of the calls in flight will never settle by themselves.

use core::cell::RefCell;
use std::panic::{PanicHookInfo, set_hook};

use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

thread_local! {
    static LISTENER: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Of each instance, before anything is asked of it: whatever panics first is what the next one is for.
#[wasm_bindgen(start)]
pub(crate) fn watch() {
    set_hook(Box::new(on_panic));
}

/// Tells this function of a panic, with a text that names its place.
pub(crate) fn report_to(listener: Function) {
    LISTENER.set(Some(listener));
}

fn on_panic(info: &PanicHookInfo<'_>) {
    wasm_bindgen::handler::schedule_reinit();
    let listener = LISTENER.try_with(|listener| listener.take()).ok().flatten();
    if let Some(listener) = listener {
        let text = JsValue::from_str(&info.to_string());
        // A listener that throws is not let through: the panic goes on either way.
        let _ = listener.call1(&JsValue::UNDEFINED, &text);
    }
}
