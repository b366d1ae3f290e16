//! What stands at the edge of a definition: zeros, nothing there, several walks over one computation.

#![allow(missing_docs, clippy::unwrap_used, unreachable_pub, reason = "tests")]

mod beside;

use beside::operations::{numbers, random, weigh};
use beside::{Outcome, by_burn, by_tape, distance, near};
use burn::tensor::Device;
use sottovoce_algebra::{Activation, Algebra, Attention, GruWeights, LstmWeights, Parameters, Pool, Samples, Tape};
use sottovoce_burn::{Graph, Weights};

/// A model on both sides in f64.
macro_rules! both {
    ($parameters:expr, $model:ident) => {{
        let sides: (Outcome, Outcome) =
            (by_tape($parameters, |a, p| $model(a, p)), by_burn($parameters, |a, p| $model(a, p)));
        sides
    }};
}

fn zeros(shapes: &[(usize, usize)]) -> Parameters<f64> {
    let mut parameters = random(shapes, 0);
    parameters.values_mut().fill(0.0);
    parameters
}

/// Before the first step logits are zero: cross-entropies have a slope of ½ there, not that of a kink.
#[test]
fn logits_of_zero() {
    fn model<A: Algebra>(a: &mut A, p: &[A::Var]) -> A::Var {
        let one = a.binary_cross_entropy(p[0], &[1.0, 0.0, 0.5], None);
        let two = a.joint_cross_entropy(p[0], p[1], &[1.0, 0.0, 0.0], None);
        let three = a.pairwise(p[0], p[1], None);
        let four = a.distillation(p[0], p[1], 2.0);
        let sum = a.add(one, two);
        let sum = a.add(sum, three);
        a.add(sum, four)
    }
    let (tape, burn) = both!(&zeros(&[(3, 1), (3, 1)]), model);
    near(&tape, &burn, 1e-12);
}

/// Where a curve bends and where a length is zero, both sides take the same side.
#[test]
fn kinks_at_zero() {
    fn model<A: Algebra>(a: &mut A, p: &[A::Var]) -> A::Var {
        let slope = a.input(3, &[0.25, 0.5, -1.0]);
        let one = a.relu(p[0]);
        let two = a.prelu(p[0], slope);
        let three = a.normalize(p[0]);
        let four = a.dice(p[0], slope, None);
        let five = a.activate(p[0], Activation::Relu);
        let all = a.concat(&[one, two, three, four, five, p[0]]);
        weigh(a, all)
    }
    let (tape, burn) = both!(&zeros(&[(4, 3)]), model);
    near(&tape, &burn, 1e-12);
}

/// A history in which nothing happened, everywhere a history may be.
#[test]
fn empty_histories() {
    fn model<A: Algebra>(a: &mut A, p: &[A::Var]) -> A::Var {
        let nothing = [0.0; 6];
        let gru = GruWeights { input: p[1], state: p[2], bias: p[3] };
        let lstm = LstmWeights { input: p[4], state: p[5], bias: p[6] };
        let all = [
            a.softmax(p[0], Some(&[0.0; 18])),
            a.attention(p[0], p[0], p[0], Attention { mask: Some(&nothing), ..Attention::over(3, 1) }),
            a.attention(p[0], p[0], p[0], Attention { mask: Some(&nothing), causal: true, ..Attention::over(3, 3) }),
            a.gru(p[0], gru, &nothing, 3),
            a.lstm(p[0], lstm, &nothing, 3),
        ];
        let pooled = [a.mean_pool(p[0], &nothing, 3), a.capsules(p[0], &numbers(6, 1), &nothing, 3, 2)];
        let mut sum = a.sum(p[0]);
        for x in all.into_iter().chain(pooled) {
            let x = weigh(a, x);
            sum = a.add(sum, x);
        }
        // Nobody counts: a loss of 0, not of 0/0.
        let logit = a.slice(p[0], 0, 1);
        let loss = a.binary_cross_entropy(logit, &[1.0; 6], Some(&nothing));
        let sampled = Samples { targets: &[0; 6], log_q: &[0.0; 6], ids: &[0, 1, 2, 3, 4, 5] };
        let softmax = a.sampled_softmax(p[0], p[0], sampled, Some(&nothing));
        let sum = a.add(sum, loss);
        a.add(sum, softmax)
    }
    let shapes = [(6, 3), (3, 6), (2, 6), (1, 6), (3, 8), (2, 8), (1, 8)];
    let (tape, burn) = both!(&random(&shapes, 3), model);
    near(&tape, &burn, 1e-9);
}

/// Large logits overflow nowhere.
#[test]
fn steep_logits() {
    fn model<A: Algebra>(a: &mut A, p: &[A::Var]) -> A::Var {
        let steep = a.affine(p[0], 800.0, 0.0);
        let other = a.affine(p[1], 800.0, 0.0);
        let one = a.binary_cross_entropy(steep, &[1.0, 0.0, 0.5, 1.0], None);
        let two = a.joint_cross_entropy(steep, other, &[1.0, 0.0, 0.0, 1.0], None);
        let three = a.softmax(steep, None);
        let three = weigh(a, three);
        let row = a.reshape(steep, 4);
        let four = a.softmax(row, Some(&[0.0, 1.0, 1.0, 0.0]));
        let four = weigh(a, four);
        let sum = a.add(one, two);
        let sum = a.add(sum, three);
        a.add(sum, four)
    }
    for seed in 1..=5 {
        let (tape, burn) = both!(&random(&[(4, 1), (4, 1)], seed), model);
        near(&tape, &burn, 1e-9);
    }
}

/// Two tasks over a trunk: their derivatives at the trunk, and on from there what they agreed on.
#[test]
fn tasks_stop_at_the_trunk_and_go_on_from_it() {
    fn tasks<A: Algebra>(a: &mut A, p: &[A::Var]) -> (A::Var, [A::Var; 2]) {
        let trunk = a.linear(p[0], p[1], None);
        let trunk = a.tanh(trunk);
        let heads = [p[2], p[3]].map(|w| {
            let logit = a.linear(trunk, w, None);
            a.binary_cross_entropy(logit, &[1.0, 0.0, 1.0, 0.0], None)
        });
        (trunk, heads)
    }
    let parameters = random(&[(4, 3), (3, 2), (2, 1), (2, 1)], 7);
    let parts: Vec<_> = parameters.parts().map(|(_, part)| part).collect();
    let (pool, weights) = (Pool::default(), Weights::new(&parameters, &Device::flex()));
    let (mut tape, mut graph) = (Tape::new(&parameters, &pool), Graph::new(&weights));
    let (vars, nodes) = (
        parts.iter().map(|part| tape.parameter(*part)).collect::<Vec<_>>(),
        parts.iter().map(|part| graph.parameter(*part)).collect::<Vec<_>>(),
    );
    let ((trunk, losses), (stem, heads)) = (tasks(&mut tape, &vars), tasks(&mut graph, &nodes));
    let close = |a: &[f64], b: &[f64]| assert!(distance(&(0.0, a.to_vec()), &(0.0, b.to_vec())) < 1e-12, "{a:?} {b:?}");
    for (loss, head) in losses.into_iter().zip(heads) {
        let (by_hand, derived) = (tape.grad_at(loss, &[trunk]), graph.grad_at(head, &[stem]));
        close(by_hand.of(trunk).unwrap(), &derived.of(stem).unwrap());
        assert!(
            derived.parts().next().is_none() && derived.of(nodes[1]).is_none(),
            "something behind the trunk was computed"
        );
        let (by_hand, derived) = (tape.grad(loss), graph.grad(head));
        for part in &parts {
            assert_eq!(by_hand.part(*part).is_some(), derived.part(*part).is_some(), "{part:?}");
            by_hand.part(*part).iter().for_each(|g| close(g, &derived.part(*part).unwrap()));
        }
    }
    let seed = numbers(8, 5);
    let (by_hand, derived) = (tape.grad_from(trunk, &seed), graph.grad_from(stem, &seed));
    parts[..2].iter().for_each(|part| close(by_hand.part(*part).unwrap(), &derived.part(*part).unwrap()));
    assert!(derived.part(parts[2]).is_none());
}

/// Rows that an embedding table lent are differentiated, what merely came in is not, and a number of neither has no derivatives.
#[test]
fn leaves_and_data() {
    let weights = Weights::new(&Parameters::<f64>::new(0), &Device::flex());
    let mut graph = Graph::new(&weights);
    let (rows, data) = (graph.leaf(2, &[1.0, 2.0, 3.0, 4.0]), graph.input(2, &[5.0, 6.0, 7.0, 8.0]));
    let product = graph.multiply(rows, data);
    let (loss, constant) = (graph.sum(product), graph.sum(data));
    let gradients = graph.grad(loss);
    assert_eq!(gradients.of(rows), Some(vec![5.0, 6.0, 7.0, 8.0]));
    assert_eq!((gradients.of(data), graph.grad(constant).of(rows)), (None, None));
    assert_eq!((graph.values(loss), graph.shape(product)), (vec![70.0], (2, 2)));
}

/// The choice of what is nearest is the tape's, ties and short histories too.
#[test]
fn what_is_nearest() {
    let parameters = random(&[(9, 4), (5, 4)], 3);
    let parts: Vec<_> = parameters.parts().map(|(_, part)| part).collect();
    let (pool, weights) = (Pool::default(), Weights::new(&parameters, &Device::flex()));
    let (mut tape, mut graph) = (Tape::new(&parameters, &pool), Graph::new(&weights));
    let rows: Vec<u32> = (0..30).map(|i| i * 5 % 9 % 7).collect();
    let mask: Vec<f32> = (0..30).map(|i| if i % 6 < i / 6 + 1 { 1.0 } else { 0.0 }).collect();
    let (table, query) = (tape.parameter(parts[0]), tape.parameter(parts[1]));
    let (stored, asked) = (graph.parameter(parts[0]), graph.parameter(parts[1]));
    for keep in 0..7 {
        let chosen = tape.nearest(table, &rows, &mask, query, keep);
        assert_eq!(chosen, graph.nearest(stored, &rows, &mask, asked, keep), "{keep}");
    }
}

/// A teacher that could learn learns nothing.
#[test]
fn nothing_flows_into_a_teacher() {
    fn model<A: Algebra>(a: &mut A, p: &[A::Var]) -> A::Var {
        a.distillation(p[0], p[1], 2.0)
    }
    let (tape, burn) = both!(&random(&[(4, 3), (4, 3)], 1), model);
    near(&tape, &burn, 1e-12);
    assert!(tape.1[12..].iter().all(|slope| *slope == 0.0), "{tape:?}");
}
