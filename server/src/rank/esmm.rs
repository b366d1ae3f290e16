//! Entire Space Multi-Task Model.
//!
//! Source: Ma et al., *Entire Space Multi-Task Model: An Effective Approach for Estimating Post-Click Conversion Rate*, SIGIR 2018, eqs. (1)–(3).
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `pCTR` | `click` | B × 1 | the first task |
//! | `pCVR` | `after` | B × 1 | what follows once clicked; never trained on clicked rows alone |
//! | `pCTCVR = pCTR·pCVR` | [`Answer::Joint`] | B × 1 | the second task, over all impressions |
//!
//! Kept: both towers read one table of embeddings, which is what they share.

use super::{Answer, Forward, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{Fields, FieldsConfig, Mlp, MlpConfig, Pass};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Parameters, Part};

/// Fields and layers.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EsmmConfig {
    /// How fields are embedded.
    pub fields: FieldsConfig,
    /// Each tower's layers.
    pub tower: MlpConfig,
}

/// The model, of two tasks: that something happens, and that another thing follows.
#[derive(Clone, Debug)]
pub struct Esmm {
    fields: Fields,
    click: Mlp,
    after: Mlp,
}

impl Esmm {
    /// Over the columns of a training part.
    #[must_use]
    pub fn new(columns: &Columns, config: &EsmmConfig, parameters: &mut Parameters<f32>) -> Self {
        let fields = Fields::new(columns, config.fields, parameters);
        let mut tower = |name| Mlp::new(name, fields.width(), &config.tower, Some(1), parameters);
        let (click, after) = (tower("click"), tower("after"));
        Self { fields, click, after }
    }
}

impl<A: Algebra> Ranker<A> for Esmm {
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var> {
        let e = self.fields.embed(a, batch);
        let x = self.fields.with_reals(a, e, batch);
        let (click, after) = (self.click.forward(a, x, pass), self.after.forward(a, x, pass));
        Forward::answering(vec![Answer::Logit(click), Answer::Joint(click, after)])
    }

    fn lists(&self) -> Vec<usize> {
        self.fields.lists()
    }

    fn tables(&self) -> Vec<Part> {
        vec![self.fields.embeddings()]
    }
}
