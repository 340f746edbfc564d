//! The portal's documents: the page around its content, and the plain ones for what cannot be shown.
//!
//! Decides the policy: nothing is loaded from anywhere, style and script are the page's own by a secret
//! that is new each time, and only those sites embed it that the deployment lets.

use core::time::Duration;

use edge_credits_core::portal::settings::PortalSettings;
use edge_credits_core::portal::token::Unusable;
use edge_credits_core::wire::errors::ApiError;

use crate::html::escaped;
use crate::respond::Page;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// What goes around the content.
pub(super) struct Frame<'a> {
    /// The deployment's settings.
    pub(super) settings: &'a PortalSettings,
    /// Not to be guessed, and another one each time.
    pub(super) nonce: &'a str,
    /// `light` or `dark`, where the page around says which.
    pub(super) theme: Option<&'a str>,
    /// The page's token.
    pub(super) token: &'a str,
    /// For how long it lasts.
    pub(super) left: Duration,
}

/// The page.
pub(super) fn page(frame: &Frame<'_>, content: &str) -> Page {
    let Frame { nonce, settings, .. } = frame;
    // Where forms may lead is left open: a browser holds the redirect to a checkout to such a list
    // too, and where that is, Stripe says.
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; \
         connect-src 'self'; base-uri 'none'; frame-ancestors {}",
        settings.frame_ancestors
    );
    let body = format!(
        "<p class=\"banner\" role=\"alert\" hidden></p><p class=\"vh\" role=\"status\"></p>\
         <main data-token=\"{}\" data-seconds=\"{}\">{content}</main>\
         <script nonce=\"{nonce}\">{SCRIPT}</script>",
        escaped(frame.token),
        frame.left.as_secs(),
    );
    Page { status: 200, policy, html: document(&settings.title, (nonce, frame.theme), &body) }
}

/// Why there is no page, to whoever opened it.
pub(super) fn unusable(why: Unusable) -> Page {
    match why {
        Unusable::NotOurs => plain(
            401,
            "This link does not work",
            "It is incomplete, or it was made for another place. Open your credits again from where \
             you came.",
        ),
        Unusable::Ended => plain(
            410,
            "This link has ended",
            "Links to this page last a short time only, so that nobody else can use them. Open your \
             credits again from where you came.",
        ),
    }
}

/// What failed on the deployment's side.
pub(super) fn failed(error: &ApiError) -> Page {
    plain(error.code.status(), "This cannot be shown now", &error.message)
}

/// Where a buyer comes back to, in the tab of the checkout.
pub(super) fn paid() -> Page {
    plain(
        200,
        "Thank you",
        "Your payment went through. The balance follows within moments, in the tab you came from. You \
         can close this one.",
    )
}

/// Where a buyer comes back to who has not paid.
pub(super) fn cancelled() -> Page {
    plain(200, "Nothing was bought", "No payment was made. You can close this tab.")
}

/// A page of words. Its style needs no secret: there is nothing else in it that could run. Anybody may
/// embed it, for it says nothing of anybody.
pub(super) fn plain(status: u16, title: &str, words: &str) -> Page {
    let policy = "default-src 'none'; style-src 'nonce-style'; form-action 'none'; base-uri 'none'; \
                  frame-ancestors *";
    let body = format!(
        "<main class=\"plain\"><h1>{}</h1><p>{}</p></main>",
        escaped(title),
        escaped(words)
    );
    Page { status, policy: policy.to_owned(), html: document(title, ("style", None), &body) }
}

fn document(title: &str, (nonce, theme): (&str, Option<&str>), body: &str) -> String {
    let theme = theme.map_or_else(String::new, |theme| format!(" data-theme=\"{theme}\""));
    format!(
        "<!doctype html><html lang=\"en\"{theme}><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{}</title><style nonce=\"{nonce}\">{STYLE}</style></head><body>{body}</body></html>",
        escaped(title),
    )
}
