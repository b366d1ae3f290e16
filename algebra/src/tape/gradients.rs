//! Walking back: derivatives from a loss to what it depends on.
//!
//! Source: Griewank & Walther, *Evaluating Derivatives*, 2008, §3.2 (the reverse sweep).

use crate::parallel;
use crate::parameters::Part;
use crate::pool::{Buffer, Pool};
use crate::real::Real;
use crate::tape::record::Values;
use crate::tape::{Tape, Var};

/// Derivatives of one number.
#[derive(Debug)]
pub struct Gradients<R: Real> {
    of: Vec<Option<Buffer<R>>>,
    parts: Vec<(Part, usize)>,
    pool: Pool<R>,
}

impl<R: Real> Gradients<R> {
    /// Of nothing yet; to be added to.
    #[must_use]
    pub fn none(tape: &Tape<'_, R>) -> Self {
        Self { of: Vec::new(), parts: Vec::new(), pool: tape.pool.clone() }
    }

    /// With respect to a matrix; `None` if the number does not depend on it or nobody asked.
    #[must_use]
    pub fn of(&self, x: Var) -> Option<&[R]> {
        self.of.get(x.node as usize)?.as_deref()
    }

    /// With respect to a parameter.
    #[must_use]
    pub fn part(&self, part: Part) -> Option<&[R]> {
        self.parts().find(|(known, _)| *known == part).map(|(_, gradient)| gradient)
    }

    /// With respect to every parameter that the number depends on.
    pub fn parts(&self) -> impl Iterator<Item = (Part, &[R])> {
        self.parts.iter().filter_map(|(part, node)| Some((*part, self.of[*node].as_deref()?)))
    }

    /// The same, to be changed: clipping, or projecting one task's gradient off another's.
    pub fn parts_mut(&mut self) -> impl Iterator<Item = (Part, &mut [R])> {
        let parts = &self.parts;
        self.of.iter_mut().enumerate().filter_map(|(node, gradient)| {
            let (part, _) = parts.iter().find(|(_, n)| *n == node)?;
            Some((*part, &mut **gradient.as_mut()?))
        })
    }

    /// Adds another number's derivatives, `times` as much of them: a sum of losses, each walked back by itself.
    ///
    /// # Panics
    /// If they are of another tape.
    pub fn add(&mut self, other: &Self, times: R) {
        self.of.resize_with(self.of.len().max(other.of.len()), || None);
        for (node, theirs) in other.of.iter().enumerate() {
            let Some(theirs) = theirs else { continue };
            match &mut self.of[node] {
                Some(ours) => {
                    assert_eq!(ours.len(), theirs.len(), "derivatives of another tape");
                    parallel::map!(ours, theirs, |w, g| *w += times * g,);
                }
                none => {
                    let mut copy = self.pool.take(theirs.len());
                    copy.iter_mut().zip(theirs.iter()).for_each(|(to, g)| *to = times * *g);
                    *none = Some(copy);
                }
            }
        }
        let new = other.parts.iter().filter(|(part, _)| !self.parts.iter().any(|(known, _)| known == part));
        let new: Vec<_> = new.copied().collect();
        self.parts.extend(new);
    }

    /// `√Σ g²` over all parameters.
    #[must_use]
    pub fn norm(&self) -> R {
        let squares = self.parts().map(|(_, g)| parallel::vectorize!(|| parallel::dot(g, g)));
        squares.sum::<R>().sqrt()
    }
}

/// One walk back over a tape.
#[derive(Debug)]
pub(crate) struct Sweep<'t, R: Real> {
    tape: &'t Tape<'t, R>,
    of: Vec<Option<Buffer<R>>>,
    wanted: Vec<bool>,
    pool: Pool<R>,
}

impl<'t, R: Real> Sweep<'t, R> {
    /// The numbers of a matrix.
    pub(crate) fn value(&self, x: Var) -> &'t [R] {
        self.tape.value(x)
    }

    /// Where room to work in comes from.
    pub(crate) fn pool(&self) -> &Pool<R> {
        &self.pool
    }

    /// Whether derivatives are carried to a matrix.
    pub(crate) fn wants(&self, x: Var) -> bool {
        self.wanted[x.node as usize]
    }

    /// The derivatives of a matrix so far, to be added to; `None` if nobody wants them. They must come back by [`Sweep::close`].
    pub(crate) fn open(&mut self, x: Var) -> Option<Buffer<R>> {
        let node = x.node as usize;
        self.wanted[node].then(|| self.of[node].take().unwrap_or_else(|| self.pool.zeros(x.len())))
    }

    pub(crate) fn close(&mut self, x: Var, derivatives: Option<Buffer<R>>) {
        let Some(mut derivatives) = derivatives else { return };
        // An operation may have opened one matrix twice, as both of its operands.
        if let Some(other) = self.of[x.node as usize].take() {
            parallel::accumulate(&mut derivatives, &other);
        }
        self.of[x.node as usize] = Some(derivatives);
    }

    /// Lets `f` add to the derivatives of a matrix, if anybody wants them.
    pub(crate) fn add(&mut self, x: Var, f: impl FnOnce(&mut [R])) {
        if let Some(mut derivatives) = self.open(x) {
            f(&mut derivatives);
            self.close(x, Some(derivatives));
        }
    }

    /// The same for who can write as well as add, which saves filling with zeros: `f` is told whether to add.
    pub(crate) fn put(&mut self, x: Var, f: impl FnOnce(&mut [R], bool)) {
        let node = x.node as usize;
        if self.wanted[node] {
            let earlier = self.of[node].take();
            let add = earlier.is_some();
            let mut derivatives = earlier.unwrap_or_else(|| self.pool.take(x.len()));
            f(&mut derivatives, add);
            self.of[node] = Some(derivatives);
        }
    }
}

impl<R: Real> Tape<'_, R> {
    /// The derivative of a loss with respect to itself.
    pub(super) fn one(&self) -> Buffer<R> {
        let mut seed = self.pool.take(1);
        seed[0] = R::ONE;
        seed
    }

    /// Walks back from `x`, whose derivatives are `seed`, to `at`, or to every parameter and leaf.
    pub(super) fn walk(&self, x: Var, seed: Buffer<R>, at: Option<&[Var]>) -> Gradients<R> {
        let last = x.node as usize;
        let source = |node: usize| match at {
            Some(at) => at.iter().any(|x| x.node as usize == node),
            None => self.nodes[node].learns && self.nodes[node].operation.is_none(),
        };
        let kept: Vec<bool> = (0..=last).map(source).collect();
        let mut wanted = kept.clone();
        for node in 0..=last {
            if let Some(operation) = &self.nodes[node].operation {
                operation.inputs(&mut |x| wanted[node] |= wanted[x.node as usize]);
            }
        }
        let mut of: Vec<Option<Buffer<R>>> = (0..=last).map(|_| None).collect();
        of[last] = Some(seed);
        let mut sweep = Sweep { tape: self, of, wanted, pool: self.pool.clone() };
        for node in (0..=last).rev() {
            let Some(derivatives) = sweep.of[node].take() else { continue };
            if let Some(operation) = &self.nodes[node].operation {
                let mut leads_on = false;
                operation.inputs(&mut |x| leads_on |= sweep.wants(x));
                if leads_on {
                    let Values::Own(y) = &self.nodes[node].values else { continue };
                    operation.backward(y, &derivatives, &mut sweep);
                }
            }
            if kept[node] {
                sweep.of[node] = Some(derivatives);
            }
        }
        let parts = self.nodes[..=last].iter().enumerate().filter_map(|(node, n)| match n.values {
            Values::Part(part) => Some((part, node)),
            Values::Own(_) => None,
        });
        Gradients { of: sweep.of, parts: parts.collect(), pool: sweep.pool }
    }
}
