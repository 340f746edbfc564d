//! The customer portal: `GET /portal/embed?token=…`, and what its page asks for.
//!
//! A token says whose page it is, so no API key is asked for ([`edge`]); the customer's own ledger
//! answers ([`serve`]), or where this is a cache, the upstream's ([`passing`]). Decides which step a request is, and where its token stands: in the URL of the
//! page itself, which an owner's app puts into a frame, and in the body of all that follows. What is
//! shown is the core's ([`edge_credits_core::portal::view`]), how it is said is [`words`]'s, [`names`]'s, [`cards`]'s,
//! [`chart`]'s and [`content`]'s, and [`page`] goes around it.

mod cards;
mod chart;
mod content;
mod customers;
pub(crate) mod edge;
mod names;
mod page;
pub(crate) mod passing;
pub(crate) mod serve;
#[cfg(test)]
mod tests;
mod words;

use edge_credits_core::http::parse_query;
use edge_credits_core::portal::settings::PortalSettings;
use edge_credits_core::portal::token::{MAX_TOKEN_BYTES, PORTAL_SECRET, PortalKeys};

use crate::head::Head;
use crate::routes::{Route, route};

/// The header in which the page's token goes on to an object, whose URL would stand in the log of its
/// calls.
const TOKEN: &str = "x-edge-credits-portal-token";

/// Largest body: a token and the id of a price, percent-encoded.
pub(crate) const MAX_FORM_BYTES: usize = 4 * 1024;

/// A step of the portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The page.
    Page,
    /// Its content, made anew.
    Data,
    /// A checkout for a pack.
    TopUp,
    /// Where a buyer comes back to.
    Paid,
    /// Where a buyer comes back to who has not paid.
    Cancelled,
}

impl Step {
    /// The step of this last segment, and its method.
    pub(crate) fn find(segment: &str) -> Option<(&'static str, Self)> {
        match segment {
            "embed" => Some(("GET", Self::Page)),
            "data" => Some(("POST", Self::Data)),
            "topup" => Some(("POST", Self::TopUp)),
            "paid" => Some(("GET", Self::Paid)),
            "cancelled" => Some(("GET", Self::Cancelled)),
            _ => None,
        }
    }

    /// Largest body, in bytes; 0 where none is read.
    pub(crate) const fn max_body_bytes(self) -> usize {
        match self {
            Self::Data | Self::TopUp => MAX_FORM_BYTES,
            Self::Page | Self::Paid | Self::Cancelled => 0,
        }
    }
}

/// The step that a request is, if it is one.
pub(crate) fn step_of(head: &Head) -> Option<Step> {
    match route(&head.method, head.path()) {
        Ok(Route::Portal(step)) => Some(step),
        _ => None,
    }
}

/// Whether nothing that is set makes no sense; without a secret there is no portal, which does.
pub(crate) fn is_sensible(setting: impl Fn(&str) -> Option<String>) -> bool {
    let secret = setting(PORTAL_SECRET).filter(|text| !text.is_empty());
    let keys = secret.is_none() || PortalKeys::read(&setting).is_ok();
    keys && PortalSettings::read(setting).is_ok()
}

/// What a request says: its token, and the form around it where there is one.
struct Asked {
    token: String,
    price: Option<String>,
}

impl Asked {
    fn of(step: Step, head: &Head, body: Option<&[u8]>) -> Self {
        let text = body.and_then(|body| core::str::from_utf8(body).ok()).unwrap_or_default();
        if step == Step::Data {
            // Nothing but the token.
            let token = if text.len() <= MAX_TOKEN_BYTES { text } else { "" };
            return Self { token: token.to_owned(), price: None };
        }
        let form = parse_query(if step == Step::Page { head.query() } else { text });
        let value = |name: &str| {
            let found = form.iter().find(|(other, _)| other == name);
            found.map(|(_, value)| value.clone())
        };
        Self { token: value("token").unwrap_or_default(), price: value("price") }
    }

    /// The same at an object, which has the token of the page from the entrance by a header; from who
    /// holds the binding it may come as from outside.
    fn inside(step: Step, head: &Head, body: Option<&[u8]>) -> Self {
        match head.header(TOKEN).filter(|_| step == Step::Page) {
            Some(token) => Self { token: token.to_owned(), price: None },
            None => Self::of(step, head, body),
        }
    }
}

/// `theme=light` or `theme=dark` of the page's URL.
fn theme(head: &Head) -> Option<&'static str> {
    let form = parse_query(head.query());
    let (_, value) = form.iter().find(|(name, _)| name == "theme")?;
    ["light", "dark"].into_iter().find(|theme| *theme == value)
}
