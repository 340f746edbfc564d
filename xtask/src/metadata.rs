//! What `cargo metadata` says about the crates: who they are and who depends on whom.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;

/// The workspace's crates and everything that they depend on.
#[derive(Deserialize)]
pub(crate) struct Graph {
    packages: Vec<Package>,
    resolve: Resolve,
    workspace_members: BTreeSet<String>,
}

/// One version of a crate.
#[derive(Deserialize)]
pub(crate) struct Package {
    /// Unique within the graph.
    pub(crate) id: String,
    /// The crate's name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its licence expression, if it states one.
    pub(crate) license: Option<String>,
    /// Where it comes from; nothing for a crate of this workspace.
    pub(crate) source: Option<String>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

impl Package {
    /// Whether it runs in the compiler and leaves nothing of itself in what is compiled.
    fn is_macro(&self) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "proc-macro"))
    }
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// `dev`, `build`, or nothing for a normal dependency.
    kind: Option<String>,
}

impl Graph {
    /// Reads the graph; with a target, only what is built for it.
    ///
    /// # Errors
    /// When cargo fails: above all when `Cargo.lock` is out of date.
    pub(crate) fn read(target: Option<&str>) -> Result<Self> {
        let mut command = process::cargo();
        command.args(["metadata", "--locked", "--format-version", "1"]);
        if let Some(target) = target {
            command.args(["--filter-platform", target]);
        }
        let text = process::text(&mut command)?;
        serde_json::from_str(&text).context("cargo metadata has another shape than expected")
    }

    /// Every crate, ours included.
    pub(crate) fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// The crates of this workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// The crates of this workspace that `package` depends on in any way, tests included.
    pub(crate) fn edges(&self, package: &Package) -> BTreeSet<&str> {
        self.node(&package.id)
            .into_iter()
            .flat_map(|node| &node.deps)
            .filter(|dependency| self.workspace_members.contains(&dependency.pkg))
            .filter_map(|dependency| self.package(&dependency.pkg))
            .map(|package| package.name.as_str())
            .collect()
    }

    /// What is linked with the crate called `name`, itself excluded: its normal dependencies and
    /// theirs. Macros, and what they are made of, run in the compiler and are left out.
    pub(crate) fn linked(&self, name: &str) -> Vec<&Package> {
        let start = self.members().find(|package| package.name == name);
        let mut found = BTreeMap::new();
        let mut waiting: Vec<&str> = start.iter().map(|package| package.id.as_str()).collect();
        while let Some(id) = waiting.pop() {
            let normal =
                self.node(id).into_iter().flat_map(|node| &node.deps).filter(|found| {
                    found.dep_kinds.iter().any(|dependency| dependency.kind.is_none())
                });
            for dependency in normal {
                if let Some(package) = self.package(&dependency.pkg)
                    && !package.is_macro()
                    && found.insert(package.id.as_str(), package).is_none()
                {
                    waiting.push(&package.id);
                }
            }
        }
        found.into_values().collect()
    }

    fn node(&self, id: &str) -> Option<&Node> {
        self.resolve.nodes.iter().find(|node| node.id == id)
    }

    fn package(&self, id: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.id == id)
    }
}
