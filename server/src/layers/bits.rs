//! Attention between single numbers: every unit of the fields, laid side by side, attends to every other.
//!
//! | row K9 | here | shape | meaning |
//! |---|---|---|---|
//! | `T` | what comes in | B × N | all fields' numbers side by side |
//! | `⟨W_Q, T⟩ᵢ`, `⟨W_K, T⟩ₗ`, `⟨W_V, T⟩ₗ` | `query`, `key`, `value` | B × M each | one number a unit |
//! | `φᵢₗ = ⟨W_Q, T⟩ᵢ · ⟨W_K, T⟩ₗ` | inside `Algebra::attention` | B × M × M | a product of two numbers: of rank 1 |
//! | `ṽᵢ = Σₗ softmaxₗ(φᵢₗ)·⟨W_V, T⟩ₗ` | `mixed` | B × M | |
//! | `relu(ṽ + W_R T)` | what goes out | B × M | |
//!
//! As the scores are of rank 1, `ṽᵢ` depends on one number, `qᵢ`, alone: with [`BitsConfig::bins`] it is computed at so many points and
//! interpolated between them, `O(M·bins)` and not `O(M²)`. Queries are then held within ±[`RANGE`] by `tanh`.

use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Attention, Init, Parameters, Part};

/// Where interpolation ends.
const RANGE: f32 = 4.0;

/// Its sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BitsConfig {
    /// `M`.
    pub units: usize,
    /// Layers behind one another.
    pub depth: usize,
    /// Points that mixed values are computed at; every unit's own where absent.
    pub bins: Option<usize>,
}

impl Default for BitsConfig {
    fn default() -> Self {
        Self { units: 64, depth: 1, bins: None }
    }
}

#[derive(Clone, Copy, Debug)]
struct Layer {
    query: Part,
    key: Part,
    value: Part,
    residual: Part,
}

/// Layers behind one another.
#[derive(Clone, Debug)]
pub struct Bits {
    config: BitsConfig,
    layers: Vec<Layer>,
}

impl Bits {
    /// Over `n` numbers a row.
    #[must_use]
    pub fn new(n: usize, config: BitsConfig, parameters: &mut Parameters<f32>) -> Self {
        let mut from = n;
        let mut layers = Vec::with_capacity(config.depth);
        for l in 1..=config.depth {
            let mut map = |what| parameters.add(&format!("units {l} {what}"), from, config.units, Init::Glorot);
            let (query, key, value, residual) = (map("query"), map("key"), map("value"), map("residual"));
            layers.push(Layer { query, key, value, residual });
            from = config.units;
        }
        Self { config, layers }
    }

    /// Numbers a row of what comes out.
    #[must_use]
    pub fn width(&self) -> usize {
        self.config.units
    }

    /// `T: B × N` to `B × M`.
    pub fn forward<A: Algebra>(&self, a: &mut A, t: A::Var) -> A::Var {
        let (m, mut x) = (self.config.units, t);
        for layer in &self.layers {
            let mut map = |part| {
                let w = a.parameter(part);
                a.linear(x, w, None)
            };
            let (q, k, v, residual) = (map(layer.query), map(layer.key), map(layer.value), map(layer.residual));
            let (k, v) = (a.reshape(k, 1), a.reshape(v, 1));
            let mixed = match self.config.bins {
                None => {
                    let q = a.reshape(q, 1);
                    a.attention(q, k, v, Attention { scale: Some(1.0), ..Attention::over(m, 1) })
                }
                Some(bins) => {
                    let (rows, _) = a.shape(q);
                    let points: Vec<f32> =
                        (0..bins).map(|b| RANGE * (2.0 * b as f32 / (bins - 1) as f32 - 1.0)).collect();
                    let points = a.input(1, &points.repeat(rows));
                    let with = Attention { queries: bins, scale: Some(1.0), ..Attention::over(m, 1) };
                    let at_points = a.attention(points, k, v, with);
                    let at_points = a.reshape(at_points, bins);
                    let q = a.affine(q, 1.0 / RANGE, 0.0);
                    let q = a.tanh(q);
                    a.interpolate(q, at_points)
                }
            };
            let mixed = a.reshape(mixed, m);
            let sum = a.add(mixed, residual);
            x = a.relu(sum);
        }
        x
    }
}
