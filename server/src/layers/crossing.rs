//! Cross layers, which multiply what comes in with itself once more each.
//!
//! Sources: Wang et al., *Deep & Cross Network for Ad Click Predictions*, ADKDD 2017, eq. (3); Wang et al., *DCN V2*, WWW 2021, eq. (1).

use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Init, Parameters, Part};

/// What a layer crosses with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crossing {
    /// Version 1.
    Vector,
    /// Version 2.
    #[default]
    Matrix,
}

/// Cross layers behind one another.
#[derive(Clone, Debug)]
pub struct Cross {
    crossing: Crossing,
    layers: Vec<(Part, Part)>,
}

impl Cross {
    /// Over `d` numbers a row.
    #[must_use]
    pub fn new(d: usize, depth: usize, crossing: Crossing, parameters: &mut Parameters<f32>) -> Self {
        let layer = |l: usize| {
            let w = match crossing {
                Crossing::Vector => parameters.add(&format!("cross {l} w"), 1, d, Init::Glorot),
                Crossing::Matrix => parameters.add(&format!("cross {l} W"), d, d, Init::Glorot),
            };
            (w, parameters.add(&format!("cross {l} b"), 1, d, Init::Constant(0.0)))
        };
        Self { crossing, layers: (1..=depth).map(layer).collect() }
    }

    /// `x_L`: `B × d`.
    pub fn forward<A: Algebra>(&self, a: &mut A, x0: A::Var) -> A::Var {
        let mut x = x0;
        for (w, b) in &self.layers {
            let (w, b) = (a.parameter(*w), a.parameter(*b));
            x = match self.crossing {
                Crossing::Vector => a.cross(x0, x, w, b),
                Crossing::Matrix => a.cross_matrix(x0, x, w, b),
            };
        }
        x
    }
}
