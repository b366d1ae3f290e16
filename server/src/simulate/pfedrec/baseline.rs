//! What PFedRec is measured against, on the same held-out songs: popularity, and matrix factorisation that sees everybody's log.

use super::world::World;
use sottovoce::math::{Rng, dot, sigmoid};

/// How many listeners trained on each song.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "fewer than 2²⁴ listeners")]
pub fn popularity(world: &World) -> Vec<f32> {
    let mut counts = vec![0.0f32; world.songs as usize];
    for listener in &world.listeners {
        let mut songs = listener.train.clone();
        songs.sort_unstable();
        songs.dedup();
        songs.iter().for_each(|song| counts[*song as usize] += 1.0);
    }
    counts
}

/// How [`Factors`] trains.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FactorsConfig {
    /// d.
    pub dimension: usize,
    /// Drawn songs beside each row.
    pub negatives: usize,
    /// η.
    pub eta: f32,
    /// λ, on the rows that a sample touches.
    pub decay: f32,
    /// Start and samples are drawn from it.
    pub seed: u64,
}

impl Default for FactorsConfig {
    fn default() -> Self {
        Self { dimension: 32, negatives: 4, eta: 0.05, decay: 0.01, seed: 0 }
    }
}

/// Centralised matrix factorisation over the samples that the devices train on: ŷ = σ(⟨pᵤ, qᵢ⟩ + bᵢ), binary cross-entropy, one
/// step of stochastic gradient descent a sample.
///
/// Source: Koren, Bell, Volinsky, *Matrix Factorization Techniques for Recommender Systems*, Computer 2009, with the logistic loss
/// for implicit feedback of Johnson, *Logistic Matrix Factorization*, 2014.
#[derive(Clone, Debug)]
pub struct Factors {
    p: Vec<f32>,
    q: Vec<f32>,
    bias: Vec<f32>,
    config: FactorsConfig,
    epochs: u64,
}

impl Factors {
    /// Before the first epoch: small normal factors.
    #[must_use]
    pub fn new(world: &World, config: FactorsConfig) -> Self {
        let mut rng = Rng::new(config.seed).split("factors start");
        let mut draw = |rows: usize| (0..rows * config.dimension).map(|_| 0.1 * rng.normal()).collect();
        let (p, q) = (draw(world.listeners.len()), draw(world.songs as usize));
        Self { p, q, bias: vec![0.0; world.songs as usize], config, epochs: 0 }
    }

    /// One pass over everybody's rows in drawn order.
    pub fn epoch(&mut self, world: &World) {
        let mut rng = Rng::new(self.config.seed).split("factors epochs").split_at(self.epochs);
        self.epochs += 1;
        let mut rows: Vec<(u32, u32)> = (0..)
            .zip(&world.listeners)
            .flat_map(|(user, listener)| listener.train.iter().map(move |song| (user, *song)))
            .collect();
        rng.shuffle(&mut rows);
        let mut drawn = vec![];
        for (user, song) in rows {
            self.step(user as usize, song as usize, 1.0);
            let listener = &world.listeners[user as usize];
            listener.draw_negatives(self.config.negatives, world.songs, &mut rng, &mut drawn);
            drawn.iter().for_each(|song| self.step(user as usize, *song as usize, 0.0));
        }
    }

    fn step(&mut self, user: usize, song: usize, y: f32) {
        let FactorsConfig { dimension: d, eta, decay, .. } = self.config;
        let (p, q) = (&mut self.p[user * d..][..d], &mut self.q[song * d..][..d]);
        let g = sigmoid(dot(p, q) + self.bias[song]) - y;
        for (p, q) in p.iter_mut().zip(q) {
            let (dp, dq) = (g * *q + decay * *p, g * *p + decay * *q);
            *p -= eta * dp;
            *q -= eta * dq;
        }
        self.bias[song] -= eta * g;
    }

    /// The logits of all songs for one listener.
    #[must_use]
    pub fn logits(&self, user: usize) -> Vec<f32> {
        let d = self.config.dimension;
        let mut logits = self.bias.clone();
        let p = &self.p[user * d..][..d];
        logits.iter_mut().zip(self.q.chunks_exact(d)).for_each(|(logit, q)| *logit += dot(p, q));
        logits
    }

    /// The logits of some songs.
    #[must_use]
    pub fn logits_of(&self, user: usize, songs: &[u32]) -> Vec<f32> {
        let d = self.config.dimension;
        let p = &self.p[user * d..][..d];
        let of = |song: &u32| dot(p, &self.q[*song as usize * d..][..d]) + self.bias[*song as usize];
        songs.iter().map(of).collect()
    }
}
