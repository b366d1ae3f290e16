//! Customized Gate Control, and Progressive Layered Extraction, which is several of it.
//!
//! Source: Tang et al., *Progressive Layered Extraction (PLE): A Novel Multi-Task Learning Model for Personalized Recommendations*, RecSys 2020,
//! eqs. (1)–(7).
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `E_(k,1) … E_(k,m_k)` | `own` | B × h each | a task's own experts |
//! | `E_(s,1) … E_(s,m_s)` | `shared` | B × h each | everybody's |
//! | `g^{k,j} = w^{k,j}(…)·S^{k,j}` | `gate` | B × h | a task mixes its own and the shared experts, eq. (5) |
//! | `g^{s,j}` | `shared_gate` | B × h | the next level's shared input mixes all experts; the last level has none |
//! | `y^k = t^k(g^{k,N})` | `towers` | B × 1 | |
//!
//! One level is CGC.

use super::{Answer, Forward, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{Fields, FieldsConfig, LayerError, Mlp, MlpConfig, Pass};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Init, Parameters, Part};

/// Fields, levels and towers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CgcConfig {
    /// How fields are embedded.
    pub fields: FieldsConfig,
    /// How many tasks.
    pub tasks: usize,
    /// `N`; one is CGC, the paper's PLE has two.
    pub levels: usize,
    /// `m_k`.
    pub own: usize,
    /// `m_s`.
    pub shared: usize,
    /// Each expert's layers.
    pub expert: MlpConfig,
    /// Each task's layers.
    pub tower: MlpConfig,
}

impl Default for CgcConfig {
    fn default() -> Self {
        let layers = |units| MlpConfig { hidden: vec![units], ..MlpConfig::default() };
        let (expert, tower) = (layers(128), layers(64));
        Self { fields: FieldsConfig::default(), tasks: 2, levels: 1, own: 1, shared: 1, expert, tower }
    }
}

#[derive(Clone, Debug)]
struct Level {
    /// By task.
    own: Vec<Vec<Mlp>>,
    shared: Vec<Mlp>,
    /// By task, over its own experts, then the shared ones.
    gates: Vec<Part>,
    /// Over all tasks' experts, then the shared ones.
    shared_gate: Option<Part>,
}

/// The model.
#[derive(Clone, Debug)]
pub struct Cgc {
    fields: Fields,
    levels: Vec<Level>,
    towers: Vec<Mlp>,
}

impl Cgc {
    /// Over the columns of a training part.
    ///
    /// # Errors
    /// [`LayerError::Setting`] without a level, a task's expert, a shared one, or a layer in them.
    pub fn new(columns: &Columns, config: &CgcConfig, parameters: &mut Parameters<f32>) -> Result<Self, LayerError> {
        let fields = Fields::new(columns, config.fields, parameters);
        let needed = [
            ("model.levels", config.levels),
            ("model.own", config.own),
            ("model.shared", config.shared),
            ("model.expert.hidden", config.expert.hidden.len()),
        ];
        if let Some((setting, got)) = needed.into_iter().find(|(_, got)| *got == 0) {
            return Err(LayerError::Setting { setting, expected: "at least 1", got });
        }
        let mut input = fields.width();
        let mut levels = Vec::with_capacity(config.levels);
        for l in 1..=config.levels {
            let mut experts = |whose: &str, n: usize| -> Vec<Mlp> {
                let expert = |i| Mlp::new(&format!("level {l} {whose} {i}"), input, &config.expert, None, parameters);
                (1..=n).map(expert).collect()
            };
            let own: Vec<Vec<Mlp>> = (1..=config.tasks).map(|k| experts(&format!("task {k}"), config.own)).collect();
            let shared = experts("shared", config.shared);
            let mut gate = |whose: &str, n| parameters.add(&format!("level {l} gate {whose}"), input, n, Init::Glorot);
            let gates = (1..=config.tasks).map(|k| gate(&k.to_string(), config.own + config.shared)).collect();
            let all = config.tasks * config.own + config.shared;
            let shared_gate = (l < config.levels).then(|| gate("shared", all));
            input = shared[0].width(input);
            levels.push(Level { own, shared, gates, shared_gate });
        }
        let towers = (1..=config.tasks)
            .map(|k| Mlp::new(&format!("tower {k}"), input, &config.tower, Some(1), parameters))
            .collect();
        Ok(Self { fields, levels, towers })
    }
}

impl<A: Algebra> Ranker<A> for Cgc {
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var> {
        let e = self.fields.embed(a, batch);
        let x = self.fields.with_reals(a, e, batch);
        let (mut of_task, mut of_all) = (vec![x; self.towers.len()], x);
        for level in &self.levels {
            let mut run = |experts: &[Mlp], x| -> Vec<A::Var> {
                experts.iter().map(|expert| expert.forward(a, x, pass)).collect()
            };
            let own: Vec<Vec<A::Var>> = level.own.iter().zip(&of_task).map(|(own, x)| run(own, *x)).collect();
            let shared = run(&level.shared, of_all);
            for ((x, own), gate) in of_task.iter_mut().zip(&own).zip(&level.gates) {
                let experts: Vec<A::Var> = own.iter().chain(&shared).copied().collect();
                *x = mix(a, *x, *gate, &experts);
            }
            if let Some(gate) = level.shared_gate {
                let experts: Vec<A::Var> = own.iter().flatten().chain(&shared).copied().collect();
                of_all = mix(a, of_all, gate, &experts);
            }
        }
        let towers = self.towers.iter().zip(of_task);
        Forward::answering(towers.map(|(tower, x)| Answer::Logit(tower.forward(a, x, pass))).collect())
    }

    fn lists(&self) -> Vec<usize> {
        self.fields.lists()
    }

    fn tables(&self) -> Vec<Part> {
        vec![self.fields.embeddings()]
    }
}

fn mix<A: Algebra>(a: &mut A, x: A::Var, gate: Part, experts: &[A::Var]) -> A::Var {
    let w = a.parameter(gate);
    let gate = a.linear(x, w, None);
    a.mixture(gate, experts)
}
