//! A catalog as JSON: for callers, for storage, and from the directory to the worker.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::catalog::edit::{Entry, Section};
use crate::catalog::{Catalog, CreditType, Model, Outcome, Step};
use crate::wire::members::Members;

impl Entry {
    /// The entry as [`super::parse_entry`] reads it.
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            Self::Model(model) => model_json(model),
            Self::CreditType(credit_type) => credit_type_json(credit_type),
            Self::Outcome(outcome) => outcome_json(outcome),
        }
    }
}

fn model_json(model: &Model) -> String {
    let Model { id, prices, cached } = model;
    Members::new()
        .text("modelId", Some(id))
        .display("inputPrice", Some(prices.input.decimal()))
        .display("outputPrice", Some(prices.output.decimal()))
        .display("cachePrice", Some(prices.cache.decimal()))
        .text("cachedTokens", Some(cached.as_str()))
        .finish()
}

fn credit_type_json(credit_type: &CreditType) -> String {
    let CreditType { name, key, terms } = credit_type;
    Members::new()
        .text("name", Some(name))
        .text("agentKey", Some(key.as_str()))
        .display("basePrice", Some(terms.base_price.decimal()))
        .display("marginPercent", Some(terms.margin.decimal()))
        .display("pricePerCredit", Some(terms.price_per_credit.decimal()))
        .finish()
}

fn outcome_json(outcome: &Outcome) -> String {
    let step = |step: &Step| {
        Members::new()
            .text("name", Some(&step.name))
            .text("agentKey", Some(step.key.as_str()))
            .display("basePrice", Some(step.base_price.decimal()))
            .finish()
    };
    let steps: Vec<String> = outcome.steps.iter().map(step).collect();
    Members::new()
        .text("name", Some(&outcome.name))
        .display("pricePerOutcome", Some(outcome.price.decimal()))
        .display("steps", Some(format!("[{}]", steps.join(","))))
        .finish()
}

impl Catalog {
    /// The whole catalog: its version, the date of the list that it began with, and its three lists.
    #[must_use]
    pub fn to_json(&self) -> String {
        Members::new()
            .text("version", Some(&self.version()))
            .display("edits", Some(self.edits()))
            .text("listDate", Some(self.began()))
            .display("models", Some(self.section_json(Section::Models)))
            .display("creditTypes", Some(self.section_json(Section::CreditTypes)))
            .display("outcomes", Some(self.section_json(Section::Outcomes)))
            .finish()
    }

    /// One of its lists.
    #[must_use]
    pub fn section_json(&self, section: Section) -> String {
        let entries = self.entries().filter(|entry| entry.section() == section);
        let entries: Vec<String> = entries.map(|entry| entry.to_json()).collect();
        format!("[{}]", entries.join(","))
    }
}
