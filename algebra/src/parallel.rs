//! Work cut into pieces that threads take, and sums whose order is written down.
//!
//! Where a cut lies depends on shapes alone, never on how many threads there are; what pieces add to one sum is added in the pieces'
//! order. So one seed gives one set of bits, on one thread or on many.

use crate::matrix::View;
use crate::pool::Pool;
use crate::real::Real;
use core::array::from_fn;
use core::ops::Range;
use pulp::Arch;
use rayon::prelude::*;

/// So many numbers a piece has at least: below that, waking a thread costs more than it brings.
const PIECE: usize = 16 * 1024;
/// At most so many pieces add to one sum, each in memory of its own.
const SUMS: usize = 32;
/// Rows of a product that one thread takes at a time: whole tiles of 6, 8 and 12.
const ROWS: usize = 96;
/// Multiplications that one thread takes at least: packing what stands on the right is then small beside them.
const MULTIPLICATIONS: usize = 1024 * 1024;
/// Rows whose outer products are one piece of a sum.
const DEPTH: usize = 1024;

/// Compiles `f` for the widest vectors of this machine: `f` and what is inlined into it. So closures on their way here are marked
/// for that, by macros of the functions' names: one that became a function of its own would be compiled for any machine.
#[inline(always)]
pub(crate) fn vectorize_with<T>(f: impl FnOnce() -> T) -> T {
    Arch::new().dispatch(f)
}

macro_rules! vectorize {
    (|| $body:expr) => {
        $crate::parallel::vectorize_with(
            #[inline(always)]
            || $body,
        )
    };
}
macro_rules! rows {
    ($y:expr, $columns:expr, $work:expr, |$first:pat_param, $rows:pat_param| $body:expr $(,)?) => {
        $crate::parallel::rows_with(
            $y,
            $columns,
            $work,
            #[inline(always)]
            |$first, $rows| $body,
        )
    };
}
macro_rules! map {
    ($y:expr, $x:expr, |$a:pat_param, $b:pat_param| $body:expr $(,)?) => {
        $crate::parallel::map_with(
            $y,
            $x,
            #[inline(always)]
            |$a, $b| $body,
        )
    };
}
macro_rules! zip {
    ($z:expr, $x:expr, $y:expr, |$a:pat_param, $b:pat_param, $c:pat_param| $body:expr $(,)?) => {
        $crate::parallel::zip_with(
            $z,
            $x,
            $y,
            #[inline(always)]
            |$a, $b, $c| $body,
        )
    };
}
macro_rules! rows_summed {
    ($pool:expr, $y:expr, $columns:expr, $work:expr, $into:expr,
        |$first:pat_param, $rows:pat_param, $sum:pat_param| $body:expr $(,)?) => {
        $crate::parallel::rows_summed_with(
            $pool,
            $y,
            $columns,
            $work,
            $into,
            #[inline(always)]
            |$first, $rows, $sum| $body,
        )
    };
}
macro_rules! summed {
    ($pool:expr, $count:expr, $work:expr, $into:expr, |$rows:pat_param, $sum:pat_param| $body:expr $(,)?) => {
        $crate::parallel::summed_with(
            $pool,
            $count,
            $work,
            $into,
            #[inline(always)]
            |$rows, $sum| $body,
        )
    };
}
macro_rules! total {
    ($pool:expr, $count:expr, $work:expr, |$rows:pat_param| $body:expr $(,)?) => {
        $crate::parallel::total_with(
            $pool,
            $count,
            $work,
            #[inline(always)]
            |$rows| $body,
        )
    };
}
pub(crate) use {map, rows, rows_summed, summed, total, vectorize, zip};

/// `f(first, rows)` for runs of rows of `y`; a row costs about as much as `work` numbers.
pub(crate) fn rows_with<R: Real>(y: &mut [R], columns: usize, work: usize, f: impl Fn(usize, &mut [R]) + Sync) {
    let columns = columns.max(1);
    let run = (PIECE / work.max(1)).max(1);
    if y.len() <= run * columns {
        vectorize!(|| f(0, y));
        return;
    }
    y.par_chunks_mut(run * columns).enumerate().for_each(|(i, y)| vectorize!(|| f(i * run, y)));
}

/// `f(i, run)` for runs of `len` numbers; `f` compiles its own loops.
pub(crate) fn runs<R: Real>(y: &mut [R], len: usize, f: impl Fn(usize, &mut [R]) + Sync) {
    // One run is no reason to wake anybody.
    if y.len() <= len {
        return f(0, y);
    }
    y.par_chunks_mut(len).enumerate().for_each(|(i, y)| f(i, y));
}

/// The same over two at once, whose runs belong together.
pub(crate) fn paired_runs<R: Real>(
    (y, of_y): (&mut [R], usize),
    (z, of_z): (&mut [R], usize),
    f: impl Fn(usize, &mut [R], &mut [R]) + Sync,
) {
    if y.len() <= of_y {
        return f(0, y, z);
    }
    y.par_chunks_mut(of_y).zip(z.par_chunks_mut(of_z)).enumerate().for_each(|(i, (y, z))| f(i, y, z));
}

/// `f(y, x)` for each pair.
pub(crate) fn map_with<R: Real>(y: &mut [R], x: &[R], f: impl Fn(&mut R, R) + Sync) {
    rows!(y, 1, 1, |first, y| {
        for (y, x) in y.iter_mut().zip(&x[first..]) {
            f(y, *x);
        }
    });
}

/// `f(z, x, y)` for each three.
pub(crate) fn zip_with<R: Real>(z: &mut [R], x: &[R], y: &[R], f: impl Fn(&mut R, R, R) + Sync) {
    rows!(z, 1, 1, |first, z| {
        for ((z, x), y) in z.iter_mut().zip(&x[first..]).zip(&y[first..]) {
            f(z, *x, *y);
        }
    });
}

/// `into += y`.
pub(crate) fn accumulate<R: Real>(into: &mut [R], y: &[R]) {
    map!(into, y, |into, y| *into += y,);
}

/// Runs `f(run, y, sum)` over runs of `count` rows: each writes its rows of `y` and adds to a sum, and the sums are added to `into` in order.
pub(crate) fn rows_summed_with<R: Real>(
    pool: &Pool<R>,
    y: &mut [R],
    columns: usize,
    work: usize,
    into: &mut [R],
    f: impl Fn(usize, &mut [R], &mut [R]) + Sync,
) {
    let (columns, len) = (columns.max(1), into.len());
    let count = y.len() / columns;
    if len == 0 {
        // Nothing to add up, so nothing to keep the pieces few for.
        return rows!(y, columns, work, |first, y| f(first, y, &mut []));
    }
    let run = (PIECE / work.max(1)).max(count.div_ceil(SUMS)).max(1);
    if count <= run {
        vectorize!(|| f(0, y, into));
        return;
    }
    let mut sums = pool.zeros(count.div_ceil(run) * len);
    let runs = y.par_chunks_mut(run * columns).zip(sums.par_chunks_mut(len)).enumerate();
    runs.for_each(|(i, (y, sum))| vectorize!(|| f(i * run, y, sum)));
    sums.chunks_exact(len).for_each(|sum| accumulate(into, sum));
}

/// Runs `f(rows, sum)` over runs of `count` rows; the sums are added to `into` in order.
pub(crate) fn summed_with<R: Real>(
    pool: &Pool<R>,
    count: usize,
    work: usize,
    into: &mut [R],
    f: impl Fn(Range<usize>, &mut [R]) + Sync,
) {
    let len = into.len();
    let run = (PIECE / work.max(1)).max(count.div_ceil(SUMS)).max(1);
    if count <= run || len == 0 {
        vectorize!(|| f(0..count, into));
        return;
    }
    let mut sums = pool.zeros(count.div_ceil(run) * len);
    let runs = sums.par_chunks_mut(len).enumerate();
    runs.for_each(|(i, sum)| vectorize!(|| f(i * run..count.min((i + 1) * run), sum)));
    sums.chunks_exact(len).for_each(|sum| accumulate(into, sum));
}

/// The sum over runs of `f(rows)`, in order.
pub(crate) fn total_with<R: Real>(
    pool: &Pool<R>,
    count: usize,
    work: usize,
    f: impl Fn(Range<usize>) -> R + Sync,
) -> R {
    let mut sum = [R::ZERO];
    summed!(pool, count, work, &mut sum, |rows, sum| sum[0] += f(rows),);
    sum[0]
}

/// `c = a·b` or `c += a·b`, for an `a` of many rows; `c` has no gaps.
pub(crate) fn product<R: Real>(a: View<'_, R>, b: View<'_, R>, c: &mut [R], add: bool) {
    let (n, k) = (b.columns(), a.columns());
    let one = (n * k).max(1);
    let run = MULTIPLICATIONS.div_ceil(one).next_multiple_of(ROWS);
    if a.rows() <= run || n == 0 {
        R::product(a, b, c, n, add);
        return;
    }
    c.par_chunks_mut(run * n).enumerate().for_each(|(i, c)| {
        R::product(a.cut(i * run..a.rows().min((i + 1) * run)), b, c, n, add);
    });
}

/// `c = aᵀ·b` or `c += aᵀ·b`, for an `a` and a `b` of many rows: the gradient of a linear map.
pub(crate) fn turned_product<R: Real>(pool: &Pool<R>, a: View<'_, R>, b: View<'_, R>, c: &mut [R], add: bool) {
    let (m, n, rows) = (a.columns(), b.columns(), a.rows());
    if rows <= DEPTH || m * n == 0 {
        product(a.turned(), b, c, add);
        return;
    }
    let mut sums = pool.take(rows.div_ceil(DEPTH) * m * n);
    sums.par_chunks_mut(m * n).enumerate().for_each(|(i, sum)| {
        let run = i * DEPTH..rows.min((i + 1) * DEPTH);
        product(a.cut(run.clone()).turned(), b.cut(run), sum, false);
    });
    for (i, sum) in sums.chunks_exact(m * n).enumerate() {
        if i == 0 && !add {
            c.copy_from_slice(sum);
        } else {
            accumulate(c, sum);
        }
    }
}

/// `⟨a, b⟩` over the shorter of the two: sixteen partial sums, which lanes hold, added as a tree.
#[inline(always)]
pub(crate) fn dot<R: Real>(a: &[R], b: &[R]) -> R {
    let n = a.len().min(b.len());
    let ((a, a_rest), (b, b_rest)) = (a[..n].as_chunks::<16>(), b[..n].as_chunks::<16>());
    let mut sums = [R::ZERO; 16];
    for (a, b) in a.iter().zip(b) {
        for i in 0..16 {
            sums[i] += a[i] * b[i];
        }
    }
    let mut sum = tree(sums);
    for (a, b) in a_rest.iter().zip(b_rest) {
        sum += *a * *b;
    }
    sum
}

/// The sum of a row, added in the same order as [`dot`].
#[inline(always)]
pub(crate) fn sum<R: Real>(a: &[R]) -> R {
    sum_of(
        a,
        #[inline(always)]
        |x| x,
    )
}

/// The sum of `f` over a row, added in the same order as [`dot`].
#[inline(always)]
pub(crate) fn sum_of<R: Real>(a: &[R], f: impl Fn(R) -> R) -> R {
    let (a, rest) = a.as_chunks::<16>();
    let mut sums = [R::ZERO; 16];
    for a in a {
        for i in 0..16 {
            sums[i] += f(a[i]);
        }
    }
    let mut sum = tree(sums);
    for a in rest {
        sum += f(*a);
    }
    sum
}

/// The largest of a row: sixteen of them side by side, because each comparison waits for the one before.
#[inline(always)]
pub(crate) fn largest<R: Real>(a: &[R]) -> R {
    let (a, rest) = a.as_chunks::<16>();
    let mut most = [R::LOWEST; 16];
    for a in a {
        for i in 0..16 {
            most[i] = a[i].maximum(most[i]);
        }
    }
    let most: [R; 8] = from_fn(|i| most[i].maximum(most[i + 8]));
    most.iter().chain(rest).fold(R::LOWEST, |most, x| x.maximum(most))
}

/// Halves are added onto each other. Loops of known length: what is indexed by a running number cannot live in registers.
#[inline(always)]
fn tree<R: Real>(s: [R; 16]) -> R {
    let s: [R; 8] = from_fn(|i| s[i] + s[i + 8]);
    let s: [R; 4] = from_fn(|i| s[i] + s[i + 4]);
    (s[0] + s[2]) + (s[1] + s[3])
}

/// `y += s·x`, over the shorter of the two.
#[inline(always)]
pub(crate) fn axpy<R: Real>(s: R, x: &[R], y: &mut [R]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += s * *x;
    }
}
