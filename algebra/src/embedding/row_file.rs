//! Rows in a file, for whoever serves more of them than memory holds: a row is read where it lies, and nothing else is.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `svrows\0\0` |
//! | 4 + 4 + 8 | version, columns `k`, rows `n` |
//! | 4 | CRC-32 of the ids |
//! | up to 64 | zeros |
//! | 8n | ids, rising |
//! | up to a whole 64 | zeros |
//! | n(4k + 4) | rows: `k` numbers, and their CRC-32 |
//!
//! Little-endian throughout; every number lies at a multiple of its size, so the file could be mapped into memory as it is. It is not:
//! every way to map a file is `unsafe`, because another process may cut it short meanwhile, and this workspace has none. Positioned reads
//! of one row each go through the same page cache. The ids stay in memory: 8 bytes a row.

use crate::embedding::{EmbeddingTable, TableError};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"svrows\0\0";
const VERSION: u32 = 1;
const BLOCK: u64 = 64;

/// Why rows of a file cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowFileError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its bytes are no file of rows, or changed since.
    #[error("{}: {source}", path.display())]
    Bytes {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: TableError,
    },
}

impl EmbeddingTable {
    /// Writes the rows for serving, whole or not at all: into a file beside it first, which then takes its name. Weights only; to go on
    /// learning, keep [`EmbeddingTable::snapshot`].
    ///
    /// # Errors
    /// [`RowFileError::Io`].
    pub fn write_rows(&self, path: &Path) -> Result<(), RowFileError> {
        let failed = |source| RowFileError::Io { path: path.to_owned(), source };
        let beside = path.with_extension("writing");
        let written = self.write_to(&beside).and_then(|()| std::fs::rename(&beside, path));
        if written.is_err() {
            let _ = std::fs::remove_file(&beside);
        }
        written.map_err(failed)
    }

    fn write_to(&self, path: &Path) -> io::Result<()> {
        let k = self.config.columns;
        let mut rows: Vec<(u64, &[f32])> = Vec::with_capacity(self.len());
        for shard in &self.shards {
            rows.extend(shard.ids.iter().copied().zip(shard.weights.chunks_exact(k)));
        }
        rows.sort_unstable_by_key(|(id, _)| *id);
        let ids: Vec<u8> = rows.iter().flat_map(|(id, _)| id.to_le_bytes()).collect();
        let mut file = BufWriter::new(File::create(path)?);
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&u32::try_from(k).unwrap_or(u32::MAX).to_le_bytes());
        head.extend_from_slice(&(rows.len() as u64).to_le_bytes());
        head.extend_from_slice(&crc32fast::hash(&ids).to_le_bytes());
        head.resize(64, 0);
        file.write_all(&head)?;
        file.write_all(&ids)?;
        file.write_all(&[0; 64][..ids.len().next_multiple_of(64) - ids.len()])?;
        for (_, weights) in rows {
            let bytes: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
            file.write_all(&bytes)?;
            file.write_all(&crc32fast::hash(&bytes).to_le_bytes())?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}

/// A file of rows, open for reading; many threads may read at once.
///
/// # Example
/// ```
/// use sottovoce_algebra::{EmbeddingTable, RowFile, RowOptimiser, TableConfig};
/// let mut table = EmbeddingTable::new(TableConfig::new(4, RowOptimiser::adagrad(0.1)))?;
/// table.pull(&[70, 3], 1);
/// let path = std::env::temp_dir().join(format!("rows-{}.sv", std::process::id()));
/// table.write_rows(&path)?;
/// let rows = RowFile::open(&path)?;
/// assert_eq!(rows.read(&[3, 5])?, [table.read(&[3]), vec![0.0; 4]].concat());
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RowFile {
    path: PathBuf,
    file: File,
    ids: Vec<u64>,
    columns: usize,
    first: u64,
}

impl RowFile {
    /// Opens a file and checks its ids; rows are checked as they are read.
    ///
    /// # Errors
    /// [`RowFileError`].
    pub fn open(path: &Path) -> Result<Self, RowFileError> {
        let io = |source| RowFileError::Io { path: path.to_owned(), source };
        let wrong = |source| RowFileError::Bytes { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(io)?;
        let there = file.metadata().map_err(io)?.len();
        let mut head = [0; 64];
        file.read_exact(&mut head).map_err(|_| wrong(TableError::NotATable))?;
        let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        if head[..8] != *MAGIC {
            return Err(wrong(TableError::NotATable));
        }
        if number(8) != VERSION {
            let got = u16::try_from(number(8)).unwrap_or(u16::MAX);
            return Err(wrong(TableError::Version { expected: 1, got }));
        }
        let (columns, rows) = (u64::from(number(12)), u64::from(number(16)) | u64::from(number(20)) << 32);
        // Nothing is made room for that is not in the file.
        let size = rows.checked_mul(8).and_then(|ids| {
            let first = BLOCK + ids.checked_next_multiple_of(BLOCK)?;
            Some((first, first.checked_add(rows.checked_mul(4 * columns + 4)?)?))
        });
        let Some((first, size)) = size.filter(|(_, size)| *size == there && (1..=1 << 16).contains(&columns)) else {
            let at = usize::try_from(there).unwrap_or(usize::MAX);
            return Err(wrong(TableError::Truncated { what: "the rows that it says it has", at }));
        };
        debug_assert!(first <= size);
        #[allow(clippy::cast_possible_truncation, reason = "the file holds as many bytes, and 65536 columns at most")]
        let (mut ids, columns) = (vec![0; rows as usize * 8], columns as usize);
        file.read_exact(&mut ids).map_err(io)?;
        let (expected, got) = (number(24), crc32fast::hash(&ids));
        if expected != got {
            return Err(wrong(TableError::Damaged { expected, got }));
        }
        let ids: Vec<u64> = ids.as_chunks::<8>().0.iter().map(|id| u64::from_le_bytes(*id)).collect();
        if ids.array_windows().any(|[a, b]| a >= b) {
            return Err(wrong(TableError::Contradiction { what: "ids that do not rise" }));
        }
        Ok(Self { path: path.to_owned(), file, ids, columns, first })
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Numbers a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The rows of these ids behind one another, zeros for those without: [`EmbeddingTable::read`] from a file.
    ///
    /// # Errors
    /// [`RowFileError::Io`], and [`RowFileError::Bytes`] for a row whose bytes changed.
    pub fn read(&self, ids: &[u64]) -> Result<Vec<f32>, RowFileError> {
        let mut values = vec![0.0; ids.len() * self.columns];
        let mut bytes = vec![0; 4 * self.columns + 4];
        for (to, id) in values.chunks_exact_mut(self.columns).zip(ids) {
            let Ok(row) = self.ids.binary_search(id) else { continue };
            let at = self.first + row as u64 * bytes.len() as u64;
            read_at(&self.file, &mut bytes, at)
                .map_err(|source| RowFileError::Io { path: self.path.clone(), source })?;
            let (numbers, checksum) = bytes.split_at(4 * self.columns);
            let (expected, got) = (checksum, crc32fast::hash(numbers));
            if expected != got.to_le_bytes() {
                let expected = u32::from_le_bytes(<[u8; 4]>::try_from(checksum).unwrap_or_default());
                let source = TableError::Damaged { expected, got };
                return Err(RowFileError::Bytes { path: self.path.clone(), source });
            }
            to.iter_mut().zip(numbers.as_chunks::<4>().0).for_each(|(to, bytes)| *to = f32::from_le_bytes(*bytes));
        }
        Ok(values)
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, at)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        (bytes, at) = (&mut bytes[read..], at + read as u64);
    }
    Ok(())
}
