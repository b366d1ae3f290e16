//! The graph as an [`Algebra`]: what burn has a word for is here, the rest in `ops`.

use crate::gradients::Gradients;
use crate::graph::{Graph, Var};
use crate::number::Number;
use crate::ops::{activation, attention, capsule, interaction, loss, norm, recurrent, search};
use crate::weights::down;
use burn::tensor::activation::{relu, sigmoid, tanh};
use burn::tensor::{Bool, Tensor};
use sottovoce_algebra::{
    Algebra, Attention, GruWeights, LstmWeights, Moments, Nearest, Part, Samples, TimeBias, noise,
};

fn same_shape(a: Var, b: Var) {
    assert_eq!(a.shape(), b.shape(), "matrices differ in shape");
}

fn width(x: Var, fields: usize) -> usize {
    assert!(fields > 0 && x.columns.is_multiple_of(fields), "{} columns for {fields} fields", x.columns);
    x.columns / fields
}

/// How many sequences there are.
fn sequences(x: Var, steps: usize, mask: &[f32]) -> usize {
    assert!(steps > 0 && x.rows.is_multiple_of(steps), "{} rows in sequences of {steps}", x.rows);
    assert_eq!(mask.len(), x.rows, "not a number a step");
    x.rows / steps
}

impl<R: Number> Graph<'_, R> {
    fn gated(&mut self, x: Var, w: GruWeights<Var>, a: Option<Var>, mask: &[f32], steps: usize) -> Var {
        let examples = sequences(x, steps, mask);
        assert!(a.is_none_or(|a| a.len() == x.rows), "not an attention a step");
        let mapped = self.linear(x, w.input, Some(w.bias));
        let mask = self.data(examples, steps, mask.to_vec());
        let inputs: Vec<Var> = [mapped, w.state].into_iter().chain(a).collect();
        self.record(&inputs, move |m| {
            let share = match m.get(2) {
                Some(a) => a.clone().reshape([examples, steps]) * mask.clone(),
                None => mask.clone(),
            };
            recurrent::gru(m[0].clone(), m[1].clone(), share)
        })
    }
}

impl<R: Number> Algebra for Graph<'_, R> {
    type Var = Var;
    type Gradients = Gradients<R>;

    fn shape(&self, x: Var) -> (usize, usize) {
        x.shape()
    }

    fn values(&self, x: Var) -> Vec<f32> {
        self.numbers(x).into_iter().map(sottovoce_algebra::Real::to_f32).collect()
    }

    fn parameter(&mut self, part: Part) -> Var {
        self.weight(part)
    }

    fn input(&mut self, columns: usize, values: &[f32]) -> Var {
        assert!(columns > 0 && values.len().is_multiple_of(columns), "{} numbers in rows of {columns}", values.len());
        let matrix = self.data(values.len() / columns, columns, values.to_vec());
        Graph::input(self, matrix)
    }

    fn leaf(&mut self, columns: usize, values: &[f32]) -> Var {
        assert!(columns > 0 && values.len().is_multiple_of(columns), "{} numbers in rows of {columns}", values.len());
        let matrix = self.data(values.len() / columns, columns, values.to_vec());
        Graph::leaf(self, matrix)
    }

    fn gather(&mut self, table: Var, rows: &[u32], per_row: usize) -> Var {
        assert!(per_row > 0 && rows.len().is_multiple_of(per_row), "{} rows, {per_row} side by side", rows.len());
        if let Some(row) = rows.iter().find(|row| **row as usize >= table.rows) {
            panic!("row {row} of a table of {}", table.rows);
        }
        let (places, shape) = (self.places(rows), [rows.len() / per_row, per_row * table.columns]);
        self.record(&[table], move |m| m[0].clone().select(0, places.clone()).reshape(shape))
    }

    fn reshape(&mut self, x: Var, columns: usize) -> Var {
        assert!(columns > 0 && x.len().is_multiple_of(columns), "{} numbers in rows of {columns}", x.len());
        Var { rows: x.len() / columns, columns, ..x }
    }

    fn concat(&mut self, parts: &[Var]) -> Var {
        assert!(parts.windows(2).all(|p| p[0].rows == p[1].rows), "parts differ in rows");
        self.record(parts, |m| Tensor::cat(m.to_vec(), 1))
    }

    fn slice(&mut self, x: Var, first: usize, count: usize) -> Var {
        assert!(first + count <= x.columns, "columns {first}..{} of {}", first + count, x.columns);
        self.record(&[x], move |m| m[0].clone().narrow(1, first, count))
    }

    fn repeat(&mut self, x: Var, times: usize) -> Var {
        let (rows, d) = x.shape();
        self.record(&[x], move |m| {
            let rows: Tensor<3> = m[0].clone().reshape([rows, 1, d]);
            rows.repeat_dim(1, times).reshape([x.rows * times, d])
        })
    }

    fn linear(&mut self, x: Var, w: Var, b: Option<Var>) -> Var {
        assert_eq!(x.columns, w.rows, "a row is not as long as the map's input");
        assert!(b.is_none_or(|b| b.shape() == (1, w.columns)), "a bias is not as long as the map's output");
        let inputs: Vec<Var> = [x, w].into_iter().chain(b).collect();
        self.record(&inputs, |m| {
            let y = m[0].clone().matmul(m[1].clone());
            m.get(2).map_or(y.clone(), |b| y + b.clone())
        })
    }

    fn scores(&mut self, a: Var, b: Var) -> Var {
        assert_eq!(a.columns, b.columns, "rows differ in length");
        self.record(&[a, b], |m| m[0].clone().matmul(m[1].clone().transpose()))
    }

    fn row_dot(&mut self, a: Var, b: Var) -> Var {
        same_shape(a, b);
        self.record(&[a, b], |m| (m[0].clone() * m[1].clone()).sum_dim(1))
    }

    fn add(&mut self, a: Var, b: Var) -> Var {
        same_shape(a, b);
        self.record(&[a, b], |m| m[0].clone() + m[1].clone())
    }

    fn subtract(&mut self, a: Var, b: Var) -> Var {
        same_shape(a, b);
        self.record(&[a, b], |m| m[0].clone() - m[1].clone())
    }

    fn multiply(&mut self, a: Var, b: Var) -> Var {
        same_shape(a, b);
        self.record(&[a, b], |m| m[0].clone() * m[1].clone())
    }

    fn affine(&mut self, x: Var, scale: f32, shift: f32) -> Var {
        let (scale, shift) = (f64::from(scale), f64::from(shift));
        self.record(&[x], move |m| m[0].clone() * scale + shift)
    }

    fn add_row(&mut self, x: Var, row: Var) -> Var {
        assert_eq!(row.shape(), (1, x.columns), "one row is added to all");
        self.record(&[x, row], |m| m[0].clone() + m[1].clone())
    }

    fn add_period(&mut self, x: Var, rows: Var) -> Var {
        let ((count, d), n) = (x.shape(), rows.rows);
        assert_eq!(d, rows.columns, "rows differ in length");
        assert!(n > 0 && count.is_multiple_of(n), "{count} rows in periods of {n}");
        self.record(&[x, rows], move |m| {
            let x: Tensor<3> = m[0].clone().reshape([count / n, n, d]);
            (x + m[1].clone().reshape([1, n, d])).reshape([count, d])
        })
    }

    fn multiply_column(&mut self, x: Var, column: Var) -> Var {
        assert_eq!(column.shape(), (x.rows, 1), "not a number a row");
        self.record(&[x, column], |m| m[0].clone() * m[1].clone())
    }

    fn mask_rows(&mut self, x: Var, mask: &[f32]) -> Var {
        assert_eq!(x.rows, mask.len(), "not a number a row");
        let mask = self.data(mask.len(), 1, mask.to_vec());
        self.record(&[x], move |m| m[0].clone() * mask.clone())
    }

    fn sum(&mut self, x: Var) -> Var {
        self.record(&[x], |m| m[0].clone().sum().reshape([1, 1]))
    }

    fn sum_columns(&mut self, x: Var) -> Var {
        self.record(&[x], |m| m[0].clone().sum_dim(1))
    }

    fn sum_fields(&mut self, x: Var, fields: usize) -> Var {
        let (rows, k) = (x.rows, width(x, fields));
        self.record(&[x], move |m| {
            let x: Tensor<3> = m[0].clone().reshape([rows, fields, k]);
            x.sum_dim(1).reshape([rows, k])
        })
    }

    fn mean_pool(&mut self, x: Var, mask: &[f32], steps: usize) -> Var {
        let (examples, d) = (sequences(x, steps, mask), x.columns);
        let fractions = mask.chunks_exact(steps).flat_map(|mask| loss::fractions(steps, Some(mask))).collect();
        let fractions: Tensor<3> = self.data::<f64>(x.rows, 1, fractions).reshape([examples, steps, 1]);
        self.record(&[x], move |m| {
            let x = m[0].clone().reshape([examples, steps, d]);
            (x * fractions.clone()).sum_dim(1).reshape([examples, d])
        })
    }

    fn relu(&mut self, x: Var) -> Var {
        self.record(&[x], |m| relu(m[0].clone()))
    }

    fn sigmoid(&mut self, x: Var) -> Var {
        self.record(&[x], |m| sigmoid(m[0].clone()))
    }

    fn tanh(&mut self, x: Var) -> Var {
        self.record(&[x], |m| tanh(m[0].clone()))
    }

    fn softmax(&mut self, x: Var, mask: Option<&[f32]>) -> Var {
        assert!(mask.is_none_or(|m| m.len() == x.len()), "a mask of another shape");
        let barred = mask.map(|mask| self.barred(x.rows, x.columns, mask.iter().map(|m| *m <= 0.0).collect()));
        self.record(&[x], move |m| activation::shares(m[0].clone(), barred.clone()))
    }

    fn prelu(&mut self, x: Var, slope: Var) -> Var {
        assert_eq!(slope.shape(), (1, x.columns), "not a slope a column");
        self.record(&[x, slope], |m| activation::prelu(m[0].clone(), m[1].clone()))
    }

    fn dice(&mut self, x: Var, slope: Var, moments: Option<Moments<'_>>) -> Var {
        assert_eq!(slope.shape(), (1, x.columns), "not a slope a column");
        let row = |values: &[f32]| self.data(1, x.columns, values.to_vec());
        let moments = moments.map(|m| (row(m.mean), row(m.variance)));
        self.record(&[x, slope], move |m| activation::dice(m[0].clone(), m[1].clone(), moments.clone()))
    }

    fn dropout(&mut self, x: Var, rate: f32, seed: u64) -> Var {
        assert!((0.0..1.0).contains(&rate), "a rate of {rate}");
        let kept = 1.0 / (1.0 - f64::from(rate));
        let factor = |place| if noise::uniform(seed, place) < rate { 0.0 } else { kept };
        let factors = self.data(x.rows, x.columns, (0u64..).take(x.len()).map(factor).collect());
        self.record(&[x], move |m| m[0].clone() * factors.clone())
    }

    fn layer_norm(&mut self, x: Var, gain: Var, bias: Var) -> Var {
        let row = (1, x.columns);
        assert_eq!((gain.shape(), bias.shape()), (row, row), "gain and bias are not a row");
        self.record(&[x, gain, bias], |m| norm::layer_norm(m[0].clone(), m[1].clone(), m[2].clone()))
    }

    fn normalize(&mut self, x: Var) -> Var {
        self.record(&[x], |m| norm::normalize(m[0].clone()))
    }

    fn cross(&mut self, x0: Var, x: Var, w: Var, b: Var) -> Var {
        same_shape(x0, x);
        let row = (1, x.columns);
        assert_eq!((w.shape(), b.shape()), (row, row), "w and b are not a row");
        self.record(&[x0, x, w, b], |m| {
            let s = m[1].clone().matmul(m[2].clone().transpose());
            m[0].clone() * s + m[3].clone() + m[1].clone()
        })
    }

    fn fm(&mut self, v: Var, fields: usize) -> Var {
        width(v, fields);
        self.record(&[v], move |m| interaction::pairs(m[0].clone(), fields).sum_dim(1))
    }

    fn bi_interaction(&mut self, v: Var, fields: usize) -> Var {
        width(v, fields);
        self.record(&[v], move |m| interaction::pairs(m[0].clone(), fields))
    }

    fn kernel_fm(&mut self, x: Var, fields: usize, phi: Var) -> Var {
        let (k, each) = (width(x, fields), u32::try_from(fields).unwrap_or(u32::MAX));
        let pairs: Vec<(u32, u32)> = (0..each).flat_map(|i| (i + 1..each).map(move |j| (i, j))).collect();
        assert_eq!(phi.shape(), (k, pairs.len() * k), "not a {k} × {k} matrix for each of {} pairs", pairs.len());
        let (first, second): (Vec<u32>, Vec<u32>) = pairs.into_iter().unzip();
        let (first, second) = (self.places(&first), self.places(&second));
        self.record(&[x, phi], move |m| {
            interaction::kernel(m[0].clone(), m[1].clone(), fields, first.clone(), second.clone())
        })
    }

    fn interpolate(&mut self, q: Var, values: Var) -> Var {
        assert_eq!(q.rows, values.rows, "not values for each row");
        assert!(values.columns > 1, "a line has two points");
        self.record(&[q, values], |m| interaction::interpolate(m[0].clone(), m[1].clone()))
    }

    fn attention(&mut self, q: Var, k: Var, v: Var, with: Attention<'_, Var>) -> Var {
        let Attention { queries, keys, heads, scale, causal, mask, bias } = with;
        assert!(queries > 0 && keys > 0 && q.rows.is_multiple_of(queries), "{} rows of {queries} queries", q.rows);
        let (examples, width) = (q.rows / queries, q.columns / heads.max(1));
        assert_eq!((k.rows, v.rows), (examples * keys, examples * keys), "rows of keys and values");
        assert_eq!(q.columns, k.columns, "columns of queries and keys");
        assert!([q, v].iter().all(|x| heads > 0 && x.columns.is_multiple_of(heads)), "columns for {heads} heads");
        assert!(!causal || queries == keys, "{queries} queries of their own past, {keys} keys");
        assert!(mask.is_none_or(|m| m.len() == examples * keys), "not a number a key");
        let barred = (causal || mask.is_some()).then(|| {
            let pairs = (0..examples * queries).flat_map(|row| (0..keys).map(move |key| (row, key)));
            let hidden = |(row, key): (usize, usize)| {
                causal && key > row % queries || mask.is_some_and(|m| m[row / queries * keys + key] <= 0.0)
            };
            self.barred(examples * queries, keys, pairs.map(hidden).collect())
        });
        let (table, buckets) = bias.map_or((None, None), |TimeBias { table, buckets }| {
            let pairs = examples * queries * keys;
            assert_eq!((buckets.len(), table.columns), (pairs, heads), "not a bucket a pair, a column a head");
            assert!(buckets.iter().all(|b| (*b as usize) < table.rows), "a bucket beyond the table's {}", table.rows);
            (Some(table), Some(self.places(buckets)))
        });
        let scale = scale.map_or_else(|| 1.0 / (width as f64).sqrt(), f64::from);
        let shape = attention::Shape { examples, queries, keys, heads, scale, barred, buckets };
        let inputs: Vec<Var> = [q, k, v].into_iter().chain(table).collect();
        self.record(&inputs, move |m| shape.attend(m[0].clone(), m[1].clone(), m[2].clone(), m.get(3).cloned()))
    }

    fn compare(&mut self, e: Var, v: Var) -> Var {
        assert_eq!(e.columns, v.columns, "rows differ in length");
        assert!(v.rows > 0 && e.rows.is_multiple_of(v.rows), "{} steps for {} examples", e.rows, v.rows);
        let v = self.repeat(v, e.rows / v.rows);
        self.record(&[e, v], |m| {
            let (e, v) = (m[0].clone(), m[1].clone());
            Tensor::cat(vec![e.clone(), v.clone(), e.clone() - v.clone(), e * v], 1)
        })
    }

    fn mix(&mut self, w: Var, e: Var) -> Var {
        assert_eq!(w.len(), e.rows, "not a weight a step");
        let ((examples, steps), d) = (w.shape(), e.columns);
        self.record(&[w, e], move |m| {
            let w: Tensor<3> = m[0].clone().reshape([examples, 1, steps]);
            w.matmul(m[1].clone().reshape([examples, steps, d])).reshape([examples, d])
        })
    }

    fn gru(&mut self, x: Var, weights: GruWeights<Var>, mask: &[f32], steps: usize) -> Var {
        self.gated(x, weights, None, mask, steps)
    }

    fn augru(&mut self, x: Var, a: Var, weights: GruWeights<Var>, mask: &[f32], steps: usize) -> Var {
        self.gated(x, weights, Some(a), mask, steps)
    }

    fn lstm(&mut self, x: Var, weights: LstmWeights<Var>, mask: &[f32], steps: usize) -> Var {
        let examples = sequences(x, steps, mask);
        let mapped = self.linear(x, weights.input, Some(weights.bias));
        let mask = self.data(examples, steps, mask.to_vec());
        self.record(&[mapped, weights.state], move |m| recurrent::lstm(m[0].clone(), m[1].clone(), mask.clone()))
    }

    fn nearest(&self, table: Var, rows: &[u32], mask: &[f32], query: Var, keep: usize) -> Nearest {
        assert_eq!(table.columns, query.columns, "rows differ in length");
        assert_eq!(rows.len(), mask.len(), "not a mask a row");
        let (examples, k) = query.shape();
        assert!(examples > 0 && rows.len().is_multiple_of(examples), "{} rows for {examples}", rows.len());
        let steps = rows.len() / examples;
        if rows.is_empty() {
            return search::nearest(&[], mask, steps, keep, examples);
        }
        let met = self.matrix(table).without_autodiff().select(0, self.places(rows)).reshape([examples, steps, k]);
        let query = self.matrix(query).without_autodiff().reshape([examples, k, 1]);
        let scores: Vec<f32> = down(met.matmul(query).reshape([rows.len(), 1]));
        search::nearest(&scores, mask, steps, keep, examples)
    }

    fn capsules(&mut self, x: Var, start: &[f32], mask: &[f32], steps: usize, iterations: usize) -> Var {
        let (examples, d) = (sequences(x, steps, mask), x.columns);
        assert!(iterations > 0 && x.rows > 0 && start.len().is_multiple_of(x.rows), "not a logit a step and interest");
        let interests = start.len() / x.rows;
        let start: Tensor<3> = self.data(x.rows, interests, start.to_vec()).reshape([examples, steps, interests]);
        let mask: Tensor<3> = self.data(x.rows, 1, mask.to_vec()).reshape([examples, steps, 1]);
        self.record(&[x], move |m| {
            let x = m[0].clone().reshape([examples, steps, d]);
            capsule::capsules(x, start.clone(), mask.clone(), iterations)
        })
    }

    fn mixture(&mut self, gate: Var, experts: &[Var]) -> Var {
        assert_eq!(gate.columns, experts.len(), "not a gate an expert");
        assert!(experts.windows(2).all(|e| e[0].shape() == e[1].shape()), "experts differ in shape");
        let inputs: Vec<Var> = [gate].into_iter().chain(experts.iter().copied()).collect();
        self.record(&inputs, |m| {
            let shares = activation::shares(m[0].clone(), None::<Tensor<2, Bool>>);
            let each = m[1..].iter().enumerate().map(|(i, e)| shares.clone().narrow(1, i, 1) * e.clone());
            each.reduce(|sum, e| sum + e).unwrap_or(shares)
        })
    }

    fn binary_cross_entropy(&mut self, logits: Var, labels: &[f32], weights: Option<&[f32]>) -> Var {
        let y = self.labels(&[logits], labels);
        self.weighted(&[logits], labels.len(), weights, move |m| loss::logistic(m[0].clone(), y.clone()))
    }

    fn joint_cross_entropy(&mut self, a: Var, b: Var, labels: &[f32], weights: Option<&[f32]>) -> Var {
        let y = self.labels(&[a, b], labels);
        self.weighted(&[a, b], labels.len(), weights, move |m| loss::joint(m[0].clone(), m[1].clone(), y.clone()))
    }

    fn squared_error(&mut self, x: Var, targets: &[f32], weights: Option<&[f32]>) -> Var {
        assert_eq!(x.len(), targets.len(), "not a target a number");
        let (x, y) = (self.reshape(x, 1), self.data(targets.len(), 1, targets.to_vec()));
        self.weighted(&[x], targets.len(), weights, move |m| {
            let off = m[0].clone() - y.clone();
            off.clone() * off
        })
    }

    fn softmax_cross_entropy(&mut self, x: Var, items: Var, targets: &[u32], weights: Option<&[f32]>) -> Var {
        self.chosen([x, items], targets, None, weights)
    }

    fn sampled_softmax(&mut self, x: Var, candidates: Var, samples: Samples<'_>, weights: Option<&[f32]>) -> Var {
        self.chosen([x, candidates], samples.targets, Some(samples), weights)
    }

    fn pairwise(&mut self, positive: Var, negative: Var, weights: Option<&[f32]>) -> Var {
        same_shape(positive, negative);
        let (p, n) = (self.reshape(positive, 1), self.reshape(negative, 1));
        self.weighted(&[p, n], p.rows, weights, |m| loss::softplus(m[1].clone() - m[0].clone()))
    }

    fn hinge(&mut self, positive: Var, negative: Var, margin: f32, weights: Option<&[f32]>) -> Var {
        same_shape(positive, negative);
        let (p, n, margin) = (self.reshape(positive, 1), self.reshape(negative, 1), f64::from(margin));
        self.weighted(&[p, n], p.rows, weights, move |m| relu(m[1].clone() - m[0].clone() + margin))
    }

    fn distillation(&mut self, student: Var, teacher: Var, temperature: f32) -> Var {
        same_shape(student, teacher);
        assert!(temperature > 0.0, "a temperature of {temperature}");
        let teacher = self.matrix(teacher).without_autodiff();
        self.weighted(&[student], student.rows, None, move |m| {
            loss::distilled(m[0].clone(), teacher.clone(), f64::from(temperature))
        })
    }

    fn grad(&self, loss: Var) -> Gradients<R> {
        assert_eq!(loss.shape(), (1, 1), "a loss is one number");
        self.walk(loss, self.data(1, 1, vec![1.0f32]), None)
    }

    fn grad_at(&self, loss: Var, at: &[Var]) -> Gradients<R> {
        assert_eq!(loss.shape(), (1, 1), "a loss is one number");
        self.walk(loss, self.data(1, 1, vec![1.0f32]), Some(at))
    }

    fn grad_from(&self, x: Var, seed: &[f32]) -> Gradients<R> {
        assert_eq!(x.len(), seed.len(), "not a derivative a number");
        self.walk(x, self.data(x.rows, x.columns, seed.to_vec()), None)
    }
}
