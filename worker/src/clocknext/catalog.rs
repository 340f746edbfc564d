//! The catalog on the ClockNext API, as the directory of the environment answers it.

use edge_credits_core::catalog::{Edit, Section, parse_entry};
use edge_credits_core::wire::members::Members;
use edge_credits_core::wire::requests::body_text;

use super::routes::Ask;
use super::{Asking, not_here};
use crate::directory::Directory;
use crate::receive::segment;
use crate::respond::{Answer, Failure};
use crate::storage::Storage;
use crate::{catalog_line, host};

/// Answers one request about the catalog.
///
/// # Errors
/// What the request is refused for; as for [`Directory::edit_catalog`].
pub(crate) fn answer<S: Storage>(
    directory: &Directory<S>,
    asking: &Asking<'_>,
) -> Result<Answer, Failure> {
    match asking.ask {
        Ask::Catalog => {
            let catalog = directory.catalog()?;
            let body = Members::new().display("catalog", Some(catalog.to_json())).finish();
            Ok(Answer { body, replayed: false })
        }
        Ask::Entries { section } => {
            let catalog = directory.catalog()?;
            let body = Members::new()
                .display(section.field(), Some(catalog.section_json(section)))
                .text("version", Some(&catalog.version()))
                .finish();
            Ok(Answer { body, replayed: false })
        }
        Ask::PutEntry { section } => {
            let entry = parse_entry(section, &body_text(&asking.body)?)?;
            let json = entry.to_json();
            let version = edited(directory, asking, &Edit::Put(entry))?;
            let body = Members::new()
                .display(section.one(), Some(json))
                .text("version", Some(&version))
                .finish();
            Ok(Answer { body, replayed: false })
        }
        Ask::RemoveEntry { section, key } => {
            let key = segment(key, section.key_name())?;
            let version = edited(directory, asking, &Edit::Remove(section, key))?;
            let body = Members::new().text("version", Some(&version)).finish();
            Ok(Answer { body, replayed: false })
        }
        _ => Err(not_here().into()),
    }
}

fn edited<S: Storage>(
    directory: &Directory<S>,
    asking: &Asking<'_>,
    edit: &Edit,
) -> Result<String, Failure> {
    let catalog = directory.edit_catalog(asking.environment, host::now(), edit)?;
    // Here at least the edit counts at once.
    catalog_line::forget(asking.environment);
    Ok(catalog.version())
}

/// What a section is called in bodies and errors.
trait Named {
    /// Its list.
    fn field(self) -> &'static str;
    /// One entry of it.
    fn one(self) -> &'static str;
    /// What its entries are found by.
    fn key_name(self) -> &'static str;
}

impl Named for Section {
    fn field(self) -> &'static str {
        match self {
            Self::Models => "models",
            Self::CreditTypes => "creditTypes",
            Self::Outcomes => "outcomes",
        }
    }

    fn one(self) -> &'static str {
        match self {
            Self::Models => "model",
            Self::CreditTypes => "creditType",
            Self::Outcomes => "outcome",
        }
    }

    fn key_name(self) -> &'static str {
        match self {
            Self::Models => "modelId",
            Self::CreditTypes => "agentKey",
            Self::Outcomes => "name",
        }
    }
}
