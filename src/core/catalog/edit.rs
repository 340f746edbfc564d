//! Changing a catalog, one entry at a time.
//!
//! Decides what an edit may leave behind: bounded lists, no key that means two steps. What a single
//! entry may say is decided where it is [read](super::reading).

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::catalog::{
    Catalog, CreditType, MAX_CATALOG_BYTES, MAX_CREDIT_TYPES, MAX_MODELS, MAX_OUTCOMES, Model,
    Outcome,
};
use crate::idempotency::digest;
use crate::ids::Unit;
use crate::wire::errors::{ApiError, Code};

/// How much of a digest a version has: two contents that were edited equally often share it once in
/// 281 474 976 710 656 times.
const DIGEST_BYTES: usize = 6;

/// The lists of a catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Models and their prices.
    Models,
    /// Credit types.
    CreditTypes,
    /// Outcomes.
    Outcomes,
}

impl Section {
    /// Every section.
    pub const ALL: [Self; 3] = [Self::Models, Self::CreditTypes, Self::Outcomes];

    /// The word in paths, in bodies and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Models => "models",
            Self::CreditTypes => "credit-types",
            Self::Outcomes => "outcomes",
        }
    }

    /// What an entry is found by, from what a caller calls it: models have lower-case keys.
    #[must_use]
    pub fn key_of(self, name: &str) -> String {
        if self == Self::Models { name.to_ascii_lowercase() } else { name.to_owned() }
    }

    /// Reads [`Section::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.as_str() == text)
    }
}

/// One line of a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A model.
    Model(Model),
    /// A credit type.
    CreditType(CreditType),
    /// An outcome.
    Outcome(Outcome),
}

impl Entry {
    /// The list that it belongs to.
    #[must_use]
    pub const fn section(&self) -> Section {
        match self {
            Self::Model(_) => Section::Models,
            Self::CreditType(_) => Section::CreditTypes,
            Self::Outcome(_) => Section::Outcomes,
        }
    }

    /// What it is found by: of a model, the lower-case id.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Model(model) => Section::Models.key_of(&model.id),
            Self::CreditType(credit_type) => credit_type.key.as_str().to_owned(),
            Self::Outcome(outcome) => outcome.name.clone(),
        }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Puts an entry in, in place of the one with its key.
    Put(Entry),
    /// Takes the entry with this key out.
    Remove(Section, String),
}

impl Catalog {
    /// The catalog after an edit, under its next version.
    ///
    /// # Errors
    /// `not_found` where nothing is to be taken out; `invalid_request` where the catalog would be
    /// beyond a bound, or a step's key would mean two steps. Nothing is changed then.
    pub fn edited(&self, edit: &Edit) -> Result<Self, ApiError> {
        let mut after = self.clone();
        after.edits = self.edits.saturating_add(1);
        match edit {
            Edit::Put(entry) => {
                require_nameable(&entry.key())?;
                if let Entry::Outcome(outcome) = entry {
                    after.require_own_steps(outcome)?;
                }
                after.put(entry.clone());
                after.require_bounds()?;
            }
            Edit::Remove(section, key) => {
                let removed = match section {
                    Section::Models => after.models.remove(&section.key_of(key)).is_some(),
                    Section::CreditTypes => {
                        Unit::parse(key).is_ok_and(|key| after.credit_types.remove(&key).is_some())
                    }
                    Section::Outcomes => after.outcomes.remove(key).is_some(),
                };
                if !removed {
                    return Err(unknown(*section));
                }
            }
        }
        let entries = after.entries_json();
        // What is taken out makes room, however much there is.
        let adds = matches!(edit, Edit::Put(_));
        if adds && entries.iter().map(String::len).sum::<usize>() > MAX_CATALOG_BYTES {
            let message = "The catalog would be larger than 2 MB of JSON. Nothing was changed.";
            return Err(ApiError::new(Code::InvalidRequest, message));
        }
        after.digest = digest_of(&entries);
        Ok(after)
    }

    /// The catalog under the digest that it was given when it was edited: a release that writes
    /// entries otherwise does not rename it.
    #[must_use]
    pub fn known_as(self, digest: &str) -> Self {
        Self { digest: digest.to_owned(), ..self }
    }

    /// Of what the entries say, in the order in which they are listed.
    pub(super) fn digest_of_entries(&self) -> String {
        digest_of(&self.entries_json())
    }

    fn entries_json(&self) -> Vec<String> {
        self.entries().map(|entry| entry.to_json()).collect()
    }

    /// A catalog of these entries, as it was kept after so many edits of the list of that date.
    #[must_use]
    pub fn of(began: &str, edits: u64, entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut catalog = Self {
            began: began.to_owned(),
            edits,
            digest: String::new(),
            models: BTreeMap::new(),
            credit_types: BTreeMap::new(),
            outcomes: BTreeMap::new(),
        };
        entries.into_iter().for_each(|entry| catalog.put(entry));
        catalog.digest = catalog.digest_of_entries();
        catalog
    }

    /// Every entry.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let models = self.models().cloned().map(Entry::Model);
        let credit_types = self.credit_types().cloned().map(Entry::CreditType);
        models.chain(credit_types).chain(self.outcomes().cloned().map(Entry::Outcome))
    }

    fn put(&mut self, entry: Entry) {
        let key = entry.key();
        match entry {
            Entry::Model(model) => drop(self.models.insert(key, model)),
            Entry::CreditType(credit_type) => {
                drop(self.credit_types.insert(credit_type.key.clone(), credit_type));
            }
            Entry::Outcome(outcome) => drop(self.outcomes.insert(key, outcome)),
        }
    }

    /// A signal names a step by its key alone.
    fn require_own_steps(&self, outcome: &Outcome) -> Result<(), ApiError> {
        for step in &outcome.steps {
            let other = self.step(step.key.as_str()).map(|found| found.outcome);
            if let Some(other) = other.filter(|other| other.name != outcome.name) {
                let message = format!(
                    "The step key {} is one of the outcome {:?} already, and a signal would mean \
                     both. Nothing was changed.",
                    step.key.as_str(),
                    other.name
                );
                return Err(ApiError::about(Code::InvalidRequest, "steps", &message));
            }
        }
        Ok(())
    }

    fn require_bounds(&self) -> Result<(), ApiError> {
        let lists = [
            (Section::Models, self.models.len(), MAX_MODELS),
            (Section::CreditTypes, self.credit_types.len(), MAX_CREDIT_TYPES),
            (Section::Outcomes, self.outcomes.len(), MAX_OUTCOMES),
        ];
        let over = lists.into_iter().find(|(_, length, most)| length > most);
        let Some((section, _, most)) = over else { return Ok(()) };
        let message =
            format!("The catalog holds at most {most} {}. Nothing was changed.", section.as_str());
        Err(ApiError::about(Code::InvalidRequest, section.as_str(), &message))
    }
}

/// A path's parser swallows these: an entry of such a name could not be taken out again. One that is there
/// all the same is read as any other.
fn require_nameable(key: &str) -> Result<(), ApiError> {
    if !matches!(key, "." | "..") {
        return Ok(());
    }
    let message = "A name of nothing but dots cannot stand in a path, so that the entry could not be \
                   taken out again. Nothing was changed.";
    Err(ApiError::new(Code::InvalidId, message))
}

fn digest_of(entries: &[String]) -> String {
    let parts: Vec<&str> = entries.iter().map(String::as_str).collect();
    digest(&parts).iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// The answer about an entry that is not there.
fn unknown(section: Section) -> ApiError {
    let message = format!(
        "The catalog has no such entry among its {}. Nothing was changed.",
        section.as_str()
    );
    ApiError::about(Code::NotFound, section.as_str(), &message)
}
