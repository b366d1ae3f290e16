//! What an encoder learns, what it gives, and what it refuses.

use super::*;
use std::sync::Arc;

/// Six rows; the first four are for training.
fn table() -> (LogTable, Split) {
    let tags: Arc<Vec<String>> = Arc::new(["rock", "folk", "new"].map(str::to_owned).to_vec());
    let lists = |rows: [&[u32]; 6]| {
        let mut lists = Ragged::default();
        rows.iter().for_each(|list| lists.push(list));
        lists
    };
    let songs = Values::names(["a", "b", "a", "c", "d", "a"]);
    let Values::Names { names, .. } = &songs else { unreachable!() };
    let columns = vec![
        RawColumn::known_before(
            "history",
            Values::Lists {
                names: names.clone(),
                codes: lists([&[], &[0], &[0, 1], &[0, 1, 2], &[3, 0, 1, 2], &[3, 3]]),
                latest: None,
            },
        ),
        RawColumn::known_before("song", songs),
        RawColumn::known_before(
            "tags",
            Values::Lists { names: tags, codes: lists([&[0], &[0, 1], &[], &[1], &[2, 1], &[0, 1]]), latest: None },
        ),
        RawColumn::known_before("length", Values::Numbers(vec![1.0, 2.0, 3.0, 6.0, 100.0, 2.5])),
        RawColumn::known_before("broken", Values::Numbers(vec![1.0, 2.0, 3.0, 4.0, f64::INFINITY, 0.0])),
        RawColumn::known_after("heard", Values::Numbers(vec![0.0; 6])),
    ];
    let task =
        |name: &str, labels: [f32; 6]| RawTask { name: name.to_owned(), labels: labels.to_vec(), weights: vec![] };
    let tasks = vec![task("done", [1.0, 0.0, 0.0, 1.0, 1.0, 0.0]), task("never", [0.0, 0.0, 0.0, 0.0, 1.0, 0.0])];
    let table = LogTable::new("six", vec![0; 6], (0..6).collect(), columns, tasks).unwrap();
    let split = Split::by_time(&table, 4, 4);
    (table, split)
}

fn encoder(features: &str) -> Result<Encoder, BatchError> {
    let (table, split) = table();
    let text = format!("name = \"s\"\ntasks = [\"done\"]\nfeatures = [{features}]");
    Encoder::fit(Schema::from_toml(&text)?, split.training(&table)?)
}

fn encoded(features: &str) -> [Columns; 2] {
    let (table, split) = table();
    let encoder = encoder(features).unwrap();
    [Part::Train, Part::Test].map(|part| encoder.encode(&table, &split, part).unwrap())
}

#[test]
fn every_kind_learns_from_training_rows_only() {
    let [train, test] = encoded(
        "{ name = \"song\", kind = \"id\" }, { name = \"history\", kind = \"sequence\", max_len = 2, shares = \"song\" },
        { name = \"tags\", kind = \"multi\", max_len = 1 }, { name = \"length\", kind = \"dense\" },
        { name = \"bucket\", column = \"length\", kind = \"bucketised\", cuts = { given = [2.0, 5.0] } },
        { name = \"pair\", kind = \"cross\", of = [\"song\", \"bucket\"] },
        { name = \"hash\", column = \"song\", kind = \"hashed\", buckets = 7 },
        { name = \"hashed pair\", kind = \"cross\", of = [\"hash\", \"bucket\"], buckets = 5 }",
    );
    // a is the most frequent; d is only in the test.
    assert_eq!((train.ids[0].values.as_slice(), train.ids[0].size), (&[1, 2, 1, 3][..], 4));
    assert_eq!(test.ids[0].values, [0, 1]);
    let lists = |columns: &Columns, of: usize| -> Vec<Vec<u32>> {
        (0..columns.len()).map(|row| columns.lists[of].values.get(row).to_vec()).collect()
    };
    assert_eq!(lists(&train, 0), [vec![], vec![1], vec![1, 2], vec![2, 3]], "the newest two");
    assert_eq!(lists(&test, 0), [vec![2, 3], vec![]], "and d says nothing");
    assert_eq!((test.lists[0].shares.as_deref(), test.lists[0].size), (Some("song"), 4));
    assert_eq!(lists(&test, 1), [vec![1], vec![2]], "the first that is known: folk, then rock");
    // Mean 3, deviation √3.5.
    let want: Vec<f32> = [97.0, -0.5].iter().map(|x: &f64| (x / 3.5f64.sqrt()) as f32).collect();
    assert_eq!(test.dense[0].values, want);
    assert_eq!((train.ids[1].values.as_slice(), test.ids[1].values.as_slice()), (&[0, 1, 1, 2][..], &[2, 1][..]));
    assert_eq!((train.ids[2].size, test.ids[2].values[0]), (5, 0), "four pairs, and one that was never seen");
    assert_eq!(test.ids[2].values[1], train.ids[2].values[2]);
    assert_eq!((train.ids[3].values[0], train.ids[3].size), (train.ids[3].values[2], 7));
    assert!(train.ids[4].values.iter().all(|v| *v < 5) && train.ids[4].size == 5);
    assert_eq!(test.part, Some(Part::Test));
}

#[test]
fn the_same_rows_give_the_same_bits_and_json_keeps_them() {
    let features = "{ name = \"song\", kind = \"id\" }, { name = \"length\", kind = \"dense\", log = true },
        { name = \"o\", column = \"song\", kind = \"odds\", task = \"done\", smoothing = 3.0 },
        { name = \"e\", column = \"song\", kind = \"odds\", task = \"done\", smoothing = 3.0, apart = \"earlier\" }";
    let first = encoder(features).unwrap();
    assert_eq!(encoder(features).unwrap(), first);
    let read = Encoder::from_json(&first.to_json().unwrap()).unwrap();
    assert_eq!(read, first);
    let (table, split) = table();
    let hash = |encoder: &Encoder| encoder.encode(&table, &split, Part::Test).unwrap().hash();
    assert_eq!(hash(&read), hash(&first));
    assert!(matches!(Encoder::from_json("{\"schema\": 3}"), Err(BatchError::Encoder { .. })));
}

#[test]
fn a_request_is_encoded_as_its_training_rows_were() {
    let encoder = encoder("{ name = \"song\", kind = \"id\" }").unwrap();
    let songs = RawColumn::known_before("song", Values::names(["c", "nobody", "a"]));
    let request = LogTable::new("request", vec![9; 3], vec![7; 3], vec![songs], vec![]).unwrap();
    let columns = encoder.encode_new(&request).unwrap();
    assert_eq!((columns.ids[0].values.as_slice(), columns.tasks.len(), columns.part), (&[3, 0, 1][..], 0, None));
    let (table, split) = table();
    assert!(matches!(encoder.encode_new(&table), Err(BatchError::OtherTable { .. })));
    let other = Split::new(&request, |_| Some(Part::Test));
    assert!(matches!(encoder.encode(&request, &other, Part::Test), Err(BatchError::OtherTable { .. })));
    assert!(matches!(encoder.encode(&table, &other, Part::Test), Err(BatchError::OtherTable { .. })));
    assert!(matches!(encoder.encode(&table, &split, Part::Valid), Err(BatchError::EmptyPart { part: Part::Valid })));
}

#[test]
fn errors_say_what_and_where_and_which_there_are() {
    let message = |features: &str| encoder(features).unwrap_err().to_string();
    let unknown = message("{ name = \"artist\", kind = \"id\" }");
    assert!(unknown.contains("\"artist\"") && unknown.contains("history, song, tags, length"), "{unknown}");
    let kind = message("{ name = \"length\", kind = \"id\" }");
    assert!(kind.contains("a column of names") && kind.contains("a column of numbers"), "{kind}");
    let list = message("{ name = \"song\", kind = \"multi\", max_len = 3 }");
    assert!(list.contains("a column of lists"), "{list}");
    let outcome = message("{ name = \"heard\", kind = \"dense\" }");
    assert!(outcome.contains("known only after"), "{outcome}");
    let overflow = encoder("{ name = \"song\", kind = \"id\", limit = 2 }").unwrap_err();
    assert!(matches!(overflow, BatchError::VocabularyOverflow { found: 3, limit: 2, .. }), "{overflow}");
    let pairs = encoder(
        "{ name = \"song\", kind = \"id\" }, { name = \"x\", kind = \"cross\", of = [\"song\", \"song\"], admit = { limit = 1 } }",
    );
    assert!(matches!(pairs, Err(BatchError::VocabularyOverflow { .. })));

    // The infinite number stands in the test part: training passes, encoding says where.
    let (table, split) = table();
    let broken = encoder("{ name = \"broken\", kind = \"dense\" }").unwrap();
    let error = broken.encode(&table, &split, Part::Test).unwrap_err();
    assert!(matches!(&error, BatchError::NonFinite { row: 4, column, .. } if column == "broken"), "{error}");

    let with_task = |task: &str| {
        let schema = Schema::from_toml(&format!("name = \"s\"\ntasks = [\"{task}\"]")).unwrap();
        Encoder::fit(schema, split.training(&table).unwrap()).unwrap_err()
    };
    assert!(matches!(with_task("never"), BatchError::OneClass { part: Part::Train, .. }));
    let task = with_task("dnoe").to_string();
    assert!(task.contains("\"dnoe\"") && task.contains("done, never"), "{task}");
    let nothing = Split::by_time(&table, 0, 3);
    assert!(matches!(nothing.training(&table), Err(BatchError::EmptyPart { part: Part::Train })));
}

#[test]
fn a_table_that_contradicts_itself_is_refused() {
    let names = || RawColumn::known_before("song", Values::names(["a", "b"]));
    let make = |columns, at| LogTable::new("t", vec![0, 0], at, columns, vec![]);
    assert!(matches!(make(vec![names()], vec![0]), Err(BatchError::Shape { what: "times", .. })));
    assert!(matches!(make(vec![names(), names()], vec![0, 1]), Err(BatchError::TwoOfOneName { .. })));
    let code = Values::Names { names: Arc::new(vec!["a".to_owned()]), codes: vec![0, 1] };
    let error = make(vec![RawColumn::known_before("song", code)], vec![0, 1]).unwrap_err();
    assert!(matches!(error, BatchError::OutOfRange { value: 1, size: 1, .. }), "{error}");
    let mut codes = Ragged::default();
    codes.push(&[0]);
    codes.push(&[0]);
    let lists = Values::Lists { names: Arc::new(vec!["a".to_owned()]), codes, latest: Some(vec![5, 99]) };
    let error = make(vec![RawColumn::known_before("history", lists)], vec![10, 20]).unwrap_err();
    assert!(matches!(error, BatchError::Future { row: 1, latest: 99, at: 20, .. }), "{error}");
    let task = RawTask { name: "y".to_owned(), labels: vec![0.0, f32::NAN], weights: vec![] };
    let error = LogTable::new("t", vec![0, 0], vec![0, 1], vec![], vec![task]).unwrap_err();
    assert!(matches!(error, BatchError::NonFinite { row: 1, .. }), "{error}");
}
