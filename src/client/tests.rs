//! The engine as a page uses it.

use super::*;
use crate::ids::{ArtistId, Millis, RoundId, SongId, WeightsVersion};
use crate::math::{Rng, quantize_row};
use crate::protocol::{
    CatalogueShard, Extraction, LocalPlan, Receipt, ReceiptStatus, RoundOffer, TowerShape, TowerWeights, WeightUpdate,
    decode, encode,
};
use crate::session::{Feedback, Fraction, Impression, ListenEvent};
use crate::tower::initial_weights;

const SHAPE: TowerShape =
    TowerShape { dimension: 8, attention: 4, hidden: 6, interests: 3, experts: 2, extraction: Extraction::Capsules };

/// 200 songs of 40 artists in five genres, each genre a direction.
fn shard() -> CatalogueShard {
    let mut rng = Rng::new(11);
    let n = 200u32;
    let mut rows = vec![0i8; 200 * 8];
    let scales = rows
        .chunks_exact_mut(8)
        .zip(0u32..)
        .map(|(codes, i)| {
            let mut v: Vec<f32> = (0..8).map(|_| 0.25 * rng.normal()).collect();
            v[(i % 5) as usize] += 1.0;
            crate::math::normalize(&mut v);
            quantize_row(&v, codes)
        })
        .collect();
    CatalogueShard {
        index: 0,
        dimension: 8,
        songs: (0..n).map(SongId).collect(),
        artists: (0..n).map(|i| ArtistId(i / 5)).collect(),
        popularity: (0..200u8).map(|i| f32::from(i % 7) / 10.0).collect(),
        plays: (0..n).collect(),
        scales,
        rows,
        styles: (0..200).map(|i| 1 + i % 5).collect(),
        ..CatalogueShard::default()
    }
    .filled()
}

fn weights(version: u64) -> TowerWeights {
    TowerWeights { version: WeightsVersion(version), shape: SHAPE, values: initial_weights(SHAPE, 1) }
}

fn offer(round: u64, weights: u64) -> RoundOffer {
    let plan = LocalPlan {
        epochs: 2,
        batch: 4,
        learning_rate: 0.1,
        negatives: 8,
        max_examples: 64,
        clip_norm: 0.5,
        proximal: 0.0,
    };
    RoundOffer { round: RoundId(round), weights: WeightsVersion(weights), plan, cohort: 4, closes_at: Millis(9_000) }
}

fn engine() -> Recommender {
    let mut engine = Recommender::new(EngineConfig::default(), 3);
    engine.load_shard(&encode(&shard())).expect("a good shard");
    engine.receive(&encode(&weights(0))).expect("good weights");
    engine
}

fn listen(engine: &mut Recommender, song: u32, feedback: Feedback, at: u64) {
    let at = Millis(at);
    let impression = Impression { song: SongId(song), slot: 0, at };
    engine.observe(ListenEvent { impression, feedback, at }).expect("a resident song");
}

/// A listener who finishes songs of the first genre and skips the second's.
fn fan(engine: &mut Recommender) {
    for i in 0..12 {
        listen(engine, 5 * i, Feedback::Complete, 60_000 * u64::from(i));
        listen(engine, 5 * i + 1, Feedback::Skip { heard: Fraction::new(0.05) }, 60_000 * u64::from(i) + 30_000);
    }
}

fn genre_share(songs: &[u32], genre: u32) -> f32 {
    #[allow(clippy::cast_precision_loss, reason = "a few songs")]
    let share = songs.iter().filter(|s| *s % 5 == genre).count() as f32 / songs.len() as f32;
    share
}

fn slate(engine: &mut Recommender, k: usize, now: u64) -> Vec<u32> {
    engine.recommend(None, k, Millis(now)).songs().map(|s| s.0).collect()
}

#[test]
fn the_queue_follows_what_is_finished_and_flees_what_is_skipped() {
    let mut engine = engine();
    let before = slate(&mut engine, 30, 0);
    fan(&mut engine);
    let after = slate(&mut engine, 30, 800_000);
    assert!(genre_share(&after, 0) > genre_share(&before, 0) + 0.2, "{before:?} {after:?}");
    assert!(genre_share(&after, 1) < 0.1, "{after:?}");
}

#[test]
fn one_skip_changes_the_very_next_queue() {
    let mut engine = engine();
    fan(&mut engine);
    let before = slate(&mut engine, 30, 800_000);
    listen(&mut engine, before[0], Feedback::Skip { heard: Fraction::new(0.02) }, 801_000);
    let after = slate(&mut engine, 30, 801_000);
    assert_ne!(before[1..], after[..29], "the skip only dropped the song it was about");
    assert!(!after.contains(&before[0]));
}

#[test]
fn candidates_bound_the_slate_and_order_of_asking_does_not_matter() {
    let mut engine = engine();
    fan(&mut engine);
    let some: Vec<SongId> = (60..120).map(SongId).collect();
    let picked: Vec<SongId> = engine.recommend(Some(&some), 10, Millis(800_000)).songs().collect();
    assert_eq!(picked.len(), 10);
    assert!(picked.iter().all(|s| some.contains(s)));
    let everything: Vec<SongId> = (0..200).map(SongId).collect();
    let by_list: Vec<SongId> = engine.recommend(Some(&everything), 30, Millis(800_000)).songs().collect();
    let by_scan: Vec<SongId> = engine.recommend(None, 30, Millis(800_000)).songs().collect();
    assert_eq!(by_list, by_scan);
}

#[test]
fn a_disliked_song_never_comes_back() {
    let mut engine = engine();
    let first = slate(&mut engine, 1, 0)[0];
    listen(&mut engine, first, Feedback::Dislike, 1);
    for i in 0..150u32 {
        listen(&mut engine, (first + 1 + i) % 200, Feedback::Complete, 1_000 * u64::from(i));
    }
    assert!(!slate(&mut engine, 200, 1_000_000).contains(&first));
}

#[test]
fn undo_restores_the_queue() {
    let mut engine = Recommender::new(EngineConfig { personal_rate: 0.0, ..EngineConfig::default() }, 3);
    engine.load_shard(&encode(&shard())).expect("a good shard");
    engine.receive(&encode(&weights(0))).expect("good weights");
    fan(&mut engine);
    let before = slate(&mut engine, 30, 900_000);
    listen(&mut engine, 7, Feedback::Dislike, 900_000);
    assert_ne!(slate(&mut engine, 30, 900_000), before);
    assert_eq!(engine.undo().map(|e| e.impression.song), Some(SongId(7)));
    assert_eq!(slate(&mut engine, 30, 900_000), before);
}

#[test]
fn a_round_needs_consent_then_an_offer_then_the_rounds_weights() {
    let mut engine = engine();
    fan(&mut engine);
    let key = UpdateKey([9; 16]);
    assert_eq!(engine.contribute(key), Err(Error::ConsentOff));
    engine.set_consent(true);
    assert_eq!(engine.contribute(key), Err(Error::NoOffer));
    engine.receive(&encode(&offer(5, 3))).expect("an offer");
    let needed = WeightsVersion(3);
    assert_eq!(engine.contribute(key), Err(Error::WeightsVersion { needed, held: Some(WeightsVersion(0)) }));
    engine.receive(&encode(&weights(3))).expect("the round's weights");
    assert!(engine.contribute(key).expect("everything is there") > 0);

    let outgoing = engine.outbox().expect("a message").clone();
    let update: WeightUpdate = decode(&outgoing.bytes).expect("a weight update");
    assert_eq!((update.round(), update.weights()), (RoundId(5), needed));
    assert_eq!(update.values().len(), initial_weights(SHAPE, 1).len());
    let norm = update.values().iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
    assert!(norm > 0.0 && norm <= 0.5 + 1e-6, "norm {norm}");

    engine.record_sent(Millis(1));
    assert_eq!((engine.ledger().sent_messages(), engine.ledger().sent_bytes()), (1, outgoing.bytes.len() as u64));
    let receipt = Receipt { round: RoundId(5), status: ReceiptStatus::Accepted };
    engine.receive(&encode(&receipt)).expect("a receipt");
    assert_eq!(engine.outbox(), None);
    engine.receive(&encode(&offer(5, 3))).expect("the same offer again");
    assert_eq!(engine.contribute(key), Ok(0), "one update a round");
}

#[test]
fn taking_consent_back_empties_the_outbox() {
    let mut engine = engine();
    fan(&mut engine);
    engine.set_consent(true);
    engine.receive(&encode(&offer(1, 0))).expect("an offer");
    assert!(engine.contribute(UpdateKey([1; 16])).expect("trains") > 0);
    engine.set_consent(false);
    assert_eq!(engine.outbox(), None);
    assert_eq!(engine.offer(), None);
}

/// The update of a listener is no list of what was heard: its length and its bytes are the same for everybody.
#[test]
fn every_update_has_the_same_length() {
    let lengths: Vec<usize> = [1u32, 30]
        .map(|events| {
            let mut engine = engine();
            for i in 0..=events {
                listen(&mut engine, 3 * i, Feedback::Complete, 1_000 * u64::from(i));
            }
            engine.set_consent(true);
            engine.receive(&encode(&offer(1, 0))).expect("an offer");
            assert!(engine.contribute(UpdateKey([1; 16])).expect("trains") > 0);
            engine.outbox().expect("a message").bytes.len()
        })
        .into();
    assert_eq!(lengths[0], lengths[1]);
}

#[test]
fn a_snapshot_takes_up_where_it_left_off_even_before_the_songs_come() {
    let mut first = engine();
    fan(&mut first);
    first.set_consent(true);
    first.receive(&encode(&offer(1, 0))).expect("an offer");
    first.contribute(UpdateKey([1; 16])).expect("trains");
    let bytes = first.snapshot();

    let mut second = Recommender::new(EngineConfig::default(), 3);
    second.restore(&bytes).expect("a good snapshot");
    second.load_shard(&encode(&shard())).expect("a good shard");
    assert_eq!(slate(&mut second, 30, 800_000), slate(&mut first, 30, 800_000));
    assert_eq!(second.outbox(), first.outbox());
    assert_eq!(second.snapshot(), bytes);

    let mut damaged = bytes.clone();
    damaged[40] ^= 1;
    assert!(matches!(second.restore(&damaged), Err(Error::Snapshot { .. })));
    assert_eq!(second.snapshot(), bytes, "the present state stays");
}

#[test]
fn forgetting_leaves_nothing_of_the_listener() {
    let mut engine = engine();
    let fresh = engine.snapshot();
    let before = slate(&mut engine, 30, 0);
    fan(&mut engine);
    engine.set_consent(true);
    engine.record_received("weights", 10, "shared weights", Millis(1));
    engine.forget();
    assert_eq!(engine.snapshot(), fresh);
    assert_eq!(slate(&mut engine, 30, 0), before);
}

#[test]
fn the_same_seed_and_events_give_the_same_bytes() {
    let run = || {
        let mut engine = engine();
        fan(&mut engine);
        engine.set_consent(true);
        engine.receive(&encode(&offer(1, 0))).expect("an offer");
        engine.contribute(UpdateKey([1; 16])).expect("trains");
        engine.snapshot()
    };
    assert_eq!(run(), run());
}

#[test]
fn an_event_about_an_unknown_song_changes_nothing() {
    let mut engine = engine();
    let before = engine.snapshot();
    let at = Millis(1);
    let impression = Impression { song: SongId(4_000), slot: 0, at };
    let event = ListenEvent { impression, feedback: Feedback::Complete, at };
    assert_eq!(engine.observe(event), Err(Error::UnknownSong { song: SongId(4_000) }));
    assert_eq!(engine.snapshot(), before);
}

#[test]
fn a_block_outlives_the_history() {
    let mut engine = Recommender::new(EngineConfig { history: 20, ..EngineConfig::default() }, 3);
    engine.load_shard(&encode(&shard())).expect("a good shard");
    listen(&mut engine, 9, Feedback::Dislike, 1);
    for i in 0..100u32 {
        listen(&mut engine, 10 + i, Feedback::Complete, 1_000 * u64::from(i));
    }
    assert_eq!(engine.history().len(), 20);
    assert!(!slate(&mut engine, 200, 1_000_000).contains(&9));
    let bytes = engine.snapshot();
    let mut again = Recommender::new(EngineConfig { history: 20, ..EngineConfig::default() }, 3);
    again.load_shard(&encode(&shard())).expect("a good shard");
    again.restore(&bytes).expect("a good snapshot");
    assert!(!slate(&mut again, 200, 1_000_000).contains(&9));
}

#[test]
fn less_of_an_interest_is_less_of_its_songs_until_it_is_taken_back() {
    let mut engine = engine();
    fan(&mut engine);
    let before = slate(&mut engine, 30, 90_000_000);
    assert!(genre_share(&before, 0) > 0.3, "{before:?}");
    let interests = engine.interests(5);
    assert!((interests.iter().map(|i| i.weight).sum::<f32>() - 1.0).abs() < 1e-6);
    let index = interests.iter().position(|i| i.songs[0].0 % 5 == 0).expect("the first genre is an interest");
    assert!(interests.iter().all(|i| i.muted.is_none()));
    assert!(engine.less_of(index));
    assert_eq!(engine.interests(5)[index].muted, Some(0), "still an interest, and known for one that was muted");
    let after = slate(&mut engine, 30, 90_000_000);
    assert!(genre_share(&after, 0) < 0.5 * genre_share(&before, 0), "{before:?} {after:?}");
    assert_eq!(engine.muted(3).len(), 1);
    assert!(engine.unmute(0) && !engine.unmute(0));
    assert!(engine.interests(5).iter().all(|i| i.muted.is_none()));
    assert_eq!(slate(&mut engine, 30, 90_000_000), before);
}

#[test]
fn an_interest_is_not_taken_for_another_that_was_muted() {
    let mut engine = engine();
    fan(&mut engine);
    let vector = engine.interests(0).swap_remove(0).vector;
    let turned = vector.iter().rev().copied().collect();
    for other in [turned, vector.iter().map(|v| -v).collect()] {
        engine.kept.tastes.mute(other);
    }
    assert!(engine.interests(0).iter().all(|i| i.muted.is_none()));
    engine.kept.tastes.mute(vector);
    assert_eq!(engine.interests(0)[0].muted, Some(2));
}

#[test]
fn a_radio_stays_around_its_song_and_a_scene_lasts_one_slate() {
    let mut engine = engine();
    fan(&mut engine);
    let before = slate(&mut engine, 20, 90_000_000);
    let config = EngineConfig { session: 0.0, diversity: 0.0, ..EngineConfig::default() };
    let request = Request { candidates: None, k: 20, now: Millis(90_000_000), around: Some(SongId(3)) };
    let radio: Vec<u32> = engine.recommend_with(&config, request).songs().map(|s| s.0).collect();
    assert!(genre_share(&radio, 3) > 0.8 && !radio.contains(&3), "{radio:?}");
    assert_eq!(slate(&mut engine, 20, 90_000_000), before);
    let near = engine.near(SongId(3), 10);
    assert!(near.len() == 10 && !near.contains(&SongId(3)));
}

#[test]
fn an_equal_quota_gives_the_lesser_interest_its_share() {
    let mut engine = engine();
    for i in 0..30u32 {
        let song = if i % 6 == 5 { 5 * (i % 40) + 2 } else { 5 * (i % 40) };
        listen(&mut engine, song, Feedback::Complete, 60_000 * u64::from(i));
    }
    let least = |engine: &mut Recommender, quota: bool| {
        let config =
            EngineConfig { quota, pool: 24, session: 0.0, diversity: 0.0, no_repeat: 1, ..EngineConfig::default() };
        let request = Request { candidates: None, k: 24, now: Millis(1 << 40), around: None };
        let songs: Vec<u32> = engine.recommend_with(&config, request).songs().map(|s| s.0).collect();
        genre_share(&songs, 0).min(genre_share(&songs, 2))
    };
    let (equal, merged) = (least(&mut engine, true), least(&mut engine, false));
    assert!(equal > merged, "the lesser of two interests has {equal} of the slate with a quota, {merged} without");
}

#[test]
fn imported_listening_takes_its_place_in_time() {
    let mut engine = engine();
    listen(&mut engine, 1, Feedback::Complete, 5_000);
    let event = |song: u32, at: u64| {
        let at = Millis(at);
        ListenEvent { impression: Impression { song: SongId(song), slot: 0, at }, feedback: Feedback::Complete, at }
    };
    assert_eq!(engine.import([event(3, 9_000), event(2, 1_000), event(9_999, 1)]), 2);
    let order: Vec<u32> = engine.history().iter().map(|r| r.event.impression.song.0).collect();
    assert_eq!((order, engine.heard()), (vec![2, 1, 3], 3));
    assert_eq!(engine.library().songs().len(), 3);
}

#[test]
fn a_portrait_tells_a_fan_from_a_wanderer() {
    let (mut fan, mut wanderer) = (engine(), engine());
    for i in 0..40u32 {
        listen(&mut fan, 5 * (i % 4), Feedback::Complete, u64::from(i));
        listen(&mut wanderer, i, Feedback::Complete, u64::from(i));
    }
    let (fan, wanderer) = (fan.portrait(), wanderer.portrait());
    let value = |t: Option<Trait>| t.expect("forty plays tell").value;
    assert!(value(fan.explore) < value(wanderer.explore));
    assert!(value(fan.diverse) < value(wanderer.diverse));
    assert!(value(fan.focused) > value(wanderer.focused));
    assert_eq!(fan.new_songs, None, "no song has a year");
}

#[test]
fn scores_are_what_recommend_compares() {
    let mut engine = engine();
    fan(&mut engine);
    let now = Millis(2_000_000);
    let slate: Vec<SongId> = engine.recommend(None, 5, now).songs().collect();
    let songs: Vec<SongId> = (0..201).map(SongId).collect();
    let scores = engine.scores(&songs, now).to_vec();
    assert!(scores[..200].iter().all(|s| s.is_finite()) && scores[200].is_nan(), "song 200 is not resident");
    let parts = |song: SongId| engine.slate().placements().iter().find(|p| p.song == song).map(|p| p.score());
    // The slate's parts leave out what is the same for all, so differences are what agrees.
    for pair in slate.windows(2) {
        let (a, b) = (parts(pair[0]).unwrap_or(f32::NAN), parts(pair[1]).unwrap_or(f32::NAN));
        let [x, y] = [pair[0], pair[1]].map(|s| scores[s.0 as usize]);
        assert!(((a - b) - (x - y)).abs() < 1e-3, "{a} − {b} and {x} − {y}");
    }
    // The slate stays.
    assert!(engine.slate().songs().eq(slate.iter().copied()));
}

#[test]
fn hostile_weights_leave_a_snapshot_that_can_be_read() {
    let mut engine = engine();
    fan(&mut engine);
    let hostile = TowerWeights { values: vec![1e38; weights(0).values.len()], ..weights(1) };
    engine.receive(&encode(&hostile)).expect("finite, and so let in");
    listen(&mut engine, 5, Feedback::Complete, 900_000);
    listen(&mut engine, 6, Feedback::Dislike, 950_000);
    engine.less_of(0);
    let kept = engine.snapshot();
    engine.restore(&kept).expect("its own snapshot");
    assert_eq!(engine.snapshot(), kept);
}
