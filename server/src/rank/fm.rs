//! Factorisation machine.
//!
//! Source: Rendle, *Factorization Machines*, ICDM 2010, eq. (1) and lemma 3.1.
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `w₀ + Σ wᵢxᵢ` | [`Lr`] | B × 1 | the first order |
//! | `vᵢ` | fields | k | a vector for each value of each field |
//! | `Σ_{i<j} ⟨vᵢ, vⱼ⟩ xᵢxⱼ` | `Algebra::fm` | B × 1 | every pair of fields, in O(nk) |
//!
//! Left out: regularisation by group, and alternating least squares; it is trained as all others here.

use super::{Forward, Lr, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{Fields, FieldsConfig, Pass};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Parameters, Part};

/// Its fields.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FmConfig {
    /// How they are embedded.
    pub fields: FieldsConfig,
}

/// The model.
#[derive(Clone, Debug)]
pub struct Fm {
    linear: Lr,
}

impl Fm {
    /// Over the columns of a training part.
    #[must_use]
    pub fn new(columns: &Columns, config: FmConfig, parameters: &mut Parameters<f32>) -> Self {
        let fields = Fields::new(columns, config.fields, parameters);
        Self { linear: Lr::over(fields, parameters) }
    }
}

impl<A: Algebra> Ranker<A> for Fm {
    fn forward(&self, a: &mut A, batch: &Batch, _: Pass) -> Forward<A::Var> {
        let fields = self.linear.fields();
        let first = self.linear.logit(a, batch);
        let e = fields.embed(a, batch);
        let pairs = a.fm(e, fields.count());
        Forward::of(a.add(first, pairs))
    }

    fn lists(&self) -> Vec<usize> {
        self.linear.fields().lists()
    }

    fn tables(&self) -> Vec<Part> {
        self.linear.tables()
    }
}
