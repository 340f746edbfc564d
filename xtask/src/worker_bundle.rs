//! The worker as it is deployed: `worker.js` (shim and glue in one file) and `index_bg.wasm`.
//!
//! Written to `dist/worker`, which `wrangler.toml` names, and to `pkg/dist/worker`, so that the npm
//! package carries the backend for developers who have no Rust. `pkg/dist/testing.js` is the same glue
//! without a Workers runtime around it, for `edge-credits/testing`; it loads the same module.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    fingerprint::{Fingerprint, unless_current},
    node::Node,
    paths, process, progress,
    wasm::{self, Host, Source},
};

/// The files of the bundle.
const FILES: [&str; 2] = ["worker.js", "index_bg.wasm"];
/// What is written by hand in JavaScript: the entry with its part, and what replaces a global of the
/// glue.
const SCRIPTS: [&str; 5] = ["shim.js", "http.js", "microtask.js", "testing.js", "testing_host.js"];
/// A plain import of a compiled module, which is what the Workers runtime and wrangler understand.
const IMPORT: &str = "import wasmModule from \"./index_bg.wasm\";";
/// What the package's `imports` map resolves, by runtime.
const TESTING_IMPORT: &str = "import wasmModule from \"#worker-wasm\";";
/// The bundle for tests, in the package's generated part.
const TESTING: &str = "testing.js";

/// Builds the worker, unless nothing that it depends on has changed.
///
/// # Errors
/// When the crate does not compile or a tool fails.
pub(crate) fn build(node: &Node) -> Result<()> {
    Bundle {
        name: "worker",
        source: Source::Library("edge-credits-worker"),
        homes: vec![paths::worker_dist(), paths::package_dist().join("worker")],
        testing: Some(paths::package_dist().join(TESTING)),
    }
    .build(node)
}

/// Builds the worker that panics when told to, behind the same shim: for the shim's tests.
///
/// # Errors
/// As [`build`].
pub(crate) fn build_trap(node: &Node) -> Result<()> {
    Bundle {
        name: "trap",
        source: Source::Example("edge-credits-worker", "trap"),
        homes: vec![paths::scratch().join("trap-worker")],
        testing: None,
    }
    .build(node)
}

/// A worker to be built: what from, and where to.
struct Bundle {
    name: &'static str,
    source: Source,
    homes: Vec<PathBuf>,
    /// Where its bundle for tests goes, if it has one.
    testing: Option<PathBuf>,
}

impl Bundle {
    fn build(&self, node: &Node) -> Result<()> {
        let name = self.name;
        let _lock = paths::lock(name)?;
        let label = format!("compiling the {name}");
        let module = progress::step(&label, || wasm::compile(self.source))?;
        let mut inputs = Fingerprint::new(name);
        inputs.file(&module)?;
        for script in SCRIPTS {
            inputs.file(&script_path(script))?;
        }
        inputs.file(&paths::root().join("package-lock.json"))?;
        inputs.bytes(include_bytes!("worker_bundle.rs"));
        inputs.bytes(include_bytes!("imports.rs"));
        inputs.bytes(include_bytes!("wasm.rs"));
        let mut files: Vec<_> =
            self.homes.iter().flat_map(|home| FILES.map(|file| home.join(file))).collect();
        files.extend(self.testing.clone());
        let outputs: Vec<_> = files.iter().map(PathBuf::as_path).collect();
        let label = format!("binding, optimising and bundling the {name}");
        let stamp = paths::scratch().join(format!("{name}.stamp"));
        let ran = unless_current(&stamp, &inputs.finish(), &outputs, || {
            progress::step(&label, || {
                let out = paths::scratch().join(name);
                wasm::bind(node, &module, &out, Host::Worker)?;
                bundle(node, &out)?;
                self.homes.iter().try_for_each(|home| publish(&out, home))?;
                self.testing.iter().try_for_each(|file| bundle_for_tests(node, &out, file))
            })
        })?;
        if !ran {
            progress::unchanged(&label);
        }
        Ok(())
    }
}

fn bundle(node: &Node, out: &Path) -> Result<()> {
    let glue = out.join("index.js");
    let text = wasm::replace_source_import(&fs::read_to_string(&glue)?, IMPORT)?;
    fs::write(&glue, text)?;
    for script in SCRIPTS {
        fs::copy(script_path(script), out.join(script))
            .with_context(|| format!("worker/{script} cannot be copied"))?;
    }
    process::capture(node.command("esbuild").current_dir(out).args([
        "shim.js",
        "--bundle",
        "--format=esm",
        "--target=es2022",
        "--charset=utf8",
        "--inject:microtask.js",
        "--external:./index_bg.wasm",
        "--external:cloudflare:*",
        "--log-level=warning",
        "--outfile=worker.js",
    ]))
    .map(drop)
}

/// After [`bundle`], whose glue it takes with another import of the module.
fn bundle_for_tests(node: &Node, out: &Path, file: &Path) -> Result<()> {
    let glue = out.join("index.js");
    let text = fs::read_to_string(&glue)?;
    fs::write(&glue, text.replace(IMPORT, TESTING_IMPORT))?;
    process::capture(
        node.command("esbuild")
            .current_dir(out)
            .args([
                TESTING,
                "--bundle",
                "--minify",
                "--format=esm",
                "--target=es2022",
                "--charset=utf8",
                "--inject:testing_host.js",
                "--external:#worker-wasm",
                "--log-level=warning",
            ])
            .arg(format!("--outfile={}", file.display())),
    )
    .map(drop)
}

fn script_path(script: &str) -> PathBuf {
    paths::root().join("worker").join(script)
}

fn publish(out: &Path, home: &Path) -> Result<()> {
    fs::create_dir_all(home).with_context(|| format!("{} cannot be made", home.display()))?;
    for file in FILES {
        fs::copy(out.join(file), home.join(file))
            .with_context(|| format!("{file} cannot be copied to {}", home.display()))?;
    }
    Ok(())
}
