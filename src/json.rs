//! JSON by the host: `JSON.parse` and `JSON.stringify` are there already, and cost the module nothing.

use edge_credits_core::wire::reading::JsonObject;
use js_sys::{Array, JSON, Reflect};
#[cfg(feature = "memory")]
use wasm_bindgen::JsCast as _;
use wasm_bindgen::JsValue;

/// A JSON object that the host has read.
#[derive(Default)]
pub(crate) struct ParsedObject(JsValue);

impl ParsedObject {
    /// The object that a text denotes; `None` when it is no JSON, or another kind of value.
    pub(crate) fn read(text: &str) -> Option<Self> {
        JSON::parse(text).ok().and_then(Self::of)
    }

    /// A value that the host has read already.
    pub(crate) fn of(value: JsValue) -> Option<Self> {
        (value.is_object() && !Array::is_array(&value)).then_some(Self(value))
    }

    #[inline(never)]
    fn get(&self, name: &str) -> JsValue {
        // Parsed objects have no accessors; of others, what throws is absent.
        Reflect::get(&self.0, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
    }

    /// A member that is an object.
    pub(crate) fn member(&self, name: &str) -> Option<Self> {
        Self::of(self.get(name))
    }
}

#[cfg(any(feature = "memory", feature = "clocknext"))]
impl ParsedObject {
    /// A member that is a status; one that is no number of HTTP's becomes one that the core takes
    /// for no answer.
    pub(crate) fn number_of(&self, name: &str) -> u16 {
        self.get(name).as_f64().unwrap_or_default() as u16
    }
}

#[cfg(feature = "memory")]
impl ParsedObject {
    /// A member that is an array, item by item; `None` is an item that is no object.
    pub(crate) fn items(&self, name: &str) -> Option<Vec<Option<Self>>> {
        let items = self.get(name);
        let items = items.dyn_ref::<Array>()?;
        Some(items.iter().map(Self::of).collect())
    }

    /// The status of an answer that stands in another.
    pub(crate) fn status(&self) -> u16 {
        self.number_of("status")
    }
}

impl JsonObject for ParsedObject {
    fn text(&self, name: &str) -> Option<String> {
        self.get(name).as_string()
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).as_bool()
    }

    fn has(&self, name: &str) -> bool {
        !self.get(name).is_undefined()
    }

    fn number(&self, name: &str) -> Option<String> {
        // Within the range of amounts the shortest text of the number is the text that was sent.
        let value = self.get(name);
        value.as_f64().and_then(|_| JSON::stringify(&value).ok()).map(String::from)
    }

    fn object(&self, name: &str) -> Option<Self> {
        self.member(name)
    }

    fn to_json(&self) -> String {
        JSON::stringify(&self.0).map(String::from).unwrap_or_default()
    }
}
