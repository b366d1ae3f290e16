//! From logs to batches, over the public interface: planted leaks are refused, samplers keep what they claim, and the two real tables are
//! the ones that other people's figures are from.

#![allow(missing_docs, clippy::unwrap_used, clippy::float_cmp, clippy::cast_possible_truncation, reason = "tests")]

mod leaks;
mod mlc;
mod real;
mod samplers;
mod weights;

use std::path::{Path, PathBuf};

/// The data set in `SOTTOVOCE_DATA`, or beside the repository; `None`, with a message, where it is absent.
fn folder(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SOTTOVOCE_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    let path = root.join(name);
    if !path.is_dir() {
        println!("skipped: no {} (set SOTTOVOCE_DATA to the folder of the data sets)", path.display());
        return None;
    }
    Some(path)
}
