//! What the targets share: a small engine, and using it after something was let in.

pub mod round;
pub mod seeds;
pub mod vaults;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sottovoce::client::{EngineConfig, Recommender};
use sottovoce::ids::{ArtistId, Millis, RoundId, SongId, WeightsVersion};
use sottovoce::math::quantize_row;
use sottovoce::protocol::{CatalogueShard, LocalPlan, RoundOffer, TowerShape, TowerWeights, encode};
use sottovoce::session::{Feedback, Fraction, Impression, ListenEvent};
use sottovoce::tower::initial_weights;
use std::collections::HashSet;

const SONGS: u32 = 24;
const DIMENSION: u32 = 4;
const NOW: Millis = Millis(1_000_000);

/// A good shard.
pub fn shard() -> CatalogueShard {
    let d = DIMENSION as usize;
    let mut rows = vec![0; SONGS as usize * d];
    let scales = rows.chunks_exact_mut(d).zip(0u16..).map(|(codes, i)| {
        let row: Vec<f32> = (0..4u16).map(|j| f32::from((i * 7 + j * 3) % 11) - 5.0).collect();
        quantize_row(&row, codes)
    });
    let scales = scales.collect();
    CatalogueShard {
        index: 0,
        dimension: DIMENSION,
        songs: (0..SONGS).map(SongId).collect(),
        artists: (0..SONGS).map(|i| ArtistId(i / 3)).collect(),
        popularity: vec![0.5; SONGS as usize],
        plays: (0..SONGS).collect(),
        scales,
        rows,
        ..CatalogueShard::default()
    }
    .filled()
}

/// Good weights for it.
pub fn weights() -> TowerWeights {
    let shape = TowerShape { attention: 2, hidden: 2, ..TowerShape::usual(DIMENSION) };
    TowerWeights { version: WeightsVersion(1), shape, values: initial_weights(shape, 1) }
}

/// A good invitation for them.
pub fn offer() -> RoundOffer {
    let plan = LocalPlan { epochs: 1, batch: 2, learning_rate: 0.1, negatives: 2, max_examples: 4, clip_norm: 1.0, proximal: 0.0 };
    RoundOffer { round: RoundId(1), weights: WeightsVersion(1), plan, cohort: 2, closes_at: NOW }
}

/// An engine with songs, weights and a listener who heard a few of them.
///
/// # Panics
/// If what is good is refused.
pub fn engine() -> Recommender {
    let mut engine = Recommender::new(EngineConfig { pool: 16, ..EngineConfig::default() }, 7);
    engine.load_shard(&encode(&shard())).expect("a good shard");
    engine.receive(&encode(&weights())).expect("good weights");
    for (song, feedback) in
        [(1, Feedback::Complete), (2, Feedback::Skip { heard: Fraction::new(0.1) }), (5, Feedback::Like)]
    {
        engine.observe(event(song, feedback)).expect("a resident song");
    }
    engine
}

fn event(song: u32, feedback: Feedback) -> ListenEvent {
    ListenEvent { impression: Impression { song: SongId(song), slot: 0, at: NOW }, feedback, at: NOW }
}

/// Whatever was let in, the engine still answers, no song twice, and what it keeps can be read again.
///
/// # Panics
/// If not; that is what the fuzzer looks for.
pub fn still_works(engine: &mut Recommender) {
    let slate: Vec<SongId> = engine.recommend(None, 8, NOW).placements().iter().map(|p| p.song).collect();
    assert_eq!(slate.iter().collect::<HashSet<_>>().len(), slate.len(), "a song twice");
    if let Some(song) = slate.first() {
        engine.observe(event(song.0, Feedback::Dislike)).expect("a song it recommended itself");
        engine.recommend(None, 8, NOW);
        engine.undo();
    }
    engine.interests(3);
    engine.less_of(0);
    let _ = engine.portrait();
    let kept = engine.snapshot();
    engine.restore(&kept).expect("its own snapshot");
    assert_eq!(engine.snapshot(), kept, "a snapshot changes by being read");
}

/// A body in the envelope of `client::store`, so that the fuzzer need not find a checksum: the first byte chooses the format.
pub fn snapshot(data: &[u8]) -> Vec<u8> {
    let (format, body) = data.split_first().map_or((2, data), |(first, rest)| (first % 4, rest));
    [b"SOTV".as_slice(), &[format], &fnv1a(body).to_le_bytes(), body].concat()
}

/// A body in the envelope of `client::secure`'s vault.
pub fn sealed(body: &[u8]) -> Vec<u8> {
    [b"SOTK\x01".as_slice(), &fnv1a(body).to_le_bytes(), body].concat()
}

/// A cryptographic source that gives the same each time.
pub fn unpredictable() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([3; 32])
}

fn fnv1a(body: &[u8]) -> u64 {
    body.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The input that [`snapshot`] makes this snapshot of.
pub fn unwrapped(snapshot: &[u8]) -> Vec<u8> {
    let mut data = vec![snapshot[4]];
    data.extend_from_slice(&snapshot[13..]);
    data
}
