//! What a deployment asks for usage: its models with their prices, its credit types, its outcomes.
//!
//! Decides what a catalog may hold, which entry a signal means, and what an edit makes of it. A
//! catalog begins as the [list of public prices](seed) and belongs to one environment; each edit gives
//! it a new [version](Catalog::version), which every priced entry names, so that a bill can be told
//! later: a version names one content, whatever becomes of the place where the catalog is kept. The arithmetic is [`crate::pricing`]'s. Read [`Catalog`], then [`Edit`].

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::Unit;
use crate::pricing::{CachedTokens, CreditTerms, Price, Prices};

mod edit;
mod news;
mod reading;
pub mod seed;
#[cfg(test)]
mod tests;
mod writing;

pub use edit::{Edit, Entry, Section};
pub use news::{News, Pace, Step as NewsStep};
pub(crate) use reading::cached_tokens;
pub use reading::parse_entry;

/// Most models of a catalog: an order of magnitude more than one provider offers.
pub const MAX_MODELS: usize = 1_000;
/// Most credit types. A customer's ledger has at most [`crate::ledger::MAX_UNITS`] units, of which
/// `credits` and `usd` are two.
pub const MAX_CREDIT_TYPES: usize = crate::ledger::MAX_UNITS - 2;
/// Most outcomes.
pub const MAX_OUTCOMES: usize = 200;
/// Most steps of an outcome.
pub const MAX_STEPS: usize = 50;
/// Most bytes of a catalog's JSON, its entries alone: every isolate reads it after an edit, and an answer
/// of an object is read up to twice as far. Ten thousand models' worth.
pub const MAX_CATALOG_BYTES: usize = 2 * 1024 * 1024;
/// Longest model id or display name, in bytes.
pub const MAX_LABEL_BYTES: usize = 128;

/// A model and what it costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// As its provider spells it; looked up whatever the case of its letters.
    pub id: String,
    /// USD per 1 000 000 tokens.
    pub prices: Prices,
    /// How its provider counts tokens from the cache, for signals that do not say.
    pub cached: CachedTokens,
}

/// Credits of one kind, and what usage costs in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditType {
    /// For a person.
    pub name: String,
    /// The stable key: the ledger's unit. Not `credits`, not `usd`.
    pub key: Unit,
    /// Base price, margin, price per credit.
    pub terms: CreditTerms,
}

/// A result that is paid for once, however many steps and tokens it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its name, by which it is edited and by which runs of it are told apart.
    pub name: String,
    /// What a run of it costs the customer, in the wallet's USD.
    pub price: Price,
    /// In order; the last one completes a run that has no id of its own.
    pub steps: Vec<Step>,
}

/// A step towards an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// For a person.
    pub name: String,
    /// The stable key, unique among the steps of all outcomes.
    pub key: Unit,
    /// What the step costs its owner besides the model. It is in the entry's cost, not on the bill:
    /// a run is billed by its outcome's price.
    pub base_price: Price,
}

/// What was for sale, and at which prices, at one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    /// The date of the list of public prices that it began with.
    began: String,
    /// How often it has been edited.
    edits: u64,
    /// Of its entries: of two catalogs that were edited equally often it tells which is meant.
    digest: String,
    /// By lower-case id.
    models: BTreeMap<String, Model>,
    credit_types: BTreeMap<Unit, CreditType>,
    outcomes: BTreeMap<String, Outcome>,
}

/// The step that a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundStep<'a> {
    /// The outcome that it leads to.
    pub outcome: &'a Outcome,
    /// The step.
    pub step: &'a Step,
}

impl Catalog {
    /// The catalog before its first edit: the list of public prices, no credit types, no outcomes.
    #[must_use]
    pub fn seed() -> Self {
        let models = seed::list().map(|line| (line.model.to_ascii_lowercase(), line.to_model()));
        let mut seed = Self { models: models.collect(), ..Self::of(seed::SEED_DATE, 0, []) };
        seed.digest = seed.digest_of_entries();
        seed
    }

    /// What entries name it by: the date of the list that it began with, the number of edits since, and
    /// a digest of its content, such as `2026-11-05+3.9c1f04be72d5`. Entries of earlier releases name it
    /// without the digest.
    #[must_use]
    pub fn version(&self) -> String {
        version_of(&self.began, self.edits, &self.digest)
    }

    /// The date of the list that it began with: a newer list in a later release does not change the
    /// prices of a catalog that was edited.
    #[must_use]
    pub fn began(&self) -> &str {
        &self.began
    }

    /// How often it has been edited.
    #[must_use]
    pub const fn edits(&self) -> u64 {
        self.edits
    }

    /// What tells its content from another's.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The model of this id, whatever the case of its letters.
    #[must_use]
    pub fn model(&self, id: &str) -> Option<&Model> {
        self.models.get(&id.to_ascii_lowercase())
    }

    /// The credit type of this key.
    #[must_use]
    pub fn credit_type(&self, key: &str) -> Option<&CreditType> {
        self.credit_types.values().find(|credit_type| credit_type.key.as_str() == key)
    }

    /// The step of this key.
    #[must_use]
    pub fn step(&self, key: &str) -> Option<FoundStep<'_>> {
        self.outcomes.values().find_map(|outcome| {
            let step = outcome.steps.iter().find(|step| step.key.as_str() == key)?;
            Some(FoundStep { outcome, step })
        })
    }

    /// The outcome of this name.
    #[must_use]
    pub fn outcome(&self, name: &str) -> Option<&Outcome> {
        self.outcomes.get(name)
    }

    /// The models, by id.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.values()
    }

    /// The credit types, by key.
    pub fn credit_types(&self) -> impl Iterator<Item = &CreditType> {
        self.credit_types.values()
    }

    /// The outcomes, by name.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.values()
    }
}

/// What a catalog is called that began with the list of this date, was edited so often and has the
/// content of this digest.
#[must_use]
pub fn version_of(began: &str, edits: u64, digest: &str) -> String {
    format!("{began}+{edits}.{digest}")
}

/// Whether a label can be shown and found again: some text, no control characters, no white space
/// around it.
fn is_label(text: &str) -> bool {
    let fits = (1..=MAX_LABEL_BYTES).contains(&text.len());
    fits && text.trim() == text && !text.chars().any(char::is_control)
}

/// A label, owned, if it is one.
fn label(text: &str) -> Option<String> {
    is_label(text).then(|| text.to_owned())
}
