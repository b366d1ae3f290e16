//! Kernel factorisation machine, alone and with a deep half.
//!
//! Sources: Sun et al., *FM²: Field-matrixed Factorization Machines*, WWW 2021, eq. (4), for the kernel of each pair of fields; the deep half and
//! the ladder that it stands on are those of DeepFM.
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `w₀ + Σ wᵢxᵢ` | [`Lr`] | B × 1 | the first order |
//! | `φᵢⱼ` | `phi` | k × k a pair, side by side | what one field's space is to another's |
//! | `Σ_{i<j} xᵢᵀ φᵢⱼ xⱼ` | `Algebra::kernel_fm` | B × 1 | with `φ = I` it is a factorisation machine, which is where it starts |
//! | `ŷ_dnn` | [`Mlp`] | B × 1 | DeepKFM's deep half |

use super::{Forward, Lr, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{Fields, FieldsConfig, Mlp, MlpConfig, Pass};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Init, Parameters, Part};

/// Fields and layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeepKfmConfig {
    /// How fields are embedded.
    pub fields: FieldsConfig,
    /// The deep half; without one it is KFM.
    pub deep: Option<MlpConfig>,
}

impl Default for DeepKfmConfig {
    fn default() -> Self {
        Self { fields: FieldsConfig::default(), deep: Some(MlpConfig::default()) }
    }
}

/// The model.
#[derive(Clone, Debug)]
pub struct DeepKfm {
    linear: Lr,
    phi: Part,
    deep: Option<Mlp>,
}

impl DeepKfm {
    /// Over the columns of a training part.
    #[must_use]
    pub fn new(columns: &Columns, config: &DeepKfmConfig, parameters: &mut Parameters<f32>) -> Self {
        let fields = Fields::new(columns, config.fields, parameters);
        let (n, k) = (fields.count(), fields.dimension());
        let pairs = n * n.saturating_sub(1) / 2;
        let phi = parameters.add("phi", k, pairs * k, Init::Constant(0.0));
        // Kernels start at the identity: at a factorisation machine.
        for (i, row) in parameters.part_mut(phi).chunks_exact_mut((pairs * k).max(1)).enumerate() {
            row.iter_mut().skip(i).step_by(k).for_each(|one| *one = 1.0);
        }
        let input = n * k + fields.dense();
        let deep = config.deep.as_ref().map(|deep| Mlp::new("deep", input, deep, Some(1), parameters));
        Self { linear: Lr::over(fields, parameters), phi, deep }
    }
}

impl<A: Algebra> Ranker<A> for DeepKfm {
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var> {
        let fields = self.linear.fields();
        let first = self.linear.logit(a, batch);
        let e = fields.embed(a, batch);
        let phi = a.parameter(self.phi);
        let pairs = a.kernel_fm(e, fields.count(), phi);
        let mut y = a.add(first, pairs);
        if let Some(deep) = &self.deep {
            let all = fields.with_reals(a, e, batch);
            let deep = deep.forward(a, all, pass);
            y = a.add(y, deep);
        }
        Forward::of(y)
    }

    fn tables(&self) -> Vec<Part> {
        self.linear.tables()
    }
}
