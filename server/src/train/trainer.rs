//! The loop: a step a batch, a figure an epoch, the weights of the best one.

use super::figures::{Figures, figures, places, scores};
use super::{Balanced, TrainConfig, TrainError};
use crate::batches::{Batch, Batches, Columns, Place};
use crate::layers::Pass;
use crate::rank::{Ranker, Trainable};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sottovoce_algebra::{Adam, AdamConfig, Parameters, Part, Pool, Tape};

/// What an epoch came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Which, from 1.
    pub epoch: u64,
    /// Mean loss of its steps.
    pub loss: f64,
    /// What the model is then worth on the validation part, for each task.
    pub validation: Vec<Figures>,
}

impl Epoch {
    /// What epochs are chosen by: the mean area over the tasks.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a handful of tasks")]
    pub fn figure(&self) -> f64 {
        self.validation.iter().map(|figures| figures.auc).sum::<f64>() / self.validation.len().max(1) as f64
    }
}

/// What is told while a model learns.
#[derive(Debug)]
#[non_exhaustive]
pub enum Moment<'a> {
    /// A step was taken.
    Step {
        /// In which epoch, from 1.
        epoch: u64,
        /// Rows of it so far.
        rows: u64,
        /// Rows of a whole one.
        of: u64,
        /// Mean loss of its steps so far.
        loss: f64,
    },
    /// The steps of an epoch are taken; what comes now is measuring.
    Learned,
    /// An epoch is over.
    Epoch(&'a Epoch),
    /// Time to keep this: a run goes on from it with [`Trainer::resumed`].
    Checkpoint(Vec<u8>),
}

/// Takes what is told; an error ends the training.
pub type Watch<'w> = dyn FnMut(Moment<'_>) -> Result<(), TrainError> + Send + 'w;

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

/// How far a training is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Way {
    /// Where the next batch begins.
    pub(super) place: Place,
    /// Steps of this epoch.
    pub(super) steps: u32,
    /// The sum of their losses.
    pub(super) loss: f64,
    /// The epochs that are over.
    pub(super) epochs: Vec<Epoch>,
}

/// The best epoch so far.
#[derive(Clone, Debug)]
pub(super) struct Best {
    pub(super) epoch: u64,
    pub(super) figure: f64,
    pub(super) values: Vec<f32>,
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
    pub(super) way: Way,
    pub(super) best: Option<Best>,
}

impl<'m> Trainer<'m> {
    /// Begins with these weights.
    #[must_use]
    pub fn new(config: TrainConfig, model: &'m Trainable, parameters: Parameters<f32>) -> Self {
        let adam = Adam::new(AdamConfig { rate: config.learning_rate, ..AdamConfig::default() });
        let tables = Ranker::<Tape<'m, f32>>::tables(model);
        let (balanced, pool, way) = (Balanced::default(), Pool::default(), Way::default());
        Self { config, model, parameters, adam, balanced, pool, tables, way, best: None }
    }

    /// Goes on from a checkpoint of the same settings and data, to the very bits of a training that nobody stopped.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`].
    pub fn resumed(mut self, train: &Columns, validation: &Columns, checkpoint: &[u8]) -> Result<Self, TrainError> {
        let identity = self.identity(train, validation);
        self.restore(&identity, train.len(), checkpoint)?;
        Ok(self)
    }

    /// That model, settings and columns speak of the same tasks: what would end the first step.
    ///
    /// # Errors
    /// [`TrainError::Task`], [`TrainError::Tasks`], [`TrainError::Batch`].
    pub fn check(&self, train: &Columns) -> Result<(), TrainError> {
        let tasks = places(&self.config.tasks, train)?.len();
        let mut batch = Batch::default();
        Batches::in_order(train, 1)?.next_into(&mut batch);
        let mut tape = Tape::new(&self.parameters, &self.pool);
        let answers = self.model.forward(&mut tape, &batch, Pass::Serve).answers.len();
        if answers == tasks { Ok(()) } else { Err(TrainError::Tasks { answers, tasks }) }
    }

    /// How many epochs are over.
    #[must_use]
    pub fn epochs(&self) -> &[Epoch] {
        &self.way.epochs
    }

    /// Where the next batch begins.
    #[must_use]
    pub fn place(&self) -> Place {
        self.way.place
    }

    /// Trains until the validation part says that it is enough. Calls `after` with every epoch.
    ///
    /// # Errors
    /// [`TrainError`].
    pub fn run(
        self,
        train: &Columns,
        validation: &Columns,
        mut after: impl FnMut(&Epoch) + Send,
    ) -> Result<Trained, TrainError> {
        let mut watch = |moment: Moment<'_>| {
            if let Moment::Epoch(epoch) = moment {
                after(epoch);
            }
            Ok(())
        };
        self.watched(train, validation, None, &mut watch)
    }

    /// The same, telling more. With `keep` checkpoints come too: every so many rows, after each epoch, and before the first step.
    ///
    /// # Errors
    /// [`TrainError`], those of `watch` among them.
    pub fn watched(
        self,
        train: &Columns,
        validation: &Columns,
        keep: Option<u64>,
        watch: &mut Watch<'_>,
    ) -> Result<Trained, TrainError> {
        // On one of the pool's own threads: from outside, every operation would hand itself over and wait.
        rayon::scope(|_| self.trained(train, validation, keep, watch))
    }

    fn trained(
        mut self,
        train: &Columns,
        validation: &Columns,
        keep: Option<u64>,
        watch: &mut Watch<'_>,
    ) -> Result<Trained, TrainError> {
        let tasks = places(&self.config.tasks, train)?;
        let identity = self.identity(train, validation);
        let lists = Ranker::<Tape<'_, f32>>::lists(self.model);
        let batches = Batches::shuffled(train, self.config.batch, self.config.seed)?.reading(lists);
        let mut batches = batches.at(self.way.place);
        let of = batches.rows() as u64;
        let mut batch = Batch::default();
        if keep.is_some() && self.way == Way::default() {
            watch(Moment::Checkpoint(self.checkpoint(&identity)?))?;
        }
        while !self.is_enough() {
            let (epoch, mut since) = (self.way.place.epoch + 1, 0);
            while batches.next_into(&mut batch) {
                let loss = self.step(&batch, &tasks, epoch, self.way.steps)?;
                self.way.loss += f64::from(loss);
                self.way.steps += 1;
                self.way.place = batches.place();
                let rows = self.way.place.position;
                watch(Moment::Step { epoch, rows, of, loss: self.mean_loss() })?;
                since += batch.len() as u64;
                if keep.is_some_and(|every| since >= every) {
                    since = 0;
                    watch(Moment::Checkpoint(self.checkpoint(&identity)?))?;
                }
            }
            watch(Moment::Learned)?;
            let scores = scores(self.model, &self.parameters, &self.pool, validation, self.config.batch)?;
            let validation = figures(&scores, validation, &self.config.tasks)?;
            let done = Epoch { epoch, loss: self.mean_loss(), validation };
            let figure = done.figure();
            if self.best.as_ref().is_none_or(|best| figure > best.figure) {
                self.best = Some(Best { epoch, figure, values: self.parameters.values().to_vec() });
            }
            watch(Moment::Epoch(&done))?;
            self.way.epochs.push(done);
            self.way =
                Way { place: batches.place(), steps: 0, loss: 0.0, epochs: std::mem::take(&mut self.way.epochs) };
            if keep.is_some() {
                watch(Moment::Checkpoint(self.checkpoint(&identity)?))?;
            }
        }
        let best = self.best.take();
        if let Some(best) = &best {
            self.parameters.values_mut().copy_from_slice(&best.values);
        }
        let best = best.map_or(0, |best| best.epoch);
        Ok(Trained { parameters: self.parameters, epochs: self.way.epochs, best })
    }

    fn is_enough(&self) -> bool {
        let over = self.way.epochs.len() as u64;
        over >= self.config.epochs
            || self.best.as_ref().is_some_and(|best| over >= best.epoch + self.config.patience.max(1))
    }

    fn mean_loss(&self) -> f64 {
        self.way.loss / f64::from(self.way.steps.max(1))
    }

    /// What makes two trainings the same one: settings and data. A checkpoint bears it.
    fn identity(&self, train: &Columns, validation: &Columns) -> String {
        let mut sha = Sha256::new();
        // Settings are plain numbers and names: they have a text.
        sha.update(format!("{:?}", self.config));
        sha.update(train.hash());
        sha.update(validation.hash());
        sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Trained {
    /// What it is worth on another part, for each task of the settings.
    ///
    /// # Errors
    /// [`TrainError`].
    pub fn measure(
        &self,
        model: &Trainable,
        columns: &Columns,
        config: &TrainConfig,
    ) -> Result<Vec<Figures>, TrainError> {
        figures(&scores(model, &self.parameters, &Pool::default(), columns, config.batch)?, columns, &config.tasks)
    }
}
