//! Logistic regression on hashed features with FTRL-Proximal: of all models here the one for more features than fit a table, and more
//! rows than are read twice.
//!
//! Source: McMahan et al., *Ad Click Prediction: a View from the Trenches*, KDD 2013: algorithm 1 (the learner, in
//! [`HashedFtrl`]), §4.6 (subsampling), §5.1 (progressive validation).
//!
//! | paper | here | meaning |
//! |---|---|---|
//! | `x` | `ftrl_rows` | hashes of a row's features and of their crosses |
//! | `α, β, λ₁, λ₂` | [`FtrlConfig`] | step size and how strongly weights are drawn to 0 |
//! | `r` | `negatives_kept` | the share of rows without a click that is learnt, each `1/r` times |
//! | `ω_t` | | a row's weight, times `1/r` where rows of its kind were left out |
//!
//! Left out: per-coordinate probabilistic inclusion (§4.1; hashing takes its place), q2.13 encoding (§4.2), sharing slots among models
//! (§4.3), and confidence (§6).

use super::ftrl_rows::ColumnHasher;
use super::{RankError, TextRows};
use crate::batches::{Columns, ListColumn};
use crate::layers::Lists;
use crate::progress::{Progress, Report};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{HashedFtrl, HashedFtrlConfig, SparseRows, Used, noise};
use std::io::Read;

/// Rows hashed and learnt at a time: enough that memory is asked ahead, few enough to stay in the cache.
const BATCH: usize = 1024;

/// Its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FtrlConfig {
    /// `α`: how far a weight moves. The paper leaves it open ("depends on the features and data set").
    pub alpha: f32,
    /// `β`; the paper: 1 is usually good enough.
    pub beta: f32,
    /// `λ₁`; the paper leaves it open.
    pub l1: f32,
    /// `λ₂`; the paper leaves it open.
    pub l2: f32,
    /// `2ᵇ` weights, 8 bytes each: 27 for 10⁸ features.
    pub bits: u32,
    /// Passes over the training part; learning ends with the pass that the validation part likes best. The paper: 1.
    pub passes: u64,
    /// `r`: the share of negatives that is learnt, in (0, 1]. The paper leaves it open.
    pub negatives_kept: f32,
    /// What decides which negatives are left out, with the row's number.
    pub seed: u64,
    /// Which lists are features.
    pub lists: Lists,
    /// Pairs of features, by name, that are a feature together: ids or lists.
    pub crosses: Vec<[String; 2]>,
}

impl Default for FtrlConfig {
    fn default() -> Self {
        Self {
            alpha: 0.05,
            beta: 1.0,
            l1: 1.0,
            l2: 0.0,
            bits: 22,
            passes: 1,
            negatives_kept: 1.0,
            seed: 2020,
            lists: Lists::default(),
            crosses: Vec::new(),
        }
    }
}

impl FtrlConfig {
    /// What the table does not check.
    fn check(&self) -> Result<(), RankError> {
        let setting = |setting, expected, got: String| Err(RankError::Setting { setting, expected, got });
        if !(self.negatives_kept > 0.0 && self.negatives_kept <= 1.0) {
            return setting("negatives_kept", "it is a share above 0, at most 1", self.negatives_kept.to_string());
        }
        if self.passes == 0 {
            return setting("passes", "at least 1", "0".to_owned());
        }
        Ok(())
    }
}

/// What learning came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FtrlFit {
    /// The mean log loss of what was said of each row before it was learnt, over the first pass.
    pub progressive_loss: f64,
    /// The log loss on the validation part after each pass.
    pub validation_loss: Vec<f64>,
    /// The pass whose weights are kept, from 1.
    pub best: u64,
}

/// The model.
#[derive(Clone, Debug)]
pub struct Ftrl {
    config: FtrlConfig,
    table: HashedFtrl,
}

impl Ftrl {
    /// Every weight is 0.
    ///
    /// # Errors
    /// [`RankError::Setting`], [`RankError::Table`].
    pub fn new(config: FtrlConfig) -> Result<Self, RankError> {
        config.check()?;
        let FtrlConfig { alpha, beta, l1, l2, bits, .. } = config;
        Ok(Self { table: HashedFtrl::new(HashedFtrlConfig { alpha, beta, l1, l2, bits })?, config })
    }

    /// Learns a training part; of several passes the one that the validation part likes best counts.
    ///
    /// # Errors
    /// As [`Ftrl::new`], and [`RankError::Task`], [`RankError::Feature`].
    pub fn fit(
        train: &Columns,
        validation: &Columns,
        task: &str,
        config: FtrlConfig,
        report: Report<'_>,
    ) -> Result<(Self, FtrlFit), RankError> {
        let mut model = Self::new(config)?;
        let mut fit = FtrlFit { progressive_loss: 0.0, validation_loss: Vec::new(), best: 1 };
        let (mut best, mut least, passes) = (None, f64::INFINITY, model.config.passes);
        for pass in 1..=passes {
            let loss = model.pass(train, task, pass, report)?;
            if pass == 1 {
                fit.progressive_loss = loss;
            }
            let loss = model.loss(validation, task)?;
            let better = loss < least;
            fit.validation_loss.push(loss);
            if better {
                (fit.best, least) = (pass, loss);
            }
            match (better, pass < passes) {
                (true, true) => best = Some(model.table.clone()),
                (true, false) => best = None,
                // It only gets worse from here: no step is undone by another pass.
                (false, _) => break,
            }
        }
        if let Some(table) = best {
            model.table = table;
        }
        Ok((model, fit))
    }

    /// One pass over columns, in their order; the mean loss of what was said of each row before it was learnt.
    fn pass(&mut self, columns: &Columns, task: &str, pass: u64, report: Report<'_>) -> Result<f64, RankError> {
        let hasher = ColumnHasher::new(columns, self.config.lists, &self.config.crosses)?;
        let labels = task_of(columns, task)?;
        let (mut rows, mut said) = (SparseRows::default(), Vec::new());
        let (mut loss, mut weight) = (0.0, 0.0);
        let total = columns.len() as u64 * self.config.passes;
        for first in (0..columns.len()).step_by(BATCH) {
            rows.clear();
            for row in first..columns.len().min(first + BATCH) {
                let (label, weight) = (labels.labels[row], labels.weights[row]);
                // A row of weight 0 has no label, and one that is left out is not hashed.
                let weight = weight * self.kept(u64::from(columns.rows[row]), label);
                if weight > 0.0 {
                    hasher.add(columns, row, &mut rows);
                    rows.end(label, weight)?;
                }
            }
            self.table.learn(&rows, &mut said);
            for ((p, y), w) in said.iter().zip(rows.labels()).zip(rows.weights()) {
                loss += f64::from(*w) * log_loss(f64::from(*p), f64::from(*y));
                weight += f64::from(*w);
            }
            let done = (pass - 1) * columns.len() as u64 + (first + BATCH).min(columns.len()) as u64;
            report(Progress { step: "ftrl", done, total });
        }
        Ok(if weight > 0.0 { loss / weight } else { 0.0 })
    }

    /// How often a row counts for those of its kind that are left out; 0 if it is left out itself.
    fn kept(&self, row: u64, label: f32) -> f32 {
        let r = self.config.negatives_kept;
        if label > 0.5 || r >= 1.0 {
            1.0
        } else if noise::uniform(self.config.seed, row) < r {
            1.0 / r
        } else {
            0.0
        }
    }

    /// Learns lines of text, once, as they come; how many, and the mean loss of what was said of each before it was learnt. Memory
    /// does not grow with the text.
    ///
    /// # Errors
    /// [`RankError::Row`], [`RankError::Read`]; what stands before the bad line has been learnt.
    pub fn learn_text<R: Read>(&mut self, text: &mut TextRows<R>) -> Result<(u64, f64), RankError> {
        let (mut rows, mut said) = (SparseRows::default(), Vec::new());
        let (mut learnt, mut loss, mut weight) = (0u64, 0.0, 0.0);
        loop {
            rows.clear();
            let first = text.lines();
            let filled = text.fill(&mut rows, BATCH);
            if self.config.negatives_kept < 1.0 {
                rows = self.thinned(&rows, first)?;
            }
            self.table.learn(&rows, &mut said);
            for ((p, y), w) in said.iter().zip(rows.labels()).zip(rows.weights()) {
                loss += f64::from(*w) * log_loss(f64::from(*p), f64::from(*y));
                weight += f64::from(*w);
            }
            learnt += rows.len() as u64;
            if filled? == 0 {
                return Ok((learnt, if weight > 0.0 { loss / weight } else { 0.0 }));
            }
        }
    }

    fn thinned(&self, rows: &SparseRows, first: u64) -> Result<SparseRows, RankError> {
        let mut kept = SparseRows::default();
        for (row, label) in rows.labels().iter().enumerate() {
            let weight = self.kept(first + row as u64, *label);
            if weight > 0.0 {
                kept.add_all(rows.features(row));
                kept.end(*label, weight)?;
            }
        }
        Ok(kept)
    }

    /// How probable each row is.
    ///
    /// # Errors
    /// [`RankError::Feature`] if the columns lack a feature of a cross.
    pub fn score(&self, columns: &Columns) -> Result<Vec<f64>, RankError> {
        let hasher = ColumnHasher::new(columns, self.config.lists, &self.config.crosses)?;
        let (mut rows, mut scores) = (SparseRows::default(), Vec::with_capacity(columns.len()));
        for first in (0..columns.len()).step_by(BATCH) {
            rows.clear();
            for row in first..columns.len().min(first + BATCH) {
                hasher.add(columns, row, &mut rows);
                rows.end(0.0, 1.0)?;
            }
            scores.extend(self.table.score(&rows).into_iter().map(f64::from));
        }
        Ok(scores)
    }

    /// Mean log loss over the rows that have a label.
    fn loss(&self, columns: &Columns, task: &str) -> Result<f64, RankError> {
        let task = task_of(columns, task)?;
        let (mut loss, mut weight) = (0.0, 0.0);
        for ((p, y), w) in self.score(columns)?.iter().zip(&task.labels).zip(&task.weights) {
            loss += f64::from(*w) * log_loss(*p, f64::from(*y));
            weight += f64::from(*w);
        }
        Ok(if weight > 0.0 { loss / weight } else { 0.0 })
    }

    /// Learns rows that are hashes already, in their order; `said` becomes what was said of each before.
    pub fn learn(&mut self, rows: &SparseRows, said: &mut Vec<f32>) {
        self.table.learn(rows, said);
    }

    /// Whether it reads this list: as a feature, or in a cross.
    #[must_use]
    pub fn reads(&self, list: &ListColumn) -> bool {
        let crossed = self.config.crosses.iter().flatten().any(|name| *name == list.name);
        crossed || !list.ordered || self.config.lists == Lists::All
    }

    /// How many weights were touched, and how many are not 0.
    #[must_use]
    pub fn used(&self) -> Used {
        self.table.used()
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &FtrlConfig {
        &self.config
    }

    /// Everything it knows: a line of JSON with the settings, then the table.
    ///
    /// # Errors
    /// [`RankError::Setting`] for settings that are no JSON, which none are that were read.
    pub fn save(&self) -> Result<Vec<u8>, RankError> {
        let settings = |error: serde_json::Error| RankError::Setting {
            setting: "the configuration",
            expected: "it should be JSON",
            got: error.to_string(),
        };
        let mut bytes = serde_json::to_vec(&self.config).map_err(settings)?;
        bytes.push(b'\n');
        bytes.extend(self.table.snapshot());
        Ok(bytes)
    }

    /// Reads what [`Ftrl::save`] wrote; it goes on to the same bits.
    ///
    /// # Errors
    /// [`RankError::Setting`] and [`RankError::Table`] for bytes that are no model, or that changed since.
    pub fn restore(bytes: &[u8]) -> Result<Self, RankError> {
        let wrong = |got: String| RankError::Setting {
            setting: "the model file",
            expected: "it should be what `save` wrote",
            got,
        };
        let end = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or_else(|| wrong("a file without a first line".to_owned()))?;
        let config: FtrlConfig = serde_json::from_slice(&bytes[..end]).map_err(|error| wrong(error.to_string()))?;
        config.check()?;
        let table = HashedFtrl::restore(&bytes[end + 1..])?;
        let FtrlConfig { alpha, beta, l1, l2, bits, .. } = config;
        if table.config() != (HashedFtrlConfig { alpha, beta, l1, l2, bits }) {
            return Err(wrong("a table of other settings".to_owned()));
        }
        Ok(Self { config, table })
    }
}

fn log_loss(p: f64, y: f64) -> f64 {
    let p = p.clamp(1e-12, 1.0 - 1e-12);
    -(y * libm::log(p) + (1.0 - y) * libm::log1p(-p))
}

/// A task of the columns, by its name.
pub(super) fn task_of<'a>(columns: &'a Columns, task: &str) -> Result<&'a crate::batches::TaskColumn, RankError> {
    let known = || columns.tasks.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ");
    columns.task(task).ok_or_else(|| RankError::Task { task: task.to_owned(), known: known() })
}
