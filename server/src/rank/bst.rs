//! Behaviour Sequence Transformer.
//!
//! Source: Chen et al., *Behavior Sequence Transformer for E-commerce Recommendation in Alibaba*, DLP-KDD 2019, §2.
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `S(u) = {v_1 … v_n}` | the newest `length` steps of [`History`], then the candidate | B·(n+1) × k | one sequence |
//! | `pos(v_i)` | `positions` | n+1 × k | how many places before the candidate; the paper has buckets of time |
//! | `S, F` | [`Transformer`] | B·(n+1) × k | eqs. (1)–(7) |
//! | `[e │ F_1 … F_{n+1}]` | `layers` | B × 1 | §2.3 |
//!
//! Left out: LeakyReLU in the top layers, which is relu here.

use super::{Forward, Ranker};
use crate::batches::{Batch, Columns, ListBatch};
use crate::layers::{
    Fields, FieldsConfig, History, LayerError, Mlp, MlpConfig, Pass, Told, Transformer, TransformerConfig,
};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Init, Parameters, Part};

/// Fields, history and layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BstConfig {
    /// How fields are embedded.
    pub fields: FieldsConfig,
    /// Which list is the history; the first that shares a vocabulary where absent.
    pub history: Option<String>,
    /// Lists that describe its entries, and are added to each step.
    pub beside: Vec<String>,
    /// `n`: how many of the newest steps are read; the paper has 20.
    pub length: usize,
    /// The blocks; the paper has 1 of 8 heads.
    pub transformer: TransformerConfig,
    /// The layers above.
    pub layers: MlpConfig,
}

impl Default for BstConfig {
    fn default() -> Self {
        let (fields, transformer, layers) =
            (FieldsConfig::default(), TransformerConfig::default(), MlpConfig::default());
        Self { fields, history: None, beside: Vec::new(), length: 20, transformer, layers }
    }
}

/// The model.
#[derive(Clone, Debug)]
pub struct Bst {
    fields: Fields,
    history: History,
    told: Told,
    length: usize,
    positions: Part,
    transformer: Transformer,
    layers: Mlp,
}

impl Bst {
    /// Over the columns of a training part.
    ///
    /// # Errors
    /// [`LayerError`] for a history that there is not, or heads that do not divide an embedding.
    pub fn new(columns: &Columns, config: &BstConfig, parameters: &mut Parameters<f32>) -> Result<Self, LayerError> {
        let fields = Fields::new(columns, config.fields, parameters);
        let history = History::new(columns, &fields, config.history.as_deref())?;
        let (k, steps) = (fields.dimension(), config.length + 1);
        let heads = config.transformer.heads;
        if heads == 0 || !k.is_multiple_of(heads) {
            let (setting, expected) = ("model.transformer.heads", "a divisor of model.fields.dimension");
            return Err(LayerError::Setting { setting, expected, got: heads });
        }
        let told = Told::new(columns, &config.beside, k, parameters)?;
        let positions = parameters.add("positions", steps, k, Init::Normal(0.01));
        let transformer = Transformer::new("transformer", k, config.transformer, parameters);
        let layers = Mlp::new("layers", fields.width() + steps * k, &config.layers, Some(1), parameters);
        Ok(Self { fields, history, told, length: config.length, positions, transformer, layers })
    }

    /// The newest `n` entries of every row right-aligned, and behind them what stands for the candidate: a place always means the same distance.
    fn newest(&self, list: &ListBatch, entries: &[u32], last: impl Fn(usize) -> u32) -> Vec<u32> {
        let n = self.length;
        let mut kept = vec![0; list.mask.len() / list.steps * (n + 1)];
        for (row, to) in kept.chunks_exact_mut(n + 1).enumerate() {
            let own = row * list.steps..(row + 1) * list.steps;
            let there = list.mask[own.clone()].iter().filter(|m| **m > 0.0).count();
            let newest = &entries[own][there.saturating_sub(n)..there];
            to[n - newest.len()..n].copy_from_slice(newest);
            to[n] = last(row);
        }
        kept
    }

    /// Where such a row has anything.
    fn mask(&self, list: &ListBatch) -> Vec<f32> {
        let rows = list.mask.chunks_exact(list.steps).flat_map(|mask| {
            let there = mask.iter().filter(|m| **m > 0.0).count().min(self.length);
            (0..=self.length).map(move |place| f32::from(u8::from(place + there >= self.length)))
        });
        rows.collect()
    }
}

impl<A: Algebra> Ranker<A> for Bst {
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var> {
        let (list, candidates) = (&batch.lists[self.history.list()], self.history.candidates(batch));
        let (steps, k) = (self.length + 1, self.fields.dimension());
        let mask = self.mask(list);
        let mut s = self.history.embed(a, &self.newest(list, &list.ids, |row| candidates[row]));
        for told in self.told.each(a, batch, |entries| self.newest(list, entries, |_| 0)) {
            s = a.add(s, told);
        }
        let positions = a.parameter(self.positions);
        let s = a.add_period(s, positions);
        let f = self.transformer.forward(a, s, &mask, steps, pass);
        // What is not there says nothing above either.
        let f = a.mask_rows(f, &mask);
        let f = a.reshape(f, steps * k);
        let e = self.fields.embed(a, batch);
        let x = self.fields.with_reals(a, e, batch);
        let x = a.concat(&[x, f]);
        Forward::of(self.layers.forward(a, x, pass))
    }

    fn lists(&self) -> Vec<usize> {
        self.fields.lists().into_iter().chain([self.history.list()]).chain(self.told.lists()).collect()
    }

    fn tables(&self) -> Vec<Part> {
        vec![self.fields.embeddings()]
    }
}
