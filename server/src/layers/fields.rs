//! A batch as fields: every id column and every list becomes `k` numbers, side by side.
//!
//! | here | shape | meaning |
//! |---|---|---|
//! | `ids` | B × F | one number a field and row |
//! | `V` | n × k | embeddings of all fields' numbers, each field's behind one another's |
//! | `e = [v_1 │ … │ v_F]` | B × F·k | the row's fields; of a list the mean of its entries, of a history their sum where that is asked for |
//! | `x` | B × D | real features, where there are any |

use crate::batches::{Batch, Columns};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Init, Parameters, Part};

/// Which lists are fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Lists {
    /// Those without an order: genres, tags.
    #[default]
    Unordered,
    /// Histories too, as the mean of what was heard.
    All,
}

/// What becomes of a history's entries where histories are fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Their mean: what was met.
    #[default]
    Mean,
    /// Their sum: what was met, and how much of it.
    Sum,
}

/// How fields are embedded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FieldsConfig {
    /// `k`.
    pub dimension: usize,
    /// Deviation of the embeddings before the first step.
    pub deviation: f32,
    /// Which lists are fields.
    pub lists: Lists,
    /// What becomes of histories among them.
    pub pooling: Pooling,
}

impl Default for FieldsConfig {
    fn default() -> Self {
        Self { dimension: 16, deviation: 0.01, lists: Lists::default(), pooling: Pooling::default() }
    }
}

/// One list among the fields.
#[derive(Clone, Copy, Debug)]
struct List {
    /// Its place among a batch's lists.
    place: usize,
    /// Where its numbers begin in the table.
    offset: u32,
    pooling: Pooling,
}

/// The fields of a table, with where their embeddings lie.
#[derive(Clone, Debug)]
pub struct Fields {
    config: FieldsConfig,
    offsets: Vec<u32>,
    lists: Vec<List>,
    dense: usize,
    rows: usize,
    embeddings: Part,
}

impl Fields {
    /// Over the columns of a training part.
    #[must_use]
    pub fn new(columns: &Columns, config: FieldsConfig, parameters: &mut Parameters<f32>) -> Self {
        let (offsets, mut rows) = columns.offsets();
        let mut lists = Vec::new();
        for (place, list) in columns.lists.iter().enumerate() {
            if list.ordered && config.lists == Lists::Unordered {
                continue;
            }
            let shared = list.shares.as_ref().and_then(|name| columns.ids.iter().position(|id| id.name == *name));
            let offset = shared.map_or(rows, |id| offsets[id]);
            if shared.is_none() {
                rows += list.size;
            }
            let pooling = if list.ordered { config.pooling } else { Pooling::Mean };
            lists.push(List { place, offset, pooling });
        }
        let (rows, k) = (rows as usize, config.dimension);
        Self {
            embeddings: parameters.add("embeddings", rows, k, Init::Normal(config.deviation)),
            rows,
            dense: columns.dense.len(),
            config,
            offsets,
            lists,
        }
    }

    /// `F`.
    #[must_use]
    pub fn count(&self) -> usize {
        self.offsets.len() + self.lists.len()
    }

    /// `k`.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.config.dimension
    }

    /// `D`.
    #[must_use]
    pub fn dense(&self) -> usize {
        self.dense
    }

    /// The lists among them, by their places in a batch.
    #[must_use]
    pub fn lists(&self) -> Vec<usize> {
        self.lists.iter().map(|list| list.place).collect()
    }

    /// Numbers a row of `[e │ x]`.
    #[must_use]
    pub fn width(&self) -> usize {
        self.count() * self.dimension() + self.dense
    }

    /// `n`: numbers of all fields together.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// `V`.
    #[must_use]
    pub fn embeddings(&self) -> Part {
        self.embeddings
    }

    /// `x`, where there is any.
    pub fn reals<A: Algebra>(&self, a: &mut A, batch: &Batch) -> Option<A::Var> {
        (self.dense > 0).then(|| a.input(self.dense, &batch.dense))
    }

    /// `[e │ x]`.
    pub fn with_reals<A: Algebra>(&self, a: &mut A, e: A::Var, batch: &Batch) -> A::Var {
        match self.reals(a, batch) {
            Some(x) => a.concat(&[e, x]),
            None => e,
        }
    }

    /// `w·x` over all fields: `B × 1`. Of a list every entry counts in full, as an indicator of its own.
    pub fn first_order<A: Algebra>(&self, a: &mut A, weights: Part, batch: &Batch) -> A::Var {
        let weights = a.parameter(weights);
        let ids = self.ids(a, weights, batch);
        let mut sum = ids.map(|each| a.sum_columns(each));
        for list in &self.lists {
            let (steps, mask, length) = list.steps(a, weights, batch);
            let known = a.mask_rows(steps, mask);
            let entries = a.reshape(known, length);
            let entries = a.sum_columns(entries);
            sum = Some(sum.map_or(entries, |sum| a.add(sum, entries)));
        }
        sum.unwrap_or_else(|| a.input(1, &vec![0.0; batch.len()]))
    }

    /// `e`: `B × F·k`.
    ///
    /// # Panics
    /// Where there is no field; a run refuses such columns.
    pub fn embed<A: Algebra>(&self, a: &mut A, batch: &Batch) -> A::Var {
        let table = a.parameter(self.embeddings);
        let mut parts: Vec<A::Var> = self.ids(a, table, batch).into_iter().collect();
        for list in &self.lists {
            let (steps, mask, length) = list.steps(a, table, batch);
            parts.push(match list.pooling {
                Pooling::Mean => a.mean_pool(steps, mask, length),
                Pooling::Sum => {
                    let there = a.mask_rows(steps, mask);
                    let rows = a.reshape(there, length * self.config.dimension);
                    a.sum_fields(rows, length)
                }
            });
        }
        if parts.len() == 1 { parts[0] } else { a.concat(&parts) }
    }

    /// Rows of a table, side by side: one for each id column.
    fn ids<A: Algebra>(&self, a: &mut A, table: A::Var, batch: &Batch) -> Option<A::Var> {
        let mut ids = Vec::with_capacity(batch.len() * self.offsets.len());
        batch.side_by_side(&self.offsets, &mut ids);
        (!self.offsets.is_empty()).then(|| a.gather(table, &ids, self.offsets.len()))
    }
}

impl List {
    /// A row of a table for each of its entries; which of them are there; how many a row of the batch has.
    fn steps<'b, A: Algebra>(&self, a: &mut A, table: A::Var, batch: &'b Batch) -> (A::Var, &'b [f32], usize) {
        let of = &batch.lists[self.place];
        let rows: Vec<u32> = of.ids.iter().map(|id| id + self.offset).collect();
        (a.gather(table, &rows, 1), &of.mask, of.steps)
    }
}
