//! Interacting layers: fields attend to fields.
//!
//! Source: Song et al., *AutoInt*, CIKM 2019, eqs. (5)–(8).

use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, FieldWeights, Init, Parameters, Part};

/// Their sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InteractingConfig {
    /// Layers; the paper has 3.
    pub depth: usize,
    /// Heads; the paper has 2.
    pub heads: usize,
    /// `d` of a head; the paper has 32.
    pub width: usize,
}

impl Default for InteractingConfig {
    fn default() -> Self {
        Self { depth: 3, heads: 2, width: 8 }
    }
}

/// Layers behind one another.
#[derive(Clone, Debug)]
pub struct Interacting {
    heads: usize,
    layers: Vec<FieldWeights<Part>>,
    width: usize,
}

impl Interacting {
    /// Over fields of `k` numbers.
    #[must_use]
    pub fn new(k: usize, config: InteractingConfig, parameters: &mut Parameters<f32>) -> Self {
        let (mut from, to) = (k, config.heads * config.width);
        let mut layers = Vec::with_capacity(config.depth);
        for l in 1..=config.depth {
            let mut map = |what| parameters.add(&format!("interacting {l} {what}"), from, to, Init::Glorot);
            let (query, key, value) = (map("query"), map("key"), map("value"));
            layers.push(FieldWeights { query, key, value, residual: Some(map("residual")) });
            from = to;
        }
        Self { heads: config.heads, layers, width: from }
    }

    /// Numbers a field of what comes out.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// `e: B × F·k` to `B × F·width`.
    pub fn forward<A: Algebra>(&self, a: &mut A, e: A::Var, fields: usize) -> A::Var {
        let mut e = e;
        for FieldWeights { query, key, value, residual } in &self.layers {
            let weights = FieldWeights {
                query: a.parameter(*query),
                key: a.parameter(*key),
                value: a.parameter(*value),
                residual: residual.map(|part| a.parameter(part)),
            };
            e = a.field_attention(e, fields, self.heads, weights);
        }
        e
    }
}
