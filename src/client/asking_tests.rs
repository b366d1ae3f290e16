//! Asking as a page does it, against a server of forty lines.

use super::*;
use crate::ids::{ArtistId, Millis, SongId, WeightsVersion};
use crate::math::{Rng, dot, normalize, quantize_row};
use crate::privacy::{Direction, NoiseKey};
use crate::protocol::{CatalogueShard, Extraction, RecallQuery, TowerShape, TowerWeights, decode, encode};
use crate::session::{Feedback, Impression, ListenEvent};
use crate::tower::initial_weights;

const D: usize = 8;
const SHAPE: TowerShape =
    TowerShape { dimension: 8, attention: 4, hidden: 6, interests: 3, experts: 2, extraction: Extraction::Capsules };
const HOUR: u64 = 3_600_000;

/// 400 songs in five genres, each genre a direction; the server knows their rows.
fn world() -> (CatalogueShard, Vec<f32>) {
    let mut rng = Rng::new(12);
    let (mut rows, mut codes) = (vec![], vec![0i8; 400 * D]);
    let scales = codes.chunks_exact_mut(D).zip(0u32..).map(|(codes, i)| {
        let mut v: Vec<f32> = (0..D).map(|_| 0.2 * rng.normal()).collect();
        v[(i % 5) as usize] += 1.0;
        normalize(&mut v);
        rows.extend_from_slice(&v);
        quantize_row(&v, codes)
    });
    let scales = scales.collect();
    let shard = CatalogueShard {
        dimension: 8,
        songs: (0..400).map(SongId).collect(),
        artists: (0..400).map(|i| ArtistId(i % 60)).collect(),
        popularity: vec![0.5; 400],
        plays: vec![30; 400],
        scales,
        rows: codes,
        ..CatalogueShard::default()
    };
    (shard.filled(), rows)
}

/// The songs nearest to any of the directions.
fn answer(question: &[u8]) -> Vec<u8> {
    let (whole, rows) = world();
    let query: RecallQuery = decode(question).expect("a question");
    let best = |i: usize| {
        let song = &rows[i * D..][..D];
        let near = |codes: &[i8]| dot(song, &codes.iter().map(|c| f32::from(*c)).collect::<Vec<f32>>());
        query.directions().map(near).fold(f32::MIN, f32::max)
    };
    let mut songs: Vec<usize> = (0..400).collect();
    songs.sort_by(|a, b| best(*b).total_cmp(&best(*a)));
    songs.truncate(query.songs() as usize);
    songs.sort_unstable();
    let shard = CatalogueShard {
        dimension: 8,
        songs: songs.iter().map(|i| whole.songs[*i]).collect(),
        artists: songs.iter().map(|i| whole.artists[*i]).collect(),
        popularity: vec![0.5; songs.len()],
        plays: vec![30; songs.len()],
        scales: songs.iter().map(|i| whole.scales[*i]).collect(),
        rows: songs.iter().flat_map(|i| whole.rows[i * D..][..D].to_vec()).collect(),
        ..CatalogueShard::default()
    };
    encode(&shard.filled())
}

fn weights() -> Vec<u8> {
    encode(&TowerWeights { version: WeightsVersion(1), shape: SHAPE, values: initial_weights(SHAPE, 1) })
}

fn engine() -> Recommender {
    let mut engine = Recommender::new(EngineConfig::default(), 3);
    engine.receive(&weights()).expect("good weights");
    engine
}

fn key(i: u8) -> NoiseKey {
    NoiseKey::new([i; 32])
}

fn config() -> AskConfig {
    AskConfig { songs: 60, interests: 3, ..AskConfig::default() }
}

fn ask(engine: &mut Recommender, i: u8, now: u64) -> Option<Vec<u8>> {
    engine.ask_recall(&config(), key(i), Millis(now)).expect("agreed and able").map(<[u8]>::to_vec)
}

fn listen(engine: &mut Recommender, song: SongId, at: u64) {
    let impression = Impression { song, slot: 0, at: Millis(at) };
    engine.observe(ListenEvent { impression, feedback: Feedback::Complete, at: Millis(at) }).expect("a resident song");
}

#[test]
fn without_consent_there_is_no_question() {
    let mut engine = engine();
    assert_eq!(engine.ask_recall(&config(), key(1), Millis(0)), Err(Error::RecallConsentOff));
    assert_eq!(engine.take_answer(&encode(&world().0)), Err(Error::RecallConsentOff));
    engine.record_asked(Millis(0));
    assert_eq!((engine.ledger().sent_messages(), engine.recall_account()), (0, RecallAccount::default()));
    engine.set_recall_consent(true);
    assert_eq!(engine.take_answer(&encode(&world().0)), Err(Error::NotAsked));
    assert!(ask(&mut engine, 1, 0).is_some());
    engine.set_recall_consent(false);
    engine.set_recall_consent(true);
    assert_eq!(engine.take_answer(&encode(&world().0)), Err(Error::NotAsked), "taken back, the question is gone");
}

#[test]
fn songs_come_are_chosen_from_here_and_stand_in_the_ledger() {
    let mut engine = engine();
    engine.set_recall_consent(true);
    let question = ask(&mut engine, 1, 5).expect("nothing was asked yet");
    engine.record_asked(Millis(5));
    assert_eq!(engine.take_answer(&answer(&question)), Ok(60));
    assert_eq!(engine.recommend(None, 20, Millis(6)).placements().len(), 20);
    let entry = engine.ledger().entries().last().expect("an entry");
    assert_eq!((entry.direction, entry.bytes as usize), (Direction::Up, question.len()));
    assert_eq!(entry.message, "recall query");
    assert_eq!(engine.recall_account(), RecallAccount { questions: 1, epsilon: 150.0 });
}

#[test]
fn every_question_has_the_same_length_and_holds_no_interest_as_it_is() {
    let mut engine = engine();
    engine.set_recall_consent(true);
    let fresh = ask(&mut engine, 1, 0).expect("the first");
    engine.take_answer(&answer(&fresh)).expect("songs");
    let songs: Vec<SongId> = engine.recommend(None, 30, Millis(1)).songs().collect();
    songs.iter().zip(1..).for_each(|(song, i)| listen(&mut engine, *song, 1000 * i));
    let later = ask(&mut engine, 2, 8 * 24 * HOUR).expect("a week has gone by");
    assert_eq!(later.len(), fresh.len());
    // What left is not the quantised interest.
    let interest = engine.embed().queries[..D].to_vec();
    let mut codes = [0i8; D];
    quantize_row(&interest, &mut codes);
    let query: RecallQuery = decode(&later).expect("a question");
    assert_eq!(query.directions().len(), 3);
    assert!(query.directions().all(|direction| direction != codes));
}

#[test]
fn an_answer_is_used_again_until_the_taste_moves_and_a_pause_has_passed() {
    let mut engine = engine();
    engine.set_recall_consent(true);
    let question = ask(&mut engine, 1, 0).expect("the first");
    assert_eq!(ask(&mut engine, 2, HOUR), Some(question.clone()), "lost on its way, it is sent again as it was");
    assert_eq!(engine.recall_account().questions, 1, "which costs nothing");
    engine.take_answer(&answer(&question)).expect("songs");
    assert_eq!(ask(&mut engine, 3, 2 * HOUR), None, "nothing moved");
    let of_one_genre: Vec<SongId> = (0..400).map(SongId).filter(|s| s.0 % 5 == 2).collect();
    let here: Vec<SongId> = of_one_genre.into_iter().filter(|s| engine.items().slot(*s).is_some()).collect();
    assert!(!here.is_empty());
    for (song, i) in here.iter().cycle().take(40).zip(0..) {
        listen(&mut engine, *song, 1000 * i);
    }
    let strict = AskConfig { near: 0.9999, ..config() };
    let soon = engine.ask_recall(&strict, key(4), Millis(HOUR / 12)).map(|q| q.is_some());
    assert_eq!(soon, Ok(false), "moved, but within the pause");
    let later = engine.ask_recall(&strict, key(4), Millis(HOUR)).map(|q| q.is_some());
    assert_eq!((later, engine.recall_account().questions), (Ok(true), 2));
    engine.abandon_question();
    assert_eq!(ask(&mut engine, 5, 7 * 24 * HOUR).map(|q| q.len()), Some(question.len()), "stale after a week");
}

#[test]
fn a_restart_keeps_songs_and_account_but_not_consent() {
    let mut engine = engine();
    engine.set_recall_consent(true);
    let question = ask(&mut engine, 1, 0).expect("the first");
    engine.take_answer(&answer(&question)).expect("songs");
    let (kept, state) = (engine.snapshot(), engine.recall_state());
    let start = || {
        let mut again = Recommender::new(EngineConfig::default(), 3);
        again.restore(&kept).expect("a snapshot");
        again
    };
    let mut again = start();
    assert_eq!(again.restore_recall(&state, true), Ok(60));
    assert!(!again.recall_consent());
    again.set_recall_consent(true);
    assert_eq!((ask(&mut again, 2, HOUR), again.recall_account()), (None, engine.recall_account()));
    assert_eq!(again.recall_state(), state);
    let mut elsewhere = start();
    assert_eq!(elsewhere.restore_recall(&state, false), Ok(0));
    elsewhere.set_recall_consent(true);
    assert!(ask(&mut elsewhere, 2, HOUR).is_some(), "another catalogue is another question");
    assert_eq!(elsewhere.recall_account().questions, 2, "but the account goes on");
    // A second answer that is no shard: the songs of the first are left out with it.
    engine.asking.spoil();
    let mut spoilt = start();
    assert_eq!((spoilt.restore_recall(&engine.recall_state(), true), spoilt.items().len()), (Ok(0), 0));
    assert_eq!(spoilt.recall_account(), engine.recall_account());
    for cut in 0..state.len() {
        let before = again.recall_state();
        assert!(matches!(again.restore_recall(&state[..cut], true), Err(Error::Snapshot { .. })), "{cut} bytes");
        assert_eq!(again.recall_state(), before);
    }
}

#[test]
fn forgetting_takes_the_songs_that_were_asked_for() {
    let mut engine = engine();
    engine.set_recall_consent(true);
    let question = ask(&mut engine, 1, 0).expect("the first");
    engine.take_answer(&answer(&question)).expect("songs");
    engine.forget();
    assert!(engine.items().is_empty() && !engine.recall_consent());
    assert_eq!(engine.recall_account(), RecallAccount::default());
}

#[test]
fn settings_out_of_range_are_named() {
    let mut engine = engine();
    engine.set_recall_consent(true);
    for (config, what) in [
        (AskConfig { songs: 0, ..config() }, "songs"),
        (AskConfig { songs: 5001, ..config() }, "songs"),
        (AskConfig { interests: 17, ..config() }, "interests"),
        (AskConfig { epsilon: f64::NAN, ..config() }, "epsilon"),
    ] {
        assert_eq!(engine.ask_recall(&config, key(1), Millis(0)), Err(Error::Question { what }));
    }
    let mut empty = Recommender::new(EngineConfig::default(), 3);
    empty.set_recall_consent(true);
    assert_eq!(empty.ask_recall(&config(), key(1), Millis(0)), Err(Error::NothingToAskFrom));
}
