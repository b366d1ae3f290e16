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
use crate::batches::{Batch, Columns};
use crate::layers::{Fields, FieldsConfig, History, LayerError, Mlp, MlpConfig, Pass, Transformer, TransformerConfig};
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
        Self { fields, history: None, length: 20, transformer, layers }
    }
}

/// The model.
#[derive(Clone, Debug)]
pub struct Bst {
    fields: Fields,
    history: History,
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
        let positions = parameters.add("positions", steps, k, Init::Normal(0.01));
        let transformer = Transformer::new("transformer", k, config.transformer, parameters);
        let layers = Mlp::new("layers", fields.width() + steps * k, &config.layers, Some(1), parameters);
        Ok(Self { fields, history, length: config.length, positions, transformer, layers })
    }

    /// The newest `n` steps right-aligned before the candidate, so that a place always means the same distance; and where one is.
    fn sequence(&self, batch: &Batch) -> (Vec<u32>, Vec<f32>) {
        let (list, candidates) = (&batch.lists[self.history.list()], self.history.candidates(batch));
        let n = self.length;
        let (mut ids, mut mask) = (vec![0; batch.len() * (n + 1)], vec![0.0; batch.len() * (n + 1)]);
        let rows = ids.chunks_exact_mut(n + 1).zip(mask.chunks_exact_mut(n + 1));
        for (row, (ids, mask)) in rows.enumerate() {
            let own = row * list.steps..(row + 1) * list.steps;
            let there = list.mask[own.clone()].iter().filter(|m| **m > 0.0).count();
            let newest = &list.ids[own][there.saturating_sub(n)..there];
            ids[n - newest.len()..n].copy_from_slice(newest);
            mask[n - newest.len()..].fill(1.0);
            ids[n] = candidates[row];
        }
        (ids, mask)
    }
}

impl<A: Algebra> Ranker<A> for Bst {
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var> {
        let (ids, mask) = self.sequence(batch);
        let (steps, k) = (self.length + 1, self.fields.dimension());
        let s = self.history.embed(a, &ids);
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
        self.fields.lists().into_iter().chain([self.history.list()]).collect()
    }

    fn tables(&self) -> Vec<Part> {
        vec![self.fields.embeddings()]
    }
}
