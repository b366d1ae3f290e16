//! Wide & Deep.
//!
//! Source: Cheng et al., *Wide & Deep Learning for Recommender Systems*, DLRS 2016, §3.
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `w_wideᵀ [x, φ(x)]` | [`Lr`] | B × 1 | the wide half; crossed columns `φ(x)` are the schema's |
//! | `w_deepᵀ a^{(lf)}` | [`Mlp`] over the fields side by side | B × 1 | the deep half |
//!
//! Kept: both halves are trained as one. Left out: FTRL for the wide half beside AdaGrad for the deep one; both take one optimiser.

use super::{Forward, Lr, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{Fields, FieldsConfig, Mlp, MlpConfig, Pass};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Parameters, Part};

/// Fields and layers.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WideDeepConfig {
    /// How fields are embedded.
    pub fields: FieldsConfig,
    /// The deep half.
    pub layers: MlpConfig,
}

/// The model.
#[derive(Clone, Debug)]
pub struct WideDeep {
    wide: Lr,
    deep: Mlp,
}

impl WideDeep {
    /// Over the columns of a training part.
    #[must_use]
    pub fn new(columns: &Columns, config: &WideDeepConfig, parameters: &mut Parameters<f32>) -> Self {
        let fields = Fields::new(columns, config.fields, parameters);
        let input = fields.count() * fields.dimension() + fields.dense();
        let deep = Mlp::new("deep", input, &config.layers, Some(1), parameters);
        Self { wide: Lr::over(fields, parameters), deep }
    }
}

impl<A: Algebra> Ranker<A> for WideDeep {
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var> {
        let fields = self.wide.fields();
        let wide = self.wide.logit(a, batch);
        let e = fields.embed(a, batch);
        let all = fields.with_reals(a, e, batch);
        let deep = self.deep.forward(a, all, pass);
        Forward::of(a.add(wide, deep))
    }

    fn lists(&self) -> Vec<usize> {
        self.wide.fields().lists()
    }

    fn tables(&self) -> Vec<Part> {
        self.wide.tables()
    }
}
