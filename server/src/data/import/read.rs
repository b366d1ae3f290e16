//! Files as lines: gzip unpacked on the way, CRLF and byte-order mark taken off, every line numbered and bounded.

use super::job::{Job, Meter};
use crate::data::error::{BadRow, DataError};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// No line is longer; the longest real one (a listener's whole history) is thousands of times shorter.
pub(super) const MAX_LINE: usize = 16 << 20;
/// No file that is read as a whole is longer.
pub(super) const MAX_WHOLE: u64 = 1 << 30;

/// `folder/name`, or `folder/name.gz`, whichever is there.
pub(crate) fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [name.to_owned(), format!("{name}.gz")].into_iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Files of a folder whose names start so and end in `.csv` or `.csv.gz`, in the order of their names.
pub(crate) fn named(folder: &Path, start: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let table = name.strip_suffix(".gz").unwrap_or(&name).ends_with(".csv");
            (name.starts_with(start) && table).then(|| folder.join(name))
        })
        .collect();
    found.sort_unstable();
    found
}

/// Opens a file, unpacking it where it starts as gzip does, whatever it is called. The meter counts packed bytes.
pub(super) fn open<'a>(path: &Path, meter: &Meter<'a>) -> Result<Box<dyn BufRead + 'a>, DataError> {
    let io = |source| DataError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    meter.expect(file.metadata().map_err(io)?.len());
    let mut reader = BufReader::with_capacity(1 << 16, Metered { file, meter: meter.clone() });
    let packed = reader.fill_buf().map_err(io)?.starts_with(&[0x1f, 0x8b]);
    Ok(if packed { Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(reader))) } else { Box::new(reader) })
}

/// A file that tells the meter what was read of it.
struct Metered<'a> {
    file: File,
    meter: Meter<'a>,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.meter.read(read as u64);
        Ok(read)
    }
}

/// Whether `path` is a regular file that starts as gzip does.
fn is_packed(path: &Path) -> bool {
    let mut magic = [0u8; 2];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == [0x1f, 0x8b]
}

/// Blames the packing where the file is packed, the system elsewhere.
pub(super) fn blame(path: &Path, line: u64, source: std::io::Error) -> DataError {
    let path = path.to_owned();
    if is_packed(&path) { DataError::Compression { path, line, source } } else { DataError::Io { path, source } }
}

/// A whole file, unpacked.
pub(super) fn whole(path: &Path, meter: &Meter<'_>) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    open(path, meter)?.take(MAX_WHOLE + 1).read_to_end(&mut bytes).map_err(|source| blame(path, 0, source))?;
    if bytes.len() as u64 > MAX_WHOLE {
        return Err(DataError::FileTooLong { path: path.to_owned(), limit: MAX_WHOLE });
    }
    Ok(bytes)
}

/// The lines of a text file, one at a time.
pub(super) struct Lines<'a> {
    path: PathBuf,
    reader: Box<dyn BufRead + 'a>,
    number: u64,
    line: Vec<u8>,
}

impl<'a> Lines<'a> {
    /// Opens a file.
    pub(super) fn open(path: &Path, meter: &Meter<'a>) -> Result<Self, DataError> {
        Ok(Self { path: path.to_owned(), reader: open(path, meter)?, number: 0, line: Vec::new() })
    }

    /// Moves to the next line; false at the end.
    fn advance(&mut self) -> Result<bool, DataError> {
        self.line.clear();
        let limit = MAX_LINE as u64 + 2;
        let read = (&mut self.reader).take(limit).read_until(b'\n', &mut self.line);
        match read {
            Err(source) => return Err(blame(&self.path, self.number, source)),
            Ok(0) => return Ok(false),
            Ok(_) => self.number += 1,
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if self.line.len() > MAX_LINE {
            return Err(DataError::LineTooLong { path: self.path.clone(), line: self.number, limit: MAX_LINE });
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
            self.line.drain(..3);
        }
        Ok(true)
    }

    /// The next line that is not empty; lines that are no UTF-8 are reported to the job and passed over.
    pub(super) fn next(&mut self, job: &mut Job<'_>) -> Result<Option<Line<'_>>, DataError> {
        loop {
            if !self.advance()? {
                return Ok(None);
            }
            if self.line.is_empty() {
                continue;
            }
            match std::str::from_utf8(&self.line) {
                // The borrow of a returned line would outlive the loop: check here, borrow below.
                Ok(_) => break,
                Err(e) => {
                    let expected = format!("UTF-8 text (byte {} is not)", e.valid_up_to() + 1);
                    let got = String::from_utf8_lossy(&self.line).into_owned();
                    job.bad(BadRow::new(&self.path, self.number, None, expected, &got))?;
                }
            }
        }
        let text = std::str::from_utf8(&self.line).unwrap_or_default();
        Ok(Some(Line { file: &self.path, number: self.number, text }))
    }

    /// Passes over the header line.
    pub(super) fn skip_header(&mut self) -> Result<(), DataError> {
        self.advance().map(|_| ())
    }
}

/// One line, with enough to complain about it.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) file: &'a Path,
    pub(super) number: u64,
    pub(super) text: &'a str,
}

impl<'a> Line<'a> {
    /// A complaint about this line.
    pub(super) fn bad(&self, column: Option<&str>, expected: impl Into<String>, got: &str) -> BadRow {
        BadRow::new(self.file, self.number, column, expected, got)
    }

    /// Splits into exactly `N` fields, named for the complaint; more fields than that are left in the last.
    pub(super) fn split<const N: usize>(&self, by: char, names: [&str; N]) -> Result<[&'a str; N], BadRow> {
        let mut fields = [""; N];
        let mut rest = self.text.splitn(N, by);
        for (i, field) in fields.iter_mut().enumerate() {
            *field = rest.next().ok_or_else(|| {
                self.bad(Some(names[i]), format!("{N} fields ({}), found {i}", names.join(", ")), self.text)
            })?;
        }
        Ok(fields)
    }

    /// Reads a number.
    pub(super) fn number<T: FromStr>(&self, column: &str, text: &str, expected: &str) -> Result<T, BadRow> {
        text.trim().parse().map_err(|_| self.bad(Some(column), expected, text))
    }
}
