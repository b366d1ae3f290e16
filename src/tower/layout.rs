//! Where each weight of the tower lies in the flat vector that travels.

use super::features::{Heard, Table};
use super::{Context, Task};
use crate::learn::{Layout, Part};
use crate::protocol::{Extraction, TowerShape};
use crate::session::Behaviour;

/// The parts of the tower's weights. The shared ones come first and travel; the personal one comes last and stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TowerLayout {
    /// The sizes.
    pub shape: TowerShape,
    /// What is added to a song of the past: one column of `d` for each behaviour, recency, style, … ([`Table`]).
    pub(crate) table: Part,
    /// `C`: context columns of `d`.
    pub(crate) context: Part,
    /// `W`: the attention scorer's matrix, `a × d`, and its bias `b`.
    pub(crate) score: Part,
    pub(crate) score_bias: Part,
    /// `q_b`: what attention asks of each behaviour's sequence, `a` each.
    pub(crate) ask: Part,
    /// `F`: what the liked past adds to the question that is put to the negative sequences, `a × d`.
    pub(crate) feedback: Part,
    /// `Q`: one question an interest, `a` each.
    pub(crate) heads: Part,
    /// `S`: from songs to capsules, `d × d`; nothing under attention.
    pub(crate) capsule: Part,
    /// `g`: how much of each path goes straight through to every interest ([`Path`]).
    pub(crate) gates: Part,
    /// All experts' matrices, one below the other, `E·h × 7d`, and their biases.
    pub(crate) experts: Part,
    pub(crate) experts_bias: Part,
    /// Every task's gate over the experts, `T·E × 7d`.
    pub(crate) choice: Part,
    pub(crate) choice_bias: Part,
    /// From the experts' mixture to the task's offset, `d × h` each, and `d`.
    pub(crate) out: [Part; Task::COUNT],
    pub(crate) out_bias: Part,
    /// `τ`, `γ`, `p` and `c` of every task: `logit = eᵗ(γ·⟨u_k, v⟩ + ⟨o, v⟩) + p·popularity + c`.
    pub(crate) sharpness: Part,
    pub(crate) taste: Part,
    pub(crate) popularity: Part,
    pub(crate) bias: Part,
    shared: usize,
    /// `δ`: the personal offset of every interest, `d`. Never travels.
    pub(crate) personal: Part,
}

/// The straight paths to an interest, by their place among the gates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Path {
    Interest,
    Complete,
    Like,
    Last,
    Skip,
    Ignore,
    Dislike,
}

impl Path {
    pub(crate) const COUNT: u32 = 7;
}

impl TowerLayout {
    /// How many vectors of `d` the experts see side by side.
    pub(crate) const FACETS: u32 = 7;

    /// For these sizes.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "a handful of tasks and behaviours")]
    pub fn new(shape: TowerShape) -> Self {
        let TowerShape { dimension: d, attention: a, hidden: h, interests, experts: e, extraction } = shape;
        let tasks = Task::COUNT as u32;
        let mut layout = Layout::default();
        let l = &mut layout;
        let table = l.matrix(d, Table::COLUMNS);
        let context = l.matrix(d, Context::COLUMNS);
        let (score, score_bias) = (l.matrix(a, d), l.vector(a));
        let ask = l.matrix(a, Behaviour::COUNT as u32);
        let feedback = l.matrix(a, d);
        let heads = l.matrix(a, interests);
        let capsule = l.matrix(d, if extraction == Extraction::Capsules { d } else { 0 });
        let gates = l.matrix(1, Path::COUNT);
        let (experts, experts_bias) = (l.matrix(e * h, Self::FACETS * d), l.vector(e * h));
        let (choice, choice_bias) = (l.matrix(tasks * e, Self::FACETS * d), l.vector(tasks * e));
        let out = core::array::from_fn(|_| l.matrix(d, h));
        let out_bias = l.matrix(d, tasks);
        let [sharpness, taste, popularity, bias] = core::array::from_fn(|_| l.matrix(1, tasks));
        let shared = l.len();
        let personal = l.vector(d);
        Self {
            shape,
            table,
            context,
            score,
            score_bias,
            ask,
            feedback,
            heads,
            capsule,
            gates,
            experts,
            experts_bias,
            choice,
            choice_bias,
            out,
            out_bias,
            sharpness,
            taste,
            popularity,
            bias,
            shared,
            personal,
        }
    }

    /// `d`.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.shape.dimension as usize
    }

    /// How many weights travel.
    #[must_use]
    pub fn shared(&self) -> usize {
        self.shared
    }

    /// How many weights there are, the personal ones included.
    #[must_use]
    pub fn total(&self) -> usize {
        self.shared + self.dimension()
    }

    /// The table entries that are added to a song of the past, `age` events before the newest.
    pub(crate) fn entries(&self, heard: &Heard, age: usize) -> impl Iterator<Item = Part> + use<> {
        let table = self.table;
        heard.columns(age).into_iter().map(move |column| table.column(column))
    }
}
