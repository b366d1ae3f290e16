//! A loss of a sequence's own: each state foretells the step that follows, against one drawn at random. Labels say something of the last step
//! only; this says something of all of them.
//!
//! Source: Zhou et al., *Deep Interest Evolution Network*, AAAI 2019, eq. (7).

use super::History;
use sottovoce::math::Rng;
use sottovoce_algebra::Algebra;

/// How much it counts, and what is drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Foretell {
    /// `α`; 0 leaves it out.
    pub weight: f32,
    /// How many numbers the history's vocabulary has; 0 is nobody's.
    pub vocabulary: u32,
}

/// Sequences of `T` steps.
#[derive(Clone, Copy, Debug)]
pub struct Sequences<'a> {
    /// `T`.
    pub steps: usize,
    /// `B·T`: 1 where a step is.
    pub mask: &'a [f32],
}

impl Foretell {
    /// The loss of states `h: B·T × k`, which know nothing of later steps, on the embeddings `e: B·T × k`; none where no step follows another.
    pub fn loss<A: Algebra>(
        self,
        a: &mut A,
        history: &History,
        (h, e): (A::Var, A::Var),
        of: Sequences<'_>,
        seed: u64,
    ) -> Option<A::Var> {
        let Sequences { steps, mask } = of;
        if self.weight <= 0.0 || steps < 2 || self.vocabulary < 2 {
            return None;
        }
        let (_, k) = a.shape(e);
        let mut shifted = |x, first| {
            let rows = a.reshape(x, steps * k);
            let rows = a.slice(rows, first * k, (steps - 1) * k);
            a.reshape(rows, k)
        };
        let (states, next) = (shifted(h, 0), shifted(e, 1));
        let there: Vec<f32> = mask.chunks_exact(steps).flat_map(|mask| &mask[1..]).copied().collect();
        let mut rng = Rng::new(seed).split("negatives");
        let drawn: Vec<u32> = there.iter().map(|_| 1 + rng.below(self.vocabulary - 1)).collect();
        let other = history.embed(a, &drawn);
        let (right, wrong) = (a.row_dot(states, next), a.row_dot(states, other));
        let right = a.binary_cross_entropy(right, &vec![1.0; there.len()], Some(&there));
        let wrong = a.binary_cross_entropy(wrong, &vec![0.0; there.len()], Some(&there));
        let both = a.add(right, wrong);
        Some(a.affine(both, self.weight, 0.0))
    }
}
