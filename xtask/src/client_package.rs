//! The generated part of the npm package's client: `pkg/dist/{index.js, index_bg.wasm, inline.js}`.
//!
//! One glue and one module serve every runtime. The glue imports its module from `#wasm`; the
//! package's `imports` map picks a loader of `pkg/js/wasm` by runtime. Runtimes that cannot import
//! a `.wasm` file get the same bytes as base64 text in `inline.js`.

use std::fs;

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    fingerprint::{Fingerprint, unless_current},
    node::Node,
    paths, progress,
    wasm::{self, Host, Source},
};

/// The import that the package's `imports` map resolves.
const IMPORT: &str = "import wasmModule from \"#wasm\";";

/// Builds the client, unless nothing that it depends on has changed.
///
/// # Errors
/// When the crate does not compile or a tool fails.
pub(crate) fn build(node: &Node) -> Result<()> {
    let _lock = paths::lock("client")?;
    let module =
        progress::step("compiling the client", || wasm::compile(Source::Library("edge-credits")))?;
    let mut inputs = Fingerprint::new("client package");
    inputs.file(&module)?;
    inputs.file(&paths::root().join("package-lock.json"))?;
    inputs.bytes(include_bytes!("client_package.rs"));
    inputs.bytes(include_bytes!("imports.rs"));
    inputs.bytes(include_bytes!("wasm.rs"));
    let out = paths::scratch().join("client");
    let dist = paths::package_dist();
    let files = ["index.js", "index_bg.wasm", "inline.js"].map(|name| dist.join(name));
    let outputs = files.each_ref().map(|path| path.as_path());
    let label = "binding and optimising the client";
    let ran =
        unless_current(&paths::scratch().join("client.stamp"), &inputs.finish(), &outputs, || {
            progress::step(label, || {
                wasm::bind(node, &module, &out, Host::Any)?;
                publish(&out, &dist)
            })
        })?;
    if !ran {
        progress::unchanged(label);
    }
    Ok(())
}

fn publish(out: &std::path::Path, dist: &std::path::Path) -> Result<()> {
    fs::create_dir_all(dist).context("pkg/dist cannot be made")?;
    let glue = fs::read_to_string(out.join("index.js"))?;
    fs::write(dist.join("index.js"), wasm::replace_source_import(&glue, IMPORT)?)?;
    let bytes = fs::read(out.join("index_bg.wasm"))?;
    fs::write(dist.join("index_bg.wasm"), &bytes)?;
    let inline = format!("export default \"{}\";\n", STANDARD.encode(&bytes));
    fs::write(dist.join("inline.js"), inline)?;
    Ok(())
}
