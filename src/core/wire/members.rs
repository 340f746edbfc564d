//! Members of a JSON object, written one by one.
//!
//! Strings are quoted by serde_json. Its derived writers would quote the same way, but an amount
//! goes out as exact decimal text, and to take text as a number they first read it back: with the
//! reader, a third of the client's wasm.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use core::fmt::Display;

use crate::time::Timestamp;

/// A JSON object in the making; its members go out in the order of the calls, and one whose value
/// is `None` is left out.
///
/// ```
/// use edge_credits_core::wire::members::Members;
/// let mut members = Members::new();
/// members.text("note", Some("a \"b\"")).display("amount", Some("1.5")).text("unit", None);
/// assert_eq!(members.finish(), r#"{"note":"a \"b\"","amount":1.5}"#);
/// ```
pub struct Members(String);

impl Default for Members {
    fn default() -> Self {
        Self::new()
    }
}

impl Members {
    /// An object without members.
    #[must_use]
    pub fn new() -> Self {
        Self("{".to_owned())
    }

    /// A member that is a string.
    pub fn text(&mut self, name: &'static str, value: Option<&str>) -> &mut Self {
        // A string always serializes, into memory.
        self.raw(name, value.and_then(|value| serde_json::to_string(value).ok()).as_deref())
    }

    /// A member whose value prints as JSON: a number, an amount, a boolean, or JSON text.
    pub fn display<T: Display>(&mut self, name: &'static str, value: Option<T>) -> &mut Self {
        self.raw(name, value.map(|value| value.to_string()).as_deref())
    }

    /// A member like [`Members::display`], which is `null` where there is no value.
    pub fn nullable<T: Display>(&mut self, name: &'static str, value: Option<T>) -> &mut Self {
        let text = value.map(|value| value.to_string());
        self.raw(name, Some(text.as_deref().unwrap_or("null")))
    }

    /// A member like [`Members::text`], which is `null` where there is no value.
    pub fn nullable_text(&mut self, name: &'static str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(name, Some(value)),
            None => self.raw(name, Some("null")),
        }
    }

    /// A member that is a point in time.
    pub fn time(&mut self, name: &'static str, value: Timestamp) -> &mut Self {
        self.nullable_time(name, Some(value))
    }

    /// A member that is a point in time, or `null`.
    pub fn nullable_time(&mut self, name: &'static str, value: Option<Timestamp>) -> &mut Self {
        self.nullable_text(name, value.map(|time| time.to_string()).as_deref())
    }

    /// A member whose name is not known beforehand, and whose value is JSON text.
    pub fn named(&mut self, name: &str, value: &str) -> &mut Self {
        let quoted = serde_json::to_string(name).unwrap_or_default();
        // Without its quotes, which are put around every name.
        let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        self.raw(inside.unwrap_or_default(), Some(value))
    }

    fn raw(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.0.push_str(if self.0.len() > 1 { ",\"" } else { "\"" });
            self.0.push_str(name);
            self.0.push_str("\":");
            self.0.push_str(value);
        }
        self
    }

    /// How long the text is so far.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The object's text.
    #[must_use]
    pub fn finish(&mut self) -> String {
        let mut text = core::mem::take(&mut self.0);
        text.push('}');
        text
    }
}
