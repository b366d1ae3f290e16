//! What trees read of columns: numbers only, one column behind another.
//!
//! | feature | columns |
//! |---|---|
//! | an id | its number; with statistics: the smoothed rate of its label, and `ln(1 + n)` of its rows |
//! | a pair of an id and a list, where asked for | the mean over the list of the smoothed rates of the id with each of its values |
//! | a list without order, of few values | a column of 0 and 1 for each value |
//! | a list without order, of many values | how long it is |
//! | a history | nothing |
//! | a real feature | itself |
//!
//! The rate is `(yes + s·m) / (n + s)` over the training rows, `m` the rate of all: `s` rows of the usual kind are credited to everyone; a
//! pair's rate is drawn to its id's in the same way. A training row's own fold is left out of its rate: counted over its own label, the rate would tell it.
//!
//! Source: Micci-Barreca, SIGKDD Explorations 3(1), 2001, §3; folds as [`Odds`](crate::batches::Odds) has them.

use super::RankError;
use super::ftrl::task_of;
use crate::batches::{Columns, Part, TableHash, TaskColumn};
use serde::{Deserialize, Serialize};
use sottovoce::math::mix;
use std::collections::BTreeMap;

/// Lists of more values than this give their length only.
const FEW: u32 = 64;

/// Statistics of labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Statistics {
    /// The ids that have them.
    pub of: Vec<String>,
    /// Pairs of an id and a list that have them: whose taste for which genre.
    pub pairs: Vec<[String; 2]>,
    /// `s`: so many rows of the usual rate. The peers' table has 20.
    pub smoothing: f64,
    /// Into so many folds the training rows are cut. The peers' table has 5.
    pub folds: u32,
}

impl Default for Statistics {
    fn default() -> Self {
        let [user, item] = ["user", "item"].map(str::to_owned);
        Self { of: vec![user, item], pairs: vec![], smoothing: 20.0, folds: 5 }
    }
}

/// Of one id feature: yes and rows for each value, of all folds and of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Counts {
    name: String,
    all: Vec<[f64; 2]>,
    folds: Vec<Vec<[f64; 2]>>,
}

/// Of an id with the values of a list: yes and rows for each pair that was seen, of all folds and of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PairCounts {
    /// Which of the ids' counts it is drawn to.
    id: usize,
    list: String,
    all: BTreeMap<u64, [f64; 2]>,
    folds: Vec<BTreeMap<u64, [f64; 2]>>,
}

fn pair(id: u32, value: u32) -> u64 {
    u64::from(id) << 32 | u64::from(value)
}

/// A column of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Column {
    Id(String),
    Rate(usize),
    Count(usize),
    Pair(usize),
    Has(String, u32),
    Length(String),
    Real(String),
}

/// How columns become a table, learnt from training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TreeTable {
    table: TableHash,
    smoothing: f64,
    mean: f64,
    counts: Vec<Counts>,
    pairs: Vec<PairCounts>,
    columns: Vec<Column>,
}

impl TreeTable {
    /// Counts the training rows; columns that say the same of all of them are left out.
    pub(super) fn fit(train: &Columns, task: &str, statistics: &Statistics) -> Result<Self, RankError> {
        let setting = |setting, expected, got: String| Err(RankError::Setting { setting, expected, got });
        if !(2..=100).contains(&statistics.folds) {
            return setting("statistics.folds", "it is from 2 to 100", statistics.folds.to_string());
        }
        if !(statistics.smoothing.is_finite() && statistics.smoothing > 0.0) {
            return setting("statistics.smoothing", "it is above 0", statistics.smoothing.to_string());
        }
        let task = task_of(train, task)?;
        let mut sums = [0.0; 2];
        for (label, weight) in task.labels.iter().zip(&task.weights).filter(|(_, w)| **w > 0.0) {
            sums = [sums[0] + f64::from(*weight) * f64::from(*label), sums[1] + f64::from(*weight)];
        }
        let mean = sums[0] / sums[1];
        if !(mean > 0.0 && mean < 1.0) {
            return setting("the training part", "it has rows of both labels", format!("of rate {mean}"));
        }
        let mut counts = Vec::new();
        for name in &statistics.of {
            let Some(id) = train.id(name) else {
                let known = train.ids.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
                return Err(RankError::Feature { feature: name.clone(), known });
            };
            let mut all = vec![[0.0; 2]; id.size as usize];
            let mut folds = vec![all.clone(); statistics.folds as usize];
            for (row, value) in id.values.iter().enumerate().filter(|(row, _)| task.weights[*row] > 0.0) {
                let add = [f64::from(task.labels[row]), 1.0];
                for counts in [&mut all, &mut folds[fold(train.rows[row], statistics.folds as usize)]] {
                    let counts = &mut counts[*value as usize];
                    *counts = [counts[0] + add[0], counts[1] + add[1]];
                }
            }
            counts.push(Counts { name: name.clone(), all, folds });
        }
        let mut pairs = Vec::new();
        for [id, list] in &statistics.pairs {
            pairs.push(count_pairs(train, task, &counts, [id, list], statistics.folds as usize)?);
        }
        let mut columns: Vec<Column> = train.ids.iter().map(|id| Column::Id(id.name.clone())).collect();
        columns.extend((0..counts.len()).flat_map(|i| [Column::Rate(i), Column::Count(i)]));
        columns.extend((0..pairs.len()).map(Column::Pair));
        for list in &train.lists {
            match list.size <= FEW {
                // How long a history is says when a row was: later rows are beyond every split that was learnt.
                _ if list.ordered => {}
                true => columns.extend((1..list.size).map(|value| Column::Has(list.name.clone(), value))),
                false => columns.push(Column::Length(list.name.clone())),
            }
        }
        columns.extend(train.dense.iter().map(|dense| Column::Real(dense.name.clone())));
        let mut table = Self { table: train.table, smoothing: statistics.smoothing, mean, counts, pairs, columns };
        let mut values = Vec::new();
        let candidates = std::mem::take(&mut table.columns);
        for column in candidates {
            values.clear();
            table.fill(&column, train, &mut values)?;
            if values.array_windows().any(|[a, b]| a.total_cmp(b).is_ne()) {
                table.columns.push(column);
            }
        }
        Ok(table)
    }

    /// The rate over all training rows.
    pub(super) fn mean(&self) -> f64 {
        self.mean
    }

    /// How many columns there are.
    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// A column's name, for people.
    pub(super) fn name(&self, column: usize) -> String {
        let of = |counts: usize| self.counts.get(counts).map_or("", |c| c.name.as_str());
        match &self.columns[column] {
            Column::Id(name) | Column::Real(name) => name.clone(),
            Column::Rate(counts) => format!("rate of {}", of(*counts)),
            Column::Count(counts) => format!("rows of {}", of(*counts)),
            Column::Pair(which) => {
                let pairs = &self.pairs[*which];
                format!("rate of {} with {}", of(pairs.id), pairs.list)
            }
            Column::Has(name, value) => format!("{name} {value}"),
            Column::Length(name) => format!("length of {name}"),
        }
    }

    /// Whether a list of this name is read.
    pub(super) fn reads(&self, list: &str) -> bool {
        self.columns.iter().any(|column| match column {
            Column::Has(name, _) | Column::Length(name) => name == list,
            Column::Pair(which) => self.pairs[*which].list == list,
            _ => false,
        })
    }

    /// The table, column by column.
    pub(super) fn of(&self, columns: &Columns) -> Result<Vec<f64>, RankError> {
        let mut values = Vec::with_capacity(columns.len() * self.columns.len());
        for column in &self.columns {
            self.fill(column, columns, &mut values)?;
        }
        Ok(values)
    }

    fn fill(&self, column: &Column, columns: &Columns, values: &mut Vec<f64>) -> Result<(), RankError> {
        let id = |name: &String| {
            let known = || columns.ids.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
            columns.id(name).ok_or_else(|| RankError::Feature { feature: name.clone(), known: known() })
        };
        let list = |name: &String| {
            let known = || columns.lists.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
            let found = columns.lists.iter().find(|c| c.name == *name);
            found.ok_or_else(|| RankError::Feature { feature: name.clone(), known: known() })
        };
        match column {
            Column::Id(name) => values.extend(id(name)?.values.iter().map(|value| f64::from(*value))),
            Column::Rate(which) | Column::Count(which) => {
                let counts = &self.counts[*which];
                let counted = self.counted(columns);
                for (value, row) in id(&counts.name)?.values.iter().zip(&columns.rows) {
                    let [yes, n] = counts.of(*value, *row, counted);
                    values.push(match column {
                        Column::Rate(_) => self.drawn([yes, n], self.mean),
                        // As many as there would be without folds: the same number means the same in every part.
                        _ if counted => libm::log1p(n * counts.folds.len() as f64 / (counts.folds.len() - 1) as f64),
                        _ => libm::log1p(n),
                    });
                }
            }
            Column::Pair(which) => {
                let pairs = &self.pairs[*which];
                let (counts, counted) = (&self.counts[pairs.id], self.counted(columns));
                let (ids, list) = (id(&counts.name)?, list(&pairs.list)?);
                for (place, (value, row)) in ids.values.iter().zip(&columns.rows).enumerate() {
                    let own = self.drawn(counts.of(*value, *row, counted), self.mean);
                    let with = list.values.get(place);
                    let rates = with.iter().map(|other| self.drawn(pairs.of(pair(*value, *other), *row, counted), own));
                    values.push(if with.is_empty() { own } else { rates.sum::<f64>() / with.len() as f64 });
                }
            }
            Column::Has(name, value) => {
                let list = list(name)?;
                values.extend((0..columns.len()).map(|row| f64::from(u8::from(list.values.get(row).contains(value)))));
            }
            Column::Length(name) => {
                let list = list(name)?;
                values.extend((0..columns.len()).map(|row| list.values.get(row).len() as f64));
            }
            Column::Real(name) => {
                let known = || columns.dense.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
                let found = columns.dense.iter().find(|c| c.name == *name);
                let found = found.ok_or_else(|| RankError::Feature { feature: name.clone(), known: known() })?;
                values.extend(found.values.iter().map(|value| f64::from(*value)));
            }
        }
        Ok(())
    }

    /// Whether these are the rows that were counted: they are told without their own fold, all others are told everything.
    fn counted(&self, columns: &Columns) -> bool {
        columns.table == self.table && columns.part == Some(Part::Train)
    }

    fn drawn(&self, [yes, n]: [f64; 2], to: f64) -> f64 {
        (yes + self.smoothing * to) / (n + self.smoothing)
    }

    /// That what was read from a file holds together.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let folds = |folds: usize| folds > 1;
        let pairs = |pairs: &PairCounts| folds(pairs.folds.len()) && pairs.id < self.counts.len();
        if !self.counts.iter().all(|counts| folds(counts.folds.len())) || !self.pairs.iter().all(pairs) {
            return Err("counts without folds");
        }
        let fits = |column: &Column| match column {
            Column::Pair(which) => *which < self.pairs.len(),
            Column::Rate(which) | Column::Count(which) => *which < self.counts.len(),
            _ => true,
        };
        if !self.columns.iter().all(fits) {
            return Err("a column of statistics that there are not");
        }
        if !(self.mean > 0.0 && self.mean < 1.0 && self.smoothing > 0.0) {
            return Err("a rate that is none");
        }
        Ok(())
    }
}

impl Counts {
    fn of(&self, value: u32, row: u32, counted: bool) -> [f64; 2] {
        let at = |counts: &[[f64; 2]]| counts.get(value as usize).copied().unwrap_or_default();
        less(at(&self.all), counted.then(|| at(&self.folds[fold(row, self.folds.len())])))
    }
}

impl PairCounts {
    fn of(&self, pair: u64, row: u32, counted: bool) -> [f64; 2] {
        let at = |counts: &BTreeMap<u64, [f64; 2]>| counts.get(&pair).copied().unwrap_or_default();
        less(at(&self.all), counted.then(|| at(&self.folds[fold(row, self.folds.len())])))
    }
}

fn less([yes, n]: [f64; 2], own: Option<[f64; 2]>) -> [f64; 2] {
    let [less_yes, less] = own.unwrap_or_default();
    [yes - less_yes, n - less]
}

fn count_pairs(
    train: &Columns,
    task: &TaskColumn,
    counts: &[Counts],
    [id, list]: [&String; 2],
    folds: usize,
) -> Result<PairCounts, RankError> {
    let missing =
        |feature: &String, known: Vec<&str>| RankError::Feature { feature: feature.clone(), known: known.join(", ") };
    let with_counts = || counts.iter().map(|c| c.name.as_str()).collect();
    let lists = || train.lists.iter().map(|c| c.name.as_str()).collect();
    let place = counts.iter().position(|c| c.name == *id).ok_or_else(|| missing(id, with_counts()))?;
    let ids = train.id(id).ok_or_else(|| missing(id, with_counts()))?;
    let values = train.lists.iter().find(|c| c.name == *list).ok_or_else(|| missing(list, lists()))?;
    let mut pairs =
        PairCounts { id: place, list: list.clone(), all: BTreeMap::new(), folds: vec![BTreeMap::new(); folds] };
    for (row, value) in ids.values.iter().enumerate().filter(|(row, _)| task.weights[*row] > 0.0) {
        for other in values.values.get(row) {
            let own = &mut pairs.folds[fold(train.rows[row], folds)];
            for counts in [&mut pairs.all, own] {
                let counts = counts.entry(pair(*value, *other)).or_default();
                *counts = [counts[0] + f64::from(task.labels[row]), counts[1] + 1.0];
            }
        }
    }
    Ok(pairs)
}

/// By row number, mixed: neighbouring rows of a listener fall into different folds.
#[allow(clippy::cast_possible_truncation, reason = "below the number of folds")]
fn fold(row: u32, folds: usize) -> usize {
    (mix(u64::from(row)) % folds as u64) as usize
}
