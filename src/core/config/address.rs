//! Which base URLs a client may send its key to.

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
    pub(crate) fn to_base(&self) -> Result<String, &'static str> {
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
