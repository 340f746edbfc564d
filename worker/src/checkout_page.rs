//! The test checkout's pages, as a buyer in the sandbox sees them.
//!
//! Decides words and looks, and nothing about the session. There is no script: two plain forms do all.
//! Nothing is loaded from anywhere. What stands in a page besides our own words is escaped.

use edge_credits_core::topup::sandbox::Session;
use edge_credits_core::wire::errors::ApiError;

use crate::html::{escaped, grouped};
use crate::respond::Page;

/// Light and dark, phone and desktop; a target is 48 pixels high at least. Every colour of text has a
/// contrast of 4.5 : 1 or more with what is behind it.
const STYLE: &str = "\
:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--text:#15181e;--soft:#525a69;\
--line:#d9dde4;--edge:#7d8696;--accent:#2450d6;--on-accent:#fff;--note:#fff4d6;--on-note:#5c4300}\
@media(prefers-color-scheme:dark){:root{--page:#0e1116;--card:#171b22;--text:#eceff4;\
--soft:#a3adbd;--line:#303846;--edge:#75808f;--accent:#8fb0ff;--on-accent:#0b1430;--note:#3a2f10;--on-note:#ffdf8a}}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;min-height:100dvh;display:grid;place-items:center;padding:16px;\
background:var(--page);color:var(--text);\
font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}\
main{width:100%;max-width:440px;background:var(--card);border:1px solid var(--line);\
border-radius:16px;overflow:hidden}\
.note{margin:0;padding:12px 24px;background:var(--note);color:var(--on-note);font-size:14px}\
.body{padding:24px}.body>:last-child{margin-bottom:0}\
h1{margin:0;font-size:32px;line-height:1.2;letter-spacing:-.02em;overflow-wrap:anywhere}\
.lead{margin:4px 0 0;color:var(--soft)}\
dl{margin:24px 0;border-top:1px solid var(--line)}\
dl div{display:flex;gap:16px;justify-content:space-between;padding:12px 0;\
border-bottom:1px solid var(--line)}\
dt{color:var(--soft);flex:none}\
dd{margin:0;text-align:right;overflow-wrap:anywhere;min-width:0}\
button,.button{display:block;width:100%;min-height:48px;padding:11px 16px;border-radius:10px;\
border:1px solid transparent;font:inherit;font-weight:600;text-align:center;text-decoration:none;\
cursor:pointer}\
.pay{background:var(--accent);color:var(--on-accent)}\
.pay:hover{filter:brightness(1.08)}\
.cancel{margin-top:12px;background:transparent;color:var(--text);border-color:var(--edge)}\
.cancel:hover{border-color:var(--text)}\
button:focus-visible,.button:focus-visible{outline:3px solid var(--accent);outline-offset:3px}\
@media(max-width:480px){body{place-items:start center;padding:12px}.body{padding:20px}\
.note{padding:12px 20px}h1{font-size:28px}}";

/// The session as it waits for the buyer. `nonce` is not to be guessed, and another one each time.
pub(crate) fn open(session: &Session, token: &str, nonce: &str) -> Page {
    let amount = grouped(&session.amount());
    let heading = format!("{amount} {}", session.unit.as_str());
    let lasting = match session.days {
        Some(1) => "1 day after payment".to_owned(),
        Some(days) => format!("{days} days after payment"),
        None => "Never".to_owned(),
    };
    let mut rows = row("Customer", session.customer.as_str());
    rows.push_str(&row("Pack", &session.price));
    if let Some(product) = &session.product {
        rows.push_str(&row("Product", product.as_str()));
    }
    rows.push_str(&row("Credits expire", &lasting));
    let action = format!("/checkout/test/{}", escaped(token));
    let body = format!(
        "<h1>{}</h1><p class=\"lead\">A top-up in the sandbox</p><dl>{rows}</dl>\
         <form method=\"post\" action=\"{action}/pay\">\
         <button class=\"pay\" type=\"submit\">Pay without money</button></form>\
         <form method=\"post\" action=\"{action}/cancel\">\
         <button class=\"cancel\" type=\"submit\">Cancel</button></form>",
        escaped(&heading),
    );
    let html = document(&format!("Buy {heading}"), nonce, &body);
    // Where forms may lead is left open: browsers hold every redirect that follows to such a list too,
    // and where the app sends its buyers on to (another host of its own, a login) is not known here.
    Page { status: 200, policy: policy(nonce), html }
}

/// The session after it was paid.
pub(crate) fn paid(session: &Session) -> Page {
    let back = escaped(&session.success_target());
    let words = format!(
        "{} {} were added for {}, once. There is nothing more to pay.",
        grouped(&session.amount()),
        session.unit.as_str(),
        session.customer.as_str(),
    );
    let body = format!(
        "<h1>Paid</h1><p class=\"lead\">{}</p><p><a class=\"button cancel\" href=\"{back}\">Back to \
         the app</a></p>",
        escaped(&words),
    );
    told(200, "Paid", &body)
}

/// The session after its time.
pub(crate) fn expired(session: &Session) -> Page {
    let back = escaped(&session.cancel_url);
    let body = format!(
        "<h1>This session has expired</h1><p class=\"lead\">It could be paid for 24 hours. Nothing \
         was added; the app can open a new one.</p><p><a class=\"button cancel\" \
         href=\"{back}\">Back to the app</a></p>"
    );
    told(410, "Expired", &body)
}

/// No session.
pub(crate) fn unknown() -> Page {
    let body = "<h1>There is no such session</h1><p class=\"lead\">The link is incomplete, or the \
                deployment has other keys by now. Nothing was added.</p>";
    told(404, "Not found", body)
}

/// The ledger failed.
pub(crate) fn failed(error: &ApiError) -> Page {
    let body = format!(
        "<h1>That did not work</h1><p class=\"lead\">{} Reload this page to see whether it was paid; \
         it is paid once at most.</p>",
        escaped(&error.message),
    );
    told(error.code.status(), "Failed", &body)
}

/// A page without a form. Its style needs no secret: there is nothing else in it that could run.
fn told(status: u16, title: &str, body: &str) -> Page {
    const NONCE: &str = "style";
    let policy = format!("{}; form-action 'none'", policy(NONCE));
    Page { status, policy, html: document(title, NONCE, body) }
}

fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'"
    )
}

fn document(title: &str, nonce: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{} – Test checkout</title><style nonce=\"{nonce}\">{STYLE}</style></head><body><main>\
         <p class=\"note\"><strong>Test checkout.</strong> This is a sandbox: no card is asked for and \
         no money moves.</p><div class=\"body\">{body}</div></main></body></html>",
        escaped(title),
    )
}

fn row(term: &str, value: &str) -> String {
    format!("<div><dt>{term}</dt><dd>{}</dd></div>", escaped(value))
}

#[cfg(test)]
mod tests {
    use edge_credits_core::credits::Credits;
    use edge_credits_core::ids::{CustomerId, Unit};
    use edge_credits_core::time::Timestamp;

    use super::*;

    fn session(customer: &str, back: &str) -> Session {
        Session {
            id: "cs_test_1".to_owned(),
            customer: CustomerId::parse(customer).unwrap(),
            credits: Credits::from_minor_units(1_234_567_500_000).unwrap(),
            unit: Unit::credits(),
            product: None,
            price: "price_\"><script>".to_owned(),
            days: Some(1),
            success_url: format!("{back}?s={{CHECKOUT_SESSION_ID}}&x='\""),
            cancel_url: back.to_owned(),
            expires_at: Timestamp::from_millis(1),
        }
    }

    #[test]
    fn nothing_that_comes_from_outside_is_markup() {
        let session = session("<img src=x onerror=alert(1)>'\"&", "https://app.example.com/a");
        for page in [open(&session, "t.m", "n1"), paid(&session), expired(&session)] {
            assert!(!page.html.contains("<img") && !page.html.contains("<script"));
            assert!(!page.html.contains("onerror=alert(1)>"), "{}", page.html);
            assert!(page.policy.starts_with("default-src 'none'"));
        }
        assert!(paid(&session).html.contains("?s=cs_test_1&amp;x=&#39;&quot;"));
    }

    #[test]
    fn a_form_may_lead_back_to_wherever_the_app_sends_its_buyers() {
        let session = session("cus_1", "http://localhost:3000/a;b");
        let page = open(&session, "t.m", "n1");
        assert!(!page.policy.contains("form-action"), "{}", page.policy);
        assert!(page.policy.contains("style-src 'nonce-n1'"));
        assert!(page.html.contains("action=\"/checkout/test/t.m/pay\""));
        assert!(paid(&session).policy.contains("form-action 'none'"));
    }
}
