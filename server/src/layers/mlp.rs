//! Layers behind one another: what every deep ranking model ends with.

use super::bend::{Bend, Bending, Watched};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Init, Parameters, Part};

/// Whether a model learns or serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// It learns; what is left out of this step follows from the seed.
    Train {
        /// Another one each step.
        seed: u64,
    },
    /// It serves; nothing is left out.
    Serve,
}

/// Sizes of the layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MlpConfig {
    /// Units of each hidden layer, from below.
    pub hidden: Vec<usize>,
    /// Share of a hidden layer that is left out of a step.
    pub dropout: f32,
}

impl Default for MlpConfig {
    fn default() -> Self {
        Self { hidden: vec![128, 64], dropout: 0.2 }
    }
}

/// A layer: `W`, `b`, and what stands above them.
#[derive(Clone, Copy, Debug)]
struct Layer {
    w: Part,
    b: Part,
    bend: Bend,
}

/// `h_{l+1} = f(h_l W_l + b_l)`, and where asked for some columns without an activation at the end.
#[derive(Clone, Debug)]
pub struct Mlp {
    layers: Vec<Layer>,
    output: Option<(Part, Part)>,
    dropout: f32,
    name: u64,
}

impl Mlp {
    /// Above `input` numbers a row, with relu between layers; `output` columns without an activation, or none.
    #[must_use]
    pub fn new(
        name: &str,
        input: usize,
        config: &MlpConfig,
        output: Option<usize>,
        parameters: &mut Parameters<f32>,
    ) -> Self {
        Self::bending(name, input, config, Bending::Relu, output, parameters)
    }

    /// The same with another activation.
    #[must_use]
    pub fn bending(
        name: &str,
        input: usize,
        config: &MlpConfig,
        bending: Bending,
        output: Option<usize>,
        parameters: &mut Parameters<f32>,
    ) -> Self {
        let mut from = input;
        let mut layers = Vec::with_capacity(config.hidden.len());
        for (to, l) in config.hidden.iter().copied().zip(1..) {
            let w = parameters.add(&format!("{name} {l} W"), from, to, Init::He);
            let b = parameters.add(&format!("{name} {l} b"), 1, to, Init::Constant(0.0));
            layers.push(Layer { w, b, bend: Bend::new(&format!("{name} {l}"), bending, to, parameters) });
            from = to;
        }
        let output = output.map(|to| {
            let w = parameters.add(&format!("{name} out W"), from, to, Init::Glorot);
            (w, parameters.add(&format!("{name} out b"), 1, to, Init::Constant(0.0)))
        });
        let name = name.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        Self { layers, output, dropout: config.dropout, name }
    }

    /// Columns of what comes out.
    #[must_use]
    pub fn width(&self, input: usize) -> usize {
        let last = self.output.map(|(w, _)| w).or(self.layers.last().map(|layer| layer.w));
        last.map_or(input, |w| w.columns as usize)
    }

    /// `x`: `B × input`.
    ///
    /// # Panics
    /// If its activation goes by moments: see [`Mlp::watching`].
    pub fn forward<A: Algebra>(&self, a: &mut A, x: A::Var, pass: Pass) -> A::Var {
        let mut watched = Vec::new();
        let y = self.watching(a, x, pass, &mut watched);
        assert!(watched.is_empty(), "moments that nobody keeps");
        y
    }

    /// The same; `watched` is told of what serving goes by.
    pub fn watching<A: Algebra>(&self, a: &mut A, x: A::Var, pass: Pass, watched: &mut Vec<Watched<A::Var>>) -> A::Var {
        let mut h = x;
        for (layer, l) in self.layers.iter().zip(1u64..) {
            let (w, b) = (a.parameter(layer.w), a.parameter(layer.b));
            h = a.linear(h, w, Some(b));
            h = layer.bend.forward(a, h, pass, watched);
            if let (Pass::Train { seed }, true) = (pass, self.dropout > 0.0) {
                h = a.dropout(h, self.dropout, seed ^ (self.name + l).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            }
        }
        match self.output {
            Some((w, b)) => {
                let (w, b) = (a.parameter(w), a.parameter(b));
                a.linear(h, w, Some(b))
            }
            None => h,
        }
    }
}
