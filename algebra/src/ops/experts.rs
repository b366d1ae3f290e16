//! Experts under a gate: `Σ_k softmax(gate)_k·expert_k`.

use crate::ops::activation::shares;
use crate::parallel;
use crate::pool::Buffer;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

#[derive(Debug)]
struct Mixture<R> {
    gate: Var,
    experts: Vec<Var>,
    shares: Buffer<R>,
}

pub(crate) fn mixture<R: Real>(tape: &mut Tape<'_, R>, gate: Var, experts: &[Var]) -> Var {
    let (n, d) = (experts.len(), experts.first().map_or(0, |e| e.columns()));
    assert_eq!(gate.columns(), n, "not a gate an expert");
    assert!(experts.iter().all(|e| (e.rows, e.columns()) == (gate.rows, d)), "experts differ in shape");
    let (pool, logits) = (tape.pool(), tape.value(gate));
    let (mut y, mut weights) = (pool.zeros(gate.rows() * d), pool.take(gate.len()));
    weights.copy_from_slice(logits);
    parallel::rows!(&mut weights, n, 4 * n, |_, rows| rows
        .chunks_exact_mut(n.max(1))
        .for_each(|row| shares(row, None)),);
    let values: Vec<&[R]> = experts.iter().map(|e| tape.value(*e)).collect();
    parallel::rows!(&mut y, d, n * d, |first, y| {
        for (i, y) in y.chunks_exact_mut(d.max(1)).enumerate() {
            let row = first + i;
            for (values, weight) in values.iter().zip(&weights[row * n..]) {
                parallel::axpy(*weight, &values[row * d..][..d], y);
            }
        }
    });
    tape.record(gate.rows(), d, y, Mixture { gate, experts: experts.to_vec(), shares: weights })
}

impl<R: Real> Operation<R> for Mixture<R> {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.gate);
        self.experts.iter().for_each(|e| visit(*e));
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (n, d) = (self.experts.len(), dy.len() / self.gate.rows().max(1));
        let values: Vec<&[R]> = self.experts.iter().map(|e| sweep.value(*e)).collect();
        for (k, expert) in self.experts.iter().enumerate() {
            sweep.add(*expert, |de| {
                parallel::rows!(de, d, d, |first, de| {
                    for (i, de) in de.chunks_exact_mut(d.max(1)).enumerate() {
                        parallel::axpy(self.shares[(first + i) * n + k], &dy[(first + i) * d..][..d], de);
                    }
                });
            });
        }
        sweep.add(self.gate, |dg| {
            parallel::rows!(dg, n, n * d, |first, dg| {
                let mut worth = vec![R::ZERO; n];
                for (i, dg) in dg.chunks_exact_mut(n.max(1)).enumerate() {
                    let row = first + i;
                    for (worth, values) in worth.iter_mut().zip(&values) {
                        *worth = parallel::dot(&values[row * d..][..d], &dy[row * d..][..d]);
                    }
                    let shares = &self.shares[row * n..][..n];
                    let mean = parallel::dot(shares, &worth);
                    for ((dg, share), worth) in dg.iter_mut().zip(shares).zip(&worth) {
                        *dg += *share * (*worth - mean);
                    }
                }
            });
        });
    }
}
