//! What was trained on what: `run.toml` of a folder.

use super::{RunConfig, RunError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What it takes to do it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// The program: its version, and which build.
    pub code: String,
    /// Where the data were.
    pub data: PathBuf,
    /// The fingerprint of the table.
    pub table_hash: String,
    /// Everything random followed from it.
    pub seed: u64,
    /// The settings, exactly as they were understood: what the file left out is here.
    pub config: RunConfig,
}

impl RunRecord {
    /// As a text.
    ///
    /// # Errors
    /// [`RunError::Record`].
    pub fn to_toml(&self, path: &Path) -> Result<String, RunError> {
        let unfit = |error: toml::ser::Error| RunError::Record { path: path.to_owned(), detail: error.to_string() };
        toml::to_string(self).map_err(unfit)
    }

    /// From a text.
    ///
    /// # Errors
    /// [`RunError::Record`].
    pub fn from_toml(text: &str, path: &Path) -> Result<Self, RunError> {
        let unfit = |error: toml::de::Error| RunError::Record { path: path.to_owned(), detail: error.to_string() };
        toml::from_str(text).map_err(unfit)
    }

    /// That another record is of the same training.
    pub(super) fn must_be(&self, given: &Self, path: &Path) -> Result<(), RunError> {
        let other =
            |what, held: String, given: String| Err(RunError::OtherRun { path: path.to_owned(), what, held, given });
        if self.table_hash != given.table_hash {
            return other("table", short(&self.table_hash), short(&given.table_hash));
        }
        if self.seed != given.seed {
            return other("seed", self.seed.to_string(), given.seed.to_string());
        }
        let (held, now) = (self.config.clone(), given.config.clone());
        if held != now {
            let (held, now) = (self.to_toml(path)?, given.to_toml(path)?);
            let differs = held.lines().zip(now.lines()).find(|(a, b)| a != b && !a.starts_with("code"));
            let (a, b) = differs.unwrap_or(("other settings", "these"));
            return other("file of settings", a.to_owned(), b.to_owned());
        }
        Ok(())
    }
}

/// The start of a fingerprint.
pub(super) fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}
