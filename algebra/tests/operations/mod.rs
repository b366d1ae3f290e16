//! Every operation of the algebra as a small model: written once, held against central differences and against burn.

#![allow(dead_code, unused_imports, unused_macros, reason = "each test file takes what it needs")]

use sottovoce_algebra::{Algebra, Init, Parameters, noise};

/// Of three sequences of four steps the first begins late, the second ends early, the third is empty.
pub const MASK: [f32; 12] = [0., 0., 1., 1., 1., 1., 1., 0., 0., 0., 0., 0.];

/// Matrices of these shapes, uniform within (−1, 1).
pub fn random(shapes: &[(usize, usize)], seed: u64) -> Parameters<f64> {
    let mut parameters = Parameters::new(seed);
    for (i, (rows, columns)) in shapes.iter().enumerate() {
        parameters.add(&i.to_string(), *rows, *columns, Init::Constant(0.0));
    }
    for (place, value) in (0u64..).zip(parameters.values_mut()) {
        *value = 2.0 * f64::from(noise::uniform(seed, place)) - 1.0;
    }
    parameters
}

/// `n` numbers within (−1, 1).
pub fn numbers(n: usize, seed: u64) -> Vec<f32> {
    (0u64..).take(n).map(|i| 2.0 * noise::uniform(seed, i) - 1.0).collect()
}

/// One number out of any matrix, with another slope for each of its numbers.
pub fn weigh<A: Algebra>(a: &mut A, x: A::Var) -> A::Var {
    let (rows, columns) = a.shape(x);
    let slopes: Vec<f32> = (0u64..).take(rows * columns).map(|i| noise::uniform(99, i) - 0.4).collect();
    let slopes = a.input(columns, &slopes);
    let product = a.multiply(x, slopes);
    a.sum(product)
}

/// Gives `$hold!` every model: its name, the shapes of its parameters, the model over any algebra; each ends in one number.
macro_rules! every_operation {
    ($hold:ident) => {
        $hold! {
            gather: [(5, 3)], |a, p| {
                let rows = a.gather(p[0], &[4, 1, 1, 0, 3, 4], 2);
                weigh(a, rows)
            }
            gather_wide: [(40, 16)], |a, p| {
                let rows: Vec<u32> = (0..60).map(|i| i * 7 % 40).collect();
                let rows = a.gather(p[0], &rows, 3);
                let bent = a.tanh(rows);
                weigh(a, bent)
            }
            shapes: [(3, 4), (3, 2)], |a, p| {
                let both = a.concat(&[p[0], p[1], p[0]]);
                let cut = a.slice(both, 1, 6);
                let many = a.repeat(cut, 2);
                let flat = a.reshape(many, 4);
                let square = a.multiply(flat, flat);
                let last = a.last(p[0], 3);
                let (square, last) = (weigh(a, square), weigh(a, last));
                a.add(square, last)
            }
            linear: [(5, 4), (4, 3), (1, 3)], |a, p| {
                let y = a.linear(p[0], p[1], Some(p[2]));
                let z = a.linear(p[0], p[1], None);
                let both = a.multiply(y, z);
                weigh(a, both)
            }
            inner_products: [(5, 4), (3, 4), (5, 4)], |a, p| {
                let (y, own) = (a.scores(p[0], p[1]), a.scores(p[1], p[1]));
                let (y, own) = (weigh(a, y), weigh(a, own));
                let one = a.add(y, own);
                let (z, own) = (a.row_dot(p[0], p[2]), a.row_dot(p[0], p[0]));
                let z = a.multiply(z, own);
                let two = weigh(a, z);
                a.add(one, two)
            }
            arithmetic: [(4, 3), (4, 3), (1, 3), (4, 1), (2, 3)], |a, p| {
                let sum = a.add(p[0], p[1]);
                let difference = a.subtract(sum, p[0]);
                let difference = a.subtract(difference, p[0]);
                let product = a.multiply(sum, difference);
                let moved = a.affine(product, -1.5, 0.25);
                let moved = a.add_row(moved, p[2]);
                let moved = a.add_period(moved, p[4]);
                let scaled = a.multiply_column(moved, p[3]);
                let masked = a.mask_rows(scaled, &[1.0, 0.0, 0.5, 1.0]);
                weigh(a, masked)
            }
            sums: [(4, 6)], |a, p| {
                let square = a.multiply(p[0], p[0]);
                let columns = a.sum_columns(square);
                let one = weigh(a, columns);
                let fields = a.sum_fields(square, 3);
                let two = weigh(a, fields);
                let mean = a.mean(square);
                // The second example has no step.
                let pooled = a.mean_pool(square, &[1.0, 0.5, 0.0, 0.0], 2);
                let three = weigh(a, pooled);
                let sum = a.add(one, two);
                let sum = a.add(sum, three);
                a.add(sum, mean)
            }
            activations: [(4, 3), (1, 3)], |a, p| {
                let one = a.relu(p[0]);
                let two = a.sigmoid(p[0]);
                let three = a.tanh(p[0]);
                let four = a.prelu(p[0], p[1]);
                let five = a.softmax(p[0], None);
                let six = a.softmax(p[0], Some(&[1., 1., 0., 0., 0., 0., 1., 1., 1., 0., 1., 0.]));
                let seven = a.activate(p[0], Activation::Sigmoid);
                let all = a.concat(&[one, two, three, four, five, six, seven]);
                weigh(a, all)
            }
            dice_of_the_batch: [(6, 3), (1, 3)], |a, p| {
                let y = a.dice(p[0], p[1], None);
                weigh(a, y)
            }
            dice_when_it_serves: [(6, 3), (1, 3)], |a, p| {
                let y = a.dice(p[0], p[1], Some(Moments { mean: &[0.1, -0.2, 0.0], variance: &[0.5, 1.0, 2.0] }));
                weigh(a, y)
            }
            dropout: [(6, 5)], |a, p| {
                let y = a.dropout(p[0], 0.4, 17);
                let y = a.multiply(y, y);
                weigh(a, y)
            }
            norms: [(4, 5), (1, 5), (1, 5)], |a, p| {
                let y = a.layer_norm(p[0], p[1], p[2]);
                let one = weigh(a, y);
                let z = a.normalize(p[0]);
                let two = weigh(a, z);
                a.add(one, two)
            }
            cross_of_the_first_and_a_later_layer: [(4, 5), (1, 5), (1, 5), (1, 5), (1, 5)], |a, p| {
                let one = a.cross(p[0], p[0], p[1], p[2]);
                let two = a.cross(p[0], one, p[3], p[4]);
                weigh(a, two)
            }
            cross_with_a_matrix: [(4, 3), (3, 3), (1, 3)], |a, p| {
                let one = a.cross_matrix(p[0], p[0], p[1], p[2]);
                let two = a.cross_matrix(p[0], one, p[1], p[2]);
                weigh(a, two)
            }
            factorisation_machine: [(4, 12)], |a, p| {
                let one = a.fm(p[0], 4);
                let two = a.bi_interaction(p[0], 4);
                let (one, two) = (weigh(a, one), weigh(a, two));
                a.add(one, two)
            }
            kernel_factorisation_machine: [(5, 12), (3, 18)], |a, p| {
                let y = a.kernel_fm(p[0], 4, p[1]);
                weigh(a, y)
            }
            kernels_of_one_field: [(5, 3), (3, 0)], |a, p| {
                let y = a.kernel_fm(p[0], 1, p[1]);
                let (y, own) = (weigh(a, y), weigh(a, p[0]));
                a.add(y, own)
            }
            attention_plain: [(6, 4), (8, 4), (8, 6)], |a, p| {
                let y = a.attention(p[0], p[1], p[2], Attention { keys: 4, ..Attention::over(3, 2) });
                weigh(a, y)
            }
            attention_with_a_mask_and_its_own_scale: [(9, 4), (12, 4), (12, 2)], |a, p| {
                let with = Attention { keys: 4, scale: Some(1.5), mask: Some(&MASK), ..Attention::over(3, 2) };
                let y = a.attention(p[0], p[1], p[2], with);
                weigh(a, y)
            }
            attention_to_the_past: [(12, 4)], |a, p| {
                let y = a.attention(p[0], p[0], p[0], Attention { causal: true, ..Attention::over(4, 1) });
                weigh(a, y)
            }
            attention_with_itself_mask_time_and_past: [(12, 4), (5, 2)], |a, p| {
                let buckets: Vec<u32> = (0..48).map(|i| i * 7 % 5).collect();
                let bias = Some(TimeBias { table: p[1], buckets: &buckets });
                let with = Attention { causal: true, mask: Some(&MASK), bias, ..Attention::over(4, 2) };
                let y = a.attention(p[0], p[0], p[0], with);
                weigh(a, y)
            }
            field_attention: [(3, 12), (3, 4), (3, 4), (3, 4), (3, 4)], |a, p| {
                let weights = FieldWeights { query: p[1], key: p[2], value: p[3], residual: Some(p[4]) };
                let y = a.field_attention(p[0], 4, 2, weights);
                weigh(a, y)
            }
            units_beside_a_candidate: [(12, 3), (3, 3), (3, 4)], |a, p| {
                let y = a.compare(p[0], p[1]);
                let z = a.mix(p[2], p[0]);
                let (y, z) = (weigh(a, y), weigh(a, z));
                a.add(y, z)
            }
            unit_attention: [(12, 3), (3, 3), (12, 5), (1, 5), (5, 1), (1, 1), (1, 5)], |a, p| {
                let y = a.unit_attention(p[0], p[1], &MASK, &[(p[2], p[3]), (p[4], p[5])], &[Activation::Dice(p[6])]);
                weigh(a, y)
            }
            gru: [(12, 3), (3, 6), (2, 6), (1, 6)], |a, p| {
                let y = a.gru(p[0], GruWeights { input: p[1], state: p[2], bias: p[3] }, &MASK, 4);
                let last = a.last(y, 4);
                let (all, last) = (weigh(a, y), weigh(a, last));
                a.add(all, last)
            }
            augru: [(12, 3), (3, 4), (3, 6), (2, 6), (1, 6)], |a, p| {
                let attention = a.sigmoid(p[1]);
                let y = a.augru(p[0], attention, GruWeights { input: p[2], state: p[3], bias: p[4] }, &MASK, 4);
                weigh(a, y)
            }
            lstm: [(12, 3), (3, 8), (2, 8), (1, 8)], |a, p| {
                let y = a.lstm(p[0], LstmWeights { input: p[1], state: p[2], bias: p[3] }, &MASK, 4);
                let last = a.last(y, 4);
                let (all, last) = (weigh(a, y), weigh(a, last));
                a.add(all, last)
            }
            interpolate: [(3, 4), (3, 5)], |a, p| {
                let q = a.tanh(p[0]);
                let y = a.interpolate(q, p[1]);
                weigh(a, y)
            }
            interpolate_beyond_the_ends: [(3, 4), (3, 5)], |a, p| {
                let q = a.affine(p[0], 3.0, 0.0);
                let y = a.interpolate(q, p[1]);
                weigh(a, y)
            }
            capsules: [(12, 3)], |a, p| {
                let y = a.capsules(p[0], &numbers(24, 5), &MASK, 4, 3);
                weigh(a, y)
            }
            mixture: [(4, 3), (4, 2), (4, 2), (4, 2)], |a, p| {
                let y = a.mixture(p[0], &[p[1], p[2], p[3]]);
                weigh(a, y)
            }
            binary_cross_entropy: [(4, 1)], |a, p| {
                let steep = a.affine(p[0], 9.0, 0.0);
                let one = a.binary_cross_entropy(steep, &[1.0, 0.0, 0.3, 1.0], None);
                let two = a.binary_cross_entropy(p[0], &[1.0, 0.0, 0.0, 1.0], Some(&[1.0, 0.0, 3.0, 0.5]));
                a.add(one, two)
            }
            joint_cross_entropy: [(4, 1), (4, 1)], |a, p| {
                let steep = a.affine(p[0], 5.0, 0.0);
                a.joint_cross_entropy(steep, p[1], &[1.0, 0.0, 0.0, 1.0], Some(&[1.0, 2.0, 0.5, 1.0]))
            }
            squared_error: [(3, 2)], |a, p| {
                a.squared_error(p[0], &numbers(6, 40), Some(&[1., 0., 2., 1., 1., 1.]))
            }
            softmax_cross_entropy: [(5, 3), (7, 3)], |a, p| {
                let one = a.softmax_cross_entropy(p[0], p[1], &[0, 6, 2, 2, 5], Some(&[1.0, 0.0, 2.0, 1.0, 0.5]));
                let two = a.softmax_cross_entropy(p[0], p[0], &[0, 1, 2, 3, 3], None);
                a.add(one, two)
            }
            sampled_softmax: [(4, 3), (5, 3)], |a, p| {
                let log_q = [-1.0, -2.0, -0.5, -3.0, -1.0];
                let drawn = Samples { targets: &[0, 1, 2, 4], log_q: &log_q, ids: &[7, 8, 7, 9, 1] };
                let one = a.sampled_softmax(p[0], p[1], drawn, None);
                let two = a.sampled_softmax(p[0], p[1], drawn, Some(&[0.0, 1.0, 0.25, 3.0]));
                a.add(one, two)
            }
            pairs_of_scores: [(4, 1), (4, 1)], |a, p| {
                let one = a.pairwise(p[0], p[1], Some(&[1.0, 2.0, 0.0, 1.0]));
                let two = a.hinge(p[0], p[1], 0.5, None);
                a.add(one, two)
            }
            distillation: [(4, 3), (4, 1)], |a, p| {
                let teacher = a.input(3, &numbers(12, 8));
                let one = a.distillation(p[0], teacher, 2.0);
                let teacher = a.input(1, &numbers(4, 9));
                let two = a.distillation(p[1], teacher, 1.5);
                a.add(one, two)
            }
        }
    };
}
pub(crate) use every_operation;

/// An operation that the trait has and none of these texts asks for would be one that nobody held against anything.
#[track_caller]
pub fn none_is_missing(texts: &str) {
    let words = include_str!("../../src/algebra.rs").split("pub trait Algebra").nth(1).unwrap();
    let mut found = 0;
    for line in words.lines().filter_map(|line| line.strip_prefix("    fn ")) {
        let name = line.split(['(', '<']).next().unwrap();
        assert!(texts.contains(&format!(".{name}(")), "no test asks for {name}");
        found += 1;
    }
    assert!(found > 55, "only {found} operations were found");
}
