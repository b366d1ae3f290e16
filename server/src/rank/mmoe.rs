//! Multi-gate Mixture-of-Experts, and the shared bottom that it is measured against.
//!
//! Source: Ma et al., *Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts*, KDD 2018, eqs. (1), (5), (6).
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `f_i(x)` | `experts` | B × h each | `n` of them, shared by all tasks |
//! | `g^k(x) = softmax(W_gk x)` | `gates` | B × n | a gate for each task |
//! | `f^k(x) = Σ g^k(x)_i f_i(x)` | `Algebra::mixture` | B × h | |
//! | `y_k = h^k(f^k(x))` | `towers` | B × 1 | |
//! | shared bottom | `experts = 1` | | no gates: `y_k = h^k(f(x))`, eq. (1) |

use super::{Answer, Forward, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{Fields, FieldsConfig, LayerError, Mlp, MlpConfig, Pass};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Init, Parameters, Part};

/// Fields, experts and towers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MmoeConfig {
    /// How fields are embedded.
    pub fields: FieldsConfig,
    /// How many tasks.
    pub tasks: usize,
    /// `n`; one is a shared bottom.
    pub experts: usize,
    /// Each expert's layers.
    pub expert: MlpConfig,
    /// Each task's layers.
    pub tower: MlpConfig,
}

impl Default for MmoeConfig {
    fn default() -> Self {
        let layers = |units| MlpConfig { hidden: vec![units], ..MlpConfig::default() };
        Self { fields: FieldsConfig::default(), tasks: 2, experts: 3, expert: layers(128), tower: layers(64) }
    }
}

/// The model.
#[derive(Clone, Debug)]
pub struct Mmoe {
    fields: Fields,
    experts: Vec<Mlp>,
    gates: Vec<Part>,
    towers: Vec<Mlp>,
}

impl Mmoe {
    /// Over the columns of a training part.
    ///
    /// # Errors
    /// [`LayerError::Setting`] without an expert, or with experts of no layer.
    pub fn new(columns: &Columns, config: &MmoeConfig, parameters: &mut Parameters<f32>) -> Result<Self, LayerError> {
        let fields = Fields::new(columns, config.fields, parameters);
        for (setting, got) in [("model.experts", config.experts), ("model.expert.hidden", config.expert.hidden.len())] {
            if got == 0 {
                return Err(LayerError::Setting { setting, expected: "at least 1", got });
            }
        }
        let (input, n) = (fields.width(), config.experts);
        let experts: Vec<Mlp> =
            (1..=n).map(|i| Mlp::new(&format!("expert {i}"), input, &config.expert, None, parameters)).collect();
        let width = experts[0].width(input);
        let gated = if n > 1 { config.tasks } else { 0 };
        let gates = (1..=gated).map(|k| parameters.add(&format!("gate {k}"), input, n, Init::Glorot)).collect();
        let towers = (1..=config.tasks)
            .map(|k| Mlp::new(&format!("tower {k}"), width, &config.tower, Some(1), parameters))
            .collect();
        Ok(Self { fields, experts, gates, towers })
    }
}

impl<A: Algebra> Ranker<A> for Mmoe {
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var> {
        let e = self.fields.embed(a, batch);
        let x = self.fields.with_reals(a, e, batch);
        let experts: Vec<A::Var> = self.experts.iter().map(|expert| expert.forward(a, x, pass)).collect();
        let mut answers = Vec::with_capacity(self.towers.len());
        for (k, tower) in self.towers.iter().enumerate() {
            let mixed = match self.gates.get(k) {
                Some(gate) => {
                    let w = a.parameter(*gate);
                    let gate = a.linear(x, w, None);
                    a.mixture(gate, &experts)
                }
                None => experts[0],
            };
            answers.push(Answer::Logit(tower.forward(a, mixed, pass)));
        }
        Forward::answering(answers)
    }

    fn lists(&self) -> Vec<usize> {
        self.fields.lists()
    }

    fn tables(&self) -> Vec<Part> {
        vec![self.fields.embeddings()]
    }
}
