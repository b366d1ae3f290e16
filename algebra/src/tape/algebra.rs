//! The tape as an [`Algebra`]: which file of `ops` each word is in.

use crate::algebra::{Algebra, Attention, GruWeights, LstmWeights, Moments, Nearest, Samples};
use crate::ops::activation::{self, Curve};
use crate::ops::arithmetic::{self, numbers};
use crate::ops::loss::{self, Apart};
use crate::ops::{attention, capsule, cross, experts, gather, interaction, interpolate, linear, lstm, norm};
use crate::ops::{pooling, recurrent, search, shape, softmax, unit};
use crate::parameters::Part;
use crate::real::Real;
use crate::tape::record::{Node, Values};
use crate::tape::{Gradients, Tape, Var};

impl<R: Real> Tape<'_, R> {
    fn data(&mut self, columns: usize, values: &[f32], learns: bool) -> Var {
        assert!(columns > 0 && values.len().is_multiple_of(columns), "{} numbers in rows of {columns}", values.len());
        let values = Values::Own(numbers(self, values));
        let rows = match &values {
            Values::Own(values) => values.len() / columns,
            Values::Part(_) => 0,
        };
        self.push(rows, columns, Node { values, learns, operation: None })
    }
}

/// An implementation for each precision, not one over all: so operations are compiled with this crate, for speed, whatever those who call
/// them are compiled for.
macro_rules! algebra_over {
    ($($real:ident),*) => {
        $(
            impl Algebra for Tape<'_, $real> {
                type Var = Var;
                type Gradients = Gradients<$real>;

                fn shape(&self, x: Var) -> (usize, usize) {
                    (x.rows(), x.columns())
                }

                fn values(&self, x: Var) -> Vec<f32> {
                    self.value(x).iter().map(|v| v.to_f32()).collect()
                }

                fn parameter(&mut self, part: Part) -> Var {
                    let (rows, columns) = (part.rows as usize, part.columns as usize);
                    let same = |node: &Node<$real>| matches!(node.values, Values::Part(known) if known == part);
                    if let Some(node) = self.nodes.iter().position(same) {
                        return Var { node: u32::try_from(node).unwrap_or(u32::MAX), rows: part.rows, columns: part.columns };
                    }
                    self.push(rows, columns, Node { values: Values::Part(part), learns: true, operation: None })
                }

                fn input(&mut self, columns: usize, values: &[f32]) -> Var {
                    self.data(columns, values, false)
                }

                fn leaf(&mut self, columns: usize, values: &[f32]) -> Var {
                    self.data(columns, values, true)
                }

                fn gather(&mut self, table: Var, rows: &[u32], per_row: usize) -> Var {
                    gather::gather(self, table, rows, per_row)
                }

                fn reshape(&mut self, x: Var, columns: usize) -> Var {
                    assert!(columns > 0 && x.len().is_multiple_of(columns), "{} numbers in rows of {columns}", x.len());
                    let side = |n: usize| u32::try_from(n).unwrap_or_else(|_| panic!("a matrix has a side of {n}"));
                    Var { rows: side(x.len() / columns), columns: side(columns), ..x }
                }

                fn concat(&mut self, parts: &[Var]) -> Var {
                    shape::concat(self, parts)
                }

                fn slice(&mut self, x: Var, first: usize, count: usize) -> Var {
                    shape::slice(self, x, first, count)
                }

                fn repeat(&mut self, x: Var, times: usize) -> Var {
                    shape::repeat(self, x, times)
                }

                fn linear(&mut self, x: Var, w: Var, b: Option<Var>) -> Var {
                    linear::linear(self, x, w, b)
                }

                fn scores(&mut self, a: Var, b: Var) -> Var {
                    linear::scores(self, a, b)
                }

                fn row_dot(&mut self, a: Var, b: Var) -> Var {
                    linear::row_dot(self, a, b)
                }

                fn add(&mut self, a: Var, b: Var) -> Var {
                    arithmetic::sum(self, a, b, $real::ONE)
                }

                fn subtract(&mut self, a: Var, b: Var) -> Var {
                    arithmetic::sum(self, a, b, -$real::ONE)
                }

                fn multiply(&mut self, a: Var, b: Var) -> Var {
                    arithmetic::product(self, a, b)
                }

                fn affine(&mut self, x: Var, scale: f32, shift: f32) -> Var {
                    arithmetic::affine(self, x, $real::from_f32(scale), $real::from_f32(shift))
                }

                fn add_row(&mut self, x: Var, row: Var) -> Var {
                    assert_eq!(row.rows, 1, "one row is added to all");
                    arithmetic::add_period(self, x, row)
                }

                fn add_period(&mut self, x: Var, rows: Var) -> Var {
                    arithmetic::add_period(self, x, rows)
                }

                fn multiply_column(&mut self, x: Var, column: Var) -> Var {
                    arithmetic::multiply_column(self, x, column)
                }

                fn mask_rows(&mut self, x: Var, mask: &[f32]) -> Var {
                    arithmetic::mask_rows(self, x, mask)
                }

                fn sum(&mut self, x: Var) -> Var {
                    pooling::sum(self, x)
                }

                fn sum_columns(&mut self, x: Var) -> Var {
                    pooling::sum_columns(self, x)
                }

                fn sum_fields(&mut self, x: Var, fields: usize) -> Var {
                    pooling::sum_fields(self, x, fields)
                }

                fn mean_pool(&mut self, x: Var, mask: &[f32], steps: usize) -> Var {
                    pooling::mean_pool(self, x, mask, steps)
                }

                fn relu(&mut self, x: Var) -> Var {
                    activation::bend(self, x, Curve::Relu)
                }

                fn sigmoid(&mut self, x: Var) -> Var {
                    activation::bend(self, x, Curve::Sigmoid)
                }

                fn tanh(&mut self, x: Var) -> Var {
                    activation::bend(self, x, Curve::Tanh)
                }

                fn softmax(&mut self, x: Var, mask: Option<&[f32]>) -> Var {
                    activation::softmax(self, x, mask)
                }

                fn prelu(&mut self, x: Var, slope: Var) -> Var {
                    activation::prelu(self, x, slope)
                }

                fn dice(&mut self, x: Var, slope: Var, moments: Option<Moments<'_>>) -> Var {
                    activation::dice(self, x, slope, moments)
                }

                fn dropout(&mut self, x: Var, rate: f32, seed: u64) -> Var {
                    activation::dropout(self, x, rate, seed)
                }

                fn layer_norm(&mut self, x: Var, gain: Var, bias: Var) -> Var {
                    norm::layer_norm(self, x, gain, bias)
                }

                fn normalize(&mut self, x: Var) -> Var {
                    norm::normalize(self, x)
                }

                fn cross(&mut self, x0: Var, x: Var, w: Var, b: Var) -> Var {
                    cross::cross(self, x0, x, w, b)
                }

                fn fm(&mut self, v: Var, fields: usize) -> Var {
                    interaction::pairs(self, v, fields, true)
                }

                fn bi_interaction(&mut self, v: Var, fields: usize) -> Var {
                    interaction::pairs(self, v, fields, false)
                }

                fn kernel_fm(&mut self, x: Var, fields: usize, phi: Var) -> Var {
                    interaction::kernel(self, x, fields, phi)
                }

                fn interpolate(&mut self, q: Var, values: Var) -> Var {
                interpolate::interpolate(self, q, values)
            }

            fn attention(&mut self, q: Var, k: Var, v: Var, with: Attention<'_, Var>) -> Var {
                    attention::attention(self, q, k, v, with)
                }

                fn compare(&mut self, e: Var, v: Var) -> Var {
                    unit::compare(self, e, v)
                }

                fn mix(&mut self, w: Var, e: Var) -> Var {
                    unit::mix(self, w, e)
                }

                fn gru(&mut self, x: Var, weights: GruWeights<Var>, mask: &[f32], steps: usize) -> Var {
                    let mapped = linear::linear(self, x, weights.input, Some(weights.bias));
                    recurrent::gru(self, mapped, weights.state, None, mask, steps)
                }

                fn augru(&mut self, x: Var, a: Var, weights: GruWeights<Var>, mask: &[f32], steps: usize) -> Var {
                    let mapped = linear::linear(self, x, weights.input, Some(weights.bias));
                    recurrent::gru(self, mapped, weights.state, Some(a), mask, steps)
                }

                fn lstm(&mut self, x: Var, weights: LstmWeights<Var>, mask: &[f32], steps: usize) -> Var {
                let mapped = linear::linear(self, x, weights.input, Some(weights.bias));
                lstm::lstm(self, mapped, weights.state, mask, steps)
            }

            fn nearest(&self, table: Var, rows: &[u32], mask: &[f32], query: Var, keep: usize) -> Nearest {
                search::nearest(self, table, rows, mask, query, keep)
            }

            fn capsules(&mut self, x: Var, start: &[f32], mask: &[f32], steps: usize, iterations: usize) -> Var {
                    capsule::capsules(self, x, start, mask, steps, iterations)
                }

                fn mixture(&mut self, gate: Var, experts: &[Var]) -> Var {
                    experts::mixture(self, gate, experts)
                }

                fn binary_cross_entropy(&mut self, logits: Var, labels: &[f32], weights: Option<&[f32]>) -> Var {
                    loss::binary_cross_entropy(self, logits, labels, weights)
                }

                fn joint_cross_entropy(&mut self, a: Var, b: Var, labels: &[f32], weights: Option<&[f32]>) -> Var {
                    loss::joint_cross_entropy(self, a, b, labels, weights)
                }

                fn squared_error(&mut self, x: Var, targets: &[f32], weights: Option<&[f32]>) -> Var {
                    loss::squared_error(self, x, targets, weights)
                }

                fn softmax_cross_entropy(&mut self, x: Var, items: Var, targets: &[u32], weights: Option<&[f32]>) -> Var {
                    softmax::full(self, x, items, targets, weights)
                }

                fn sampled_softmax(&mut self, x: Var, candidates: Var, samples: Samples<'_>, weights: Option<&[f32]>) -> Var {
                    softmax::sampled(self, x, candidates, samples, weights)
                }

                fn pairwise(&mut self, positive: Var, negative: Var, weights: Option<&[f32]>) -> Var {
                    loss::pair(self, positive, negative, Apart::Logistic, weights)
                }

                fn hinge(&mut self, positive: Var, negative: Var, margin: f32, weights: Option<&[f32]>) -> Var {
                    loss::pair(self, positive, negative, Apart::Hinge(margin), weights)
                }

                fn distillation(&mut self, student: Var, teacher: Var, temperature: f32) -> Var {
                    loss::distillation(self, student, teacher, temperature)
                }

                fn grad(&self, loss: Var) -> Gradients<$real> {
                    assert_eq!((loss.rows, loss.columns), (1, 1), "a loss is one number");
                    self.walk(loss, self.one(), None)
                }

                fn grad_at(&self, loss: Var, at: &[Var]) -> Gradients<$real> {
                    assert_eq!((loss.rows, loss.columns), (1, 1), "a loss is one number");
                    self.walk(loss, self.one(), Some(at))
                }

                fn grad_from(&self, x: Var, seed: &[f32]) -> Gradients<$real> {
                    assert_eq!(x.len(), seed.len(), "not a derivative a number");
                    self.walk(x, numbers(self, seed), None)
                }
            }
        )*
    };
}

algebra_over!(f32, f64);
