//! From a crate to a small `.wasm` and its glue: cargo, the binding generator, wasm-opt.
//!
//! The binding generator is a library here, so its version stands in `Cargo.lock` beside
//! wasm-bindgen's own, which it must equal. What is made for whom is decided by the callers:
//! [`crate::client_package`] and [`crate::worker_bundle`].

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use wasm_bindgen_cli_support::Bindgen;

use crate::{imports, node::Node, paths, process};

/// The compilation target of everything that runs in a JavaScript host.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The features that rustc turns on for the target. `--all-features` would let wasm-opt emit code
/// that Node 20 refuses.
///
/// Functions with one caller stay functions: merging them saves bytes, and costs more after gzip
/// (up to 7 % of a module), which is what travels.
const OPTIMISE: &[&str] = &[
    "-Oz",
    "--one-caller-inline-max-function-size=0",
    "--enable-mutable-globals",
    "--enable-sign-ext",
    "--enable-nontrapping-float-to-int",
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-reference-types",
    "--enable-exception-handling",
    "--strip-debug",
    "--strip-producers",
];

/// Between flags in `CARGO_ENCODED_RUSTFLAGS`, so that a path may hold spaces.
const ENCODED_SEPARATOR: &str = "\u{1f}";

/// The glue's way of importing the module, which is replaced by what each bundle needs.
const SOURCE_IMPORT: &str = "import source wasmModule from \"./index_bg.wasm\";";

/// Who will instantiate the module.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    /// Any JavaScript runtime, Node 20 included.
    Any,
    /// The Workers runtime, behind the worker's shim, which resets it after a trap.
    Worker,
}

/// What cargo is asked to compile.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    /// The library of a crate.
    Library(&'static str),
    /// The library of a crate with this feature alone.
    PartOfLibrary(&'static str, &'static str),
    /// An example of a crate: the crate's name, then its own.
    Example(&'static str, &'static str),
}

/// Compiles for the shipping profile and returns the `.wasm`.
///
/// # Errors
/// The compiler's messages, when it does not compile.
pub(crate) fn compile(source: Source) -> Result<PathBuf> {
    require_target()?;
    let mut cargo = process::cargo();
    cargo.env("CARGO_ENCODED_RUSTFLAGS", rust_flags()?);
    cargo.args(["build", "--target", TARGET, "--profile", "wasm"]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    let name = match source {
        Source::Library(package) => {
            cargo.args(["--package", package, "--lib"]);
            package
        }
        Source::PartOfLibrary(package, feature) => {
            cargo.args(["--package", package, "--lib", "--no-default-features"]);
            cargo.args(["--features", feature]);
            package
        }
        Source::Example(package, example) => {
            cargo.args(["--package", package, "--example", example]);
            example
        }
    };
    let messages = process::text(&mut cargo)?;
    let file_name = format!("{}.wasm", name.replace('-', "_"));
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| message.get("filenames").cloned())
        .flat_map(|names| names.as_array().cloned().unwrap_or_default())
        .filter_map(|name| name.as_str().map(PathBuf::from))
        .find(|path| path.file_name().is_some_and(|name| name == file_name.as_str()))
        .ok_or_else(|| anyhow!("cargo made no {file_name}"))
}

/// Keeps this machine's directories out of what ships: panics name their source file, and with the
/// same names everywhere the same source gives the same bytes.
fn rust_flags() -> Result<String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|user| user.join(".cargo")));
    let home = home.context("neither CARGO_HOME nor a home directory is known")?;
    let mut places = vec![(home.clone(), "cargo"), (paths::root(), "edge-credits")];
    // The directory of a registry carries its host's name; the last match counts.
    for registry in fs::read_dir(home.join("registry").join("src")).into_iter().flatten() {
        places.push((registry?.path(), "crates"));
    }
    let flag =
        |(path, name): &(PathBuf, _)| format!("--remap-path-prefix={}={name}", path.display());
    Ok(places.iter().map(flag).collect::<Vec<_>>().join(ENCODED_SEPARATOR))
}

/// rustup installs the target that `rust-toolchain.toml` names; another Rust may not have it.
fn require_target() -> Result<()> {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.current_dir(paths::root()).args(["--print", "target-libdir", "--target", TARGET]);
    let directory = process::text(&mut rustc)?;
    if !Path::new(directory.trim()).exists() {
        bail!("Rust's target {TARGET} is not installed; run: rustup target add {TARGET}");
    }
    Ok(())
}

/// Writes `index.js` (the glue) and `index_bg.wasm` (optimised for size) into `directory`, which is
/// emptied first.
///
/// # Errors
/// When a tool fails.
pub(crate) fn bind(node: &Node, input: &Path, directory: &Path, host: Host) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).context("old output cannot be removed")?;
    }
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(input)
        .out_name("index")
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .module(true)?;
    if host == Host::Worker {
        // The shim calls the reset function; the abort handler's code does not load on Node 20.
        bindgen.reset_state_function(true).force_enable_abort_handler(true);
    }
    bindgen.generate(directory).context("the binding generator failed")?;
    let module = directory.join("index_bg.wasm");
    imports::rename(&module, &directory.join("index.js"))?;
    let mut optimise = node.command("wasm-opt");
    optimise.arg(&module).args(OPTIMISE).arg("-o").arg(&module);
    process::capture(&mut optimise).map(drop)
}

/// Replaces the one line by which the glue imports its module.
///
/// # Errors
/// As [`replace_once`].
pub(crate) fn replace_source_import(glue: &str, replacement: &str) -> Result<String> {
    replace_once(glue, SOURCE_IMPORT, replacement)
}

/// Replaces a piece of the glue that stands there once.
///
/// # Errors
/// When it does not: the generator has changed, and the result would fail only in the user's runtime.
pub(crate) fn replace_once(glue: &str, piece: &str, replacement: &str) -> Result<String> {
    let count = glue.matches(piece).count();
    if count != 1 {
        bail!(
            "the generated glue has `{piece}` {count} times, not once: the binding generator has \
             changed, look at its output"
        );
    }
    Ok(glue.replace(piece, replacement))
}

/// Runs a wasm test binary; cargo calls this as the target's runner.
///
/// # Errors
/// When a test fails.
pub(crate) fn test_runner(arguments: &[String]) -> Result<()> {
    let program = std::iter::once("wasm-bindgen-test-runner".to_owned());
    let arguments = program.chain(arguments.iter().cloned());
    wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(arguments)
}

#[cfg(test)]
mod tests {
    use super::{SOURCE_IMPORT, replace_source_import};

    #[test]
    fn the_import_is_replaced_once() {
        let glue = format!("{SOURCE_IMPORT}\nlet x;\n");
        let replaced = replace_source_import(&glue, "import m from \"#wasm\";").unwrap();
        assert_eq!(replaced, "import m from \"#wasm\";\nlet x;\n");
    }

    #[test]
    fn glue_of_another_shape_is_refused() {
        assert!(replace_source_import("let x;", "").is_err());
        assert!(replace_source_import(&SOURCE_IMPORT.repeat(2), "").is_err());
    }
}
