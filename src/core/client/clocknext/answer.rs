//! What an answer of `/api/v1` means: which error it is, and whether another attempt may help.
//!
//! Decides from one answer alone; what earlier attempts leave open is weighed by
//! [`super::exchange`]. Both envelopes are read everywhere, told apart by a `statusDetail`.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};

use crate::client::error::{ClientError, ErrorClass, FaceClass};
use crate::error::Effect;
use crate::wire::reading::{self, Said};

/// Whether an answer says that the call was carried out. An empty one with a status of success does.
#[must_use]
pub fn succeeded(status: u16, said: &Said) -> bool {
    (200..300).contains(&status) && !said.declined
}

/// The error that an answer means; `body` is its text, which an API without words is quoted by.
#[must_use]
pub fn error_of(status: u16, said: Said, body: &str) -> Box<ClientError> {
    let quoted = || reading::message(body).filter(|_| !said.is_object);
    let message = said.message.clone().or_else(quoted).unwrap_or_else(|| words_for(status));
    let (class, code, retryable) = class_of(status, &message);
    let mut error = ClientError::local(said.code.as_deref().unwrap_or(code), &message);
    error.class = ErrorClass::Face(class);
    error.status = Some(status);
    error.details = said.details;
    let judgement = reading::judge(status, said.code.as_deref());
    // A setting that is missing does not come by waiting.
    error.retryable = retryable && (status != 503 || judgement.retry);
    error.effect = match status {
        // It says that it went wrong, and not how far it had come.
        200..=299 => Effect::Unknown,
        _ => judgement.effect,
    };
    error.request_id = said.request_id;
    error
}

/// The table of the protocol: class, the code where the answer names none, and whether a repeat may
/// be answered otherwise.
fn class_of(status: u16, message: &str) -> (FaceClass, &'static str, bool) {
    match status {
        400 => (FaceClass::VALIDATION, "invalid_request", false),
        401 => (FaceClass::AUTH, "invalid_api_key", false),
        404 => (FaceClass::NOT_FOUND, "not_found", false),
        408 => (FaceClass::BASE, "timeout", true),
        409 => (FaceClass::CONFLICT, "conflict", true),
        422 if says_insufficient(message) => {
            (FaceClass::ALLOWANCE, "insufficient_allowance", false)
        }
        422 => (FaceClass::PLAN, "plan_error", false),
        429 => (FaceClass::RATE_LIMIT, "rate_limited", true),
        500..=599 => (FaceClass::SERVER, "server_error", true),
        200..=299 => (FaceClass::BASE, "api_error", false),
        _ => (FaceClass::BASE, "http_error", false),
    }
}

/// Whether a text has the word, in any case: the API has no other sign of it.
fn says_insufficient(text: &str) -> bool {
    const WORD: &[u8] = b"insufficient";
    text.as_bytes().windows(WORD.len()).any(|part| part.eq_ignore_ascii_case(WORD))
}

fn words_for(status: u16) -> String {
    let mut words = "The API refused the call, or failed, without saying why (HTTP ".to_owned();
    words.push_str(&u64::from(status).to_string());
    words.push(')');
    words
}
