//! Interaction membership and label inference: given a vector that a server received, how likely is it that song i is in the past of
//! the listener it came from, or that i was heard there and not drawn as a negative?
//!
//! | attack | source | looks at |
//! |---|---|---|
//! | [`norms`] | Wu et al., *FedAttack*-style reading of which rows moved at all; Yuan et al., *Interaction-level Membership Inference Attack against Federated Recommender Systems*, WWW 2023 | ‖Δeᵢ‖ |
//! | [`projections`] | Yin et al., *See Through Gradients*, CVPR 2021, for one layer: the sign of a row's gradient is the label's | ⟨Δeᵢ, u⟩ with u the direction that rows share |
//! | [`alignment`] | Nasr, Shokri, Houmansadr, *Comprehensive Privacy Analysis of Deep Learning*, S&P 2019 | cosine with the gradient of the hypothesis |
//! | [`Shadow`] | Carlini et al., *Membership Inference Attacks From First Principles* (LiRA), S&P 2022, §IV, one Gaussian for all songs | the likelihood ratio of all features under shadow devices |
//!
//! For a score function of one layer the update of row i is Δeᵢ = −η Σ (ŷ − y) w: a multiple of the device's own w, up for a song
//! heard and down for a negative. The server does not know w, but all rows share it: it is their leading direction, and its sign is told by most
//! touched rows being negatives.

use sottovoce::math::dot;

/// The length of each row of d values.
#[must_use]
pub fn norms(update: &[f32], d: usize) -> Vec<f64> {
    update.chunks_exact(d.max(1)).map(|row| f64::from(dot(row, row)).sqrt()).collect()
}

/// The unit direction u that the rows share: the leading right singular vector by power iteration, turned so that fewer of the rows
/// that moved point along it than against it. All zero where nothing moved.
#[must_use]
pub fn direction(update: &[f32], d: usize) -> Vec<f64> {
    let rows = || update.chunks_exact(d.max(1)).filter(|row| row.iter().any(|v| v.abs() > 0.0));
    let longest = rows().max_by(|a, b| dot(a, a).total_cmp(&dot(b, b)));
    let Some(longest) = longest else { return vec![0.0; d] };
    let unit = |v: Vec<f64>| {
        let norm = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        v.into_iter().map(|v| v / norm.max(f64::MIN_POSITIVE)).collect::<Vec<f64>>()
    };
    let mut u = unit(longest.iter().map(|v| f64::from(*v)).collect());
    for _ in 0..20 {
        let mut next = vec![0.0; d];
        for row in rows() {
            let along = project(row, &u);
            next.iter_mut().zip(row).for_each(|(n, v)| *n += along * f64::from(*v));
        }
        u = unit(next);
    }
    let (along, against) = rows().fold((0usize, 0usize), |(a, b), row| {
        let sign = project(row, &u);
        (a + usize::from(sign > 0.0), b + usize::from(sign < 0.0))
    });
    if along > against { u.into_iter().map(|v| -v).collect() } else { u }
}

fn project(row: &[f32], u: &[f64]) -> f64 {
    row.iter().zip(u).map(|(v, u)| f64::from(*v) * u).sum()
}

/// Each row along [`direction`]: above 0 a song that was heard, below a negative, where the attack holds.
#[must_use]
pub fn projections(update: &[f32], d: usize) -> Vec<f64> {
    let u = direction(update, d);
    update.chunks_exact(d.max(1)).map(|row| project(row, &u)).collect()
}

/// The cosine of an update with what one step on the hypothesis would have sent, −∇L(hypothesis); 0 where either is null.
#[must_use]
pub fn alignment(update: &[f32], hypothesis: &[f32]) -> f64 {
    let lengths = f64::from(dot(update, update)).sqrt() * f64::from(dot(hypothesis, hypothesis)).sqrt();
    if lengths > 0.0 { f64::from(dot(update, hypothesis)) / lengths } else { 0.0 }
}

/// What the attacker learned from devices of its own making: how features of members and of others are distributed.
#[derive(Clone, Debug, PartialEq)]
pub struct Shadow {
    /// Of each feature: mean and variance among members, then among others.
    members: Vec<(f64, f64)>,
    others: Vec<(f64, f64)>,
}

impl Shadow {
    /// Fits Gaussians to labelled features (`true`: a member), all of one length; `None` where a class is missing.
    #[must_use]
    pub fn fit(labelled: &[(Vec<f64>, bool)]) -> Option<Self> {
        let of = |member: bool| {
            let rows: Vec<&Vec<f64>> =
                labelled.iter().filter(|(_, label)| *label == member).map(|(row, _)| row).collect();
            let features = rows.first()?.len();
            #[allow(clippy::cast_precision_loss, reason = "counts of samples")]
            let n = rows.len() as f64;
            let moments = |f: usize| {
                let mean = rows.iter().map(|row| row[f]).sum::<f64>() / n;
                let variance = rows.iter().map(|row| (row[f] - mean).powi(2)).sum::<f64>() / n;
                // A feature that never varies would decide everything by its last bit.
                (mean, variance.max(1e-12 + 1e-6 * mean * mean))
            };
            Some((0..features).map(moments).collect::<Vec<_>>())
        };
        Some(Self { members: of(true)?, others: of(false)? })
    }

    /// ln p(features | member) − ln p(features | other).
    #[must_use]
    pub fn ratio(&self, features: &[f64]) -> f64 {
        let log = |x: f64, (mean, variance): (f64, f64)| -0.5 * ((x - mean).powi(2) / variance + libm::log(variance));
        let terms = features.iter().zip(self.members.iter().zip(&self.others));
        terms.map(|(x, (member, other))| log(*x, *member) - log(*x, *other)).sum()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_shared_direction_is_found_and_turned_by_the_many() {
        // Rows 1 and 5 up along (3, 4)/5, rows 0, 2 and 3 down, row 4 still.
        let update: Vec<f32> = [-1.0f32, 2.0, -0.5, -0.7, 0.0, 1.0].iter().flat_map(|g| [0.6 * g, 0.8 * g]).collect();
        let u = direction(&update, 2);
        assert!((u[0] - 0.6).abs() < 1e-6 && (u[1] - 0.8).abs() < 1e-6, "{u:?}");
        let got = projections(&update, 2);
        assert!(got.iter().zip([-1.0, 2.0, -0.5, -0.7, 0.0, 1.0]).all(|(a, b): (&f64, f64)| (a - b).abs() < 1e-6));
        assert!((norms(&update, 2)[1] - 2.0).abs() < 1e-6);
        assert_eq!(direction(&[0.0; 4], 2), [0.0, 0.0]);
    }

    #[test]
    fn alignment_is_a_cosine() {
        assert!((alignment(&[1.0, 0.0], &[2.0, 0.0]) - 1.0).abs() < 1e-6);
        assert!((alignment(&[1.0, 0.0], &[0.0, 3.0])).abs() < 1e-6 && alignment(&[0.0], &[1.0]).abs() < 1e-12);
    }

    #[test]
    fn a_ratio_is_that_of_two_gaussians() {
        let labelled: Vec<(Vec<f64>, bool)> =
            [(1.0, true), (3.0, true), (-1.0, false), (-3.0, false)].map(|(x, label)| (vec![x], label)).to_vec();
        let shadow = Shadow::fit(&labelled).unwrap();
        // Means 2 and −2, variances 1: ((x + 2)² − (x − 2)²) / 2 = 4x.
        assert!((shadow.ratio(&[0.5]) - 2.0).abs() < 1e-9 && shadow.ratio(&[0.0]).abs() < 1e-9);
        assert_eq!(Shadow::fit(&labelled[..2]), None);
    }
}
