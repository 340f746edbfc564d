//! What can be judged of a request before its body is read: sizes and the kind of content.
//!
//! Decides 431, 413 by the declared length, and 415. A length that was not declared, or was a lie,
//! is judged by [`crate::receive`] when the body has been read.

use edge_credits_core::wire::errors::{ApiError, Code};

use crate::routes::split_url;

/// Largest total of header names and values, in bytes: what most HTTP servers allow.
pub(crate) const MAX_HEADER_BYTES: usize = 16 * 1024;

/// A request without its body. It holds the API key, so it has no `Debug`.
pub(crate) struct Head {
    /// The verb as sent.
    pub(crate) method: String,
    /// The absolute URL, as the runtime normalized it.
    pub(crate) url: String,
    /// Names in lower case. The runtime has joined repeated headers with `", "`.
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    /// Reads a head as `worker/http.js` writes it: the verb, the URL, and each header's name and
    /// value, a line each. None of them can hold a line break.
    pub(crate) fn read(text: &str) -> Self {
        let mut lines = text.split('\n').map(str::to_owned);
        let method = lines.next().unwrap_or_default();
        let url = lines.next().unwrap_or_default();
        let headers = core::iter::from_fn(|| Some((lines.next()?, lines.next()?))).collect();
        Self { method, url, headers }
    }

    /// A header's value by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Scheme and authority of the URL: what stands before the path.
    pub(crate) fn origin(&self) -> &str {
        let after_scheme = self.url.find("://").map_or(0, |at| at + 3);
        let rest = self.url.get(after_scheme..).unwrap_or_default();
        let length = after_scheme + rest.find(['/', '?', '#']).unwrap_or(rest.len());
        self.url.get(..length).unwrap_or_default()
    }

    /// The path, still percent-encoded.
    pub(crate) fn path(&self) -> &str {
        split_url(&self.url).0
    }

    /// The query without its `?`; empty where there is none.
    pub(crate) fn query(&self) -> &str {
        split_url(&self.url).1
    }

    /// Whether the headers are within their limit, and the body's declared length within `max_body`
    /// bytes.
    ///
    /// # Errors
    /// `headers_too_large`, `body_too_large`.
    pub(crate) fn check_size(&self, max_body: usize) -> Result<(), ApiError> {
        let total: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if total > MAX_HEADER_BYTES {
            let message = "The headers are over 16 KB. Nothing was changed.";
            return Err(ApiError::new(Code::HeadersTooLarge, message));
        }
        let declared = self.header("content-length").and_then(|text| text.parse::<u64>().ok());
        let limit = u64::try_from(max_body).unwrap_or(u64::MAX);
        let too_large = declared.is_some_and(|length| length > limit);
        if too_large { Err(body_too_large(max_body)) } else { Ok(()) }
    }

    /// Whether the body is what a POST must carry: JSON in UTF-8, not compressed.
    ///
    /// # Errors
    /// `unsupported_media_type`.
    pub(crate) fn check_content(&self) -> Result<(), ApiError> {
        let json = self.header("content-type").is_some_and(is_json);
        let encoding = self.header("content-encoding").map_or("identity", str::trim);
        if json && encoding.eq_ignore_ascii_case("identity") {
            return Ok(());
        }
        let message = "The body must be application/json in UTF-8, without Content-Encoding. \
                       Nothing was changed.";
        Err(ApiError::new(Code::UnsupportedMediaType, message))
    }
}

/// The answer to a body over a limit in bytes, which is a whole number of KB.
pub(crate) fn body_too_large(limit: usize) -> ApiError {
    let message = format!("The body is over {} KB. Nothing was changed.", limit / 1024);
    ApiError::new(Code::BodyTooLarge, &message)
}

/// `application/json`, with no charset or with UTF-8; other parameters mean nothing to JSON.
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json") && parts.all(is_harmless_parameter)
}

fn is_harmless_parameter(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return parameter.is_empty() };
    let value = value.trim_matches('"');
    !name.trim().eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> Head {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Head {
            method: "POST".to_owned(),
            url: "https://h/v1/x?y=z".to_owned(),
            headers: headers.iter().map(own).collect(),
        }
    }

    fn code(result: Result<(), ApiError>) -> Result<(), Code> {
        result.map_err(|error| error.code)
    }

    #[test]
    fn an_origin_is_what_stands_before_the_path() {
        for (url, expected) in [
            ("https://h.example/a?b", "https://h.example"),
            ("http://127.0.0.1:8787", "http://127.0.0.1:8787"),
            ("http://[::1]:1/", "http://[::1]:1"),
        ] {
            let head = Head { url: url.to_owned(), ..head(&[]) };
            assert_eq!(head.origin(), expected);
        }
    }

    #[test]
    fn sizes_at_their_bounds() {
        for limit in [64 * 1024, 1024 * 1024] {
            let with_length = |length: usize| {
                code(head(&[("content-length", &length.to_string())]).check_size(limit))
            };
            assert_eq!(with_length(limit), Ok(()));
            assert_eq!(with_length(limit + 1), Err(Code::BodyTooLarge));
        }
        let huge = head(&[("content-length", "18446744073709551615")]);
        let error = huge.check_size(1024 * 1024).unwrap_err();
        assert_eq!(error.message, "The body is over 1024 KB. Nothing was changed.");
        let with_header =
            |length: usize| code(head(&[("x", &"v".repeat(length - 1))]).check_size(0));
        assert_eq!(with_header(MAX_HEADER_BYTES), Ok(()));
        assert_eq!(with_header(MAX_HEADER_BYTES + 1), Err(Code::HeadersTooLarge));
    }

    #[test]
    fn content_by_the_table() {
        let no = Err(Code::UnsupportedMediaType);
        let table = [
            ("application/json", Ok(())),
            ("Application/JSON", Ok(())),
            ("application/json; charset=utf-8", Ok(())),
            ("application/json;charset=\"UTF-8\"", Ok(())),
            ("application/json ; Charset=utf-8;", Ok(())),
            ("application/json; profile=x", Ok(())),
            ("application/json; charset=utf-16", no),
            ("application/json; charset=latin1", no),
            ("application/json; charset", no),
            ("application/jsonx", no),
            ("application/ld+json", no),
            ("text/json", no),
            ("text/plain", no),
            ("multipart/form-data; boundary=x", no),
            ("application/json, application/json", no),
            ("", no),
        ];
        for (content_type, expected) in table {
            let got = code(head(&[("content-type", content_type)]).check_content());
            assert_eq!(got, expected, "{content_type:?}");
        }
        assert_eq!(code(head(&[]).check_content()), no);
        let encoded = |encoding| {
            let headers = [("content-type", "application/json"), ("content-encoding", encoding)];
            code(head(&headers).check_content())
        };
        assert_eq!(encoded("identity"), Ok(()));
        assert_eq!(encoded("gzip"), no);
        assert_eq!(encoded("br, gzip"), no);
    }

    #[test]
    fn path_and_query_are_split() {
        assert_eq!((head(&[]).path(), head(&[]).query()), ("/v1/x", "y=z"));
    }
}
