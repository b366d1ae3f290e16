//! What noise costs a listener who asks for songs, and what it still tells of them.
//!
//! Each listener's taste is one direction. It is noised once as a device noises it, and the catalogue is asked for the best `asked` songs
//! near the result. `found`: the share of the exact best [`NEAREST`] that is among them, which is what the device has left to choose from.
//! `recognised`: the share of listeners whose noised direction lies nearer to their own taste than to any other listener's, which is how
//! often somebody who knows all tastes would name the right one. It is a figure for one attack, not a bound; the bound is `2ε`.

use super::{Bootstrap, Interval, weighted_mean};
use crate::progress::{Progress, Report};
use crate::recall::{ExactIndex, NoisedRecall};
use crate::stage::Query;
use rayon::prelude::*;
use serde::Serialize;
use sottovoce::math::{ItemBlocks, Rng, top_k};
use sottovoce::privacy::{Epsilon, Interest, Noise, NoiseKey};
use sottovoce::protocol::RecallQuery;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many of the exact best are looked for.
pub const NEAREST: usize = 200;

/// What one amount of noise does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Blur {
    /// `ε` of one direction for a distance of 1.
    pub epsilon: f64,
    /// Mean cosine of the noised direction with the true one.
    pub cosine: f64,
    /// Share of listeners who are recognised by one question.
    pub recognised: Interval,
    /// By songs asked for: share of the exact best that came.
    pub found: Vec<Interval>,
}

/// A listener's question at one `ε`: cosine, recognised, found by songs asked for.
type Outcome = (f64, f64, Vec<f64>);

/// Noises every one of `tastes` (unit vectors, `recall`'s dimension each) at every one of `epsilons`. The same seed gives the same bits.
pub fn blur(
    recall: &NoisedRecall,
    index: &ExactIndex,
    tastes: &[Vec<f32>],
    epsilons: &[Epsilon],
    asked: &[u32],
    seed: u64,
    report: Report<'_>,
) -> Vec<Blur> {
    let d = recall.dimension() as usize;
    let mut crowd = ItemBlocks::new(d);
    tastes.iter().for_each(|taste| {
        crowd.push(taste);
    });
    let nearest = |taste: &Vec<f32>| -> HashSet<u32> {
        index.search(taste, &Query { k: NEAREST, ..Query::default() }).iter().map(|c| c.song.0).collect()
    };
    let exact: Vec<HashSet<u32>> = tastes.par_iter().map(nearest).collect();
    let (done, total) = (AtomicU64::new(0), (epsilons.len() * tastes.len()) as u64);
    let rng = Rng::new(seed).split("recall noise");
    let most = asked.iter().copied().max().unwrap_or(1);
    let question = |at: usize, epsilon: Epsilon| -> Outcome {
        // A measurement replays from its seed; a device's key never does.
        let mut rng = rng.split_at(at as u64).split_at(epsilon.get().to_bits());
        let mut key = [0; 32];
        key.chunks_exact_mut(8).for_each(|part| part.copy_from_slice(&rng.next_u64().to_le_bytes()));
        let taste = &tastes[at];
        let noised = Interest::new(taste.clone()).clip(1.0).noised(epsilon, &mut Noise::new(NoiseKey::new(key)));
        let direction: Vec<f32> = noised.codes().iter().map(|code| f32::from(*code)).collect();
        let mut near = Vec::new();
        crowd.dot_all(&direction, &mut near);
        near.truncate(tastes.len());
        let mut best = Vec::new();
        top_k(&near, 1, &mut best);
        let recognised = best.first().is_some_and(|best| *best as usize == at);
        let found = |asked: &u32| {
            let query = RecallQuery::new((*asked).clamp(1, most), std::slice::from_ref(&noised));
            let places = query.map(|query| recall.places(&query)).unwrap_or_default();
            share(places.iter().filter(|place| exact[at].contains(place)).count(), exact[at].len())
        };
        let outcome = (cosine(&direction, taste), f64::from(u8::from(recognised)), asked.iter().map(found).collect());
        report(Progress { step: "noise", done: done.fetch_add(1, Ordering::Relaxed) + 1, total });
        outcome
    };
    let at = |epsilon: &Epsilon| {
        let outcomes: Vec<Outcome> = (0..tastes.len()).into_par_iter().map(|i| question(i, *epsilon)).collect();
        let column =
            |what: &dyn Fn(&Outcome) -> f64| -> Vec<Option<f64>> { outcomes.iter().map(|o| Some(what(o))).collect() };
        let mut columns = vec![column(&|o| o.0), column(&|o| o.1)];
        columns.extend((0..asked.len()).map(|a| column(&|o| o.2[a])));
        let drawn = Bootstrap::run(tastes.len(), 200, seed, &|weights| {
            columns.iter().map(|column| weighted_mean(column, weights)).collect()
        });
        Blur {
            epsilon: epsilon.get(),
            cosine: drawn.interval(0).value,
            recognised: drawn.interval(1),
            found: (0..asked.len()).map(|a| drawn.interval(2 + a)).collect(),
        }
    };
    epsilons.iter().map(at).collect()
}

#[allow(clippy::cast_precision_loss, reason = "counts of songs")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let sum = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let lengths = (sum(a, a) * sum(b, b)).sqrt();
    if lengths > 0.0 { sum(a, b) / lengths } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::quiet;
    use sottovoce::ids::{ArtistId, SongId};
    use sottovoce::math::{normalize, quantize_row};
    use sottovoce::protocol::CatalogueShard;

    #[test]
    fn less_noise_finds_more_and_tells_more() {
        const D: usize = 8;
        let mut rng = Rng::new(3);
        let mut unit = || {
            let mut v: Vec<f32> = (0..D).map(|_| rng.normal()).collect();
            normalize(&mut v);
            v
        };
        let rows: Vec<Vec<f32>> = (0..1000).map(|_| unit()).collect();
        let tastes: Vec<Vec<f32>> = (0..200).map(|_| unit()).collect();
        let mut codes = vec![0; 1000 * D];
        let scales = rows.iter().zip(codes.chunks_exact_mut(D)).map(|(row, codes)| quantize_row(row, codes)).collect();
        let shard = CatalogueShard {
            dimension: 8,
            songs: (0..1000).map(SongId).collect(),
            artists: vec![ArtistId(0); 1000],
            popularity: vec![0.5; 1000],
            plays: vec![1; 1000],
            scales,
            rows: codes,
            ..CatalogueShard::default()
        };
        let recall = NoisedRecall::new(vec![shard.filled()]);
        let index = ExactIndex::new(D, &rows.concat());
        let epsilons = [1e-3, 10.0, 100.0, 1e5].map(|e| Epsilon::new(e).unwrap());
        let found = blur(&recall, &index, &tastes, &epsilons, &[200, 600], 7, &quiet);
        let [none, some, little, exact] = &found[..] else { panic!("four settings") };
        assert!((none.found[0].value - 0.2).abs() < 0.06, "noise alone finds as many as chance: {none:?}");
        assert!(none.found[0].value < some.found[0].value && some.found[0].value < little.found[0].value);
        assert!(
            little.found[0].value < exact.found[0].value && exact.found[0].value > 0.97 && exact.found[1].value > 0.999
        );
        assert!(none.recognised.value < 0.1 && exact.recognised.value > 0.99);
        assert!(none.cosine.abs() < 0.1 && exact.cosine > 0.999);
        assert!(found.iter().all(|f| f.found[0].value <= f.found[1].value));
        assert_eq!(found, blur(&recall, &index, &tastes, &epsilons, &[200, 600], 7, &quiet));
    }
}
