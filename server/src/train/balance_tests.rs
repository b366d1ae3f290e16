//! What balancing claims, on the algebra it is made of.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::balance::{Balanced, project};
use sottovoce::math::Rng;
use sottovoce_algebra::{Algebra as _, Gradients, Init, Parameters, Part, Pool, Tape};

/// Gradients `g` of one loss each over the same weights, and one weight that only the first moves.
fn gradients(each: &[Vec<f32>], pool: &Pool<f32>, f: impl FnOnce(Vec<Gradients<f32>>, Part, Part)) {
    let mut parameters = Parameters::<f32>::new(1);
    let shared = parameters.add("shared", 1, each[0].len(), Init::Constant(1.0));
    let own = parameters.add("own", 1, 1, Init::Constant(1.0));
    let mut tape = Tape::new(&parameters, pool);
    let (w, o) = (tape.parameter(shared), tape.parameter(own));
    let losses: Vec<_> = each
        .iter()
        .enumerate()
        .map(|(i, g)| {
            let g = tape.input(g.len(), g);
            let product = tape.multiply(w, g);
            let sum = tape.sum(product);
            if i == 0 { tape.add(sum, o) } else { sum }
        })
        .collect();
    f(losses.iter().map(|loss| tape.grad(*loss)).collect(), shared, own);
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[test]
fn gradients_that_conflict_end_at_right_angles_and_others_are_left() {
    let mut rng = Rng::new(4);
    for _ in 0..200 {
        let mut draw = || (0..5).map(|_| rng.uniform() * 2.0 - 1.0).collect::<Vec<f32>>();
        let each = vec![draw(), draw()];
        let conflict = dot(&each[0], &each[1]) < 0.0;
        gradients(&each, &Pool::default(), |mut found, shared, own| {
            project(&mut found, &mut Rng::new(1));
            for (i, g) in found.iter().enumerate() {
                let (g, other) = (g.part(shared).unwrap(), &each[1 - i]);
                if conflict {
                    // The algebra in f64, and f32's rounding of it.
                    let by = dot(&each[i], other) / dot(other, other);
                    for (got, (g, h)) in g.iter().zip(each[i].iter().zip(other)) {
                        assert!((f64::from(*got) - (f64::from(*g) - by * f64::from(*h))).abs() < 1e-7);
                    }
                    assert!(dot(g, other).abs() < 1e-6);
                } else {
                    assert_eq!(g, &each[i][..]);
                }
            }
            assert_eq!(found[0].part(own), Some(&[1.0][..]));
        });
    }
}

#[test]
fn a_task_that_pulls_ten_times_as_hard_is_weighed_down_to_the_other() {
    let each = vec![vec![10.0, 0.0], vec![0.0, 1.0]];
    gradients(&each, &Pool::default(), |found, _, _| {
        let mut balanced = Balanced::default();
        assert_eq!(balanced.weights(2), [1.0, 1.0]);
        for _ in 0..2000 {
            balanced.normalise(0.0, 0.01, &[1.0, 1.0], &found);
        }
        let [hard, soft] = balanced.weights[..] else { panic!("two weights") };
        assert!((hard + soft - 2.0).abs() < 1e-5);
        assert!((hard * 10.0 / soft - 1.0).abs() < 0.15, "{hard} {soft}");
    });
}

/// With `α` above 0, who has learned less of what there was to learn may pull harder.
#[test]
fn a_task_that_learns_slowly_gets_more_of_a_say() {
    let each = vec![vec![1.0, 0.0], vec![0.0, 1.0]];
    gradients(&each, &Pool::default(), |found, _, _| {
        let mut balanced = Balanced::default();
        balanced.weights(2);
        balanced.normalise(1.0, 0.01, &[1.0, 1.0], &found);
        for _ in 0..500 {
            balanced.normalise(1.0, 0.01, &[0.9, 0.3], &found);
        }
        let [slow, fast] = balanced.weights[..] else { panic!("two weights") };
        assert!((slow / fast - 3.0).abs() < 0.3, "{slow} {fast}");
    });
}

#[test]
fn a_sum_of_walks_is_the_walk_of_the_sum() {
    let each = vec![vec![1.0, 2.0, 3.0], vec![-4.0, 5.0, 0.5]];
    gradients(&each, &Pool::default(), |found, shared, own| {
        let mut parameters = Parameters::<f32>::new(1);
        parameters.add("x", 1, 1, Init::Constant(0.0));
        let pool = Pool::default();
        let tape = Tape::new(&parameters, &pool);
        let mut sum = Gradients::none(&tape);
        // The second first: the order in which parts appear does not matter.
        sum.add(&found[1], 2.0);
        sum.add(&found[0], 1.0);
        assert_eq!(sum.part(shared), Some(&[-7.0, 12.0, 4.0][..]));
        assert_eq!(sum.part(own), Some(&[1.0][..]));
    });
}
