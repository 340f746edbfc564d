//! What must hold for the crates, the packages and the files, whatever they do: where they come
//! from, under which licence, who may depend on whom, and that the core stays pure.
//!
//! Vulnerability data is not looked at: it is not part of the registries this builds from.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    arguments::Arguments,
    licences,
    metadata::{Graph, Package},
    paths, process, tidy, wasm,
};

/// The only place that crates come from.
const SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Who depends on whom among our own crates. These edges and no others.
const EDGES: &[(&str, &[&str])] = &[
    ("edge-credits", &["edge-credits-core"]),
    ("edge-credits-core", &[]),
    ("edge-credits-sim", &["edge-credits-core"]),
    ("edge-credits-worker", &["edge-credits-core"]),
    ("xtask", &[]),
];

/// All that may be linked with the core. No clock, randomness, I/O or JavaScript
/// can come in by a dependency of a dependency without this list being changed.
const CORE_LINKS: &[&str] = &[
    "base64",
    "block-buffer",
    "cfg-if",
    "cpufeatures",
    "crypto-common",
    "digest",
    "form_urlencoded",
    "generic-array",
    "hmac",
    "itoa",
    "memchr",
    "percent-encoding",
    "serde",
    "serde_core",
    "serde_json",
    "sha2",
    "subtle",
    "typenum",
    "zmij",
];

/// A target without operating system or JavaScript host: what compiles for it cannot ask either.
const BARE_TARGET: &str = "wasm32v1-none";

/// Two versions of these are linked into a shipped module, and why that is accepted.
const ACCEPTED_DUPLICATES: &[&str] = &[];

/// A check's name and what it does.
pub(crate) type Check = (&'static str, fn() -> Result<()>);

/// Every check, in the order in which they run.
pub(crate) const CHECKS: &[Check] = &[
    ("crates come from crates.io", sources),
    ("licences", licences_allowed),
    ("no crate ships in two versions", duplicates),
    ("dependency edges", edges),
    ("what the core links", core_links),
    ("the core builds for a bare target", core_is_bare),
    ("what ships knows no mutants", no_mutants),
    ("npm lock file", npm_lock),
    ("the npm package has no dependencies", npm_package),
    ("files are short", tidy::files_are_short),
    ("files are about the project", tidy::nothing_local),
];

/// `cargo xtask check`: runs every check and reports each.
///
/// # Errors
/// When one fails; all are run first.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    Arguments::parse(arguments, &[])?;
    let mut failed = 0;
    for (name, check) in CHECKS {
        match check() {
            Ok(()) => println!("ok      {name}"),
            Err(error) => {
                failed += 1;
                println!("FAILED  {name}\n{error:#}");
            }
        }
    }
    if failed > 0 {
        bail!("{failed} of {} checks failed", CHECKS.len());
    }
    Ok(())
}

fn sources() -> Result<()> {
    let graph = Graph::read(None)?;
    let ours: Vec<_> = graph.members().map(|package| package.id.as_str()).collect();
    refuse(graph.packages().iter().filter(|package| match &package.source {
        Some(source) => source != SOURCE,
        None => !ours.contains(&package.id.as_str()),
    }))
}

fn licences_allowed() -> Result<()> {
    let graph = Graph::read(None)?;
    refuse(
        graph
            .packages()
            .iter()
            .filter(|package| !package.license.as_deref().is_some_and(licences::allowed)),
    )
}

fn duplicates() -> Result<()> {
    let graph = Graph::read(Some(wasm::TARGET))?;
    for shipped in ["edge-credits", "edge-credits-worker"] {
        let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for package in graph.linked(shipped) {
            versions.entry(&package.name).or_default().push(&package.version);
        }
        versions.retain(|name, all| all.len() > 1 && !ACCEPTED_DUPLICATES.contains(name));
        if !versions.is_empty() {
            bail!("{shipped} links several versions of: {versions:?}");
        }
    }
    Ok(())
}

fn edges() -> Result<()> {
    let graph = Graph::read(None)?;
    for package in graph.members() {
        let Some((_, wanted)) = EDGES.iter().find(|(name, _)| *name == package.name) else {
            bail!("{} is not in the table of edges; decide what it may depend on", package.name);
        };
        let found: Vec<_> = graph.edges(package).into_iter().collect();
        if found != *wanted {
            bail!("{} depends on {found:?}, and should on {wanted:?}", package.name);
        }
    }
    Ok(())
}

fn core_links() -> Result<()> {
    // Two targets: the one that proves the absence of a host, and the one that ships.
    for target in [BARE_TARGET, wasm::TARGET] {
        let graph = Graph::read(Some(target))?;
        let linked = graph.linked("edge-credits-core");
        if linked.is_empty() {
            bail!("nothing is linked with the core: the crate has been renamed");
        }
        refuse(linked.into_iter().filter(|package| !CORE_LINKS.contains(&package.name.as_str())))?;
    }
    Ok(())
}

fn core_is_bare() -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["check", "--quiet", "--locked", "--package", "edge-credits-core"]);
    process::capture(cargo.args(["--target", BARE_TARGET])).map(drop)
}

/// The simulator's switch for known mistakes is on in no shipped build. (It does not compile there
/// either; this names the crate that asks for it.)
fn no_mutants() -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["tree", "--locked", "--edges", "normal", "--format", "{p} [{f}]"]);
    cargo.args(["--package", "edge-credits", "--package", "edge-credits-worker"]);
    let tree = process::text(cargo.args(["--target", wasm::TARGET]))?;
    let core = || tree.lines().filter(|line| line.contains("edge-credits-core v"));
    if core().next().is_none() {
        bail!("nothing that ships is built with the core: the crate has been renamed");
    }
    match core().find(|line| line.contains("mutants")) {
        Some(line) => bail!("the mutants would ship: {line}"),
        None => Ok(()),
    }
}

/// The directories with tools from npm: everybody's, and those that check the package.
const TOOLS: &[&str] = &["", "tests/packaging/tools/"];

/// Every tool is pinned by version and digest, and no registry is named.
fn npm_lock() -> Result<()> {
    TOOLS.iter().try_for_each(|directory| npm_lock_of(directory))
}

fn npm_lock_of(directory: &str) -> Result<()> {
    let lock = json(&format!("{directory}package-lock.json"))?;
    let packages = lock.get("packages").and_then(Value::as_object).context("no packages")?;
    for (path, package) in packages {
        if let Some(resolved) = package.get("resolved").and_then(Value::as_str)
            && resolved != "pkg"
        {
            bail!("{path} is resolved to {resolved}: the lock file must not name a registry");
        }
        let pinned = package.get("integrity").is_some();
        if path.starts_with("node_modules/") && !pinned && package.get("link").is_none() {
            bail!("{path} has no integrity digest");
        }
    }
    let tools = json(&format!("{directory}package.json"))?;
    let named = ["devDependencies", "optionalDependencies"].map(|field| tools.get(field));
    let named: Vec<_> = named.into_iter().flatten().filter_map(Value::as_object).collect();
    if named.is_empty() {
        bail!("{directory}package.json names no tools");
    }
    for (name, version) in named.into_iter().flatten() {
        let version = version.as_str().unwrap_or_default();
        let exact = version.starts_with(|first: char| first.is_ascii_digit());
        if !exact && version != "file:pkg" {
            bail!("{name} is not pinned to one version: {version}");
        }
    }
    Ok(())
}

fn npm_package() -> Result<()> {
    let manifest = json("pkg/package.json")?;
    for field in ["dependencies", "peerDependencies", "optionalDependencies", "scripts"] {
        if manifest.get(field).is_some() {
            bail!("pkg/package.json has `{field}`: the package must run by itself");
        }
    }
    let version = manifest.get("version").and_then(Value::as_str);
    if version != Some(env!("CARGO_PKG_VERSION")) {
        bail!("pkg/package.json has another version than the crates: {version:?}");
    }
    Ok(())
}

fn json(file: &str) -> Result<Value> {
    let text = fs::read_to_string(paths::root().join(file))
        .with_context(|| format!("{file} cannot be read"))?;
    serde_json::from_str(&text).with_context(|| format!("{file} is not JSON"))
}

/// Fails with the packages' names, when there are any.
fn refuse<'a>(packages: impl Iterator<Item = &'a Package>) -> Result<()> {
    let names: Vec<String> = packages
        .map(|package| {
            let licence = package.license.as_deref().unwrap_or("no licence");
            format!("{} {} ({licence})", package.name, package.version)
        })
        .collect();
    if names.is_empty() { Ok(()) } else { bail!("not accepted: {}", names.join(", ")) }
}
