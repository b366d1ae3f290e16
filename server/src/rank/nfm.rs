//! Neural factorisation machine.
//!
//! Source: He & Chua, *Neural Factorization Machines for Sparse Predictive Analytics*, SIGIR 2017, eqs. (3)–(7).
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `w₀ + Σ wᵢxᵢ` | [`Lr`] | B × 1 | the first order |
//! | `f_BI(V_x)` | `Algebra::bi_interaction` | B × k | the pairs of a factorisation machine before they are summed up |
//! | `hᵀ σ_L(…)` | [`Mlp`] | B × 1 | layers over it |
//!
//! Left out: batch normalisation. DeepNFM ([`NfmConfig::deep`]) adds a second network over the fields side by side, as DeepFM has it.

use super::{Forward, Lr, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{Fields, FieldsConfig, Mlp, MlpConfig, Pass};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Parameters, Part};

/// Fields and layers.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NfmConfig {
    /// How fields are embedded.
    pub fields: FieldsConfig,
    /// The layers over the pairs.
    pub layers: MlpConfig,
    /// DeepNFM: layers over the fields themselves, beside the others.
    pub deep: Option<MlpConfig>,
}

/// The model.
#[derive(Clone, Debug)]
pub struct Nfm {
    linear: Lr,
    over_pairs: Mlp,
    over_fields: Option<Mlp>,
}

impl Nfm {
    /// Over the columns of a training part.
    #[must_use]
    pub fn new(columns: &Columns, config: &NfmConfig, parameters: &mut Parameters<f32>) -> Self {
        let fields = Fields::new(columns, config.fields, parameters);
        let wide = fields.count() * fields.dimension() + fields.dense();
        let over_pairs = Mlp::new("over pairs", fields.dimension(), &config.layers, Some(1), parameters);
        let over_fields = config.deep.as_ref().map(|deep| Mlp::new("over fields", wide, deep, Some(1), parameters));
        Self { linear: Lr::over(fields, parameters), over_pairs, over_fields }
    }
}

impl<A: Algebra> Ranker<A> for Nfm {
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var> {
        let fields = self.linear.fields();
        let first = self.linear.logit(a, batch);
        let e = fields.embed(a, batch);
        let pairs = a.bi_interaction(e, fields.count());
        let deep = self.over_pairs.forward(a, pairs, pass);
        let mut y = a.add(first, deep);
        if let Some(over_fields) = &self.over_fields {
            let all = fields.with_reals(a, e, batch);
            let deep = over_fields.forward(a, all, pass);
            y = a.add(y, deep);
        }
        Forward::of(y)
    }

    fn lists(&self) -> Vec<usize> {
        self.linear.fields().lists()
    }

    fn tables(&self) -> Vec<Part> {
        self.linear.tables()
    }
}
