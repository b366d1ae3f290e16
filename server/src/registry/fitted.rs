//! Models that no tape is in: they fit themselves to columns, and are kept whole.

use super::RankSpec;
use crate::batches::Columns;
use crate::progress::Report;
use crate::rank::{Ftrl, FtrlConfig, RankError, Trees, TreesConfig};

/// Such a model.
#[derive(Clone, Debug)]
pub enum Fitted {
    /// Logistic regression over hashes.
    Ftrl(Ftrl),
    /// Trees, boosted or a forest.
    Trees(Trees),
}

/// What fitting came to.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The model.
    pub model: Fitted,
    /// The round that counts, from 1; see [`RankSpec::round`].
    pub best: u64,
    /// Of so many that were made.
    pub rounds: u64,
    /// Numbers that were learned: weights that are not 0, nodes of trees.
    pub weights: usize,
}

impl RankSpec {
    /// Whether this model fits itself, and for one task alone.
    #[must_use]
    pub fn fits_itself(&self) -> bool {
        matches!(self, Self::Ftrl(_) | Self::Trees(_))
    }

    /// What its learning goes by: `epoch`, `pass`, `tree`.
    #[must_use]
    pub fn round(&self) -> &'static str {
        match self {
            Self::Ftrl(_) => "pass",
            Self::Trees(_) => "tree",
            _ => "epoch",
        }
    }

    /// Fits it, if that is its way. Everything random follows from `seed`, in place of the settings' own.
    ///
    /// # Errors
    /// [`RankError`].
    pub fn fit(
        &self,
        [train, validation]: [&Columns; 2],
        task: &str,
        seed: u64,
        report: Report<'_>,
    ) -> Option<Result<Fit, RankError>> {
        match self {
            Self::Ftrl(config) => {
                let config = FtrlConfig { seed, ..config.clone() };
                Some(Ftrl::fit(train, validation, task, config, report).map(|(model, fit)| Fit {
                    weights: usize::try_from(model.used().weighted).unwrap_or(usize::MAX),
                    model: Fitted::Ftrl(model),
                    best: fit.best,
                    rounds: fit.validation_loss.len() as u64,
                }))
            }
            Self::Trees(config) => {
                let config = TreesConfig { seed, ..config.clone() };
                Some(Trees::fit(train, validation, task, &config, report).map(|(model, fit)| Fit {
                    weights: model.nodes(),
                    model: Fitted::Trees(model),
                    best: fit.trees as u64,
                    rounds: fit.grown as u64,
                }))
            }
            _ => None,
        }
    }
}

impl Fitted {
    /// How probable each row is.
    ///
    /// # Errors
    /// [`RankError::Feature`].
    pub fn score(&self, columns: &Columns) -> Result<Vec<f64>, RankError> {
        match self {
            Self::Ftrl(model) => model.score(columns),
            Self::Trees(model) => model.score(columns),
        }
    }

    /// Places of the lists that it reads.
    #[must_use]
    pub fn lists(&self, columns: &Columns) -> Vec<usize> {
        let reads = |list: &crate::batches::ListColumn| match self {
            Self::Ftrl(model) => model.reads(list),
            Self::Trees(model) => model.reads(&list.name),
        };
        (0..columns.lists.len()).filter(|place| reads(&columns.lists[*place])).collect()
    }

    /// What its answers are made of, with each one's share, from the largest on; empty where that is not known.
    #[must_use]
    pub fn importance(&self) -> Vec<(String, f64)> {
        match self {
            Self::Ftrl(_) => Vec::new(),
            Self::Trees(model) => model.importance(),
        }
    }

    /// As bytes.
    ///
    /// # Errors
    /// [`RankError`], for numbers that cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RankError> {
        match self {
            Self::Ftrl(model) => model.save(),
            Self::Trees(model) => Ok(model.to_json()?.into_bytes()),
        }
    }

    /// From bytes of a model of these settings.
    ///
    /// # Errors
    /// [`RankError`], for bytes that are none.
    pub fn from_bytes(spec: &RankSpec, bytes: &[u8]) -> Option<Result<Self, RankError>> {
        match spec {
            RankSpec::Ftrl(_) => Some(Ftrl::restore(bytes).map(Self::Ftrl)),
            RankSpec::Trees(_) => Some(Trees::from_json(&String::from_utf8_lossy(bytes)).map(Self::Trees)),
            _ => None,
        }
    }
}
