use super::super::reference::ROWS;
use super::*;
use crate::privacy::accountant::gaussian;

fn composed(q: f64, z: f64, rounds: u32) -> Curve {
    let mut curve = Curve::default();
    curve.add(&Curve::of(|order| subsampled_gaussian(q, z, order)), u64::from(rounds));
    curve
}

#[test]
fn the_orders_are_the_grid_of_the_reference() {
    let ends = [ORDERS[0], ORDERS[98], ORDERS[99], ORDERS[151], ORDERS[152], ORDERS[155]];
    assert_eq!(ends.map(f64::to_bits), [1.1, 10.9, 11.0, 63.0, 128.0, 1024.0].map(f64::to_bits));
    assert!(ORDERS.is_sorted());
}

#[test]
fn all_eight_rows_agree_with_the_reference() {
    for row in ROWS {
        let (epsilon, order) = composed(row.q, row.z, row.rounds).epsilon(row.delta);
        assert!((epsilon / row.rdp - 1.0).abs() < 1e-6, "{row:?}: {epsilon}");
        assert!((order - row.order).abs() < 1e-9, "{row:?}: order {order}");
        let back = composed(row.q, row.z, row.rounds).delta(epsilon);
        assert!((back / row.delta - 1.0).abs() < 1e-9, "{row:?}: δ {back}");
    }
}

/// `A_α = ∫ φ₀·(1 − q + q·φ₁/φ₀)^α`, as a sum: another way to the same number, at whole and broken orders.
#[test]
fn the_series_are_the_integral() {
    for (q, z) in [(0.01, 1.0), (0.3, 0.7), (0.5, 3.0), (0.001, 0.5), (0.9, 1.5)] {
        for order in [1.1, 1.5, 2.0, 2.7, 4.4, 7.0, 10.9, 24.0] {
            let (steps, low) = (400_000, -12.0 * z);
            let h = (24.0 * z + order) / f64::from(steps);
            let ours = subsampled_gaussian(q, z, order);
            let term = |i: i32| {
                let x = low + h * (f64::from(i) + 0.5);
                let ratio = (1.0 - q + q * ((2.0 * x - 1.0) / (2.0 * z * z)).exp()).ln();
                (-x * x / (2.0 * z * z) + order * ratio - ours * (order - 1.0)).exp() // near 1, where A itself overflows
            };
            let integral = (0..steps).map(term).sum::<f64>() * h / (z * (2.0 * core::f64::consts::PI).sqrt());
            let exact = ours + integral.ln() / (order - 1.0);
            // Whole orders to the last digits. Broken ones from above, for their terms' magnitudes, and close where ε is decided.
            let loose = [(order < 2.5, 2.5), (order < 4.0, 0.06)]
                .iter()
                .find(|(here, _)| *here)
                .map_or(0.004, |(_, loose)| *loose);
            let loose = if is_whole(order) { 1e-6 } else { loose };
            assert!(
                ours > exact * (1.0 - 1e-6) && ours < exact * (1.0 + loose),
                "q {q} z {z} α {order}: {ours} for {exact}"
            );
        }
    }
}

#[test]
fn a_curve_never_claims_more_than_the_exact_mechanism_gives() {
    for (z, rounds, delta) in [(1.0, 1, 1e-5), (4.0, 100, 1e-6), (10.0, 50, 1e-9), (50.0, 1, 1e-6)] {
        let (ours, exact) =
            (composed(1.0, z, rounds).epsilon(delta).0, gaussian::epsilon(f64::from(rounds).sqrt() / z, delta));
        assert!(ours >= exact && ours < 1.2 * exact + 0.02, "z {z}: {ours} for {exact}");
    }
}

#[test]
fn the_ends_of_the_range() {
    assert_eq!(subsampled_gaussian(0.0, 1.0, 2.0), 0.0);
    assert_eq!(subsampled_gaussian(0.5, 0.0, 2.0), f64::INFINITY);
    assert_eq!(distributed(0.5, 0.0, 0.0, 1.0, 2.5), f64::INFINITY);
    assert_eq!(Curve::default().epsilon(1e-6).0, 0.0);
    assert_eq!(Curve::default().delta(0.5), 0.0);
    assert_eq!(composed(1.0, 0.0, 1).epsilon(1e-6).0, f64::INFINITY);
    assert!(Curve::from_values(vec![0.0; 3]).is_none() && Curve::from_values(vec![f64::NAN; COUNT]).is_none());
    for q in [0.999_999, 1e-6] {
        assert!(
            Curve::of(|order| subsampled_gaussian(q, 1.0, order)).values().iter().all(|v| v.is_finite() && *v >= 0.0)
        );
    }
}

/// `P[X = x]` for `|x| ≤ most`, from its definition.
fn discrete_gaussian(variance: f64, most: i32) -> Vec<f64> {
    let weights: Vec<f64> = (-most..=most).map(|x| (-f64::from(x * x) / (2.0 * variance)).exp()).collect();
    let whole: f64 = weights.iter().sum();
    weights.iter().map(|w| w / whole).collect()
}

fn convolved(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; a.len() + b.len() - 1];
    for (i, x) in a.iter().enumerate() {
        b.iter().enumerate().for_each(|(j, y)| sum[i + j] += x * y);
    }
    sum
}

/// `D_α` between the mixture of a law moved by `shift` and the law itself, both ways, whatever is larger; over all values that have digits.
fn divergence(law: &[f64], shift: usize, q: f64, order: f64) -> f64 {
    let (mut there, mut back) = (0.0, 0.0);
    for i in shift..law.len() - shift {
        let (null, mixed) = (law[i], (1.0 - q) * law[i] + q * law[i - shift]);
        if null > 1e-250 && mixed > 1e-250 {
            there += (order * mixed.ln() + (1.0 - order) * null.ln()).exp();
            back += (order * null.ln() + (1.0 - order) * mixed.ln()).exp();
        }
    }
    f64::max(there, back).ln() / (order - 1.0)
}

#[test]
fn one_discrete_gaussian_loses_no_more_than_a_continuous_one() {
    for (variance, shift) in [(0.5, 1), (2.0, 1), (2.0, 3), (9.0, 2), (25.0, 5)] {
        let law = discrete_gaussian(variance, 150);
        let z = variance.sqrt() / f64::from(shift);
        for q in [1.0, 0.3, 0.02] {
            for order in [1.1, 1.5, 2.0, 2.5, 3.0, 4.7, 8.0] {
                let (exact, bound) = (divergence(&law, shift as usize, q, order), distributed(q, z, 0.0, 1.0, order));
                assert!(
                    exact <= bound * (1.0 + 1e-9) + 1e-13,
                    "σ² {variance}, shift {shift}, q {q}, α {order}: {exact} over {bound}"
                );
                if is_whole(order) {
                    assert!((exact / bound - 1.0).abs() < 1e-6, "equal at whole orders: {exact}, {bound}");
                }
            }
        }
    }
}

#[test]
fn a_sum_of_discrete_gaussians_keeps_to_the_correction() {
    for (variance, n) in [(0.5, 2), (0.5, 3), (0.6, 5), (0.8, 2), (1.0, 3), (1.5, 4)] {
        let one = discrete_gaussian(variance, 40);
        let sum = (1..n).fold(one.clone(), |sum, _| convolved(&sum, &one));
        let ideal = discrete_gaussian(variance * f64::from(n), (sum.len() as i32 - 1) / 2);
        let tau: f64 = 10.0
            * (1..n)
                .map(|k| (-2.0 * core::f64::consts::PI.powi(2) * variance * f64::from(k) / f64::from(k + 1)).exp())
                .sum::<f64>();
        // Both laws are within e^(±τ/2), wherever the sum is not cut off.
        let centre = sum.len() / 2;
        let apart = (centre - 25..=centre + 25).map(|i| (sum[i] / ideal[i]).ln().abs()).fold(0.0, f64::max);
        assert!(apart <= tau / 2.0 + 1e-12, "σ² {variance}, n {n}: {apart} of {}", tau / 2.0);
        assert!(n > 2 || apart > tau / 8.0, "σ² {variance}: {apart} is nothing beside {}", tau / 2.0);
        for shift in [1, 2, 4] {
            let z = (variance * f64::from(n)).sqrt() / shift as f64;
            for q in [1.0, 0.2] {
                for order in [1.1, 1.3, 2.0, 3.5, 6.0] {
                    let (exact, bound) = (divergence(&sum, shift, q, order), distributed(q, z, tau, 1.0, order));
                    assert!(
                        exact <= bound * (1.0 + 1e-9),
                        "σ² {variance}, n {n}, shift {shift}, q {q}, α {order}: {exact} over {bound}"
                    );
                }
            }
        }
    }
}

/// The hockey-stick divergence of discrete noise, summed up from its masses, is within what the curve says.
#[test]
fn delta_of_discrete_noise_is_within_the_curve() {
    for (variance, shift) in [(4.0f64, 1usize), (4.0, 3), (30.0, 5), (0.7, 1)] {
        let law = discrete_gaussian(variance, 120);
        let curve = Curve::of(|order| distributed(1.0, variance.sqrt() / shift as f64, 0.0, 1.0, order));
        for epsilon in [0.1, 0.5, 1.0, 2.0, 4.0] {
            let exact: f64 = (shift..law.len()).map(|i| (law[i - shift] - f64::exp(epsilon) * law[i]).max(0.0)).sum();
            let bound = curve.delta(epsilon);
            assert!(exact <= bound, "σ² {variance}, shift {shift}, ε {epsilon}: {exact} over {bound}");
            let continuous = gaussian::delta(shift as f64 / variance.sqrt(), epsilon);
            assert!((exact - continuous).abs() < 0.12, "not another mechanism: {exact}, {continuous}");
        }
    }
}
