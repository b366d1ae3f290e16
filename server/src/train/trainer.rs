//! The loop: a step a batch, a figure an epoch, the weights of the best one.

use super::{Balanced, TrainConfig, TrainError};
use crate::batches::{Batch, Batches, Columns, Padding, Place};
use crate::eval::auc;
use crate::layers::Pass;
use crate::rank::{Answer, Ranker, Trainable};
use sottovoce_algebra::{Adam, AdamConfig, Parameters, Part, Pool, Tape};

/// What an epoch came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// Which, from 1.
    pub epoch: u64,
    /// Mean loss of its steps.
    pub loss: f64,
    /// Area under the ROC curve on the validation part, for each task.
    pub validation: Vec<f64>,
}

impl Epoch {
    /// What epochs are chosen by: the mean over the tasks.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a handful of tasks")]
    pub fn figure(&self) -> f64 {
        self.validation.iter().sum::<f64>() / self.validation.len().max(1) as f64
    }
}

/// A model at its best epoch.
#[derive(Clone, Debug)]
pub struct Trained {
    /// Its weights.
    pub parameters: Parameters<f32>,
    /// All epochs there were.
    pub epochs: Vec<Epoch>,
    /// Which of them these weights are of, from 1.
    pub best: u64,
}

/// A model in training.
#[derive(Debug)]
pub struct Trainer<'m> {
    pub(super) config: TrainConfig,
    pub(super) model: &'m Trainable,
    pub(super) parameters: Parameters<f32>,
    pub(super) adam: Adam<f32>,
    pub(super) balanced: Balanced,
    pub(super) pool: Pool<f32>,
    pub(super) tables: Vec<Part>,
}

impl<'m> Trainer<'m> {
    /// Begins with these weights.
    #[must_use]
    pub fn new(config: TrainConfig, model: &'m Trainable, parameters: Parameters<f32>) -> Self {
        let adam = Adam::new(AdamConfig { rate: config.learning_rate, ..AdamConfig::default() });
        let tables = Ranker::<Tape<'m, f32>>::tables(model);
        Self { config, model, parameters, adam, balanced: Balanced::default(), pool: Pool::default(), tables }
    }

    /// Trains until the validation part says that it is enough. Calls `after` with every epoch.
    ///
    /// # Errors
    /// [`TrainError`].
    pub fn run(
        self,
        train: &Columns,
        validation: &Columns,
        after: impl FnMut(&Epoch) + Send,
    ) -> Result<Trained, TrainError> {
        // On one of the pool's own threads: from outside, every operation would hand itself over and wait.
        rayon::scope(|_| self.epochs(train, validation, after))
    }

    fn epochs(
        mut self,
        train: &Columns,
        validation: &Columns,
        mut after: impl FnMut(&Epoch),
    ) -> Result<Trained, TrainError> {
        let tasks = places(&self.config.tasks, train)?;
        let mut batches = Batches::shuffled(train, self.config.batch, self.config.seed)?;
        batches = batches.reading(Ranker::<Tape<'_, f32>>::lists(self.model));
        let mut best: Option<(u64, f64, Parameters<f32>)> = None;
        let mut epochs: Vec<Epoch> = Vec::new();
        let mut batch = Batch::default();
        for epoch in 1..=self.config.epochs {
            batches = batches.at(Place { epoch: epoch - 1, position: 0 });
            let (mut loss, mut steps) = (0.0, 0u32);
            while batches.next_into(&mut batch) {
                let step = self.step(&batch, &tasks, epoch, steps)?;
                loss += f64::from(step);
                steps += 1;
            }
            let scores = scores(self.model, &self.parameters, &self.pool, validation, self.config.batch)?;
            let validation = areas(&scores, validation, &tasks)?;
            let done = Epoch { epoch, loss: loss / f64::from(steps.max(1)), validation };
            after(&done);
            let figure = done.figure();
            epochs.push(done);
            match &best {
                Some((_, held, _)) if figure <= *held => {}
                _ => best = Some((epoch, figure, self.parameters.clone())),
            }
            if best.as_ref().is_some_and(|(of, ..)| epoch - of >= self.config.patience) {
                break;
            }
        }
        let (best, _, parameters) = best.unwrap_or((0, 0.0, self.parameters));
        Ok(Trained { parameters, epochs, best })
    }
}

/// Where the settings' tasks stand among those of the columns.
fn places(tasks: &[String], columns: &Columns) -> Result<Vec<usize>, TrainError> {
    let place = |task: &String| {
        columns.tasks.iter().position(|column| column.name == *task).ok_or_else(|| TrainError::Task {
            task: task.clone(),
            known: columns.tasks.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    };
    tasks.iter().map(place).collect()
}

/// How probable every row is for every task, in the columns' order.
///
/// # Errors
/// [`TrainError::Batch`].
fn scores(
    model: &Trainable,
    parameters: &Parameters<f32>,
    pool: &Pool<f32>,
    columns: &Columns,
    size: usize,
) -> Result<Vec<Vec<f64>>, TrainError> {
    let mut batches = Batches::in_order(columns, size)?;
    batches = batches.padded(Padding::Longest).reading(Ranker::<Tape<'_, f32>>::lists(model));
    let (mut batch, mut all) = (Batch::default(), Vec::<Vec<f64>>::new());
    while batches.next_into(&mut batch) {
        let mut tape = Tape::new(parameters, pool);
        let answers = model.forward(&mut tape, &batch, Pass::Serve).answers;
        all.resize(answers.len().max(all.len()), Vec::with_capacity(columns.len()));
        let probable = |z: &f32| 1.0 / (1.0 + (-f64::from(*z)).exp());
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

/// The area for each task, over the rows that have a label for it.
fn areas(scores: &[Vec<f64>], columns: &Columns, tasks: &[usize]) -> Result<Vec<f64>, TrainError> {
    let area = |(scores, task): (&Vec<f64>, &usize)| {
        let of = &columns.tasks[*task];
        let counts = |row: &usize| of.weights[*row] > 0.0;
        let rows: Vec<usize> = (0..columns.len()).filter(counts).collect();
        let labels: Vec<bool> = rows.iter().map(|row| of.labels[*row] > 0.5).collect();
        let scores: Vec<f64> = rows.iter().map(|row| scores[*row]).collect();
        Ok(auc(&scores, &labels)?)
    };
    scores.iter().zip(tasks).map(area).collect()
}

impl Trained {
    /// Areas on another part, for each task of the settings.
    ///
    /// # Errors
    /// [`TrainError`].
    pub fn measure(&self, model: &Trainable, columns: &Columns, config: &TrainConfig) -> Result<Vec<f64>, TrainError> {
        let tasks = places(&config.tasks, columns)?;
        areas(&scores(model, &self.parameters, &Pool::default(), columns, config.batch)?, columns, &tasks)
    }
}
