//! Leaks planted on purpose, each at another door.

use sottovoce::math::Rng;
use sottovoce_server::batches::{
    BatchError, Columns, Encoder, LogTable, Part, RawColumn, RawTask, RowSet, Schema, Split, Values, audit, told,
};

const ROWS: usize = 6_000;

/// Listeners and songs with a taste for each other; time goes by the row.
fn world() -> (LogTable, Split) {
    let mut rng = Rng::new(5);
    let listener: Vec<u32> = (0..ROWS).map(|_| rng.below(600)).collect();
    let song: Vec<u32> = (0..ROWS).map(|_| rng.below(80)).collect();
    let labels: Vec<f32> = (0..ROWS)
        .map(|i| f32::from(u8::from(rng.uniform() < 0.2 + 0.4 * f32::from(u8::from(listener[i] % 3 == song[i] % 3)))))
        .collect();
    let columns = vec![
        RawColumn::known_before("listener", Values::names(listener.iter().map(u32::to_string))),
        RawColumn::known_before("song", Values::names(song.iter().map(u32::to_string))),
        RawColumn::known_after("heard_ms", Values::Numbers(labels.iter().map(|l| f64::from(*l) * 1e5).collect())),
    ];
    let task = RawTask { name: "done".to_owned(), labels, weights: vec![] };
    let table = LogTable::new("world", listener, (0..ROWS as u64).collect(), columns, vec![task]).unwrap();
    let split = Split::by_time(&table, 4_000, 5_000);
    (table, split)
}

fn schema(features: &str) -> Schema {
    Schema::from_toml(&format!("name = \"s\"\ntasks = [\"done\"]\nfeatures = [{features}]")).unwrap()
}

fn encode(table: &LogTable, split: &Split, features: &str) -> Result<[Columns; 2], BatchError> {
    let encoder = Encoder::fit(schema(features), split.training(table)?)?;
    Ok([encoder.encode(table, split, Part::Train)?, encoder.encode(table, split, Part::Test)?])
}

fn labels(table: &LogTable) -> Vec<f64> {
    table.task("done").unwrap().labels.iter().map(|label| f64::from(*label)).collect()
}

/// The mean label of each listener over these rows, where the caller says so or keeps silent.
fn means(table: &LogTable, rows: impl Iterator<Item = u32> + Clone) -> Values {
    let labels = labels(table);
    let mean = |listener: u32| {
        let own = rows.clone().filter(|row| table.listeners()[*row as usize] == listener);
        let own: Vec<f64> = own.map(|row| labels[row as usize]).collect();
        if own.is_empty() { 0.5 } else { own.iter().sum::<f64>() / own.len() as f64 }
    };
    let of: Vec<f64> = (0..600).map(mean).collect();
    Values::Numbers(table.listeners().iter().map(|listener| of[*listener as usize]).collect())
}

#[test]
fn a_column_that_learned_from_the_test_rows_does_not_describe_them() {
    let (table, split) = world();
    let all: RowSet = table.row_numbers().collect();
    let planted = RawColumn::learned("mean", means(&table, 0..ROWS as u32), all);
    let table = table.with(planted).unwrap();
    let split = Split::new(&table, |row| part_of(&split, row));
    let error = encode(&table, &split, "{ name = \"mean\", kind = \"dense\" }").unwrap_err();
    assert!(matches!(&error, BatchError::Leak { what, .. } if what == "mean"), "{error}");

    // The same from validation rows only describes training and test alike.
    let valid = split.rows(Part::Valid).unwrap().to_vec();
    let honest = means(&table, valid.iter().copied());
    let table = table.with(RawColumn::learned("before", honest, valid.into_iter().collect())).unwrap();
    let split = Split::new(&table, |row| part_of(&split, row));
    encode(&table, &split, "{ name = \"before\", kind = \"dense\" }").unwrap();
}

fn part_of(split: &Split, row: u32) -> Option<Part> {
    let within = |part: &Part| split.rows(*part).is_ok_and(|rows| rows.binary_search(&row).is_ok());
    [Part::Train, Part::Valid, Part::Test].into_iter().find(within)
}

#[test]
fn an_encoder_fitted_on_test_rows_does_not_encode_them() {
    let (table, split) = world();
    let greedy = Split::new(&table, |row| Some(if row < 5_900 { Part::Train } else { Part::Test }));
    let features = "{ name = \"o\", column = \"song\", kind = \"odds\", task = \"done\", smoothing = 5.0 }";
    let encoder = Encoder::fit(schema(features), greedy.training(&table).unwrap()).unwrap();
    let error = encoder.encode(&table, &split, Part::Test).unwrap_err();
    assert!(matches!(error, BatchError::Leak { row: 5_000, part: Part::Test, .. }), "{error}");
    assert!(encoder.encode(&table, &greedy, Part::Test).is_ok());
}

#[test]
fn what_is_known_only_afterwards_makes_no_feature() {
    let (table, split) = world();
    let error = encode(&table, &split, "{ name = \"heard\", column = \"heard_ms\", kind = \"dense\" }").unwrap_err();
    assert!(matches!(&error, BatchError::Outcome { column, .. } if column == "heard_ms"), "{error}");
}

#[test]
fn a_label_copied_without_a_word_is_found_out() {
    let (table, split) = world();
    let honest = "{ name = \"song\", kind = \"id\" }, { name = \"listener\", kind = \"id\" },
        { name = \"o\", column = \"listener\", kind = \"odds\", task = \"done\", smoothing = 5.0 }";
    let [train, test] = encode(&table, &split, honest).unwrap();
    audit(&train, &test).unwrap();

    let copy: Vec<f64> = labels(&table).iter().map(|label| 3.0 - 2.0 * label).collect();
    let names = RawColumn::known_before("mood", Values::names(copy.iter().map(f64::to_string)));
    let numbers = RawColumn::known_before("energy", Values::Numbers(copy));
    let table = table.with(names).unwrap().with(numbers).unwrap();
    let split = Split::new(&table, |row| part_of(&split, row));
    for planted in ["{ name = \"mood\", kind = \"id\" }", "{ name = \"energy\", kind = \"dense\" }"] {
        let [train, test] = encode(&table, &split, &format!("{honest}, {planted}")).unwrap();
        let error = audit(&train, &test).unwrap_err();
        let BatchError::TellsLabel { feature, told, .. } = &error else { panic!("{error}") };
        assert!(planted.contains(feature.as_str()) && *told > 0.95, "{error}");
    }
}

/// Means of listeners over training and test rows, made by somebody who says nothing of it. With two test rows a listener the mean all
/// but says the label there, and no more than honest ones do in training, whose rows it was meant for.
#[test]
fn test_labels_in_a_statistic_show_where_it_tells_more_of_the_test() {
    let (table, split) = world();
    let test: Vec<u32> = split.rows(Part::Test).unwrap().to_vec();
    let planted = RawColumn::known_before("mean", means(&table, test.iter().copied()));
    let table = table.with(planted).unwrap();
    let split = Split::new(&table, |row| part_of(&split, row));
    let [train, test] = encode(&table, &split, "{ name = \"mean\", kind = \"dense\" }").unwrap();
    let error = audit(&train, &test).unwrap_err();
    let shares = [told(&train)[0].share, told(&test)[0].share];
    assert!(matches!(error, BatchError::TellsLabel { part: Part::Test, .. }), "{error}: {shares:?}");
}
