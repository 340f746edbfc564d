//! A batch at the entrance: its signals are of several customers, and each customer's ledger takes its
//! own.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::http::Response;
use crate::ids::CustomerId;
use crate::usage::log::list_body;
use crate::usage::signal::split_signal_batch;
use crate::wire::clocknext::envelope::Envelope;
use crate::wire::errors::{ApiError, Code};
use crate::wire::fields::{Fields, id_error, missing};

/// The signals of one customer in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalGroup {
    /// Whose.
    pub customer: CustomerId,
    /// A batch of them alone.
    pub body: String,
    /// Where they stand in the whole.
    positions: Vec<usize>,
}

/// A batch by customer.
#[derive(Clone, Debug)]
pub struct SplitSignals {
    /// In the order of their first signals.
    pub groups: Vec<SignalGroup>,
    /// Signals that are nobody's, and why.
    refused: Vec<(usize, ApiError)>,
}

/// Splits a batch. Nothing of a signal is read but whose it is.
///
/// # Errors
/// What is wrong around the signals.
pub fn split_by_customer(body: &str) -> Result<SplitSignals, ApiError> {
    let mut parts: Vec<(CustomerId, Vec<(usize, &str)>)> = Vec::new();
    let mut refused = Vec::new();
    for (position, item) in split_signal_batch(body)?.into_iter().enumerate() {
        match whose(item) {
            Ok(customer) => match parts.iter_mut().find(|(known, _)| *known == customer) {
                Some((_, signals)) => signals.push((position, item)),
                None => parts.push((customer, Vec::from([(position, item)]))),
            },
            Err(error) => refused.push((position, error)),
        }
    }
    let group = |(customer, signals): (CustomerId, Vec<(usize, &str)>)| {
        let (positions, texts): (Vec<usize>, Vec<&str>) = signals.into_iter().unzip();
        SignalGroup { customer, body: format!("{{\"signals\":[{}]}}", texts.join(",")), positions }
    };
    Ok(SplitSignals { groups: parts.into_iter().map(group).collect(), refused })
}

fn whose(signal: &str) -> Result<CustomerId, ApiError> {
    const NAME: &str = "customerId";
    let id = Fields::split(signal)?.text(NAME)?.ok_or_else(|| missing(NAME))?;
    CustomerId::parse(&id).map_err(|error| id_error(NAME, error))
}

impl SplitSignals {
    /// The one customer of all the signals; `None` where there are several, or a signal is nobody's.
    #[must_use]
    pub fn only(&self) -> Option<&CustomerId> {
        match self.groups.as_slice() {
            [group] if self.refused.is_empty() => Some(&group.customer),
            _ => None,
        }
    }

    /// The answer to the whole, of the answers to its groups, in order; `None` where a ledger did not
    /// answer, and what became of its signals is open.
    #[must_use]
    pub fn merged(&self, answers: &[Option<Response>], request_id: &str) -> String {
        let mut results: Vec<(usize, String)> = Vec::new();
        for (position, error) in &self.refused {
            results.push((*position, Envelope::New.failure(error, request_id)));
        }
        let mut answers = answers.iter();
        for group in &self.groups {
            let answer = answers.next().and_then(Option::as_ref);
            let told = answer.and_then(|answer| told(&answer.body, group.positions.len()));
            let told = told.unwrap_or_else(|| {
                let error = answer.and_then(foreign_refusal).unwrap_or_else(open);
                let failure = Envelope::New.failure(&error, request_id);
                group.positions.iter().map(|_| failure.clone()).collect()
            });
            results.extend(group.positions.iter().copied().zip(told));
        }
        results.sort_unstable_by_key(|(position, _)| *position);
        let results: Vec<String> = results.into_iter().map(|(_, result)| result).collect();
        list_body(&results)
    }
}

/// What an answer tells of each of so many signals: its results, or the one error that it is.
fn told(answer: &str, signals: usize) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Answered<'a> {
        #[serde(rename = "statusCode")]
        status: u16,
        #[serde(borrow)]
        result: Option<Results<'a>>,
    }
    #[derive(Deserialize)]
    struct Results<'a> {
        #[serde(borrow)]
        results: Vec<&'a RawValue>,
    }
    let answered: Answered<'_> = serde_json::from_str(answer).ok()?;
    match answered.result {
        Some(Results { results }) if answered.status == 200 && results.len() == signals => {
            Some(results.into_iter().map(|result| result.get().to_owned()).collect())
        }
        None if answered.status >= 400 => Some(alloc::vec![answer.to_owned(); signals]),
        _ => None,
    }
}

/// What an answer says that is none of ours, such as one of an API behind a cache that takes no
/// batches: that nothing was taken, where its status says so; `None` where it leaves that open.
fn foreign_refusal(answer: &Response) -> Option<ApiError> {
    let code = match answer.status {
        404 | 405 => Code::NotFound,
        413 => Code::BodyTooLarge,
        415 => Code::UnsupportedMediaType,
        429 => Code::RateLimited,
        400 | 422 => Code::InvalidRequest,
        _ => return None,
    };
    let message = format!(
        "The API that is to take this signal answers {} to a batch of signals, and not as this API \
         does: nothing was taken. Where it takes no batches, send signals one by one.",
        answer.status
    );
    Some(ApiError::new(code, &message))
}

fn open() -> ApiError {
    let message = "The ledger of this customer did not answer, and it is open whether the signal was \
                   taken. Send it again with the same idempotencyKey: it is taken at most once.";
    ApiError::new(Code::InternalError, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    const BATCH: &str = r#"{"signals": [{"customerId":"a","n":1}, {"n":2}, {"customerId":"b","n":3},
        {"customerId":"a","n":4}]}"#;

    #[test]
    fn each_customer_gets_its_own_and_each_signal_its_answer() {
        let split = split_by_customer(BATCH).unwrap();
        assert_eq!(split.only(), None);
        let bodies: Vec<&str> = split.groups.iter().map(|group| group.body.as_str()).collect();
        assert_eq!(
            bodies,
            [
                r#"{"signals":[{"customerId":"a","n":1},{"customerId":"a","n":4}]}"#,
                r#"{"signals":[{"customerId":"b","n":3}]}"#
            ]
        );
        let answer = |status, body| Some(Response { status, headers: vec![], body });
        let first = answer(200, Envelope::New.success(r#"{"results":[{"of":1},{"of":4}]}"#));
        let body = split.merged(&[first.clone(), None], "r");
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        let results = value["results"].as_array().unwrap();
        assert_eq!((&results[0]["of"], &results[3]["of"]), (&1.into(), &4.into()));
        assert_eq!(results[1]["statusCode"], 400);
        // Nothing is known of the third: it can be sent again.
        assert_eq!(
            (&results[2]["statusCode"], &results[2]["code"]),
            (&500.into(), &"internal_error".into())
        );
        // An error of the whole is each signal's; an answer of another length is none.
        let away = Envelope::New.failure(&ApiError::new(Code::UpstreamUnavailable, "away"), "r");
        let body = split.merged(&[answer(503, away), first.clone()], "r");
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        let statuses: Vec<u64> = value["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["statusCode"].as_u64().unwrap())
            .collect();
        assert_eq!(statuses, vec![503, 400, 500, 503]);
        // Another API's error says of itself whether it is open what happened.
        let foreign = r#"{"error":{"code":"not_found","message":"no such path"}}"#;
        for (status, expected) in [
            (404, 404),
            (405, 404),
            (413, 413),
            (415, 415),
            (422, 400),
            (429, 429),
            (408, 500),
            (409, 500),
            (500, 500),
            (502, 500),
        ] {
            for text in [foreign, "<html>", ""] {
                let body = split.merged(&[answer(status, text.to_owned()), first.clone()], "r");
                let value: serde_json::Value = serde_json::from_str(&body).unwrap();
                assert_eq!(value["results"][0]["statusCode"], expected, "{status} {text}");
                let message = value["results"][3]["statusDetail"]["message"].as_str().unwrap();
                assert_eq!(message.contains("open"), expected == 500, "{status}: {message}");
            }
        }
    }

    #[test]
    fn a_batch_of_one_customer_stays_whole() {
        let one = r#"{"signals": [{"customerId":"a"}, {"customerId":"a"}]}"#;
        assert_eq!(split_by_customer(one).unwrap().only().unwrap().as_str(), "a");
        for (body, code) in [("{}", Code::InvalidRequest), ("[", Code::InvalidJson)] {
            assert_eq!(split_by_customer(body).unwrap_err().code, code);
        }
    }
}
