//! What is kept of a signal, and shown of it.
//!
//! The facts of a signal (what was used, what it cost, by which catalog) are kept with its entry, as
//! JSON in its metadata, so that a repeat is answered as the first time whatever has changed since, and
//! so that the entry tells the whole story on either face of the API.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::credits::{Credits, Decimal, Scale};
use crate::ids::{CustomerId, Unit};
use crate::usage::judge::{Judged, Logged};
use crate::usage::price::Priced;
use crate::usage::run::TakenStep;
use crate::usage::signal::{Signal, SignalType};
use crate::wire::clocknext::envelope::Envelope;
use crate::wire::members::Members;

/// The metadata of a signal's entry: what it was for, by which usage is grouped, and the facts.
pub(super) fn facts(signal: &Signal, priced: &Priced<'_>, step: Option<&TakenStep>) -> String {
    let run = step.map(|step| &step.run);
    let usd = |amount: Credits| amount.decimal(Scale::USD);
    let key = signal.key.as_ref().map(Unit::as_str);
    let mut facts = Members::new();
    facts
        .text("type", Some(signal.kind.as_str()))
        .text("model", Some(&signal.model))
        .display("inputTokens", Some(signal.tokens.input))
        .display("outputTokens", Some(signal.tokens.output))
        .display("cacheTokens", Some(signal.tokens.cache))
        .text("cachedTokens", Some(priced.cached.as_str()))
        .display("providedCost", Some(usd(priced.provided_cost)))
        .display("customerCost", Some(usd(priced.customer_cost)))
        .text("agentKey", key)
        .text("creditName", priced.name.filter(|_| signal.kind == SignalType::Credit))
        .text("outcomeName", priced.name.filter(|_| signal.kind == SignalType::Outcome))
        .text("runId", run.map(|run| run.id.as_str()))
        .display("runComplete", run.map(|run| run.complete))
        .text("catalogVersion", Some(&priced.version))
        .text("runCatalogVersion", step.and_then(|step| step.earlier_version(&priced.version)))
        .text("member", signal.member.as_deref())
        .display("custom", signal.custom.as_deref())
        .display("metrics", metrics(signal));
    let mut metadata = Members::new();
    metadata.text("action", key.or(Some(&signal.model))).display("signal", Some(facts.finish()));
    metadata.finish()
}

fn metrics(signal: &Signal) -> Option<String> {
    if signal.metrics.is_empty() {
        return None;
    }
    let member = |(name, value): &(String, String)| {
        // A string always serializes, into memory.
        serde_json::to_string(name).ok().map(|name| format!("{name}:{value}"))
    };
    let members: Vec<String> = signal.metrics.iter().filter_map(member).collect();
    Some(format!("{{{}}}", members.join(",")))
}

/// The facts of a signal's entry, as JSON text of an object; `None` where the entry has none.
fn facts_of(metadata: Option<&str>) -> Option<&str> {
    #[derive(Deserialize)]
    struct WithFacts<'a> {
        #[serde(borrow)]
        signal: &'a RawValue,
    }
    let metadata: WithFacts<'_> = serde_json::from_str(metadata?).ok()?;
    Some(metadata.signal.get()).filter(|facts| facts.starts_with('{'))
}

/// A signal as the API shows it: `{"id", …}`. A repeat is shown as the first time, but for
/// `duplicate`.
#[must_use]
pub fn usage_log_body(logged: &Logged, customer: &CustomerId) -> String {
    let Logged { entry, duplicate, dry_run } = logged;
    let decimal = |amount: Credits| -> Decimal { amount.decimal(entry.unit.scale()) };
    let taken = decimal(entry.amount.negated());
    let is_credit = entry.unit.as_str() != Unit::USD;
    let kept = !dry_run || *duplicate;
    let mut head = Members::new();
    head.nullable_text("id", kept.then_some(entry.id.as_str()))
        .text("customerId", Some(customer.as_str()));
    let mut tail = Members::new();
    tail.nullable("creditsUsed", is_credit.then_some(taken))
        .text("unit", Some(entry.unit.as_str()))
        .display("amount", Some(taken))
        .display("balanceAfter", entry.available_after().map(decimal))
        .nullable("sequence", kept.then_some(entry.sequence))
        .text("idempotencyKey", entry.record.as_ref().map(|record| record.key.as_str()))
        .display("duplicate", Some(duplicate))
        .display("dryRun", Some(!kept))
        .time("createdAt", entry.time);
    let facts = facts_of(entry.metadata.as_deref()).map(inside).unwrap_or_default();
    let (head, tail) = (head.finish(), tail.finish());
    let parts = [inside(&head), facts, inside(&tail)];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{{{}}}", parts.join(","))
}

/// The answer to a signal: `{"usageLog", "duplicate"}`.
#[must_use]
pub fn logged_body(logged: &Logged, customer: &CustomerId) -> String {
    Members::new()
        .display("usageLog", Some(usage_log_body(logged, customer)))
        .display("duplicate", Some(logged.duplicate))
        .finish()
}

/// The answer to a batch: `{"results": […]}`, each in the envelope in which that signal alone would be
/// answered.
#[must_use]
pub fn results_body(results: &[Judged], customer: &CustomerId, request_id: &str) -> String {
    let told = |result: &Judged| match result {
        Ok(logged) => Envelope::New.success(&logged_body(logged, customer)),
        Err(error) => Envelope::New.failure(error, request_id),
    };
    let results: Vec<String> = results.iter().map(told).collect();
    list_body(&results)
}

pub(super) fn list_body(results: &[String]) -> String {
    Members::new().display("results", Some(format!("[{}]", results.join(",")))).finish()
}

/// The members of an object's text.
fn inside(object: &str) -> &str {
    object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default().trim()
}
