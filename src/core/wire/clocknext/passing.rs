//! A request of this API on its way through a cache: which balances it may have changed, and what its
//! caller is told of the upstream's answer.

use alloc::vec::Vec;
use core::time::Duration;

use crate::http::Response;
use crate::ids::Unit;
use crate::usage::split_signal_batch;
use crate::wire::errors::{ApiError, Code};
use crate::wire::reading::{JsonObject as _, RawObject};

/// The units that a body names: the wallet's where its `type` is so, an `agentKey` or `key`, a `unit`;
/// of a batch, those of its signals, each once. One that only asks for its price changes none, and a body
/// that is malformed names none; the upstream will say what is wrong with it.
#[must_use]
pub fn units_of(body: &str) -> Vec<Unit> {
    let signals = split_signal_batch(body).unwrap_or_else(|_| Vec::from([body]));
    let mut units = Vec::new();
    for unit in signals.into_iter().flat_map(units_of_one) {
        if !units.contains(&unit) {
            units.push(unit);
        }
    }
    units
}

fn units_of_one(body: &str) -> Vec<Unit> {
    let Some(signal) = RawObject::read(body) else { return Vec::new() };
    if signal.flag("dryRun") == Some(true) {
        return Vec::new();
    }
    // An outcome is billed to the wallet, too; its key is a step's.
    let of_wallet =
        |kind: &str| ["wallet", "outcome"].iter().any(|it| it.eq_ignore_ascii_case(kind));
    let wallet = signal.text("type").is_some_and(|kind| of_wallet(&kind));
    if wallet {
        return Unit::parse(Unit::USD).into_iter().collect();
    }
    let named = ["agentKey", "key", "unit"].iter().find_map(|name| signal.text(name));
    named.and_then(|name| Unit::parse(&name).ok()).into_iter().collect()
}

/// The upstream's answer, if the caller is to have it.
///
/// # Errors
/// What the caller is told instead, and when the call is worth another try. It never says that a
/// change did not happen where that is open.
pub fn handed_on(
    response: Option<Response>,
    reads: bool,
) -> Result<Response, (ApiError, Option<Duration>)> {
    let wait = Some(Duration::from_secs(1));
    match response {
        // The caller's own key was accepted here; it is the deployment's that is refused.
        Some(Response { status: 401 | 403, .. }) => {
            let message = "The API behind this cache does not accept this deployment's key. Nothing \
                           was changed; tell whoever runs this deployment.";
            Err((ApiError::new(Code::UpstreamUnavailable, message), wait))
        }
        Some(response) if (200..300).contains(&response.status) || response.status >= 400 => {
            Ok(response)
        }
        _ if reads => {
            let message = "The API behind this cache cannot be reached.";
            Err((ApiError::new(Code::UpstreamUnavailable, message), wait))
        }
        _ => {
            let message = "The API behind this cache did not answer, and it is open whether the call \
                           took effect. Repeat a usage signal with the same idempotencyKey: it is \
                           carried out at most once.";
            Err((ApiError::new(Code::InternalError, message), None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned as _;

    #[test]
    fn units_by_the_table() {
        let table = [
            (r#"{"type":"Wallet","agentKey":"api"}"#, &["usd"] as &[&str]),
            (r#"{"type":"credit","agentKey":"api"}"#, &["api"]),
            (r#"{"type":"credit","key":"api"}"#, &["api"]),
            (r#"{"unit":"credits"}"#, &["credits"]),
            (r#"{"type":"OUTCOME","agentKey":"ticket.triage"}"#, &["usd"]),
            (
                r#"{"signals":[{"agentKey":"a"},{"type":"wallet"},{"agentKey":"a"},7]}"#,
                &["a", "usd"],
            ),
            (r#"{"agentKey":"a","dryRun":true}"#, &[]),
            (r#"{"signals":[{"agentKey":"a","dryRun":true},{"agentKey":"b"}]}"#, &["b"]),
            (r#"{"agentKey":"a","dryRun":false}"#, &["a"]),
            (r#"{"agentKey":"a b"}"#, &[]),
            (r#"{"agentKey":7}"#, &[]),
            ("[", &[]),
        ];
        for (body, expected) in table {
            let units = units_of(body);
            let names: Vec<&str> = units.iter().map(Unit::as_str).collect();
            assert_eq!(names, expected, "{body}");
        }
    }

    #[test]
    fn what_a_caller_is_told() {
        let answer = |status| Some(Response { status, headers: Vec::new(), body: "{}".to_owned() });
        for status in [200, 201, 400, 404, 422, 429, 500, 503] {
            assert_eq!(handed_on(answer(status), false).unwrap().status, status);
        }
        for (response, reads, code) in [
            (answer(401), false, Code::UpstreamUnavailable),
            (answer(403), true, Code::UpstreamUnavailable),
            (answer(302), true, Code::UpstreamUnavailable),
            (answer(302), false, Code::InternalError),
            (None, true, Code::UpstreamUnavailable),
            (None, false, Code::InternalError),
        ] {
            assert_eq!(handed_on(response, reads).unwrap_err().0.code, code);
        }
    }
}
