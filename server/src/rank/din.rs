//! Deep Interest Network, and what it is measured against: the same network over a mean of the history, and over none.
//!
//! Sources: Zhou et al., *Deep Interest Network for Click-Through Rate Prediction*, KDD 2018, §4; for histories of a thousand and more Pi et al.,
//! *Search-based User Interest Modeling*, CIKM 2020, §3 (soft search).
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `e_1 … e_H` | [`History::steps`] | B·H × k | what the user met |
//! | | [`Told`] | B·H × c·k | what came of it, how long ago: read by the attention, and part of what is summed |
//! | `v_A` | [`History::candidate`] | B × k | the candidate |
//! | `v_U(A) = Σ a(e_j, v_A)·e_j` | [`Units`] | B × k | eq. (3), weights not normalised |
//! | Dice | [`Bending::Dice`] | | §5.1, between the layers |
//! | `top-K(e_j · v_A)` | `Algebra::nearest` | B·K | SIM's general search unit: which steps are attended to |
//!
//! Kept: one embedding table for history and candidate. Left out: mini-batch aware regularisation, which is the trainer's `shrink`; SIM's first
//! stage is not trained by a loss of its own, it searches in the very embeddings that the second stage learns.

use super::{Forward, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{Bending, Fields, FieldsConfig, History, LayerError, Mlp, MlpConfig, Pass, Told, Units, Weights};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Parameters, Part};

/// What becomes of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// Nothing: the ablation.
    None,
    /// Its mean: the base model of the paper's table.
    Mean,
    /// Attention to the candidate.
    #[default]
    Attention,
}

/// Fields, history and layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DinConfig {
    /// How fields are embedded.
    pub fields: FieldsConfig,
    /// Which list is the history; the first that shares a vocabulary where absent.
    pub history: Option<String>,
    /// Lists that describe its entries, and become part of each step.
    pub beside: Vec<String>,
    /// What becomes of it.
    pub reading: Reading,
    /// Of a longer history the steps nearest to the candidate alone are attended to, so many.
    pub nearest: Option<usize>,
    /// Hidden units of the attention's network; the paper has 36.
    pub units: Vec<usize>,
    /// How the attention's weights count.
    pub weights: Weights,
    /// The layers above.
    pub layers: MlpConfig,
    /// What stands between them.
    pub bending: Bending,
}

impl Default for DinConfig {
    fn default() -> Self {
        Self {
            fields: FieldsConfig::default(),
            history: None,
            beside: Vec::new(),
            reading: Reading::default(),
            nearest: None,
            units: vec![36],
            weights: Weights::default(),
            layers: MlpConfig::default(),
            bending: Bending::Dice,
        }
    }
}

/// The model.
#[derive(Clone, Debug)]
pub struct Din {
    fields: Fields,
    history: History,
    told: Told,
    reading: Reading,
    nearest: Option<usize>,
    units: Units,
    layers: Mlp,
}

impl Din {
    /// Over the columns of a training part.
    ///
    /// # Errors
    /// [`LayerError`] for a history that there is not.
    pub fn new(columns: &Columns, config: &DinConfig, parameters: &mut Parameters<f32>) -> Result<Self, LayerError> {
        let fields = Fields::new(columns, config.fields, parameters);
        let history = History::new(columns, &fields, config.history.as_deref())?;
        if config.nearest == Some(0) {
            let (setting, expected) = ("model.nearest", "at least 1, or absent");
            return Err(LayerError::Setting { setting, expected, got: 0 });
        }
        let k = fields.dimension();
        let told = Told::new(columns, &config.beside, k, parameters)?;
        let units = Units::of_many("attention", (k, told.width()), &config.units, config.weights, 1, parameters);
        let input = fields.width() + if config.reading == Reading::None { 0 } else { k + told.width() };
        let layers = Mlp::bending("layers", input, &config.layers, config.bending, Some(1), parameters);
        Ok(Self { fields, history, told, reading: config.reading, nearest: config.nearest, units, layers })
    }

    /// `v_U(A)`.
    fn interest<A: Algebra>(&self, a: &mut A, batch: &Batch) -> A::Var {
        let list = &batch.lists[self.history.list()];
        if self.reading == Reading::Mean {
            let steps = self.history.steps(a, batch);
            let whole = self.told.behind(a, steps, batch);
            return a.mean_pool(whole, &list.mask, list.steps);
        }
        let candidate = self.history.candidate(a, batch);
        match self.nearest {
            Some(keep) if keep < list.steps => {
                let (table, rows) = (a.parameter(self.history.table()), self.history.rows(&list.ids));
                let found = a.nearest(table, &rows, &list.mask, candidate, keep);
                let of = |ids: &[u32]| -> Vec<u32> {
                    let own = |(slot, place): (usize, &u32)| ids[slot / keep * list.steps + *place as usize];
                    found.places.iter().enumerate().map(own).collect()
                };
                let steps = self.history.embed(a, &of(&list.ids));
                let told = self.told.embed(a, batch, of);
                self.units.attend(a, steps, candidate, told, &found.mask)
            }
            _ => {
                let steps = self.history.steps(a, batch);
                let told = self.told.embed(a, batch, <[u32]>::to_vec);
                self.units.attend(a, steps, candidate, told, &list.mask)
            }
        }
    }
}

impl<A: Algebra> Ranker<A> for Din {
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var> {
        let e = self.fields.embed(a, batch);
        let mut x = self.fields.with_reals(a, e, batch);
        if self.reading != Reading::None {
            let interest = self.interest(a, batch);
            x = a.concat(&[x, interest]);
        }
        let mut watched = Vec::new();
        let logit = self.layers.watching(a, x, pass, &mut watched);
        Forward { watched, ..Forward::of(logit) }
    }

    fn lists(&self) -> Vec<usize> {
        let own = std::iter::once(self.history.list()).chain(self.told.lists());
        let read = own.filter(|_| self.reading != Reading::None);
        self.fields.lists().into_iter().chain(read).collect()
    }

    fn tables(&self) -> Vec<Part> {
        vec![self.fields.embeddings()]
    }
}
