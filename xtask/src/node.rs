//! The JavaScript tools: finds Node and npm, installs the pinned packages, runs their programs.
//!
//! Node 20 is enough to start with. wrangler needs 22 or newer; on Linux the lock file brings one
//! as a package, and `node_modules/.bin` stands first in PATH for everything that is run here.

use std::{env, ffi::OsString, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use crate::{fingerprint::Fingerprint, paths, process, progress};

/// The oldest Node that can install the tools.
const OLDEST_NODE: u32 = 20;
/// The oldest Node that wrangler runs on.
const OLDEST_NODE_FOR_WRANGLER: u32 = 22;
/// Keeps wrangler from asking, reporting and phoning: it is only used offline here.
const QUIET_WRANGLER: &[(&str, &str)] = &[
    ("CI", "1"),
    ("CLOUDFLARE_CF_FETCH_ENABLED", "false"),
    ("WRANGLER_HIDE_BANNER", "true"),
    ("WRANGLER_SEND_ERROR_REPORTS", "false"),
    ("WRANGLER_SEND_METRICS", "false"),
];

/// The installed JavaScript tools. Having one means that set-up is done.
pub(crate) struct Node {
    path: OsString,
}

impl Node {
    /// Makes the tools ready: checks Node and npm, and runs `npm ci` when the lock file has changed
    /// since the last time. Two commands at once wait for each other.
    ///
    /// # Errors
    /// A sentence that says what to install, when Node or npm is missing or too old; npm's own
    /// output when the installation fails.
    pub(crate) fn set_up() -> Result<Self> {
        let version = node_version(&mut Command::new("node"));
        require_node(version)?;
        require_npm()?;
        let node = Self { path: search_path()? };
        node.install()?;
        let tools = node_version(&mut node.command("node"));
        if tools.is_none_or(|major| major < OLDEST_NODE_FOR_WRANGLER) {
            bail!(
                "wrangler needs Node {OLDEST_NODE_FOR_WRANGLER} or newer, and there is no packaged \
                 one for this system. Install it from https://nodejs.org and run this again."
            );
        }
        Ok(node)
    }

    /// A program of `node_modules/.bin` (or the system), with those programs first in its PATH.
    pub(crate) fn command(&self, program: &str) -> Command {
        // The child's PATH is not where std looks the program up, so resolve it here.
        let installed = bin_directory().join(program);
        let mut command =
            if installed.exists() { Command::new(installed) } else { Command::new(program) };
        command.current_dir(paths::root()).env("PATH", &self.path).envs(QUIET_WRANGLER.to_vec());
        command
    }

    fn install(&self) -> Result<()> {
        let modules = paths::root().join("node_modules");
        fs::create_dir_all(&modules).context("node_modules cannot be made")?;
        let _lock = paths::lock("npm")?;
        let mut wanted = Fingerprint::new("npm ci");
        wanted.file(&paths::root().join("package-lock.json"))?;
        wanted.file(&paths::root().join("package.json"))?;
        let wanted = wanted.finish();
        let stamp = modules.join(".installed");
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            return Ok(());
        }
        progress::step("installing the JavaScript tools (npm ci)", || {
            process::capture(
                Command::new("npm")
                    .current_dir(paths::root())
                    // The tools' own Node is what they will run on; the engine warning is noise.
                    .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]),
            )
            .context("the tools could not be installed; is the npm registry reachable?")
        })?;
        fs::write(&stamp, wanted).context("node_modules cannot be written to")
    }
}

fn bin_directory() -> PathBuf {
    paths::root().join("node_modules").join(".bin")
}

fn search_path() -> Result<OsString> {
    let system = env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(bin_directory()).chain(env::split_paths(&system));
    env::join_paths(all).context("this directory's name cannot stand in PATH")
}

/// The major version, or nothing when there is no such program.
fn node_version(command: &mut Command) -> Option<u32> {
    let text = process::text(command.arg("--version")).ok()?;
    text.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn require_node(version: Option<u32>) -> Result<()> {
    match version {
        None => bail!(
            "Node is not installed, or not on the PATH. Install Node {OLDEST_NODE} or newer from \
             https://nodejs.org and run this again."
        ),
        Some(major) if major < OLDEST_NODE => bail!(
            "Node {major} is too old. Install Node {OLDEST_NODE} or newer from https://nodejs.org \
             and run this again."
        ),
        Some(_) => Ok(()),
    }
}

fn require_npm() -> Result<()> {
    match process::text(Command::new("npm").arg("--version")) {
        Ok(_) => Ok(()),
        Err(_) => bail!(
            "npm is not installed, or not on the PATH. It comes with Node: install that from \
             https://nodejs.org and run this again."
        ),
    }
}
