//! AutoInt.
//!
//! Source: Song et al., *AutoInt: Automatic Feature Interaction Learning via Self-Attentive Neural Networks*, CIKM 2019, eqs. (5)–(9).
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `e_m` | fields | k | |
//! | `W_Query, W_Key, W_Value, W_Res` | [`Interacting`] | k × d' | `d'` = heads × `d` |
//! | `e_m^{Res}` | `Algebra::field_attention` | B × F·d' | fields attend to fields |
//! | `wᵀ(e_1^{Res} ⊕ …) + b` | `logit` | B × 1 | |
//! | AutoInt+ | [`AutoIntConfig::deep`] | B × 1 | a deep half beside it (§5.2.5) |

use super::{Forward, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{Fields, FieldsConfig, Interacting, InteractingConfig, Mlp, MlpConfig, Pass};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Init, Parameters, Part};

/// Fields and layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutoIntConfig {
    /// How fields are embedded.
    pub fields: FieldsConfig,
    /// The interacting layers.
    pub interacting: InteractingConfig,
    /// AutoInt+: the deep half.
    pub deep: Option<MlpConfig>,
}

impl Default for AutoIntConfig {
    fn default() -> Self {
        let (fields, deep) = (FieldsConfig::default(), Some(MlpConfig::default()));
        Self { fields, interacting: InteractingConfig::default(), deep }
    }
}

/// The model.
#[derive(Clone, Debug)]
pub struct AutoInt {
    fields: Fields,
    interacting: Interacting,
    deep: Option<Mlp>,
    logit: (Part, Part),
}

impl AutoInt {
    /// Over the columns of a training part.
    #[must_use]
    pub fn new(columns: &Columns, config: &AutoIntConfig, parameters: &mut Parameters<f32>) -> Self {
        let fields = Fields::new(columns, config.fields, parameters);
        let interacting = Interacting::new(fields.dimension(), config.interacting, parameters);
        let input = fields.width();
        let deep = config.deep.as_ref().map(|deep| Mlp::new("deep", input, deep, None, parameters));
        let width = fields.count() * interacting.width() + deep.as_ref().map_or(0, |deep| deep.width(input));
        let w = parameters.add("logit w", width, 1, Init::Glorot);
        let b = parameters.add("logit b", 1, 1, Init::Constant(0.0));
        Self { fields, interacting, deep, logit: (w, b) }
    }
}

impl<A: Algebra> Ranker<A> for AutoInt {
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var> {
        let e = self.fields.embed(a, batch);
        let mut all = self.interacting.forward(a, e, self.fields.count());
        if let Some(deep) = &self.deep {
            let x = self.fields.with_reals(a, e, batch);
            let h = deep.forward(a, x, pass);
            all = a.concat(&[all, h]);
        }
        let (w, b) = (a.parameter(self.logit.0), a.parameter(self.logit.1));
        Forward::of(a.linear(all, w, Some(b)))
    }

    fn lists(&self) -> Vec<usize> {
        self.fields.lists()
    }

    fn tables(&self) -> Vec<Part> {
        vec![self.fields.embeddings()]
    }
}
