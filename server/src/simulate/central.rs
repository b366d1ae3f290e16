//! The same tower, trained where all histories lie in one place: what the rounds are measured against.

use super::Population;
use rayon::prelude::*;
use sottovoce::client::{Lesson, Negatives, Past};
use sottovoce::learn::Adam;
use sottovoce::math::Rng;
use sottovoce::tower::UserTower;

/// How the centrally trained twin is trained.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CentralConfig {
    /// Passes over all lessons.
    pub epochs: u32,
    /// Lessons of one step.
    pub batch: usize,
    /// Adam's step size.
    pub learning_rate: f32,
    /// Sampled songs set against each heard one.
    pub negatives: usize,
    /// Seed of shuffles and negatives.
    pub seed: u64,
}

impl Default for CentralConfig {
    fn default() -> Self {
        Self { epochs: 10, batch: 256, learning_rate: 1e-3, negatives: 64, seed: 2020 }
    }
}

/// Lessons of one batch that one worker sums up: small enough to share a batch between cores, fixed so that sums do not depend
/// on how many there are.
const GRAIN: usize = 32;

/// Trains the shared weights by Adam over everyone's lessons. Calls `after_epoch` with the epoch, the mean loss and the tower; the
/// same seed gives the same bits for any number of cores.
pub fn train_centrally(
    tower: &mut UserTower,
    population: &Population,
    config: &CentralConfig,
    mut after_epoch: impl FnMut(u32, f32, &UserTower),
) {
    let items = &population.items;
    let negatives = Negatives { items, count: config.negatives };
    let pasts: Vec<Past> = population.listeners.iter().map(|l| Past::new(l.engine().history(), items)).collect();
    let mut lessons: Vec<(usize, usize)> = pasts
        .iter()
        .enumerate()
        .flat_map(|(p, past)| past.lessons(usize::MAX).into_iter().map(move |i| (p, i)))
        .collect();
    let shared = tower.shared().len();
    let mut adam = Adam::new(shared, config.learning_rate);
    let rng = Rng::new(config.seed).split("central");
    let mut step = 0u64;
    for epoch in 0..config.epochs {
        rng.split("order").split_at(u64::from(epoch)).shuffle(&mut lessons);
        let mut total = 0.0;
        for batch in lessons.chunks(config.batch.max(1)) {
            #[allow(clippy::cast_precision_loss, reason = "batches are small")]
            let scale = 1.0 / batch.len() as f32;
            let parts: Vec<(f32, Vec<f32>)> = batch
                .par_chunks(GRAIN)
                .enumerate()
                .map(|(part, lessons)| {
                    let mut rng = rng.split_at(step).split_at(part as u64);
                    let mut gradient = vec![0.0; tower.weights().len()];
                    let mut lesson = Lesson::default();
                    let mut loss = 0.0;
                    for &(p, i) in lessons {
                        loss += pasts[p].learn(i, tower, negatives, &mut rng, scale, &mut lesson, &mut gradient);
                    }
                    (loss, gradient)
                })
                .collect();
            let mut gradient = vec![0.0; shared];
            for (loss, part) in &parts {
                total += loss;
                for (sum, value) in gradient.iter_mut().zip(part) {
                    *sum += value;
                }
            }
            adam.step(&mut tower.weights_mut()[..shared], &gradient);
            step += 1;
        }
        #[allow(clippy::cast_precision_loss, reason = "fewer than 2²⁴ lessons matter to a mean")]
        after_epoch(epoch, total / lessons.len().max(1) as f32, tower);
    }
}
