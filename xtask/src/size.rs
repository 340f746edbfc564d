//! What users download: raw, gzip and brotli sizes against the budget in `tests/golden/sizes.json`.
//!
//! The JavaScript is measured as a user's bundler would leave it: everything that
//! `edge-credits/credit-engine` imports, minified, without the module.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{
    arguments::Arguments, client_package, node::Node, pack, paths, process, progress, worker_bundle,
};

/// Compresses each named file and prints `[[raw, gzip, brotli], …]`, at the strongest settings.
const COMPRESS: &str = r#"
const { readFileSync } = require("node:fs");
const { brotliCompressSync, gzipSync } = require("node:zlib");
const sizes = process.argv.slice(1).map((file) => {
  const bytes = readFileSync(file);
  return [bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length];
});
console.log(JSON.stringify(sizes));
"#;

/// The sizes of one artefact, in bytes.
pub(crate) struct Size {
    name: &'static str,
    raw: u64,
    gzip: u64,
    brotli: u64,
    budget: u64,
}

impl Size {
    /// Whether the gzip size is within the budget.
    pub(crate) fn within(&self) -> bool {
        self.gzip <= self.budget
    }
}

/// The budget file: bytes after gzip, by artefact.
#[derive(Deserialize)]
struct Budget {
    gzip: BTreeMap<String, u64>,
}

/// `cargo xtask size`: builds, measures, prints the table.
///
/// # Errors
/// When something is over its budget.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    Arguments::parse(arguments, &[])?;
    let node = Node::set_up()?;
    client_package::build(&node)?;
    worker_bundle::build(&node)?;
    let sizes = progress::step("measuring", || measure(&node))?;
    print!("{}", table(&sizes));
    let over = sizes.iter().filter(|size| !size.within()).count();
    if over > 0 {
        bail!("{over} over budget (tests/golden/sizes.json)");
    }
    Ok(())
}

/// Measures what is built.
///
/// # Errors
/// When something is not built, or has no budget.
pub(crate) fn measure(node: &Node) -> Result<Vec<Size>> {
    let files = artefacts(node)?;
    let paths_only = files.iter().map(|(_, path)| path);
    let output = process::text(node.command("node").args(["-e", COMPRESS]).args(paths_only))?;
    let measured: Vec<(u64, u64, u64)> =
        serde_json::from_str(&output).context("the sizes cannot be read")?;
    let file = paths::root().join("tests").join("golden").join("sizes.json");
    let text = fs::read_to_string(file).context("tests/golden/sizes.json cannot be read")?;
    let mut budget: Budget = serde_json::from_str(&text).context("in tests/golden/sizes.json")?;
    let mut sizes = Vec::new();
    for ((name, _), (raw, gzip, brotli)) in files.into_iter().zip(measured) {
        let budget = budget
            .gzip
            .remove(name)
            .with_context(|| format!("tests/golden/sizes.json has no budget for `{name}`"))?;
        sizes.push(Size { name, raw, gzip, brotli, budget });
    }
    if let Some(name) = budget.gzip.keys().next() {
        bail!("tests/golden/sizes.json has a budget for `{name}`, which is not measured");
    }
    Ok(sizes)
}

/// The table as it is printed.
pub(crate) fn table(sizes: &[Size]) -> String {
    let mut text =
        format!("{:<20} {:>10} {:>10} {:>10} {:>10}\n", "bytes", "raw", "gzip", "brotli", "budget");
    for size in sizes {
        let verdict = if size.within() { "" } else { "  over budget" };
        text.push_str(&format!(
            "{:<20} {:>10} {:>10} {:>10} {:>10}{verdict}\n",
            size.name, size.raw, size.gzip, size.brotli, size.budget
        ));
    }
    text
}

fn artefacts(node: &Node) -> Result<Vec<(&'static str, PathBuf)>> {
    let dist = paths::package_dist();
    let worker = paths::worker_dist();
    let inline = dist.join("inline.js");
    Ok(vec![
        ("client wasm, edge", dist.join("edge_bg.wasm")),
        ("client wasm, memory", dist.join("index_bg.wasm")),
        ("client js", bundled(node, "client", &paths::package().join("js/credit-engine.js"))?),
        ("client inline", inline),
        ("clocknext wasm", dist.join("clocknext_bg.wasm")),
        ("clocknext js", bundled(node, "clocknext", &paths::package().join("js/clocknext.js"))?),
        ("clocknext inline", dist.join("clocknext_inline.js")),
        ("worker wasm", worker.join("index_bg.wasm")),
        ("worker js", bundled(node, "worker", &worker.join("worker.js"))?),
        ("tarball", pack::pack()?),
    ])
}

/// Bundles and minifies as a user's tools would, the module left outside.
fn bundled(node: &Node, name: &str, entry: &Path) -> Result<PathBuf> {
    let output = paths::scratch().join("size").join(format!("{name}.js"));
    let mut esbuild = node.command("esbuild");
    esbuild.arg(entry).arg(format!("--outfile={}", output.display())).args([
        "--bundle",
        "--minify",
        "--format=esm",
        "--conditions=workerd",
        "--external:*.wasm",
        "--external:cloudflare:*",
        "--log-level=warning",
    ]);
    process::capture(&mut esbuild)?;
    Ok(output)
}
