//! The tower over its weights: embeds a past, learns from an example.

use super::features::TowerInput;
use super::interests::Routing;
use super::user::{Target, forward, logits, nearest};
use super::{Task, TowerLayout, Utility};
use crate::learn::{Number, Part, Scratch, Tape};
use crate::math::{Real, Rng, axpy, dot, scale};
use crate::protocol::TowerShape;
use crate::session::Behaviour;

/// A listener's interests, ready to be scanned with: `z_i = max_k ⟨q_k, v_i⟩ + p·popularity_i`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Embedding {
    /// `q_k`, one after the other, `d` numbers each: the interests in units of the tasks' logits, utilities and offsets included.
    pub queries: Vec<f32>,
    /// `u_k`, as the queries but in the space of the songs.
    pub interests: Vec<f32>,
    /// `p`.
    pub popularity: f32,
}

/// One thing to learn from.
#[derive(Clone, Copy, Debug)]
pub struct Example<'a> {
    /// The past up to then.
    pub input: TowerInput<'a>,
    /// The songs it is about, `d` numbers each, one after the other.
    pub songs: &'a [f32],
    /// Popularity of each of `songs`, in `[0, 1]`.
    pub popularity: &'a [f32],
    /// Whether `songs[0]` was heard to its end rather than any of the others.
    pub ranked: bool,
    /// What became of some of them, by place: what the tasks *like* and *skip* learn.
    pub outcomes: &'a [(usize, Behaviour)],
}

/// The tower over a flat weight vector of `layout.total()` numbers.
#[derive(Clone, PartialEq, Debug)]
pub struct UserTower {
    layout: TowerLayout,
    weights: Vec<f32>,
}

impl UserTower {
    /// A tower of these sizes with these shared weights and no personal ones yet; `None` if `shared` is of another length.
    #[must_use]
    pub fn new(shape: TowerShape, shared: &[f32]) -> Option<Self> {
        let layout = TowerLayout::new(shape);
        (shared.len() == layout.shared()).then(|| {
            let mut weights = vec![0.0; layout.total()];
            weights[..shared.len()].copy_from_slice(shared);
            Self { layout, weights }
        })
    }

    /// Where each weight lies.
    #[must_use]
    pub fn layout(&self) -> &TowerLayout {
        &self.layout
    }

    /// The weights that travel.
    #[must_use]
    pub fn shared(&self) -> &[f32] {
        &self.weights[..self.layout.shared()]
    }

    /// The weights that stay: `δ`, `d` numbers.
    #[must_use]
    pub fn personal(&self) -> &[f32] {
        &self.weights[self.layout.personal.range()]
    }

    /// All weights, shared first.
    #[must_use]
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// All weights, to train them.
    pub fn weights_mut(&mut self) -> &mut [f32] {
        &mut self.weights
    }

    /// The listener's interests after a past, weighed for ranking.
    #[must_use]
    pub fn embed(&self, input: &TowerInput<'_>, utility: Utility) -> Embedding {
        let mut embedding = Embedding::default();
        self.embed_into(input, utility, &mut Scratch::default(), &mut embedding);
        embedding
    }

    /// As [`UserTower::embed`], with storage that is used again.
    pub fn embed_into(
        &self,
        input: &TowerInput<'_>,
        utility: Utility,
        scratch: &mut Scratch<f32>,
        embedding: &mut Embedding,
    ) {
        let (layout, d) = (&self.layout, self.layout.dimension());
        let mut t = Tape::new(&self.weights, scratch);
        let user = forward(layout, &mut t, input, &mut Routing::Anew);
        // Σ_t w_t·logit_t is one inner product a song and interest: gains and offsets are summed over the tasks first.
        let (mut gain, mut popularity) = (0.0, 0.0);
        let at = |part: Part, task: Task| self.weights[part.range().start + task as usize];
        let sharp = |(task, weight): (Task, f32)| weight * Real::exp(at(layout.sharpness, task));
        let tasks = || Task::ALL.into_iter().zip(utility.weights());
        for (task, weight) in tasks() {
            gain += sharp((task, weight)) * at(layout.taste, task);
            popularity += weight * at(layout.popularity, task);
        }
        embedding.popularity = popularity;
        embedding.interests.clear();
        embedding.interests.extend_from_slice(t.value(user.interests));
        embedding.queries.clear();
        embedding.queries.extend_from_slice(&embedding.interests);
        // A negative gain would turn the nearest interest into the farthest.
        scale(gain.max(0.0), &mut embedding.queries);
        for (task, weight) in tasks() {
            let (sharp, offset) = (sharp((task, weight)), t.value(user.offsets[task as usize]));
            embedding.queries.chunks_exact_mut(d).for_each(|q| axpy(sharp, offset, q));
        }
    }

    /// What [`UserTower::learn`] adds to the gradient of `δ`, in closed form: `δ` moves every logit of task `t` by `eᵗγ_t v`, so that the
    /// gradient is a sum over the songs, and the step after every event needs no backward sweep. `p` is storage that is used again.
    pub fn learn_personal(
        &self,
        example: &Example<'_>,
        scratch: &mut Scratch<f32>,
        p: &mut Vec<f32>,
        gradient: &mut [f32],
    ) {
        let (layout, d) = (&self.layout, self.layout.dimension());
        let song = |place: usize| &example.songs[place * d..(place + 1) * d];
        let mut t = Tape::new(&self.weights, scratch);
        let user = forward(layout, &mut t, &example.input, &mut Routing::Anew);
        let at = |part: Part, task: Task| self.weights[part.range().start + task as usize];
        let logit = |place: usize, like: &[f32], task: Task| {
            let near = |k: usize| dot(t.value(user.interests.row(k)), like);
            let k = (1..user.interests.rows()).fold(0, |best, k| if near(k) > near(best) { k } else { best });
            let interest = dot(t.value(user.interests.row(k)), song(place));
            let taste = at(layout.taste, task) * interest + dot(t.value(user.offsets[task as usize]), song(place));
            Real::exp(at(layout.sharpness, task)) * taste + at(layout.popularity, task) * example.popularity[place]
        };
        let pull = |task: Task| Real::exp(at(layout.sharpness, task)) * at(layout.taste, task);
        if example.ranked {
            // The interest is the one nearest to the wanted song, for all.
            p.clear();
            p.extend((0..example.songs.len() / d).map(|i| logit(i, song(0), Task::Complete)));
            f32::softmax(p);
            p[0] -= 1.0;
            let pull = pull(Task::Complete);
            p.iter().zip(example.songs.chunks_exact(d)).for_each(|(p, song)| axpy(pull * p, song, gradient));
        }
        for &(place, behaviour) in example.outcomes {
            let song = song(place);
            for (task, label) in labels(behaviour) {
                let z = logit(place, song, task) + at(layout.bias, task);
                let wrong = crate::math::sigmoid(z) - if label { 1.0 } else { 0.0 };
                axpy(OUTCOME * pull(task) * wrong, song, gradient);
            }
        }
    }

    /// The loss of an example: `−ln softmax(logits)[0]` of the task *complete* where it is ranked, and a tenth of the binary
    /// cross-entropy of *like* and *skip* for each outcome. Adds `scale` times its gradient to `gradient` (`layout.total()` long).
    pub fn learn(&self, example: &Example<'_>, scale: f32, scratch: &mut Scratch<f32>, gradient: &mut [f32]) -> f32 {
        loss(&self.layout, &self.weights, example, scale, scratch, gradient, &mut Routing::Anew)
    }
}

/// How much an outcome counts beside a ranking.
const OUTCOME: f32 = 0.1;

/// What an outcome says to the tasks that learn from it.
fn labels(behaviour: Behaviour) -> [(Task, bool); 2] {
    [
        (Task::Like, behaviour == Behaviour::Like),
        (Task::Skip, matches!(behaviour, Behaviour::Skip | Behaviour::Dislike)),
    ]
}

/// Weights to begin with: Glorot-uniform matrices, zero biases, straight paths for the liked past.
#[must_use]
pub fn initial_weights(shape: TowerShape, seed: u64) -> Vec<f32> {
    let layout = TowerLayout::new(shape);
    let mut weights = vec![0.0; layout.shared()];
    let mut rng = Rng::new(seed);
    let mut glorot = |part: Part, gain: f32| {
        #[allow(clippy::cast_precision_loss, reason = "sizes are at most 4096")]
        let bound = gain * (6.0 / (part.rows + part.columns).max(1) as f32).sqrt();
        for w in &mut weights[part.range()] {
            *w = bound * (2.0 * rng.uniform() - 1.0);
        }
    };
    glorot(layout.score, 1.0);
    glorot(layout.ask, 0.5);
    glorot(layout.heads, 1.0);
    glorot(layout.experts, 1.0);
    let d = layout.dimension();
    for i in 0..layout.capsule.columns as usize {
        weights[layout.capsule.range().start + i * d + i] = 1.0;
    }
    // Interest, complete, like, last, skip, ignore, dislike.
    weights[layout.gates.range()].copy_from_slice(&[1.0, 0.5, 0.3, 0.5, -0.3, -0.05, -0.3]);
    // Complete, like, skip.
    weights[layout.sharpness.range()].copy_from_slice(&[1.5, 0.0, 0.0]);
    weights[layout.taste.range()].copy_from_slice(&[1.0, 1.0, -1.0]);
    weights[layout.popularity.range()].copy_from_slice(&[1.0, 0.0, 0.0]);
    weights
}

/// Loss and gradient in any precision: the finite-difference check runs this very function in f64.
fn loss<R: Number>(
    layout: &TowerLayout,
    weights: &[R],
    example: &Example<'_>,
    scale: R,
    scratch: &mut Scratch<R>,
    gradient: &mut [R],
    routing: &mut Routing<R>,
) -> R {
    let mut t = Tape::new(weights, scratch);
    let user = forward(layout, &mut t, &example.input, routing);
    let songs = t.rows(layout.dimension(), example.songs.chunks_exact(layout.dimension()));
    let popularity = t.rows(example.popularity.len(), core::iter::once(example.popularity));
    let mut total = t.constant(1, [R::ZERO]);
    if example.ranked {
        let k = nearest(&t, user.interests, songs.row(0));
        let logits = logits(layout, &mut t, &user, k, Target { songs, popularity }, Task::Complete);
        let ranking = t.cross_entropy(logits, [0]);
        total = t.add(total, ranking);
    }
    let weight = t.constant(1, [R::from_f32(OUTCOME)]);
    for &(place, behaviour) in example.outcomes {
        let song = songs.row(place);
        let k = nearest(&t, user.interests, song);
        let target = Target { songs: song, popularity: popularity.reshape(1).row(place) };
        for (task, label) in labels(behaviour) {
            let logit = logits(layout, &mut t, &user, k, target, task);
            let bias = t.parameter(layout.bias.column(task as u32));
            let logit = t.add(logit, bias);
            let wrong = t.binary_cross_entropy(logit, label);
            let wrong = t.scale(weight, wrong);
            total = t.add(total, wrong);
        }
    }
    t.backward(total, scale, gradient);
    t.value(total)[0]
}

#[cfg(test)]
#[path = "tower_tests.rs"]
mod tests;
