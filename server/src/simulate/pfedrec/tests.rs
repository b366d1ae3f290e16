//! Gradients against differences, bits against threads, the idea against its ablations, and the counts of the real files.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests")]

use super::client::{LocalConfig, Personal, Score, pulls, score_gradient};
use super::contest::{ContestConfig, Line, contest};
use super::rank::{figures, place};
use super::round::{Federation, FederationConfig};
use super::world::{Holding, World, WorldError};
use super::{Factors, FactorsConfig, popularity};
use crate::data::{Clock, Dataset, Format, ImportOptions, ListenerId, LoggedEvent, SyntheticConfig, open, synthetic};
use sottovoce::ids::{Millis, SongId};
use sottovoce::math::Rng;
use sottovoce::session::Feedback;
use std::path::{Path, PathBuf};

/// A data set of (listener, song, time), with so many songs.
fn log(songs: u32, rows: &[(u32, u32, u64)]) -> Dataset {
    let mut data = synthetic(&SyntheticConfig { listeners: 1, songs: 1, artists: 1, events: 1, ..Default::default() });
    let song = data.songs[0].clone();
    data.songs = (0..songs).map(|i| crate::catalog::Song { id: SongId(i), ..song.clone() }).collect();
    data.clock = Clock::Real;
    let listeners = rows.iter().map(|row| row.0 + 1).max().unwrap_or(0);
    data.listeners = (0..listeners).map(|i| i.to_string()).collect();
    let event = |&(listener, song, at): &(u32, u32, u64)| LoggedEvent {
        listener: ListenerId(listener),
        song: SongId(song),
        at: Millis(at),
        feedback: Feedback::Complete,
        plays: 1,
        played: None,
        session: 0,
    };
    data.events = rows.iter().map(event).collect();
    data.events.sort_by_key(|e| (e.listener, e.at));
    data
}

/// Two halves of a catalogue and listeners who keep to one of them, so that what everybody hears says nothing of who hears it.
fn tastes(listeners: u32) -> Dataset {
    let mut rng = Rng::new(4);
    let mut rows = vec![];
    for listener in 0..listeners {
        let mut own: Vec<u32> = (0..150).map(|i| 2 * i + listener % 2).collect();
        rng.shuffle(&mut own);
        rows.extend((0u64..).zip(&own[..30]).map(|(at, song)| (listener, *song, at)));
    }
    log(300, &rows)
}

#[test]
fn gradients_are_those_of_the_loss() {
    let mut rng = Rng::new(1);
    let d = 5;
    let score = Score { w: (0..d).map(|_| rng.normal()).collect(), b: 0.3 };
    let rows: Vec<f32> = (0..3 * d).map(|_| rng.normal()).collect();
    // The first row twice, with both labels.
    let batch = [(0, 1.0), (1, 0.0), (0, 0.0), (2, 1.0)];
    let n = f64::from(batch.len() as u32);
    let loss = |score: &Score, rows: &[f32]| pulls(score, rows, &batch).1 / n;
    let h = 1e-2f32;
    let near = |got: f32, up: f64, down: f64| {
        let want = (up - down) / (2.0 * f64::from(h));
        assert!((f64::from(got) - want).abs() < 2e-4, "{got} against {want}");
    };
    let (dw, db) = score_gradient(&score, &rows, &batch);
    let moved = |i: usize, h: f32| {
        let mut score = score.clone();
        if i < d {
            score.w[i] += h
        } else {
            score.b += h
        }
        loss(&score, &rows)
    };
    for (i, got) in dw.into_iter().chain([db]).enumerate() {
        near(got, moved(i, h), moved(i, -h));
    }
    // ∂L/∂e is what one step moves a row by, over the step.
    let g = pulls(&score, &rows, &batch).0;
    for i in 0..rows.len() {
        let got: f32 =
            batch.iter().zip(&g).filter(|((row, _), _)| *row == i / d).map(|(_, g)| g * score.w[i % d]).sum();
        let moved = |h: f32| {
            let mut rows = rows.clone();
            rows[i] += h;
            loss(&score, &rows)
        };
        near(got, moved(h), moved(-h));
    }
}

#[test]
fn the_published_protocol_trains_on_what_it_holds_out_and_the_clean_one_does_not() {
    // Song 1 in three rows of the last day, of which the first two are held out; song 0 twice before.
    let mut rows = vec![(0, 0, 1), (0, 0, 1), (0, 2, 2), (0, 3, 2), (0, 1, 9), (0, 1, 9), (0, 1, 9)];
    // Another listener makes up the catalogue, and a third has too few rows.
    rows.extend((0..250).map(|i| (1, i, u64::from(i))));
    rows.extend([(2, 0, 1), (2, 1, 1), (2, 2, 1), (2, 3, 1)]);
    let data = log(300, &rows);
    let too_few = World::new(&data, Holding::Published, 7);
    assert_eq!(too_few, Err(WorldError::TooFewSongs { left: 0, songs: 250 }), "who heard all has no negatives");

    rows.retain(|(listener, song, _)| *listener != 1 || *song >= 225);
    rows.extend((4..240).map(|i| (3 + i % 6, i, u64::from(i))));
    let data = log(300, &rows);
    let of = |holding| World::new(&data, holding, 7).unwrap();
    let (published, clean) = (of(Holding::Published), of(Holding::Clean));
    assert_eq!((published.listeners.len(), published.leaking, clean.leaking), (8, 1, 0));
    let [first, fair] = [&published.listeners[0], &clean.listeners[0]];
    let numbered = |song: u32| first.train.iter().filter(|other| **other == song).count();
    assert_eq!((first.test, first.valid, first.train.len()), (first.valid, first.test, 5));
    assert_eq!(numbered(first.test), 1, "the third row of the held-out song is trained on");
    assert_eq!((fair.train.len(), fair.train.contains(&fair.test)), (2, false));
    for listener in published.listeners.iter().chain(&clean.listeners) {
        for negatives in [&listener.valid_negatives, &listener.test_negatives] {
            assert_eq!(negatives.len(), 99);
            assert!(negatives.iter().all(|song| !listener.train.contains(song) && *song != listener.test));
        }
        assert!(listener.valid_negatives.iter().all(|song| !listener.test_negatives.contains(song)));
    }
    // What training may take for a negative: the held-out song under the clean protocol alone.
    let drawn = |listener: &super::Listener| {
        let mut out = vec![];
        listener.draw_negatives(10_000, clean.songs, &mut Rng::new(1), &mut out);
        out.contains(&listener.test)
    };
    assert!(!published.listeners.iter().any(drawn) && clean.listeners.iter().all(drawn));
    assert_eq!(World::new(&Dataset { clock: Clock::None, ..data }, Holding::Clean, 7), Err(WorldError::NoOrder));
}

#[test]
fn the_bits_are_the_seeds_whatever_the_threads() {
    let world = World::new(&tastes(150), Holding::Published, 3).unwrap();
    let run = |threads: usize, seed: u64, share: f32| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut federation = Federation::new(&world, FederationConfig { seed, share, ..Default::default() });
            (0..3).for_each(|_| assert!(federation.round(&world).is_finite()));
            let bits: Vec<u32> = federation.items.iter().map(|v| v.to_bits()).collect();
            (bits, federation.clients)
        })
    };
    let one = run(1, 5, 1.0);
    assert!(one == run(3, 5, 1.0));
    assert!(one != run(1, 6, 1.0));
    let trained = run(2, 5, 0.1).1.iter().filter(|client| !client.songs.is_empty()).count();
    assert!((16..=45).contains(&trained), "three cohorts of fifteen, not always the same: {trained}");
}

#[test]
fn what_is_personal_beats_what_is_not() {
    let data = tastes(150);
    let local = LocalConfig { ratio: 20.0, ..LocalConfig::default() };
    let config =
        ContestConfig { holding: Holding::Clean, rounds: 40, dimension: 16, share: 1.0, local, seed: 1, seeds: 1 };
    let mut rounds = 0;
    let found = contest(&data, &Line::ALL, &config, |_| rounds += 1).unwrap();
    let hit = |line: Line| {
        let outcome = found.outcomes.iter().find(|outcome| outcome.line == line).unwrap();
        outcome.figures.sampled.hr10
    };
    for line in Line::ALL {
        println!("{}: {:?}", line.name(), found.outcomes.iter().find(|o| o.line == line).unwrap());
    }
    assert_eq!(rounds, 5 * 40);
    assert!(hit(Line::Dual) > hit(Line::Neither) + 0.05);
    assert!(hit(Line::Dual) > hit(Line::Popularity) + 0.05);
}

#[test]
fn a_round_averages_changes_and_keeps_the_score_at_home() {
    let world = World::new(&tastes(60), Holding::Clean, 3).unwrap();
    let mut federation = Federation::new(&world, FederationConfig { dimension: 4, ..Default::default() });
    let before = federation.items.clone();
    federation.round(&world);
    assert!(federation.clients[0].score != federation.clients[1].score, "score functions differ");
    for song in [0u32, 17, 299] {
        for k in 0..4 {
            let at = song as usize * 4 + k;
            let change: f32 =
                federation.clients.iter().map(|client| client.row(song, &before)[k] - before[at]).sum::<f32>() / 60.0;
            let got = federation.items[at] - before[at];
            assert!((got - change).abs() < 1e-3 * change.abs().max(1.0), "{got} against {change}");
        }
    }
    // One device's scores: its own rows over the table it was handed.
    let logits = federation.logits(9);
    let songs: Vec<u32> = (0..world.songs).collect();
    assert_eq!(logits, federation.logits_of(9, &songs));
    let shared = Personal { score: false, items: false };
    let mut plain = Federation::new(&world, FederationConfig { dimension: 4, personal: shared, ..Default::default() });
    plain.round(&world);
    assert!(plain.clients.windows(2).all(|pair| pair[0].score == pair[1].score));
    assert_eq!(plain.logits(0), plain.logits(59));
}

#[test]
fn places_share_ties_and_nan_is_last() {
    assert!((place(2.0, [3.0, 1.0].into_iter()) - 2.0).abs() < 1e-12);
    assert!((place(1.0, [1.0, 1.0].into_iter()) - 2.0).abs() < 1e-12);
    assert!((place(f32::NAN, [0.0, 1.0].into_iter()) - 3.0).abs() < 1e-12);
}

#[test]
fn a_full_ranking_leaves_out_what_was_heard() {
    let world = World::new(&tastes(150), Holding::Clean, 3).unwrap();
    // Only songs in training score above the test song.
    let all = |i: usize| -> Vec<f32> {
        let listener = &world.listeners[i];
        let own = |song: u32| f32::from(u8::from(song == listener.test));
        (0..world.songs).map(|song| if listener.train.contains(&song) { 2.0 } else { own(song) }).collect()
    };
    let some = |i: usize, songs: &[u32]| songs.iter().map(|song| all(i)[*song as usize]).collect::<Vec<f32>>();
    let got = figures(&world, &some, Some(&all));
    assert!((got.full.hr10 - 1.0).abs() < 1e-9 && (got.full.ndcg10 - 1.0).abs() < 1e-9);
    assert!((got.sampled.hr10 - 1.0).abs() < 1e-9 && got.valid.hr10 < 0.5);
    let none = figures(&world, &some, None);
    assert!(none.full.hr10.abs() < 1e-12);
}

#[test]
fn factors_learn_who_hears_what() {
    let world = World::new(&tastes(150), Holding::Clean, 3).unwrap();
    let mut factors = Factors::new(&world, FactorsConfig { dimension: 8, ..Default::default() });
    (0..60).for_each(|_| factors.epoch(&world));
    let counts = popularity(&world);
    let popular = figures(&world, &|_, songs| songs.iter().map(|s| counts[*s as usize]).collect(), None);
    let learned = figures(&world, &|i, songs| factors.logits_of(i, songs), None);
    assert!(learned.sampled.hr10 > popular.sampled.hr10 + 0.05, "{learned:?} against {popular:?}");
    let songs: Vec<u32> = (0..world.songs).collect();
    assert_eq!(factors.logits(3), factors.logits_of(3, &songs));
}

fn real(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SOTTOVOCE_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    let path = root.join(folder);
    if !path.is_dir() {
        println!("skipped: no {} (set SOTTOVOCE_DATA to the folder of the data sets)", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn the_real_files_have_the_published_counts() {
    if let Some(path) = real("lastfm-hetrec2k") {
        let (data, _) = Format::HetrecTags.import(&path, &ImportOptions::default()).unwrap();
        let world = World::new(&data, Holding::Published, 1).unwrap();
        assert_eq!((world.listeners.len(), world.rows, world.songs), (1_600, 185_650, 12_454));
        assert_eq!(world.leaking, 816, "half the listeners train on their own test song");
        let clean = World::new(&data, Holding::Clean, 1).unwrap();
        assert_eq!((clean.listeners.len(), clean.leaking), (1_400, 0));
    }
    if let Some(path) = real("ml-100k") {
        let world = World::new(&open(&path).unwrap(), Holding::Published, 1).unwrap();
        assert_eq!((world.listeners.len(), world.rows, world.songs, world.leaking), (943, 100_000, 1_682, 0));
    }
}
