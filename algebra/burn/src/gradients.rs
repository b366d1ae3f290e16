//! Derivatives of one number.

use crate::graph::Var;
use crate::number::Number;
use crate::weights::down;
use burn::tensor::Tensor;
use core::marker::PhantomData;
use sottovoce_algebra::Part;
use std::collections::BTreeMap;

/// Derivatives of one number with respect to parameters, leaves, or what was asked for. They stay on the device until they are read.
#[derive(Clone, Debug)]
pub struct Gradients<R> {
    pub(crate) of: BTreeMap<usize, Tensor<2>>,
    pub(crate) parts: Vec<(Part, usize)>,
    pub(crate) precision: PhantomData<R>,
}

impl<R: Number> Gradients<R> {
    /// With respect to a matrix; `None` if the number does not depend on it or nobody asked.
    #[must_use]
    pub fn of(&self, x: Var) -> Option<Vec<R>> {
        self.of.get(&x.node).cloned().map(down)
    }

    /// With respect to a parameter.
    #[must_use]
    pub fn part(&self, part: Part) -> Option<Vec<R>> {
        self.matrices().find(|(known, _)| *known == part).map(|(_, gradient)| down(gradient))
    }

    /// With respect to every parameter that the number depends on.
    pub fn parts(&self) -> impl Iterator<Item = (Part, Vec<R>)> {
        self.matrices().map(|(part, gradient)| (part, down(gradient)))
    }

    /// The same, left on the device.
    pub(crate) fn matrices(&self) -> impl Iterator<Item = (Part, Tensor<2>)> {
        self.parts.iter().filter_map(|(part, node)| Some((*part, self.of.get(node)?.clone())))
    }
}
