//! The catalog of an environment: read, and edited one entry at a time.

use edge_credits_core::catalog::{Catalog, Edit};
use edge_credits_core::ids::Environment;
use edge_credits_core::time::Timestamp;

use super::Directory;
use crate::catalog_store;
use crate::respond::Failure;
use crate::storage::Storage;
use crate::store::{StoreError, in_transaction};

impl<S: Storage> Directory<S> {
    /// The catalog.
    ///
    /// # Errors
    /// `internal_error` when the storage failed; `invariant_violation` when what is stored makes no
    /// sense.
    pub(crate) fn catalog(&self) -> Result<Catalog, Failure> {
        self.stored_catalog().map_err(|error| self.failure(error))
    }

    /// Its version, which is cheaper.
    ///
    /// # Errors
    /// As for [`Directory::catalog`].
    pub(crate) fn catalog_version(&self) -> Result<String, Failure> {
        let version = self.prepare(None).and_then(|ready| match ready {
            true => catalog_store::version(&self.storage),
            false => Ok(Catalog::seed().version()),
        });
        version.map_err(|error| self.failure(error))
    }

    fn stored_catalog(&self) -> Result<Catalog, StoreError> {
        if self.prepare(None)? { catalog_store::load(&self.storage) } else { Ok(Catalog::seed()) }
    }

    /// Carries out an edit, and returns the catalog that it makes.
    ///
    /// # Errors
    /// Why the edit is refused; as for [`Directory::catalog`], which leaves open whether it was made.
    pub(crate) fn edit_catalog(
        &self,
        environment: Environment,
        now: Timestamp,
        edit: &Edit,
    ) -> Result<Catalog, Failure> {
        let before = self.catalog()?;
        let after = before.edited(edit)?;
        let written = self.prepare(Some((environment, now))).and_then(|_| {
            in_transaction(&self.storage, || catalog_store::write(&self.storage, edit, &after))
        });
        written.map_err(|error| self.failure(error))?;
        Ok(after)
    }
}
