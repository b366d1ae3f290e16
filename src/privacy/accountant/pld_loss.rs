//! One round's privacy loss on a grid: once so that it loses no less than the round itself, once so that it loses no more.
//!
//! | paper | here | meaning |
//! |---|---|---|
//! | `P`, `Q` | `p`, `q` of a [`Cell`] | what comes out with the listener and without, or the other way round |
//! | `L = ln(P/Q)` | loss | drawn from `P`; multiples of `h` on the grid |
//! | `Λ` | `h` | width of the grid |
//!
//! The real line is cut where the loss crosses a multiple of `h`; a [`Cell`] holds the mass of both laws between two cuts. From the same cells:
//! - **above**, by connecting the dots: a cell's masses are moved to its two ends in the one way that keeps both `P` and `Q`. The hockey-stick divergence
//!   `δ(ε)`, which is convex in `e^ε`, becomes its chord, exact at every multiple of `h`;
//! - **below**, by forgetting: neighbouring cells, and parts of cells cut off by a coin, are thrown together until the loss of the heap is a multiple of
//!   `h` to the letter. Whoever sees only the heap sees a function of the outcome and a coin, so nothing can be lost that was not lost
//!   before (data processing), in any number of rounds.
//!
//! Both are off by the order of `h²`, not `h`: rounding losses up or down instead would need a grid finer by orders of magnitude.
//!
//! Source: Doroshenko, Ghazi, Kamath, Kumar, Manurangsi, "Connect the dots: tighter discrete approximations of privacy loss distributions",
//! PETS 2022, §4 (above). Below, their optimistic estimate picks tangents from the curve; heaps of cells are the same idea on the laws themselves.

use super::gaussian::{mass, phi};
use crate::math::Real;

/// Mass of both laws where the loss is between two neighbouring multiples of `h`.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Cell {
    p: f64,
    q: f64,
}

/// All cells from the `first` multiple of `h` on, and what lies outside of them.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    h: f64,
    first: i64,
    cells: Vec<Cell>,
    below: Cell,
    above: Cell,
}

/// `P`'s mass at multiples of `h`, from the `first` on, and at `+∞`. What is missing to 1 is at `−∞`.
#[derive(Clone, Debug)]
pub(super) struct Losses {
    pub(super) h: f64,
    pub(super) first: i64,
    pub(super) mass: Vec<f64>,
    pub(super) infinite: f64,
}

/// One round: noise of `z` sensitivities, sampled with probability `q`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mixture {
    pub(super) z: f64,
    pub(super) q: f64,
}

impl Mixture {
    /// `ln(1 − q + q·e^((2x − 1)/2z²))`: the loss at `x`, rising.
    fn loss(self, x: f64) -> f64 {
        let a = (2.0 * x - 1.0) / (2.0 * self.z * self.z);
        if self.q >= 1.0 {
            a
        } else if a > 0.0 {
            a + Real::ln(self.q) + Real::ln_1p((1.0 - self.q) / self.q * Real::exp(-a))
        } else {
            Real::ln_1p(self.q * libm::expm1(a))
        }
    }

    /// Where the loss is `e`; `−∞` where it is always more.
    fn place(self, e: f64) -> f64 {
        let odds = if self.q >= 1.0 {
            e
        } else if e > 1.0 {
            e + Real::ln_1p(-(1.0 - self.q) * Real::exp(-e)) - Real::ln(self.q)
        } else {
            // (e^e − 1 + q)/q, near 1 where e is near 0.
            let rest = libm::expm1(e) / self.q;
            if rest <= -1.0 { f64::NEG_INFINITY } else { Real::ln_1p(rest) }
        };
        self.z * self.z * odds + 0.5
    }

    /// The spread of the loss under `P`, roughly, by Simpson's rule over ten standard deviations on both sides; for choosing `h`.
    pub(super) fn spread(self) -> f64 {
        const STEPS: i32 = 2000;
        let (low, width) = (-10.0 * self.z, (20.0 * self.z + 1.0) / f64::from(STEPS));
        let (mut weight, mut first, mut second) = (0.0, 0.0, 0.0);
        for i in 0..=STEPS {
            let x = low + width * f64::from(i);
            let loss = self.loss(x);
            let density = Real::exp(-x * x / (2.0 * self.z * self.z) + loss);
            weight += density;
            first += density * loss;
            second += density * loss * loss;
        }
        let mean = first / weight;
        (second / weight - mean * mean).max(0.0).sqrt()
    }

    /// The largest and the least loss that are not so rare that `tail` covers both sides of both laws.
    fn reach(self, tail: f64) -> (f64, f64) {
        let far = self.z * (2.0 * Real::ln(1.0 / tail)).sqrt();
        (self.loss(-far), self.loss(1.0 + far))
    }

    /// A grid fine enough for the mixture's own spread, and coarse enough for its reach.
    pub(super) fn width(self, tail: f64, finest: f64, most_cells: f64) -> f64 {
        let (low, high) = self.reach(tail);
        (self.spread() * finest).max((high - low) / most_cells).max(1e-9)
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "some millions")]
    pub(super) fn cells(self, h: f64, tail: f64) -> Cells {
        let (low, high) = self.reach(tail);
        let (first, last) = ((low / h).floor() as i64, (high / h).floor() as i64);
        let of = |a: f64, b: f64| {
            let q = mass(a / self.z, b / self.z);
            Cell { p: (1.0 - self.q) * q + self.q * mass((a - 1.0) / self.z, (b - 1.0) / self.z), q }
        };
        let mut left = self.place(first as f64 * h);
        let below = of(f64::NEG_INFINITY, left);
        let cells = (first..=last).map(|i| {
            let right = self.place((i + 1) as f64 * h);
            let cell = of(left, right);
            left = right;
            cell
        });
        let cells = cells.collect();
        let q = phi(-left / self.z);
        let above = Cell { p: (1.0 - self.q) * q + self.q * phi((1.0 - left) / self.z), q };
        Cells { h, first, cells, below, above }
    }
}

impl Cells {
    /// The other direction: `P` and `Q` change places, and every loss its sign.
    pub(super) fn swapped(&self) -> Self {
        let swap = |cell: &Cell| Cell { p: cell.q, q: cell.p };
        Self {
            h: self.h,
            first: -(self.first + self.cells.len().cast_signed() as i64),
            cells: self.cells.iter().rev().map(swap).collect(),
            below: swap(&self.above),
            above: swap(&self.below),
        }
    }

    /// Loses no less than the round. What lies below all cells goes up to the first end, what lies above to `+∞`.
    pub(super) fn connected(&self) -> Losses {
        let mut mass = vec![0.0; self.cells.len() + 1];
        mass[0] = self.below.p;
        for (i, cell) in self.cells.iter().enumerate() {
            // upper + lower = p and upper·e^(−(i+1)h) + lower·e^(−ih) = q.
            let upper = -(cell.p - cell.q * Real::exp(self.at(i))) / libm::expm1(-self.h);
            let upper = upper.clamp(0.0, cell.p);
            mass[i] += cell.p - upper;
            mass[i + 1] += upper;
        }
        Losses { h: self.h, first: self.first, mass, infinite: self.above.p }
    }

    /// Loses no more than the round. What lies below all cells is left out, what lies above goes down to the last end.
    pub(super) fn heaped(&self) -> Losses {
        let mut mass = vec![0.0; self.cells.len() + 1];
        // Where a heap would have a loss of `target·h` it is closed. Until then it has less, because it began below.
        let (mut heap, mut target, mut began) = (Cell::default(), 1, 0);
        for (i, cell) in self.cells.iter().enumerate() {
            let odds = Real::exp(self.at(target));
            let (missing, surplus) = (odds * heap.q - heap.p, cell.p - odds * cell.q);
            if i < target || surplus < missing {
                heap = Cell { p: heap.p + cell.p, q: heap.q + cell.q };
                continue;
            }
            let share = if surplus > 0.0 { (missing / surplus).clamp(0.0, 1.0) } else { 0.0 };
            mass[target] += heap.p + share * cell.p;
            heap = Cell { p: (1.0 - share) * cell.p, q: (1.0 - share) * cell.q };
            (target, began) = (i + 1, i);
        }
        mass[began] += heap.p; // no less than the lowest end of what is in it
        mass[self.cells.len()] += self.above.p;
        Losses { h: self.h, first: self.first, mass, infinite: 0.0 }
    }

    #[allow(clippy::cast_precision_loss, reason = "some millions")]
    fn at(&self, i: usize) -> f64 {
        (self.first + i.cast_signed() as i64) as f64 * self.h
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::accountant::gaussian;

    /// `δ(ε)` of one round, from the two laws' own tails: `P[L > ε] − e^ε·Q[L > ε]`.
    fn exact(mixture: Mixture, epsilon: f64, swapped: bool) -> f64 {
        let Mixture { z, q } = mixture;
        let x = mixture.place(if swapped { -epsilon } else { epsilon });
        let tails =
            |x: f64| ((1.0 - q) * gaussian::phi(-x / z) + q * gaussian::phi((1.0 - x) / z), gaussian::phi(-x / z));
        let (p, null) = tails(x);
        if swapped { (1.0 - null) - epsilon.exp() * (1.0 - p) } else { p - epsilon.exp() * null }
    }

    fn delta(losses: &Losses, epsilon: f64) -> f64 {
        let at = |i: usize| (losses.first + i as i64) as f64 * losses.h;
        let gain = |(i, m): (usize, &f64)| m * -libm::expm1((epsilon - at(i)).min(0.0));
        losses.infinite + losses.mass.iter().enumerate().map(gain).sum::<f64>()
    }

    #[test]
    fn one_round_lies_between_the_two_and_they_are_close() {
        for (z, q) in [(1.0, 1.0), (0.7, 0.3), (1.1, 0.004), (4.0, 0.5), (0.5, 0.001)] {
            let mixture = Mixture { z, q };
            let h = mixture.spread() / 160.0;
            let cells = mixture.cells(h, 1e-25);
            for swapped in [false, true] {
                let cells = if swapped { cells.swapped() } else { cells.clone() };
                let (above, below) = (cells.connected(), cells.heaped());
                for step in 0..400 {
                    let epsilon = f64::from(step) * 0.37 * h; // mostly between two points of the grid
                    let truth = exact(mixture, epsilon, swapped);
                    let (high, low) = (delta(&above, epsilon), delta(&below, epsilon));
                    let digits = 1e-14;
                    assert!(
                        high >= truth - digits && low <= truth + digits,
                        "z {z} q {q} ε {epsilon}: {low} {truth} {high}"
                    );
                    if truth > 1e-6 {
                        assert!(high - low < 0.004 * truth + 1e-4, "z {z} q {q} ε {epsilon}: {low} {truth} {high}");
                    }
                }
            }
        }
    }

    #[test]
    fn both_keep_the_masses_and_the_heaps_keep_their_loss() {
        let cells = Mixture { z: 0.9, q: 0.2 }.cells(0.01, 1e-20);
        for losses in [cells.connected(), cells.heaped()] {
            let whole = losses.mass.iter().sum::<f64>() + losses.infinite;
            assert!((whole - 1.0).abs() < 1e-12, "{whole}");
            // Σ P·e^(−L) = 1 as well: the mass of Q.
            let other = |(i, m): (usize, &f64)| m * (-((losses.first + i as i64) as f64) * 0.01).exp();
            let other: f64 = losses.mass.iter().enumerate().map(other).sum();
            assert!((other - 1.0).abs() < 1e-9, "{other}");
        }
    }

    #[test]
    fn a_loss_is_found_where_it_is() {
        for (z, q) in [(1.0, 1.0), (0.5, 0.001), (2.0, 0.3)] {
            let mixture = Mixture { z, q };
            for i in -40..80 {
                let x = f64::from(i) * 0.1 * z;
                let loss = mixture.loss(x);
                if loss > (1.0 - q).ln() * 0.999 {
                    assert!((mixture.place(loss) - x).abs() < 1e-6, "z {z} q {q} x {x}");
                }
            }
        }
    }
}
