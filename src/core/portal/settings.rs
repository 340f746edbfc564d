//! The deployment's settings for the portal: who may embed it, what it is called, how it sells.
//!
//! Decides whether a setting makes sense. One that does not is an error of the page, never a default:
//! a mistyped list of sites must not become all sites.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::wire::errors::{ApiError, Code};

/// Which sites may show the page in a frame: sources of a Content Security Policy, with white space or
/// commas between. Without it any site may: whoever has no token sees nothing, and a click can open a
/// checkout and nothing else.
pub const PORTAL_FRAME_ANCESTORS: &str = "PORTAL_FRAME_ANCESTORS";

/// What the page is called.
pub const PORTAL_TITLE: &str = "PORTAL_TITLE";

/// What the buttons for topping up do.
pub const PORTAL_TOPUP: &str = "PORTAL_TOPUP";

/// Most sites of the list; a header of 4 KB.
const MAX_SITES: usize = 64;

/// Longest of them, in bytes.
const MAX_SITE_BYTES: usize = 253;

/// Longest title, in characters: it is a heading.
const MAX_TITLE_CHARACTERS: usize = 60;

/// What the buttons for topping up do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopUpWay {
    /// They open the deployment's own checkout in a new tab, where it sells anything.
    Checkout,
    /// They tell the page that embeds this one, which sells by itself.
    Message,
    /// There are none.
    Off,
}

/// How the page is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalSettings {
    /// The sources of `frame-ancestors`.
    pub frame_ancestors: String,
    /// The heading.
    pub title: String,
    /// What the buttons do.
    pub top_up: TopUpWay,
}

impl PortalSettings {
    /// Reads the settings; `setting` is a variable's text.
    ///
    /// # Errors
    /// `not_configured`, which names the setting.
    pub fn read(setting: impl Fn(&str) -> Option<String>) -> Result<Self, ApiError> {
        Self::read_by(&setting)
    }

    /// Once, however many ways there are to settings: else each of them is 2 KB of the worker.
    fn read_by(setting: &dyn Fn(&str) -> Option<String>) -> Result<Self, ApiError> {
        let given = |name: &str| setting(name).filter(|text: &String| !text.trim().is_empty());
        let frame_ancestors = match given(PORTAL_FRAME_ANCESTORS) {
            None => "*".to_owned(),
            Some(text) => {
                sources(&text).map_err(|problem| wrong(PORTAL_FRAME_ANCESTORS, &problem))?
            }
        };
        let title = given(PORTAL_TITLE)
            .map_or_else(|| "Balance and usage".to_owned(), |t| t.trim().to_owned());
        let long = title.chars().count() > MAX_TITLE_CHARACTERS;
        if long || title.chars().any(char::is_control) {
            let problem = format!("is not a line of at most {MAX_TITLE_CHARACTERS} characters");
            return Err(wrong(PORTAL_TITLE, &problem));
        }
        let top_up = match given(PORTAL_TOPUP).as_deref() {
            None | Some("checkout") => TopUpWay::Checkout,
            Some("message") => TopUpWay::Message,
            Some("off") => TopUpWay::Off,
            Some(_) => return Err(wrong(PORTAL_TOPUP, "is not checkout, message or off")),
        };
        Ok(Self { frame_ancestors, title, top_up })
    }
}

/// The list as the header has it.
fn sources(text: &str) -> Result<String, String> {
    let between = |character: char| character == ',' || character.is_whitespace();
    let sources: Vec<&str> = text.split(between).filter(|source| !source.is_empty()).collect();
    if sources.len() > MAX_SITES {
        return Err(format!("lists more than {MAX_SITES} sites"));
    }
    if let Some(at) = sources.iter().position(|source| !is_source(source)) {
        return Err(format!(
            "entry {} is not a site such as https://app.example.com or https://*.example.com, a \
             scheme such as https:, *, 'self' or 'none'",
            at + 1
        ));
    }
    let none = sources.iter().any(|source| source.eq_ignore_ascii_case("'none'"));
    if none && sources.len() > 1 {
        return Err("says 'none' and lists sites".to_owned());
    }
    Ok(sources.join(" "))
}

/// Whether text is one source, and nothing that would end the list.
fn is_source(text: &str) -> bool {
    if matches!(text, "*" | "'self'" | "'none'") {
        return true;
    }
    let named = |name: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        name.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && name.bytes().all(allowed)
    };
    if let Some(scheme) = text.strip_suffix(':') {
        return named(scheme);
    }
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let host = rest.strip_prefix("*.").unwrap_or(rest);
    let (host, port) = match host.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (host, None),
    };
    let digits = |port: &str| {
        port == "*" || (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    let fits = !host.is_empty() && text.len() <= MAX_SITE_BYTES && host.bytes().all(plain);
    named(scheme) && fits && port.is_none_or(digits)
}

fn wrong(name: &str, problem: &str) -> ApiError {
    ApiError::new(Code::NotConfigured, &format!("{name} {problem}. Nothing was changed."))
}
