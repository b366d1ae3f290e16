//! A replay of a world that was made up: what is told to whom, and when.

use super::*;
use crate::data::{SyntheticConfig, synthetic};
use crate::progress::quiet;
use sottovoce::session::Feedback;
use std::path::Path;

/// Five days of impressions, each listener's events dealt out evenly.
fn world() -> Impressions {
    let config = SyntheticConfig { listeners: 80, songs: 150, artists: 30, events: 4000, ..SyntheticConfig::default() };
    let dataset = synthetic(&config);
    let mut shown = vec![];
    for events in dataset.events.chunk_by(|a, b| a.listener == b.listener) {
        for (place, event) in events.iter().enumerate() {
            let complete = matches!(event.feedback, Feedback::Complete | Feedback::Like);
            shown.push(Shown {
                listener: event.listener,
                song: event.song,
                scene: 0,
                day: u32::try_from(1 + place * 5 / events.len()).unwrap(),
                at: event.at,
                complete,
                long_view: complete,
                feedback: event.feedback,
            });
        }
    }
    let before = vec![vec![]; dataset.listeners.len()];
    Impressions { dataset, shown, before }
}

fn config() -> ReplayConfig {
    ReplayConfig { dimension: 8, teachers: 10, epochs: 1, draws: 20, ..ReplayConfig::default() }
}

#[test]
fn nobody_knows_an_outcome_before_it_is_scored() {
    let mut world = world();
    let days = Days::of(&world.shown).unwrap();
    assert_eq!(days, Days { fit: 2, validate: 3, test: 5 });
    let score = |world: &Impressions, told| run::devices(world, days, &config(), &quiet).unwrap().score(told, &quiet);
    let rows: Vec<usize> = world.shown.iter().enumerate().filter(|(_, s)| s.day > 3).map(|(i, _)| i).collect();
    let row = rows[rows.len() / 2];
    assert_eq!(world.shown[row].listener, world.shown[row + 1].listener, "somewhere within a listener's rows");
    let before: Vec<_> = Feedbacks::ALL.map(|told| score(&world, told).unwrap()).into();
    // Another outcome on a test day: nothing that was learned changes, nor any score up to that row.
    world.shown[row].feedback = match world.shown[row].feedback {
        Feedback::Complete | Feedback::Like => Feedback::Dislike,
        _ => Feedback::Like,
    };
    world.shown[row].complete ^= true;
    for (told, before) in Feedbacks::ALL.into_iter().zip(before) {
        let after = score(&world, told).unwrap();
        assert_eq!(before[..=row], after[..=row], "{told:?}");
        assert!(before[row + 1].is_some());
        // Only a device with live feedback has another mind afterwards.
        assert_eq!(before[row + 1] != after[row + 1], told == Feedbacks::Live, "{told:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_figures_and_every_figure_has_its_interval() {
    let world = world();
    let days = Days::of(&world.shown).unwrap();
    let run = || replay(&world, days, &config(), &quiet).unwrap();
    let outcome = run();
    assert_eq!(serde_json::to_string(&outcome).unwrap(), serde_json::to_string(&run()).unwrap());
    assert_eq!(outcome.impressions, world.shown.iter().filter(|s| s.day > 3).count());
    for figure in &outcome.figures {
        let crate::eval::Interval { value, low, high } = figure.interval;
        assert!((0.0..=1.0).contains(&value) && low <= value + 0.05 && value - 0.05 <= high, "{figure:?}");
    }
    for metric in ["auc", "auc_within", "ndcg"] {
        assert!(outcome.figures.iter().filter(|f| f.metric == metric).count() >= 14, "{metric}");
    }
}

#[test]
fn a_folder_without_impressions_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = Impressions::open(folder.path()).unwrap_err();
    assert!(matches!(error, ReplayError::NoImpressions { .. }) && error.to_string().contains("KuaiRand"));
    std::fs::write(
        folder.path().join("log_standard_1.csv"),
        "user_id,video_id,time_ms,play_time_ms,duration_ms\n1,2,3,4,5\n",
    )
    .unwrap();
    let error = Impressions::open(folder.path()).unwrap_err();
    assert!(matches!(error, ReplayError::Cell { column: "date", .. }), "{error}");
}

/// The counts of the public log, where it is there.
#[test]
fn kuairand_is_read_whole() {
    let root = std::env::var_os("SOTTOVOCE_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), Into::into);
    let folder = root.join("kuairand-pure-late");
    if !folder.is_dir() {
        println!("skipped: no {} (set SOTTOVOCE_DATA to the folder of the data sets)", folder.display());
        return;
    }
    let impressions = Impressions::open(&folder).unwrap();
    assert_eq!(impressions.shown.len(), 154_071);
    assert_eq!(Days::of(&impressions.shown).unwrap(), Days { fit: 20_220_430, validate: 20_220_501, test: 20_220_503 });
    let rate = |label: Label| {
        let came = impressions.shown.iter().filter(|s| label.of(s)).count();
        came * 1000 / impressions.shown.len()
    };
    assert_eq!((rate(Label::Complete), rate(Label::LongView)), (153, 311));
    assert!(impressions.before.iter().flatten().count() > 700_000);
    let train = impressions.until(20_220_430);
    assert!(train.events.iter().all(|e| e.at.0 < 1_651_334_400_000), "no event after the evening of the last day");
}
