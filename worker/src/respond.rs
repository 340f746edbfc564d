//! Answers and errors → HTTP.
//!
//! Decides headers; status codes come from the table in the core. Every answer names its request
//! and the version that gave it, and none may be kept by a cache.

use core::time::Duration;

use edge_credits_core::http;
use edge_credits_core::wire::cached::whole_seconds;
use edge_credits_core::wire::clocknext::envelope::{Envelope, status};
use edge_credits_core::wire::errors::{ApiError, Code};

/// The version of this worker, on every answer: by it a client knows that it speaks to ours.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The header by which an answer, a log line and a caller's question name one request.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// Why a request gets no answer, and the headers that go with it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the body says.
    pub(crate) error: ApiError,
    /// The method that the path answers, where another was used.
    pub(crate) allow: Option<&'static str>,
    /// When the call is worth another try, where that is known.
    pub(crate) retry_after: Option<Duration>,
    /// What went wrong on our side, for the log alone.
    pub(crate) log: Option<String>,
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self { error, allow: None, retry_after: None, log: None }
    }
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// JSON text.
    pub(crate) body: String,
    /// Whether an earlier call with the same key had been carried out.
    pub(crate) replayed: bool,
}

/// Where an answer comes from, and for which request.
pub(crate) struct Origin<'a> {
    /// The request's id.
    pub(crate) request_id: &'a str,
    /// The part of the worker that answered: `edge`, `ledger` or `cache`.
    pub(crate) part: &'static str,
    /// How long it took. The clock stands still between I/O in production, so that an answer from
    /// memory takes no time.
    pub(crate) took: Duration,
    /// How the ClockNext API wraps it; `None`: it is an answer of the Credit Engine API.
    pub(crate) envelope: Option<Envelope>,
}

/// An HTTP response as data.
#[derive(Debug)]
struct Plain {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// Makes the HTTP response, and a line in the log where something failed on our side. It is a text
/// from which `worker/http.js` makes the runtime's own: the status, each header's name and value, a
/// line each; an empty line; the body. A header without a value is left out: it would be that line.
pub(crate) fn respond(result: Result<Answer, Failure>, origin: &Origin<'_>) -> String {
    if let Err(Failure { log: Some(log), .. }) = &result {
        worker::console_error!("{}: {log}", origin.request_id);
    }
    text_of(&plain(result, origin))
}

fn text_of(plain: &Plain) -> String {
    let mut text = plain.status.to_string();
    for (name, value) in plain.headers.iter().filter(|(_, value)| !value.is_empty()) {
        for line in [name, value.as_str()] {
            text.push('\n');
            text.push_str(line);
        }
    }
    text.push_str("\n\n");
    text.push_str(&plain.body);
    text
}

/// A page for a person's browser.
pub(crate) struct Page {
    /// The status code.
    pub(crate) status: u16,
    /// `Content-Security-Policy`.
    pub(crate) policy: String,
    /// The document.
    pub(crate) html: String,
}

/// Answers with a page. It says to nobody where it was, for its URL is a session.
pub(crate) fn page(page: &Page, origin: &Origin<'_>) -> String {
    let mut headers = common_headers(origin);
    headers.retain(|(name, _)| *name != "content-type");
    headers.extend([
        ("content-type", "text/html; charset=utf-8".to_owned()),
        ("content-security-policy", page.policy.clone()),
        ("referrer-policy", "no-referrer".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        ("x-robots-tag", "noindex".to_owned()),
    ]);
    text_of(&Plain { status: page.status, headers, body: page.html.clone() })
}

/// Answers a page's own script with text to put into it. The script may be in a sandbox, where a page
/// has no origin, so any may read it: who asks has shown a token, and no browser adds anything.
pub(crate) fn content(status: u16, text: &str, origin: &Origin<'_>) -> String {
    let mut headers = common_headers(origin);
    headers.retain(|(name, _)| *name != "content-type");
    headers.extend([
        ("content-type", "text/plain; charset=utf-8".to_owned()),
        ("access-control-allow-origin", "*".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
    ]);
    text_of(&Plain { status, headers, body: text.to_owned() })
}

/// Sends a browser elsewhere, to be asked for by GET. The URL is one that was checked when it came
/// in: it holds no line break.
pub(crate) fn redirect(url: &str, origin: &Origin<'_>) -> String {
    let mut headers = common_headers(origin);
    headers.retain(|(name, _)| *name != "content-type");
    headers.push(("location", url.to_owned()));
    headers.push(("referrer-policy", "no-referrer".to_owned()));
    text_of(&Plain { status: 303, headers, body: String::new() })
}

/// Hands on what another API has answered: status and body as they are, and what its headers say of
/// the call.
pub(crate) fn hand_on(theirs: http::Response, origin: &Origin<'_>) -> String {
    let mut headers = common_headers(origin);
    for name in ["idempotent-replayed", "retry-after"] {
        headers.extend(theirs.header(name).map(|value| (name, value.to_owned())));
    }
    text_of(&Plain { status: theirs.status, headers, body: theirs.body })
}

fn common_headers(origin: &Origin<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", "application/json".to_owned()),
        ("cache-control", "no-store".to_owned()),
        (REQUEST_ID, origin.request_id.to_owned()),
        ("x-edge-credits", VERSION.to_owned()),
        ("server-timing", format!("{};dur={}", origin.part, origin.took.as_millis())),
    ]
}

fn plain(result: Result<Answer, Failure>, origin: &Origin<'_>) -> Plain {
    let mut headers = common_headers(origin);
    match result {
        Ok(answer) => {
            if answer.replayed {
                headers.push(("idempotent-replayed", "true".to_owned()));
            }
            let body = match origin.envelope {
                Some(envelope) => envelope.success(&answer.body),
                None => answer.body,
            };
            Plain { status: 200, headers, body }
        }
        Err(Failure { error, allow, retry_after, .. }) => {
            headers.extend(allow.map(|method| ("allow", method.to_owned())));
            let seconds = retry_after.map(|wait| whole_seconds(wait).to_string());
            headers.extend(seconds.map(|seconds| ("retry-after", seconds)));
            if error.code == Code::InvalidApiKey {
                headers.push(("www-authenticate", "Bearer".to_owned()));
            }
            let (status, body) = match origin.envelope {
                Some(envelope) => (status(error.code), envelope.failure(&error, origin.request_id)),
                None => (error.code.status(), error.to_body(origin.request_id)),
            };
            Plain { status, headers, body }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: Origin<'_> = Origin {
        request_id: "r-1",
        part: "ledger",
        took: Duration::from_millis(3),
        envelope: None,
    };

    fn header<'a>(response: &'a Plain, name: &str) -> Option<&'a str> {
        response.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn every_answer_names_its_request_and_is_not_cached() {
        let answer = Answer { body: "{}".to_owned(), replayed: false };
        let error = Failure::from(ApiError::new(Code::NotFound, "no"));
        for result in [Ok(answer), Err(error)] {
            let response = plain(result, &ORIGIN);
            assert_eq!(header(&response, "x-request-id"), Some("r-1"));
            assert_eq!(header(&response, "x-edge-credits"), Some(VERSION));
            assert_eq!(header(&response, "server-timing"), Some("ledger;dur=3"));
            assert_eq!(header(&response, "cache-control"), Some("no-store"));
            assert_eq!(header(&response, "content-type"), Some("application/json"));
            assert_eq!(header(&response, "idempotent-replayed"), None);
            assert_eq!(header(&response, "www-authenticate"), None);
        }
    }

    #[test]
    fn replays_are_marked() {
        let response = plain(Ok(Answer { body: "{}".to_owned(), replayed: true }), &ORIGIN);
        assert_eq!((response.status, &*response.body), (200, "{}"));
        assert_eq!(header(&response, "idempotent-replayed"), Some("true"));
    }

    #[test]
    fn errors_carry_their_status_and_headers() {
        let unknown = plain(Err(ApiError::new(Code::InvalidApiKey, "no").into()), &ORIGIN);
        assert_eq!(unknown.status, 401);
        assert_eq!(header(&unknown, "www-authenticate"), Some("Bearer"));
        assert!(unknown.body.contains(r#""request_id":"r-1""#));
        let error = ApiError::new(Code::MethodNotAllowed, "no");
        let method = plain(Err(Failure { allow: Some("POST"), ..error.into() }), &ORIGIN);
        assert_eq!((method.status, header(&method, "allow")), (405, Some("POST")));
        let error = ApiError::new(Code::OutboxFull, "no");
        let retry_after = Some(Duration::from_millis(1_001));
        let full = plain(Err(Failure { retry_after, ..error.into() }), &ORIGIN);
        assert_eq!((full.status, header(&full, "retry-after")), (503, Some("2")));
    }

    #[test]
    fn the_other_api_has_its_own_envelopes_and_the_same_headers() {
        for envelope in [Envelope::Old, Envelope::New] {
            let origin = Origin { envelope: Some(envelope), ..ORIGIN };
            let answer = Answer { body: r#"{"a":1}"#.to_owned(), replayed: true };
            let good = plain(Ok(answer), &origin);
            assert_eq!((good.status, &*good.body), (200, &*envelope.success(r#"{"a":1}"#)));
            assert_eq!(header(&good, "idempotent-replayed"), Some("true"));
            let error = ApiError::new(Code::InsufficientCredits, "no");
            let body = envelope.failure(&error, "r-1");
            let short = plain(Err(error.into()), &origin);
            assert_eq!((short.status, short.body), (422, body));
            let unknown = plain(Err(ApiError::new(Code::InvalidApiKey, "no").into()), &origin);
            assert_eq!(unknown.status, 401);
            assert_eq!(header(&unknown, "www-authenticate"), Some("Bearer"));
        }
    }

    #[test]
    fn a_header_without_a_value_does_not_end_the_headers() {
        let headers = [("retry-after", ""), ("idempotent-replayed", "true")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let theirs = http::Response { status: 429, headers, body: "{}\n\n".to_owned() };
        let text = hand_on(theirs, &ORIGIN);
        let (head, body) = text.split_once("\n\n").unwrap();
        assert_eq!(body, "{}\n\n");
        assert!(head.starts_with("429\n") && head.ends_with("\nidempotent-replayed\ntrue"));
        assert_eq!(head.lines().count() % 2, 1, "pairs after the status: {head}");
    }

    #[test]
    fn the_readme_lists_every_error() {
        let readme = include_str!("../README.md");
        for code in Code::ALL {
            let (status, quoted) = (code.status().to_string(), format!("`{}`", code.as_str()));
            let listed = |line: &str| {
                let mut cells = line.split('|').map(str::trim).skip(1);
                cells.next() == Some(&*status)
                    && cells.next().is_some_and(|codes| codes.split(", ").any(|one| one == quoted))
            };
            assert!(readme.lines().any(listed), "{status} {quoted}");
        }
    }
}
