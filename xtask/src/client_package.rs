//! The generated part of the npm package's client, in `pkg/dist`: `index.js`, `index_bg.wasm` and
//! `inline.js`, and for the edge `edge.js` and `edge_bg.wasm`.
//!
//! The edge's module lacks persistent mode in memory, which is refused there: it is a third smaller.
//! Either glue imports its module from `#wasm`; the package's `imports` map picks the glue
//! (`#client`) and a loader of `pkg/js/wasm` by runtime. Runtimes that cannot import a `.wasm` file
//! get the same bytes as base64 text in `inline.js`.

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

/// One of the two modules.
#[derive(Clone, Copy)]
struct Variant {
    label: &'static str,
    source: Source,
    /// The name of its glue, and of its module with `_bg`.
    name: &'static str,
    /// Whether it is needed as text.
    inline: bool,
}

const VARIANTS: [Variant; 2] = [
    Variant {
        label: "the client",
        source: Source::Library("edge-credits"),
        name: "index",
        inline: true,
    },
    Variant {
        label: "the edge's client",
        source: Source::BareLibrary("edge-credits"),
        name: "edge",
        inline: false,
    },
];

/// Builds the client, unless nothing that it depends on has changed.
///
/// # Errors
/// When the crate does not compile or a tool fails.
pub(crate) fn build(node: &Node) -> Result<()> {
    let _lock = paths::lock("client")?;
    VARIANTS.iter().try_for_each(|variant| build_variant(node, *variant))
}

fn build_variant(node: &Node, variant: Variant) -> Result<()> {
    let Variant { label, source, name, inline } = variant;
    let module = progress::step(&format!("compiling {label}"), || wasm::compile(source))?;
    let mut inputs = Fingerprint::new("client package");
    inputs.file(&module)?;
    inputs.file(&paths::root().join("package-lock.json"))?;
    inputs.bytes(include_bytes!("client_package.rs"));
    inputs.bytes(include_bytes!("imports.rs"));
    inputs.bytes(include_bytes!("wasm.rs"));
    let out = paths::scratch().join(format!("client-{name}"));
    let dist = paths::package_dist();
    let glue = dist.join(format!("{name}.js"));
    let bytes = dist.join(format!("{name}_bg.wasm"));
    let text = dist.join("inline.js");
    let mut outputs = vec![glue.as_path(), bytes.as_path()];
    outputs.extend(inline.then_some(text.as_path()));
    let label = format!("binding and optimising {label}");
    let stamp = paths::scratch().join(format!("client-{name}.stamp"));
    let ran = unless_current(&stamp, &inputs.finish(), &outputs, || {
        progress::step(&label, || {
            wasm::bind(node, &module, &out, Host::Any)?;
            fs::create_dir_all(&dist).context("pkg/dist cannot be made")?;
            let generated = fs::read_to_string(out.join("index.js"))?;
            fs::write(&glue, wasm::replace_source_import(&generated, IMPORT)?)?;
            let module = fs::read(out.join("index_bg.wasm"))?;
            fs::write(&bytes, &module)?;
            if inline {
                let base64 = STANDARD.encode(&module);
                fs::write(&text, format!("export default \"{base64}\";\n"))?;
            }
            Ok(())
        })
    })?;
    if !ran {
        progress::unchanged(&label);
    }
    Ok(())
}
