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

/// The settings of a model that fits itself, and for one task alone.
#[derive(Clone, Copy, Debug)]
pub enum FitsItself<'s> {
    /// Logistic regression over hashes.
    Ftrl(&'s FtrlConfig),
    /// Trees, boosted or a forest.
    Trees(&'s TreesConfig),
}

impl RankSpec {
    /// The settings, if this model fits itself; [`RankSpec::build`] has the others.
    #[must_use]
    pub fn fits_itself(&self) -> Option<FitsItself<'_>> {
        match self {
            Self::Ftrl(config) => Some(FitsItself::Ftrl(config)),
            Self::Trees(config) => Some(FitsItself::Trees(config)),
            _ => None,
        }
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
}

impl FitsItself<'_> {
    /// Fits it. Everything random follows from `seed`, in place of the settings' own.
    ///
    /// # Errors
    /// [`RankError`].
    pub fn fit(
        self,
        [train, validation]: [&Columns; 2],
        task: &str,
        seed: u64,
        report: Report<'_>,
    ) -> Result<Fit, RankError> {
        match self {
            Self::Ftrl(config) => {
                let config = FtrlConfig { seed, ..config.clone() };
                let (model, fit) = Ftrl::fit(train, validation, task, config, report)?;
                Ok(Fit {
                    weights: usize::try_from(model.used().weighted).unwrap_or(usize::MAX),
                    model: Fitted::Ftrl(model),
                    best: fit.best,
                    rounds: fit.validation_loss.len() as u64,
                })
            }
            Self::Trees(config) => {
                let config = TreesConfig { seed, ..config.clone() };
                let (model, fit) = Trees::fit(train, validation, task, &config, report)?;
                Ok(Fit {
                    weights: model.nodes(),
                    model: Fitted::Trees(model),
                    best: fit.trees as u64,
                    rounds: fit.grown as u64,
                })
            }
        }
    }

    /// The model of these settings that [`Fitted::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`RankError`], for bytes that are none.
    pub fn read(self, bytes: &[u8]) -> Result<Fitted, RankError> {
        match self {
            Self::Ftrl(_) => Ftrl::restore(bytes).map(Fitted::Ftrl),
            Self::Trees(_) => Trees::from_json(&String::from_utf8_lossy(bytes)).map(Fitted::Trees),
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
}
