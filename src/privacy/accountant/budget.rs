//! What may be spent, what has been spent, and that nothing leaves before it is written down.
//!
//! [`Account::charge`] → [`Pending`] → (the store) → [`Charged`] → `Quantized::noised`: noise for an update can only be had for a [`Charged`], a
//! `Charged` only for the bytes of the account with this charge in it, read back from where they were written. A device that dies in
//! between has spent without releasing, never the other way round.

use super::rdp::{Curve, ORDERS};
use super::release::Release;
use crate::math::Real;
use crate::privacy::{Error, NoisePlan, Residue};

/// First byte of a stored account.
const VERSION: u8 = 1;

/// `ε` and `δ` that a listener's rounds together may not exceed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Budget {
    epsilon: f64,
    delta: f64,
}

/// `ε = 8` at `δ = 10⁻⁶`, for good.
impl Default for Budget {
    fn default() -> Self {
        Self { epsilon: 8.0, delta: 1e-6 }
    }
}

/// What has been spent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spend {
    /// `ε` at the budget's `δ`.
    pub epsilon: f64,
    /// At this `δ`.
    pub delta: f64,
    /// In so many rounds.
    pub rounds: u64,
}

/// All charges of one listener (on a device) or of the listener who was in most rounds (on the server), added up.
#[derive(Clone, PartialEq, Debug)]
pub struct Account {
    budget: Budget,
    rounds: u64,
    curve: Curve,
    residue: Residue,
}

/// A charge that is in the account but perhaps not yet in the store.
#[derive(Debug)]
#[must_use = "the charge is spent; write it down to make use of it"]
pub struct Pending {
    plan: NoisePlan,
    bytes: Vec<u8>,
}

/// A charge that is in the store: good for the noise of one update by its plan. Can be neither copied nor made otherwise.
///
/// ```compile_fail,E0382
/// use sottovoce::privacy::{Noise, Quantized, accountant::Charged};
/// fn twice(a: Quantized, b: Quantized, charged: Charged, noise: &mut Noise) {
///     let _ = a.noised(charged, noise);
///     let _ = b.noised(charged, noise); // the charge is used up
/// }
/// ```
#[derive(Debug)]
#[must_use = "the charge is spent"]
pub struct Charged(NoisePlan);

impl Budget {
    /// `ε` above 0, or `∞` for measurements without any guarantee; `δ` between 0 and 1. A `δ` of no more than one listener in all is usual.
    ///
    /// # Errors
    /// [`Error::OutOfRange`].
    pub fn new(epsilon: f64, delta: f64) -> Result<Self, Error> {
        if epsilon.is_nan() || epsilon <= 0.0 {
            return Err(Error::OutOfRange { what: "ε", value: epsilon, range: "above 0" });
        }
        if !(1e-15..1.0).contains(&delta) {
            return Err(Error::OutOfRange { what: "δ", value: delta, range: "10⁻¹⁵ to below 1" });
        }
        Ok(Self { epsilon, delta })
    }

    /// `ε`.
    #[must_use]
    pub fn epsilon(self) -> f64 {
        self.epsilon
    }

    /// `δ`.
    #[must_use]
    pub fn delta(self) -> f64 {
        self.delta
    }
}

impl Account {
    /// Length of [`Self::to_bytes`].
    pub const BYTES: usize = 1 + 8 * (5 + ORDERS.len());

    /// Nothing spent.
    #[must_use]
    pub fn new(budget: Budget) -> Self {
        Self { budget, rounds: 0, curve: Curve::default(), residue: Residue::default() }
    }

    /// What may be spent.
    #[must_use]
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// Changes what may be spent; what has been spent stays.
    pub fn set_budget(&mut self, budget: Budget) {
        self.budget = budget;
    }

    /// What has been spent.
    #[must_use]
    pub fn spent(&self) -> Spend {
        Spend { epsilon: self.epsilon(), delta: self.budget.delta, rounds: self.rounds }
    }

    /// What will have been spent after so many more of these rounds.
    #[must_use]
    pub fn after(&self, release: &Release, times: u64) -> Spend {
        self.with(&release.curve(), release.residue, times).spent()
    }

    /// So many more of these rounds the budget affords, a million at most.
    #[must_use]
    pub fn rounds_left(&self, release: &Release) -> u64 {
        let curve = release.curve();
        let affords = |times: u64| self.with(&curve, release.residue, times).epsilon() <= self.budget.epsilon;
        let (mut yes, mut no) = (0, 1_000_001);
        while yes + 1 < no {
            let middle = u64::midpoint(yes, no);
            if affords(middle) {
                yes = middle;
            } else {
                no = middle;
            }
        }
        yes
    }

    /// Charges for one round by this plan, which the listener is in for certain.
    ///
    /// # Errors
    /// [`Error::Exhausted`] if the budget does not afford it; nothing is charged then.
    pub fn charge(&mut self, plan: NoisePlan) -> Result<Pending, Error> {
        self.charge_sampled(plan, 1.0)
    }

    /// The same for a round that everybody is in with probability `q`; see [`NoisePlan::release_sampled`] for when that may be said.
    ///
    /// # Errors
    /// [`Error::Exhausted`], and [`Error::OutOfRange`] for a `q` that is no probability.
    pub fn charge_sampled(&mut self, plan: NoisePlan, q: f64) -> Result<Pending, Error> {
        if !(q > 0.0 && q <= 1.0) {
            return Err(Error::OutOfRange { what: "the sampling probability", value: q, range: "above 0 to 1" });
        }
        let release = plan.release_sampled(q);
        let next = self.with(&release.curve(), release.residue, 1);
        let after = next.epsilon();
        if after.is_nan() || after > self.budget.epsilon {
            return Err(Error::Exhausted { after, budget: self.budget.epsilon });
        }
        *self = next;
        Ok(Pending { plan, bytes: self.to_bytes() })
    }

    /// A charge that the store holds and that nobody has had noise for: for a device that was closed after [`Pending::recorded`] and before
    /// anything left. That it was not made use of is for the caller to know, who notes in the same write of the store what a charge
    /// is for, and that it is used up.
    ///
    /// # Errors
    /// [`Error::NotRecorded`] unless `read_back` is this account; [`Error::Account`] where it has cost less than one round by `plan`.
    pub fn unused(&self, plan: NoisePlan, read_back: &[u8]) -> Result<Charged, Error> {
        let bytes = self.to_bytes();
        if read_back != bytes {
            return Err(Error::NotRecorded { expected: bytes.len(), found: read_back.len() });
        }
        let curve = plan.release().curve();
        if self.rounds == 0 || self.curve.values().iter().zip(curve.values()).any(|(spent, cost)| spent < cost) {
            return Err(Error::Account { bytes: bytes.len(), what: "it holds no charge for this plan" });
        }
        Ok(Charged(plan))
    }

    /// For the store: [`Self::BYTES`] bytes, little-endian: version, ε and δ of the budget, rounds, residue, one value an order.
    /// The store has to notice damage by itself; a flipped bit may still be an account.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = [self.budget.epsilon, self.budget.delta].map(f64::to_le_bytes);
        let residue = [self.residue.log_ratio, self.residue.tail].map(f64::to_le_bytes);
        let mut bytes = vec![VERSION];
        bytes.extend(head.as_flattened());
        bytes.extend(self.rounds.to_le_bytes());
        bytes.extend(residue.as_flattened());
        bytes.extend(self.curve.values().iter().flat_map(|v| v.to_le_bytes()));
        bytes
    }

    /// From [`Self::to_bytes`].
    ///
    /// # Errors
    /// [`Error::Account`] for anything else. Whoever gets it must not begin a new account: what was spent is unknown, so all is.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let refuse = |what| Error::Account { bytes: bytes.len(), what };
        let Some((&VERSION, body)) = bytes.split_first() else { return Err(refuse("another version, or nothing")) };
        if bytes.len() != Self::BYTES {
            return Err(refuse("wrong length"));
        }
        let (words, _) = body.as_chunks::<8>();
        let numbers: Vec<f64> = words.iter().map(|word| f64::from_le_bytes(*word)).collect();
        let [epsilon, delta, _, log_ratio, tail, ref rdp @ ..] = numbers[..] else {
            return Err(refuse("wrong length"));
        };
        let rounds = u64::from_le_bytes(words[2]);
        let budget = Budget::new(epsilon, delta).map_err(|_| refuse("no budget"))?;
        let curve = Curve::from_values(rdp.to_vec()).ok_or_else(|| refuse("a divergence below 0"))?;
        let residue = Residue { log_ratio, tail };
        if !(log_ratio >= 0.0 && tail >= 0.0) {
            return Err(refuse("a residue below 0"));
        }
        let nothing = curve == Curve::default() && residue == Residue::default();
        if nothing != (rounds == 0) {
            return Err(refuse("rounds and cost disagree"));
        }
        Ok(Self { budget, rounds, curve, residue })
    }

    fn with(&self, curve: &Curve, residue: Residue, times: u64) -> Self {
        let mut next = self.clone();
        next.curve.add(curve, times);
        #[allow(clippy::cast_precision_loss, reason = "below 2⁵³")]
        let n = times as f64;
        next.residue.log_ratio += n * residue.log_ratio;
        next.residue.tail += n * residue.tail;
        next.rounds = self.rounds.saturating_add(times);
        next
    }

    /// The curve's `ε₀` at a `δ₀` below `δ`, so that with the residue `κ`, `t` of the tables both hold: `ε = ε₀ + 2κ` and
    /// `δ ≥ e^κ(δ₀ + e^(ε₀)·t)`.
    fn epsilon(&self) -> f64 {
        if self.rounds == 0 {
            return 0.0;
        }
        let (kappa, tail) = (self.residue.log_ratio, self.residue.tail);
        let whole = self.budget.delta * Real::exp(-kappa);
        let mut least = self.curve.epsilon(whole).0;
        for _ in 0..64 {
            let rest = whole - Real::exp(least) * tail;
            if rest.is_nan() || rest <= 0.0 {
                break;
            }
            let epsilon = self.curve.epsilon(rest).0;
            if epsilon <= least {
                return least + 2.0 * kappa;
            }
            least = epsilon * (1.0 + 1e-12);
        }
        f64::INFINITY
    }
}

impl Pending {
    /// What the store has to hold before anything may leave: the whole account with this charge.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Shows what the store holds now, read back after it was written and flushed.
    ///
    /// # Errors
    /// [`Error::NotRecorded`] if that is something else. The charge stays in the account.
    pub fn recorded(self, read_back: &[u8]) -> Result<Charged, Error> {
        if read_back == self.bytes {
            Ok(Charged(self.plan))
        } else {
            Err(Error::NotRecorded { expected: self.bytes.len(), found: read_back.len() })
        }
    }
}

impl Charged {
    /// What was paid for.
    #[must_use]
    pub fn plan(&self) -> &NoisePlan {
        &self.0
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "∞ and 0 are exact")]
#[path = "budget_tests.rs"]
mod tests;
