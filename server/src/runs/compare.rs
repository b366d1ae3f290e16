//! Which of two runs is better, and how sure that is: both are asked about the same test rows, and listeners are drawn anew for both at once.

use super::record::short;
use super::report::{grouped, model_name};
use super::{RunData, RunError, SavedModel};
use crate::eval::{Bootstrap, Interval, Resampling, Whisker, page, paragraph, table, whiskers};
use crate::train::predictions;
use serde::Serialize;
use std::path::Path;

/// One figure of two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The task.
    pub task: String,
    /// `auc`, `gauc` or `log_loss`; of the last less is better.
    pub figure: &'static str,
    /// Of the run that is asked about.
    pub run: Interval,
    /// Of the one it is held against.
    pub against: Interval,
    /// The first minus the second, on the same draws.
    pub difference: Interval,
}

impl Difference {
    /// `better`, `worse`, or `no difference` where the interval holds zero.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        let less_is_better = self.figure == "log_loss";
        match (self.difference.excludes_zero(), (self.difference.value > 0.0) == less_is_better) {
            (false, _) => "no difference",
            (true, false) => "better",
            (true, true) => "worse",
        }
    }
}

/// Two runs on the same rows.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The models' names.
    pub models: [String; 2],
    /// Rows of the test part.
    pub rows: usize,
    /// How often listeners were drawn.
    pub draws: u64,
    /// For each task that both answer, each figure.
    pub differences: Vec<Difference>,
}

/// Holds the run in folder `a` against that in folder `b`. `data` is the folder of their table, in place of the one that `a` was trained on.
///
/// # Errors
/// [`RunError::OtherData`] for runs on different tables, [`RunError::NoCommonTask`], [`RunError::NoModel`] and whatever reading gives.
pub fn compare(a: &Path, b: &Path, data: Option<&Path>, draws: u64, seed: u64) -> Result<Comparison, RunError> {
    // What the models say of themselves: a folder's record may already be that of a training over it.
    let (one, other) = (SavedModel::load(a)?, SavedModel::load(b)?);
    if one.record.table_hash != other.record.table_hash {
        let [a_hash, b_hash] = [&one, &other].map(|model| short(&model.record.table_hash));
        return Err(RunError::OtherData { a: a.to_owned(), b: b.to_owned(), a_hash, b_hash });
    }
    let folder = data.unwrap_or(&one.record.data);
    let ours = RunData::with(&one.record.config, one.encoder.clone(), &one.record.table_hash, folder)?;
    let theirs = RunData::with(&other.record.config, other.encoder.clone(), &other.record.table_hash, folder)?;
    let (scores, held) = (one.scores(&ours.test)?, other.scores(&theirs.test)?);
    let mut differences = Vec::new();
    for (task, scores) in one.tasks().iter().zip(&scores) {
        let Some((_, held)) = other.tasks().iter().zip(&held).find(|(name, _)| *name == task) else { continue };
        let (first, second) = (predictions(scores, &ours.test, task)?, predictions(held, &theirs.test, task)?);
        // The same rows of the same listeners: the same draws for both.
        let sorted = (first.resampling(), second.resampling());
        let measured = |drawn: &[f64]| [sorted.0.measure(drawn), sorted.1.measure(drawn)].concat();
        let drawn = Bootstrap::run(first.listeners(), draws, seed, &measured);
        differences.extend(Resampling::FIGURES.iter().enumerate().map(|(place, figure)| Difference {
            task: task.clone(),
            figure,
            run: drawn.interval(place),
            against: drawn.interval(place + 3),
            difference: drawn.difference(place, place + 3),
        }));
    }
    if differences.is_empty() {
        return Err(RunError::NoCommonTask { a: one.tasks().join(", "), b: other.tasks().join(", ") });
    }
    let models = [&one, &other].map(|model| model_name(&model.record));
    Ok(Comparison { models, rows: ours.test.len(), draws, differences })
}

impl Comparison {
    /// A page about it; the folders are for its words.
    #[must_use]
    pub fn html(&self, a: &Path, b: &Path) -> String {
        let title = format!("{} against {}", self.models[0], self.models[1]);
        let mut parts = vec![paragraph(&format!(
            "{} against {}: {} rows of the test part, listeners drawn anew {} times, both runs on the same draws. An interval that does not touch zero is a difference. Of the log loss less is better, of the areas more.",
            a.display(),
            b.display(),
            grouped(self.rows),
            grouped(usize::try_from(self.draws).unwrap_or(usize::MAX)),
        ))];
        let named = |d: &Difference| Whisker { name: format!("{}, {}", d.figure, d.task), interval: d.difference };
        parts.push(whiskers("first run − second run", &self.differences.iter().map(named).collect::<Vec<_>>()));
        let shown = |i: &Interval| format!("{:.4} ({:.4} to {:.4})", i.value, i.low, i.high);
        let row = |d: &Difference| {
            let difference =
                format!("{:+.4} ({:+.4} to {:+.4})", d.difference.value, d.difference.low, d.difference.high);
            vec![
                format!("{}, {}", d.figure, d.task),
                shown(&d.run),
                shown(&d.against),
                difference,
                d.verdict().to_owned(),
            ]
        };
        let head = ["figure", "first run", "second run", "difference", "the first is"];
        parts.push(table(&head, &self.differences.iter().map(row).collect::<Vec<_>>()));
        page(&title, &parts)
    }
}
