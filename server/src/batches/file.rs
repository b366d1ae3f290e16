//! Columns as a Parquet file: encoded once, read by many runs, and by any tool that reads Parquet.
//!
//! One row group; `row`, `listener`, `at_ms`, then the features by their names, then `label:TASK` and `weight:TASK`. What columns
//! alone do not say (sizes of vocabularies, bounds, the table's hash) stands as JSON under the key `sottovoce.columns` of the file's
//! metadata, with the hash of everything, so that a file that was changed is noticed even where Parquet reads it without complaint.

use super::{
    BatchError, Columns, DenseColumn, IdColumn, ListColumn, Part, Ragged, Shape, TableHash, TaskColumn, whole,
};
use parquet::basic::{Compression, ConvertedType, Repetition, Type as Physical, ZstdLevel};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{DataType, FloatType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Under this key the metadata holds the header.
const KEY: &str = "sottovoce.columns";

impl Columns {
    /// Writes a file, whole or not at all: beside it first, then in its place.
    ///
    /// # Errors
    /// [`BatchError::Io`] where the folder cannot be written, [`BatchError::Damaged`] where the columns do not fit each other.
    pub fn save(&self, path: &Path) -> Result<(), BatchError> {
        let unfit = |error: ParquetError| BatchError::Damaged { path: path.to_owned(), detail: error.to_string() };
        let io = |doing, source| BatchError::Io { doing, path: path.to_owned(), source };
        whole(path, &beside(path), |file| write(self, file).map_err(unfit), io)
    }

    /// Reads what [`Columns::save`] wrote.
    ///
    /// # Errors
    /// [`BatchError::Io`] where there is no such file, [`BatchError::Damaged`] where it is cut short, changed, or something else.
    pub fn load(path: &Path) -> Result<Self, BatchError> {
        let file =
            File::open(path).map_err(|source| BatchError::Io { doing: "read", path: path.to_owned(), source })?;
        // The crate trusts lengths inside the file here and there and panics where they lie. Nothing of ours is half-done then.
        let read = catch_unwind(AssertUnwindSafe(|| read(file)));
        let read = read.unwrap_or_else(|_| Err("its inner lengths contradict each other".to_owned()));
        read.map_err(|detail| BatchError::Damaged { path: path.to_owned(), detail })
    }
}

/// A name of this process's own in the same folder.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

/// What a file says of its columns beside their values.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    table: TableHash,
    part: Option<Part>,
    rows: usize,
    shape: Shape,
    hash: [u8; 32],
}

impl Header {
    fn of(columns: &Columns) -> Self {
        let Columns { table, part, .. } = *columns;
        Self { table, part, rows: columns.len(), shape: Shape::of(columns), hash: columns.hash() }
    }
}

fn plain(name: &str, physical: Physical, converted: ConvertedType) -> Result<Arc<Type>, ParquetError> {
    let field = Type::primitive_type_builder(name, physical).with_repetition(Repetition::REQUIRED);
    Ok(Arc::new(field.with_converted_type(converted).build()?))
}

fn list(name: &str) -> Result<Arc<Type>, ParquetError> {
    let element = plain("element", Physical::INT32, ConvertedType::UINT_32)?;
    let inner = Type::group_type_builder("list").with_repetition(Repetition::REPEATED).with_fields(vec![element]);
    let outer = Type::group_type_builder(name).with_repetition(Repetition::REQUIRED);
    let outer = outer.with_converted_type(ConvertedType::LIST).with_fields(vec![Arc::new(inner.build()?)]);
    Ok(Arc::new(outer.build()?))
}

fn layout(columns: &Columns) -> Result<Arc<Type>, ParquetError> {
    let mut fields = vec![
        plain("row", Physical::INT32, ConvertedType::UINT_32)?,
        plain("listener", Physical::INT32, ConvertedType::UINT_32)?,
        plain("at_ms", Physical::INT64, ConvertedType::UINT_64)?,
    ];
    for column in &columns.ids {
        fields.push(plain(&column.name, Physical::INT32, ConvertedType::UINT_32)?);
    }
    for column in &columns.dense {
        fields.push(plain(&column.name, Physical::FLOAT, ConvertedType::NONE)?);
    }
    for column in &columns.lists {
        fields.push(list(&column.name)?);
    }
    for task in &columns.tasks {
        fields.push(plain(&format!("label:{}", task.name), Physical::FLOAT, ConvertedType::NONE)?);
        fields.push(plain(&format!("weight:{}", task.name), Physical::FLOAT, ConvertedType::NONE)?);
    }
    Ok(Arc::new(Type::group_type_builder("columns").with_fields(fields).build()?))
}

fn write(columns: &Columns, file: &mut File) -> Result<(), ParquetError> {
    let header = serde_json::to_string(&Header::of(columns)).map_err(|e| ParquetError::External(Box::new(e)))?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?));
    let properties = properties.set_key_value_metadata(Some(vec![KeyValue::new(KEY.to_owned(), header)])).build();
    let mut writer = SerializedFileWriter::new(&mut *file, layout(columns)?, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    let signed = |values: &[u32]| values.iter().map(|v| v.cast_signed()).collect::<Vec<i32>>();
    put::<Int32Type>(&mut group, &signed(&columns.rows), None)?;
    put::<Int32Type>(&mut group, &signed(&columns.listeners), None)?;
    put::<Int64Type>(&mut group, &columns.at.iter().map(|at| at.cast_signed()).collect::<Vec<_>>(), None)?;
    for column in &columns.ids {
        put::<Int32Type>(&mut group, &signed(&column.values), None)?;
    }
    for column in &columns.dense {
        put::<FloatType>(&mut group, &column.values, None)?;
    }
    for column in &columns.lists {
        let (mut values, mut there, mut inside) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..column.values.len() {
            let list = column.values.get(row);
            values.extend(list.iter().map(|v| v.cast_signed()));
            // An empty list is one level at which nothing is there.
            there.extend(std::iter::repeat_n(i16::from(!list.is_empty()), list.len().max(1)));
            inside.extend((0..list.len().max(1)).map(|place| i16::from(place > 0)));
        }
        put::<Int32Type>(&mut group, &values, Some((&there, &inside)))?;
    }
    for task in &columns.tasks {
        put::<FloatType>(&mut group, &task.labels, None)?;
        put::<FloatType>(&mut group, &task.weights, None)?;
    }
    group.close()?;
    writer.close()?;
    file.flush()?;
    Ok(())
}

fn put<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, &mut File>,
    values: &[T::T],
    levels: Option<(&[i16], &[i16])>,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("fewer columns in the layout than there are".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(values, levels.map(|l| l.0), levels.map(|l| l.1))?;
    column.close()
}

/// The columns of a row group, one after the other.
struct Reading<'a> {
    group: Box<dyn RowGroupReader + 'a>,
    next: usize,
    rows: usize,
}

/// A row's list begins where `inside` is 0, and is empty where `there` is 0.
#[derive(Default)]
struct Levels {
    there: Vec<i16>,
    inside: Vec<i16>,
}

impl Reading<'_> {
    fn take<T: DataType>(&mut self, levels: Option<&mut Levels>) -> Result<Vec<T::T>, String> {
        let place = self.next;
        self.next += 1;
        if place >= self.group.num_columns() {
            return Err("it has fewer columns than its header".to_owned());
        }
        let kind = self.group.metadata().column(place).column_type();
        if kind != T::get_physical_type() {
            return Err(format!("column {place} is of type {kind}"));
        }
        let reader = self.group.get_column_reader(place).map_err(|e| e.to_string())?;
        let mut reader = get_typed_column_reader::<T>(reader);
        let (mut values, mut unused) = (Vec::new(), Levels::default());
        let levels = levels.unwrap_or(&mut unused);
        let mut records = 0;
        loop {
            let Levels { there, inside } = &mut *levels;
            let read = reader.read_records(1 << 16, Some(there), Some(inside), &mut values);
            match read.map_err(|e| e.to_string())?.0 {
                0 => break,
                more => records += more,
            }
        }
        if records == self.rows {
            Ok(values)
        } else {
            Err(format!("column {place} has {records} of {} rows", self.rows))
        }
    }

    fn whole(&mut self) -> Result<Vec<u32>, String> {
        Ok(self.take::<Int32Type>(None)?.into_iter().map(i32::cast_unsigned).collect())
    }

    fn lists(&mut self) -> Result<Ragged, String> {
        let mut levels = Levels::default();
        let values: Vec<u32> = self.take::<Int32Type>(Some(&mut levels))?.into_iter().map(i32::cast_unsigned).collect();
        let (mut lists, mut values) = (Ragged::default(), values.as_slice());
        let mut place = 0;
        while place < levels.inside.len() {
            let more = levels.inside[place + 1..].iter().take_while(|inside| **inside > 0).count();
            let length = if levels.there.get(place) == Some(&0) { 0 } else { 1 + more };
            let (list, rest) = values.split_at_checked(length).ok_or("a list is longer than its values")?;
            lists.push(list);
            values = rest;
            place += 1 + more;
        }
        Ok(lists)
    }
}

fn read(file: File) -> Result<Columns, String> {
    let reader = SerializedFileReader::new(file).map_err(|e| e.to_string())?;
    let metadata = reader.metadata();
    let pairs = metadata.file_metadata().key_value_metadata().map_or(&[][..], Vec::as_slice);
    let header = pairs.iter().find(|pair| pair.key == KEY).and_then(|pair| pair.value.as_deref());
    let header = header.ok_or_else(|| format!("its metadata lacks {KEY}, so no encoder wrote it"))?;
    let header: Header = serde_json::from_str(header).map_err(|e| e.to_string())?;
    if metadata.num_row_groups() != 1 {
        return Err(format!("it has {} row groups", metadata.num_row_groups()));
    }
    let group = reader.get_row_group(0).map_err(|e| e.to_string())?;
    let mut reading = Reading { group, next: 0, rows: header.rows };
    let (rows, listeners) = (reading.whole()?, reading.whole()?);
    let at = reading.take::<Int64Type>(None)?.into_iter().map(i64::cast_unsigned).collect();
    let (mut ids, mut dense, mut lists, mut tasks) = (vec![], vec![], vec![], vec![]);
    for (name, size) in header.shape.ids {
        ids.push(IdColumn { name, size, values: reading.whole()? });
    }
    for name in header.shape.dense {
        dense.push(DenseColumn { name, values: reading.take::<FloatType>(None)? });
    }
    for (name, size, bound, ordered, shares, names) in header.shape.lists {
        lists.push(ListColumn { name, size, bound, ordered, shares, names, values: reading.lists()? });
    }
    for name in header.shape.tasks {
        let labels = reading.take::<FloatType>(None)?;
        tasks.push(TaskColumn { name, labels, weights: reading.take::<FloatType>(None)? });
    }
    let columns = Columns { table: header.table, part: header.part, rows, listeners, at, ids, dense, lists, tasks };
    if columns.hash() != header.hash {
        return Err("its values are not those that were written".to_owned());
    }
    columns.check().map_err(|e| e.to_string())?;
    Ok(columns)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::batches::{Part, TableHash};

    fn columns(rows: u32) -> Columns {
        let mut lists = Ragged::default();
        (0..rows).for_each(|row| lists.push(&(1..=row / 2 % 5).collect::<Vec<_>>()));
        let numbers: Vec<u32> = (0..rows).collect();
        let floats: Vec<f32> = (0..rows).map(|row| row as f32 / 7.0 - 3.0).collect();
        Columns {
            table: TableHash([7; 32]),
            part: Some(Part::Valid),
            rows: numbers.clone(),
            listeners: numbers.iter().map(|n| n / 3).collect(),
            at: numbers.iter().map(|n| 1 << 40 | u64::from(*n)).collect(),
            ids: vec![IdColumn { name: "a song, so to say".to_owned(), size: rows, values: numbers }],
            dense: vec![DenseColumn { name: "d".to_owned(), values: floats.clone() }],
            lists: vec![ListColumn {
                name: "l".to_owned(),
                size: 5,
                bound: 4,
                ordered: true,
                shares: Some("x".to_owned()),
                names: vec!["a".to_owned()],
                values: lists,
            }],
            tasks: vec![TaskColumn { name: "t".to_owned(), labels: floats.clone(), weights: floats }],
        }
    }

    #[test]
    fn reads_back_what_it_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.parquet");
        for rows in [1, 2, 200_000] {
            columns(rows).save(&path).unwrap();
            assert_eq!(Columns::load(&path).unwrap(), columns(rows));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn any_cut_and_any_changed_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.parquet");
        let whole = columns(40);
        whole.save(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let refused = |bytes: &[u8], what: &str| {
            std::fs::write(&path, bytes).unwrap();
            match Columns::load(&path) {
                Err(BatchError::Damaged { .. }) => true,
                // Bytes that say nothing of the values (who wrote the file, statistics) may change.
                Ok(columns) => {
                    assert_eq!(columns, whole, "{what}");
                    false
                }
                Err(error) => panic!("{what}: {error}"),
            }
        };
        for length in 0..bytes.len() {
            assert!(refused(&bytes[..length], "cut"), "a file of {length} of {} bytes", bytes.len());
        }
        let mut noticed = 0;
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x10;
            noticed += usize::from(refused(&changed, "changed"));
        }
        assert!(noticed * 2 > bytes.len(), "{noticed} of {}", bytes.len());
        let missing = Columns::load(&folder.path().join("none.parquet"));
        assert!(matches!(missing, Err(BatchError::Io { .. })));
    }
}
