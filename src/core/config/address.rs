//! Which base URLs a client may send its key to, and which URLs a buyer may be sent back to.

use alloc::string::String;

/// A URL in the pieces of JavaScript's `URL` class. All empty: the text was no URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Deserialize), serde(default))]
pub struct UrlParts {
    /// `https:`
    pub protocol: String,
    /// Host name and port.
    pub host: String,
    /// Host name alone, in lower case; IPv6 in brackets.
    pub hostname: String,
    /// `/` or more.
    pub pathname: String,
    /// Before the `@`.
    pub username: String,
    /// Before the `@`, after the colon.
    pub password: String,
    /// From the `?`.
    pub search: String,
    /// From the `#`.
    pub hash: String,
}

impl UrlParts {
    /// Origin and path without trailing slashes.
    ///
    /// # Errors
    /// What a person reads after the setting's name: not a URL, another scheme than `https` (`http` passes on a
    /// loopback host), user information, a query, or a fragment.
    pub fn to_base(&self) -> Result<String, &'static str> {
        if self.protocol.is_empty() || self.host.is_empty() {
            return Err("is not an absolute URL such as https://credits.example.com");
        }
        match self.protocol.as_str() {
            "https:" => {}
            "http:" if is_loopback(&self.hostname) => {}
            "http:" => {
                return Err("must be https: over http anyone on the way reads the API key (http \
                            is accepted for localhost, 127.0.0.1 and [::1])");
            }
            _ => return Err("must be an https URL"),
        }
        if !self.username.is_empty() || !self.password.is_empty() {
            return Err("must not hold a user name or password: the API key is the credential");
        }
        if !self.search.is_empty() || !self.hash.is_empty() {
            return Err("must not hold a query or a fragment: paths are appended to it");
        }
        let mut base = self.protocol.clone();
        base.push_str("//");
        base.push_str(&self.host);
        base.push_str(self.pathname.trim_end_matches('/'));
        Ok(base)
    }
}

/// Longest URL that a buyer is sent back to: the shortest limit among browsers in use.
pub const MAX_RETURN_URL_BYTES: usize = 2_048;

impl UrlParts {
    /// Whether a buyer may be sent to `text`, whose pieces these are: `https`, or `http` on a loopback
    /// host. Nothing here or in the worker ever fetches it. What parsers read in two ways (a
    /// backslash, a control character, a missing `//`) is none.
    ///
    /// # Errors
    /// What a person reads after the argument's name.
    pub fn check_return(&self, text: &str) -> Result<(), &'static str> {
        if text.len() > MAX_RETURN_URL_BYTES {
            return Err("is longer than 2048 characters");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err("holds a character that a URL must escape");
        }
        let after_scheme = text.get(self.protocol.len()..).unwrap_or_default();
        if self.protocol.is_empty() || self.hostname.is_empty() || !after_scheme.starts_with("//") {
            return Err("is not an absolute URL such as https://app.example.com/credits");
        }
        match self.protocol.as_str() {
            "https:" => {}
            "http:" if is_loopback(&self.hostname) => {}
            _ => return Err("must be https (http is accepted for localhost, 127.0.0.1 and [::1])"),
        }
        if self.username.is_empty() && self.password.is_empty() {
            return Ok(());
        }
        Err("must not hold a user name or password")
    }
}

/// Whether a host name means this machine. The `URL` class has already turned every spelling of an
/// IPv4 address (decimal, octal, hexadecimal) into four decimal numbers.
fn is_loopback(hostname: &str) -> bool {
    let address = hostname.strip_prefix("127.").is_some_and(|rest| {
        let mut numbers = 0;
        rest.split('.').all(|part| {
            numbers += 1;
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
        }) && numbers == 3
    });
    address || matches!(hostname, "localhost" | "[::1]") || hostname.ends_with(".localhost")
}
