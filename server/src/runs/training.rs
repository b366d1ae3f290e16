//! A run from its first step, or from where it was stopped, to a folder that is finished.

use super::folder::{Begin, Left, RunFolder};
use super::fusion::fusion;
use super::metrics::{EpochLine, TaskLine, TestLine};
use super::saved::Kept;
use super::{RunData, RunError, RunRecord, SavedModel, report, segment_lines};
use crate::batches::Columns;
use crate::progress::Progress;
use crate::registry::{Fit, FitsItself};
use crate::train::{Epoch, Moment, TrainError, Trainer, figures, places, scores};
use sottovoce_algebra::{Parameters, Pool};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What the clocks say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Since any moment, always the same.
    pub wall: Duration,
    /// Of the processors, for this process; absent where the system does not tell.
    pub cpu: Option<Duration>,
}

/// Where the time comes from.
pub type Clock<'c> = dyn Fn() -> Times + Send + Sync + 'c;

/// What a run tells while it goes.
#[derive(Debug)]
#[non_exhaustive]
pub enum Told<'a> {
    /// It goes on from here: so many epochs, so many rows of the next.
    Resumed {
        /// Epochs that are over.
        epochs: u64,
        /// Rows of the next that were seen.
        rows: u64,
    },
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
        /// Rows a second since the epoch began, or went on.
        examples_per_s: f64,
    },
    /// A model that fits itself is so far.
    Fitting(Progress),
    /// An epoch is over, or a model has fitted itself.
    Epoch(&'a EpochLine),
}

/// Takes what is told; an error ends the run.
pub type Tell<'t> = dyn FnMut(Told<'_>) -> Result<(), TrainError> + Send + 't;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The line about the test part.
    pub test: TestLine,
    /// The validation area that its epoch was chosen by.
    pub chosen: Option<f64>,
    /// Mean seconds of an epoch; of a model that fits itself, of all of it.
    pub epoch_s: f64,
}

/// Trains into a folder. A checkpoint is kept every `every` rows and after each epoch; the model, the page and the last line come at the end,
/// the model last. `tell` may end it with an error, as a kill would: nothing is half-written.
///
/// # Errors
/// [`RunError`].
pub fn train(
    path: &Path,
    record: &RunRecord,
    data: &RunData,
    (how, every): (Begin, u64),
    clock: &Clock<'_>,
    tell: &mut Tell<'_>,
) -> Result<Outcome, RunError> {
    if let Some(own) = record.config.model.fits_itself() {
        return fit(own, path, record, data, how, clock, tell);
    }
    let config = &record.config.train;
    let mut parameters = Parameters::new(record.seed);
    let model = record.config.model.build(&data.train, &mut parameters)?;
    let trainer = Trainer::new(config.clone(), &*model, parameters);
    // What would end the first step makes no folder.
    trainer.check(&data.train)?;
    let (folder, left) = RunFolder::begin(path, record, how)?;
    let (trainer, lines) = taken_up(trainer, data, left, &folder)?;
    if how == Begin::Resume {
        tell(Told::Resumed { epochs: trainer.epochs().len() as u64, rows: trainer.place().position })?;
    }
    let mut log = Log::new(&folder, record, lines, trainer.place().position, clock);
    let mut failed = None;
    let watched = trainer.watched(&data.train, &data.validation, Some(every), &mut |moment| {
        log.take(moment, tell).map_err(|error| match error {
            RunError::Train(error) => error,
            other => {
                let why = other.to_string();
                failed = Some(other);
                TrainError::Stopped { why }
            }
        })
    });
    let trained = match (watched, failed) {
        // A disk that is full is what it is, and no fault of the training.
        (Err(_), Some(error)) => return Err(error),
        (watched, _) => watched?,
    };
    let learned = Learned {
        scores: &|columns| Ok(scores(&*model, &trained.parameters, &Pool::default(), columns, config.batch)?),
        kept: Kept::Parameters(&trained.parameters),
        best: trained.best,
        epochs: trained.epochs.len() as u64,
        weights: trained.parameters.len(),
        importance: Vec::new(),
        chosen: trained.epochs.iter().find(|epoch| epoch.epoch == trained.best).map(Epoch::figure),
    };
    finish(&folder, record, data, learned, log)
}

/// The same for a model that fits itself: no checkpoint, one line for all of it.
fn fit(
    own: FitsItself<'_>,
    path: &Path,
    record: &RunRecord,
    data: &RunData,
    how: Begin,
    clock: &Clock<'_>,
    tell: &mut Tell<'_>,
) -> Result<Outcome, RunError> {
    let config = &record.config.train;
    let [task] = &config.tasks[..] else {
        let got = format!("{:?}", config.tasks);
        return Err(RunError::Setting {
            setting: "train.tasks",
            expected: "one task for a model that fits itself",
            got,
        });
    };
    places(&config.tasks, &data.train)?;
    RunFolder::would(path, how)?;
    let began = clock();
    // Reports come from any thread, and who is told may be slow: the newest one is enough.
    let (tell, stopped) = (Mutex::new(tell), Mutex::new(None));
    let report = |progress| {
        if let Ok(mut tell) = tell.try_lock()
            && let Err(error) = tell(Told::Fitting(progress))
        {
            *stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    };
    let Fit { model, best, rounds, weights } = own.fit([&data.train, &data.validation], task, record.seed, &report)?;
    let tell = tell.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = stopped.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error.into());
    }
    // What is refused makes no folder, and most of it is refused by fitting.
    let (folder, _) = RunFolder::begin(path, record, how)?;
    let mut log = Log::new(&folder, record, Vec::new(), 0, clock);
    (log.began, log.learned) = ((began, 0), (clock(), data.train.len() as u64));
    let of = |columns: &Columns| Ok::<_, RunError>(vec![model.score(columns)?]);
    let figures_of = |columns| Ok::<_, RunError>(figures(&of(columns)?, columns, &config.tasks)?);
    let loss = figures_of(&data.train)?.first().map_or(0.0, |figures| figures.log_loss);
    let epoch = Epoch { epoch: 1, loss, validation: figures_of(&data.validation)? };
    log.take(Moment::Epoch(&epoch), tell)?;
    let (importance, kept) = (model.importance(), Kept::Fitted(&model));
    let chosen = Some(epoch.figure());
    finish(&folder, record, data, Learned { scores: &of, kept, best, epochs: rounds, weights, importance, chosen }, log)
}

/// The trainer where the folder left it, with the lines of the epochs that are over.
fn taken_up<'m>(
    trainer: Trainer<'m>,
    data: &RunData,
    left: Left,
    folder: &RunFolder,
) -> Result<(Trainer<'m>, Vec<String>), RunError> {
    let Some(checkpoint) = left.checkpoint else { return Ok((trainer, Vec::new())) };
    let trainer = trainer.resumed(&data.train, &data.validation, &checkpoint).map_err(|error| match error {
        TrainError::Checkpoint(source) => RunError::Damaged {
            path: folder.file(RunFolder::CHECKPOINT),
            source,
            next: "give --again in place of --resume to begin anew",
        },
        other => other.into(),
    })?;
    // An epoch may be written down and its checkpoint not: it will be told once more.
    let mut lines = left.lines;
    lines.truncate(trainer.epochs().len());
    Ok((trainer, lines))
}

/// Writes down what is told, with the time it took.
struct Log<'a> {
    folder: &'a RunFolder,
    clock: &'a Clock<'a>,
    seed: u64,
    lines: Vec<String>,
    /// When this epoch began, and after how many of its rows.
    began: (Times, u64),
    /// When its last step was over, and after how many rows.
    learned: (Times, u64),
}

impl<'a> Log<'a> {
    fn new(folder: &'a RunFolder, record: &RunRecord, lines: Vec<String>, rows: u64, clock: &'a Clock<'a>) -> Self {
        let now = clock();
        Self { folder, clock, seed: record.seed, lines, began: (now, rows), learned: (now, rows) }
    }

    fn take(&mut self, moment: Moment<'_>, tell: &mut Tell<'_>) -> Result<(), RunError> {
        match moment {
            Moment::Step { epoch, rows, of, loss } => {
                self.learned = ((self.clock)(), rows);
                tell(Told::Step { epoch, rows, of, loss, examples_per_s: self.rate() })?;
            }
            Moment::Learned => {}
            Moment::Epoch(epoch) => {
                let line = self.line(epoch);
                self.lines.push(json(&line)?);
                self.write()?;
                tell(Told::Epoch(&line))?;
                let now = (self.clock)();
                (self.began, self.learned) = ((now, 0), (now, 0));
            }
            Moment::Checkpoint(bytes) => self.folder.keep(RunFolder::CHECKPOINT, &bytes)?,
        }
        Ok(())
    }

    #[allow(clippy::cast_precision_loss, reason = "rows")]
    fn rate(&self) -> f64 {
        let seconds = self.learned.0.wall.saturating_sub(self.began.0.wall).as_secs_f64();
        (self.learned.1 - self.began.1) as f64 / seconds.max(1e-9)
    }

    fn line(&self, epoch: &Epoch) -> EpochLine {
        let (now, began) = ((self.clock)(), self.began.0);
        let cpu = now.cpu.zip(began.cpu).map(|(now, began)| now.saturating_sub(began).as_secs_f64());
        let thousandths = |x: f64| (x * 1e3).round() / 1e3;
        EpochLine {
            seed: self.seed,
            epoch: epoch.epoch,
            loss: epoch.loss,
            validation: epoch.validation.iter().map(TaskLine::from).collect(),
            examples_per_s: self.rate().round(),
            cpu_s: cpu.map(thousandths),
            wall_s: thousandths(now.wall.saturating_sub(began.wall).as_secs_f64()),
        }
    }

    fn write(&self) -> Result<(), RunError> {
        let mut text = self.lines.join("\n");
        text.push('\n');
        self.folder.keep(RunFolder::METRICS, text.as_bytes())
    }
}

fn json<T: serde::Serialize>(line: &T) -> Result<String, RunError> {
    let unfit =
        |error: serde_json::Error| RunError::Record { path: RunFolder::METRICS.into(), detail: error.to_string() };
    serde_json::to_string(line).map_err(unfit)
}

/// How probable every row of columns is, a column a task.
type Score<'a> = dyn Fn(&Columns) -> Result<Vec<Vec<f64>>, RunError> + 'a;

/// A model that is ready to be measured and kept.
struct Learned<'a> {
    scores: &'a Score<'a>,
    kept: Kept<'a>,
    best: u64,
    epochs: u64,
    weights: usize,
    importance: Vec<(String, f64)>,
    chosen: Option<f64>,
}

/// The test part, the page, the model, in this order; then the checkpoint may go.
fn finish(
    folder: &RunFolder,
    record: &RunRecord,
    data: &RunData,
    learned: Learned<'_>,
    mut log: Log<'_>,
) -> Result<Outcome, RunError> {
    let config = &record.config.train;
    let Learned { scores: of, kept, best, epochs, weights, importance, chosen } = learned;
    let scores = of(&data.test)?;
    let fusion = match config.tasks.len() {
        0 | 1 => None,
        _ => fusion(&config.tasks, (&data.validation, &of(&data.validation)?), (&data.test, &scores))?,
    };
    let test = TestLine {
        seed: record.seed,
        best,
        epochs,
        weights,
        test: figures(&scores, &data.test, &config.tasks)?,
        fusion,
        importance,
        segments: segment_lines(record.config.table, data, &config.tasks, &scores)?,
    };
    let lines: Vec<EpochLine> = log.lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    log.lines.push(json(&test)?);
    log.write()?;
    let sizes = [data.train.len(), data.validation.len(), data.test.len()];
    folder.keep(RunFolder::REPORT, report(record, &lines, &test, sizes).as_bytes())?;
    folder.keep(RunFolder::MODEL, &SavedModel::bytes(record, best, &data.encoder, &data.train, kept)?)?;
    folder.forget(RunFolder::CHECKPOINT)?;
    #[allow(clippy::cast_precision_loss, reason = "a handful of epochs")]
    let epoch_s = lines.iter().map(|line| line.wall_s).sum::<f64>() / lines.len().max(1) as f64;
    Ok(Outcome { test, chosen, epoch_s })
}
