//! Deep Interest Evolution Network.
//!
//! Source: Zhou et al., *Deep Interest Evolution Network for Click-Through Rate Prediction*, AAAI 2019, eqs. (2)–(15).
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `b_1 … b_T` | [`History::steps`] | B·T × k | behaviours |
//! | `h_t` | `Algebra::gru` | B·T × k | interest states, eqs. (2)–(5) |
//! | `L_aux` | [`Foretell`] | 1 × 1 | each state foretells the next behaviour against one drawn at random, eq. (7) |
//! | `a_t = softmax(a(h_t, e_a))` | [`Units`] | B × T | eq. (12), with DIN's network in place of `h_t W e_a`, as the authors' own code has it |
//! | `h'_T` | `Algebra::augru` | B × `state` | eqs. (14)–(15): the interest as it evolved towards the candidate |
//!
//! Kept: the extractor's states are as long as embeddings, so that `L_aux` needs no map.

use super::{Forward, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{
    Bending, Fields, FieldsConfig, Foretell, History, LayerError, Mlp, MlpConfig, Pass, Sequences, Told, Units, Weights,
};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, GruWeights, Init, Parameters, Part};

/// Fields, history and layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DienConfig {
    /// How fields are embedded.
    pub fields: FieldsConfig,
    /// Which list is the history; the first that shares a vocabulary where absent.
    pub history: Option<String>,
    /// Lists that describe its entries, and become part of each step.
    pub beside: Vec<String>,
    /// Hidden units of the attention's network.
    pub units: Vec<usize>,
    /// Numbers of the evolved interest; the extractor's states are as wide as an embedding, which they foretell.
    pub state: usize,
    /// `α` of the auxiliary loss; the paper's 1. 0 leaves it out.
    pub auxiliary: f32,
    /// The layers above.
    pub layers: MlpConfig,
    /// What stands between them.
    pub bending: Bending,
}

impl Default for DienConfig {
    fn default() -> Self {
        let (fields, layers) = (FieldsConfig::default(), MlpConfig::default());
        Self {
            fields,
            history: None,
            beside: Vec::new(),
            units: vec![36],
            state: 32,
            auxiliary: 1.0,
            layers,
            bending: Bending::Dice,
        }
    }
}

/// The model.
#[derive(Clone, Debug)]
pub struct Dien {
    fields: Fields,
    history: History,
    told: Told,
    foretell: Foretell,
    extractor: GruWeights<Part>,
    attention: Units,
    evolution: GruWeights<Part>,
    layers: Mlp,
}

impl Dien {
    /// Over the columns of a training part.
    ///
    /// # Errors
    /// [`LayerError`] for a history that there is not.
    pub fn new(columns: &Columns, config: &DienConfig, parameters: &mut Parameters<f32>) -> Result<Self, LayerError> {
        let fields = Fields::new(columns, config.fields, parameters);
        let history = History::new(columns, &fields, config.history.as_deref())?;
        let k = fields.dimension();
        let told = Told::new(columns, &config.beside, k, parameters)?;
        let extractor = gru("extractor", k + told.width(), k, parameters);
        let attention = Units::of_many("attention", (k, told.width()), &config.units, Weights::Softmax, 1, parameters);
        let evolution = gru("evolution", k, config.state, parameters);
        let layers =
            Mlp::bending("layers", fields.width() + config.state, &config.layers, config.bending, Some(1), parameters);
        let foretell = Foretell { weight: config.auxiliary, vocabulary: columns.lists[history.list()].size };
        Ok(Self { fields, history, told, foretell, extractor, attention, evolution, layers })
    }
}

/// Maps of a recurrent unit of `h` over steps of `d`.
fn gru(name: &str, d: usize, h: usize, parameters: &mut Parameters<f32>) -> GruWeights<Part> {
    GruWeights {
        input: parameters.add(&format!("{name} W"), d, 3 * h, Init::Glorot),
        state: parameters.add(&format!("{name} U"), h, 3 * h, Init::Glorot),
        bias: parameters.add(&format!("{name} b"), 1, 3 * h, Init::Constant(0.0)),
    }
}

fn read<A: Algebra>(a: &mut A, weights: GruWeights<Part>) -> GruWeights<A::Var> {
    let [input, state, bias] = [weights.input, weights.state, weights.bias].map(|part| a.parameter(part));
    GruWeights { input, state, bias }
}

impl<A: Algebra> Ranker<A> for Dien {
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var> {
        let list = &batch.lists[self.history.list()];
        let (b, e_a) = (self.history.steps(a, batch), self.history.candidate(a, batch));
        let extractor = read(a, self.extractor);
        let steps = self.told.behind(a, b, batch);
        let h = a.gru(steps, extractor, &list.mask, list.steps);
        let auxiliary = match pass {
            Pass::Train { seed } => {
                let of = Sequences { steps: list.steps, mask: &list.mask };
                self.foretell.loss(a, &self.history, (h, b), of, seed)
            }
            Pass::Serve => None,
        };
        let told = self.told.embed(a, batch, <[u32]>::to_vec);
        let attention = self.attention.weigh(a, h, e_a, told, &list.mask);
        let evolution = read(a, self.evolution);
        let evolved = a.augru(h, attention, evolution, &list.mask, list.steps);
        let interest = a.last(evolved, list.steps);
        let e = self.fields.embed(a, batch);
        let x = self.fields.with_reals(a, e, batch);
        let x = a.concat(&[x, interest]);
        let mut watched = Vec::new();
        let logit = self.layers.watching(a, x, pass, &mut watched);
        Forward { auxiliary, watched, ..Forward::of(logit) }
    }

    fn lists(&self) -> Vec<usize> {
        self.fields.lists().into_iter().chain([self.history.list()]).chain(self.told.lists()).collect()
    }

    fn tables(&self) -> Vec<Part> {
        vec![self.fields.embeddings()]
    }
}
