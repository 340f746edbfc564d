//! What must hold for the text of every file that is written by hand.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};

use crate::paths;

/// A file longer than this is hard to hold in mind, and is split.
const MOST_LINES: usize = 400;
/// What is written by hand and read as code.
const CODE: &[&str] = &[".rs", ".js", ".mjs", ".ts"];
/// Directories that tools fill.
const GENERATED: &[&str] = &["target", "node_modules", "dist"];
/// Parts of paths that exist on one machine only. Spelled so that this file does not hold them.
const LOCAL: &[&str] = &[concat!("/", "home/"), concat!("/", "Users/"), concat!("/", "root/")];

/// No file of code is longer than [`MOST_LINES`] lines.
///
/// # Errors
/// With the files that are.
pub(crate) fn files_are_short() -> Result<()> {
    report(|name, text| {
        let lines = text.lines().count();
        // The types of a package are one document, most of it words.
        let code = CODE.iter().any(|end| name.ends_with(end)) && !name.ends_with(".d.ts");
        (code && lines > MOST_LINES).then(|| format!("{name} has {lines} lines"))
    })
}

/// No file holds a path of the machine on which it was written.
///
/// # Errors
/// With the files that do.
pub(crate) fn nothing_local() -> Result<()> {
    report(|name, text| {
        let found = LOCAL.iter().find(|part| text.contains(**part))?;
        Some(format!("{name} holds a path of one machine ({found})"))
    })
}

fn report(fault: impl Fn(&str, &str) -> Option<String>) -> Result<()> {
    let mut faults = Vec::new();
    let root = paths::root();
    let mut paths = Vec::new();
    files(&root, &mut paths)?;
    for path in paths {
        // What is not text has no lines to judge.
        if let Ok(text) = fs::read_to_string(&path) {
            let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
            faults.extend(fault(&name, &text));
        }
    }
    if faults.is_empty() { Ok(()) } else { bail!("{}", faults.join("\n")) }
}

/// The repository's files by their path from the root, without what tools make.
fn files(directory: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let hidden = name.starts_with('.') && ![".cargo", ".ci"].contains(&name.as_str());
        if path.is_dir() {
            if !hidden && !GENERATED.contains(&name.as_str()) {
                files(&path, found)?;
            }
        } else if name != ".git" {
            found.push(path);
        }
    }
    Ok(())
}
