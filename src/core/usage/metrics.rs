//! What a signal says besides its own fields: figures of the caller's.
//!
//! Decides which names and numbers are metrics, for the client that sends them too. They are kept as they were sent and bill nothing, so a
//! count of tokens under a name that this API does not have must not pass for one.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::usage::signal::MAX_LABEL_BYTES;
use crate::wire::errors::{ApiError, Code};
use crate::wire::fields::Fields;

/// Most metrics of a signal.
pub const MAX_METRICS: usize = 20;

/// Longest number of a metric, in bytes: more than a double or a 64-bit integer takes. With the bounds
/// of the name and of the count it keeps a signal's metrics below 6 KB of what is stored for it.
pub const MAX_METRIC_BYTES: usize = 32;

/// The fields that nothing has read: numbers under names of the caller's. One that a slip of the pen,
/// or another provider's words, could have made of a field is refused.
pub(super) fn metrics(fields: Fields<'_>) -> Result<Vec<(String, String)>, ApiError> {
    let mut metrics = Vec::new();
    for (name, value) in fields.rest() {
        let is_number =
            value.get().starts_with(|first: char| first == '-' || first.is_ascii_digit());
        if !is_number || !is_metric_name(&name) {
            return Err(no_metric(&name));
        }
        if value.get().len() > MAX_METRIC_BYTES {
            let message = format!(
                "The metric {:?} is longer than {MAX_METRIC_BYTES} characters. Nothing was changed.",
                shown(&name)
            );
            return Err(ApiError::about(Code::InvalidRequest, "metric", &message));
        }
        metrics.push((name, value.get().to_owned()));
    }
    if metrics.len() > MAX_METRICS {
        let message = format!("A signal has at most {MAX_METRICS} metrics. Nothing was changed.");
        return Err(ApiError::about(Code::InvalidRequest, "metric", &message));
    }
    Ok(metrics)
}

fn no_metric(name: &str) -> ApiError {
    let shown = shown(name);
    let message = format!(
        "A signal has no field {shown:?}, and it is no metric either (a number under a name that is \
         not like a field's or a token count's). Nothing was changed. Tokens are inputTokens, \
         outputTokens and cacheTokens; put free data into custom."
    );
    ApiError::about(Code::UnknownField, &shown, &message)
}

fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

/// Whether a metric may be called so: nothing about tokens, and no field's name but for case, marks
/// between words, and a final `s`.
pub(crate) fn is_metric_name(name: &str) -> bool {
    const TAKEN: [&str; 22] = [
        "customerid",
        "type",
        "model",
        "agentkey",
        "key",
        "runid",
        "idempotencykey",
        "complete",
        "completed",
        "member",
        "custom",
        "dryrun",
        "input",
        "output",
        "cache",
        "cached",
        "cacheread",
        "cachedinput",
        "prompt",
        "completion",
        // Of the client's input, and of JavaScript's objects.
        "metric",
        "proto",
    ];
    // The names that are taken are ASCII, and the tables of all letters would be a third of the client.
    let is_mark = |letter: &char| letter.is_ascii() && !letter.is_ascii_alphanumeric();
    let mut bare: String = name.chars().filter(|letter| !is_mark(letter)).collect();
    bare.make_ascii_lowercase();
    let is_of_tokens = bare.as_bytes().windows(5).any(|part| part == b"token");
    let is_like_a_field = is_of_tokens || TAKEN.contains(&bare.strip_suffix('s').unwrap_or(&bare));
    let is_short = name.len() <= MAX_LABEL_BYTES && !name.chars().any(char::is_control);
    is_short && !bare.is_empty() && !is_like_a_field
}
