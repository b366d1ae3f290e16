//! Losses that are sums over examples. The slope of each example's loss is worked out with the loss itself, so going back is a product
//! with what was kept.

use crate::ops::activation::shares;
use crate::parallel;
use crate::pool::{Buffer, Pool};
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

/// `Σ_i wᵢ·lossᵢ / Σ_i wᵢ`.
#[derive(Debug)]
struct Loss<R> {
    /// What it depends on: which of an example's slopes belongs to it, and with which sign.
    terms: Vec<(Var, usize, R)>,
    /// `count` slopes an example.
    slopes: Buffer<R>,
    count: usize,
}

/// The weighted mean of `loss(i, slopes)`, which answers example `i`'s loss and writes its slopes; and those, weighted too.
fn weighted_with<R: Real>(
    pool: &Pool<R>,
    examples: usize,
    count: usize,
    weights: Option<&[f32]>,
    loss: impl Fn(usize, &mut [R]) -> R + Sync,
) -> (Buffer<R>, Buffer<R>) {
    assert!(weights.is_none_or(|w| w.len() == examples), "not a weight an example");
    let sum = weights.map_or(examples as f64, |w| w.iter().map(|w| f64::from(*w)).sum());
    // Nothing to learn from is a loss of 0, not 0/0.
    let one = if sum > 0.0 { R::from_f64(1.0 / sum) } else { R::ZERO };
    let (mut slopes, mut total) = (pool.take(examples * count), pool.zeros(1));
    parallel::rows_summed!(pool, &mut slopes, count, 16 * count, &mut total, |first, slopes, total| {
        for (i, slopes) in slopes.chunks_exact_mut(count).enumerate() {
            let weight = weights.map_or(one, |w| one * R::from_f32(w[first + i]));
            total[0] += weight * loss(first + i, slopes);
            slopes.iter_mut().for_each(|s| *s *= weight);
        }
    });
    (total, slopes)
}

macro_rules! weighted {
    ($pool:expr, $examples:expr, $count:expr, $weights:expr, |$i:pat_param, $slopes:pat_param| $body:expr $(,)?) => {
        weighted_with(
            $pool,
            $examples,
            $count,
            $weights,
            #[inline(always)]
            |$i, $slopes| $body,
        )
    };
}

fn one_score(x: Var, labels: usize) {
    assert_eq!((x.rows(), x.columns()), (labels, 1), "not a logit a label");
}

/// `ln(1 + eᶻ) − y·z`, slope `σ(z) − y`.
pub(crate) fn binary_cross_entropy<R: Real>(
    tape: &mut Tape<'_, R>,
    logits: Var,
    labels: &[f32],
    weights: Option<&[f32]>,
) -> Var {
    one_score(logits, labels.len());
    let z = tape.value(logits);
    let (total, slopes) = weighted!(&tape.pool(), labels.len(), 1, weights, |i, slopes| {
        let (z, y) = (z[i], R::from_f32(labels[i]));
        slopes[0] = z.sigmoid() - y;
        z.softplus() - y * z
    });
    tape.record(1, 1, total, Loss { terms: vec![(logits, 0, R::ONE)], slopes, count: 1 })
}

/// With `s = ln(1 + e⁻ᵃ) + ln(1 + e⁻ᵇ) = −ln σ(a)σ(b)` and `t = −ln(1 − σ(a)σ(b)) = s − ln(e⁻ᵃ + e⁻ᵇ + e⁻ᵃ⁻ᵇ)`: no product of
/// probabilities is ever formed, so none is rounded to 1.
pub(crate) fn joint_cross_entropy<R: Real>(
    tape: &mut Tape<'_, R>,
    a: Var,
    b: Var,
    labels: &[f32],
    weights: Option<&[f32]>,
) -> Var {
    one_score(a, labels.len());
    one_score(b, labels.len());
    let (x, z) = (tape.value(a), tape.value(b));
    let (total, slopes) = weighted!(&tape.pool(), labels.len(), 2, weights, |i, slopes| {
        let (a, b, y) = (x[i], z[i], R::from_f32(labels[i]));
        let s = (-a).softplus() + (-b).softplus();
        let most = (-a).maximum(-b).maximum(-a - b);
        let terms = [(-a - most).exp(), (-b - most).exp(), (-a - b - most).exp()];
        let sum = terms[0] + terms[1] + terms[2];
        // d/da of s is −σ(−a); of the logarithm, minus the share of the terms that hold a.
        let rest = (R::ONE - y) / sum;
        slopes[0] = rest * (terms[0] + terms[2]) - (-a).sigmoid();
        slopes[1] = rest * (terms[1] + terms[2]) - (-b).sigmoid();
        s - (R::ONE - y) * (most + sum.ln())
    });
    tape.record(1, 1, total, Loss { terms: vec![(a, 0, R::ONE), (b, 1, R::ONE)], slopes, count: 2 })
}

pub(crate) fn squared_error<R: Real>(tape: &mut Tape<'_, R>, x: Var, targets: &[f32], weights: Option<&[f32]>) -> Var {
    assert_eq!(x.len(), targets.len(), "not a target a number");
    let values = tape.value(x);
    let (total, slopes) = weighted!(&tape.pool(), targets.len(), 1, weights, |i, slopes| {
        let off = values[i] - R::from_f32(targets[i]);
        slopes[0] = off + off;
        off * off
    });
    tape.record(1, 1, total, Loss { terms: vec![(x, 0, R::ONE)], slopes, count: 1 })
}

/// What is lost where a pair of scores lies this far apart, and its slope.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Apart {
    /// `ln(1 + e⁻ˣ)`.
    Logistic,
    /// `max(0, margin − x)`.
    Hinge(f32),
}

pub(crate) fn pair<R: Real>(
    tape: &mut Tape<'_, R>,
    positive: Var,
    negative: Var,
    by: Apart,
    weights: Option<&[f32]>,
) -> Var {
    assert_eq!((positive.rows, positive.columns), (negative.rows, negative.columns), "scores differ in number");
    let (p, n) = (tape.value(positive), tape.value(negative));
    let (total, slopes) = weighted!(&tape.pool(), positive.len(), 1, weights, |i, slopes| {
        let x = p[i] - n[i];
        match by {
            Apart::Logistic => {
                slopes[0] = -(-x).sigmoid();
                (-x).softplus()
            }
            Apart::Hinge(margin) => {
                let short = R::from_f32(margin) - x;
                slopes[0] = if short > R::ZERO { -R::ONE } else { R::ZERO };
                short.maximum(R::ZERO)
            }
        }
    });
    let terms = vec![(positive, 0, R::ONE), (negative, 0, -R::ONE)];
    tape.record(1, 1, total, Loss { terms, slopes, count: 1 })
}

pub(crate) fn distillation<R: Real>(tape: &mut Tape<'_, R>, student: Var, teacher: Var, temperature: f32) -> Var {
    assert_eq!((student.rows, student.columns), (teacher.rows, teacher.columns), "student and teacher differ in shape");
    assert!(temperature > 0.0, "a temperature of {temperature}");
    let (s, t, n) = (tape.value(student), tape.value(teacher), student.columns());
    let (hot, cool) = (R::from_f32(temperature), R::ONE / R::from_f32(temperature));
    let (total, slopes) = weighted!(&tape.pool(), student.rows(), n, None, |i, slopes| {
        let row = i * n..(i + 1) * n;
        if let ([s], [t]) = (&s[row.clone()], &t[row.clone()]) {
            let (z, y) = (*s * cool, (*t * cool).sigmoid());
            slopes[0] = hot * (z.sigmoid() - y);
            return hot * hot * (z.softplus() - y * z);
        }
        slopes.iter_mut().zip(&t[row.clone()]).for_each(|(to, t)| *to = *t * cool);
        shares(slopes, None);
        let s = &s[row];
        let most = s.iter().fold(R::LOWEST, |most, s| most.maximum(*s * cool));
        let sum: R = s.iter().map(|s| (*s * cool - most).exp()).sum();
        let mut loss = most + sum.ln();
        for (slope, s) in slopes.iter_mut().zip(s) {
            loss -= *slope * *s * cool;
            *slope = hot * ((*s * cool - most).exp() / sum - *slope);
        }
        hot * hot * loss
    });
    tape.record(1, 1, total, Rows { x: student, slopes })
}

/// A loss with a slope for each number of a matrix.
#[derive(Debug)]
struct Rows<R> {
    x: Var,
    slopes: Buffer<R>,
}

impl<R: Real> Operation<R> for Rows<R> {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        sweep.add(self.x, |dx| parallel::map!(dx, &self.slopes, |dx, slope| *dx += dy[0] * slope,));
    }
}

impl<R: Real> Operation<R> for Loss<R> {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        self.terms.iter().for_each(|(x, ..)| visit(*x));
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        for (x, which, sign) in &self.terms {
            let factor = *sign * dy[0];
            sweep.add(*x, |dx| {
                parallel::rows!(dx, 1, 2, |first, dx| {
                    let slopes = self.slopes[first * self.count..].chunks_exact(self.count);
                    dx.iter_mut().zip(slopes).for_each(|(dx, slopes)| *dx += factor * slopes[*which]);
                });
            });
        }
    }
}
