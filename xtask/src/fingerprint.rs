//! Whether a build step can be skipped: a digest over everything that the step's output depends on.
//!
//! Contents are compared, never times: a fresh checkout or a touched file must not rebuild, and a
//! restored old file must.

use std::{fmt::Write, fs, path::Path};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// A digest under construction. Every part is length-prefixed, so parts cannot run together.
pub(crate) struct Fingerprint {
    hasher: Sha256,
}

impl Fingerprint {
    /// Starts a digest for the step called `step`.
    pub(crate) fn new(step: &str) -> Self {
        let mut fingerprint = Self { hasher: Sha256::new() };
        fingerprint.bytes(step.as_bytes());
        fingerprint
    }

    /// Adds bytes.
    pub(crate) fn bytes(&mut self, part: &[u8]) {
        self.hasher.update(part.len().to_le_bytes());
        self.hasher.update(part);
    }

    /// Adds the contents of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn file(&mut self, path: &Path) -> Result<()> {
        let contents = fs::read(path).with_context(|| format!("{} is missing", path.display()))?;
        self.bytes(&contents);
        Ok(())
    }

    /// The digest in hexadecimal.
    pub(crate) fn finish(self) -> String {
        hex(&self.hasher.finalize())
    }
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Runs `work` unless every file of `outputs` exists and `stamp` holds `wanted`; then writes it.
/// Returns whether `work` ran.
///
/// # Errors
/// Whatever `work` fails with, or a stamp that cannot be written.
pub(crate) fn unless_current(
    stamp: &Path,
    wanted: &str,
    outputs: &[&Path],
    work: impl FnOnce() -> Result<()>,
) -> Result<bool> {
    let current = fs::read_to_string(stamp).is_ok_and(|found| found == wanted);
    if current && outputs.iter().all(|path| path.exists()) {
        return Ok(false);
    }
    // A step that dies half way must not leave a stamp that vouches for it.
    if stamp.exists() {
        fs::remove_file(stamp).context("an old build stamp cannot be removed")?;
    }
    work()?;
    fs::write(stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))?;
    Ok(true)
}
