//! AutoInt.
//!
//! Source: Song et al., *AutoInt: Automatic Feature Interaction Learning via Self-Attentive Neural Networks*, CIKM 2019, eqs. (5)–(9).
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `e_m` | fields | k | |
//! | `W_Query, W_Key, W_Value, W_Res` | a layer's parts | k × d' | `d'` = heads × `d` |
//! | `e_m^{Res}` | `Algebra::field_attention` | B × F·d' | fields attend to fields |
//! | `wᵀ(e_1^{Res} ⊕ …) + b` | `logit` | B × 1 | |
//! | AutoInt+ | [`AutoIntConfig::deep`] | B × 1 | a deep half beside it (§5.2.5) |

use super::{Forward, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{Fields, FieldsConfig, Mlp, MlpConfig, Pass};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, FieldWeights, Init, Parameters, Part};

/// Fields and layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutoIntConfig {
    /// How fields are embedded.
    pub fields: FieldsConfig,
    /// Interacting layers; the paper has 3.
    pub depth: usize,
    /// Heads; the paper has 2.
    pub heads: usize,
    /// `d` of a head; the paper has 32.
    pub width: usize,
    /// AutoInt+: the deep half.
    pub deep: Option<MlpConfig>,
}

impl Default for AutoIntConfig {
    fn default() -> Self {
        let (fields, deep) = (FieldsConfig::default(), Some(MlpConfig::default()));
        Self { fields, depth: 3, heads: 2, width: 8, deep }
    }
}

/// The model.
#[derive(Clone, Debug)]
pub struct AutoInt {
    fields: Fields,
    heads: usize,
    layers: Vec<FieldWeights<Part>>,
    deep: Option<Mlp>,
    logit: (Part, Part),
}

impl AutoInt {
    /// Over the columns of a training part.
    #[must_use]
    pub fn new(columns: &Columns, config: &AutoIntConfig, parameters: &mut Parameters<f32>) -> Self {
        let fields = Fields::new(columns, config.fields, parameters);
        let (mut from, to) = (fields.dimension(), config.heads * config.width);
        let mut layers = Vec::new();
        for l in 1..=config.depth {
            let mut map = |what| parameters.add(&format!("interacting {l} {what}"), from, to, Init::Glorot);
            let (query, key, value) = (map("query"), map("key"), map("value"));
            layers.push(FieldWeights { query, key, value, residual: Some(map("residual")) });
            from = to;
        }
        let input = fields.count() * fields.dimension() + fields.dense();
        let deep = config.deep.as_ref().map(|deep| Mlp::new("deep", input, deep, None, parameters));
        let width = fields.count() * from + deep.as_ref().map_or(0, |deep| deep.width(input));
        let w = parameters.add("logit w", width, 1, Init::Glorot);
        let b = parameters.add("logit b", 1, 1, Init::Constant(0.0));
        Self { fields, heads: config.heads, layers, deep, logit: (w, b) }
    }
}

impl<A: Algebra> Ranker<A> for AutoInt {
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var> {
        let embedded = self.fields.embed(a, batch);
        let mut e = embedded;
        for FieldWeights { query, key, value, residual } in &self.layers {
            let weights = FieldWeights {
                query: a.parameter(*query),
                key: a.parameter(*key),
                value: a.parameter(*value),
                residual: residual.map(|part| a.parameter(part)),
            };
            e = a.field_attention(e, self.fields.count(), self.heads, weights);
        }
        if let Some(deep) = &self.deep {
            let all = self.fields.with_reals(a, embedded, batch);
            let h = deep.forward(a, all, pass);
            e = a.concat(&[e, h]);
        }
        let (w, b) = (a.parameter(self.logit.0), a.parameter(self.logit.1));
        Forward::of(a.linear(e, w, Some(b)))
    }

    fn tables(&self) -> Vec<Part> {
        vec![self.fields.embeddings()]
    }
}
