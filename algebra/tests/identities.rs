//! What papers prove, held true of the operations: fast forms equal slow ones, special cases equal general ones.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    unreachable_pub,
    reason = "tests over small numbers"
)]

mod operations;

use operations::numbers;
use proptest::prelude::*;
use sottovoce_algebra::{Algebra, Attention, GruWeights, Init, Parameters, Pool, Samples, Tape, Var, noise};

/// A tape in f64 over no parameters.
fn over<T>(work: impl FnOnce(&mut Tape<'_, f64>) -> T) -> T {
    let parameters = Parameters::<f64>::new(0);
    work(&mut Tape::new(&parameters, &Pool::default()))
}

fn close(a: &[f64], b: &[f64]) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "{i}: {a} and {b}");
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Rendle 2010, lemma 3.1; and NFM's pooled vector sums up to it.
    #[test]
    fn the_linear_form_of_fm_is_the_sum_over_pairs(rows in 1usize..6, fields in 1usize..7, k in 1usize..9, seed in any::<u64>()) {
        let v = numbers(rows * fields * k, seed);
        over(|t| {
            let x = t.input(fields * k, &v);
            let (fm, pooled) = (t.fm(x, fields), t.bi_interaction(x, fields));
            let summed = t.sum_columns(pooled);
            let naive: Vec<f64> = v.chunks_exact(fields * k).map(|v| {
                let pairs = (0..fields).flat_map(|i| (i + 1..fields).map(move |j| (i, j)));
                pairs.map(|(i, j)| dot(&v[i * k..(i + 1) * k], &v[j * k..(j + 1) * k])).sum()
            }).collect();
            close(t.value(fm), &naive);
            close(t.value(summed), &naive);
        });
    }

    #[test]
    fn the_kernel_machine_is_the_sum_over_pairs(rows in 1usize..6, fields in 2usize..6, k in 1usize..6, seed in any::<u64>()) {
        let pairs = fields * (fields - 1) / 2;
        let (v, phi) = (numbers(rows * fields * k, seed), numbers(k * pairs * k, seed ^ 1));
        over(|t| {
            let (x, p) = (t.input(fields * k, &v), t.input(pairs * k, &phi));
            let y = t.kernel_fm(x, fields, p);
            let naive: Vec<f64> = v.chunks_exact(fields * k).map(|v| {
                let (mut sum, mut pair) = (0.0, 0);
                for i in 0..fields {
                    for j in i + 1..fields {
                        for a in 0..k {
                            let row = &phi[a * pairs * k + pair * k..][..k];
                            sum += f64::from(v[i * k + a]) * dot(row, &v[j * k..(j + 1) * k]);
                        }
                        pair += 1;
                    }
                }
                sum
            }).collect();
            close(t.value(y), &naive);
        });
    }

    /// With φᵢⱼ = I the kernel machine is a factorisation machine.
    #[test]
    fn the_kernel_machine_of_identities_is_fm(fields in 2usize..6, k in 1usize..6, seed in any::<u64>()) {
        let pairs = fields * (fields - 1) / 2;
        let phi: Vec<f32> = (0..k * pairs * k).map(|i| f32::from(u8::from(i / (pairs * k) == i % k))).collect();
        over(|t| {
            let x = t.input(fields * k, &numbers(3 * fields * k, seed));
            let p = t.input(pairs * k, &phi);
            let (kernel, fm) = (t.kernel_fm(x, fields, p), t.fm(x, fields));
            close(t.value(kernel), t.value(fm));
        });
    }

    #[test]
    fn augru_with_attention_1_is_gru_and_with_0_stands_still(d in 1usize..5, h in 1usize..5, steps in 1usize..6, seed in any::<u64>()) {
        let mask: Vec<f32> = (0u64..).take(3 * steps).map(|i| f32::from(u8::from(noise::uniform(seed, i) < 0.7))).collect();
        over(|t| {
            let x = t.input(d, &numbers(3 * steps * d, seed ^ 1));
            let mut matrix = |rows: usize, salt: u64| t.input(3 * h, &numbers(rows * 3 * h, seed ^ salt));
            let weights = GruWeights { input: matrix(d, 2), state: matrix(h, 3), bias: matrix(1, 4) };
            let (ones, zeros) = (t.input(steps, &vec![1.0; 3 * steps]), t.input(steps, &vec![0.0; 3 * steps]));
            let (gru, augru) = (t.gru(x, weights, &mask, steps), t.augru(x, ones, weights, &mask, steps));
            close(t.value(augru), t.value(gru));
            let still = t.augru(x, zeros, weights, &mask, steps);
            close(t.value(still), &vec![0.0; 3 * steps * h]);
        });
    }

    /// A sequence padded in front, behind or not at all ends in the same state.
    #[test]
    fn padding_does_not_move_a_state(steps in 1usize..5, front in 0usize..3, seed in any::<u64>()) {
        let (d, h, whole) = (3, 2, steps + 3);
        let x = numbers(steps * d, seed);
        over(|t| {
            let mut matrix = |rows: usize, salt: u64| t.input(3 * h, &numbers(rows * 3 * h, seed ^ salt));
            let weights = GruWeights { input: matrix(d, 2), state: matrix(h, 3), bias: matrix(1, 4) };
            let plain = t.input(d, &x);
            let plain = t.gru(plain, weights, &vec![1.0; steps], steps);
            let plain = t.last(plain, steps);
            let mut padded = vec![0.7; whole * d];
            padded[front * d..][..steps * d].copy_from_slice(&x);
            let mut mask = vec![0.0; whole];
            mask[front..front + steps].fill(1.0);
            let padded = t.input(d, &padded);
            let padded = t.gru(padded, weights, &mask, whole);
            let padded = t.last(padded, whole);
            close(t.value(padded), t.value(plain));
        });
    }

    #[test]
    fn attention_is_its_formula(queries in 1usize..5, keys in 1usize..6, heads in 1usize..4, seed in any::<u64>()) {
        let (examples, d) = (2, heads * 3);
        let rows = |n: usize, salt: u64| numbers(examples * n * d, seed ^ salt);
        let (q, k, v) = (rows(queries, 1), rows(keys, 2), rows(keys, 3));
        let mask: Vec<f32> = (0u64..).take(examples * keys).map(|i| f32::from(u8::from(noise::uniform(seed, i) < 0.6))).collect();
        over(|t| {
            let vars = [t.input(d, &q), t.input(d, &k), t.input(d, &v)];
            let with = Attention { keys, mask: Some(&mask), ..Attention::over(queries, heads) };
            let y = t.attention(vars[0], vars[1], vars[2], with);
            let mut naive = vec![0.0; examples * queries * d];
            for (row, out) in naive.chunks_exact_mut(d).enumerate() {
                let example = row / queries;
                for head in 0..heads {
                    let at = |i: usize| i * d + head * 3..i * d + head * 3 + 3;
                    let seen: Vec<usize> = (example * keys..(example + 1) * keys).filter(|j| mask[*j] > 0.0).collect();
                    let e: Vec<f64> = seen.iter().map(|j| (dot(&q[at(row)], &k[at(*j)]) / 3f64.sqrt()).exp()).collect();
                    for (j, e_j) in seen.iter().zip(&e) {
                        for (out, v) in out[head * 3..].iter_mut().zip(&v[at(*j)]) {
                            *out += e_j / e.iter().sum::<f64>() * f64::from(*v);
                        }
                    }
                }
            }
            close(t.value(y), &naive);
        });
    }

    /// Over more items than a block and a group hold, and more examples than a run.
    #[test]
    fn blocked_cross_entropy_is_the_whole_softmaxs(n in 1usize..400, items in 1usize..1600, seed in any::<u64>()) {
        let (d, w) = (3, numbers(n, seed ^ 4));
        let weights: Vec<f32> = w.iter().map(|w| w.max(0.0) + 0.01).collect();
        let (x, table) = (numbers(n * d, seed), numbers(items * d, seed ^ 1));
        let targets: Vec<u32> = (0u64..).take(n).map(|i| (noise::bits(seed, i) % items as u64) as u32).collect();
        over(|t| {
            let (x, e) = (t.leaf(d, &x), t.leaf(d, &table));
            let loss = t.softmax_cross_entropy(x, e, &targets, Some(&weights));
            let logits = t.scores(x, e);
            let shares = t.softmax(logits, None);
            let sum: f64 = weights.iter().map(|w| f64::from(*w)).sum();
            let mut slopes = t.value(shares).to_vec();
            let mut naive = 0.0;
            for (i, row) in slopes.chunks_exact_mut(items).enumerate() {
                let target = targets[i] as usize;
                naive -= f64::from(weights[i]) / sum * row[target].ln();
                row[target] -= 1.0;
                row.iter_mut().for_each(|p| *p *= f64::from(weights[i]) / sum);
            }
            close(t.value(loss), &[naive]);
            let blocked = t.grad(loss);
            for i in (0..items).step_by(97) {
                let exact: Vec<f64> = (0..d).map(|c| (0..n).map(|r| slopes[r * items + i] * t.value(x)[r * d + c]).sum()).collect();
                close(&blocked.of(e).unwrap()[i * d..][..d], &exact);
            }
        });
    }

    /// All items as candidates, each as probable as another: the full softmax.
    #[test]
    fn sampled_softmax_over_everything_is_the_full_one(n in 1usize..9, items in 1usize..9, q in -5.0f32..0.0, seed in any::<u64>()) {
        let targets: Vec<u32> = (0u64..).take(n).map(|i| (noise::bits(seed, i) % items as u64) as u32).collect();
        let ids: Vec<u32> = (0..items as u32).collect();
        over(|t| {
            let (x, e) = (t.input(4, &numbers(n * 4, seed)), t.input(4, &numbers(items * 4, seed ^ 1)));
            let full = t.softmax_cross_entropy(x, e, &targets, None);
            let sampled = t.sampled_softmax(x, e, Samples { targets: &targets, log_q: &vec![q; items], ids: &ids }, None);
            close(t.value(sampled), t.value(full));
        });
    }

    /// `ln σ(a)σ(b)`, by the products that it avoids.
    #[test]
    fn joint_cross_entropy_is_that_of_the_product(a in -8f32..8.0, b in -8f32..8.0, y in 0u8..2) {
        over(|t| {
            let (x, z) = (t.input(1, &[a]), t.input(1, &[b]));
            let loss = t.joint_cross_entropy(x, z, &[f32::from(y)], None);
            let sigmoid = |x: f32| 1.0 / (1.0 + (-f64::from(x)).exp());
            let p = sigmoid(a) * sigmoid(b);
            let exact = if y == 1 { -p.ln() } else { -(1.0 - p).ln() };
            assert!((t.value(loss)[0] - exact).abs() < 1e-6 * (1.0 + exact), "{} {exact}", t.value(loss)[0]);
        });
    }
}

/// One relative of each task, for the tests below.
fn tasks(t: &mut Tape<'_, f64>, parts: &[sottovoce_algebra::Part]) -> (Var, [Var; 2]) {
    let vars: Vec<Var> = parts.iter().map(|p| t.parameter(*p)).collect();
    let x = t.input(3, &numbers(15, 1));
    let h = t.linear(x, vars[0], Some(vars[1]));
    let trunk = t.tanh(h);
    let heads = [vars[2], vars[3]].map(|w| t.linear(trunk, w, None));
    let losses = heads.map(|z| t.binary_cross_entropy(z, &[1.0, 0.0, 1.0, 1.0, 0.0], None));
    (trunk, losses)
}

#[test]
fn gradients_of_tasks_stop_at_the_trunk_and_go_on_from_there() {
    let mut parameters = Parameters::<f64>::new(5);
    let shapes = [(3, 4), (1, 4), (4, 1), (4, 1)];
    let parts: Vec<_> = shapes.iter().map(|(r, c)| parameters.add("", *r, *c, Init::Glorot)).collect();
    let pool = Pool::default();
    let mut t = Tape::new(&parameters, &pool);
    let (trunk, losses) = tasks(&mut t, &parts);
    for (task, loss) in losses.into_iter().enumerate() {
        let (whole, again) = (t.grad(loss), t.grad(loss));
        for part in &parts {
            assert_eq!(whole.part(*part), again.part(*part), "asked twice");
        }
        let head = t.parameter(parts[2 + task]);
        let stopped = t.grad_at(loss, &[trunk, head]);
        assert_eq!(stopped.part(parts[0]), None, "behind the trunk");
        assert_eq!(stopped.part(parts[2 + task]), whole.part(parts[2 + task]));
        assert_eq!(whole.part(parts[3 - task]), None, "the other task's head");
        let seed: Vec<f32> = stopped.of(trunk).unwrap().iter().map(|g| *g as f32).collect();
        let onward = t.grad_from(trunk, &seed);
        for (a, b) in onward.part(parts[0]).unwrap().iter().zip(whole.part(parts[0]).unwrap()) {
            assert!((a - b).abs() < 1e-7, "{a} {b}");
        }
    }
}

#[test]
fn extreme_scores_have_finite_losses_and_slopes() {
    let parameters = Parameters::<f32>::new(0);
    let mut t = Tape::new(&parameters, &Pool::default());
    let z = t.leaf(1, &[1e4, -1e4, 80.0, -80.0]);
    let (a, b) = (t.affine(z, 1.0, 0.0), t.affine(z, -1.0, 0.0));
    let row = t.reshape(z, 4);
    let teacher = t.input(4, &[1e4, 0.0, -1e4, 3.0]);
    let losses = [
        t.binary_cross_entropy(z, &[1.0, 0.0, 0.0, 1.0], None),
        t.joint_cross_entropy(a, b, &[1.0, 0.0, 0.0, 1.0], None),
        t.pairwise(a, b, None),
        t.hinge(a, b, 1.0, None),
        t.distillation(row, teacher, 2.0),
        t.softmax_cross_entropy(z, z, &[0, 1, 2, 3], None),
        t.binary_cross_entropy(z, &[1.0, 0.0, 0.0, 1.0], Some(&[0.0; 4])),
    ];
    for (i, loss) in losses.into_iter().enumerate() {
        assert!(t.value(loss)[0].is_finite(), "loss {i}");
        assert!(t.grad(loss).of(z).unwrap().iter().all(|g| g.is_finite()), "slopes of loss {i}");
    }
}

#[test]
fn the_nearest_steps_are_those_of_a_full_sort_in_their_order() {
    let (examples, steps, k, keep) = (40, 30, 5, 7);
    let mut parameters = Parameters::<f32>::new(3);
    let table = parameters.add("table", 50, k, Init::Normal(1.0));
    let pool = Pool::default();
    let mut tape = Tape::new(&parameters, &pool);
    let queries = numbers(examples * k, 5);
    let (table_var, query) = (tape.parameter(table), tape.input(k, &queries));
    let rows: Vec<u32> = (0u64..).take(examples * steps).map(|i| (noise::bits(9, i) % 50) as u32).collect();
    // The first example has nothing, the others more and more.
    let mask: Vec<f32> = (0..examples * steps).map(|i| f32::from(u8::from(i % steps < i / steps))).collect();
    let found = tape.nearest(table_var, &rows, &mask, query, keep);
    for example in 0..examples {
        let dot = |t: usize| {
            let row = rows[example * steps + t] as usize;
            let pairs = parameters.part(table)[row * k..][..k].iter().zip(&queries[example * k..][..k]);
            pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
        };
        let mut best: Vec<usize> = (0..steps.min(example)).collect();
        best.sort_by(|a, b| dot(*b).total_cmp(&dot(*a)).then(b.cmp(a)));
        best.truncate(keep);
        let worst = best.last().map(|t| dot(*t));
        let kept = &found.mask[example * keep..][..keep];
        let places: Vec<usize> = found.places[example * keep..][..best.len()].iter().map(|t| *t as usize).collect();
        assert!(kept[..best.len()].iter().all(|m| *m > 0.5) && kept[best.len()..].iter().all(|m| *m < 0.5));
        assert!(places.is_sorted() && places.iter().all(|t| dot(*t) >= worst.unwrap() - 1e-5), "{places:?} {best:?}");
    }
}

/// What went in comes out, row by row, in f32 whatever it is reckoned in.
#[test]
fn numbers_come_out_as_they_went_in() {
    over(|t| {
        let x = t.input(3, &numbers(6, 2));
        assert_eq!((t.shape(x), t.values(x)), ((2, 3), numbers(6, 2)));
    });
}
