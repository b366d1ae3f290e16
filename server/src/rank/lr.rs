//! Logistic regression over fields.
//!
//! Source: McMahan et al., *Ad Click Prediction: a View from the Trenches*, KDD 2013, §2 (the model; FTRL is an optimiser).
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `w` | `weights` | n × 1 | a weight for each value of each field |
//! | `w·x` | [`Ranker::forward`] | B × 1 | their sum, a bias, and the real features'; of a list each entry counts in full |
//!
//! Every other model here has this sum in it.

use super::{Forward, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{Fields, FieldsConfig, Lists, Pass};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Init, Parameters, Part};

/// Nothing but which fields.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LrConfig {
    /// Which lists are fields.
    pub lists: Lists,
}

/// The model.
#[derive(Clone, Debug)]
pub struct Lr {
    fields: Fields,
    weights: Part,
    bias: Part,
    reals: Option<Part>,
}

impl Lr {
    /// Over the columns of a training part.
    #[must_use]
    pub fn new(columns: &Columns, config: LrConfig, parameters: &mut Parameters<f32>) -> Self {
        // A weight is all that it has of a value.
        let embedded = FieldsConfig { dimension: 0, lists: config.lists, ..FieldsConfig::default() };
        let fields = Fields::new(columns, embedded, parameters);
        Self::over(fields, parameters)
    }

    /// Over fields that another model embeds.
    pub(super) fn over(fields: Fields, parameters: &mut Parameters<f32>) -> Self {
        let weights = parameters.add("first order", fields.rows(), 1, Init::Constant(0.0));
        let bias = parameters.add("bias", 1, 1, Init::Constant(0.0));
        let reals = (fields.dense() > 0).then(|| parameters.add("reals", fields.dense(), 1, Init::Constant(0.0)));
        Self { fields, weights, bias, reals }
    }

    pub(super) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Embeddings and weights.
    pub(super) fn tables(&self) -> Vec<Part> {
        vec![self.fields.embeddings(), self.weights]
    }

    /// `w·x + b`.
    pub(super) fn logit<A: Algebra>(&self, a: &mut A, batch: &Batch) -> A::Var {
        let mut sum = self.fields.first_order(a, self.weights, batch);
        if let (Some(w), Some(x)) = (self.reals, self.fields.reals(a, batch)) {
            let w = a.parameter(w);
            let reals = a.linear(x, w, None);
            sum = a.add(sum, reals);
        }
        let bias = a.parameter(self.bias);
        a.add_row(sum, bias)
    }
}

impl<A: Algebra> Ranker<A> for Lr {
    fn forward(&self, a: &mut A, batch: &Batch, _: Pass) -> Forward<A::Var> {
        Forward::of(self.logit(a, batch))
    }

    fn lists(&self) -> Vec<usize> {
        self.fields.lists()
    }

    fn tables(&self) -> Vec<Part> {
        self.tables()
    }
}
