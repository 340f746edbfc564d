//! What one answer, or the lack of one, is called: its error, judged alone.
//!
//! Decides class, code, words and effect of a single attempt. What earlier attempts leave open is
//! weighed by [`crate::client::exchange`].

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::time::Duration;

use crate::client::error::{ClientError, ErrorClass};
use crate::client::steps::Failure;
use crate::error::Effect;
use crate::http::Response;
use crate::wire::errors::Code;
use crate::wire::reading::{self, Kind, Said};

/// The error of an attempt without a usable answer. `sent`: whether anything may have left for `url`.
pub(crate) fn no_answer(failure: Failure, sent: bool, url: &str) -> Box<ClientError> {
    let unreached;
    let (code, what) = match failure {
        Failure::Timeout => ("timeout", "The API did not answer in time."),
        Failure::Network => {
            unreached = words_for_unreached(url);
            ("network_error", unreached.as_str())
        }
        Failure::Aborted => ("aborted", "The call was ended before the API answered."),
        Failure::Oversized => {
            ("protocol_error", "The API answered with more than 4 MB, which was not read.")
        }
        Failure::Overloaded => {
            ("overloaded", "The customer's ledger has more calls waiting than it takes.")
        }
    };
    let mut error = ClientError::local(code, what);
    error.retryable = failure != Failure::Oversized;
    error.effect = if sent { Effect::Unknown } else { Effect::NotApplied };
    error
}

/// The error that an answer means. `hint` is how long it asks to wait, `requested` the call's own
/// amount for a shortage that does not name it.
pub(crate) fn error_of(
    response: &Response,
    said: Said,
    hint: Option<Duration>,
    requested: Option<&str>,
) -> Box<ClientError> {
    let judgement = reading::judge(response.status, said.code.as_deref());
    let mut error = match judgement.kind {
        // A success that did not read as one is no answer of this API either.
        Kind::Success | Kind::Protocol => ClientError::local(
            "protocol_error",
            "The API answered with something that is not its protocol; is baseUrl right, and is \
             there a proxy in between?",
        ),
        _ => {
            let code = said.code.as_deref().unwrap_or(reading::default_code(response.status));
            let words = said.message.unwrap_or_else(|| words_for(response.status));
            ClientError::local(code, &words)
        }
    };
    error.class = match judgement.kind {
        Kind::InsufficientCredits => {
            let requested = said.requested.or_else(|| requested.map(ToOwned::to_owned));
            ErrorClass::InsufficientCredits { current_balance: said.current_balance, requested }
        }
        Kind::RateLimit => ErrorClass::RateLimit,
        Kind::Authentication => ErrorClass::Authentication,
        Kind::Success | Kind::Protocol | Kind::Other => ErrorClass::Engine,
    };
    error.status = Some(response.status);
    error.details = said.details;
    error.retryable = judgement.retry;
    error.effect = match judgement.kind {
        Kind::Success => Effect::Unknown,
        _ => judgement.effect,
    };
    error.request_id = said.request_id.or_else(|| header_id(response));
    error.retry_after = hint;
    error
}

/// The server's name of an answer, from its header.
pub(crate) fn header_id(response: &Response) -> Option<String> {
    response.header("x-request-id").and_then(reading::request_id)
}

/// The receipt of the call that a key already stands for, as a refusal to reuse it carries it.
pub(crate) fn first_receipt(said: &Said) -> Option<&str> {
    said.first
        .as_deref()
        .filter(|_| said.code.as_deref() == Some(Code::IdempotencyKeyReused.as_str()))
}

/// Takes a secret out of whatever the server echoed.
pub(crate) fn mask(error: &mut ClientError, secret: &str) {
    error.message = masked(&error.message, secret);
    error.code = masked(&error.code, secret);
    let clean = |text: &String| split_at(text, secret).is_none();
    error.request_id = error.request_id.take().filter(clean);
    error.details = error.details.take().filter(clean);
}

/// A text without a secret.
pub(crate) fn masked(text: &str, secret: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = split_at(rest, secret) {
        shown.push_str(before);
        shown.push_str("[API key]");
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// What stands before and after the first occurrence. Byte by byte, because the searcher behind
/// `str::replace` and `str::contains` is 3 KB of the client after gzip, and these texts are short.
fn split_at<'a>(text: &'a str, secret: &str) -> Option<(&'a str, &'a str)> {
    let mut windows = text.as_bytes().windows(secret.len().max(1));
    let at = windows.position(|window| window == secret.as_bytes())?;
    Some((text.get(..at)?, text.get(at + secret.len()..)?))
}

/// Names the server, for whoever forgot `baseUrl` looks for the fault in their own.
fn words_for_unreached(url: &str) -> String {
    let after_scheme = url.bytes().position(|byte| byte == b':').map_or(0, |at| at + 3);
    let host = url.get(after_scheme..).unwrap_or_default();
    let end = host.bytes().position(|byte| byte == b'/').unwrap_or(host.len());
    let mut words = "The API at ".to_owned();
    words.push_str(host.get(..end).unwrap_or_default());
    words.push_str(" could not be reached, or hung up.");
    words
}

/// What is said of an answer that says nothing itself.
fn words_for(status: u16) -> String {
    let mut words = match status {
        401 => "The API does not accept this API key: is it complete, current and for this server?",
        402 => "The customer's credits do not cover this call. Nothing was deducted.",
        403 => "The API refuses this to the API key, or a proxy in between does.",
        404 => "The API does not have this: are baseUrl and paths right?",
        429 => "The API asks to slow down. Nothing was changed.",
        500..=599 => "The API failed, or a proxy in front of it did.",
        _ => "The API refused the call without saying why.",
    }
    .to_owned();
    words.push_str(" (HTTP ");
    words.push_str(&u64::from(status).to_string());
    words.push(')');
    words
}
