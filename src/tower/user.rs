//! The user tower, first depth: attention over the liked past and, apart from it, over the past that was skipped; an output
//! network; straight paths for what needs no learning.
//!
//! Sources: the two-tower split and the pooled watch history of Covington et al., *Deep Neural Networks for YouTube
//! Recommendations*, RecSys 2016, §3; additive attention of Bahdanau et al., ICLR 2015, eq. (5); positive and negative feedback
//! as sequences of their own after Xie et al., *Deep Feedback Network*, IJCAI 2020, §3.
//!
//! | here | shape | meaning |
//! |---|---|---|
//! | `v_j` | d | embedding of the song heard `j`-th, from the server, not trained here |
//! | `B_k`, `R_r` | d | what behaviour `k` and recency `r` add to it |
//! | `x_j = v_j + B_k + R_r` | d | what attention sees |
//! | `e_j = ⟨q, tanh(W x_j + b)⟩`, `α = softmax(e)` | 1 | attention, with `q⁺` over completes and likes, `q⁻` over skips and dislikes |
//! | `z⁺ = Σ α⁺_j v_j`, `z⁻ = Σ α⁻_j v_j` | d | the liked and the left past |
//! | `c = Σ C_k` | d | the surroundings |
//! | `f = relu(W₁ [z⁺; z⁻; v_last; c] + b₁)` | h | hidden layer |
//! | `u = g⁺z⁺ + gˡv_last − g⁻z⁻ + W₂ f + b₂ + δ` | d | the user embedding; `δ` is personal |
//! | `logit_i = eᵗ ⟨u, v_i⟩ + p·pop_i` | 1 | what the loss and the ranking see |
//!
//! Kept: history pooling, attention, the split of positive and negative feedback. Left out, for the deep tower: several
//! interests, experts per task, session gaps. `W₂` starts at zero, so that an untrained tower is a decayed mean of the liked past,
//! not noise.

use super::{Heard, TowerInput, TowerLayout};
use crate::learn::{Number, Part, Tape, Var};
use crate::math::Rng;
use crate::protocol::TowerShape;
use crate::session::Behaviour;

/// A user embedding and what turns its inner products into logits.
#[derive(Clone, PartialEq, Debug)]
pub struct Embedding {
    /// `u`, `d` numbers.
    pub vector: Vec<f32>,
    /// `eᵗ`.
    pub sharpness: f32,
    /// `p`.
    pub popularity: f32,
}

/// One thing to learn from: after `input`, the listener wanted `songs[0]` rather than any of the others.
#[derive(Clone, Copy, Debug)]
pub struct Example<'a> {
    /// The past up to then.
    pub input: TowerInput<'a>,
    /// The song heard to its end or liked, then skipped and sampled ones.
    pub songs: &'a [&'a [f32]],
    /// Popularity of each of `songs`, in `[0, 1]`.
    pub popularity: &'a [f32],
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

    /// The user embedding after a past.
    #[must_use]
    pub fn embed(&self, input: &TowerInput<'_>) -> Embedding {
        let mut tape = Tape::new(&self.weights);
        let user = user(&self.layout, &mut tape, input);
        Embedding {
            vector: tape.value(user).to_vec(),
            sharpness: crate::math::Real::exp(self.weights[self.layout.sharpness.range().start]),
            popularity: self.weights[self.layout.popularity.range().start],
        }
    }

    /// The loss of an example, `−ln softmax(logits)[0]`; adds `scale` times its gradient to `gradient` (`layout.total()` long).
    pub fn learn(&self, example: &Example<'_>, scale: f32, gradient: &mut [f32]) -> f32 {
        loss(&self.layout, &self.weights, example, scale, gradient)
    }
}

/// Weights to begin with: Glorot-uniform matrices, zero biases, a straight path for the liked past.
#[must_use]
pub fn initial_weights(shape: TowerShape, seed: u64) -> Vec<f32> {
    let layout = TowerLayout::new(shape);
    let mut weights = vec![0.0; layout.shared()];
    let mut rng = Rng::new(seed);
    let mut glorot = |part: Part, gain: f32| {
        #[allow(clippy::cast_precision_loss, reason = "sizes are at most 1024")]
        let bound = gain * (6.0 / (part.rows + part.columns) as f32).sqrt();
        for w in &mut weights[part.range()] {
            *w = bound * (2.0 * rng.uniform() - 1.0);
        }
    };
    glorot(layout.score, 1.0);
    glorot(layout.ask_liked, 0.5);
    glorot(layout.ask_left, 0.5);
    glorot(layout.hidden, 1.0);
    for (part, value) in [
        (layout.gate_liked, 1.0),
        (layout.gate_last, 0.5),
        (layout.gate_left, 0.3),
        (layout.sharpness, 1.5),
        (layout.popularity, 1.0),
    ] {
        weights[part.range()].fill(value);
    }
    weights
}

/// Loss and gradient in any precision: the finite-difference check runs this very function in f64.
fn loss<R: Number>(layout: &TowerLayout, weights: &[R], example: &Example<'_>, scale: R, gradient: &mut [R]) -> R {
    let mut t = Tape::new(weights);
    let user = user(layout, &mut t, &example.input);
    let songs: Vec<Var> = example.songs.iter().map(|v| constant(&mut t, v)).collect();
    let popularity = constant(&mut t, example.popularity);
    let taste = {
        let dots = t.dots(user, &songs);
        let sharpness = t.parameter(layout.sharpness);
        let sharpness = t.exp(sharpness);
        t.scale(sharpness, dots)
    };
    let crowd = {
        let weight = t.parameter(layout.popularity);
        t.scale(weight, popularity)
    };
    let logits = t.add(taste, crowd);
    let loss = t.cross_entropy(logits, 0);
    t.backward(loss, scale, gradient);
    t.value(loss)[0]
}

/// `u`, equation by equation as in the table above.
fn user<R: Number>(layout: &TowerLayout, t: &mut Tape<'_, R>, input: &TowerInput<'_>) -> Var {
    let newest = input.history.len().saturating_sub(TowerInput::HISTORY);
    let history = &input.history[newest..];
    let nothing = constant(t, &vec![0.0; layout.dimension]);

    let (mut liked, mut left) = (Vec::with_capacity(history.len()), Vec::new());
    for (j, heard) in history.iter().enumerate() {
        let v = constant(t, heard.song);
        let behaviour = t.parameter(layout.behaviour.column(heard.behaviour as u32));
        let recency = t.parameter(layout.recency.column(TowerInput::recency(history.len() - 1 - j)));
        let x = t.add(v, behaviour);
        let x = t.add(x, recency);
        match heard.behaviour {
            Behaviour::Complete | Behaviour::Like => liked.push((v, x)),
            Behaviour::Skip | Behaviour::Dislike => left.push((v, x)),
        }
    }
    let last = liked.last().map_or(nothing, |&(v, _)| v);
    let liked = attend(layout, t, layout.ask_liked, &liked).unwrap_or(nothing);
    let left = attend(layout, t, layout.ask_left, &left).unwrap_or(nothing);

    let mut context = nothing;
    for column in input.context.columns() {
        let c = t.parameter(layout.context.column(column));
        context = t.add(context, c);
    }

    let all = t.concat(&[liked, left, last, context]);
    let hidden = affine(t, layout.hidden, layout.hidden_bias, all);
    let hidden = t.relu(hidden);
    let mut user = affine(t, layout.out, layout.out_bias, hidden);
    for (gate, sign, path) in
        [(layout.gate_liked, 1.0, liked), (layout.gate_last, 1.0, last), (layout.gate_left, -1.0, left)]
    {
        let gate = t.parameter(gate);
        let sign = constant(t, &[sign]);
        let gate = t.multiply(gate, sign);
        let through = t.scale(gate, path);
        user = t.add(user, through);
    }
    let personal = t.parameter(layout.personal);
    t.add(user, personal)
}

/// `Σ softmax(⟨q, tanh(W x_j + b)⟩) v_j`; `None` over nothing.
fn attend<R: Number>(layout: &TowerLayout, t: &mut Tape<'_, R>, ask: Part, past: &[(Var, Var)]) -> Option<Var> {
    if past.is_empty() {
        return None;
    }
    let keys: Vec<Var> = past
        .iter()
        .map(|&(_, x)| {
            let key = affine(t, layout.score, layout.score_bias, x);
            t.tanh(key)
        })
        .collect();
    let ask = t.parameter(ask);
    let scores = t.dots(ask, &keys);
    let weights = t.softmax(scores);
    let songs: Vec<Var> = past.iter().map(|&(v, _)| v).collect();
    Some(t.mix(weights, &songs))
}

fn affine<R: Number>(t: &mut Tape<'_, R>, w: Part, b: Part, x: Var) -> Var {
    let y = t.linear(w, x);
    let b = t.parameter(b);
    t.add(y, b)
}

fn constant<R: Number>(t: &mut Tape<'_, R>, values: &[f32]) -> Var {
    let values: Vec<R> = values.iter().map(|&v| R::from_f32(v)).collect();
    t.constant(&values)
}

impl<'a> Heard<'a> {
    /// Shorthand for tests and simulators.
    #[must_use]
    pub fn new(song: &'a [f32], behaviour: Behaviour) -> Self {
        Self { song, behaviour }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::Rng;
    use crate::tower::Context;
    use proptest::prelude::*;

    const SHAPE: TowerShape = TowerShape { dimension: 4, attention: 3, hidden: 5 };

    fn songs(count: usize, seed: u64) -> Vec<Vec<f32>> {
        let mut rng = Rng::new(seed);
        (0..count).map(|_| (0..4).map(|_| 2.0 * rng.uniform() - 1.0).collect()).collect()
    }

    fn behaviours(codes: &[u8]) -> Vec<Behaviour> {
        codes.iter().map(|&c| Behaviour::from_u8(c).expect("0 to 3")).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn gradient_equals_central_differences(
            seed in 0u64..1000, codes in prop::collection::vec(0u8..4, 0..6), hour in prop::option::of(0u8..24)
        ) {
            let layout = TowerLayout::new(SHAPE);
            let mut rng = Rng::new(seed);
            let weights: Vec<f64> = (0..layout.total()).map(|_| f64::from(rng.uniform()) - 0.5).collect();
            let bank = songs(10, seed + 1);
            let history: Vec<Heard<'_>> = behaviours(&codes).iter().zip(&bank).map(|(&b, v)| Heard::new(v, b)).collect();
            let others: Vec<&[f32]> = bank[6..].iter().map(Vec::as_slice).collect();
            let context = Context { hour, ..Context::default() };
            let example = Example {
                input: TowerInput { history: &history, context }, songs: &others, popularity: &[0.9, 0.1, 0.4, 0.0],
            };
            let mut gradient = vec![0.0; layout.total()];
            loss(&layout, &weights, &example, 1.0, &mut gradient);
            let mut sink = vec![0.0; layout.total()];
            let mut at = |moved: &[f64]| loss(&layout, moved, &example, 1.0, &mut sink);
            for i in 0..weights.len() {
                let mut moved = weights.clone();
                moved[i] += 1e-6;
                let up = at(&moved);
                moved[i] -= 2e-6;
                let numeric = (up - at(&moved)) / 2e-6;
                prop_assert!((numeric - gradient[i]).abs() < 1e-5 * (1.0 + numeric.abs()), "weight {}: {} vs {}", i, gradient[i], numeric);
            }
        }
    }

    #[test]
    fn overfits_eight_examples() {
        let bank = songs(40, 7);
        let mut tower = UserTower::new(SHAPE, &initial_weights(SHAPE, 1)).expect("same shape");
        let history: Vec<Vec<Heard<'_>>> =
            (0..8).map(|i| (0..3).map(|j| Heard::new(&bank[i * 3 + j], Behaviour::Complete)).collect()).collect();
        let picks: Vec<Vec<&[f32]>> =
            (0..8).map(|i| (0..4).map(|j| bank[(24 + i * 2 + j * 3) % 40].as_slice()).collect()).collect();
        let epoch = |tower: &mut UserTower, adam: &mut crate::learn::Adam| {
            let mut gradient = vec![0.0; tower.weights().len()];
            let mut total = 0.0;
            for (history, songs) in history.iter().zip(&picks) {
                let input = TowerInput { history, context: Context::default() };
                total += tower.learn(&Example { input, songs, popularity: &[0.0; 4] }, 0.125, &mut gradient);
            }
            adam.step(tower.weights_mut(), &gradient);
            total / 8.0
        };
        let mut adam = crate::learn::Adam::new(tower.weights().len(), 0.02);
        let before = epoch(&mut tower, &mut adam);
        let after = (0..400).map(|_| epoch(&mut tower, &mut adam)).last().expect("400 epochs");
        assert!(after < 0.15 * before, "loss {before} → {after}");
    }

    #[test]
    fn an_empty_past_is_an_embedding_too() {
        let tower = UserTower::new(SHAPE, &initial_weights(SHAPE, 1)).expect("same shape");
        let embedding = tower.embed(&TowerInput { history: &[], context: Context::default() });
        assert!(embedding.vector.iter().all(|v| v.is_finite()));
    }

    /// The idea of the paper: on a world where the skipped genre must be avoided, hearing the skips beats not hearing them.
    #[test]
    fn negative_feedback_beats_its_ablation() {
        let mut rng = Rng::new(3);
        // Two genres, opposite on the first axis. The listener completed one song of each and skipped two of one genre; the
        // next song is of the other genre. Without the skips the past says nothing.
        let song =
            |genre: f32, rng: &mut Rng| vec![genre, 0.3 * (rng.uniform() - 0.5), 0.3 * (rng.uniform() - 0.5), 0.1];
        type Past = Vec<(Vec<f32>, Behaviour)>;
        let cases: Vec<(Past, [Vec<f32>; 2])> = (0..60)
            .map(|i| {
                let liked = if i % 2 == 0 { 1.0 } else { -1.0 };
                let first = if (i / 2) % 2 == 0 { 1.0 } else { -1.0 }; // the order of the completes tells nothing
                let past = vec![
                    (song(first, &mut rng), Behaviour::Complete),
                    (song(-first, &mut rng), Behaviour::Complete),
                    (song(-liked, &mut rng), Behaviour::Skip),
                    (song(-liked, &mut rng), Behaviour::Skip),
                ];
                (past, [song(liked, &mut rng), song(-liked, &mut rng)])
            })
            .collect();
        let final_loss = |keep_skips: bool| {
            let mut tower = UserTower::new(SHAPE, &initial_weights(SHAPE, 5)).expect("same shape");
            let mut adam = crate::learn::Adam::new(tower.weights().len(), 0.01);
            let mut last = 0.0;
            for _ in 0..60 {
                let mut gradient = vec![0.0; tower.weights().len()];
                last = 0.0;
                for (past, next) in &cases {
                    let history: Vec<Heard<'_>> = past
                        .iter()
                        .filter(|(_, b)| keep_skips || *b == Behaviour::Complete)
                        .map(|(v, b)| Heard::new(v, *b))
                        .collect();
                    let songs = [next[0].as_slice(), next[1].as_slice()];
                    let input = TowerInput { history: &history, context: Context::default() };
                    last += tower.learn(
                        &Example { input, songs: &songs, popularity: &[0.0; 2] },
                        1.0 / 60.0,
                        &mut gradient,
                    ) / 60.0;
                }
                adam.step(tower.weights_mut(), &gradient);
            }
            last
        };
        let (with, without) = (final_loss(true), final_loss(false));
        assert!(with < 0.5 * without, "loss with skips {with}, without {without}");
    }
}
