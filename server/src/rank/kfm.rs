//! Kernel factorisation machine, alone, with a deep half, and with what may stand on that: cross layers, fields that attend to fields, units
//! that attend to units. With all of them it is DeepBitInt.
//!
//! Sources: rows K6–K9; Sun et al., *FM²: Field-matrixed Factorization Machines*, WWW 2021, eq. (4), for the kernel of each pair of fields; for
//! what stands on it [`Cross`], [`Interacting`], [`Bits`]. The deep half and the ladder that it stands on are those of DeepFM.
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `w₀ + Σ wᵢxᵢ` | [`Lr`] | B × 1 | the first order |
//! | `φᵢⱼ` | `phi` | k × k a pair, side by side | what one field's space is to another's |
//! | `Σ_{i<j} xᵢᵀ φᵢⱼ xⱼ` | `Algebra::kernel_fm` | B × 1 | with `φ = I` it is a factorisation machine, which is where it starts |
//! | `ŷ_dnn` | `logit` over all that stands on the fields | B × 1 | DeepKFM's deep half, with the other layers' outputs beside it |
//!
//! Four forms are one number, which `kfm_tests` holds: (1) over all pairs of features of different fields; (2) over pairs of fields, each the sum of
//! its features first; (3) `½·Tᵀ(Φ + Φᵀ)T` with all fields side by side in `T` and blocks of `φ` above the diagonal of `Φ`; (4) `⟨T, U T⟩` with
//! those blocks alone, row block by row block. The last is what `Algebra::kernel_fm` does: `O(n)` for the sums over `n` features, then a product
//! in the size of `T`, however many features there are.

use super::{Forward, Lr, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{
    Bits, BitsConfig, Cross, Crossing, Fields, FieldsConfig, Interacting, InteractingConfig, LayerError, Mlp,
    MlpConfig, Pass,
};
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
    /// So many cross layers.
    pub cross: usize,
    /// Fields that attend to fields.
    pub interacting: Option<InteractingConfig>,
    /// Units that attend to units.
    pub bits: Option<BitsConfig>,
}

impl Default for DeepKfmConfig {
    fn default() -> Self {
        let (fields, deep) = (FieldsConfig::default(), Some(MlpConfig::default()));
        Self { fields, deep, cross: 0, interacting: None, bits: None }
    }
}

/// The model.
#[derive(Clone, Debug)]
pub struct DeepKfm {
    linear: Lr,
    phi: Part,
    deep: Option<Mlp>,
    cross: Option<Cross>,
    interacting: Option<Interacting>,
    bits: Option<Bits>,
    logit: Option<Part>,
}

impl DeepKfm {
    /// Over the columns of a training part.
    ///
    /// # Errors
    /// [`LayerError::Setting`]: fewer than two bins.
    pub fn new(
        columns: &Columns,
        config: &DeepKfmConfig,
        parameters: &mut Parameters<f32>,
    ) -> Result<Self, LayerError> {
        let fields = Fields::new(columns, config.fields, parameters);
        if let Some(got @ 0..2) = config.bits.and_then(|bits| bits.bins) {
            return Err(LayerError::Setting { setting: "model.bits.bins", expected: "at least 2, or absent", got });
        }
        let (n, k) = (fields.count(), fields.dimension());
        let pairs = n * n.saturating_sub(1) / 2;
        let phi = parameters.add("phi", k, pairs * k, Init::Constant(0.0));
        // Kernels start at the identity: at a factorisation machine.
        for (i, row) in parameters.part_mut(phi).chunks_exact_mut((pairs * k).max(1)).enumerate() {
            row.iter_mut().skip(i).step_by(k).for_each(|one| *one = 1.0);
        }
        let input = fields.width();
        let mut width = 0;
        let deep = config.deep.as_ref().map(|deep| Mlp::new("deep", input, deep, None, parameters));
        width += deep.as_ref().map_or(0, |deep| deep.width(input));
        let cross = (config.cross > 0).then(|| Cross::new(input, config.cross, Crossing::Vector, parameters));
        width += cross.as_ref().map_or(0, |_| input);
        let interacting = config.interacting.map(|config| Interacting::new(k, config, parameters));
        width += interacting.as_ref().map_or(0, |layers| n * layers.width());
        let bits = config.bits.map(|config| Bits::new(n * k, config, parameters));
        width += bits.as_ref().map_or(0, Bits::width);
        let logit = (width > 0).then(|| parameters.add("logit w", width, 1, Init::Glorot));
        Ok(Self { linear: Lr::over(fields, parameters), phi, deep, cross, interacting, bits, logit })
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
        let Some(logit) = self.logit else { return Forward::of(y) };
        let all = fields.with_reals(a, e, batch);
        let mut above = Vec::with_capacity(4);
        above.extend(self.deep.as_ref().map(|deep| deep.forward(a, all, pass)));
        above.extend(self.cross.as_ref().map(|cross| cross.forward(a, all)));
        above.extend(self.interacting.as_ref().map(|layers| layers.forward(a, e, fields.count())));
        above.extend(self.bits.as_ref().map(|bits| bits.forward(a, e)));
        let above = a.concat(&above);
        let w = a.parameter(logit);
        let above = a.linear(above, w, None);
        y = a.add(y, above);
        Forward::of(y)
    }

    fn lists(&self) -> Vec<usize> {
        self.linear.fields().lists()
    }

    fn tables(&self) -> Vec<Part> {
        self.linear.tables()
    }
}
