//! What a session leaves behind: two decayed vectors, one of what was liked and one of what was skipped.
//!
//! Each event adds its song's unit vector `v`, weighted by its reward `r ∈ [−1, 1]`, to one of two memories:
//!
//! ```text
//! m⁺ ← 2^(−Δt/h)·m⁺ + max(r, 0)·v        w⁺ ← 2^(−Δt/h)·w⁺ + max(r, 0)        (m⁻, w⁻ with −r)
//! taste(t) = 2^(−Δt/h)·(m⁺ − λ·m⁻) / (1 + 2^(−Δt/h)·(w⁺ + w⁻))
//! ```
//!
//! which is Rocchio's relevance feedback with Ding and Li's exponential forgetting, shrunk towards "nothing known" by the 1
//! below: for unit vectors `⟨taste, v⟩` stays within ±1, and fades to 0 as the session ages. Positive and negative evidence
//! are kept apart because they are not opposites: a skipped song says little about what to play instead.
//!
//! Source: Rocchio, "Relevance feedback in information retrieval", 1971; Ding & Li, "Time weight collaborative filtering",
//! CIKM 2005; Gong et al., "EdgeRec", CIKM 2020 (re-ranking on the device from both kinds of feedback); Xie et al., "Deep
//! feedback network", IJCAI 2020. Left out: EdgeRec's attention over the events, which is the user tower's work.

use super::ListenEvent;
use crate::ids::Millis;
use crate::math::{Real, axpy, scale};

/// The two decayed sums, as of the last event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// `m⁺`, `d` values.
    pub positive: Vec<f32>,
    /// `m⁻`, `d` values.
    pub negative: Vec<f32>,
    /// `w⁺`.
    pub positive_weight: f32,
    /// `w⁻`.
    pub negative_weight: f32,
    /// The time of the last event.
    pub at: Millis,
}

impl Memory {
    pub(crate) fn empty(dimension: usize) -> Self {
        Self { positive: vec![0.0; dimension], negative: vec![0.0; dimension], ..Self::default() }
    }

    /// `2^(−Δt/h)`; 1 where the clock went backwards.
    fn decay(&self, now: Millis, half_life_ms: u64) -> f32 {
        #[allow(clippy::cast_precision_loss, reason = "a ratio of times needs no 24th bit")]
        let halvings = now.since(self.at) as f32 / half_life_ms.max(1) as f32;
        Real::exp(-core::f32::consts::LN_2 * halvings)
    }

    pub(crate) fn push(&mut self, event: &ListenEvent, vector: &[f32], half_life_ms: u64) {
        let decay = self.decay(event.at, half_life_ms);
        scale(decay, &mut self.positive);
        scale(decay, &mut self.negative);
        self.positive_weight *= decay;
        self.negative_weight *= decay;
        let reward = event.feedback.reward();
        if reward > 0.0 {
            axpy(reward, vector, &mut self.positive);
            self.positive_weight += reward;
        } else {
            axpy(-reward, vector, &mut self.negative);
            self.negative_weight -= reward;
        }
        // The clock is followed backwards too: one wrong hour must not stop the decay of all the hours after it.
        self.at = event.at;
    }

    pub(super) fn copy_from(&mut self, other: &Memory) {
        self.positive.copy_from_slice(&other.positive);
        self.negative.copy_from_slice(&other.negative);
        (self.positive_weight, self.negative_weight, self.at) =
            (other.positive_weight, other.negative_weight, other.at);
    }

    /// `taste(now)`, `d` values.
    pub(crate) fn taste_into(&self, now: Millis, half_life_ms: u64, negative_weight: f32, taste: &mut Vec<f32>) {
        let decay = self.decay(now, half_life_ms);
        let share = decay / (1.0 + decay * (self.positive_weight + self.negative_weight));
        taste.clear();
        taste.extend(self.positive.iter().zip(&self.negative).map(|(p, n)| share * (p - negative_weight * n)));
    }
}
