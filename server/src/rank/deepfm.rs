//! DeepFM.
//!
//! Source: Guo et al., *DeepFM: A Factorization-Machine based Neural Network for CTR Prediction*, IJCAI 2017, eqs. (1)–(4).
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `⟨w, x⟩` | [`Lr`] | B × 1 | the first order |
//! | `Σ_{i<j} ⟨Vᵢ, Vⱼ⟩` | `Algebra::fm` | B × 1 | the pairs |
//! | `y_DNN` | [`Mlp`] over the same embeddings | B × 1 | the deep half |
//! | `ŷ = σ(y_FM + y_DNN)` | [`Ranker::forward`] | B × 1 | before σ |
//!
//! Kept: one table of embeddings for both halves, which is the paper's point against Wide & Deep.

use super::{Forward, Lr, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{Fields, FieldsConfig, Mlp, MlpConfig, Pass};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Parameters, Part};

/// Fields and layers.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeepFmConfig {
    /// How fields are embedded.
    pub fields: FieldsConfig,
    /// The deep half.
    pub layers: MlpConfig,
}

/// The model.
#[derive(Clone, Debug)]
pub struct DeepFm {
    linear: Lr,
    deep: Mlp,
}

impl DeepFm {
    /// Over the columns of a training part.
    #[must_use]
    pub fn new(columns: &Columns, config: &DeepFmConfig, parameters: &mut Parameters<f32>) -> Self {
        let fields = Fields::new(columns, config.fields, parameters);
        let input = fields.count() * fields.dimension() + fields.dense();
        let deep = Mlp::new("deep", input, &config.layers, Some(1), parameters);
        Self { linear: Lr::over(fields, parameters), deep }
    }
}

impl<A: Algebra> Ranker<A> for DeepFm {
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var> {
        let fields = self.linear.fields();
        let first = self.linear.logit(a, batch);
        let e = fields.embed(a, batch);
        let pairs = a.fm(e, fields.count());
        let fm = a.add(first, pairs);
        let all = fields.with_reals(a, e, batch);
        let deep = self.deep.forward(a, all, pass);
        Forward::of(a.add(fm, deep))
    }

    fn lists(&self) -> Vec<usize> {
        self.linear.fields().lists()
    }

    fn tables(&self) -> Vec<Part> {
        self.linear.tables()
    }
}
