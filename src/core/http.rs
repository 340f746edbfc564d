//! HTTP as data: what a shell is to send, and what it got.
//!
//! Decides how ids become path segments and back. It opens no connection; a shell performs a
//! [`Request`] and hands back a [`Response`].

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986 §2.3 is encoded in a segment or a value.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The verbs that the APIs use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Changes.
    Post,
    /// Replaces.
    Put,
    /// Changes some of it.
    Patch,
    /// Takes away.
    Delete,
}

impl Method {
    /// The verb on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Reads a verb.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete]
            .into_iter()
            .find(|method| method.as_str() == text)
    }
}

/// One HTTP request, ready to send. Its headers hold a secret: it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The verb.
    pub method: Method,
    /// The absolute URL.
    pub url: String,
    /// Header names in lower case, and their values.
    pub headers: Vec<(&'static str, String)>,
    /// The body, where there is one.
    pub body: Option<String>,
}

/// One HTTP response, its body read to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, and their values; the shell passes those the core asks for.
    pub headers: Vec<(String, String)>,
    /// The body's text.
    pub body: String,
}

impl Response {
    /// A header's value by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Names the environment (`live` or `test`) to a ledger object that is called directly: the binding
/// is the permission there, and no API key says it.
pub const ENVIRONMENT_HEADER: &str = "x-edge-credits-environment";

/// The headers of a response that the core reads; a shell need not copy others.
pub const RESPONSE_HEADERS: [&str; 5] =
    ["retry-after", "retry-after-ms", "idempotent-replayed", "x-request-id", "x-edge-credits"];

/// Text as one path segment or query value.
///
/// ```
/// use edge_credits_core::http::{decode_segment, encode_component};
/// let id = "org/42: 50% ☕";
/// assert_eq!(encode_component(id), "org%2F42%3A%2050%25%20%E2%98%95");
/// assert_eq!(decode_segment(&encode_component(id)).as_deref(), Some(id));
/// ```
#[must_use]
pub fn encode_component(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

/// A path segment's text; `None` when an escape is broken or the text is not UTF-8.
///
/// A lenient reader would take `a%zz` and `a%25zz` for the same id.
#[must_use]
pub fn decode_segment(segment: &str) -> Option<String> {
    let is_escape = |rest: &str| {
        rest.as_bytes()
            .first_chunk::<2>()
            .is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
    };
    if !segment.split('%').skip(1).all(is_escape) {
        return None;
    }
    percent_decode_str(segment).decode_utf8().ok().map(|text| text.into_owned())
}

/// A query string as names and values, in order. Absent and empty are `[]`.
#[must_use]
pub fn parse_query(query: &str) -> Vec<(String, String)> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// A path and its query, parameter by parameter; what is `None` is left out.
///
/// ```
/// use edge_credits_core::http::Target;
/// let mut target = Target::new("/v1/x".into());
/// target.text("a", Some("1 &")).number("b", None).text("c", Some("é"));
/// assert_eq!(target.finish(), "/v1/x?a=1%20%26&c=%C3%A9");
/// ```
pub struct Target {
    text: String,
    separator: char,
}

impl Target {
    /// A path without a query.
    #[must_use]
    pub const fn new(path: String) -> Self {
        Self { text: path, separator: '?' }
    }

    /// A parameter.
    pub fn text(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.text.push(self.separator);
            self.text.push_str(name);
            self.text.push('=');
            self.text.push_str(&encode_component(value));
            self.separator = '&';
        }
        self
    }

    /// A parameter that is a whole number.
    pub fn number(&mut self, name: &str, value: Option<u64>) -> &mut Self {
        self.text(name, value.map(|value| value.to_string()).as_deref())
    }

    /// Path and query.
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned as _;

    #[test]
    fn queries_are_read_in_order() {
        assert_eq!(
            parse_query("a=1%20%26&c=%C3%A9&d"),
            [("a", "1 &"), ("c", "é"), ("d", "")].map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
    }

    #[test]
    fn broken_escapes_are_no_text() {
        for segment in ["%", "a%2", "a%zz", "%%20", "%2%30", "%ff", "%+1"] {
            assert_eq!(decode_segment(segment), None, "{segment}");
        }
        assert_eq!(decode_segment("%25zz%e2%98%95").as_deref(), Some("%zz☕"));
    }

    proptest::proptest! {
        #[test]
        fn segments_round_trip(text in "\\PC{0,40}") {
            let encoded = encode_component(&text);
            proptest::prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            proptest::prop_assert_eq!(decode_segment(&encoded), Some(text));
        }
    }
}
