//! Parquet of one's own: `events.parquet` and, where the songs are described, `songs.parquet`. `own` says what the columns
//! mean; any type that reads as such a text or number will do. A timestamp column is milliseconds whatever its unit, a
//! list of texts is a list of attributes.

use super::builder::Builder;
use super::job::Job;
use super::own::{EventColumns, SongColumns};
use super::table::Row;
use crate::data::Dataset;
use crate::data::error::DataError;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Whether a folder holds this format.
pub(super) fn detect(path: &Path) -> bool {
    path.join("events.parquet").is_file()
}

/// Reads a folder.
pub(super) fn import(folder: &Path, name: String, job: &mut Job<'_>) -> Result<Dataset, DataError> {
    let (events, songs) = (folder.join("events.parquet"), folder.join("songs.parquet"));
    if !events.is_file() {
        return Err(DataError::MissingFile {
            folder: folder.to_owned(),
            file: "events.parquet".to_owned(),
            format: "parquet",
        });
    }
    let mut builder = Builder::default();
    let described = songs.is_file();
    if described {
        let mut columns = None;
        rows(&songs, job, |row, names, job| {
            match &columns {
                None => columns.insert(SongColumns::of(&songs, names)?),
                Some(columns) => columns,
            }
            .take(row, &mut builder, job)
        })?;
    }
    let mut columns = None;
    rows(&events, job, |row, names, job| {
        match &columns {
            None => columns.insert(EventColumns::of(&events, names, described)?),
            Some(columns) => columns,
        }
        .take(row, &mut builder, job)
    })?;
    let columns: Option<EventColumns> = columns;
    let clock = columns.map_or(crate::data::Clock::None, |columns| columns.clock());
    Ok(builder.finish(name, clock))
}

/// Goes through the rows of a file.
fn rows<'p>(
    path: &Path,
    job: &mut Job<'p>,
    mut take: impl FnMut(&Row<'_>, &[String], &mut Job<'p>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let damaged = |detail: String| DataError::Parquet { path: path.to_owned(), detail };
    let io = |source| DataError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    job.meter.expect(bytes);
    // The crate trusts lengths inside the file here and there and panics where they lie. The reader is dropped with the
    // panic and nothing of ours is in it, so nothing half-done can be seen afterwards.
    let guarded = |what: &mut dyn FnMut() -> Result<Option<Vec<Field>>, String>| {
        catch_unwind(AssertUnwindSafe(what))
            .unwrap_or_else(|_| Err("its inner lengths contradict each other".to_owned()))
    };

    let mut reader = None;
    guarded(&mut || {
        reader =
            Some(SerializedFileReader::new(file.try_clone().map_err(|e| e.to_string())?).map_err(|e| e.to_string())?);
        Ok(None)
    })
    .map_err(&damaged)?;
    let Some(reader) = reader else { return Ok(()) };
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let columns: Vec<String> = schema.root_schema().get_fields().iter().map(|field| field.name().to_owned()).collect();
    // The row reader has no type for nanoseconds: it hands them over as plain numbers.
    let nanoseconds: Vec<bool> = schema
        .root_schema()
        .get_fields()
        .iter()
        .map(|field| {
            let kind = field.get_basic_info().logical_type_ref();
            matches!(kind, Some(LogicalType::Timestamp(time)) if time.unit == TimeUnit::NANOS)
        })
        .collect();

    let mut iterator = None;
    guarded(&mut || {
        iterator = Some(reader.get_row_iter(None).map_err(|e| e.to_string())?);
        Ok(None)
    })
    .map_err(&damaged)?;
    let Some(mut iterator) = iterator else { return Ok(()) };
    let all = u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(0).max(1);
    for line in 1u64.. {
        let row = guarded(&mut || match iterator.next() {
            None => Ok(None),
            Some(Ok(row)) => Ok(Some(row.into_columns().into_iter().map(|(_, field)| field).collect())),
            Some(Err(error)) => Err(error.to_string()),
        });
        let Some(fields) = row.map_err(&damaged)? else { break };
        let cells: Vec<String> =
            fields.iter().zip(&nanoseconds).map(|(field, nanoseconds)| text(field, *nanoseconds)).collect();
        take(&Row::made(path, line, &columns, &cells), &columns, job)?;
        if line.is_multiple_of(1024) {
            job.meter.read(bytes / all * 1024);
        }
    }
    Ok(())
}

/// The text that the same value would be in a CSV file.
fn text(field: &Field, nanoseconds: bool) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Long(value) if nanoseconds => value.div_euclid(1_000_000).to_string(),
        Field::Byte(value) => value.to_string(),
        Field::Short(value) => value.to_string(),
        Field::Int(value) => value.to_string(),
        Field::Long(value) | Field::TimestampMillis(value) => value.to_string(),
        Field::UByte(value) => value.to_string(),
        Field::UShort(value) => value.to_string(),
        Field::UInt(value) => value.to_string(),
        Field::ULong(value) => value.to_string(),
        Field::Float(value) => value.to_string(),
        Field::Double(value) => value.to_string(),
        Field::TimestampMicros(value) => value.div_euclid(1_000).to_string(),
        Field::Date(days) => (i64::from(*days) * 86_400_000).to_string(),
        // A text column that its writer forgot to mark as one; other bytes show their replacement marks.
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned(),
        Field::ListInternal(list) => {
            list.elements().iter().map(|element| text(element, false)).collect::<Vec<_>>().join(";")
        }
        other => other.to_string(),
    }
}
