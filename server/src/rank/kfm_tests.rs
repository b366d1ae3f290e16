//! Four forms of a kernel machine are one number (row K6).

#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use sottovoce::math::Rng;
use sottovoce_algebra::{Algebra as _, Init, Parameters, Pool, Tape};

/// Features of several fields, each with its own embedding, and a kernel for each pair of fields.
struct World {
    k: usize,
    /// By field, by feature.
    x: Vec<Vec<Vec<f64>>>,
    phi: Vec<Vec<Vec<f64>>>,
}

impl World {
    fn draw(fields: usize, k: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut numbers = |n: usize| -> Vec<f64> { (0..n).map(|_| f64::from(rng.uniform()) * 2.0 - 1.0).collect() };
        let counts: Vec<usize> = (0..fields).map(|f| 1 + (seed as usize >> f) % 3).collect();
        let x = counts.iter().map(|n| (0..*n).map(|_| numbers(k)).collect()).collect();
        let phi = (0..fields).map(|_| (0..fields).map(|_| numbers(k * k)).collect()).collect();
        Self { k, x, phi }
    }

    /// `aᵀ φ b`.
    fn form(&self, a: &[f64], phi: &[f64], b: &[f64]) -> f64 {
        let row = |(a, phi): (&f64, &[f64])| a * phi.iter().zip(b).map(|(p, b)| p * b).sum::<f64>();
        a.iter().zip(phi.chunks_exact(self.k)).map(row).sum()
    }

    fn sum(&self, field: usize) -> Vec<f64> {
        (0..self.k).map(|f| self.x[field].iter().map(|x| x[f]).sum()).collect()
    }

    /// (1) over all pairs of features of different fields.
    fn over_features(&self) -> f64 {
        let features = || self.x.iter().enumerate().flat_map(|(field, x)| x.iter().map(move |x| (field, x)));
        let mut sum = 0.0;
        for (i, a) in features() {
            for (j, b) in features().filter(|(j, _)| i < *j) {
                sum += self.form(a, &self.phi[i][j], b);
            }
        }
        sum
    }

    /// (2) over pairs of fields, each the sum of its features.
    fn over_fields(&self) -> f64 {
        let fields = self.x.len();
        let pair = |i: usize, j: usize| self.form(&self.sum(i), &self.phi[i][j], &self.sum(j));
        (0..fields).flat_map(|i| (i + 1..fields).map(move |j| (i, j))).map(|(i, j)| pair(i, j)).sum()
    }

    /// (3) `½ Tᵀ(Φ + Φᵀ)T`, the whole matrix written down.
    fn whole(&self) -> f64 {
        let (fields, k) = (self.x.len(), self.k);
        let n = fields * k;
        let t: Vec<f64> = (0..fields).flat_map(|field| self.sum(field)).collect();
        let above = |r: usize, c: usize| if r / k < c / k { self.phi[r / k][c / k][r % k * k + c % k] } else { 0.0 };
        let all = (0..n * n).map(|place| (place / n, place % n));
        all.map(|(r, c)| 0.5 * t[r] * (above(r, c) + above(c, r)) * t[c]).sum()
    }

    /// (4) what the algebra does, on the sums of the fields.
    fn blocked(&self) -> f64 {
        let (fields, k) = (self.x.len(), self.k);
        let pairs = fields * (fields - 1) / 2;
        let mut parameters = Parameters::<f64>::new(1);
        let part = parameters.add("phi", k, pairs * k, Init::Constant(0.0));
        let order = (0..fields).flat_map(|i| (i + 1..fields).map(move |j| (i, j)));
        for (pair, (i, j)) in order.enumerate() {
            for (row, values) in self.phi[i][j].chunks_exact(k).enumerate() {
                parameters.part_mut(part)[row * pairs * k + pair * k..][..k].copy_from_slice(values);
            }
        }
        let sums: Vec<f64> = (0..fields).flat_map(|field| self.sum(field)).collect();
        let x = parameters.add("x", 1, fields * k, Init::Constant(0.0));
        parameters.part_mut(x).copy_from_slice(&sums);
        let pool = Pool::default();
        let mut tape = Tape::new(&parameters, &pool);
        let (x, phi) = (tape.parameter(x), tape.parameter(part));
        let y = tape.kernel_fm(x, fields, phi);
        tape.value(y)[0]
    }
}

proptest! {
    #[test]
    fn all_four_are_one_number(fields in 2usize..6, k in 1usize..6, seed in any::<u64>()) {
        let world = World::draw(fields, k, seed);
        let first = world.over_features();
        for (form, value) in [(2, world.over_fields()), (3, world.whole()), (4, world.blocked())] {
            prop_assert!((first - value).abs() < 1e-10 * (1.0 + first.abs()), "form {}: {} {}", form, value, first);
        }
    }
}
