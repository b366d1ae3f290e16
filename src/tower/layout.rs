//! Where each weight of the tower lies in the flat vector that travels.

use super::{Context, TowerInput};
use crate::learn::{Layout, Part};
use crate::protocol::TowerShape;
use crate::session::Behaviour;

/// The parts of the tower's weights. The shared ones come first and travel; the personal one comes last and stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TowerLayout {
    /// `d`.
    pub dimension: usize,
    /// `B`: one column of `d` for each behaviour.
    pub(crate) behaviour: Part,
    /// `R`: one column of `d` for each recency bucket.
    pub(crate) recency: Part,
    /// `W`: the attention scorer's matrix, `a × d`.
    pub(crate) score: Part,
    /// `b`: its bias, `a`.
    pub(crate) score_bias: Part,
    /// `q⁺`, `q⁻`: what attention asks of the liked and of the left past, `a` each.
    pub(crate) ask_liked: Part,
    pub(crate) ask_left: Part,
    /// `C`: context columns of `d`.
    pub(crate) context: Part,
    /// `W₁`: `h × 4d`, and `b₁`.
    pub(crate) hidden: Part,
    pub(crate) hidden_bias: Part,
    /// `W₂`: `d × h`, and `b₂`.
    pub(crate) out: Part,
    pub(crate) out_bias: Part,
    /// `g⁺`, `gˡ`, `g⁻`: how much of the liked past, the last liked song and the left past goes straight through.
    pub(crate) gate_liked: Part,
    pub(crate) gate_last: Part,
    pub(crate) gate_left: Part,
    /// `t`: logits are `eᵗ·⟨u, v⟩ + p·popularity`.
    pub(crate) sharpness: Part,
    /// `p`.
    pub(crate) popularity: Part,
    shared: usize,
    /// `δ`: the personal offset of the user embedding, `d`. Never travels.
    pub(crate) personal: Part,
}

impl TowerLayout {
    /// For these sizes.
    #[must_use]
    pub fn new(shape: TowerShape) -> Self {
        let TowerShape { dimension: d, attention: a, hidden: h } = shape;
        let count = u32::from(Behaviour::Dislike as u8) + 1;
        let mut layout = Layout::default();
        let l = &mut layout;
        let behaviour = l.matrix(d, count);
        let recency = l.matrix(d, TowerInput::RECENCY);
        let (score, score_bias) = (l.matrix(a, d), l.vector(a));
        let (ask_liked, ask_left) = (l.vector(a), l.vector(a));
        let context = l.matrix(d, Context::COLUMNS);
        let (hidden, hidden_bias) = (l.matrix(h, 4 * d), l.vector(h));
        let (out, out_bias) = (l.matrix(d, h), l.vector(d));
        let (gate_liked, gate_last, gate_left) = (l.vector(1), l.vector(1), l.vector(1));
        let (sharpness, popularity) = (l.vector(1), l.vector(1));
        let shared = l.len();
        let personal = l.vector(d);
        Self {
            dimension: d as usize,
            behaviour,
            recency,
            score,
            score_bias,
            ask_liked,
            ask_left,
            context,
            hidden,
            hidden_bias,
            out,
            out_bias,
            gate_liked,
            gate_last,
            gate_left,
            sharpness,
            popularity,
            shared,
            personal,
        }
    }

    /// How many weights travel.
    #[must_use]
    pub fn shared(&self) -> usize {
        self.shared
    }

    /// How many weights there are, the personal ones included.
    #[must_use]
    pub fn total(&self) -> usize {
        self.shared + self.dimension
    }
}
