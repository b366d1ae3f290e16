//! A model with all that it needs to be asked: settings, encoder, shapes, weights. One file.

use super::{RunError, RunFolder, RunRecord};
use crate::batches::{Columns, Encoder, Shape};
use crate::rank::{Ranker, Trainable};
use crate::registry::Fitted;
use crate::train::{Fields, Named, Seal, SealError, TrainError, named, put_json, put_reals, same, scores};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Parameters, Pool, Tape};
use std::io::ErrorKind;
use std::path::Path;

const MODEL: Seal = Seal { name: "model", magic: *b"sv-model", version: 1 };
const NEXT: &str = "train it again with --again";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    record: RunRecord,
    best: u64,
    shape: Shape,
    parts: Vec<Named>,
}

/// A trained model, ready to be asked.
#[derive(Debug)]
pub struct SavedModel {
    /// What was trained on what.
    pub record: RunRecord,
    /// The epoch these weights are of.
    pub best: u64,
    /// From raw names to numbers.
    pub encoder: Encoder,
    /// Places of the lists that the model reads, among the schema's.
    pub(super) lists: Vec<usize>,
    weights: Weights,
}

/// What was learned.
#[derive(Debug)]
enum Weights {
    /// By steps on a tape.
    Learned { parameters: Parameters<f32>, model: Box<Trainable> },
    /// In its own way.
    Fitted(Box<Fitted>),
}

/// What is written of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept<'a> {
    Parameters(&'a Parameters<f32>),
    Fitted(&'a Fitted),
}

impl SavedModel {
    /// As bytes.
    ///
    /// # Errors
    /// [`RunError::Batch`], [`RunError::Train`], [`RunError::Rank`].
    pub(super) fn bytes(
        record: &RunRecord,
        best: u64,
        encoder: &Encoder,
        train: &Columns,
        kept: Kept<'_>,
    ) -> Result<Vec<u8>, RunError> {
        let parts = match kept {
            Kept::Parameters(parameters) => named(parameters),
            Kept::Fitted(_) => Vec::new(),
        };
        let head = Head { record: record.clone(), best, shape: Shape::of(train), parts };
        let mut payload = Vec::new();
        put_json(&mut payload, &head).map_err(TrainError::from)?;
        let text = encoder.to_json()?;
        let mut put = |bytes: &[u8]| {
            payload.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            payload.extend_from_slice(bytes);
        };
        put(text.as_bytes());
        match kept {
            Kept::Parameters(parameters) => put_reals(&mut payload, parameters.values()),
            Kept::Fitted(model) => put(&model.to_bytes()?),
        }
        Ok(MODEL.close(&payload))
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`SealError`], for bytes that were cut, changed, or are something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealError> {
        let content = |detail: String| SealError::Content { detail };
        let mut fields = Fields(MODEL.open(bytes)?);
        let head: Head = fields.json()?;
        let text = std::str::from_utf8(block(&mut fields)?).map_err(|error| content(error.to_string()))?;
        let encoder = Encoder::from_json(text).map_err(|error| content(error.to_string()))?;
        let (spec, columns) = (&head.record.config.model, head.shape.columns());
        let (lists, weights) = if let Some(own) = spec.fits_itself() {
            let model = own.read(block(&mut fields)?).map_err(|error| content(error.to_string()))?;
            (model.lists(&columns), Weights::Fitted(Box::new(model)))
        } else {
            // Before anything is made of these sizes: as many numbers must be there.
            let numbers = |part: &Named| u64::from(part.rows) * u64::from(part.columns);
            let announced = head.parts.iter().map(numbers).fold(0, u64::saturating_add);
            let values = fields.reals(usize::try_from(announced).unwrap_or(usize::MAX))?;
            let mut parameters = Parameters::new(head.record.seed);
            let model = spec.build(&columns, &mut parameters).map_err(|error| content(error.to_string()))?;
            same(&head.parts, &parameters)?;
            parameters.values_mut().copy_from_slice(&values);
            (Ranker::<Tape<'_, f32>>::lists(&*model), Weights::Learned { parameters, model })
        };
        fields.end()?;
        Ok(Self { record: head.record, best: head.best, encoder, lists, weights })
    }

    /// From a run's folder.
    ///
    /// # Errors
    /// [`RunError::NoModel`], [`RunError::Io`], [`RunError::Damaged`].
    pub fn load(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join(RunFolder::MODEL);
        let bytes = std::fs::read(&path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => RunError::NoModel { path: folder.to_owned() },
            _ => RunError::Io { doing: "read", path: path.clone(), source },
        })?;
        Self::from_bytes(&bytes).map_err(|source| RunError::Damaged { path, source, next: NEXT })
    }

    /// The tasks it answers for, in their order.
    #[must_use]
    pub fn tasks(&self) -> &[String] {
        &self.record.config.train.tasks
    }

    /// How probable every row is, a column for each of [`SavedModel::tasks`].
    ///
    /// # Errors
    /// [`RunError::Train`], [`RunError::Rank`].
    pub fn scores(&self, columns: &Columns) -> Result<Vec<Vec<f64>>, RunError> {
        match &self.weights {
            Weights::Fitted(model) => Ok(vec![model.score(columns)?]),
            Weights::Learned { parameters, model } => {
                let size = self.record.config.train.batch;
                Ok(scores(&**model, parameters, &Pool::default(), columns, size)?)
            }
        }
    }
}

/// So many bytes, after their number.
fn block<'b>(fields: &mut Fields<'b>) -> Result<&'b [u8], SealError> {
    let length = usize::try_from(fields.u64()?).unwrap_or(usize::MAX);
    fields.take(length)
}
