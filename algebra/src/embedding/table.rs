//! The table: ids to rows, over shards.

use crate::embedding::shard::{Found, Kind, Shard, spread};
use crate::embedding::{RowOptimiser, TableError};
use crate::parameters::Init;
use rayon::prelude::*;
use std::collections::HashMap;

/// What a table is like.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TableConfig {
    /// Numbers a row, `k`.
    pub columns: usize,
    /// How rows learn.
    pub optimiser: RowOptimiser,
    /// What rows are before they learn.
    pub init: Init,
    /// What random rows are drawn from, with their id.
    pub seed: u64,
    /// An id gets a row once it has been asked for so often; until then it reads as zeros and learns nothing. 0 and 1 admit at once.
    pub admit_at: u32,
    /// Shares of ids that threads take; results depend on it only through the order of [`Rows`].
    pub shards: usize,
}

impl TableConfig {
    /// Rows that start normal with deviation 0.01, admitted at once, in 16 shards.
    #[must_use]
    pub fn new(columns: usize, optimiser: RowOptimiser) -> Self {
        Self { columns, optimiser, init: Init::Normal(0.01), seed: 0, admit_at: 1, shards: 16 }
    }

    pub(super) fn check(&self) -> Result<(), TableError> {
        let setting = |what, expected, got: String| Err(TableError::Setting { what, expected, got });
        if !(1..=1 << 16).contains(&self.columns) {
            return setting("columns", "1 to 65536", self.columns.to_string());
        }
        if !(1..=1 << 12).contains(&self.shards) {
            return setting("shards", "1 to 4096", self.shards.to_string());
        }
        let (rates, rest) = match self.optimiser {
            RowOptimiser::Adagrad { rate, epsilon } | RowOptimiser::RowAdagrad { rate, epsilon } => {
                (rate, vec![epsilon])
            }
            RowOptimiser::Ftrl { alpha, beta, l1, l2 } => (alpha, vec![beta, l1, l2]),
            RowOptimiser::Adam { rate, beta1, beta2, epsilon } => {
                if !(0.0..1.0).contains(&beta1) || !(0.0..1.0).contains(&beta2) {
                    return setting("β₁, β₂", "within [0, 1)", format!("{beta1}, {beta2}"));
                }
                (rate, vec![epsilon])
            }
        };
        if !(rates.is_finite() && rates > 0.0) {
            return setting("the step size", "a number above 0", rates.to_string());
        }
        if let Some(bad) = rest.into_iter().find(|v| !v.is_finite() || *v < 0.0) {
            return setting("a number of the optimiser", "0 or above", bad.to_string());
        }
        match self.init {
            Init::Constant(v) | Init::Normal(v) if !v.is_finite() => setting("init", "a finite number", v.to_string()),
            _ => Ok(()),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        let Self { columns, optimiser, init, seed, admit_at, .. } = *self;
        Kind { columns, optimiser, init, seed, admit_at }
    }
}

/// Rows that a table lent: each once, however often its id came.
#[derive(Clone, Debug)]
pub struct Rows {
    generation: u64,
    places: Vec<u32>,
    values: Vec<f32>,
    of_shards: Vec<Vec<u32>>,
}

impl Rows {
    /// For every id asked for, which row is its: what [`Algebra::gather`](crate::Algebra::gather) takes.
    #[must_use]
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// The rows behind one another: what [`Algebra::leaf`](crate::Algebra::leaf) takes.
    #[must_use]
    pub fn rows(&self) -> &[f32] {
        &self.values
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.of_shards.iter().map(Vec::len).sum()
    }

    /// Whether nobody asked for anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

/// Embeddings by id, as many as there are ids worth a row.
///
/// # Example
/// ```
/// use sottovoce_algebra::{Algebra, EmbeddingTable, Parameters, Pool, RowOptimiser, TableConfig, Tape};
/// # fn main() -> Result<(), sottovoce_algebra::TableError> {
/// let mut table = EmbeddingTable::new(TableConfig::new(4, RowOptimiser::adagrad(0.1)))?;
/// let (parameters, pool) = (Parameters::<f32>::new(0), Pool::default());
///
/// let rows = table.pull(&[70, 3, 70], 1);
/// let mut tape = Tape::new(&parameters, &pool);
/// let leaf = tape.leaf(4, rows.rows());
/// let x = tape.gather(leaf, rows.places(), 3);
/// let loss = tape.sum(x);
/// let gradients = tape.grad(loss);
/// if let Some(gradient) = gradients.of(leaf) {
///     table.push(&rows, gradient)?; // what 70 learns twice in the batch, it learns once, summed
/// }
/// assert_eq!(table.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct EmbeddingTable {
    pub(super) config: TableConfig,
    pub(super) shards: Vec<Shard>,
    /// Pulls so far: a row knows by it whether the current one has asked already.
    pulls: u64,
    generation: u64,
    /// Room for the ids of each shard and their places among those asked for.
    asked: Vec<(Vec<u64>, Vec<u32>)>,
}

impl EmbeddingTable {
    /// An empty table.
    ///
    /// # Errors
    /// [`TableError::Setting`] if no table can be like that.
    pub fn new(config: TableConfig) -> Result<Self, TableError> {
        config.check()?;
        Ok(Self { config, shards: vec![Shard::default(); config.shards], pulls: 0, generation: 0, asked: Vec::new() })
    }

    /// What the table is like.
    #[must_use]
    pub fn config(&self) -> TableConfig {
        self.config
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|s| s.ids.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many ids have been seen and have no row.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shards.iter().map(|s| s.waiting.len()).sum()
    }

    /// Lends the rows of these ids, as of `now`; new ids are counted and, when seen often enough, admitted.
    pub fn pull(&mut self, ids: &[u64], now: u64) -> Rows {
        self.pulls += 1;
        let (pull, kind) = (self.pulls, self.config.kind());
        let mut asked = core::mem::take(&mut self.asked);
        asked.resize_with(self.shards.len(), Default::default);
        asked.iter_mut().for_each(|(own, order)| {
            own.clear();
            order.clear();
        });
        for (i, id) in (0u32..).zip(ids) {
            let (own, order) = &mut asked[self.shard_of(*id)];
            own.push(*id);
            order.push(i);
        }
        let found: Vec<Found> =
            self.shards.par_iter_mut().zip(&asked).map(|(shard, (ids, _))| shard.find(&kind, ids, pull, now)).collect();
        let (mut places, mut first) = (vec![0; ids.len()], 0u32);
        for (found, (_, order)) in found.iter().zip(&asked) {
            found.places.iter().zip(order).for_each(|(place, i)| places[*i as usize] = first + place);
            first += u32::try_from(found.rows.len()).unwrap_or(0);
        }
        self.asked = asked;
        let k = self.config.columns;
        let mut values = vec![0.0; first as usize * k];
        let of_shards: Vec<Vec<u32>> = found.into_iter().map(|f| f.rows).collect();
        shares(&mut values, &of_shards, k).into_par_iter().zip(&self.shards).zip(&of_shards).for_each(
            |((to, shard), rows)| {
                shard.copy(k, rows, to);
            },
        );
        Rows { generation: self.generation, places, values, of_shards }
    }

    /// The rows of these ids as they are, zeros for those without: for serving, nothing is counted.
    #[must_use]
    pub fn read(&self, ids: &[u64]) -> Vec<f32> {
        let k = self.config.columns;
        let mut values = vec![0.0; ids.len() * k];
        for (to, id) in values.chunks_exact_mut(k).zip(ids) {
            let shard = &self.shards[self.shard_of(*id)];
            if let Some(row) = shard.rows.get(id) {
                shard.copy(k, &[row.at()], to);
            }
        }
        values
    }

    /// Takes back what lent rows learnt: `gradient` has a row for each of [`Rows::rows`].
    ///
    /// # Errors
    /// [`TableError::ShapeMismatch`] if it has another number of them; [`TableError::Stale`] if the table has evicted rows since.
    pub fn push(&mut self, rows: &Rows, gradient: &[f32]) -> Result<(), TableError> {
        self.check(rows, gradient)?;
        let (k, kind) = (self.config.columns, self.config.kind());
        let mut rest = gradient;
        let own: Vec<&[f32]> =
            rows.of_shards.iter().map(|rows| rest.split_off(..rows.len() * k).unwrap_or(&[])).collect();
        let each = self.shards.par_iter_mut().zip(own).zip(&rows.of_shards);
        each.for_each(|((shard, gradient), rows)| shard.learn(&kind, rows, gradient));
        Ok(())
    }

    /// Takes back what several loans learnt of the same rows: what they say of one row is added in their order, and it takes one step.
    ///
    /// # Errors
    /// As [`EmbeddingTable::push`]; [`TableError::ShapeMismatch`] too if there are not as many gradients as loans.
    pub fn push_summed(&mut self, lent: &[Rows], gradients: &[&[f32]]) -> Result<(), TableError> {
        if lent.len() != gradients.len() {
            let (expected, got) = (lent.len(), gradients.len());
            return Err(TableError::ShapeMismatch { what: "the list of gradients", expected, got });
        }
        if let ([rows], [gradient]) = (lent, gradients) {
            return self.push(rows, gradient);
        }
        let k = self.config.columns;
        for (rows, gradient) in lent.iter().zip(gradients) {
            self.check(rows, gradient)?;
        }
        let kind = self.config.kind();
        self.shards.par_iter_mut().enumerate().for_each(|(i, shard)| {
            let (mut rows, mut sums, mut places) = (Vec::new(), Vec::new(), HashMap::new());
            for (lent, gradient) in lent.iter().zip(gradients) {
                let own = &lent.of_shards[i];
                let before: usize = lent.of_shards[..i].iter().map(Vec::len).sum();
                for (row, g) in own.iter().zip(gradient[before * k..].chunks_exact(k)) {
                    let place = *places.entry(*row).or_insert(rows.len());
                    if place == rows.len() {
                        rows.push(*row);
                        sums.extend_from_slice(g);
                    } else {
                        sums[place * k..][..k].iter_mut().zip(g).for_each(|(sum, g)| *sum += g);
                    }
                }
            }
            shard.learn(&kind, &rows, &sums);
        });
        Ok(())
    }

    fn check(&self, rows: &Rows, gradient: &[f32]) -> Result<(), TableError> {
        if rows.generation != self.generation {
            return Err(TableError::Stale { lent: rows.generation, now: self.generation });
        }
        let (expected, got) = (rows.len() * self.config.columns, gradient.len());
        if expected != got {
            return Err(TableError::ShapeMismatch { what: "the gradient", expected, got });
        }
        Ok(())
    }

    /// Forgets every id that was last seen before `then`; how many rows went. Rows that are lent can no longer be pushed.
    pub fn evict(&mut self, then: u64) -> usize {
        self.generation += 1;
        let kind = self.config.kind();
        self.shards.par_iter_mut().map(|shard| shard.evict(&kind, then)).sum()
    }

    pub(super) fn shard_of(&self, id: u64) -> usize {
        // The upper half: the lower one is where a shard's own map looks.
        ((spread(id) >> 32) % self.shards.len() as u64) as usize
    }
}

/// Cuts `values` into the shards' rows.
fn shares<'a>(mut values: &'a mut [f32], of_shards: &[Vec<u32>], k: usize) -> Vec<&'a mut [f32]> {
    let mut cut = |rows: &Vec<u32>| values.split_off_mut(..rows.len() * k).unwrap_or_default();
    of_shards.iter().map(&mut cut).collect()
}
