//! Deep & cross network, both versions.
//!
//! Sources: Wang et al., *Deep & Cross Network for Ad Click Predictions*, ADKDD 2017, eqs. (3)–(5); Wang et al., *DCN V2*, WWW 2021, eq. (1).
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `x₀` | fields and reals side by side | B × d | |
//! | `x_{l+1} = x₀ x_lᵀ w_l + b_l + x_l` | [`Crossing::Vector`] | B × d | version 1: `w_l` is d × 1 |
//! | `x_{l+1} = x₀ ⊙ (W_l x_l + b_l) + x_l` | [`Crossing::Matrix`] | B × d | version 2: `W_l` is d × d |
//! | `h` | [`Mlp`] | B × m | the deep half, in parallel |
//! | `[x_L, h] w` | `logit` | B × 1 | |
//!
//! Left out: version 2's mixture of low-rank experts, and the stacked order.

use super::{Forward, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{Cross, Crossing, Fields, FieldsConfig, Mlp, MlpConfig, Pass};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Init, Parameters, Part};

/// Fields and layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DcnConfig {
    /// How fields are embedded.
    pub fields: FieldsConfig,
    /// Which version.
    pub crossing: Crossing,
    /// `L`, cross layers.
    pub depth: usize,
    /// The deep half.
    pub layers: MlpConfig,
}

impl Default for DcnConfig {
    fn default() -> Self {
        let (fields, layers) = (FieldsConfig::default(), MlpConfig::default());
        Self { fields, crossing: Crossing::default(), depth: 3, layers }
    }
}

/// The model.
#[derive(Clone, Debug)]
pub struct Dcn {
    fields: Fields,
    cross: Cross,
    deep: Mlp,
    logit: (Part, Part),
}

impl Dcn {
    /// Over the columns of a training part.
    #[must_use]
    pub fn new(columns: &Columns, config: &DcnConfig, parameters: &mut Parameters<f32>) -> Self {
        let fields = Fields::new(columns, config.fields, parameters);
        let d = fields.width();
        let cross = Cross::new(d, config.depth, config.crossing, parameters);
        let deep = Mlp::new("deep", d, &config.layers, None, parameters);
        let w = parameters.add("logit w", d + deep.width(d), 1, Init::Glorot);
        let b = parameters.add("logit b", 1, 1, Init::Constant(0.0));
        Self { fields, cross, deep, logit: (w, b) }
    }
}

impl<A: Algebra> Ranker<A> for Dcn {
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var> {
        let e = self.fields.embed(a, batch);
        let x0 = self.fields.with_reals(a, e, batch);
        let x = self.cross.forward(a, x0);
        let h = self.deep.forward(a, x0, pass);
        let both = a.concat(&[x, h]);
        let (w, b) = (a.parameter(self.logit.0), a.parameter(self.logit.1));
        Forward::of(a.linear(both, w, Some(b)))
    }

    fn lists(&self) -> Vec<usize> {
        self.fields.lists()
    }

    fn tables(&self) -> Vec<Part> {
        vec![self.fields.embeddings()]
    }
}
