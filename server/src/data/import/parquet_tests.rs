//! Parquet files as other tools write them, made here.

use super::tests::folder;
use super::{Format, ImportOptions};
use crate::data::Dataset;
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::sync::Arc;

/// One column of values, some of them missing.
enum Values<'a> {
    Text(&'a [Option<&'a str>]),
    Long(&'a [Option<i64>]),
    Int(&'a [Option<i32>]),
}

fn put(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, values: &Values<'_>) {
    let mut column = group.next_column().unwrap().unwrap();
    let levels = |present: Vec<bool>| present.into_iter().map(i16::from).collect::<Vec<_>>();
    match values {
        Values::Text(values) => {
            let there: Vec<ByteArray> = values.iter().flatten().map(|text| (*text).into()).collect();
            let levels = levels(values.iter().map(Option::is_some).collect());
            column.typed::<ByteArrayType>().write_batch(&there, Some(&levels), None).unwrap();
        }
        Values::Long(values) => {
            let there: Vec<i64> = values.iter().flatten().copied().collect();
            let levels = levels(values.iter().map(Option::is_some).collect());
            column.typed::<Int64Type>().write_batch(&there, Some(&levels), None).unwrap();
        }
        Values::Int(values) => {
            let there: Vec<i32> = values.iter().flatten().copied().collect();
            let levels = levels(values.iter().map(Option::is_some).collect());
            column.typed::<Int32Type>().write_batch(&there, Some(&levels), None).unwrap();
        }
    }
    column.close().unwrap();
}

fn file(schema: &str, columns: &[Values<'_>]) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    columns.iter().for_each(|values| put(&mut group, values));
    group.close().unwrap();
    writer.into_inner().unwrap()
}

/// The events that the CSV test has, times in nanoseconds as pandas writes them.
pub(super) fn events_file() -> Vec<u8> {
    let ns = |ms: i64| Some(ms * 1_000_000);
    file(
        "message events {
            OPTIONAL BYTE_ARRAY listener (UTF8); OPTIONAL BYTE_ARRAY song (UTF8);
            OPTIONAL INT64 time (TIMESTAMP(NANOS, true)); OPTIONAL BYTE_ARRAY feedback (UTF8);
            OPTIONAL INT32 played_ms; OPTIONAL INT64 total_ms; }",
        &[
            Values::Text(&[Some("ann"), Some("ann"), Some("ann"), Some("b,o"), Some("bo"), None]),
            Values::Text(&[Some("s1"), Some("s2"), Some("s1"), Some("s1"), Some("s2"), Some("s1")]),
            Values::Long(&[
                ns(1_795_341_600_000),
                ns(1_795_341_601_000),
                ns(1_795_341_602_000),
                ns(1_795_341_600_000),
                ns(1_795_341_600_000),
                ns(1),
            ]),
            Values::Text(&[None, None, Some("like"), Some("skip"), None, None]),
            Values::Int(&[Some(90), Some(10), None, Some(50), None, None]),
            Values::Long(&[Some(100), None, None, Some(100), None, None]),
        ],
    )
}

fn songs_file() -> Vec<u8> {
    file(
        "message songs {
            OPTIONAL BYTE_ARRAY song (UTF8); OPTIONAL BYTE_ARRAY title (UTF8); OPTIONAL BYTE_ARRAY artist (UTF8);
            OPTIONAL BYTE_ARRAY album (UTF8); OPTIONAL BYTE_ARRAY genre (UTF8); OPTIONAL BYTE_ARRAY language (UTF8);
            OPTIONAL BYTE_ARRAY attributes (UTF8); OPTIONAL INT64 duration_ms; OPTIONAL BYTE_ARRAY url (UTF8); }",
        &[
            Values::Text(&[Some("s1"), Some("s2")]),
            Values::Text(&[Some("One, two"), Some("Two")]),
            Values::Text(&[Some("X"), Some("X")]),
            Values::Text(&[None, Some("A")]),
            Values::Text(&[Some("pop"), None]),
            Values::Text(&[Some("en"), None]),
            Values::Text(&[Some("calm; bright;"), None]),
            Values::Long(&[None, Some(20)]),
            Values::Text(&[None, Some("https://x/2.ogg")]),
        ],
    )
}

#[test]
fn parquet_and_csv_of_the_same_rows_are_the_same_data_set() {
    let parquet = folder(&[("events.parquet", &events_file()), ("songs.parquet", &songs_file())]);
    assert_eq!(Format::detect(parquet.path()), Some(Format::Parquet));
    let (data, report) = Format::Parquet.import(parquet.path(), &ImportOptions::default()).unwrap();
    assert_eq!(report.bad.len(), 1);
    assert_eq!((report.bad[0].line, report.bad[0].column.as_deref()), (6, Some("listener")));

    let text =
        folder(&[("events.csv", super::tests::EVENTS.as_bytes()), ("songs.csv", super::tests::SONGS.as_bytes())]);
    let (from_text, _) = Format::Csv.import(text.path(), &ImportOptions::default()).unwrap();
    assert_eq!(data, Dataset { name: data.name.clone(), ..from_text });
}
