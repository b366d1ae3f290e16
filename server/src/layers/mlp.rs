//! Layers behind one another: what every deep ranking model ends with.

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

/// `h_{l+1} = relu(h_l W_l + b_l)`, and where asked for one number a row at the end.
#[derive(Clone, Debug)]
pub struct Mlp {
    layers: Vec<(Part, Part)>,
    output: Option<(Part, Part)>,
    dropout: f32,
    name: u64,
}

impl Mlp {
    /// Above `input` numbers a row; `output` columns without an activation, or none.
    #[must_use]
    pub fn new(
        name: &str,
        input: usize,
        config: &MlpConfig,
        output: Option<usize>,
        parameters: &mut Parameters<f32>,
    ) -> Self {
        let mut from = input;
        let mut layer = |to: usize, what: String, init| {
            let w = parameters.add(&format!("{name} {what} W"), from, to, init);
            from = to;
            (w, parameters.add(&format!("{name} {what} b"), 1, to, Init::Constant(0.0)))
        };
        let layers = config.hidden.iter().zip(1..).map(|(to, l)| layer(*to, l.to_string(), Init::He)).collect();
        let output = output.map(|to| layer(to, "out".to_owned(), Init::Glorot));
        let name = name.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        Self { layers, output, dropout: config.dropout, name }
    }

    /// Columns of what comes out.
    #[must_use]
    pub fn width(&self, input: usize) -> usize {
        self.output.or(self.layers.last().copied()).map_or(input, |(w, _)| w.columns as usize)
    }

    /// `x`: `B × input`.
    pub fn forward<A: Algebra>(&self, a: &mut A, x: A::Var, pass: Pass) -> A::Var {
        let mut h = x;
        for ((w, b), l) in self.layers.iter().zip(1u64..) {
            let (w, b) = (a.parameter(*w), a.parameter(*b));
            h = a.linear(h, w, Some(b));
            h = a.relu(h);
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
