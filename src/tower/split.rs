//! The tower over a public block of candidates: the split of a two-tower model at its cut layer (rows F2, W2).
//!
//! Sources: Huang et al., *Learning Deep Structured Semantic Models* (DSSM), CIKM 2013, §3.3 (softmax over candidates of the inner product
//! of two towers); Vepakomma et al., *Split learning for health*, 2018, §3 (what crosses at the cut is activations one way and their
//! gradient the other; here the labels stay with the half that holds the loss); Yi et al., *Sampling-Bias-Corrected Neural Modeling*, RecSys
//! 2019, eq. (4) (`− ln π`); loss over interests as Cen et al., KDD 2020, eq. (6).
//!
//! | here | shape | meaning |
//! |---|---|---|
//! | `θ` | P | weights of the user tower ([`super::user`]), shared and personal |
//! | `V` | B × d | embeddings of the block: the item tower's output, the cut layer |
//! | `v_j` | d | a song of the past: row of `V` where the block holds it, the resident row where not |
//! | `T⁺` | | candidates that have to be found |
//! | `z_ki = logit_t(i)` under interest `k`, `− ln π_i`, `−∞` for what was heard and is not in `T⁺` | | |
//! | `L = −1/|T⁺| Σ_{i ∈ T⁺} ln softmax(z_k(i))_i`, `k(i)` the interest nearest to `i` | 1 | a lesson's loss |
//!
//! `∂L/∂θ` and `∂L/∂V` are one sweep: `V` counts as parameters behind `θ`. A song of the past that lies in the block passes its
//! gradient on as well, so that with the whole catalogue in the block nothing of the two-tower model's derivative is left out.

use super::interests::Routing;
use super::user::{Target, arrange, logits, nearest, read};
use super::{Task, TowerInput, TowerLayout, UserTower};
use crate::learn::{Layout, Number, Part, Scratch, Tape};

/// What is known of the candidates of a block besides their embeddings.
#[derive(Clone, Copy, Debug)]
pub struct Candidates<'a> {
    /// Which block, from 0.
    pub block: usize,
    /// The task that ranks them.
    pub task: Task,
    /// Popularity of each, in `[0, 1]`.
    pub popularity: &'a [f32],
    /// `ln π` of each; empty where all candidates are in the block.
    pub log_chance: &'a [f32],
}

/// One thing to learn from over a block.
#[derive(Clone, Copy, Debug)]
pub struct BlockExample<'a> {
    /// The past up to then, at most [`TowerInput::HISTORY`] events.
    pub input: TowerInput<'a>,
    /// For each of its songs, where a block holds it ([`SplitTower::place`]).
    pub places: &'a [Option<Part>],
    /// Which candidates have to be found; at least one.
    pub wanted: &'a [u32],
    /// Which candidates stand aside: heard before, and not wanted now.
    pub barred: &'a [u32],
}

/// A user tower and the embeddings of its round's blocks, as one flat vector: shared weights, personal weights, `V₀`, `V₁`, …
#[derive(Clone, PartialEq, Debug)]
pub struct SplitTower<R> {
    layout: TowerLayout,
    blocks: Vec<Part>,
    parameters: Vec<R>,
}

impl<R: Number> SplitTower<R> {
    /// Puts the rows of some blocks (`B × d` each) behind a tower's weights.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "a block is one message: far fewer than 2³² numbers")]
    pub fn new(tower: &UserTower, blocks: &[&[f32]]) -> Self {
        let layout = *tower.layout();
        let d = layout.dimension();
        let mut parameters = Vec::with_capacity(layout.total() + blocks.iter().map(|b| b.len()).sum::<usize>());
        R::extend(&mut parameters, tower.weights());
        let mut lie = Layout::default();
        lie.vector(layout.total() as u32);
        let place = |rows: &&[f32]| {
            R::extend(&mut parameters, rows);
            lie.matrix(d as u32, (rows.len() / d) as u32)
        };
        let blocks = blocks.iter().map(place).collect();
        Self { layout, blocks, parameters }
    }

    /// Where each weight of the tower lies.
    #[must_use]
    pub fn layout(&self) -> &TowerLayout {
        &self.layout
    }

    /// Where the embedding of a block's candidate lies.
    ///
    /// # Panics
    /// If there is no such block or candidate.
    #[must_use]
    pub fn place(&self, block: usize, candidate: u32) -> Part {
        self.blocks[block].column(candidate)
    }

    /// Where the embeddings of a block lie, a column each.
    ///
    /// # Panics
    /// If there is no such block.
    #[must_use]
    pub fn block(&self, block: usize) -> Part {
        self.blocks[block]
    }

    /// All parameters.
    #[must_use]
    pub fn parameters(&self) -> &[R] {
        &self.parameters
    }

    /// All parameters, to train them.
    pub fn parameters_mut(&mut self) -> &mut [R] {
        &mut self.parameters
    }

    /// What travels of a vector that is as long as the parameters: the shared weights' part, then the blocks'.
    #[must_use]
    pub fn travelling(&self, vector: &[R]) -> Vec<R> {
        [&vector[..self.layout.shared()], &vector[self.layout.total()..]].concat()
    }

    /// The loss of an example; adds `scale` times its gradient to `gradient`, as long as the parameters.
    pub fn learn(
        &self,
        candidates: &Candidates<'_>,
        example: &BlockExample<'_>,
        scale: R,
        scratch: &mut Scratch<R>,
        gradient: &mut [R],
    ) -> R {
        self.loss(candidates, example, scale, scratch, gradient, &mut Routing::Anew)
    }

    /// In any precision: the finite-difference check runs this very function in f64.
    fn loss(
        &self,
        candidates: &Candidates<'_>,
        example: &BlockExample<'_>,
        scale: R,
        scratch: &mut Scratch<R>,
        gradient: &mut [R],
        routing: &mut Routing<R>,
    ) -> R {
        /// Far below any logit; of its exponential a gradient keeps nothing.
        const ASIDE: f32 = -1e9;
        let (layout, d) = (&self.layout, self.layout.dimension());
        let nothing = [0.0; 256];
        let mut t = Tape::new(&self.parameters, scratch);
        let input = &example.input;
        let past = arrange(input.heard);
        let row = |i: usize| match example.places[i] {
            Some(_) => &nothing[..d],
            None => &input.songs[i * d..(i + 1) * d],
        };
        let resident = t.rows(d, past.order().map(|(i, _)| row(i)));
        let in_block = past.order().enumerate().filter_map(|(at, (i, _))| Some((at, example.places[i]?)));
        let songs = t.lookup(resident, in_block);
        let user = read(layout, &mut t, input, &past, songs, routing);

        let block = t.parameter(self.blocks[candidates.block]);
        let n = block.rows();
        let popularity = t.rows(n, core::iter::once(candidates.popularity));
        let lift = |i: usize| candidates.log_chance.get(i).map_or(0.0, |ln| -ln);
        let mut lifts: Vec<R> = (0..n).map(|i| R::from_f32(lift(i))).collect();
        example.barred.iter().for_each(|i| lifts[*i as usize] = R::from_f32(ASIDE));
        let correction = t.constant(n, lifts);

        let mut total = t.constant(1, [R::ZERO]);
        let near = |i: &u32| nearest(&t, user.interests, block.row(*i as usize));
        let nearby: Vec<usize> = example.wanted.iter().map(near).collect();
        let all = R::from_f64(example.wanted.len() as f64);
        for k in 0..user.interests.rows() {
            let mut wanted = example.wanted.iter().zip(&nearby).filter(|(_, near)| **near == k).map(|(i, _)| *i);
            let Some(one) = wanted.next() else { continue };
            let z = logits(layout, &mut t, &user, k, Target { songs: block, popularity }, candidates.task);
            let z = t.add(z, correction);
            // Σᵢ −ln softmax(z)ᵢ = m·(−ln softmax(z)₁) + Σᵢ (z₁ − zᵢ): one softmax for all m of this interest.
            let mut rest = vec![R::ZERO; n];
            let mut count = R::ONE;
            for i in wanted {
                count += R::ONE;
                rest[one as usize] += R::ONE;
                rest[i as usize] -= R::ONE;
            }
            let share = t.constant(1, [count / all]);
            let found = t.cross_entropy(z, [one]);
            let found = t.scale(share, found);
            rest.iter_mut().for_each(|r| *r /= all);
            let rest = t.constant(n, rest);
            let apart = t.scores(z, rest);
            total = t.add(total, found);
            total = t.add(total, apart);
        }
        t.backward(total, scale, gradient);
        t.value(total)[0]
    }
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
