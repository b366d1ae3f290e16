//! A block of a transformer: steps attend to steps, then each goes through two layers.
//!
//! Sources: Vaswani et al., *Attention Is All You Need*, NIPS 2017, §3.1–3.3; Xiong et al., *On Layer Normalization in the Transformer
//! Architecture*, ICML 2020, for norms before attention and layers. Embeddings begin near zero: a norm after the sum would make what nobody has
//! learned yet as loud as what everybody knows, and so would maps that did not begin near zero themselves.

use super::Pass;
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Attention, Init, Parameters, Part};

/// Deviation of the maps whose outcome is added to the steps, before the first step.
const NEAR: f32 = 0.01;

/// Its sizes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransformerConfig {
    /// Blocks behind one another.
    pub blocks: usize,
    /// Heads of a block; they divide the steps' numbers.
    pub heads: usize,
    /// Units of the two layers' inner one, in multiples of a step's numbers.
    pub inner: usize,
    /// Share left out after attention and after the layers.
    pub dropout: f32,
}

impl Default for TransformerConfig {
    fn default() -> Self {
        Self { blocks: 1, heads: 2, inner: 2, dropout: 0.1 }
    }
}

/// A linear map and its bias, or a norm's gain and bias.
type Pair = (Part, Part);

#[derive(Clone, Debug)]
struct Block {
    query: Part,
    key: Part,
    value: Part,
    out: Part,
    before_attention: Pair,
    before_layers: Pair,
    inner: Pair,
    outer: Pair,
    name: u64,
}

/// Blocks behind one another.
#[derive(Clone, Debug)]
pub struct Transformer {
    config: TransformerConfig,
    /// Whether a step sees only those before it, and itself.
    causal: bool,
    blocks: Vec<Block>,
}

impl Transformer {
    /// Over steps of `k` numbers, each of which sees all.
    #[must_use]
    pub fn new(name: &str, k: usize, config: TransformerConfig, parameters: &mut Parameters<f32>) -> Self {
        let wide = config.inner * k;
        let of_name = name.bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let block = |b: usize| {
            let mut add =
                |what: &str, rows, columns, init| parameters.add(&format!("{name} {b} {what}"), rows, columns, init);
            let mut norm = |at: &str| {
                let gain = add(&format!("gain before {at}"), 1, k, Init::Constant(1.0));
                (gain, add(&format!("bias before {at}"), 1, k, Init::Constant(0.0)))
            };
            let (before_attention, before_layers) = (norm("attention"), norm("layers"));
            Block {
                query: add("query", k, k, Init::Glorot),
                key: add("key", k, k, Init::Glorot),
                value: add("value", k, k, Init::Glorot),
                out: add("out", k, k, Init::Normal(NEAR)),
                before_attention,
                before_layers,
                inner: (add("inner W", k, wide, Init::Glorot), add("inner b", 1, wide, Init::Constant(0.0))),
                outer: (add("outer W", wide, k, Init::Normal(NEAR)), add("outer b", 1, k, Init::Constant(0.0))),
                name: of_name.wrapping_add(2 * b as u64),
            }
        };
        Self { config, causal: false, blocks: (1..=config.blocks).map(block).collect() }
    }

    /// The same, where a step sees only those before it, and itself.
    #[must_use]
    pub fn causal(self) -> Self {
        Self { causal: true, ..self }
    }

    /// `x: B·T × k` to the same; steps of mask 0 (`B·T`) are seen by none.
    pub fn forward<A: Algebra>(&self, a: &mut A, x: A::Var, mask: &[f32], steps: usize, pass: Pass) -> A::Var {
        let mut x = x;
        for block in &self.blocks {
            let seen = norm(a, x, block.before_attention);
            let [q, k, v] = [block.query, block.key, block.value].map(|map| {
                let map = a.parameter(map);
                a.linear(seen, map, None)
            });
            let with = Attention { mask: Some(mask), causal: self.causal, ..Attention::over(steps, self.config.heads) };
            let mixed = a.attention(q, k, v, with);
            let out = a.parameter(block.out);
            let mixed = a.linear(mixed, out, None);
            x = self.join(a, x, mixed, block.name, pass);
            let h = norm(a, x, block.before_layers);
            let h = layer(a, h, block.inner);
            let h = a.relu(h);
            let h = layer(a, h, block.outer);
            x = self.join(a, x, h, block.name + 1, pass);
        }
        x
    }

    /// `x + dropout(y)`.
    fn join<A: Algebra>(&self, a: &mut A, x: A::Var, y: A::Var, name: u64, pass: Pass) -> A::Var {
        let y = match pass {
            Pass::Train { seed } if self.config.dropout > 0.0 => {
                a.dropout(y, self.config.dropout, seed ^ name.wrapping_mul(0x9E37_79B9_7F4A_7C15))
            }
            _ => y,
        };
        a.add(x, y)
    }
}

fn norm<A: Algebra>(a: &mut A, x: A::Var, (gain, bias): Pair) -> A::Var {
    let (gain, bias) = (a.parameter(gain), a.parameter(bias));
    a.layer_norm(x, gain, bias)
}

fn layer<A: Algebra>(a: &mut A, x: A::Var, (w, b): Pair) -> A::Var {
    let (w, b) = (a.parameter(w), a.parameter(b));
    a.linear(x, w, Some(b))
}
