//! Columns without their rows.

use super::{Columns, DenseColumn, IdColumn, ListColumn, Part, Ragged, TableHash, TaskColumn};
use serde::{Deserialize, Serialize};

/// A list's name, size, bound, order, whose vocabulary it shares, and what its entries are called.
type Listed = (String, u32, u32, bool, Option<String>, Vec<String>);

/// What is known of columns without a row of them: what a model is built over, and what stands in a file beside its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shape {
    /// (name, size).
    pub(super) ids: Vec<(String, u32)>,
    pub(super) dense: Vec<String>,
    pub(super) lists: Vec<Listed>,
    pub(super) tasks: Vec<String>,
}

impl Shape {
    pub(crate) fn of(columns: &Columns) -> Self {
        let list = |c: &ListColumn| (c.name.clone(), c.size, c.bound, c.ordered, c.shares.clone(), c.names.clone());
        Self {
            ids: columns.ids.iter().map(|c| (c.name.clone(), c.size)).collect(),
            dense: columns.dense.iter().map(|c| c.name.clone()).collect(),
            lists: columns.lists.iter().map(list).collect(),
            tasks: columns.tasks.iter().map(|c| c.name.clone()).collect(),
        }
    }

    /// Columns of this shape without a row.
    pub(crate) fn columns(&self) -> Columns {
        let id = |(name, size): &(String, u32)| IdColumn { name: name.clone(), size: *size, values: vec![] };
        let list = |(name, size, bound, ordered, shares, names): &Listed| ListColumn {
            name: name.clone(),
            size: *size,
            bound: *bound,
            ordered: *ordered,
            shares: shares.clone(),
            names: names.clone(),
            values: Ragged::default(),
        };
        Columns {
            table: TableHash([0; 32]),
            part: Some(Part::Train),
            rows: vec![],
            listeners: vec![],
            at: vec![],
            ids: self.ids.iter().map(id).collect(),
            dense: self.dense.iter().map(|name| DenseColumn { name: name.clone(), values: vec![] }).collect(),
            lists: self.lists.iter().map(list).collect(),
            tasks: (self.tasks.iter())
                .map(|name| TaskColumn { name: name.clone(), labels: vec![], weights: vec![] })
                .collect(),
        }
    }
}
