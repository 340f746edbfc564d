//! One line per long step: `building client wasm … 23 s`.
//!
//! On a terminal the seconds count up in place; elsewhere (a log) a step that takes long says every
//! 15 seconds that it is still going.

use std::{
    io::{IsTerminal, Write, stderr},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

/// How often a step on a log reports that it is still running.
const LOG_INTERVAL: Duration = Duration::from_secs(15);

/// How many steps are under way. Only the innermost one shows its time.
static DEPTH: AtomicUsize = AtomicUsize::new(0);

/// Runs `work`, showing `label` and the time it takes on standard error.
///
/// # Errors
/// Whatever `work` fails with.
pub(crate) fn step<T>(label: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let terminal = stderr().is_terminal();
    if terminal {
        eprint!("{label} …");
    } else {
        eprintln!("{label} …");
    }
    let (finished, wait) = channel::<()>();
    let depth = DEPTH.fetch_add(1, Ordering::Relaxed) + 1;
    let result = thread::scope(|scope| {
        scope.spawn(move || tick(label, started, depth, &wait));
        let result = work();
        drop(finished);
        result
    });
    DEPTH.fetch_sub(1, Ordering::Relaxed);
    let outcome = if result.is_ok() { "" } else { ": failed" };
    let start = if terminal { "\r" } else { "" };
    eprintln!("{start}{label} … {}{outcome}", seconds(started.elapsed()));
    result
}

/// Says that a step was skipped because its inputs have not changed.
pub(crate) fn unchanged(label: &str) {
    eprintln!("{label} … unchanged");
}

fn tick(label: &str, started: Instant, depth: usize, wait: &Receiver<()>) {
    let terminal = stderr().is_terminal();
    let interval = if terminal { Duration::from_secs(1) } else { LOG_INTERVAL };
    while wait.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
        if DEPTH.load(Ordering::Relaxed) > depth {
            continue;
        }
        if terminal {
            eprint!("\r{label} … {}", seconds(started.elapsed()));
            // A progress line that cannot be written is no reason to stop the work.
            let _ = stderr().flush();
        } else {
            eprintln!("{label} … still going after {}", seconds(started.elapsed()));
        }
    }
}

fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(10) {
        format!("{}.{} s", time.as_secs(), time.subsec_millis() / 100)
    } else {
        format!("{} s", time.as_secs())
    }
}
