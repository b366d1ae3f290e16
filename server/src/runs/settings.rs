//! The file of settings that a person writes.

use super::RunError;
use crate::batches::{Prepared, Schema, kuairand, mlc};
use crate::registry::RankSpec;
use crate::train::TrainConfig;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Model, table and how it is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Which table.
    pub table: TableName,
    /// The model, by its name, with its own fields.
    pub model: RankSpec,
    /// How it is trained.
    #[serde(default)]
    pub train: TrainConfig,
    /// Features in place of the table's usual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Schema>,
}

/// Which tables there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableName {
    /// MovieLens-100K.
    Mlc,
    /// KuaiRand-Pure.
    Kuairand,
}

impl TableName {
    /// As a file of settings has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mlc => "mlc",
            Self::Kuairand => "kuairand",
        }
    }

    /// The raw column that says what was shown.
    #[must_use]
    pub fn item(self) -> &'static str {
        match self {
            Self::Mlc => "item",
            Self::Kuairand => "video",
        }
    }

    /// Reads the table.
    ///
    /// # Errors
    /// [`RunError::NoData`], [`RunError::Batch`].
    pub fn prepare(self, folder: &Path) -> Result<Prepared, RunError> {
        if !folder.is_dir() {
            return Err(RunError::NoData { path: folder.to_owned(), table: self.name().to_owned() });
        }
        Ok(match self {
            Self::Mlc => mlc(folder)?,
            Self::Kuairand => kuairand(folder)?,
        })
    }
}

impl RunConfig {
    /// Reads a file.
    ///
    /// # Errors
    /// [`RunError::Io`], [`RunError::Settings`], [`RunError::Setting`].
    pub fn load(path: &Path) -> Result<Self, RunError> {
        let text = std::fs::read_to_string(path).map_err(|source| RunError::Io {
            doing: "read",
            path: path.to_owned(),
            source,
        })?;
        Self::from_toml(&text, path)
    }

    /// Reads a text; `path` is for errors.
    ///
    /// # Errors
    /// [`RunError::Settings`], [`RunError::Setting`].
    pub fn from_toml(text: &str, path: &Path) -> Result<Self, RunError> {
        let unfit = |source| RunError::Settings { path: path.to_owned(), source: Box::new(source) };
        let config: Self = toml::from_str(text).map_err(unfit)?;
        config.check()?;
        Ok(config)
    }

    /// That every setting means something.
    fn check(&self) -> Result<(), RunError> {
        let TrainConfig { tasks, batch, epochs, learning_rate, shrink, scales, .. } = &self.train;
        let rate = |x: f32| x.is_finite() && x > 0.0;
        let scaled = scales.is_empty() || scales.len() == tasks.len() && scales.iter().copied().all(rate);
        let twice = tasks.iter().enumerate().any(|(place, task)| tasks[..place].contains(task));
        let all = [
            ("train.tasks", "one task at least, each once", !tasks.is_empty() && !twice, format!("{tasks:?}")),
            ("train.batch", "at least 1", *batch > 0, batch.to_string()),
            ("train.epochs", "at least 1", *epochs > 0, epochs.to_string()),
            ("train.learning_rate", "a number over 0", rate(*learning_rate), learning_rate.to_string()),
            ("train.shrink", "0 or a number over it", *shrink == 0.0 || rate(*shrink), shrink.to_string()),
            ("train.scales", "a number over 0 for each task, or absent", scaled, format!("{scales:?}")),
        ];
        match all.into_iter().find(|(.., fits, _)| !fits) {
            Some((setting, expected, _, got)) => Err(RunError::Setting { setting, expected, got }),
            None => Ok(()),
        }
    }
}
