//! One step: losses of a batch, their gradients, balanced, and what moves weights.

use super::balance::{Balance, project};
use super::{Steps, TrainError, Trainer};
use crate::batches::Batch;
use crate::layers::Pass;
use crate::rank::{Answer, Forward};
use sottovoce::math::Rng;
use sottovoce_algebra::{Algebra, Gradients, Optimiser as _, Sgd, Tape, Var};

/// How much of its running moments a step keeps.
const MOMENTUM: f32 = 0.99;

impl Trainer<'_> {
    /// One step on one batch; its loss.
    pub(super) fn step(&mut self, batch: &Batch, tasks: &[usize], epoch: u64, step: u32) -> Result<f32, TrainError> {
        let mut tape = Tape::new(&self.parameters, &self.pool);
        let seed = self.config.seed ^ (epoch << 32 | u64::from(step));
        let Forward { answers, auxiliary, watched } = self.model.forward(&mut tape, batch, Pass::Train { seed });
        if answers.len() != tasks.len() {
            return Err(TrainError::Tasks { answers: answers.len(), tasks: tasks.len() });
        }
        let scales = &self.config.scales;
        if !scales.is_empty() && scales.len() != tasks.len() {
            return Err(TrainError::Scales { scales: scales.len(), tasks: tasks.len() });
        }
        let scaled = |(i, (answer, task)): (usize, (&Answer<Var>, &usize))| {
            let loss = loss(&mut tape, answer, batch, *task);
            scales.get(i).map_or(loss, |scale| tape.affine(loss, *scale, 0.0))
        };
        let losses: Vec<Var> = answers.iter().zip(tasks).enumerate().map(scaled).collect();
        let values: Vec<f32> = losses.iter().chain(&auxiliary).map(|loss| tape.value(*loss)[0]).collect();
        let mut weights = self.balanced.weights(tasks.len()).to_vec();
        weights.extend(auxiliary.map(|_| 1.0));
        let total = weights.iter().zip(&values).map(|(w, loss)| w * loss).sum::<f32>();
        if !total.is_finite() {
            let position = u64::from(step) * self.config.batch as u64;
            return Err(TrainError::Diverged { loss: total, epoch, position });
        }
        let mut gradients = match &self.config.balance {
            Balance::Equal => together(&mut tape, &losses, auxiliary, &weights),
            Balance::GradNorm { alpha, rate } => {
                let each: Vec<_> = losses.iter().map(|loss| tape.grad(*loss)).collect();
                self.balanced.normalise(*alpha, *rate, &values[..tasks.len()], &each);
                joined(&tape, &each, auxiliary, &weights)
            }
            Balance::PcGrad => {
                let mut each: Vec<_> = losses.iter().map(|loss| tape.grad(*loss)).collect();
                project(&mut each, &mut Rng::new(seed).split("tasks"));
                joined(&tape, &each, auxiliary, &weights)
            }
        };
        let moments: Vec<_> = watched.iter().map(|watched| (watched.moments, moments(&tape, watched.of))).collect();
        drop(tape);
        if self.config.shrink > 0.0 {
            let twice = 2.0 * self.config.shrink;
            for (part, g) in gradients.parts_mut().filter(|(part, _)| self.tables.contains(part)) {
                g.iter_mut().zip(self.parameters.part(part)).for_each(|(g, w)| *g += twice * w);
            }
        }
        match self.config.optimiser {
            Steps::Adam => self.adam.step(&mut self.parameters, &gradients),
            Steps::Sgd => Sgd { rate: self.config.learning_rate }.step(&mut self.parameters, &gradients),
        }
        for (part, seen) in moments {
            let kept = self.parameters.part_mut(part);
            kept.iter_mut().zip(seen).for_each(|(kept, seen)| *kept = MOMENTUM * *kept + (1.0 - MOMENTUM) * seen);
        }
        Ok(total)
    }
}

/// Cross-entropy of an answer, over the rows that have a label.
fn loss(tape: &mut Tape<'_, f32>, answer: &Answer<Var>, batch: &Batch, task: usize) -> Var {
    let of = &batch.tasks[task];
    match *answer {
        Answer::Logit(z) => tape.binary_cross_entropy(z, &of.labels, Some(&of.weights)),
        Answer::Joint(a, b) => tape.joint_cross_entropy(a, b, &of.labels, Some(&of.weights)),
    }
}

/// Derivatives of the weighted sum, in one walk.
fn together(tape: &mut Tape<'_, f32>, losses: &[Var], auxiliary: Option<Var>, weights: &[f32]) -> Gradients<f32> {
    let mut total: Option<Var> = None;
    for (loss, w) in losses.iter().copied().chain(auxiliary).zip(weights) {
        let weighted = tape.affine(loss, *w, 0.0);
        total = Some(total.map_or(weighted, |sum| tape.add(sum, weighted)));
    }
    match total {
        Some(total) => tape.grad(total),
        None => {
            let nothing = tape.input(1, &[0.0]);
            tape.grad(nothing)
        }
    }
}

/// The weighted sum of derivatives that were walked back one by one.
fn joined(tape: &Tape<'_, f32>, each: &[Gradients<f32>], auxiliary: Option<Var>, weights: &[f32]) -> Gradients<f32> {
    let own = auxiliary.map(|loss| tape.grad(loss));
    let mut all = each.iter().chain(&own).zip(weights);
    let mut sum = Gradients::none(tape);
    all.by_ref().for_each(|(g, w)| sum.add(g, *w));
    sum
}

/// Mean and variance of every column: `[E │ Var]`.
fn moments(tape: &Tape<'_, f32>, x: Var) -> Vec<f32> {
    let (rows, d) = tape.shape(x);
    let (values, one) = (tape.value(x), 1.0 / rows.max(1) as f32);
    let mut both = vec![0.0; 2 * d];
    let (mean, variance) = both.split_at_mut(d);
    values.chunks_exact(d).for_each(|x| mean.iter_mut().zip(x).for_each(|(m, x)| *m += one * x));
    for x in values.chunks_exact(d) {
        variance.iter_mut().zip(x.iter().zip(&*mean)).for_each(|(v, (x, m))| *v += one * (x - m) * (x - m));
    }
    both
}
