//! Cross-entropy of a softmax over many items, whose logits are never written down.
//!
//! Forward, blocks of logits are computed and only the logarithm of their summed exponentials is kept, row by row. Backward, the blocks
//! are computed once more; groups of items work side by side, each with its own sums for `x`, and those are added in order.
//!
//! Source: Wijmans et al., *Cut Your Losses in Large-Vocabulary Language Models*, ICLR 2025, §4 (the idea; there on a GPU);
//! Milakov & Gimelshein, *Online normalizer calculation for softmax*, 2018, algorithm 3 (one pass).

use crate::algebra::Samples;
use crate::matrix::View;
use crate::ops::arithmetic::numbers;
use crate::parallel;
use crate::pool::Buffer;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

/// Examples whose logits are computed together.
const ROWS: usize = 192;
/// Items of a block: with [`ROWS`] examples 384 kB of logits, which the second cache holds.
const ITEMS: usize = 512;
/// At most so many groups of items keep sums of their own.
const GROUPS: usize = 16;

#[derive(Debug)]
struct CrossEntropy<R> {
    x: Var,
    items: Var,
    d: usize,
    /// The examples that weigh something, and for each the item it chose and its weight over the sum of weights.
    examples: Vec<u32>,
    targets: Vec<u32>,
    weights: Buffer<R>,
    /// Their rows of `x`.
    rows: Buffer<R>,
    /// `ln Σ eˡ` of each.
    log_sums: Buffer<R>,
    /// What is taken off each item's logit.
    log_q: Option<Buffer<R>>,
    /// What each item is, where one may be drawn twice.
    ids: Vec<u32>,
}

/// Over all rows of `items`.
pub(crate) fn full<R: Real>(
    tape: &mut Tape<'_, R>,
    x: Var,
    items: Var,
    targets: &[u32],
    weights: Option<&[f32]>,
) -> Var {
    cross_entropy(tape, x, items, targets, None, &[], weights)
}

/// Over sampled candidates.
pub(crate) fn sampled<R: Real>(
    tape: &mut Tape<'_, R>,
    x: Var,
    candidates: Var,
    samples: Samples<'_>,
    weights: Option<&[f32]>,
) -> Var {
    let Samples { targets, log_q, ids } = samples;
    assert_eq!((log_q.len(), ids.len()), (candidates.rows(), candidates.rows()), "not a candidate each");
    let log_q = numbers(tape, log_q);
    cross_entropy(tape, x, candidates, targets, Some(log_q), ids, weights)
}

fn cross_entropy<R: Real>(
    tape: &mut Tape<'_, R>,
    x: Var,
    items: Var,
    targets: &[u32],
    log_q: Option<Buffer<R>>,
    ids: &[u32],
    weights: Option<&[f32]>,
) -> Var {
    let d = x.columns();
    assert_eq!(d, items.columns(), "rows differ in length");
    assert_eq!(x.rows(), targets.len(), "not a target an example");
    assert!(weights.is_none_or(|w| w.len() == targets.len()), "not a weight an example");
    let kept: Vec<u32> = (0..x.rows).filter(|i| weights.is_none_or(|w| w[*i as usize] > 0.0)).collect();
    let targets: Vec<u32> = kept.iter().map(|i| targets[*i as usize]).collect();
    if let Some(target) = targets.iter().find(|t| **t >= items.rows) {
        panic!("item {target} of {}", items.rows);
    }
    let (pool, values, table) = (tape.pool(), tape.value(x), tape.value(items));
    let (mut shares, mut rows) = (pool.take(kept.len()), pool.take(kept.len() * d));
    shares.iter_mut().zip(&kept).for_each(|(s, i)| *s = R::from_f32(weights.map_or(1.0, |w| w[*i as usize])));
    let sum = parallel::sum(&shares);
    shares.iter_mut().for_each(|s| *s = *s / sum);
    parallel::rows!(&mut rows, d, d, |first, rows| {
        for (row, i) in rows.chunks_exact_mut(d.max(1)).zip(&kept[first..]) {
            row.copy_from_slice(&values[*i as usize * d..][..d]);
        }
    });
    let mut operation = CrossEntropy {
        x,
        items,
        d,
        examples: kept,
        targets,
        weights: shares,
        rows,
        log_sums: pool.take(0),
        log_q,
        ids: ids.to_vec(),
    };
    let mut log_sums = pool.take(operation.examples.len());
    parallel::runs(&mut log_sums, ROWS, |run, sums| {
        let mut logits = pool.take(ROWS * ITEMS);
        let mut most = vec![R::LOWEST; sums.len()];
        sums.fill(R::ZERO);
        for first in (0..items.rows()).step_by(ITEMS) {
            let count = ITEMS.min(items.rows() - first);
            operation.logits(table, run * ROWS, sums.len(), first, count, &mut logits);
            parallel::vectorize!(|| {
                for ((row, sum), most) in logits.chunks_exact(count).zip(sums.iter_mut()).zip(&mut most) {
                    let largest = parallel::largest(row).maximum(*most);
                    if largest > R::LOWEST {
                        let earlier = if *most > R::LOWEST { *sum * (*most - largest).exp() } else { R::ZERO };
                        *sum = earlier
                            + parallel::sum_of(
                                row,
                                #[inline(always)]
                                |l| (l - largest).exp(),
                            );
                        *most = largest;
                    }
                }
            });
        }
        sums.iter_mut().zip(&most).for_each(|(sum, most)| *sum = *most + sum.ln());
    });
    operation.log_sums = log_sums;
    let mut loss = pool.zeros(1);
    loss[0] = parallel::total!(&pool, operation.examples.len(), 2 * d, |run| run
        .map(|i| operation.weights[i] * (operation.log_sums[i] - operation.target(table, i)))
        .sum(),);
    tape.record(1, 1, loss, operation)
}

impl<R: Real> CrossEntropy<R> {
    /// The logits of a run of examples and a block of items.
    fn logits(&self, table: &[R], example: usize, examples: usize, item: usize, count: usize, to: &mut [R]) {
        let rows = View::new(&self.rows[example * self.d..], examples, self.d);
        R::product(rows, View::new(&table[item * self.d..], count, self.d).turned(), to, count, false);
        if let Some(log_q) = &self.log_q {
            for (row, target) in to.chunks_exact_mut(count).zip(&self.targets[example..example + examples]) {
                let own = self.ids[*target as usize];
                for (j, l) in row.iter_mut().enumerate() {
                    *l -= log_q[item + j];
                    if self.ids[item + j] == own && item + j != *target as usize {
                        *l = R::LOWEST;
                    }
                }
            }
        }
    }

    /// The logit of what example `i` chose.
    fn target(&self, table: &[R], i: usize) -> R {
        let target = self.targets[i] as usize;
        let logit = parallel::dot(&self.rows[i * self.d..][..self.d], &table[target * self.d..][..self.d]);
        logit - self.log_q.as_ref().map_or(R::ZERO, |q| q[target])
    }
}

impl<R: Real> Operation<R> for CrossEntropy<R> {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
        visit(self.items);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (d, n, items, pool) = (self.d, self.examples.len(), self.items.rows(), sweep.pool().clone());
        let (table, scale) = (sweep.value(self.items), dy[0]);
        if n == 0 {
            return;
        }
        let group = items.div_ceil(GROUPS).next_multiple_of(ITEMS);
        let mut dtable = pool.zeros(items * d);
        let mut drows = pool.zeros(items.div_ceil(group) * n * d);
        parallel::paired_runs((&mut dtable, group * d), (&mut drows, n * d), |g, dtable, drows| {
            let mut logits = pool.take(ROWS * ITEMS);
            for (block, dtable) in dtable.chunks_mut(ITEMS * d).enumerate() {
                let (first, count) = (g * group + block * ITEMS, dtable.len() / d);
                let view = View::new(&table[first * d..], count, d);
                for (run, drows) in drows.chunks_mut(ROWS * d).enumerate() {
                    let (from, examples) = (run * ROWS, drows.len() / d);
                    self.logits(table, from, examples, first, count, &mut logits);
                    let p = &mut logits[..examples * count];
                    parallel::vectorize!(|| {
                        for (i, row) in p.chunks_exact_mut(count).enumerate() {
                            let (weight, log_sum) = (scale * self.weights[from + i], self.log_sums[from + i]);
                            for p in row {
                                *p = if *p > R::LOWEST { weight * (*p - log_sum).exp() } else { R::ZERO };
                            }
                        }
                    });
                    let (p, rows) = (View::new(p, examples, count), View::new(&self.rows[from * d..], examples, d));
                    R::product(p, view, drows, d, true);
                    R::product(p.turned(), rows, dtable, d, true);
                }
            }
        });
        for (i, target) in self.targets.iter().enumerate() {
            let weight = -scale * self.weights[i];
            let (row, item) = (i * d..(i + 1) * d, *target as usize * d..(*target as usize + 1) * d);
            parallel::axpy(weight, &table[item.clone()], &mut drows[row.clone()]);
            parallel::axpy(weight, &self.rows[row], &mut dtable[item]);
        }
        sweep.add(self.x, |dx| {
            for (i, example) in self.examples.iter().enumerate() {
                let dx = &mut dx[*example as usize * d..][..d];
                drows.chunks_exact(n * d).for_each(|drows| parallel::axpy(R::ONE, &drows[i * d..][..d], dx));
            }
        });
        sweep.add(self.items, |to| parallel::accumulate(to, &dtable));
    }
}
