//! The loop: a step a batch, a figure an epoch, the weights of the best one.

use super::{TrainConfig, TrainError};
use crate::batches::{Batch, Batches, Columns, Padding, Place};
use crate::eval::auc;
use crate::layers::Pass;
use crate::rank::Trainable;
use sottovoce_algebra::{Adam, AdamConfig, Algebra as _, Optimiser as _, Parameters, Part, Pool, Tape};

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
    config: TrainConfig,
    model: &'m Trainable,
    parameters: Parameters<f32>,
    adam: Adam<f32>,
    pool: Pool<f32>,
    tables: Vec<Part>,
}

impl<'m> Trainer<'m> {
    /// Begins with these weights.
    #[must_use]
    pub fn new(config: TrainConfig, model: &'m Trainable, parameters: Parameters<f32>) -> Self {
        let adam = Adam::new(AdamConfig { rate: config.learning_rate, ..AdamConfig::default() });
        let tables = tables(model);
        Self { config, model, parameters, adam, pool: Pool::default(), tables }
    }

    /// Trains until the validation part says that it is enough. Calls `after` with every epoch.
    ///
    /// # Errors
    /// [`TrainError`].
    pub fn run(
        mut self,
        train: &Columns,
        validation: &Columns,
        mut after: impl FnMut(&Epoch),
    ) -> Result<Trained, TrainError> {
        let tasks = self.tasks(train)?;
        let mut batches = Batches::shuffled(train, self.config.batch, self.config.seed)?;
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

    fn tasks(&self, columns: &Columns) -> Result<Vec<usize>, TrainError> {
        let place = |task: &String| {
            columns.tasks.iter().position(|column| column.name == *task).ok_or_else(|| TrainError::Task {
                task: task.clone(),
                known: columns.tasks.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", "),
            })
        };
        self.config.tasks.iter().map(place).collect()
    }

    /// One step on one batch; its loss.
    fn step(&mut self, batch: &Batch, tasks: &[usize], epoch: u64, step: u32) -> Result<f32, TrainError> {
        let mut tape = Tape::new(&self.parameters, &self.pool);
        let seed = self.config.seed ^ (epoch << 32 | u64::from(step));
        let logits = self.model.logits(&mut tape, batch, Pass::Train { seed });
        if logits.len() != tasks.len() {
            return Err(TrainError::Tasks { logits: logits.len(), tasks: tasks.len() });
        }
        let mut total = None;
        for (logit, task) in logits.into_iter().zip(tasks) {
            let of = &batch.tasks[*task];
            let loss = tape.binary_cross_entropy(logit, &of.labels, Some(&of.weights));
            total = Some(total.map_or(loss, |sum| tape.add(sum, loss)));
        }
        let Some(total) = total else { return Ok(0.0) };
        let loss = tape.value(total)[0];
        if !loss.is_finite() {
            let position = u64::from(step) * self.config.batch as u64;
            return Err(TrainError::Diverged { loss, epoch, position });
        }
        let mut gradients = tape.grad(total);
        drop(tape);
        if self.config.shrink > 0.0 {
            let twice = 2.0 * self.config.shrink;
            for (part, g) in gradients.parts_mut().filter(|(part, _)| self.tables.contains(part)) {
                g.iter_mut().zip(self.parameters.part(part)).for_each(|(g, w)| *g += twice * w);
            }
        }
        self.adam.step(&mut self.parameters, &gradients);
        Ok(loss)
    }
}

fn tables(model: &Trainable) -> Vec<Part> {
    // Whatever the tape's life, the answer is the same.
    fn of<'p>(model: &(dyn crate::rank::Ranker<Tape<'p, f32>> + 'p)) -> Vec<Part> {
        model.tables()
    }
    of(model)
}

/// A logit for every row and task, in the columns' order.
///
/// # Errors
/// [`TrainError::Batch`].
pub(super) fn scores(
    model: &Trainable,
    parameters: &Parameters<f32>,
    pool: &Pool<f32>,
    columns: &Columns,
    size: usize,
) -> Result<Vec<Vec<f64>>, TrainError> {
    let mut batches = Batches::in_order(columns, size)?.padded(Padding::Longest);
    let (mut batch, mut all) = (Batch::default(), Vec::<Vec<f64>>::new());
    while batches.next_into(&mut batch) {
        let mut tape = Tape::new(parameters, pool);
        let logits = model.logits(&mut tape, &batch, Pass::Serve);
        all.resize(logits.len().max(all.len()), Vec::with_capacity(columns.len()));
        for (all, logit) in all.iter_mut().zip(logits) {
            all.extend(tape.value(logit).iter().map(|z| f64::from(*z)));
        }
    }
    Ok(all)
}

/// The area for each task, over the rows that have a label for it.
pub(super) fn areas(scores: &[Vec<f64>], columns: &Columns, tasks: &[usize]) -> Result<Vec<f64>, TrainError> {
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
        let tasks = Trainer::new(config.clone(), model, Parameters::new(0)).tasks(columns)?;
        areas(&scores(model, &self.parameters, &Pool::default(), columns, config.batch)?, columns, &tasks)
    }
}
