//! What an entry was for, in one word or phrase: the label that usage is grouped by.

use alloc::borrow::ToOwned;
use alloc::string::String;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ledger::entry::Entry;

/// The action of an entry that names none.
const UNCATEGORIZED: &str = "uncategorized";

impl Entry {
    /// `metadata.action` where it is a non-empty string, else the part of the description after a
    /// leading `label:`, else the description, else `uncategorized`.
    #[must_use]
    pub fn action(&self) -> String {
        action_of(self.metadata.as_deref(), self.description.as_deref())
    }

    /// What it was for as a person reads it: the description, else `metadata.action`; `None` where
    /// neither says anything.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let description = self.description.as_deref().map(str::trim);
        let described = description.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
        described.or_else(|| self.metadata.as_deref().and_then(action_in_metadata))
    }
}

/// [`Entry::action`] of an entry with this metadata and description.
pub(crate) fn action_of(metadata: Option<&str>, description: Option<&str>) -> String {
    metadata
        .and_then(action_in_metadata)
        .or_else(|| description.and_then(action_in_description))
        .unwrap_or_else(|| UNCATEGORIZED.to_owned())
}

fn action_in_metadata(metadata: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct WithAction<'a> {
        #[serde(borrow)]
        action: Option<&'a RawValue>,
    }
    let metadata: WithAction<'_> = serde_json::from_str(metadata).ok()?;
    let action: String = serde_json::from_str(metadata.action?.get()).ok()?;
    Some(action).filter(|action| !action.trim().is_empty())
}

fn action_in_description(description: &str) -> Option<String> {
    let after_label = description.split_once(':').map(|(_, rest)| rest.trim());
    let action = after_label.filter(|rest| !rest.is_empty()).unwrap_or(description.trim());
    Some(action).filter(|action| !action.is_empty()).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_by_precedence() {
        let in_description = [
            ("AI: chat completion", Some("chat completion")),
            ("chat", Some("chat")),
            ("AI:", Some("AI:")),
            (" : x", Some("x")),
            ("  ", None),
        ];
        for (description, action) in in_description {
            assert_eq!(action_in_description(description).as_deref(), action, "{description:?}");
        }
        let in_metadata = [
            (r#"{"action":"chat","x":1}"#, Some("chat")),
            (r#"{"action":5}"#, None),
            (r#"{"action":null}"#, None),
            (r#"{"action":" "}"#, None),
            (r#"{"x":{"action":"no"}}"#, None),
        ];
        for (metadata, action) in in_metadata {
            assert_eq!(action_in_metadata(metadata).as_deref(), action, "{metadata}");
        }
    }
}
