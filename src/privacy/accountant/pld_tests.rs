use super::super::reference::ROWS;
use super::*;
use crate::privacy::accountant::{Curve, gaussian, rdp};
use proptest::prelude::*;

fn rounds(z: f64, q: f64, count: u32) -> Rounds {
    Rounds { noise_multiplier: z, sampling: q, count }
}

#[test]
fn all_eight_rows_agree_with_the_reference() {
    for row in ROWS {
        let bounds = Composed::of(&[rounds(row.z, row.q, row.rounds)]).unwrap().epsilon(row.delta);
        println!("{row:?}: {} to {}", bounds.lower, bounds.upper);
        assert!(bounds.lower <= bounds.upper);
        // The reference rounds up on its own grid, so the truth may be a little below it.
        assert!(bounds.lower <= row.pld * (1.0 + 1e-6), "{row:?}: {bounds:?}");
        assert!((bounds.upper / row.pld - 1.0).abs() < 1e-3, "{row:?}: {bounds:?}");
        assert!((bounds.lower / row.pld - 1.0).abs() < 1e-3, "{row:?}: {bounds:?}");
        assert!(bounds.upper < row.rdp, "{row:?}: no better than RDP");
    }
}

/// Where everybody is in every round, the truth is known: both bounds hold, at every `ε` that is asked.
#[test]
fn without_sampling_the_exact_mechanism_lies_between() {
    for (z, count) in [(1.0, 1), (4.0, 100), (0.5, 3), (20.0, 1000), (30.0, 7)] {
        let (composed, mu) = (Composed::of(&[rounds(z, 1.0, count)]).unwrap(), f64::from(count).sqrt() / z);
        for delta in [1e-2, 1e-5, 1e-6, 1e-8, 1e-10] {
            let (bounds, exact) = (composed.epsilon(delta), gaussian::epsilon(mu, delta));
            assert!(
                bounds.lower <= exact && exact <= bounds.upper,
                "z {z} T {count} δ {delta}: {bounds:?} around {exact}"
            );
            assert!(
                bounds.upper <= exact * 1.001 + 1e-4 && bounds.lower >= exact * 0.999 - 1e-4,
                "z {z} T {count} δ {delta}: {bounds:?}, {exact}"
            );
        }
        for i in 0..60 {
            let epsilon = f64::from(i) * 0.093 * mu;
            let (bounds, exact) = (composed.delta(epsilon), gaussian::delta(mu, epsilon));
            assert!(
                bounds.lower <= exact && exact <= bounds.upper,
                "z {z} T {count} ε {epsilon}: {bounds:?} around {exact}"
            );
        }
    }
}

/// Rounds of several kinds: with everybody in, noise adds up as `Σ 1/z²`.
#[test]
fn kinds_of_rounds_compose() {
    let composed = Composed::of(&[rounds(2.0, 1.0, 4), rounds(5.0, 1.0, 10), rounds(3.0, 1.0, 0)]).unwrap();
    let (exact, bounds) = (gaussian::epsilon((4.0f64 / 4.0 + 10.0 / 25.0).sqrt(), 1e-6), composed.epsilon(1e-6));
    assert!(
        bounds.lower <= exact && exact <= bounds.upper && bounds.upper - bounds.lower < 1e-3 * exact,
        "{bounds:?}, {exact}"
    );
    // The same rounds, in two parts.
    let (whole, parts) = (rounds(1.0, 0.05, 100), [rounds(1.0, 0.05, 40), rounds(1.0, 0.05, 60)]);
    let (whole, parts) = (Composed::of(&[whole]).unwrap().epsilon(1e-6), Composed::of(&parts).unwrap().epsilon(1e-6));
    assert!(
        (whole.upper - parts.upper).abs() < 1e-6 && (whole.lower - parts.lower).abs() < 1e-6,
        "{whole:?}, {parts:?}"
    );
}

#[test]
fn nothing_costs_nothing_and_bad_numbers_are_refused() {
    let nothing = Composed::of(&[]).unwrap();
    assert_eq!(
        (nothing.epsilon(1e-6), nothing.delta(0.0)),
        (Bounds { lower: 0.0, upper: 0.0 }, Bounds { lower: 0.0, upper: 0.0 })
    );
    for bad in [
        rounds(0.01, 0.1, 1),
        rounds(f64::NAN, 0.1, 1),
        rounds(1.0, 0.0, 1),
        rounds(1.0, 1.5, 1),
        rounds(1.0, f64::NAN, 1),
    ] {
        assert!(matches!(Composed::of(&[bad]), Err(Error::OutOfRange { .. })), "{bad:?}");
    }
    let beyond = Composed::of(&[rounds(1.0, 0.1, 10)]).unwrap().epsilon(1e-18);
    assert_eq!(beyond.upper, f64::INFINITY);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    /// Bounds keep their order, are close, fall with more noise, and stay below what Rényi divergence says.
    #[test]
    fn bounds_hold_together(z in 0.6f64..6.0, ln_q in -6.0f64..0.0, count in 1u32..400) {
        let (q, delta) = (ln_q.exp(), 1e-6);
        let bounds = Composed::of(&[rounds(z, q, count)]).unwrap().epsilon(delta);
        prop_assert!(bounds.lower <= bounds.upper, "{:?}", bounds);
        prop_assert!(bounds.upper - bounds.lower <= 2e-3 * bounds.upper + 2e-4, "{:?}", bounds);
        let mut curve = Curve::default();
        curve.add(&Curve::of(|order| rdp::subsampled_gaussian(q, z, order)), u64::from(count));
        prop_assert!(bounds.lower <= curve.epsilon(delta).0);
        let quieter = Composed::of(&[rounds(z * 1.1, q, count)]).unwrap().epsilon(delta);
        prop_assert!(quieter.lower <= bounds.upper);
    }
}
