//! The folder of a run: files that are whole or not there.
//!
//! | file | what |
//! |---|---|
//! | `run.toml` | [`RunRecord`] |
//! | `metrics.jsonl` | a line an epoch, and the last one about the test part |
//! | `checkpoint.bin` | where a stopped training goes on; gone once it is finished |
//! | `model.bin` | [`SavedModel`](super::SavedModel): all that serving needs, in one file, so that one rename replaces all of it |
//! | `report.html` | a page about it |

use super::{RunError, RunRecord};
use crate::batches::{settle, whole};
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// How a folder is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Only where there is nothing.
    New,
    /// Whatever is there is replaced, once the new run is finished.
    Again,
    /// On with what was stopped.
    Resume,
}

/// A folder that this process alone writes to.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Held while somebody trains; the system lets go of it even where the process is killed.
    _lock: File,
}

/// What a folder gives to whoever goes on.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub(super) checkpoint: Option<Vec<u8>>,
    pub(super) lines: Vec<String>,
}

impl RunFolder {
    /// A file's name in it.
    pub const MODEL: &str = "model.bin";
    /// A file's name in it.
    pub const CHECKPOINT: &str = "checkpoint.bin";
    /// A file's name in it.
    pub const METRICS: &str = "metrics.jsonl";
    /// A file's name in it.
    pub const RECORD: &str = "run.toml";
    /// A file's name in it.
    pub const REPORT: &str = "report.html";

    /// Takes a folder, and says what is left in it of a stopped run. Nothing in it changes but the record, and that only for a new run.
    pub(super) fn begin(path: &Path, record: &RunRecord, how: Begin) -> Result<(Self, Left), RunError> {
        refuse(path, how)?;
        std::fs::create_dir_all(path).map_err(io("make the folder", path))?;
        let lock_path = path.join(".lock");
        let lock = File::create(&lock_path).map_err(io("make", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RunError::Busy { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(io("lock", &lock_path)(source)),
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        if how != Begin::Resume {
            // A checkpoint of before would be gone on from.
            folder.forget(Self::CHECKPOINT)?;
            let text = record.to_toml(&folder.file(Self::RECORD))?;
            folder.keep(Self::RECORD, text.as_bytes())?;
            return Ok((folder, Left::default()));
        }
        Self::record(path)?.must_be(record, path)?;
        let checkpoint = folder.read(Self::CHECKPOINT)?;
        let metrics = folder.read(Self::METRICS)?.unwrap_or_default();
        let lines = String::from_utf8_lossy(&metrics).lines().map(str::to_owned).collect();
        Ok((folder, Left { checkpoint, lines }))
    }

    /// Whether a folder would be taken, before anything takes long.
    ///
    /// # Errors
    /// [`RunError::Finished`], [`RunError::Unfinished`], [`RunError::NothingStopped`].
    pub fn would(path: &Path, how: Begin) -> Result<(), RunError> {
        refuse(path, how)
    }

    /// What is trained there.
    ///
    /// # Errors
    /// [`RunError::NoModel`], [`RunError::Io`], [`RunError::Record`].
    pub fn record(path: &Path) -> Result<RunRecord, RunError> {
        let file = path.join(Self::RECORD);
        match std::fs::read_to_string(&file) {
            Ok(text) => RunRecord::from_toml(&text, &file),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(RunError::NoModel { path: path.to_owned() }),
            Err(source) => Err(io("read", &file)(source)),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file, whole or not at all: beside it first, then in its place.
    pub(super) fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        let (path, beside) = (self.file(name), self.file(&format!(".{name}.part")));
        let write = |file: &mut File| file.write_all(bytes).map_err(io("write", &path));
        whole(&path, &beside, write, |doing, source| io(doing, &path)(source))
    }

    pub(super) fn forget(&self, name: &str) -> Result<(), RunError> {
        let path = self.file(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", &path)(error)),
            _ => settle(&self.path).map_err(io("write", &self.path)),
        }
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, RunError> {
        let path = self.file(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io("read", &path)(source)),
        }
    }
}

fn refuse(path: &Path, how: Begin) -> Result<(), RunError> {
    let there = |name| path.join(name).exists();
    let (stopped, finished) = (there(RunFolder::CHECKPOINT), there(RunFolder::MODEL));
    let path = path.to_owned();
    match how {
        Begin::New if stopped => Err(RunError::Unfinished { path }),
        Begin::New if finished => Err(RunError::Finished { path }),
        Begin::Resume if !stopped => Err(RunError::NothingStopped { path }),
        _ => Ok(()),
    }
}

pub(super) fn io<'p>(doing: &'static str, path: &'p Path) -> impl Fn(std::io::Error) -> RunError + 'p {
    move |source| RunError::Io { doing, path: path.to_owned(), source }
}
