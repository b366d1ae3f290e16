//! A model that is served, and replaced while it is: a new one is loaded beside the old, then one pointer moves. Whoever asks holds the model
//! that was there when they began, so every answer is wholly one model's.

use super::folder::io;
use super::{RunError, RunFolder, SavedModel};
use crate::batches::{BatchError, Dictionary, Kind, LogTable, Ragged, RawColumn, Values};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

/// Rows of a question, at most.
pub const MOST_ROWS: usize = 1000;

/// A model in service.
#[derive(Debug)]
pub struct Serving {
    /// The start of the SHA-256 of its file.
    pub version: String,
    /// The model.
    pub model: SavedModel,
}

/// Answers of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Which one's.
    pub version: String,
    /// Its tasks.
    pub tasks: Vec<String>,
    /// For each row, how probable each task is.
    pub rows: Vec<Vec<f64>>,
}

/// Why rows cannot be scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The body is no question.
    #[error("the body is no question: {detail}")]
    Question {
        /// What is wrong.
        detail: String,
    },
    /// Too many, or none.
    #[error("a question has 1 to {MOST_ROWS} rows, this one has {rows}")]
    Rows {
        /// How many.
        rows: usize,
    },
    /// A field that the model does not read.
    #[error("row {row} has a field {field:?}, which the model does not read; it reads {known}")]
    UnknownField {
        /// The row.
        row: usize,
        /// The field.
        field: String,
        /// What it reads.
        known: String,
    },
    /// A field that is not there.
    #[error("row {row} has no field {field:?}, which is {expected}")]
    MissingField {
        /// The row.
        row: usize,
        /// The field.
        field: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A field of another type.
    #[error("row {row}, field {field:?}: expected {expected}, got {got}")]
    WrongType {
        /// The row.
        row: usize,
        /// The field.
        field: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        got: &'static str,
    },
    /// What the encoder refuses.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// What the model cannot do.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What a file was when it was last looked at.
type Stamp = (SystemTime, u64);

/// A run's folder whose model is served.
#[derive(Debug)]
pub struct LiveRanker {
    folder: PathBuf,
    now: RwLock<Arc<Serving>>,
    /// Of the file that was last read, whether or not a model came of it. Whoever reads holds this.
    seen: Mutex<Stamp>,
}

impl LiveRanker {
    /// Serves what a folder holds.
    ///
    /// # Errors
    /// [`RunError::NoModel`], [`RunError::Io`], [`RunError::Damaged`].
    pub fn open(folder: &Path) -> Result<Self, RunError> {
        let seen = stamp(folder)?;
        let now = RwLock::new(Arc::new(read(folder)?));
        Ok(Self { folder: folder.to_owned(), now, seen: Mutex::new(seen) })
    }

    /// Looks whether the folder holds another model, and puts it in place; whether it did. The one before goes on being served where the new one
    /// cannot be read, and a file is not tried twice.
    ///
    /// # Errors
    /// As [`LiveRanker::open`].
    pub fn refresh(&self) -> Result<bool, RunError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let there = stamp(&self.folder)?;
        if there == *seen {
            return Ok(false);
        }
        *seen = there;
        let new = Arc::new(read(&self.folder)?);
        if new.version == self.serving().version {
            return Ok(false);
        }
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(true)
    }

    /// The model as it is now. Whoever holds it keeps it.
    #[must_use]
    pub fn serving(&self) -> Arc<Serving> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn stamp(folder: &Path) -> Result<Stamp, RunError> {
    let path = folder.join(RunFolder::MODEL);
    let file = std::fs::metadata(&path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => RunError::NoModel { path: folder.to_owned() },
        _ => io("read", &path)(source),
    })?;
    Ok((file.modified().map_err(io("read", &path))?, file.len()))
}

fn read(folder: &Path) -> Result<Serving, RunError> {
    let path = folder.join(RunFolder::MODEL);
    let bytes = std::fs::read(&path).map_err(io("read", &path))?;
    let version = Sha256::digest(&bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let model = SavedModel::from_bytes(&bytes).map_err(|source| {
        let next = "train it again with --again; the model before it goes on being served";
        RunError::Damaged { path, source, next }
    })?;
    Ok(Serving { version, model })
}

/// What a raw column holds, as a question has to say it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Name,
    Names,
    Number,
}

impl Holds {
    fn expected(self) -> &'static str {
        match self {
            Self::Name => "a text",
            Self::Names => "a list of texts",
            Self::Number => "a number",
        }
    }
}

impl Serving {
    /// Scores the rows of a question: `{"rows": [{"user": "196", "genres": ["Folk"], …}]}`, each with every raw column that the schema's features
    /// read, and no other; a list that this model passes over may be left out. A name that training never met is one that nobody knows.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn score(&self, question: &[u8]) -> Result<Scores, AskError> {
        let rows = rows_of(question)?;
        let fields = self.fields();
        let known = || fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
        for (row, asked) in rows.iter().enumerate() {
            if let Some(field) = asked.keys().find(|asked| fields.iter().all(|field| field.name != *asked)) {
                // A question's own words are shown only so far.
                let field = field.chars().take(60).collect();
                return Err(AskError::UnknownField { row, field, known: known() });
            }
        }
        let columns = fields.iter().map(|field| Ok(RawColumn::known_before(field.name, column(&rows, *field)?)));
        let columns = columns.collect::<Result<Vec<_>, AskError>>()?;
        let count = rows.len();
        let table = LogTable::new("question", vec![0; count], vec![0; count], columns, vec![])?;
        let scores = self.model.scores(&self.model.encoder.encode_new(&table)?)?;
        Ok(Scores {
            version: self.version.clone(),
            tasks: self.model.tasks().to_vec(),
            rows: (0..count).map(|row| scores.iter().map(|task| task[row]).collect()).collect(),
        })
    }

    /// The raw columns that features read, each once.
    fn fields(&self) -> Vec<Field<'_>> {
        let (mut fields, mut list) = (Vec::<Field<'_>>::new(), 0);
        let read = &self.model.lists;
        for feature in &self.model.encoder.schema().features {
            let (holds, needed) = match feature.kind {
                Kind::Id(_) | Kind::Hashed { .. } | Kind::Odds { .. } => (Holds::Name, true),
                Kind::Multi { .. } | Kind::Sequence { .. } => {
                    list += 1;
                    (Holds::Names, read.contains(&(list - 1)))
                }
                Kind::Bucketised { .. } | Kind::Dense { .. } => (Holds::Number, true),
                // Made of two others, which are among these.
                Kind::Cross { .. } => continue,
            };
            match fields.iter_mut().find(|field| field.name == feature.column()) {
                Some(field) => field.needed |= needed,
                None => fields.push(Field { name: feature.column(), holds, needed }),
            }
        }
        fields
    }
}

/// A raw column, and whether a row must have it.
#[derive(Clone, Copy)]
struct Field<'a> {
    name: &'a str,
    holds: Holds,
    needed: bool,
}

fn rows_of(question: &[u8]) -> Result<Vec<Map<String, Value>>, AskError> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Question {
        rows: Vec<Map<String, Value>>,
    }
    let read = serde_json::from_slice::<Question>(question);
    let Question { rows } = read.map_err(|error| AskError::Question { detail: error.to_string() })?;
    match rows.len() {
        1..=MOST_ROWS => Ok(rows),
        rows => Err(AskError::Rows { rows }),
    }
}

fn column(rows: &[Map<String, Value>], Field { name: field, holds, needed }: Field<'_>) -> Result<Values, AskError> {
    let expected = holds.expected();
    let wrong = |row, value: &Value| {
        let got = match value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list with something else in it",
            Value::Object(_) => "an object",
        };
        AskError::WrongType { row, field: field.to_owned(), expected, got }
    };
    let (mut dictionary, mut codes, mut lists) = (Dictionary::default(), Vec::new(), Ragged::default());
    let (mut numbers, mut list) = (Vec::new(), Vec::new());
    for (row, asked) in rows.iter().enumerate() {
        let value = match asked.get(field) {
            Some(value) => value,
            None if needed => return Err(AskError::MissingField { row, field: field.to_owned(), expected }),
            None => {
                lists.push(&[]);
                continue;
            }
        };
        match (holds, value) {
            (Holds::Name, Value::String(name)) => codes.push(dictionary.code(name)),
            (Holds::Names, Value::Array(names)) => {
                list.clear();
                for name in names {
                    list.push(dictionary.code(name.as_str().ok_or_else(|| wrong(row, value))?));
                }
                lists.push(&list);
            }
            (Holds::Number, Value::Number(number)) => {
                numbers.push(number.as_f64().ok_or_else(|| wrong(row, value))?);
            }
            _ => return Err(wrong(row, value)),
        }
    }
    let names = dictionary.into_names();
    Ok(match holds {
        Holds::Name => Values::Names { names, codes },
        Holds::Names => Values::Lists { names, codes: lists, latest: None },
        Holds::Number => Values::Numbers(numbers),
    })
}
