//! The libraries of the npm package's command line, in `pkg/dist/cli.js`, with their licences beside it.
//!
//! They are bundled and not depended on: who installs the client installs nothing else.

use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{licences, node::Node, paths, process};

/// What is bundled, each with the file that holds its licence.
const LIBRARIES: [(&str, &str); 3] =
    [("es-module-lexer", "LICENSE"), ("jsonc-parser", "LICENSE.md"), ("smol-toml", "LICENSE")];

/// Bundles them: quick, so that it is done every time.
///
/// # Errors
/// When one has a licence that this repository does not accept, or a tool fails.
pub(crate) fn build(node: &Node) -> Result<()> {
    let dist = paths::package_dist();
    let mut notices = String::new();
    for (name, file) in LIBRARIES {
        notices.push_str(&notice(name, file)?);
    }
    fs::create_dir_all(&dist).context("pkg/dist cannot be made")?;
    fs::write(dist.join("cli.LICENSES.txt"), notices).context("the licences cannot be written")?;
    let mut esbuild = node.command("esbuild");
    esbuild.arg(paths::root().join("xtask").join("js").join("libraries.mjs")).args([
        "--bundle",
        "--minify",
        "--format=esm",
        "--platform=node",
        // One of them names an older form for Node, which does not bundle.
        "--main-fields=module,main",
        "--target=node20",
        "--charset=utf8",
        "--legal-comments=none",
        "--log-level=warning",
    ]);
    esbuild.arg(format!("--outfile={}", dist.join("cli.js").display()));
    process::capture(&mut esbuild).map(drop)
}

/// A library's name, version and licence, which has to go where its code goes.
fn notice(name: &str, file: &str) -> Result<String> {
    let folder = paths::root().join("node_modules").join(name);
    let read = |file: &str| {
        fs::read_to_string(folder.join(file)).with_context(|| format!("{file} of {name}"))
    };
    let manifest: Value = serde_json::from_str(&read("package.json")?)?;
    let text = |field: &str| manifest.get(field).and_then(Value::as_str).unwrap_or_default();
    if !licences::allowed(text("license")) {
        bail!("the licence of {name} is not accepted: `{}`", text("license"));
    }
    Ok(format!("{name} {}\n\n{}\n\n", text("version"), read(file)?.trim()))
}
