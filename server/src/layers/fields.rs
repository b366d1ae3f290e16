//! A batch as fields: every id column and every list becomes `k` numbers, side by side.
//!
//! | here | shape | meaning |
//! |---|---|---|
//! | `ids` | B × F | one number a field and row |
//! | `V` | n × k | embeddings of all fields' numbers, each field's behind one another's |
//! | `e = [v_1 │ … │ v_F]` | B × F·k | the row's fields; of a list the mean of its entries |
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
}

impl Default for FieldsConfig {
    fn default() -> Self {
        Self { dimension: 16, deviation: 0.01, lists: Lists::default() }
    }
}

/// One list among the fields.
#[derive(Clone, Copy, Debug)]
struct List {
    /// Its place among a batch's lists.
    place: usize,
    /// Where its numbers begin in the table.
    offset: u32,
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
            lists.push(List { place, offset });
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

    /// `e`: `B × F·k`.
    pub fn embed<A: Algebra>(&self, a: &mut A, batch: &Batch) -> A::Var {
        self.look_up(a, self.embeddings, batch)
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

    /// Rows of any table of `n × c`, side by side: `B × F·c`.
    pub fn look_up<A: Algebra>(&self, a: &mut A, table: Part, batch: &Batch) -> A::Var {
        let table = a.parameter(table);
        let mut ids = Vec::with_capacity(batch.len() * self.offsets.len());
        batch.side_by_side(&self.offsets, &mut ids);
        let mut parts = Vec::with_capacity(1 + self.lists.len());
        if !self.offsets.is_empty() {
            parts.push(a.gather(table, &ids, self.offsets.len()));
        }
        for list in &self.lists {
            let of = &batch.lists[list.place];
            let rows: Vec<u32> = of.ids.iter().map(|id| id + list.offset).collect();
            let steps = a.gather(table, &rows, 1);
            parts.push(a.mean_pool(steps, &of.mask, of.steps));
        }
        if parts.len() == 1 { parts[0] } else { a.concat(&parts) }
    }
}
