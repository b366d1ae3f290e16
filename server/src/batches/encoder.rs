//! From raw columns to numbers: what a schema asks for, learned from the training rows and from nothing else.

use super::columns::{Columns, DenseColumn, IdColumn, ListColumn, TaskColumn};
use super::cuts::{Buckets, Scale, finite};
use super::lookup::{column_of, lists_of, names_of, numbers_of, seen, two_classes};
use super::schema::{Kind, Schema};
use super::table::listed;
use super::vocabulary::{Vocabulary, bucket, count_names};
use super::{BatchError, LogTable, Odds, Part, Ragged, RowSet, Split, TableHash, Training};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Vocabularies of lists up to this size are named in what is encoded.
const FEW: usize = 64;

/// What was learned of one feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Learned {
    /// Nothing: by hash, or with another feature's vocabulary.
    Nothing,
    Names(Vocabulary<String>),
    Pairs(Vocabulary<(u32, u32)>),
    Buckets(Buckets),
    Scale(Scale),
    Odds(Odds),
}

/// A schema with what it has learned; the rows it learned from go with it.
///
/// # Example
/// ```
/// use sottovoce_server::batches::{Encoder, LogTable, Part, RawColumn, RawTask, Schema, Split, Values};
/// let song = RawColumn::known_before("song", Values::names(["a", "b", "a", "c"]));
/// let task = RawTask { name: "done".to_owned(), labels: vec![1.0, 0.0, 0.0, 1.0], weights: vec![] };
/// let table = LogTable::new("plays", vec![0, 0, 1, 1], vec![1, 2, 3, 4], vec![song], vec![task])?;
/// let split = Split::by_time(&table, 3, 3);
/// let schema =
///     Schema::from_toml("name = \"s\"\ntasks = [\"done\"]\nfeatures = [{ name = \"song\", kind = \"id\" }]")?;
/// let encoder = Encoder::fit(schema, split.training(&table)?)?;
/// let test = encoder.encode(&table, &split, Part::Test)?;
/// assert_eq!(test.ids[0].values, [1, 0], "c was never seen in training");
/// # Ok::<(), sottovoce_server::batches::BatchError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoder {
    schema: Schema,
    table: TableHash,
    fitted: RowSet,
    learned: Vec<Learned>,
}

impl Encoder {
    /// Learns vocabularies, cuts, means and statistics from the training rows.
    ///
    /// # Errors
    /// What [`Schema::from_toml`] refuses; [`BatchError::UnknownColumn`], [`BatchError::UnknownTask`], [`BatchError::WrongKind`],
    /// [`BatchError::Outcome`] for a schema that does not fit the table; [`BatchError::OneClass`], [`BatchError::NonFinite`],
    /// [`BatchError::VocabularyOverflow`] for rows that cannot be learned from.
    pub fn fit(schema: Schema, training: Training<'_>) -> Result<Self, BatchError> {
        schema.check()?;
        let (table, rows) = (training.table(), training.rows());
        for task in &schema.tasks {
            two_classes(table, task, rows, Part::Train)?;
        }
        let nothing = vec![Learned::Nothing; schema.features.len()];
        let fitted = rows.iter().copied().collect();
        let mut encoder = Self { schema, table: table.hash(), fitted, learned: nothing };
        // Crosses are of numbers that others have to learn first.
        for crosses in [false, true] {
            for place in 0..encoder.schema.features.len() {
                if matches!(encoder.schema.features[place].kind, Kind::Cross { .. }) == crosses {
                    encoder.learned[place] = encoder.learn(place, &training)?;
                }
            }
        }
        Ok(encoder)
    }

    fn learn(&self, place: usize, training: &Training<'_>) -> Result<Learned, BatchError> {
        let (table, rows) = (training.table(), training.rows());
        let feature = &self.schema.features[place];
        let name = &feature.name;
        Ok(match &feature.kind {
            Kind::Hashed { .. } => {
                names_of(feature, table)?;
                Learned::Nothing
            }
            Kind::Sequence { shares: Some(_), .. } => {
                lists_of(feature, table)?;
                Learned::Nothing
            }
            Kind::Id(admit) => {
                let (names, codes) = names_of(feature, table)?;
                let counts = count_names(names, rows.iter().map(|row| codes[*row as usize]));
                Learned::Names(Vocabulary::fit(counts, *admit, name)?)
            }
            Kind::Multi { admit, .. } | Kind::Sequence { admit, .. } => {
                let (names, codes) = lists_of(feature, table)?;
                let all = rows.iter().flat_map(|row| codes.get(*row as usize).iter().copied());
                Learned::Names(Vocabulary::fit(count_names(names, all), *admit, name)?)
            }
            Kind::Bucketised { cuts } => {
                let column = column_of(feature, table)?;
                let numbers = finite(&column.name, numbers_of(feature, column)?, rows, false)?;
                Learned::Buckets(Buckets::fit(cuts, numbers))
            }
            Kind::Dense { log, standardise } => {
                let column = column_of(feature, table)?;
                let numbers = finite(&column.name, numbers_of(feature, column)?, rows, *log)?;
                Learned::Scale(Scale::fit(*log, *standardise, &numbers))
            }
            Kind::Odds { task, smoothing, apart } => {
                let column = column_of(feature, table)?;
                Learned::Odds(Odds::fit(name, column, task, *smoothing, *apart, training)?)
            }
            Kind::Cross { buckets: Some(_), .. } => Learned::Nothing,
            Kind::Cross { of, admit, .. } => {
                let [a, b] = self.pair(of, table, rows)?;
                let mut counts = HashMap::new();
                for pair in a.into_iter().zip(b) {
                    *counts.entry(pair).or_insert(0u32) += 1;
                }
                Learned::Pairs(Vocabulary::fit(counts, *admit, name)?)
            }
        })
    }

    /// Encodes a part of the table that this was fitted on.
    ///
    /// # Errors
    /// [`BatchError::OtherTable`], [`BatchError::EmptyPart`], [`BatchError::OneClass`], [`BatchError::NonFinite`], and
    /// [`BatchError::Leak`] where a row of another part was learned from, by this encoder or by what made a raw column.
    pub fn encode(&self, table: &LogTable, split: &Split, part: Part) -> Result<Columns, BatchError> {
        table.must_be(self.table)?;
        table.must_be(split.table())?;
        let rows = split.rows(part)?;
        if part != Part::Train
            && let Some(row) = rows.iter().find(|row| self.fitted.contains(**row))
        {
            return Err(BatchError::Leak { what: self.schema.name.clone(), row: *row, part });
        }
        for task in &self.schema.tasks {
            two_classes(table, task, rows, part)?;
        }
        self.columns(table, rows, Some(part))
    }

    /// Encodes every row of a table on which nothing was fitted: what is asked for while serving. It may lack the tasks. Statistics are
    /// those of all training rows; whoever hands over a copy of the training rows as a new table gets leaks, and no error.
    ///
    /// # Errors
    /// As [`Encoder::encode`], and [`BatchError::OtherTable`] for the very table this was fitted on.
    pub fn encode_new(&self, table: &LogTable) -> Result<Columns, BatchError> {
        if table.hash() == self.table {
            let short = self.table.to_string()[..12].to_owned();
            return Err(BatchError::OtherTable { made_for: "a table not fitted on".to_owned(), used_on: short });
        }
        self.columns(table, &table.row_numbers().collect::<Vec<_>>(), None)
    }

    fn columns(&self, table: &LogTable, rows: &[u32], part: Option<Part>) -> Result<Columns, BatchError> {
        let mut columns = Columns {
            table: table.hash(),
            part,
            rows: rows.to_vec(),
            listeners: rows.iter().map(|row| table.listeners()[*row as usize]).collect(),
            at: rows.iter().map(|row| table.at()[*row as usize]).collect(),
            ids: vec![],
            dense: vec![],
            lists: vec![],
            tasks: vec![],
        };
        for (place, feature) in self.schema.features.iter().enumerate() {
            let name = feature.name.clone();
            match (&feature.kind, &self.learned[place]) {
                (Kind::Multi { .. } | Kind::Sequence { .. }, _) => {
                    columns.lists.push(self.list(place, table, rows, part)?);
                }
                (Kind::Dense { log, .. }, Learned::Scale(scale)) => {
                    let column = seen(column_of(feature, table)?, rows, part)?;
                    let numbers = finite(&column.name, numbers_of(feature, column)?, rows, *log)?;
                    columns.dense.push(DenseColumn { name, values: numbers.iter().map(|x| scale.of(*x)).collect() });
                }
                (Kind::Odds { .. }, Learned::Odds(odds)) => {
                    seen(column_of(feature, table)?, rows, part)?;
                    let (names, codes) = names_of(feature, table)?;
                    let values = match part {
                        Some(part) => odds.of(&name, names, codes, rows, part)?,
                        None => odds.of_new(names, codes, rows),
                    };
                    columns.dense.push(DenseColumn { name, values });
                }
                _ => {
                    if !matches!(feature.kind, Kind::Cross { .. }) {
                        seen(column_of(feature, table)?, rows, part)?;
                    }
                    let (values, size) = self.single(place, table, rows)?;
                    columns.ids.push(IdColumn { name, size, values });
                }
            }
        }
        for task in &self.schema.tasks {
            match table.task(task) {
                Ok(raw) => columns.tasks.push(TaskColumn {
                    name: task.clone(),
                    labels: rows.iter().map(|row| raw.labels[*row as usize]).collect(),
                    weights: rows.iter().map(|row| raw.weights[*row as usize]).collect(),
                }),
                Err(_) if part.is_none() => {}
                Err(error) => return Err(error),
            }
        }
        columns.check()?;
        Ok(columns)
    }

    /// A feature of one number a row, and how many numbers there are.
    fn single(&self, place: usize, table: &LogTable, rows: &[u32]) -> Result<(Vec<u32>, u32), BatchError> {
        let feature = &self.schema.features[place];
        let by_name = |translation: Vec<u32>, codes: &[u32]| {
            rows.iter().map(|row| translation[codes[*row as usize] as usize]).collect::<Vec<u32>>()
        };
        Ok(match (&feature.kind, &self.learned[place]) {
            (Kind::Id(_), Learned::Names(vocabulary)) => {
                let (names, codes) = names_of(feature, table)?;
                (by_name(vocabulary.translate(names), codes), vocabulary.size())
            }
            (Kind::Hashed { buckets, seed }, _) => {
                let (names, codes) = names_of(feature, table)?;
                let hashed = names.iter().map(|name| bucket(name.bytes(), *seed, *buckets)).collect();
                (by_name(hashed, codes), *buckets)
            }
            (Kind::Bucketised { .. }, Learned::Buckets(buckets)) => {
                let column = column_of(feature, table)?;
                let numbers = finite(&column.name, numbers_of(feature, column)?, rows, false)?;
                (numbers.iter().map(|x| buckets.of(*x)).collect(), buckets.size())
            }
            (Kind::Cross { of, buckets: Some(buckets), .. }, _) => {
                let [a, b] = self.pair(of, table, rows)?;
                let bytes = |(a, b): (u32, u32)| a.to_le_bytes().into_iter().chain(b.to_le_bytes());
                (a.into_iter().zip(b).map(|pair| bucket(bytes(pair), 0, *buckets)).collect(), *buckets)
            }
            (Kind::Cross { of, .. }, Learned::Pairs(vocabulary)) => {
                let [a, b] = self.pair(of, table, rows)?;
                let index = vocabulary.index();
                let number = |pair| index.get(&pair).copied().unwrap_or(0);
                (a.into_iter().zip(b).map(number).collect(), vocabulary.size())
            }
            (kind, _) => {
                return Err(BatchError::WrongKind {
                    feature: feature.name.clone(),
                    column: feature.column().to_owned(),
                    expected: "a feature of one number a row",
                    got: kind.name(),
                });
            }
        })
    }

    fn pair(&self, of: &[String; 2], table: &LogTable, rows: &[u32]) -> Result<[Vec<u32>; 2], BatchError> {
        let one = |name: &String| -> Result<Vec<u32>, BatchError> {
            let place = self.place(name).ok_or_else(|| BatchError::UnknownFeature {
                feature: format!("{} × {}", of[0], of[1]),
                other: name.clone(),
                known: listed(self.schema.features.iter().map(|f| f.name.as_str())),
            })?;
            Ok(self.single(place, table, rows)?.0)
        };
        Ok([one(&of[0])?, one(&of[1])?])
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.schema.features.iter().position(|feature| feature.name == name)
    }

    fn list(&self, place: usize, table: &LogTable, rows: &[u32], part: Option<Part>) -> Result<ListColumn, BatchError> {
        let feature = &self.schema.features[place];
        seen(column_of(feature, table)?, rows, part)?;
        let (bound, ordered, shares) = match &feature.kind {
            Kind::Multi { max_len, .. } => (*max_len, false, None),
            Kind::Sequence { max_len, shares, .. } => (*max_len, true, shares.clone()),
            _ => (0, false, None),
        };
        let owner = shares.as_ref().and_then(|name| self.place(name)).unwrap_or(place);
        let Learned::Names(vocabulary) = &self.learned[owner] else {
            return Err(BatchError::WrongKind {
                feature: feature.name.clone(),
                column: self.schema.features[owner].name.clone(),
                expected: "a feature with a vocabulary",
                got: self.schema.features[owner].kind.name(),
            });
        };
        let (names, codes) = lists_of(feature, table)?;
        let translation = vocabulary.translate(names);
        let beside = match &feature.kind {
            Kind::Sequence { beside: Some(other), .. } => Some(self.described(other, table)?),
            _ => None,
        };
        let (mut values, mut list) = (Ragged::default(), Vec::new());
        for row in rows {
            list.clear();
            let own = codes.get(*row as usize).iter().map(|code| translation[*code as usize]);
            match &beside {
                // What no vocabulary has says nothing, and takes up no place.
                None => list.extend(own.filter(|n| *n > 0)),
                Some((described, known)) => {
                    let described = described.get(*row as usize);
                    if described.len() != own.len() {
                        let (column, what) = (feature.name.clone(), "entries beside another sequence's");
                        let (expected, got) = (described.len(), own.len());
                        return Err(BatchError::Shape { column, what, expected, got });
                    }
                    list.extend(own.zip(described).filter(|(_, code)| known[**code as usize] > 0).map(|(n, _)| n));
                }
            }
            let start = if ordered { list.len().saturating_sub(bound) } else { 0 };
            values.push(&list[start..list.len().min(start + bound)]);
        }
        let bound = u32::try_from(bound).unwrap_or(u32::MAX);
        let (name, size) = (feature.name.clone(), vocabulary.size());
        let few = shares.is_none() && vocabulary.entries().len() <= FEW;
        let names = if few { vocabulary.entries().to_vec() } else { Vec::new() };
        Ok(ListColumn { name, size, bound, ordered, shares, names, values })
    }

    /// The lists of another sequence, and what its vocabulary makes of their codes.
    fn described<'t>(&self, name: &str, table: &'t LogTable) -> Result<(&'t Ragged, Vec<u32>), BatchError> {
        let unknown = || BatchError::UnknownFeature {
            feature: name.to_owned(),
            other: name.to_owned(),
            known: super::table::listed(self.schema.features.iter().map(|f| f.name.as_str())),
        };
        let place = self.place(name).ok_or_else(unknown)?;
        let feature = &self.schema.features[place];
        let owner = match &feature.kind {
            Kind::Sequence { shares: Some(owner), .. } => self.place(owner).unwrap_or(place),
            _ => place,
        };
        let Learned::Names(vocabulary) = &self.learned[owner] else { return Err(unknown()) };
        let (names, codes) = lists_of(feature, table)?;
        Ok((codes, vocabulary.translate(names)))
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The rows it learned from.
    #[must_use]
    pub fn fitted(&self) -> &RowSet {
        &self.fitted
    }

    /// What was learned, as JSON: what is kept beside a model, so that a request is encoded as its training rows were.
    ///
    /// # Errors
    /// [`BatchError::Encoder`].
    pub fn to_json(&self) -> Result<String, BatchError> {
        serde_json::to_string(self).map_err(|source| BatchError::Encoder { source })
    }

    /// Reads what [`Encoder::to_json`] wrote, to the same bits.
    ///
    /// # Errors
    /// [`BatchError::Encoder`], and what [`Schema::from_toml`] refuses.
    pub fn from_json(text: &str) -> Result<Self, BatchError> {
        let encoder: Self = serde_json::from_str(text).map_err(|source| BatchError::Encoder { source })?;
        encoder.schema.check()?;
        if encoder.learned.len() != encoder.schema.features.len() {
            return Err(BatchError::Shape {
                column: encoder.schema.name.clone(),
                what: "learned features",
                expected: encoder.schema.features.len(),
                got: encoder.learned.len(),
            });
        }
        Ok(encoder)
    }
}
