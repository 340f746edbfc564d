//! Where things are in the repository. Everything is relative to the root, wherever it was cloned.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The repository's root directory.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The npm package's directory.
pub(crate) fn package() -> PathBuf {
    root().join("pkg")
}

/// The generated part of the npm package.
pub(crate) fn package_dist() -> PathBuf {
    package().join("dist")
}

/// The worker as it is deployed: `worker.js` and `index_bg.wasm`.
pub(crate) fn worker_dist() -> PathBuf {
    root().join("dist").join("worker")
}

/// Files that only the build reads again: binding generator output, locks.
pub(crate) fn scratch() -> PathBuf {
    root().join("target").join("xtask")
}

/// Waits until no other command of this repository holds the lock called `name`, and holds it for
/// as long as the file lives. Two builds at once would write into each other's output.
///
/// # Errors
/// When the lock file cannot be made.
pub(crate) fn lock(name: &str) -> Result<File> {
    fs::create_dir_all(scratch()).context("the target directory cannot be made")?;
    let file = File::create(scratch().join(format!("{name}.lock")))?;
    file.lock().with_context(|| format!("waiting for another command ({name})"))?;
    Ok(file)
}
