//! Scaled-dot attention in heads, with a mask and a bias for the time between two steps.
//!
//! Shares of attention are computed again in the backward pass: a sequence of a thousand steps would have to keep a million of them a
//! head and example, and once more is cheaper than memory.

use crate::algebra::{Attention as With, TimeBias};
use crate::matrix::View;
use crate::ops::activation::shares;
use crate::ops::arithmetic::numbers;
use crate::parallel;
use crate::pool::Buffer;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

#[derive(Debug)]
struct Attention<R> {
    q: Var,
    k: Var,
    v: Var,
    shape: Shape<R>,
    bias: Option<(Var, Vec<u32>)>,
}

#[derive(Debug)]
struct Shape<R> {
    examples: usize,
    queries: usize,
    keys: usize,
    heads: usize,
    scale: R,
    causal: bool,
    mask: Option<Buffer<R>>,
    /// Columns of queries and keys, and of values.
    d: usize,
    dv: usize,
}

pub(crate) fn attention<R: Real>(tape: &mut Tape<'_, R>, q: Var, k: Var, v: Var, with: With<'_, Var>) -> Var {
    let With { queries, keys, heads, scale, causal, mask, bias } = with;
    let (d, dv) = (q.columns(), v.columns());
    assert!(queries > 0 && keys > 0 && q.rows().is_multiple_of(queries), "{} rows of {queries} queries", q.rows);
    let examples = q.rows() / queries;
    assert_eq!((k.rows(), v.rows(), k.columns()), (examples * keys, examples * keys, d), "rows of keys and values");
    assert!(heads > 0 && d.is_multiple_of(heads) && dv.is_multiple_of(heads), "{d} and {dv} columns for {heads} heads");
    assert!(!causal || queries == keys, "{queries} queries of their own past, {keys} keys");
    assert!(mask.is_none_or(|m| m.len() == examples * keys), "not a number a key");
    let scale = scale.map_or_else(|| R::ONE / R::from_count(d / heads).sqrt(), R::from_f32);
    let mask = mask.map(|m| numbers(tape, m));
    let bias = bias.map(|TimeBias { table, buckets }| {
        assert_eq!(
            (buckets.len(), table.columns()),
            (examples * queries * keys, heads),
            "not a bucket a pair, a column a head"
        );
        assert!(buckets.iter().all(|b| *b < table.rows), "a bucket beyond the table's {}", table.rows);
        (table, buckets.to_vec())
    });
    let shape = Shape { examples, queries, keys, heads, scale, causal, mask, d, dv };
    let (pool, table) = (tape.pool(), bias.as_ref().map(|(t, b)| (tape.value(*t), b.as_slice())));
    let mut y = pool.take(q.rows() * dv);
    let (qs, ks, vs) = (tape.value(q), tape.value(k), tape.value(v));
    parallel::rows!(&mut y, queries * dv, shape.work(), |first, y| {
        let mut shares = pool.take(queries * keys);
        for (i, y) in y.chunks_exact_mut(queries * dv).enumerate() {
            for head in 0..heads {
                shape.shares(first + i, head, qs, ks, table, &mut shares);
                let v = shape.values(first + i, head, vs);
                R::product(View::new(&shares, queries, keys), v, &mut y[head * (dv / heads)..], dv, false);
            }
        }
    });
    tape.record(q.rows(), dv, y, Attention { q, k, v, shape, bias })
}

impl<R: Real> Shape<R> {
    /// What an example costs.
    fn work(&self) -> usize {
        self.queries * self.keys * (4 * self.heads + (self.d + self.dv) / 8)
    }

    fn head<'a>(&self, x: &'a [R], example: usize, head: usize, steps: usize, d: usize) -> View<'a, R> {
        View::strided(&x[example * steps * d + head * (d / self.heads)..], steps, d / self.heads, d)
    }

    fn queries<'a>(&self, example: usize, head: usize, q: &'a [R]) -> View<'a, R> {
        self.head(q, example, head, self.queries, self.d)
    }

    fn keys<'a>(&self, example: usize, head: usize, k: &'a [R]) -> View<'a, R> {
        self.head(k, example, head, self.keys, self.d)
    }

    fn values<'a>(&self, example: usize, head: usize, v: &'a [R]) -> View<'a, R> {
        self.head(v, example, head, self.keys, self.dv)
    }

    /// `softmax(scale·Q·Kᵀ + bias)` of one head, zeros where the mask or time forbids.
    #[inline(always)]
    fn shares(&self, example: usize, head: usize, q: &[R], k: &[R], bias: Option<(&[R], &[u32])>, to: &mut [R]) {
        let (queries, keys) = (self.queries, self.keys);
        R::product(self.queries(example, head, q), self.keys(example, head, k).turned(), to, keys, false);
        let mask = self.mask.as_ref().map(|m| &m[example * keys..][..keys]);
        for (i, row) in to.chunks_exact_mut(keys).enumerate() {
            row.iter_mut().for_each(|x| *x *= self.scale);
            if let Some((table, buckets)) = bias {
                let buckets = &buckets[(example * queries + i) * keys..];
                row.iter_mut().zip(buckets).for_each(|(x, b)| *x += table[*b as usize * self.heads + head]);
            }
            if let Some(mask) = mask {
                row.iter_mut().zip(mask).for_each(|(x, m)| *x = if *m > R::ZERO { *x } else { R::LOWEST });
            }
            let seen = if self.causal { i + 1 } else { keys };
            shares(&mut row[..seen], None);
            row[seen..].fill(R::ZERO);
        }
    }
}

impl<R: Real> Operation<R> for Attention<R> {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        [self.q, self.k, self.v].into_iter().for_each(&mut *visit);
        self.bias.iter().for_each(|(table, _)| visit(*table));
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let Shape { queries, keys, heads, scale, d, dv, .. } = self.shape;
        let (shape, pool) = (&self.shape, sweep.pool().clone());
        let (qs, ks, vs) = (sweep.value(self.q), sweep.value(self.k), sweep.value(self.v));
        let table = self.bias.as_ref().map(|(t, b)| (sweep.value(*t), b.as_slice()));
        // What one example adds to queries, keys and values, side by side, so that one thread writes all of it.
        let (of_q, of_k) = (queries * d, keys * d);
        let whole = of_q + of_k + keys * dv;
        let mut parts = pool.take(shape.examples * whole);
        let mut dtable = pool.zeros(table.map_or(0, |(t, _)| t.len()));
        parallel::rows_summed!(&pool, &mut parts, whole, 2 * shape.work(), &mut dtable, |first, parts, dtable| {
            let (mut p, mut dp) = (pool.take(queries * keys), pool.take(queries * keys));
            for (i, parts) in parts.chunks_exact_mut(whole).enumerate() {
                let example = first + i;
                let (dq, rest) = parts.split_at_mut(of_q);
                let (dk, dvs) = rest.split_at_mut(of_k);
                for head in 0..heads {
                    shape.shares(example, head, qs, ks, table, &mut p);
                    let dys = shape.head(dy, example, head, queries, dv);
                    R::product(View::new(&p, queries, keys).turned(), dys, &mut dvs[head * (dv / heads)..], dv, false);
                    R::product(dys, shape.values(example, head, vs).turned(), &mut dp, keys, false);
                    for (i, (dp, p)) in dp.chunks_exact_mut(keys).zip(p.chunks_exact(keys)).enumerate() {
                        let mean = parallel::dot(dp, p);
                        dp.iter_mut().zip(p).for_each(|(dp, p)| *dp = *p * (*dp - mean));
                        if let Some((_, buckets)) = table {
                            let buckets = &buckets[(example * queries + i) * keys..];
                            dp.iter().zip(buckets).for_each(|(dp, b)| dtable[*b as usize * heads + head] += *dp);
                        }
                        dp.iter_mut().for_each(|dp| *dp *= scale);
                    }
                    let (dp, from) = (View::new(&dp, queries, keys), head * (d / heads));
                    R::product(dp, shape.keys(example, head, ks), &mut dq[from..], d, false);
                    R::product(dp.turned(), shape.queries(example, head, qs), &mut dk[from..], d, false);
                }
            }
        });
        for (x, from) in [(self.q, 0), (self.k, of_q), (self.v, of_q + of_k)] {
            let len = x.len() / shape.examples.max(1);
            sweep.put(x, |dx, add| {
                parallel::rows!(dx, len, len, |first, dx| {
                    for (i, dx) in dx.chunks_exact_mut(len.max(1)).enumerate() {
                        let part = &parts[(first + i) * whole + from..][..len];
                        match add {
                            true => parallel::axpy(R::ONE, part, dx),
                            false => dx.copy_from_slice(part),
                        }
                    }
                });
            });
        }
        if let Some((table, _)) = self.bias {
            sweep.add(table, |to| parallel::accumulate(to, &dtable));
        }
    }
}
