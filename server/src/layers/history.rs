//! A listener's past beside the candidate: steps and candidate lie in one embedding table.
//!
//! | here | shape | meaning |
//! |---|---|---|
//! | `e_1 … e_T` | B·T × k | what was met, oldest first |
//! | `v_a` | B × k | the candidate, in the same space |
//! | mask | B·T | 1 where a step is |

use super::{Fields, LayerError};
use crate::batches::{Batch, Columns};
use sottovoce_algebra::{Algebra, Init, Parameters, Part};

/// One list whose entries are of the candidate's vocabulary.
#[derive(Clone, Debug)]
pub struct History {
    list: usize,
    candidate: usize,
    offset: u32,
    table: Part,
}

impl History {
    /// The list of this name; the first ordered one that shares a vocabulary where none is given.
    ///
    /// # Errors
    /// [`LayerError::UnknownList`], [`LayerError::Unshared`].
    pub fn new(columns: &Columns, fields: &Fields, name: Option<&str>) -> Result<Self, LayerError> {
        let fits = |list: &&crate::batches::ListColumn| match name {
            Some(name) => list.name == name,
            None => list.ordered && list.shares.is_some(),
        };
        let place = columns.lists.iter().position(|list| fits(&list));
        let Some(list) = place else {
            return Err(unknown(columns, name.unwrap_or("(the first that shares a vocabulary)")));
        };
        let shares = columns.lists[list].shares.as_ref();
        let candidate = shares.and_then(|owner| columns.ids.iter().position(|id| id.name == *owner));
        let Some(candidate) = candidate else {
            return Err(LayerError::Unshared { list: columns.lists[list].name.clone() });
        };
        let (offsets, _) = columns.offsets();
        Ok(Self { list, candidate, offset: offsets[candidate], table: fields.embeddings() })
    }

    /// Its place among a batch's lists.
    #[must_use]
    pub fn list(&self) -> usize {
        self.list
    }

    /// `T` of a batch.
    #[must_use]
    pub fn length(&self, batch: &Batch) -> usize {
        batch.lists[self.list].steps
    }

    /// `e_1 … e_T`: `B·T × k`.
    pub fn steps<A: Algebra>(&self, a: &mut A, batch: &Batch) -> A::Var {
        self.embed(a, &batch.lists[self.list].ids)
    }

    /// Rows of the candidate's vocabulary, in the same space.
    pub fn embed<A: Algebra>(&self, a: &mut A, ids: &[u32]) -> A::Var {
        let table = a.parameter(self.table);
        a.gather(table, &self.rows(ids), 1)
    }

    /// The same as rows of the whole table.
    pub fn rows(&self, ids: &[u32]) -> Vec<u32> {
        ids.iter().map(|id| id + self.offset).collect()
    }

    /// The table that all of them are rows of.
    #[must_use]
    pub fn table(&self) -> Part {
        self.table
    }

    /// The candidates' entries: `B`.
    #[must_use]
    pub fn candidates<'b>(&self, batch: &'b Batch) -> &'b [u32] {
        &batch.ids[self.candidate]
    }

    /// `v_a`: `B × k`.
    pub fn candidate<A: Algebra>(&self, a: &mut A, batch: &Batch) -> A::Var {
        self.embed(a, self.candidates(batch))
    }
}

/// A list that describes another one's entries: what came of them, how long ago.
#[derive(Clone, Debug)]
pub struct Beside {
    /// Its place among a batch's lists.
    pub list: usize,
    table: Part,
    names: Vec<String>,
    name: String,
}

impl Beside {
    /// The list of this name, embedded in `k` numbers an entry.
    ///
    /// # Errors
    /// [`LayerError::UnknownList`].
    pub fn new(columns: &Columns, name: &str, k: usize, parameters: &mut Parameters<f32>) -> Result<Self, LayerError> {
        let list = columns.lists.iter().position(|list| list.name == name).ok_or_else(|| unknown(columns, name))?;
        let table = parameters.add(name, columns.lists[list].size as usize, k, Init::Normal(0.01));
        Ok(Self { list, table, names: columns.lists[list].names.clone(), name: name.to_owned() })
    }

    /// What its entries are called, from number 1 on; empty where they are many.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of an entry.
    ///
    /// # Errors
    /// [`LayerError::UnknownEntry`].
    pub fn number(&self, entry: &str) -> Result<u32, LayerError> {
        let place = (1..).zip(&self.names).find(|(_, name)| *name == entry).map(|(number, _)| number);
        place.ok_or_else(|| LayerError::UnknownEntry {
            list: self.name.clone(),
            entry: entry.to_owned(),
            known: self.names.join(", "),
        })
    }

    /// Embeddings of these entries.
    pub fn embed<A: Algebra>(&self, a: &mut A, ids: &[u32]) -> A::Var {
        let table = a.parameter(self.table);
        a.gather(table, ids, 1)
    }
}

/// All that lies beside a history: part of each step, with nothing of the candidate's to be compared to.
#[derive(Clone, Debug)]
pub struct Told {
    beside: Vec<Beside>,
    k: usize,
}

impl Told {
    /// The lists of these names, each embedded in `k` numbers an entry.
    ///
    /// # Errors
    /// [`LayerError::UnknownList`].
    pub fn new(
        columns: &Columns,
        names: &[String],
        k: usize,
        parameters: &mut Parameters<f32>,
    ) -> Result<Self, LayerError> {
        let beside = names.iter().map(|name| Beside::new(columns, name, k, parameters)).collect::<Result<_, _>>()?;
        Ok(Self { beside, k })
    }

    /// `c·k`: numbers a step.
    #[must_use]
    pub fn width(&self) -> usize {
        self.beside.len() * self.k
    }

    /// Their places among a batch's lists.
    pub fn lists(&self) -> impl Iterator<Item = usize> {
        self.beside.iter().map(|beside| beside.list)
    }

    /// One matrix of `k` columns for each, over the entries that `of` takes from a list of the batch.
    pub fn each<A: Algebra>(&self, a: &mut A, batch: &Batch, of: impl Fn(&[u32]) -> Vec<u32>) -> Vec<A::Var> {
        self.beside.iter().map(|beside| beside.embed(a, &of(&batch.lists[beside.list].ids))).collect()
    }

    /// All of them side by side, where there is any: `B·T × c·k`.
    pub fn embed<A: Algebra>(&self, a: &mut A, batch: &Batch, of: impl Fn(&[u32]) -> Vec<u32>) -> Option<A::Var> {
        let parts = self.each(a, batch, of);
        (!parts.is_empty()).then(|| a.concat(&parts))
    }

    /// Steps with all of it behind: `B·T × (k + c·k)`.
    pub fn behind<A: Algebra>(&self, a: &mut A, steps: A::Var, batch: &Batch) -> A::Var {
        let mut parts = vec![steps];
        parts.extend(self.each(a, batch, <[u32]>::to_vec));
        if parts.len() == 1 { steps } else { a.concat(&parts) }
    }
}

fn unknown(columns: &Columns, list: &str) -> LayerError {
    let known = columns.lists.iter().map(|list| list.name.as_str()).collect::<Vec<_>>().join(", ");
    LayerError::UnknownList { list: list.to_owned(), known }
}
