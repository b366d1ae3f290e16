//! A recurrent unit over the history, whose last state stands beside the fields.
//!
//! Sources: Hidasi et al., *Session-based Recommendations with Recurrent Neural Networks*, ICLR 2016 (GRU); Gers, Schmidhuber & Cummins,
//! *Learning to Forget*, Neural Computation 12(10), 2000 (LSTM).
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `x_t` | [`History::steps`] | B·T × k | what was met |
//! | `h_T` | `Algebra::gru`, `Algebra::lstm` | B × h | what is remembered of it |
//!
//! Left out: GRU4Rec's softmax over all items and its session-parallel batches: this is a ranker of given candidates.

use super::{Forward, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{Fields, FieldsConfig, History, LayerError, Mlp, MlpConfig, Pass, Told};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, GruWeights, Init, LstmWeights, Parameters, Part};

/// Which unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Two gates, no cell.
    #[default]
    Gru,
    /// Three gates and a cell.
    Lstm,
}

/// Fields, history and layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecurrentConfig {
    /// How fields are embedded.
    pub fields: FieldsConfig,
    /// Which list is the history; the first that shares a vocabulary where absent.
    pub history: Option<String>,
    /// Lists that describe its entries, and become part of each step.
    pub beside: Vec<String>,
    /// Which unit.
    pub cell: Cell,
    /// `h`.
    pub state: usize,
    /// The layers above.
    pub layers: MlpConfig,
}

impl Default for RecurrentConfig {
    fn default() -> Self {
        let (fields, layers) = (FieldsConfig::default(), MlpConfig::default());
        Self { fields, history: None, beside: Vec::new(), cell: Cell::default(), state: 32, layers }
    }
}

/// The model.
#[derive(Clone, Debug)]
pub struct Recurrent {
    fields: Fields,
    history: History,
    told: Told,
    cell: Cell,
    maps: [Part; 3],
    layers: Mlp,
}

impl Recurrent {
    /// Over the columns of a training part.
    ///
    /// # Errors
    /// [`LayerError`] for a history that there is not.
    pub fn new(
        columns: &Columns,
        config: &RecurrentConfig,
        parameters: &mut Parameters<f32>,
    ) -> Result<Self, LayerError> {
        let fields = Fields::new(columns, config.fields, parameters);
        let history = History::new(columns, &fields, config.history.as_deref())?;
        let (k, h) = (fields.dimension(), config.state);
        let told = Told::new(columns, &config.beside, k, parameters)?;
        let gates = match config.cell {
            Cell::Gru => 3,
            Cell::Lstm => 4,
        };
        let maps = [
            parameters.add("recurrent W", k + told.width(), gates * h, Init::Glorot),
            parameters.add("recurrent U", h, gates * h, Init::Glorot),
            parameters.add("recurrent b", 1, gates * h, Init::Constant(0.0)),
        ];
        if config.cell == Cell::Lstm {
            // A memory that begins by keeping what it has (Gers et al., §4).
            parameters.part_mut(maps[2])[h..2 * h].fill(1.0);
        }
        let layers = Mlp::new("layers", fields.width() + h, &config.layers, Some(1), parameters);
        Ok(Self { fields, history, told, cell: config.cell, maps, layers })
    }
}

impl<A: Algebra> Ranker<A> for Recurrent {
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var> {
        let list = &batch.lists[self.history.list()];
        let steps = self.history.steps(a, batch);
        let x = self.told.behind(a, steps, batch);
        let [input, state, bias] = self.maps.map(|part| a.parameter(part));
        let h = match self.cell {
            Cell::Gru => a.gru(x, GruWeights { input, state, bias }, &list.mask, list.steps),
            Cell::Lstm => a.lstm(x, LstmWeights { input, state, bias }, &list.mask, list.steps),
        };
        let remembered = a.last(h, list.steps);
        let e = self.fields.embed(a, batch);
        let all = self.fields.with_reals(a, e, batch);
        let all = a.concat(&[all, remembered]);
        Forward::of(self.layers.forward(a, all, pass))
    }

    fn lists(&self) -> Vec<usize> {
        self.fields.lists().into_iter().chain([self.history.list()]).chain(self.told.lists()).collect()
    }

    fn tables(&self) -> Vec<Part> {
        vec![self.fields.embeddings()]
    }
}
