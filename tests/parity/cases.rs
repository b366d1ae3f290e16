//! One computation per line of `tests/vectors/device.json`: everything the engine computes with, down to the bits. Included by the
//! native, the node and the browser test, so that all three run these very lines.

use sottovoce::client::{EngineConfig, Recommender, UpdateKey};
use sottovoce::ids::{ArtistId, Millis, RoundId, SongId, WeightsVersion};
use sottovoce::math::{Real, Rng, normalize, quantize_row};
use sottovoce::protocol::{CatalogueShard, Extraction, LocalPlan, RoundOffer, TowerShape, TowerWeights, encode};
use sottovoce::session::{Feedback, Fraction, Impression, ListenEvent};
use sottovoce::tower::{Context, initial_weights};

/// The recorded results, by name.
pub(crate) const VECTORS: &str = include_str!("../vectors/device.json");

const SHAPE: TowerShape =
    TowerShape { dimension: 24, attention: 12, hidden: 20, interests: 4, experts: 3, extraction: Extraction::Capsules };
const SONGS: u32 = 600;

/// Every case with its result in hexadecimal.
#[must_use]
pub(crate) fn results() -> Vec<(String, String)> {
    let mut out = vec![
        ("exp over [-20, 20]".to_owned(), digest(grid(-20.0, 20.0).map(Real::exp))),
        ("ln over (0, 40]".to_owned(), digest(grid(0.01, 40.0).map(Real::ln))),
        ("tanh over [-5, 5]".to_owned(), digest(grid(-5.0, 5.0).map(Real::tanh))),
        (
            "exp in f64".to_owned(),
            hex(fnv(grid(-20.0, 20.0).flat_map(|x| Real::exp(f64::from(x)).to_bits().to_le_bytes()))),
        ),
        ("random stream of seed 7".to_owned(), random()),
        ("initial weights of seed 5".to_owned(), digest(initial_weights(SHAPE, 5).into_iter())),
    ];
    let mut engine = engine();
    for step in 0u32..40 {
        let at = Millis(1_000_000 + 47_000 * u64::from(step));
        if step % 8 == 0 {
            let slate: Vec<u32> = engine.recommend(None, 30, at).songs().map(|s| s.0).collect();
            out.push((
                format!("slate before event {step}"),
                slate.iter().map(|s| format!("{s:x} ")).collect::<String>().trim().to_owned(),
            ));
        }
        let feedback = match step % 5 {
            0 | 3 => Feedback::Complete,
            1 => Feedback::Skip { heard: Fraction::new(0.07) },
            2 => Feedback::Like,
            _ => Feedback::Dislike,
        };
        let impression = Impression { song: SongId((step * 37) % SONGS), slot: 1, at };
        engine.observe(ListenEvent { impression, feedback, at }).expect("a resident song");
    }
    out.push(("interests after 40 events".to_owned(), digest(engine.embed().queries.iter().copied())));
    engine.set_consent(true);
    let plan = LocalPlan {
        epochs: 2,
        batch: 8,
        learning_rate: 0.1,
        negatives: 16,
        max_examples: 64,
        clip_norm: 0.8,
        proximal: 0.0,
    };
    let offer =
        RoundOffer { round: RoundId(3), weights: WeightsVersion(0), plan, cohort: 2, closes_at: Millis(u64::MAX) };
    engine.receive(&encode(&offer)).expect("an offer");
    let lessons = engine.contribute(UpdateKey([5; 16])).expect("everything is there");
    out.push(("lessons of the round".to_owned(), format!("{lessons:x}")));
    let outgoing = engine.outbox().expect("a message");
    out.push(("the round's message".to_owned(), hex(fnv(outgoing.bytes.iter().copied()))));
    out.push(("the snapshot".to_owned(), hex(fnv(engine.snapshot().into_iter()))));
    out
}

/// The recorded results as pairs.
#[must_use]
pub(crate) fn recorded() -> Vec<(String, String)> {
    let value: serde_json::Value = serde_json::from_str(VECTORS).expect("tests/vectors/device.json is JSON");
    let cases = value["cases"].as_array().expect("a list of cases");
    let text = |v: &serde_json::Value| v.as_str().expect("text").to_owned();
    cases.iter().map(|case| (text(&case["name"]), text(&case["bits"]))).collect()
}

fn engine() -> Recommender {
    let d = SHAPE.dimension as usize;
    let mut rng = Rng::new(21);
    let mut rows = vec![0i8; SONGS as usize * d];
    let mut scales = Vec::new();
    for codes in rows.chunks_exact_mut(d) {
        let mut row: Vec<f32> = (0..d).map(|_| rng.normal()).collect();
        normalize(&mut row);
        scales.push(quantize_row(&row, codes));
    }
    let shard = CatalogueShard {
        index: 0,
        dimension: SHAPE.dimension,
        songs: (0..SONGS).map(SongId).collect(),
        artists: (0..SONGS).map(|i| ArtistId(i % 90)).collect(),
        popularity: (0..SONGS).map(|_| rng.uniform()).collect(),
        plays: (0..SONGS).map(|_| rng.below(100)).collect(),
        scales,
        rows,
        styles: (0..SONGS).map(|i| (i % 7) as u16).collect(),
        ..CatalogueShard::default()
    }
    .filled();
    let weights = TowerWeights { version: WeightsVersion(0), shape: SHAPE, values: initial_weights(SHAPE, 5) };
    let mut engine = Recommender::new(EngineConfig { no_repeat: 12, ..EngineConfig::default() }, 9);
    engine.load_shard(&encode(&shard)).expect("a good shard");
    engine.receive(&encode(&weights)).expect("good weights");
    engine.set_context(Context { hour: Some(21), weekday: Some(4), device: Some(2), locale: Some(9), scene: Some(1) });
    engine
}

fn random() -> String {
    let mut rng = Rng::new(7);
    digest((0..256).map(|_| rng.normal() + rng.uniform()))
}

/// 1,001 points.
fn grid(low: f32, high: f32) -> impl Iterator<Item = f32> {
    (0u16..=1000).map(move |i| low + (high - low) * (f32::from(i) / 1000.0))
}

fn digest(values: impl Iterator<Item = f32>) -> String {
    hex(fnv(values.flat_map(|v| v.to_bits().to_le_bytes())))
}

fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn hex(value: u64) -> String {
    format!("{value:016x}")
}
