//! The table of a run, cut and encoded.

use super::{RunConfig, RunError};
use crate::batches::{Columns, Encoder, LogTable, Part, Prepared, Split};
use std::path::Path;

/// A table with its parts as columns.
#[derive(Clone, Debug)]
pub struct RunData {
    /// The rows.
    pub table: LogTable,
    /// Which of them are for what.
    pub split: Split,
    /// What was learned of the training part.
    pub encoder: Encoder,
    /// The training part.
    pub train: Columns,
    /// The validation part.
    pub validation: Columns,
    /// The test part.
    pub test: Columns,
}

impl RunData {
    /// Reads the table that settings name, and encodes it.
    ///
    /// # Errors
    /// [`RunError::NoData`], [`RunError::Batch`]; [`RunError::Setting`] for features of which the model can make nothing.
    pub fn prepare(config: &RunConfig, folder: &Path) -> Result<Self, RunError> {
        let Prepared { table, schema, split } = config.table.prepare(folder)?;
        let schema = config.schema.clone().unwrap_or(schema);
        let encoder = Encoder::fit(schema, split.training(&table)?)?;
        let data = Self::encoded(table, split, encoder)?;
        let train = &data.train;
        let fields = !train.ids.is_empty() || train.lists.iter().any(|list| !list.ordered);
        // Whoever has steps embeds fields, and real numbers are none.
        if !fields && config.model.fits_itself().is_none() {
            let features = &data.encoder.schema().features;
            let got = features.iter().map(|feature| feature.name.as_str()).collect::<Vec<_>>().join(", ");
            let expected = "features with one field among them (id, hashed, bucketised, cross or multi)";
            return Err(RunError::Setting { setting: "schema.features", expected, got });
        }
        Ok(data)
    }

    /// The same with what a run has learned already of the training part.
    ///
    /// # Errors
    /// [`RunError::ChangedData`] where the data are others; [`RunError::NoData`], [`RunError::Batch`].
    pub fn with(config: &RunConfig, encoder: Encoder, hash: &str, folder: &Path) -> Result<Self, RunError> {
        let Prepared { table, split, .. } = config.table.prepare(folder)?;
        let got = table.hash().to_string();
        if got != hash {
            return Err(RunError::ChangedData { path: folder.to_owned(), expected: hash.to_owned(), got });
        }
        Self::encoded(table, split, encoder)
    }

    fn encoded(table: LogTable, split: Split, encoder: Encoder) -> Result<Self, RunError> {
        let part = |part| encoder.encode(&table, &split, part);
        let (train, validation, test) = (part(Part::Train)?, part(Part::Valid)?, part(Part::Test)?);
        Ok(Self { table, split, encoder, train, validation, test })
    }
}
