//! How likely a round fails, and the numbers that keep it unlikely: computed, not chosen by feel, and printed by the server.
//!
//! Assumed: a share `γ` of all devices works with the server, a share `δ` vanishes, and members and circle are drawn without either
//! knowing. Then, with `B(n, p)` binomial:
//!
//! | what fails | probability | what it means |
//! |---|---|---|
//! | secrecy | `P[B(C, γ) ≥ t]` | enough members to open a device alone |
//! | one split | `P[B(C, γ) ≥ 2t − C]` | enough members that sign twice to have two splits pass |
//! | an answer | `P[B(C, δ) > C − t]` | too few members left; nothing is disclosed, the round is repeated |
//! | the circle | `≤ C(n, 2)·β^k·2^g`, `β = γ + δ − γδ` | two gaps of `k/2` cut the honest devices in two; `g` bits for a server that tries rosters |
//!
//! Sources: Bonawitz et al. 2017, §6.2 (thresholds); Bell et al. 2020, §3.2, Theorem 3.10 (connected with high probability).

/// What is assumed of a cohort.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Odds {
    /// `γ`: the share of devices that work with the server.
    pub corrupt: f64,
    /// `δ`: the share that vanishes.
    pub dropout: f64,
    /// `σ`: a circle may be cut with probability `2^−σ`.
    pub security_bits: f64,
    /// `g`: so many rosters (as a power of two) a server may try against a beacon it knows.
    pub grinding_bits: f64,
}

impl Default for Odds {
    fn default() -> Self {
        Self { corrupt: 1.0 / 3.0, dropout: 0.25, security_bits: 40.0, grinding_bits: 40.0 }
    }
}

/// `k`: the fewest neighbours, an even number, with which a circle of `n` is cut with probability `2^−σ` at most; `n − 1` where that
/// is fewer.
///
/// # Example
/// ```
/// use sottovoce::secagg::{Odds, degree};
/// assert_eq!(degree(1_000, Odds::default()), 100);
/// assert_eq!(degree(50, Odds::default()), 49);
/// ```
#[must_use]
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of devices"
)]
pub fn degree(n: usize, odds: Odds) -> usize {
    let all = n.saturating_sub(1);
    if n <= super::graph::COMPLETE {
        return all;
    }
    let lost = odds.corrupt + odds.dropout - odds.corrupt * odds.dropout;
    let pairs = libm::log2(n as f64) + libm::log2(all as f64) - 1.0;
    let k = (odds.security_bits + odds.grinding_bits + pairs) / -libm::log2(lost);
    if k.is_finite() { (libm::ceil(k / 2.0).max(1.0) as usize).saturating_mul(2).min(all) } else { all }
}

/// A committee: `C` members, `t` of which open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committee {
    /// `C`.
    pub members: u32,
    /// `t`.
    pub threshold: u32,
}

impl Committee {
    /// The usual one, or everybody who is enlisted where they are fewer: `C = min(41, enlisted)`, `t = ⌊2C/3⌋ + 1`.
    ///
    /// # Example
    /// ```
    /// use sottovoce::secagg::Committee;
    /// assert_eq!(Committee::of(1_000), Committee { members: 41, threshold: 28 });
    /// assert_eq!(Committee::of(3), Committee { members: 3, threshold: 3 });
    /// ```
    #[must_use]
    pub fn of(enlisted: usize) -> Self {
        let members = u32::try_from(enlisted.min(41)).unwrap_or(41);
        Self { members, threshold: Self::least_threshold(members) }
    }

    /// The least `t` of `C` with which two splits cannot both pass while fewer than a third sign twice.
    #[must_use]
    pub fn least_threshold(members: u32) -> u32 {
        2 * members / 3 + 1
    }

    /// `P[B(C, γ) ≥ t]`: members that work with the server can open any device.
    #[must_use]
    pub fn opens_alone(self, corrupt: f64) -> f64 {
        at_least(self.members, self.threshold, corrupt)
    }

    /// `P[B(C, γ) ≥ 2t − C]`: two different splits can both find `t` signatures.
    #[must_use]
    pub fn signs_twice(self, corrupt: f64) -> f64 {
        at_least(self.members, 2 * self.threshold - self.members, corrupt)
    }

    /// `P[B(C, δ) > C − t]`: too few members answer.
    #[must_use]
    pub fn falls_silent(self, dropout: f64) -> f64 {
        at_least(self.members, self.members - self.threshold + 1, dropout)
    }
}

/// `P[B(n, p) ≥ k]`, summed from its smallest term.
fn at_least(n: u32, k: u32, p: f64) -> f64 {
    if k == 0 || p >= 1.0 {
        return 1.0;
    }
    if k > n || p <= 0.0 {
        return 0.0;
    }
    let (ln_p, ln_q) = (libm::log(p), libm::log1p(-p));
    let ln_choose = |i: u32| {
        libm::lgamma(f64::from(n) + 1.0) - libm::lgamma(f64::from(i) + 1.0) - libm::lgamma(f64::from(n - i) + 1.0)
    };
    let term = |i: u32| libm::exp(ln_choose(i) + f64::from(i) * ln_p + f64::from(n - i) * ln_q);
    let mut terms: Vec<f64> = (k..=n).map(term).collect();
    terms.sort_by(f64::total_cmp);
    terms.iter().sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomial_tails_by_hand() {
        assert!((at_least(3, 2, 0.5) - 0.5).abs() < 1e-12);
        assert!((at_least(4, 4, 0.1) - 1e-4).abs() < 1e-16);
        assert!((at_least(41, 1, 0.2) - (1.0 - 0.8f64.powi(41))).abs() < 1e-12);
    }

    /// The usual committee, with the figures that docs/threat-model.md prints.
    #[test]
    fn the_usual_committee() {
        let usual = Committee::of(1000);
        assert!(usual.opens_alone(0.2) < 1e-10, "{}", usual.opens_alone(0.2));
        assert!(usual.signs_twice(0.05) < 1e-8, "{}", usual.signs_twice(0.05));
        assert!(usual.falls_silent(0.1) < 1e-4, "{}", usual.falls_silent(0.1));
        for members in 1..=41 {
            let t = Committee::least_threshold(members);
            // Two splits need 2t signatures of C members; the third that may sign twice is not enough.
            assert!(2 * t - members > (members - 1) / 3, "{members}");
            assert!(t <= members);
        }
    }

    #[test]
    fn more_devices_or_worse_odds_take_more_neighbours() {
        let odds = Odds::default();
        assert!(degree(100_000, odds) > degree(1_000, odds));
        assert!(degree(1_000, Odds { corrupt: 0.4, ..odds }) > degree(1_000, odds));
        assert_eq!(degree(80, odds), 79);
        assert_eq!(degree(1, odds), 0);
    }
}
