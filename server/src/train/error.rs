//! What can go wrong in training.

use super::sealed::SealError;
use crate::batches::BatchError;
use crate::eval::EvalError;

/// Why there is no trained model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The columns.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A score that is no number, or a part in which every label is the same.
    #[error("task {task:?}, {part} part: {source}")]
    Measure {
        /// The task.
        task: String,
        /// Of which part.
        part: String,
        /// What cannot be measured.
        source: EvalError,
    },
    /// A checkpoint that training cannot go on from.
    #[error("the checkpoint cannot be gone on from: {0}; begin anew with --again")]
    Checkpoint(#[from] SealError),
    /// Whoever watched the training wanted no more of it.
    #[error("the training was ended from outside: {why}")]
    Stopped {
        /// Why.
        why: String,
    },
    /// A task that the columns have not.
    #[error("there is no task {task:?}; the columns have {known}; name one of these in train.tasks")]
    Task {
        /// What was asked for.
        task: String,
        /// What there is.
        known: String,
    },
    /// The model and the settings do not speak of as many tasks.
    #[error(
        "the model answers {answers} task(s), and train.tasks has {tasks}; name as many tasks as the model answers, or take another model"
    )]
    Tasks {
        /// The model's.
        answers: usize,
        /// The settings'.
        tasks: usize,
    },
    /// Scales that are not one a task.
    #[error("train.scales has {scales} numbers for {tasks} tasks; give one a task, or leave it out")]
    Scales {
        /// How many there are.
        scales: usize,
        /// How many there should be.
        tasks: usize,
    },
    /// The loss left the numbers.
    #[error(
        "the loss is {loss} in epoch {epoch} at row {position}; lower train.learning_rate, or look for extreme features"
    )]
    Diverged {
        /// What it is.
        loss: f32,
        /// In which epoch.
        epoch: u64,
        /// After so many rows.
        position: u64,
    },
}
