//! The everyday jobs of this repository.
fn main() {}
