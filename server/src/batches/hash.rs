//! The fingerprint of a table and of what is made of it.

use super::RowSet;
use super::raw::{Known, RawColumn, RawTask, Values};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// The fingerprint of a table: row numbers mean something in this table only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TableHash(pub [u8; 32]);

impl fmt::Display for TableHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TableHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableHash({self})")
    }
}

/// Every part goes in behind its length, so that no two tables run together to the same bytes.
pub(super) fn fingerprint(
    name: &str,
    listeners: &[u32],
    at: &[u64],
    columns: &[RawColumn],
    tasks: &[RawTask],
) -> TableHash {
    let mut ink = Ink::new("sottovoce log table 1");
    ink.text(name);
    ink.numbers(listeners);
    ink.all(at.iter().map(|at| at.to_le_bytes()));
    for column in columns {
        ink.text(&column.name);
        ink.text(column.values.kind());
        ink.text(if column.known == Known::Before { "before" } else { "after" });
        ink.numbers(column.learned_from.as_ref().map_or(&[], RowSet::words));
        match &column.values {
            Values::Names { names, codes } => {
                ink.texts(names);
                ink.numbers(codes);
            }
            Values::Lists { names, codes, latest } => {
                ink.texts(names);
                codes.stored().into_iter().for_each(|part| ink.numbers(part));
                ink.all(latest.iter().flatten().map(|at| at.to_le_bytes()));
            }
            Values::Numbers(numbers) => ink.all(numbers.iter().map(|n| n.to_le_bytes())),
        }
    }
    for task in tasks {
        ink.text(&task.name);
        ink.all(task.labels.iter().map(|label| label.to_le_bytes()));
        ink.all(task.weights.iter().map(|weight| weight.to_le_bytes()));
    }
    TableHash(ink.dry())
}

/// SHA-256 over parts behind their lengths.
pub(super) struct Ink(Sha256);

impl Ink {
    pub(super) fn new(what: &str) -> Self {
        let mut ink = Self(Sha256::new());
        ink.text(what);
        ink
    }

    pub(super) fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    pub(super) fn texts(&mut self, texts: &[String]) {
        self.0.update((texts.len() as u64).to_le_bytes());
        texts.iter().for_each(|text| self.text(text));
    }

    pub(super) fn numbers(&mut self, numbers: &[u32]) {
        self.all(numbers.iter().map(|n| n.to_le_bytes()));
    }

    /// Numbers as bytes, gathered first: a hash fed four bytes at a time is many times slower.
    pub(super) fn all<const N: usize>(&mut self, numbers: impl Iterator<Item = [u8; N]>) {
        let bytes: Vec<u8> = numbers.flatten().collect();
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(&bytes);
    }

    pub(super) fn dry(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
