//! The lines of `metrics.jsonl`.

use super::SegmentLine;
use crate::rank::Utility;
use crate::train::Figures;
use serde::{Deserialize, Serialize};

/// What an epoch came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochLine {
    /// The run's seed.
    pub seed: u64,
    /// Which, from 1.
    pub epoch: u64,
    /// Mean loss of its steps.
    pub loss: f64,
    /// On the validation part, for each task.
    pub validation: Vec<TaskLine>,
    /// Rows a second while learning, wall clock; of an epoch that was gone on with, those of its last stretch.
    pub examples_per_s: f64,
    /// Seconds of processor time, measuring with it; absent where the system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_s: Option<f64>,
    /// Seconds of the wall clock, measuring with it.
    pub wall_s: f64,
}

/// An epoch's figures for a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskLine {
    /// The task.
    pub task: String,
    /// Area under the ROC curve.
    pub auc: f64,
    /// The same within listeners.
    pub gauc: f64,
    /// Mean `−ln p` of what happened.
    pub log_loss: f64,
}

impl From<&Figures> for TaskLine {
    fn from(figures: &Figures) -> Self {
        let Figures { task, auc, gauc, log_loss, .. } = figures;
        Self { task: task.clone(), auc: *auc, gauc: gauc.value, log_loss: *log_loss }
    }
}

/// The last line: what the best epoch's weights are worth on the test part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestLine {
    /// The run's seed.
    pub seed: u64,
    /// The epoch whose weights count; of a model that fits itself the pass, or the last tree.
    pub best: u64,
    /// Of so many.
    pub epochs: u64,
    /// Numbers that were learned.
    pub weights: usize,
    /// For each task.
    pub test: Vec<Figures>,
    /// What all tasks' probabilities are worth as one score; absent for one task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fusion: Option<Fusion>,
    /// What a model that fits itself makes its answers of, with each one's share, from the largest on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub importance: Vec<(String, f64)>,
    /// For whom it is good.
    pub segments: Vec<SegmentLine>,
}

/// Rows ordered by `Π p_t^{w_t}`, a row being worth as many tasks as came true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fusion {
    /// Tuned on the validation part, a task each.
    pub utility: Utility,
    /// What the first ten rows of a test listener are worth, over the worth of the best ten.
    pub value_at_10: f64,
    /// The same by each task alone.
    pub alone: Vec<f64>,
}
