//! Running other programs so that a failure explains itself.
//!
//! Output is captured and shown only when the program fails: a build's own lines stay readable.

use std::{
    ffi::OsStr,
    process::{Command, Output, Stdio},
};

use anyhow::{Context, Result, bail};

/// Runs a program to its end and returns what it printed.
///
/// # Errors
/// When it cannot be started, or ends with another status than 0; the message then carries
/// everything the program printed.
pub(crate) fn capture(command: &mut Command) -> Result<Output> {
    let name = describe(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{name}` could not be started"))?;
    if !output.status.success() {
        bail!(
            "`{name}` failed ({})\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(output)
}

/// Runs a program to its end and returns its standard output as text.
///
/// # Errors
/// As [`capture`]; or when the output is not UTF-8.
pub(crate) fn text(command: &mut Command) -> Result<String> {
    let output = capture(command)?;
    String::from_utf8(output.stdout).context("the output is not UTF-8")
}

/// The program and its arguments as one would type them, shortened to one line.
pub(crate) fn describe(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(OsStr::new("?")).to_string_lossy().into_owned();
    let arguments = command.get_args().map(OsStr::to_string_lossy);
    let words: Vec<_> = std::iter::once(name.into()).chain(arguments).collect();
    let line = words.join(" ");
    match line.char_indices().nth(160) {
        Some((cut, _)) => format!("{} …", line.get(..cut).unwrap_or(&line)),
        None => line,
    }
}

/// The cargo that runs this task, so that a toolchain override is kept.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::paths::root());
    command
}
