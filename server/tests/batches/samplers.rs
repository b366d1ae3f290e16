//! What samplers claim, in a world whose true preferences are known (rows X1, X2, X4).

use sottovoce::math::Rng;
use sottovoce_server::batches::{
    ClickWorld, Clicks, Encoder, LogTable, Part, RawColumn, RawTask, Schema, Slates, Split, Values, WholePlatform,
    click_around, on_placement, skip_above, whole_platform,
};
use sottovoce_server::eval::auc;

/// Logistic regression by plain stochastic gradient descent, over these rows of a log.
fn fit(log: &Clicks, width: usize, rows: &[u32], seed: u64) -> Vec<f64> {
    let (mut weights, mut rng) = (vec![0.0; width + 1], Rng::new(seed));
    let mut order = rows.to_vec();
    for epoch in 0..6 {
        rng.shuffle(&mut order);
        let rate = 0.02 / f64::from(1 + epoch);
        for row in &order {
            let row = *row as usize;
            let x = &log.features[row * width..(row + 1) * width];
            let error = f64::from(u8::from(log.clicked[row])) - 1.0 / (1.0 + (-score(&weights, x)).exp());
            for (weight, x) in weights.iter_mut().zip(x.iter().chain([&1.0])) {
                *weight += rate * error * f64::from(*x);
            }
        }
    }
    weights
}

fn score(weights: &[f64], x: &[f32]) -> f64 {
    weights.iter().zip(x.iter().chain([&1.0])).map(|(w, x)| w * f64::from(*x)).sum()
}

/// How well a model tells apart what a listener would click with open eyes from what not: no place, no old ranker.
fn true_preference(world: &ClickWorld, weights: &[f64]) -> f64 {
    let width = world.features + 1;
    let fresh = ClickWorld { further: 1.0, ..world.clone() }.show(3_000);
    let scores: Vec<f64> = fresh.features.chunks_exact(width).map(|x| score(weights, x)).collect();
    auc(&scores, &fresh.clicked).unwrap()
}

/// Rows kept, area on true preference, weight of what only the old ranker cares about: all rows, skip-above, click-around, and the rows
/// that were looked at, which no log knows.
fn compare(world: &ClickWorld) -> [(usize, f64, f64); 4] {
    let log = world.show(4_000);
    let all: Vec<u32> = (0..log.clicked.len() as u32).collect();
    let mut slates = Slates::default();
    all.chunks(world.slate).for_each(|slate| slates.push(slate));
    let clicked = |row: u32| log.clicked[row as usize];
    let (above, around) = (skip_above(&slates, clicked), click_around(&slates, clicked, 1));
    let looked: Vec<u32> = all.iter().copied().filter(|row| log.looked[*row as usize]).collect();
    let figures = [&all, &above, &around, &looked].map(|rows| {
        let weights = fit(&log, world.features + 1, rows, world.seed);
        (rows.len(), true_preference(world, &weights), weights[world.features])
    });
    println!("seed {}, b = {}: all, skip-above, click-around, looked at: {figures:.4?}", world.seed, world.usual);
    figures
}

#[test]
fn skips_above_and_around_clicks_tell_more_of_taste_than_all_that_was_not_clicked() {
    // About two of five songs that are looked at are clicked, or one of seven.
    for usual in [-0.5, -2.5] {
        for seed in 1..=3 {
            let [all, above, around, looked] = compare(&ClickWorld { seed, usual, ..ClickWorld::default() });
            assert!(above.1 >= all.1 + 0.01, "X1: {above:?} for {all:?}");
            assert!(around.1 >= all.1 + 0.01, "X2: {around:?} for {all:?}");
            assert!(above.0 < all.0 && around.0 < all.0 / 2, "fewer rows: {around:?} {above:?} {all:?}");
            if usual < -1.0 {
                assert!(
                    around.0 < above.0 && around.1 >= above.1 - 0.001,
                    "X2 of rare clicks: {around:?} for {above:?}"
                );
            }
            // What nobody can know is the best that there is to have.
            assert!(looked.1 >= above.1.max(around.1) - 0.005, "{looked:?} {above:?} {around:?}");
        }
    }
}

/// Two placements with opposite tastes: songs of one half are played on the first, of the other on the second.
fn placements() -> (LogTable, Split) {
    let mut rng = Rng::new(8);
    let rows = 4_000;
    let listeners: Vec<u32> = (0..rows).map(|_| rng.below(50)).collect();
    let place: Vec<u32> = (0..rows).map(|_| rng.below(2)).collect();
    let song: Vec<u32> = (0..rows).map(|_| rng.below(40).min(rng.below(40))).collect();
    let labels: Vec<f32> = (0..rows)
        .map(|i| f32::from(u8::from(rng.uniform() < if (song[i] < 12) == (place[i] == 0) { 0.6 } else { 0.1 })))
        .collect();
    let columns = vec![
        RawColumn::known_before("tab", Values::names(place.iter().map(|p| ["home", "radio"][*p as usize]))),
        RawColumn::known_before("song", Values::names(song.iter().map(u32::to_string))),
    ];
    let task = RawTask { name: "play".to_owned(), labels, weights: vec![] };
    let table = LogTable::new("placements", listeners, (0..rows as u64).collect(), columns, vec![task]).unwrap();
    let split = Split::by_time(&table, 2_500, 3_000);
    (table, split)
}

#[test]
fn a_placement_of_its_own_learns_its_own_taste() {
    let (table, split) = placements();
    let schema = Schema::from_toml(
        "name = \"x\"\ntasks = [\"play\"]\nfeatures = [{ name = \"song\", kind = \"odds\", task = \"play\", smoothing = 5.0 }]",
    )
    .unwrap();
    // The model is the song's log-odds: fitted on the placement's rows, or on all.
    let area = |only: bool| {
        let here = on_placement(&table, &table.row_numbers().collect::<Vec<_>>(), "tab", "radio").unwrap();
        let mine = Split::new(&table, |row| {
            let on = here.binary_search(&row).is_ok();
            match row {
                0..3_000 if on || !only => Some(Part::Train),
                3_000.. if on => Some(Part::Test),
                _ => None,
            }
        });
        let encoder = Encoder::fit(schema.clone(), mine.training(&table).unwrap()).unwrap();
        let test = encoder.encode(&table, &mine, Part::Test).unwrap();
        let scores: Vec<f64> = test.dense[0].values.iter().map(|x| f64::from(*x)).collect();
        let labels: Vec<bool> = test.tasks[0].labels.iter().map(|label| *label > 0.5).collect();
        auc(&scores, &labels).unwrap()
    };
    let (own, all) = (area(true), area(false));
    assert!(own > all + 0.05, "{own} on its own rows, {all} on all");
    let rows = split.rows(Part::Train).unwrap();
    assert!(on_placement(&table, rows, "tab", "car").is_err());
}

#[test]
fn the_whole_platform_is_drawn_by_how_often_it_plays_and_never_against_a_listener() {
    let (table, split) = placements();
    let schema =
        Schema::from_toml("name = \"x\"\ntasks = [\"play\"]\nfeatures = [{ name = \"song\", kind = \"id\" }]").unwrap();
    let encoder = Encoder::fit(schema, split.training(&table).unwrap()).unwrap();
    let train = encoder.encode(&table, &split, Part::Train).unwrap();
    let how = WholePlatform { negatives: 4, power: 0.75, seed: 3 };
    let drawn = whole_platform(&train, "song", "play", how).unwrap();
    assert_eq!(drawn, whole_platform(&train, "song", "play", how).unwrap(), "the same seed, the same songs");
    let song = train.id("song").unwrap();
    let played: std::collections::HashSet<(u32, u32)> = (0..train.len())
        .filter(|place| train.tasks[0].labels[*place] > 0.5)
        .map(|place| (train.listeners[place], song.values[place]))
        .collect();
    assert!(drawn.iter().all(|d| played.contains(&(train.listeners[d.place as usize], d.song)) == d.label));
    let positives = train.tasks[0].labels.iter().filter(|label| **label > 0.5).count();
    assert_eq!(drawn.iter().filter(|d| d.label).count(), positives);
    assert!(drawn.len() > positives * 4, "{} for {positives}", drawn.len());
    // Number 1 is the song that is shown most, the last one the one that is shown least.
    let count = |id: u32| drawn.iter().filter(|d| !d.label && d.song == id).count();
    assert!(count(1) + count(2) + count(3) > count(song.size - 1) + count(song.size - 2) + count(song.size - 3));
}
