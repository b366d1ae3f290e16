//! What a model says of columns, and what that is worth for each task.

use super::TrainError;
use crate::batches::{Batch, Batches, Columns, Padding};
use crate::eval::{Calibration, Gauc, Predictions};
use crate::layers::Pass;
use crate::rank::{Answer, Ranker, Trainable};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Parameters, Pool, Tape};

/// Bins of a calibration.
const BINS: usize = 10;

/// What a model is worth for one task, over the rows that have a label for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The task.
    pub task: String,
    /// Rows with a label.
    pub rows: usize,
    /// Area under the ROC curve.
    pub auc: f64,
    /// The same within listeners.
    pub gauc: Gauc,
    /// Mean `−ln p` of what happened.
    pub log_loss: f64,
    /// Mean squared error of the probability.
    pub brier: f64,
    /// Its root.
    pub rmse: f64,
    /// How true the probabilities are.
    pub calibration: Calibration,
}

impl Figures {
    /// Of probabilities.
    ///
    /// # Errors
    /// [`EvalError`](crate::eval::EvalError).
    pub fn of(task: &str, predictions: &Predictions) -> Result<Self, crate::eval::EvalError> {
        Ok(Self {
            task: task.to_owned(),
            rows: predictions.len(),
            auc: predictions.auc(),
            gauc: predictions.gauc(),
            log_loss: predictions.log_loss(),
            brier: predictions.brier(),
            rmse: predictions.rmse(),
            calibration: predictions.calibration(BINS)?,
        })
    }
}

/// How probable every row is, a column for each of the model's tasks, in the columns' order.
///
/// # Errors
/// [`TrainError::Batch`].
pub fn scores(
    model: &Trainable,
    parameters: &Parameters<f32>,
    pool: &Pool<f32>,
    columns: &Columns,
    size: usize,
) -> Result<Vec<Vec<f64>>, TrainError> {
    let lists = Ranker::<Tape<'_, f32>>::lists(model);
    let mut batches = Batches::in_order(columns, size)?.padded(Padding::Longest).reading(lists);
    let (mut batch, mut all) = (Batch::default(), Vec::<Vec<f64>>::new());
    while batches.next_into(&mut batch) {
        let mut tape = Tape::new(parameters, pool);
        let answers = model.forward(&mut tape, &batch, Pass::Serve).answers;
        all.resize(answers.len().max(all.len()), Vec::with_capacity(columns.len()));
        let probable = |z: &f32| 1.0 / (1.0 + libm::exp(-f64::from(*z)));
        for (all, answer) in all.iter_mut().zip(answers) {
            match answer {
                Answer::Logit(z) => all.extend(tape.value(z).iter().map(probable)),
                Answer::Joint(a, b) => {
                    all.extend(tape.value(a).iter().zip(tape.value(b)).map(|(a, b)| probable(a) * probable(b)));
                }
            }
        }
    }
    Ok(all)
}

/// Scores of one task beside its labels.
///
/// # Errors
/// [`TrainError::Task`], [`TrainError::Measure`].
pub fn predictions(scores: &[f64], columns: &Columns, task: &str) -> Result<Predictions, TrainError> {
    let [place] = places(&[task.to_owned()], columns)?[..] else { return Err(unknown(task, columns)) };
    let of = &columns.tasks[place];
    let labels: Vec<bool> = of.labels.iter().map(|label| *label > 0.5).collect();
    let weights: Vec<f64> = of.weights.iter().map(|w| f64::from(*w)).collect();
    Predictions::new(scores, &labels, &weights, &columns.listeners).map_err(|source| TrainError::Measure {
        task: task.to_owned(),
        part: columns.part.map_or_else(|| "given".to_owned(), |part| part.to_string()),
        source,
    })
}

/// What scores are worth, for each task.
///
/// # Errors
/// [`TrainError::Tasks`] where the model answers more or fewer; [`TrainError::Task`], [`TrainError::Measure`].
pub fn figures(scores: &[Vec<f64>], columns: &Columns, tasks: &[String]) -> Result<Vec<Figures>, TrainError> {
    if scores.len() != tasks.len() {
        return Err(TrainError::Tasks { answers: scores.len(), tasks: tasks.len() });
    }
    let one = |(scores, task): (&Vec<f64>, &String)| {
        let measured = predictions(scores, columns, task)?;
        Figures::of(task, &measured).map_err(|source| TrainError::Measure {
            task: task.clone(),
            part: columns.part.map_or_else(|| "given".to_owned(), |part| part.to_string()),
            source,
        })
    };
    scores.iter().zip(tasks).map(one).collect()
}

/// Where the settings' tasks stand among those of the columns.
///
/// # Errors
/// [`TrainError::Task`].
pub fn places(tasks: &[String], columns: &Columns) -> Result<Vec<usize>, TrainError> {
    let place = |task: &String| {
        let found = columns.tasks.iter().position(|column| column.name == *task);
        found.ok_or_else(|| unknown(task, columns))
    };
    tasks.iter().map(place).collect()
}

fn unknown(task: &str, columns: &Columns) -> TrainError {
    TrainError::Task {
        task: task.to_owned(),
        known: columns.tasks.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", "),
    }
}
