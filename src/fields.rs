//! Plain objects of the facade, field by field.
//!
//! Fields are read one by one and not through a serde decoder: that costs a third of the wasm, brings
//! the formatting of floats along, and its errors do not name the field.

use edge_credits_core::config::UrlParts;
use js_sys::Reflect;
use wasm_bindgen::JsValue;

/// A plain object of the facade. A field of another type than asked for is one that is absent: the
/// facade has already refused it.
pub(crate) struct Fields(pub(crate) JsValue);

impl Fields {
    #[inline(never)]
    fn get(&self, name: &str) -> JsValue {
        // It throws on what is no object, which the facade never passes.
        Reflect::get(&self.0, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
    }

    #[inline(never)]
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).as_string()
    }

    #[inline(never)]
    pub(crate) fn required(&self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    #[inline(never)]
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).as_bool()
    }

    /// A whole number; the conversion is exact, because the facade passes safe integers only.
    #[inline(never)]
    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        self.get(name).as_f64().map(|number| number as u64)
    }

    #[inline(never)]
    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        let value = self.get(name);
        value.is_object().then_some(Self(value))
    }
}

/// Reads the pieces of a URL.
pub(crate) fn url_parts(url: &Fields) -> UrlParts {
    UrlParts {
        protocol: url.required("protocol"),
        host: url.required("host"),
        hostname: url.required("hostname"),
        pathname: url.required("pathname"),
        username: url.required("username"),
        password: url.required("password"),
        search: url.required("search"),
        hash: url.required("hash"),
    }
}
