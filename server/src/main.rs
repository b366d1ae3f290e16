//! The command line of sottovoce's server.

fn main() {}
