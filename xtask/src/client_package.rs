//! The generated part of the npm package's clients, in `pkg/dist`: `index.js`, `index_bg.wasm` and
//! `inline.js`, for the edge `edge.js` and `edge_bg.wasm`, and for ClockNext `clocknext.js` with its two.
//!
//! The edge's module lacks persistent mode in memory, which is refused there: it is a third smaller.
//! Either glue imports its module from `#wasm`; the package's `imports` map picks the glue
//! (`#client`) and a loader of `pkg/js/wasm` by runtime. Runtimes that cannot import a `.wasm` file
//! get the same bytes as base64 text in `inline.js`. `slim.js` is the facade and the edge's glue in one
//! file, for callers who bring the edge's module themselves; `clocknext_slim.js` is the same of ClockNext. `cli.js` is [`cli_libraries`].

use std::fs;

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    cli_libraries,
    fingerprint::{Fingerprint, unless_current},
    node::Node,
    paths, process, progress,
    wasm::{self, Host, Source},
};

/// The import that the package's `imports` map resolves.
const IMPORT: &str = "import wasmModule from \"#wasm\";";
/// Likewise, for ClockNext's module.
const CLOCKNEXT_IMPORT: &str = "import wasmModule from \"#clocknext-wasm\";";

/// How the glue instantiates its module when it is imported. The whole of it ends the file.
const INSTANTIATE: &str = "\
let wasmInstance = new WebAssembly.Instance(wasmModule, __wbg_get_imports());
let wasm = wasmInstance.exports;
wasm.__wbindgen_start();
";

/// How the slim glue of `ENTRY` does it, when it is told to.
const INSTANTIATE_LATER: &str = "\
let wasmModule;
let wasmInstance;
let wasm = new Proxy({}, { get() {
    const message = 'ENTRY has no module yet: await init(…) first. Nothing was sent.';
    throw [JSON.stringify({ message, code: 'invalid_config', effect: 'not_applied' })];
} });
export function instantiate(module) {
    wasmInstance = new WebAssembly.Instance(module, __wbg_get_imports());
    wasmModule = module;
    wasm = wasmInstance.exports;
    wasm.__wbindgen_start();
}
";

/// How the glue calls back into the module, as generated, and as it ships.
///
/// After a panic the instance is replaced. What timers and fetches still hold of the old one would throw
/// into their host, or, called before the replacement, run on the new one with the old one's pointers.
/// All who waited have been told by then (`src/panic.rs`), so such calls come to nothing; nor does the
/// panic itself leave by a timer or a promise that nobody watches, on which Node would end.
const AFTER_A_PANIC: [(&str, &str); 4] = [
    (
        "        if (state.instance !== __wbg_instance_id) {
            throw new Error('Cannot invoke closure from previous WASM instance');
        }
",
        "        if (gone(state)) return;
",
    ),
    (
        "            return f(a, state.b, ...args);
        } finally {
            state.a = a;
            real._wbg_cb_unref();
        }
    };
    real._wbg_cb_unref = () => {
        if (--state.cnt === 0) {
",
        "            return f(a, state.b, ...args);
        } catch (thrown) {
            if (!gone(state)) throw thrown;
        } finally {
            state.a = a;
            real._wbg_cb_unref();
        }
    };
    real._wbg_cb_unref = () => {
        if (!gone(state) && --state.cnt === 0) {
",
    ),
    (
        "    if (state.instance === __wbg_instance_id) {
        wasm.__wbindgen_destroy_closure(state.a, state.b);
",
        "    if (!gone(state)) {
        wasm.__wbindgen_destroy_closure(state.a, state.b);
",
    ),
    (
        "let __wbg_instance_id = 0;
",
        "let __wbg_instance_id = 0;
const gone = (state) => state.instance !== __wbg_instance_id || __wbg_reinit_scheduled;
",
    ),
];

fn quiet_after_panic(glue: String) -> Result<String> {
    AFTER_A_PANIC
        .into_iter()
        .try_fold(glue, |glue, (piece, replacement)| wasm::replace_once(&glue, piece, replacement))
}

/// One of the modules.
#[derive(Clone, Copy)]
struct Variant {
    label: &'static str,
    source: Source,
    /// The name of its glue, and of its module with `_bg`.
    name: &'static str,
    /// How its glue imports it.
    import: &'static str,
    /// The file that holds it as text, where it is needed so.
    inline: Option<&'static str>,
}

const VARIANTS: [Variant; 3] = [
    Variant {
        label: "the client",
        source: Source::Library("edge-credits"),
        name: "index",
        import: IMPORT,
        inline: Some("inline.js"),
    },
    Variant {
        label: "the edge's client",
        source: Source::PartOfLibrary("edge-credits", "engine"),
        name: "edge",
        import: IMPORT,
        inline: None,
    },
    Variant {
        label: "ClockNext's client",
        source: Source::PartOfLibrary("edge-credits", "clocknext"),
        name: "clocknext",
        import: CLOCKNEXT_IMPORT,
        inline: Some("clocknext_inline.js"),
    },
];

/// Builds the client, unless nothing that it depends on has changed.
///
/// # Errors
/// When the crate does not compile or a tool fails.
pub(crate) fn build(node: &Node) -> Result<()> {
    let _lock = paths::lock("client")?;
    VARIANTS.iter().try_for_each(|variant| build_variant(node, *variant))?;
    SLIMS.iter().try_for_each(|slim| build_slim(node, *slim))?;
    cli_libraries::build(node)
}

/// An entry whose callers bring its module.
#[derive(Clone, Copy)]
struct Slim {
    /// How it is imported.
    entry: &'static str,
    /// Its file, in `pkg/js` and in `pkg/dist`.
    file: &'static str,
    /// The glue that it waits with, what that imports, and under which name the facade imports it.
    glue: &'static str,
    import: &'static str,
    alias: &'static str,
}

const SLIMS: [Slim; 2] = [
    Slim {
        entry: "edge-credits/slim",
        file: "slim.js",
        glue: "edge.js",
        import: IMPORT,
        alias: "#client",
    },
    Slim {
        entry: "edge-credits/clocknext/slim",
        file: "clocknext_slim.js",
        glue: "clocknext.js",
        import: CLOCKNEXT_IMPORT,
        alias: "#clocknext",
    },
];

/// Bundles the facade with a glue that waits for its module: quick, so that it is done every time.
fn build_slim(node: &Node, slim: Slim) -> Result<()> {
    let Slim { entry, file: name, glue, import, alias } = slim;
    let dist = paths::package_dist();
    let glue = fs::read_to_string(dist.join(glue))?;
    let glue = wasm::replace_once(&glue, import, "")?;
    let later = INSTANTIATE_LATER.replace("ENTRY", entry);
    let glue = wasm::replace_once(&glue, INSTANTIATE, &later)?;
    let file = paths::scratch().join(name);
    fs::write(&file, glue).context("the slim glue cannot be written")?;
    let mut esbuild = node.command("esbuild");
    esbuild.arg(paths::package().join("js").join(name)).args([
        "--bundle",
        "--minify-syntax",
        "--minify-whitespace",
        "--format=esm",
        "--target=es2022",
        "--charset=utf8",
        "--log-level=warning",
    ]);
    esbuild.arg(format!("--alias:{alias}={}", file.display()));
    esbuild.arg(format!("--outfile={}", dist.join(name).display()));
    process::capture(&mut esbuild).map(drop)
}

fn build_variant(node: &Node, variant: Variant) -> Result<()> {
    let Variant { label, source, name, import, inline } = variant;
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
    let text = inline.map(|name| dist.join(name));
    let mut outputs = vec![glue.as_path(), bytes.as_path()];
    outputs.extend(text.as_deref());
    let label = format!("binding and optimising {label}");
    let stamp = paths::scratch().join(format!("client-{name}.stamp"));
    let ran = unless_current(&stamp, &inputs.finish(), &outputs, || {
        progress::step(&label, || {
            wasm::bind(node, &module, &out, Host::Any)?;
            fs::create_dir_all(&dist).context("pkg/dist cannot be made")?;
            let generated = fs::read_to_string(out.join("index.js"))?;
            let imported = wasm::replace_source_import(&generated, import)?;
            fs::write(&glue, quiet_after_panic(imported)?)?;
            let module = fs::read(out.join("index_bg.wasm"))?;
            fs::write(&bytes, &module)?;
            if let Some(text) = &text {
                let base64 = STANDARD.encode(&module);
                fs::write(text, format!("export default \"{base64}\";\n"))?;
            }
            Ok(())
        })
    })?;
    if !ran {
        progress::unchanged(&label);
    }
    Ok(())
}
