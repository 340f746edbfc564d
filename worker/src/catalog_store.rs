//! An environment's catalog in the directory's SQL.
//!
//! Decides statements, and nothing about what a catalog may hold. Until its first edit there are no
//! rows: the catalog is the list of public prices of this release. The first edit writes all of it, so
//! that from then on no release changes a price.

use edge_credits_core::catalog::{Catalog, Edit, Entry, Section, parse_entry, version_of};
use edge_credits_core::ledger::stored::SqlValue;

use crate::storage::Storage;
use crate::store::{StoreError, text};

/// The catalog's version, without reading the rest of it.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn version(storage: &dyn Storage) -> Result<String, StoreError> {
    match head(storage)? {
        None => Ok(Catalog::seed().version()),
        Some(Head { began, edits, digest }) => Ok(version_of(&began, edits, &digest)),
    }
}

/// What a version is made of.
struct Head {
    /// The date of the list that the catalog began with.
    began: String,
    /// How often it has been edited since.
    edits: u64,
    /// Of its content; empty where it was last written before there were digests.
    digest: String,
}

/// `None` before the first edit.
fn head(storage: &dyn Storage) -> Result<Option<Head>, StoreError> {
    let head = storage.query("SELECT began, edits, digest FROM catalog_head", &[])?;
    let Some(head) = head.first() else { return Ok(None) };
    let [SqlValue::Text(began), SqlValue::Integer(edits), SqlValue::Text(digest)] = head.as_slice()
    else {
        return Err(StoreError::Corrupt);
    };
    let edits = u64::try_from(*edits).map_err(|_| StoreError::Corrupt)?;
    Ok(Some(Head { began: began.clone(), edits, digest: digest.clone() }))
}

/// Gives a catalog that was last edited before there were digests its own. Runs inside the caller's
/// transaction.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn add_digest(storage: &dyn Storage) -> Result<(), StoreError> {
    let Some(head) = head(storage)? else { return Ok(()) };
    if !head.digest.is_empty() {
        return Ok(());
    }
    let catalog = load(storage)?;
    Ok(storage.execute("UPDATE catalog_head SET digest = ?", &[text(catalog.digest())])?)
}

/// The catalog as it is kept.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn load(storage: &dyn Storage) -> Result<Catalog, StoreError> {
    let Some(Head { began, edits, digest }) = head(storage)? else { return Ok(Catalog::seed()) };
    let rows = storage.query("SELECT section, body FROM catalog", &[])?;
    let entries = rows.iter().map(|row| match row.as_slice() {
        [SqlValue::Text(section), SqlValue::Text(body)] => {
            let section = Section::parse(section).ok_or(StoreError::Corrupt)?;
            parse_entry(section, body).map_err(|_| StoreError::Corrupt)
        }
        _ => Err(StoreError::Corrupt),
    });
    let entries = entries.collect::<Result<Vec<Entry>, _>>()?;
    let catalog = Catalog::of(&began, edits, entries);
    Ok(if digest.is_empty() { catalog } else { catalog.known_as(&digest) })
}

/// Writes an edit; `after` is the catalog that it makes. Runs inside the caller's transaction.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn write(storage: &dyn Storage, edit: &Edit, after: &Catalog) -> Result<(), StoreError> {
    let edits = SqlValue::Integer(i64::try_from(after.edits()).map_err(|_| StoreError::Corrupt)?);
    let head = "INSERT INTO catalog_head (one, began, edits, digest) VALUES (1, ?, ?, ?) \
        ON CONFLICT (one) DO UPDATE SET edits = excluded.edits, digest = excluded.digest";
    storage.execute(head, &[text(after.began()), edits, text(after.digest())])?;
    if after.edits() == 1 {
        return after.entries().try_for_each(|entry| put(storage, &entry));
    }
    match edit {
        Edit::Put(entry) => put(storage, entry),
        Edit::Remove(section, key) => {
            let key = section.key_of(key);
            let statement = "DELETE FROM catalog WHERE section = ? AND key = ?";
            Ok(storage.execute(statement, &[text(section.as_str()), text(&key)])?)
        }
    }
}

fn put(storage: &dyn Storage, entry: &Entry) -> Result<(), StoreError> {
    let statement = "INSERT OR REPLACE INTO catalog (section, key, body) VALUES (?, ?, ?)";
    let values = [text(entry.section().as_str()), text(&entry.key()), text(&entry.to_json())];
    Ok(storage.execute(statement, &values)?)
}
