//! What happens between two songs allocates nothing once the engine is warm: no pause for a collector, no fragmented wasm memory.

#![cfg(not(target_arch = "wasm32"))]

use sottovoce::client::{EngineConfig, Recommender};
use sottovoce::ids::{ArtistId, Millis, SongId, WeightsVersion};
use sottovoce::math::{Rng, normalize, quantize_row};
use sottovoce::protocol::{CatalogueShard, TowerShape, TowerWeights, encode};
use sottovoce::session::{Feedback, Fraction, Impression, ListenEvent};
use sottovoce::tower::initial_weights;

const SONGS: u32 = 2000;
const DIMENSION: u32 = 32;
/// Longer than any history that the engine keeps, so that forgetting the oldest is part of it.
const WARM_UP: u64 = 1200;
const MEASURED: u64 = 200;

fn shard() -> CatalogueShard {
    let (d, mut rng) = (DIMENSION as usize, Rng::new(5));
    let mut rows = vec![0i8; SONGS as usize * d];
    let scales = rows.chunks_exact_mut(d).map(|codes| {
        let mut row: Vec<f32> = (0..d).map(|_| rng.normal()).collect();
        normalize(&mut row);
        quantize_row(&row, codes)
    });
    let scales = scales.collect();
    CatalogueShard {
        index: 0,
        dimension: DIMENSION,
        songs: (0..SONGS).map(SongId).collect(),
        artists: (0..SONGS).map(|i| ArtistId(i / 4)).collect(),
        popularity: vec![0.5; SONGS as usize],
        plays: (0..SONGS).collect(),
        scales,
        rows,
        ..CatalogueShard::default()
    }
    .filled()
}

fn engine() -> Recommender {
    let shape = TowerShape::usual(DIMENSION);
    let weights = TowerWeights { version: WeightsVersion(1), shape, values: initial_weights(shape, 1) };
    let mut engine = Recommender::new(EngineConfig::default(), 3);
    engine.load_shard(&encode(&shard())).expect("a good shard");
    engine.receive(&encode(&weights)).expect("good weights");
    engine
}

/// One step of listening: a slate, and what came of its first song. Only songs of a small circle, so that the library of songs ever heard
/// does not grow.
fn step(engine: &mut Recommender, turn: u64) {
    let now = Millis(1_000_000 + turn * 30_000);
    engine.recommend(None, 30, now);
    let song = SongId(u32::try_from(turn % 64).unwrap_or(0));
    let feedback = if turn % 5 < 2 { Feedback::Complete } else { Feedback::Skip { heard: Fraction::new(0.1) } };
    let impression = Impression { song, slot: 0, at: now };
    engine.observe(ListenEvent { impression, feedback, at: now }).expect("a resident song");
}

#[test]
fn a_warm_engine_allocates_nothing() {
    let mut engine = engine();
    (0..WARM_UP).for_each(|turn| step(&mut engine, turn));
    let seen = allocation_counter::measure(|| (0..MEASURED).for_each(|turn| step(&mut engine, WARM_UP + turn)));
    assert_eq!(seen.count_total, 0, "{} bytes in {MEASURED} steps", seen.bytes_total);
}
