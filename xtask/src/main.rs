//! `cargo xtask`: the only part of the project that knows the machine.

fn main() {}
