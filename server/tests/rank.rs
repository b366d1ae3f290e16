//! Models that are no tape's, on MovieLens and on planted worlds: FTRL's weights are nearly all 0 at no loss, trees rank as well as the
//! LightGBM of the peers, and files that are no models are refused.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    reason = "tests; exact bits are the claim"
)]

use serde::de::DeserializeOwned;
use sottovoce_algebra::{SparseRows, noise};
use sottovoce_server::batches::{
    Columns, Encoder, LogTable, Part, Prepared, RawColumn, RawTask, Schema, Split, Values, mlc,
};
use sottovoce_server::eval;
use sottovoce_server::progress::quiet;
use sottovoce_server::rank::{Ftrl, FtrlConfig, RankError, TextRows, Trees, TreesConfig};
use std::path::Path;

/// What LightGBM comes to on the peers' table (`shared/peers/pipeline/ctr.py LGB`).
const LIGHTGBM: f64 = 0.7882;

/// Training, validation and test part of MovieLens; `None`, with a message, where the data is absent.
fn movielens() -> Option<[Columns; 3]> {
    let root = std::env::var_os("SOTTOVOCE_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), std::path::PathBuf::from);
    let path = root.join("ml-100k");
    if !path.is_dir() {
        println!("skipped: no {} (set SOTTOVOCE_DATA to the folder of the data sets)", path.display());
        return None;
    }
    Some(encoded(&mlc(&path).unwrap()))
}

fn encoded(Prepared { table, schema, split }: &Prepared) -> [Columns; 3] {
    let encoder = Encoder::fit(schema.clone(), split.training(table).unwrap()).unwrap();
    [Part::Train, Part::Valid, Part::Test].map(|part| encoder.encode(table, split, part).unwrap())
}

/// 6,000 rows of who, what and a label; the odds are of whether both are even.
fn planted() -> [Columns; 3] {
    let rows = 6_000u64;
    let of = |i: u64, j: u64, below: u64| noise::bits(noise::bits(4, i), j) % below;
    let names = |j: u64, below: u64| Values::names((0..rows).map(|i| of(i, j, below).to_string()));
    let odds = |i: u64| if (of(i, 0, 50) + of(i, 1, 30)).is_multiple_of(2) { 1.5f32 } else { -2.5 };
    let labels =
        (0..rows).map(|i| f32::from(u8::from(noise::uniform(noise::bits(8, i), 0) < 1.0 / (1.0 + (-odds(i)).exp()))));
    let columns = vec![RawColumn::known_before("user", names(0, 50)), RawColumn::known_before("item", names(1, 30))];
    let task = RawTask { name: "click".to_owned(), labels: labels.collect(), weights: vec![] };
    let table = LogTable::new("planted", vec![0; rows as usize], (0..rows).collect(), columns, vec![task]).unwrap();
    let schema = "name = \"planted\"\ntasks = [\"click\"]\nfeatures = [{ name = \"user\", kind = \"id\" }, { name = \"item\", kind = \"id\" }]";
    let (split, schema) = (Split::by_time(&table, 4_000, 5_000), Schema::from_toml(schema).unwrap());
    encoded(&Prepared { table, schema, split })
}

fn auc(scores: &[f64], columns: &Columns) -> f64 {
    let labels: Vec<bool> = columns.task("click").unwrap().labels.iter().map(|y| *y > 0.5).collect();
    eval::auc(scores, &labels).unwrap()
}

/// The model's settings of a file, without its name.
fn settings<T: DeserializeOwned>(text: &str) -> T {
    let mut run: toml::Table = toml::from_str(text).unwrap();
    let Some(toml::Value::Table(mut model)) = run.remove("model") else { panic!("no [model]") };
    model.remove("name");
    model.try_into().unwrap()
}

fn ftrl() -> FtrlConfig {
    settings(include_str!("../../configs/ftrl.toml"))
}

fn gbdt() -> TreesConfig {
    settings(include_str!("../../configs/gbdt.toml"))
}

#[test]
fn nine_in_ten_weights_are_zero_at_no_loss() {
    let Some([train, valid, test]) = movielens() else { return };
    let run = |l1: f32| {
        let (model, fit) = Ftrl::fit(&train, &valid, "click", FtrlConfig { l1, ..ftrl() }, &quiet).unwrap();
        let area = auc(&model.score(&test).unwrap(), &test);
        println!("λ₁ = {l1}: AUC {area:.4}, {:?}, {} passes", model.used(), fit.best);
        (area, model.used().sparsity())
    };
    let (dense, sparse) = (run(0.0), run(ftrl().l1));
    assert!(sparse.1 > 0.9 && dense.1 < 0.01);
    assert!(sparse.0 > dense.0 - 0.001 && sparse.0 > 0.78);
}

#[test]
fn boosted_trees_rank_as_well_as_the_peers_and_forests_nearly() {
    let Some([train, valid, test]) = movielens() else { return };
    let (model, fit) = Trees::fit(&train, &valid, "click", &gbdt(), &quiet).unwrap();
    let area = auc(&model.score(&test).unwrap(), &test);
    println!("boosted: AUC {area:.4}, {fit:?}, {:?}", &model.importance()[..6]);
    assert!(area >= LIGHTGBM - 0.0005, "{area}");
    let forest: TreesConfig = settings(include_str!("../../configs/random_forest.toml"));
    assert_eq!(forest, TreesConfig::forest(), "the file is the documented default");
    // A tenth of the trees: 200 take a minute and come to .784.
    let (model, _) = Trees::fit(&train, &valid, "click", &TreesConfig { trees: 20, ..forest }, &quiet).unwrap();
    let scores = model.score(&test).unwrap();
    println!("a forest of 20: AUC {:.4}", auc(&scores, &test));
    assert!(auc(&scores, &test) > 0.765);
    let (mean, rate) = (scores.iter().sum::<f64>() / scores.len() as f64, 0.55);
    assert!((mean - rate).abs() < 0.05, "probabilities, not ranks: {mean}");
}

#[test]
fn trees_see_pairs_that_a_sum_cannot() {
    let [train, valid, test] = planted();
    let config = TreesConfig { leaf_rows: 5.0, learning_rate: 0.2, ..TreesConfig::default() };
    let (boosted, fit) = Trees::fit(&train, &valid, "click", &config, &quiet).unwrap();
    let again = Trees::fit(&train, &valid, "click", &TreesConfig { threads: 1, ..config.clone() }, &quiet).unwrap();
    assert_eq!((&again.0, &again.1), (&boosted, &fit), "threads change no bit");
    let linear = Ftrl::fit(&train, &valid, "click", FtrlConfig { l1: 0.0, ..FtrlConfig::default() }, &quiet).unwrap().0;
    let crosses = vec![["user", "item"].map(str::to_owned)];
    let crossed = FtrlConfig { l1: 0.0, passes: 5, alpha: 0.3, crosses, ..FtrlConfig::default() };
    let crossed = Ftrl::fit(&train, &valid, "click", crossed, &quiet).unwrap().0;
    let [trees, linear, crossed] =
        [boosted.score(&test).unwrap(), linear.score(&test).unwrap(), crossed.score(&test).unwrap()]
            .map(|s| auc(&s, &test));
    println!("trees {trees:.3}, a sum {linear:.3}, a sum with the cross {crossed:.3}");
    assert!(trees > linear + 0.1 && crossed > linear + 0.1);

    let text = boosted.to_json().unwrap();
    let restored = Trees::from_json(&text).unwrap();
    assert_eq!(restored.score(&test).unwrap(), boosted.score(&test).unwrap());
    for at in (0..text.len()).step_by(997) {
        assert!(Trees::from_json(&text[..at]).is_err());
    }
    // A walk that would not end, and a column that there is not.
    for (from, to) in
        [("\"left\":1,", "\"left\":4000000000,"), ("\"right\":2,", "\"right\":0,"), ("\"column\":1,", "\"column\":99,")]
    {
        let forged = text.replacen(from, to, 1);
        assert!(forged == text || matches!(Trees::from_json(&forged), Err(RankError::Library { .. })), "{from}");
    }
}

/// A row's own label must not be in its own statistics: with labels that are noise, trees find nothing on new rows and think so of the
/// old ones.
#[test]
fn statistics_do_not_tell_a_row_its_own_label() {
    let [mut train, mut valid, test] = planted();
    for (part, columns) in [&mut train, &mut valid].into_iter().enumerate() {
        let labels = columns.tasks[0].labels.iter_mut();
        (0..).zip(labels).for_each(|(i, y)| *y = f32::from(u8::from(noise::uniform(part as u64, i) < 0.3)));
    }
    let config = TreesConfig { trees: 1, patience: 0, leaves: 8, learning_rate: 1.0, ..TreesConfig::default() };
    let (model, fit) = Trees::fit(&train, &valid, "click", &config, &quiet).unwrap();
    let own = auc(&model.score(&train).unwrap(), &train);
    println!(
        "on noise: {own:.3} on its own rows, {:.3} on the test, {fit:?}",
        auc(&model.score(&test).unwrap(), &test)
    );
    assert!(own < 0.62, "{own}");
}

#[test]
fn negatives_that_are_left_out_are_made_up_for() {
    let [train, valid, test] = planted();
    let run = |negatives_kept: f32| {
        let config = FtrlConfig { negatives_kept, alpha: 0.1, l1: 0.0, ..FtrlConfig::default() };
        let model = Ftrl::fit(&train, &valid, "click", config, &quiet).unwrap().0;
        let scores = model.score(&test).unwrap();
        scores.iter().sum::<f64>() / scores.len() as f64
    };
    let (all, half) = (run(1.0), run(0.4));
    assert!((all - half).abs() < 0.04, "{all} {half}");
    let none = Ftrl::new(FtrlConfig { negatives_kept: 0.0, ..FtrlConfig::default() });
    assert!(matches!(none, Err(RankError::Setting { setting: "negatives_kept", .. })));
}

#[test]
fn text_is_learnt_as_its_hashes_are_and_files_go_on_to_the_same_bits() {
    let line =
        |i: u64| format!("{}\tu{}\t\ti{}\n", noise::bits(1, i) % 2, noise::bits(2, i) % 99, noise::bits(3, i) % 99);
    let text: String = (0..5_000).map(line).collect();
    let config = FtrlConfig { bits: 16, l1: 0.1, ..FtrlConfig::default() };
    let mut by_text = Ftrl::new(config.clone()).unwrap();
    assert_eq!(by_text.learn_text(&mut TextRows::new(text.as_bytes())).unwrap().0, 5_000);
    let (mut by_hash, mut rows, mut said) = (Ftrl::new(config).unwrap(), SparseRows::default(), vec![]);
    TextRows::new(text.as_bytes()).fill(&mut rows, usize::MAX).unwrap();
    by_hash.learn(&rows, &mut said);
    let bytes = by_text.save().unwrap();
    assert!(bytes == by_hash.save().unwrap());
    let mut restored = Ftrl::restore(&bytes).unwrap();
    restored.learn(&rows, &mut said);
    by_hash.learn(&rows, &mut said);
    assert!(restored.save().unwrap() == by_hash.save().unwrap());
    for at in (0..bytes.len()).step_by(41) {
        assert!(Ftrl::restore(&bytes[..at]).is_err(), "cut at {at}");
        let mut flipped = bytes.clone();
        flipped[at] ^= 16;
        // A seed or a cross may be another one and still be a model; its table is whole, or it is refused.
        let head = bytes.iter().position(|b| *b == b'\n').unwrap();
        assert!(at <= head || Ftrl::restore(&flipped).is_err(), "byte {at}");
        drop(Ftrl::restore(&flipped));
    }
    let bad = by_text.learn_text(&mut TextRows::new("1\ta\nyes\tb\n".as_bytes()));
    assert!(matches!(bad, Err(RankError::Row { line: 2, .. })));
}

#[test]
fn names_that_there_are_not_are_named() {
    let [train, valid, _] = planted();
    let crosses = vec![["user", "genres"].map(str::to_owned)];
    let error =
        Ftrl::fit(&train, &valid, "click", FtrlConfig { crosses, ..FtrlConfig::default() }, &quiet).unwrap_err();
    assert_eq!(error.to_string(), "the settings ask for the feature \"genres\"; the columns have user, item");
    let error = Trees::fit(&train, &valid, "like", &TreesConfig::default(), &quiet).unwrap_err();
    assert_eq!(error.to_string(), "there is no task \"like\"; the columns have click");
    let wrong = TreesConfig { leaves: 1, ..TreesConfig::default() };
    assert!(matches!(
        Trees::fit(&train, &valid, "click", &wrong, &quiet),
        Err(RankError::Setting { setting: "leaves", .. })
    ));
    assert!(toml::from_str::<FtrlConfig>("lambda = 1").is_err());
}
