//! One seed, one set of bits: run twice, on one thread and on several. And a second step that allocates nothing large.

#![allow(missing_docs, clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests over small numbers")]

use sottovoce_algebra::{
    Algebra, Attention, FieldWeights, Gradients, GruWeights, Init, Parameters, Part, Pool, Real, Samples, Tape,
    TimeBias, Var, noise,
};

const EXAMPLES: usize = 700;
const FIELDS: usize = 6;
const K: usize = 16;
const STEPS: usize = 7;

fn numbers(n: usize, seed: u64) -> Vec<f32> {
    (0u64..).take(n).map(|i| noise::uniform(seed, i)).collect()
}

fn ids(n: usize, below: u64, seed: u64) -> Vec<u32> {
    (0u64..).take(n).map(|i| (noise::bits(seed, i) % below) as u32).collect()
}

fn model() -> (Parameters<f32>, Vec<Part>) {
    let mut parameters = Parameters::new(3);
    let pairs = FIELDS * (FIELDS - 1) / 2;
    let shapes = [
        (3000, K),
        (FIELDS * K, 40),
        (1, 40),
        (40, 1),
        (1, FIELDS * K),
        (1, FIELDS * K),
        (K, pairs * K),
        (K, 8),
        (K, 8),
        (K, 8),
        (K, 3 * K),
        (K, 3 * K),
        (1, 3 * K),
        (5, 2),
        (1, K),
        (1, K),
        (1, 40),
    ];
    let parts = shapes.map(|(rows, columns)| parameters.add("", rows, columns, Init::Normal(0.2))).to_vec();
    (parameters, parts)
}

/// Every operation that cuts its work into pieces, over enough examples for several of them.
fn loss<A: Algebra>(a: &mut A, parts: &[Part]) -> A::Var {
    let p: Vec<A::Var> = parts.iter().map(|part| a.parameter(*part)).collect();
    let fields = a.gather(p[0], &ids(EXAMPLES * FIELDS, 3000, 1), FIELDS);
    let h = a.linear(fields, p[1], Some(p[2]));
    let h = a.dice(h, p[16], None);
    let h = a.dropout(h, 0.2, 9);
    let deep = a.linear(h, p[3], None);
    let crossed = a.cross(fields, fields, p[4], p[5]);
    let crossed = a.sum_columns(crossed);
    let (fm, kernel) = (a.fm(fields, FIELDS), a.kernel_fm(fields, FIELDS, p[6]));
    let weights = FieldWeights { query: p[7], key: p[8], value: p[9], residual: None };
    let attended = a.field_attention(fields, FIELDS, 2, weights);
    let attended = a.sum_columns(attended);
    let mask: Vec<f32> = numbers(EXAMPLES * STEPS, 4).iter().map(|m| f32::from(u8::from(*m < 0.8))).collect();
    let history = a.gather(p[0], &ids(EXAMPLES * STEPS, 3000, 2), 1);
    let history = a.layer_norm(history, p[14], p[15]);
    let buckets = ids(EXAMPLES * STEPS * STEPS, 5, 6);
    let bias = Some(TimeBias { table: p[13], buckets: &buckets });
    let with = Attention { causal: true, mask: Some(&mask), bias, ..Attention::over(STEPS, 2) };
    let history = a.attention(history, history, history, with);
    let states = a.gru(history, GruWeights { input: p[10], state: p[11], bias: p[12] }, &mask, STEPS);
    let last = a.last(states, STEPS);
    let pooled = a.mean_pool(history, &mask, STEPS);
    let interests = a.capsules(history, &numbers(EXAMPLES * STEPS * 2, 7), &mask, STEPS, 3);
    let interests = a.reshape(interests, 2 * K);
    let first = a.slice(interests, 0, K);
    let user = a.mixture(deep, &[last]);
    let user = a.add(user, pooled);
    let user = a.add(user, first);
    let chosen = ids(EXAMPLES, 3000, 8);
    let next = a.softmax_cross_entropy(user, p[0], &chosen, None);
    let drawn = ids(900, 3000, 11);
    let candidates = a.gather(p[0], &drawn, 1);
    let own: Vec<u32> = ids(EXAMPLES, 900, 12);
    let samples = Samples { targets: &own, log_q: &vec![-1.0; 900], ids: &drawn };
    let sampled = a.sampled_softmax(user, candidates, samples, None);
    let mut logits = a.add(deep, crossed);
    for more in [fm, kernel, attended] {
        logits = a.add(logits, more);
    }
    let labels: Vec<f32> = numbers(EXAMPLES, 10).iter().map(|y| y.round()).collect();
    let click = a.binary_cross_entropy(logits, &labels, None);
    let both = a.add(next, sampled);
    a.add(click, both)
}

fn run<R: Real>(parameters: &Parameters<R>, parts: &[Part], pool: &Pool<R>) -> Vec<R>
where
    for<'p> Tape<'p, R>: Algebra<Var = Var, Gradients = Gradients<R>>,
{
    let mut tape = Tape::new(parameters, pool);
    let loss = loss(&mut tape, parts);
    let gradients = tape.grad(loss);
    let mut all = tape.value(loss).to_vec();
    gradients.parts().for_each(|(_, gradient)| all.extend_from_slice(gradient));
    all
}

#[test]
fn bits_do_not_depend_on_threads_or_on_what_lay_in_memory() {
    let (parameters, parts) = model();
    let bits = |threads: usize, steps: usize| -> Vec<u32> {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let pool = Pool::default();
        let mut last = Vec::new();
        for _ in 0..steps {
            last = threads.install(|| run(&parameters, &parts, &pool));
        }
        last.iter().map(|v| v.to_bits()).collect()
    };
    let one = bits(1, 1);
    assert!(one == bits(1, 2), "a second run");
    assert!(one == bits(2, 1), "two threads");
    assert!(one == bits(5, 2), "five threads, second run");
}

/// In pieces, with the fast kernels, as without.
#[test]
fn single_precision_is_double_precision_rounded() {
    let (parameters, parts) = model();
    let fast = run(&parameters, &parts, &Pool::default());
    let exact = run(&parameters.convert::<f64>(), &parts, &Pool::default());
    let largest = exact.iter().fold(0.0, |most: f64, g| most.max(g.abs()));
    assert_eq!(fast.len(), exact.len());
    for (i, (fast, exact)) in fast.iter().zip(&exact).enumerate() {
        assert!((f64::from(*fast) - exact).abs() < 1e-5 * (1.0 + largest), "{i}: {fast} and {exact}");
    }
}

#[test]
fn a_second_step_takes_only_what_came_back() {
    let (parameters, parts) = model();
    let pool = Pool::default();
    let threads = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let kept: Vec<usize> = (0..3)
        .map(|_| {
            threads.install(|| run(&parameters, &parts, &pool));
            pool.kept()
        })
        .collect();
    assert!(kept[0] > 0);
    assert_eq!(kept[1], kept[0]);
    assert_eq!(kept[2], kept[0]);
}
