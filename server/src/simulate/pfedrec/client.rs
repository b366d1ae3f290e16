//! What a device does in PFedRec: a score function of its own, and a view of its own of everybody's item embeddings.
//!
//! Source: Zhang, Long, Zhou, Yan, Zhang, Zhang, Yang, *Dual Personalization on Federated Recommendation*, IJCAI 2023, §4
//! and Algorithm 1; learning rates, batches and the order of steps are those of the authors' code.
//!
//! | here | paper | is |
//! |---|---|---|
//! | `items` | θᵐ, E | item embeddings, m × d, from the server |
//! | `rows` | θᵐᵢ | the device's view: rows tuned on its own data; all others are the server's |
//! | `score.w`, `score.b` | θˢᵢ | the score function, one layer: ŷ = σ(⟨w, e⟩ + b); never sent |
//! | `eta` | η | step of the score function |
//! | `eta · m · ratio` | η₂ | step of an item row; large, because a row meets few of a batch's samples |
//!
//! One batch B takes two steps on the binary cross-entropy L = −1/|B| Σ y ln ŷ + (1 − y) ln(1 − ŷ): first w and b move with the
//! items still, then, with ŷ taken again, the items move with w still (the paper's *post-tuning*). With g = (ŷ − y) / |B|:
//! ∂L/∂w = Σ g e, ∂L/∂b = Σ g, ∂L/∂eⱼ = Σ_{j in B} g w.
//!
//! Kept: all of it. Left out: weight decay, which the authors' code has and sets to 0; noise on the upload (§4.4), which is `privacy`'s.

use super::world::Listener;
use sottovoce::math::{Rng, axpy, dot, sigmoid};

/// One layer over an item embedding.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// d weights.
    pub w: Vec<f32>,
    /// The bias.
    pub b: f32,
}

impl Score {
    /// Uniform in ±1/√d, as a linear layer starts in the authors' code.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "dimensions are small")]
    pub fn random(d: usize, rng: &mut Rng) -> Self {
        let bound = 1.0 / (d.max(1) as f32).sqrt();
        let mut draw = || bound * (2.0 * rng.uniform() - 1.0);
        Self { w: (0..d).map(|_| draw()).collect(), b: draw() }
    }

    /// The logit of an item row.
    #[must_use]
    pub fn logit(&self, row: &[f32]) -> f32 {
        dot(&self.w, row) + self.b
    }
}

/// How a device trains.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LocalConfig {
    /// Passes over the device's rows in a round.
    pub epochs: u32,
    /// Samples a step.
    pub batch: usize,
    /// Drawn songs beside each row, all different.
    pub negatives: usize,
    /// Step of the score function.
    pub eta: f32,
    /// Step of an item row, as `eta · songs · ratio`.
    pub ratio: f32,
}

impl Default for LocalConfig {
    fn default() -> Self {
        Self { epochs: 1, batch: 256, negatives: 4, eta: 0.1, ratio: 80.0 }
    }
}

/// Which halves of the dual personalisation a device has. Without a half it uses what the server averaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Personal {
    /// The score function stays on the device.
    pub score: bool,
    /// Songs are ranked by the rows tuned on the device.
    pub items: bool,
}

/// What stays on a device between rounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// θˢᵢ.
    pub score: Score,
    /// The songs that have been tuned in the last round, rising.
    pub songs: Vec<u32>,
    /// Their rows, d values each.
    pub rows: Vec<f32>,
}

impl Client {
    /// A device that has not yet trained.
    #[must_use]
    pub fn new(score: Score) -> Self {
        Self { score, songs: vec![], rows: vec![] }
    }

    /// The device's view of a song.
    #[must_use]
    pub fn row<'a>(&'a self, song: u32, items: &'a [f32]) -> &'a [f32] {
        let d = self.score.w.len();
        match self.songs.binary_search(&song) {
            Ok(at) => &self.rows[at * d..][..d],
            Err(_) => &items[song as usize * d..][..d],
        }
    }

    /// Trains on one round's samples, from the server's items (m × d); afterwards [`Client::songs`] and [`Client::rows`] are what the
    /// samples touched. Returns the mean loss before each step on the items.
    pub fn train(&mut self, listener: &Listener, items: &[f32], config: &LocalConfig, rng: &mut Rng) -> f64 {
        let d = self.score.w.len();
        let m = items.len() / d.max(1);
        let samples = samples(listener, u32::try_from(m).unwrap_or(u32::MAX), config.negatives, rng);
        self.songs = samples.iter().map(|(song, _)| *song).collect();
        self.songs.sort_unstable();
        self.songs.dedup();
        self.rows.clear();
        for song in &self.songs {
            self.rows.extend_from_slice(&items[*song as usize * d..][..d]);
        }
        let place = |song: &u32| self.songs.binary_search(song).unwrap_or_default();
        let mut placed: Vec<(usize, f32)> = samples.iter().map(|(song, y)| (place(song), *y)).collect();
        #[allow(clippy::cast_precision_loss, reason = "catalogues have fewer than 2²⁴ songs")]
        let eta_items = config.eta * m as f32 * config.ratio;
        let (mut loss, mut n) = (0.0, 0);
        for _ in 0..config.epochs {
            rng.shuffle(&mut placed);
            for batch in placed.chunks(config.batch.max(1)) {
                loss += step(&mut self.score, &mut self.rows, batch, config.eta, eta_items);
                n += batch.len();
            }
        }
        #[allow(clippy::cast_precision_loss, reason = "counts of samples")]
        (loss / n.max(1) as f64)
    }
}

/// Each row of the listener and the drawn songs beside it, with labels.
fn samples(listener: &Listener, songs: u32, negatives: usize, rng: &mut Rng) -> Vec<(u32, f32)> {
    let mut samples = Vec::with_capacity(listener.train.len() * (1 + negatives));
    let mut drawn = vec![];
    for song in &listener.train {
        samples.push((*song, 1.0));
        listener.draw_negatives(negatives, songs, rng, &mut drawn);
        samples.extend(drawn.iter().map(|song| (*song, 0.0)));
    }
    samples
}

/// The two steps of a batch of (place in `rows`, label); the summed loss of the second.
fn step(score: &mut Score, rows: &mut [f32], batch: &[(usize, f32)], eta: f32, eta_items: f32) -> f64 {
    let (dw, db) = score_gradient(score, rows, batch);
    axpy(-eta, &dw, &mut score.w);
    score.b -= eta * db;
    let (pulls, loss) = pulls(score, rows, batch);
    let d = score.w.len();
    for ((place, _), g) in batch.iter().zip(pulls) {
        axpy(-eta_items * g, &score.w, &mut rows[place * d..][..d]);
    }
    loss
}

/// ∂L/∂w and ∂L/∂b.
pub(super) fn score_gradient(score: &Score, rows: &[f32], batch: &[(usize, f32)]) -> (Vec<f32>, f32) {
    let d = score.w.len();
    let (mut dw, mut db) = (vec![0.0; d], 0.0);
    for ((place, _), g) in batch.iter().zip(pulls(score, rows, batch).0) {
        axpy(g, &rows[place * d..][..d], &mut dw);
        db += g;
    }
    (dw, db)
}

/// g = (ŷ − y) / |B| of each sample, all at the same weights, and the summed loss.
pub(super) fn pulls(score: &Score, rows: &[f32], batch: &[(usize, f32)]) -> (Vec<f32>, f64) {
    let d = score.w.len();
    #[allow(clippy::cast_precision_loss, reason = "a batch")]
    let share = 1.0 / batch.len().max(1) as f32;
    let mut loss = 0.0;
    let of = |(place, y): &(usize, f32)| {
        let z = score.logit(&rows[place * d..][..d]);
        // softplus(z) − y z, without the overflow of either.
        loss += f64::from(sottovoce::math::softplus(z) - y * z);
        (sigmoid(z) - y) * share
    };
    (batch.iter().map(of).collect(), loss)
}
