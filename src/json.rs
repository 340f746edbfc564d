//! JSON by the host: `JSON.parse` and `JSON.stringify` are there already, and cost the module nothing.

use edge_credits_core::wire::reading::JsonObject;
use js_sys::{Array, JSON, Reflect};
use wasm_bindgen::JsValue;

/// A JSON object that the host has read.
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
}

impl JsonObject for ParsedObject {
    fn text(&self, name: &str) -> Option<String> {
        self.get(name).as_string()
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).as_bool()
    }

    fn number(&self, name: &str) -> Option<String> {
        // Within the range of amounts the shortest text of the number is the text that was sent.
        let value = self.get(name);
        value.as_f64().and_then(|_| JSON::stringify(&value).ok()).map(String::from)
    }

    fn object(&self, name: &str) -> Option<Self> {
        Self::of(self.get(name))
    }

    fn to_json(&self) -> String {
        JSON::stringify(&self.0).map(String::from).unwrap_or_default()
    }
}
