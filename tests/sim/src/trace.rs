//! What happened, as a hash, and as text where somebody wants to read it.

use core::fmt::{Arguments, Write as _};

/// The record of a seed's history.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) hash: u64,
    print: bool,
    line: String,
}

impl Trace {
    pub(crate) const fn new(print: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, print, line: String::new() }
    }

    /// Notes that something happened.
    pub(crate) fn note(&mut self, now: u64, what: Arguments<'_>) {
        self.line.clear();
        let _ = write!(self.line, "{:>12}.{:03} {what}", now / 1_000, now % 1_000);
        for byte in self.line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.print {
            println!("{}", self.line);
        }
    }
}
