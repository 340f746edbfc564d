//! The npm tarball: `pkg/` with its generated part, and the licence.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{client_package, node::Node, paths, process, progress, worker_bundle};

/// What of `pkg/` ships. The licence comes from the repository's root.
const SHIPPED: &[&str] =
    &["package.json", "README.md", "cli", "docs", "js", "testing", "dist", "examples"];
/// What tools leave in the examples.
const LEFTOVERS: &[&str] = &["node_modules", ".wrangler", "package-lock.json"];

/// `cargo xtask pack`: builds, checks that every entry exists, packs, prints the tarball's path.
///
/// # Errors
/// When the build fails, or when an entry of `package.json` names a file that is not there.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    crate::arguments::Arguments::parse(arguments, &[])?;
    let node = Node::set_up()?;
    client_package::build(&node)?;
    worker_bundle::build(&node)?;
    let tarball = progress::step("packing", pack)?;
    println!("{}", tarball.strip_prefix(paths::root()).unwrap_or(&tarball).display());
    Ok(())
}

/// Packs what is built into `dist/edge-credits-VERSION.tgz`.
///
/// # Errors
/// As [`run`].
pub(crate) fn pack() -> Result<PathBuf> {
    let _lock = paths::lock("pack")?;
    let stage = stage()?;
    check_entries(&stage)?;
    let dist = paths::root().join("dist");
    fs::create_dir_all(&dist)?;
    remove_old(&dist)?;
    let mut npm = std::process::Command::new("npm");
    npm.current_dir(&stage).args(["pack", "--ignore-scripts", "--loglevel=error"]);
    let name = process::text(npm.arg("--pack-destination").arg(&dist))?;
    let name = name.lines().last().context("npm pack printed no file name")?;
    Ok(dist.join(name.trim()))
}

/// Removes tarballs of other versions, so that whoever takes "the tarball" takes this one.
fn remove_old(dist: &Path) -> Result<()> {
    for entry in fs::read_dir(dist)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tgz") {
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    Ok(())
}

/// A clean copy of what ships, so that nothing else in `pkg/` can.
fn stage() -> Result<PathBuf> {
    let stage = paths::scratch().join("package");
    if stage.exists() {
        fs::remove_dir_all(&stage).context("the old stage cannot be removed")?;
    }
    fs::create_dir_all(&stage)?;
    for name in SHIPPED {
        let from = paths::package().join(name);
        if from.exists() {
            copy(&from, &stage.join(name))?;
        }
    }
    copy(&paths::root().join("LICENSE"), &stage.join("LICENSE"))?;
    Ok(stage)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        fs::copy(from, to).with_context(|| format!("{} cannot be copied", from.display()))?;
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        if !LEFTOVERS.iter().any(|leftover| name == *leftover) {
            copy(&from.join(&name), &to.join(&name))?;
        }
    }
    Ok(())
}

/// Every file that `bin`, `exports`, `imports` and `sideEffects` name must be in the stage.
fn check_entries(stage: &Path) -> Result<()> {
    let manifest: Value = serde_json::from_str(&fs::read_to_string(stage.join("package.json"))?)?;
    let mut files = Vec::new();
    for field in ["bin", "exports", "imports", "types", "sideEffects"] {
        named_files(manifest.get(field).unwrap_or(&Value::Null), &mut files);
    }
    let missing: Vec<_> = files.into_iter().filter(|file| !stage.join(file).exists()).collect();
    if !missing.is_empty() {
        bail!("package.json names files that do not exist: {}", missing.join(", "));
    }
    Ok(())
}

fn named_files(value: &Value, files: &mut Vec<String>) {
    match value {
        Value::String(file) => files.push(file.clone()),
        Value::Array(values) => values.iter().for_each(|value| named_files(value, files)),
        Value::Object(fields) => fields.values().for_each(|value| named_files(value, files)),
        _ => {}
    }
}
