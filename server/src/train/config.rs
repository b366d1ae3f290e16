//! How a model is trained.

use super::Balance;
use serde::{Deserialize, Serialize};

/// Settings of a run, whatever the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// The tasks that the model's logits stand for, in their order.
    pub tasks: Vec<String>,
    /// Rows of a step.
    pub batch: usize,
    /// Passes over the training part, at most.
    pub epochs: u64,
    /// So many epochs without a better figure on the validation part end it.
    pub patience: u64,
    /// What moves weights along their gradient.
    pub optimiser: Steps,
    /// Its step size.
    pub learning_rate: f32,
    /// `λ` of `λ‖V‖²` over embeddings and first order, which a step adds to its loss.
    pub shrink: f32,
    /// What each task's loss is multiplied by before anything else; 1 each where there are none.
    pub scales: Vec<f32>,
    /// How several tasks' losses become one step.
    pub balance: Balance,
    /// Everything random follows from it.
    pub seed: u64,
}

/// What moves weights along their gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Steps {
    /// Adam.
    #[default]
    Adam,
    /// Plain steps: those that a method which bends gradients is made for.
    Sgd,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            tasks: vec!["click".to_owned()],
            batch: 1024,
            epochs: 15,
            patience: 2,
            optimiser: Steps::default(),
            learning_rate: 1e-3,
            shrink: 1e-5,
            scales: vec![],
            balance: Balance::default(),
            seed: 2020,
        }
    }
}
