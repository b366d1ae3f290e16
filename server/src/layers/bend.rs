//! What stands between two layers, where it learns something itself.

use super::Pass;
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Init, Moments, Parameters, Part};

/// Which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bending {
    /// `max(h, 0)`.
    #[default]
    Relu,
    /// `σ(h)`.
    Sigmoid,
    /// A slope below zero for each unit (He et al., ICCV 2015).
    Prelu,
    /// The same with its corner where the data are (Zhou et al., KDD 2018, eq. 8).
    Dice,
}

/// A matrix whose moments over the rows of training's batches serving goes by.
#[derive(Clone, Copy, Debug)]
pub struct Watched<V> {
    /// The matrix, `B × d`.
    pub of: V,
    /// Where running mean and variance are kept: `2 × d`, not learned.
    pub moments: Part,
}

/// One of them over `d` units.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bend {
    Relu,
    Sigmoid,
    Prelu(Part),
    Dice { slope: Part, moments: Part },
}

impl Bend {
    pub(super) fn new(name: &str, which: Bending, units: usize, parameters: &mut Parameters<f32>) -> Self {
        let slopes = |parameters: &mut Parameters<f32>, start| {
            parameters.add(&format!("{name} slope"), 1, units, Init::Constant(start))
        };
        match which {
            Bending::Relu => Self::Relu,
            Bending::Sigmoid => Self::Sigmoid,
            Bending::Prelu => Self::Prelu(slopes(parameters, 0.25)),
            Bending::Dice => {
                let slope = slopes(parameters, 0.0);
                let moments = parameters.add(&format!("{name} moments"), 2, units, Init::Constant(0.0));
                // Mean 0 and variance 1, until batches say otherwise.
                parameters.part_mut(moments)[units..].fill(1.0);
                Self::Dice { slope, moments }
            }
        }
    }

    pub(super) fn forward<A: Algebra>(
        self,
        a: &mut A,
        h: A::Var,
        pass: Pass,
        watched: &mut Vec<Watched<A::Var>>,
    ) -> A::Var {
        match self {
            Self::Relu => a.relu(h),
            Self::Sigmoid => a.sigmoid(h),
            Self::Prelu(slope) => {
                let slope = a.parameter(slope);
                a.prelu(h, slope)
            }
            Self::Dice { slope, moments } => {
                let slope = a.parameter(slope);
                if let Pass::Train { .. } = pass {
                    watched.push(Watched { of: h, moments });
                    return a.dice(h, slope, None);
                }
                let kept = a.parameter(moments);
                let kept = a.values(kept);
                let (mean, variance) = kept.split_at(kept.len() / 2);
                a.dice(h, slope, Some(Moments { mean, variance }))
            }
        }
    }
}
