//! Several interests from one past: `K′` vectors, each a mixture of the songs that belong together (rows R15, R16).
//!
//! **Attention** (Cen et al., *Controllable Multi-Interest Framework for Recommendation* (ComiRec), KDD 2020, §3.2, SA; after Lin et
//! al., ICLR 2017): `A = softmax(Q·tanh(W X + b))ᵀ`, one row of `Q` an interest, normalised over the songs of each head;
//! `Z = A·V`.
//!
//! **Capsules** (Li et al., *Multi-Interest Network with Dynamic Routing* (MIND), CIKM 2019, §4.3, behaviour-to-interest routing; after
//! Sabour et al., NeurIPS 2017):
//!
//! ```text
//! b_kj ~ N(0, 1), drawn anew for every past     repeat: w_·j = softmax_k(b_kj), z_k = Σ_j w_kj S v_j, u_k = squash(z_k), b_kj += ⟨u_k, S v_j⟩
//! ```
//!
//! with one bilinear map `S` for all, and `K′ = max(1, min(K, log₂ n))` capsules for a past of `n` songs (MIND §4.3.2; row R15). The
//! routing weights of the last turn count as given when derivatives are taken, as in the authors' code.
//!
//! Kept: one `S`, dynamic `K′`, logits drawn for every sample. Changed: the logits come from a seed that is the past's own
//! length, so that the same past gives the same bits.

use super::TowerLayout;
use crate::learn::{Number, Tape, Var};
use crate::math::Rng;
use crate::protocol::Extraction;

/// How many turns routing takes (MIND's own).
const TURNS: usize = 3;

/// `K′` for a past of `n` songs.
pub(super) fn count(most: usize, n: usize) -> usize {
    (n.max(1).ilog2() as usize).clamp(1, most.max(1))
}

/// The routing weights that a differentiation counts as given.
#[derive(Debug)]
pub(super) enum Routing<R> {
    /// Found anew for every past.
    Anew,
    /// Those that were found first: gradient checks hold on to them.
    #[cfg_attr(not(test), allow(dead_code, reason = "gradient checks are tests"))]
    Held(Option<Vec<R>>),
}

/// `Z`, `K′ × d`, from the songs `V` and their keys `tanh(W X + b)`. Both have at least one row.
pub(super) fn extract<R: Number>(
    layout: &TowerLayout,
    t: &mut Tape<'_, R>,
    songs: Var,
    keys: Var,
    routing: &mut Routing<R>,
) -> Var {
    let k = count(layout.shape.interests as usize, songs.rows());
    match layout.shape.extraction {
        Extraction::Attention => {
            let heads = t.parameter(layout.heads);
            let scores = t.scores(heads.slice(0..k), keys);
            let attention = t.softmax(scores);
            t.product(attention, songs)
        }
        Extraction::Capsules => {
            let behaviours = t.linear(layout.capsule, None, songs);
            let n = songs.rows();
            let weights = match routing {
                Routing::Held(Some(weights)) => t.constant(n, weights.iter().copied()),
                _ => t.aside(behaviours, k, n, |songs, room, weights| route(songs, n, k, room, weights)),
            };
            if let Routing::Held(weights_held @ None) = routing {
                *weights_held = Some(t.value(weights).to_vec());
            }
            let capsules = t.product(weights, behaviours);
            t.squash(capsules)
        }
    }
}

/// The routing weights of the last turn, `K′ × n`, from the mapped songs, `n × d`. `room` is storage that is used again.
fn route<R: Number>(songs: &[R], n: usize, k: usize, room: &mut Vec<R>, weights: &mut [R]) {
    let d = songs.len() / n.max(1);
    room.clear();
    room.resize(2 * n * k + d, R::ZERO);
    let (logits, rest) = room.split_at_mut(n * k);
    let (shares, capsule) = rest.split_at_mut(n * k);
    let mut rng = Rng::new(n as u64).split("capsules");
    // One row a song: softmax runs over the capsules.
    logits.iter_mut().for_each(|b| *b = R::from_f32(rng.normal()));
    for turn in 0..TURNS {
        shares.copy_from_slice(logits);
        for b in shares.chunks_exact_mut(k) {
            let most = b.iter().copied().fold(b[0], R::maximum);
            b.iter_mut().for_each(|b| *b -= most);
        }
        R::exp_all(shares);
        for (j, e) in shares.chunks_exact(k).enumerate() {
            let sum = e.iter().fold(R::ZERO, |s, &e| s + e);
            for (i, &e) in e.iter().enumerate() {
                weights[i * n + j] = e / sum;
            }
        }
        if turn + 1 == TURNS {
            break;
        }
        for i in 0..k {
            capsule.fill(R::ZERO);
            for (w, song) in weights[i * n..(i + 1) * n].iter().zip(songs.chunks_exact(d)) {
                R::axpy(*w, song, capsule);
            }
            let square = R::dot(capsule, capsule);
            let factor = square.sqrt() / (R::ONE + square);
            for (b, song) in logits.chunks_exact_mut(k).zip(songs.chunks_exact(d)) {
                b[i] += factor * R::dot(capsule, song);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interests_grow_with_the_past() {
        assert_eq!([0, 1, 2, 4, 7, 8, 16, 1000].map(|n| count(4, n)), [1, 1, 1, 2, 2, 3, 4, 4]);
    }

    #[test]
    fn routing_tells_two_kinds_of_songs_apart() {
        // Sixteen songs, eight along each axis, well away from zero.
        let songs: Vec<f32> = (0..16).flat_map(|j| if j % 2 == 0 { [3.0, 0.1] } else { [-0.1, 3.0] }).collect();
        let mut weights = [0.0; 32];
        route(&songs, 16, 2, &mut vec![], &mut weights);
        let share = |i: usize, kind: usize| -> f32 { (kind..16).step_by(2).map(|j| weights[i * 16 + j]).sum() };
        let (a, b) = (share(0, 0) - share(1, 0), share(0, 1) - share(1, 1));
        assert!(a * b < 0.0 && a.abs() > 1.0 && b.abs() > 1.0, "{a} {b}");
        for j in 0..16 {
            assert!((weights[j] + weights[16 + j] - 1.0).abs() < 1e-6);
        }
    }
}
