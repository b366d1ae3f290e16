use super::*;
use crate::learn::Layout;
use crate::math::Real;
use proptest::prelude::*;

/// One scalar out of every operation, over matrices, a table and a scalar; in any precision.
fn everything<R: Number>(parameters: &[R], scratch: &mut Scratch<R>, gradient: Option<&mut [R]>) -> f64 {
    let mut layout = Layout::default();
    let (w, bias, table, s) = (layout.matrix(3, 4), layout.vector(3), layout.matrix(4, 3), layout.vector(1));
    assert_eq!(layout.len(), parameters.len());
    let number = |v: f64| R::from_f64(v);
    let mut t = Tape::new(parameters, scratch);
    let songs = t.constant(4, (0..20).map(|i| number(0.07 * f64::from(i) - 0.6)));
    let x = t.lookup(songs, [(0, table.column(1)), (2, table.column(0)), (2, table.column(2))].into_iter());
    let hidden = t.linear(w, Some(bias), x);
    let keys = t.tanh(hidden);
    let queries = t.constant(3, [0.3, -0.7, 0.2, 0.9, 0.1, -0.4].map(number));
    let scores = t.scores(queries, keys);
    let attention = t.softmax(scores);
    let interests = t.product(attention, x);
    let capsules = t.squash(interests);
    let pairs = t.constant(2, [0.5, -0.25, 1.5, 0.75].map(number));
    let mixed = t.mix(pairs, x.slice(1..5));
    let gate = t.parameter(s);
    let gate = t.exp(gate);
    let scaled = t.scale(gate, mixed);
    let sum = t.add(scaled, capsules);
    let rows = t.parameter(table);
    let moved = t.add_row(sum, rows.row(1));
    let product = t.multiply(moved, capsules);
    let rest = t.relu(product);
    let both = t.concat(&[moved, rest]);
    let mirrored = t.concat(&[rest, interests]);
    let logits = t.scores(both, mirrored);
    let first = t.cross_entropy(logits, [1, 0]);
    let flat = logits.reshape(1).row(3);
    let second = t.binary_cross_entropy(flat, true);
    let third = t.binary_cross_entropy(flat, false);
    let loss = t.add(first, second);
    let half = t.constant(1, [number(0.5)]);
    let third = t.scale(half, third);
    let loss = t.add(loss, third);
    if let Some(gradient) = gradient {
        t.backward(loss, R::ONE, gradient);
    }
    t.value(loss)[0].to_f64()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn gradients_equal_central_differences(seed in prop::collection::vec(-0.9f64..0.9, 28)) {
        let mut scratch = Scratch::default();
        let mut gradient = vec![0.0; seed.len()];
        everything(&seed, &mut scratch, Some(&mut gradient));
        let mut at = |p: &[f64]| everything(p, &mut scratch, None);
        let (here, step) = (at(&seed), 1e-5);
        for i in 0..seed.len() {
            let mut moved = seed.clone();
            moved[i] = seed[i] + step;
            let up = at(&moved);
            moved[i] = seed[i] - step;
            let down = at(&moved);
            let numeric = (up - down) / (2.0 * step);
            // A relu's kink between the two points makes the difference, not the gradient, wrong.
            if (numeric - gradient[i]).abs() > 1e-6 * (1.0 + numeric.abs()) {
                let one_sided = [(up - here) / step, (here - down) / step];
                prop_assert!(one_sided.iter().any(|n| (n - gradient[i]).abs() < 1e-3 * (1.0 + n.abs())),
                    "parameter {}: tape {} numeric {}", i, gradient[i], numeric);
            }
        }
    }

    #[test]
    fn the_device_and_its_oracle_agree(seed in prop::collection::vec(-0.9f64..0.9, 28)) {
        let single: Vec<f32> = seed.iter().map(|&v| v.to_f32()).collect();
        let seed: Vec<f64> = single.iter().map(|&v| f64::from(v)).collect();
        let (mut exact, mut gradient) = (vec![0.0; seed.len()], vec![0.0f32; seed.len()]);
        let a = everything(&seed, &mut Scratch::default(), Some(&mut exact));
        let b = everything(&single, &mut Scratch::default(), Some(&mut gradient));
        prop_assert!((a - b).abs() < 1e-5 * (1.0 + a.abs()), "{} {}", a, b);
        for (e, g) in exact.iter().zip(&gradient) {
            prop_assert!((e - f64::from(*g)).abs() < 2e-4 * (1.0 + e.abs()), "{} {}", e, g);
        }
    }
}

#[test]
fn a_batch_has_the_bits_of_its_rows() {
    let mut layout = Layout::default();
    let (w, b) = (layout.matrix(19, 7), layout.vector(19));
    let weights: Vec<f32> = (0..layout.len()).map(|i| (i as f32).sin()).collect();
    let rows: Vec<f32> = (0..7 * 9).map(|i| (i as f32).cos()).collect();
    let mut scratch = Scratch::default();
    let mut t = Tape::new(&weights, &mut scratch);
    let x = t.constant(7, rows.iter().copied());
    let y = t.linear(w, Some(b), x);
    let all = t.value(y).to_vec();
    for i in 0..9 {
        let one = t.linear(w, Some(b), x.row(i));
        assert!(t.value(one).iter().zip(&all[i * 19..]).all(|(a, b)| a.to_bits() == b.to_bits()), "row {i}");
    }
}

#[test]
fn softmax_of_huge_logits_is_finite() {
    let mut scratch = Scratch::default();
    let mut t = Tape::<f32>::new(&[], &mut scratch);
    let z = t.constant(3, [3e37, -3e37, 0.0]);
    let loss = t.cross_entropy(z, [0]);
    assert!(t.value(loss)[0].abs() < 1e-6);
    let right = t.binary_cross_entropy(z.reshape(1).row(0), true);
    let wrong = t.binary_cross_entropy(z.reshape(1).row(1), false);
    assert!(t.value(right)[0].abs() < 1e-6 && t.value(wrong)[0].abs() < 1e-6);
}
