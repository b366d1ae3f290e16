//! What is known of a name from the labels of its rows, kept apart from the row that it describes.
//!
//! `logit(r) = ln(r/(1 − r))` with `r = (yes + a·m)/(n + a)`, `m` the rate over everything: a name of few rows is taken for an
//! ordinary one. Counted over a row's own label, this number tells the label to whatever learns from it: a song of one row would be
//! all yes or all no. So a training row is described by counts that leave it out: those of the other folds, or those of earlier rows.
//! Every other row is described by all training rows, and a row that is among them under another name (a validation row of a split that
//! was moved) is refused.
//!
//! Source: Micci-Barreca, *A Preprocessing Scheme for High-Cardinality Categorical Attributes*, SIGKDD Explorations 3(1), 2001, §3
//! (smoothing); Prokhorenkova et al., *CatBoost*, NeurIPS 2018, §3.2 (held-out and ordered target statistics).

use super::raw::Values;
use super::schema::{Admission, Apart};
use super::vocabulary::{Vocabulary, count_names};
use super::{BatchError, Part, RawColumn, RowSet, Training};
use serde::{Deserialize, Serialize};
use sottovoce::math::mix;

/// How often each name's label was yes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Counts {
    yes: Vec<u32>,
    n: Vec<u32>,
    all_yes: u32,
    all: u32,
}

impl Counts {
    fn of_size(size: u32) -> Self {
        Self { yes: vec![0; size as usize], n: vec![0; size as usize], all_yes: 0, all: 0 }
    }

    fn add(&mut self, code: u32, yes: bool) {
        self.n[code as usize] += 1;
        self.all += 1;
        if yes {
            self.yes[code as usize] += 1;
            self.all_yes += 1;
        }
    }

    /// The log-odds of a code, without what `less` has counted.
    fn odds(&self, code: u32, smoothing: f64, less: Option<&Self>) -> f64 {
        let at = |values: &[u32]| values.get(code as usize).copied().unwrap_or(0);
        let zero = Self::default();
        let less = less.unwrap_or(&zero);
        // At least one row of each outcome, so that a logit is a number.
        // Saturating for counts that were read from a file and contradict each other.
        let apart = |whole: u32, less: u32| f64::from(whole.saturating_sub(less));
        let rate = (apart(self.all_yes, less.all_yes) + 1.0) / (apart(self.all, less.all) + 2.0);
        let (yes, n) = (apart(at(&self.yes), at(&less.yes)), apart(at(&self.n), at(&less.n)));
        let r = (yes + smoothing * rate) / (n + smoothing);
        libm::log(r / (1.0 - r))
    }
}

/// Smoothed log-odds of one task's label by one column's names, with the rows they were counted on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Odds {
    smoothing: f64,
    names: Vocabulary<String>,
    whole: Counts,
    /// The counts of each fold alone; empty where rows are described by earlier ones.
    folds: Vec<Counts>,
    /// The log-odds that a training row was given from earlier rows, by row; empty where there are folds.
    earlier: Vec<(u32, f64)>,
    counted: RowSet,
}

impl Odds {
    /// Counts the training rows. Rows of weight 0 have no label and are not counted.
    ///
    /// # Errors
    /// [`BatchError::UnknownTask`], and [`BatchError::WrongKind`] for a column that is not of names.
    pub fn fit(
        feature: &str,
        column: &RawColumn,
        task: &str,
        smoothing: f64,
        apart: Apart,
        training: &Training<'_>,
    ) -> Result<Self, BatchError> {
        let Values::Names { names, codes } = &column.values else {
            return Err(BatchError::WrongKind {
                feature: feature.to_owned(),
                column: column.name.clone(),
                expected: "a column of names",
                got: column.values.kind(),
            });
        };
        let task = training.table().task(task)?;
        let rows: Vec<u32> = training.rows().iter().copied().filter(|r| task.weights[*r as usize] > 0.0).collect();
        let everyone = Admission { min_count: 1, limit: u32::MAX };
        let counts = count_names(names, rows.iter().map(|row| codes[*row as usize]));
        let vocabulary = Vocabulary::fit(counts, everyone, feature)?;
        let translation = vocabulary.translate(names);
        let size = vocabulary.size();
        let code = |row: u32| translation[codes[row as usize] as usize];
        let yes = |row: u32| task.labels[row as usize] > 0.5;
        let mut odds = Self {
            smoothing,
            names: vocabulary,
            whole: Counts::of_size(size),
            folds: vec![],
            earlier: vec![],
            counted: rows.iter().copied().collect(),
        };
        match apart {
            Apart::Folds(n) => {
                odds.folds = vec![Counts::of_size(size); n as usize];
                for row in rows {
                    odds.whole.add(code(row), yes(row));
                    let fold = odds.fold_of(row);
                    odds.folds[fold].add(code(row), yes(row));
                }
            }
            Apart::Earlier => {
                let at = training.table().at();
                let mut order = rows;
                order.sort_by_key(|row| (at[*row as usize], *row));
                for moment in order.chunk_by(|a, b| at[*a as usize] == at[*b as usize]) {
                    for row in moment {
                        odds.earlier.push((*row, odds.whole.odds(code(*row), smoothing, None)));
                    }
                    moment.iter().for_each(|row| odds.whole.add(code(*row), yes(*row)));
                }
                odds.earlier.sort_unstable_by_key(|(row, _)| *row);
            }
        }
        Ok(odds)
    }

    /// By row number, mixed: consecutive rows of a listener fall into different folds.
    #[allow(clippy::cast_possible_truncation, reason = "below the number of folds")]
    fn fold_of(&self, row: u32) -> usize {
        (mix(u64::from(row)) % self.folds.len() as u64) as usize
    }

    /// The log-odds of rows of a part, by the names of their column.
    ///
    /// # Errors
    /// [`BatchError::Leak`] for a row outside the training part on which this was counted.
    pub(super) fn of(
        &self,
        feature: &str,
        names: &[String],
        codes: &[u32],
        rows: &[u32],
        part: Part,
    ) -> Result<Vec<f32>, BatchError> {
        let translation = self.names.translate(names);
        let one = |row: &u32| {
            let code = translation[codes[*row as usize] as usize];
            let value = if !self.counted.contains(*row) {
                self.whole.odds(code, self.smoothing, None)
            } else if part != Part::Train {
                return Err(BatchError::Leak { what: feature.to_owned(), row: *row, part });
            } else {
                self.apart(code, *row)
            };
            #[allow(clippy::cast_possible_truncation, reason = "what a model reads is f32")]
            Ok(value as f32)
        };
        rows.iter().map(one).collect()
    }

    /// As [`Odds::of`] for rows of a table on which nothing was counted.
    #[allow(clippy::cast_possible_truncation, reason = "what a model reads is f32")]
    pub(super) fn of_new(&self, names: &[String], codes: &[u32], rows: &[u32]) -> Vec<f32> {
        let translation = self.names.translate(names);
        let code = |row: &u32| translation[codes[*row as usize] as usize];
        rows.iter().map(|row| self.whole.odds(code(row), self.smoothing, None) as f32).collect()
    }

    /// The log-odds of a counted row without its own label.
    fn apart(&self, code: u32, row: u32) -> f64 {
        if self.folds.is_empty() {
            let place = self.earlier.binary_search_by_key(&row, |(row, _)| *row);
            return place.map_or_else(|_| self.whole.odds(0, self.smoothing, None), |place| self.earlier[place].1);
        }
        self.whole.odds(code, self.smoothing, Some(&self.folds[self.fold_of(row)]))
    }

    /// The rows that were counted.
    #[must_use]
    pub fn counted(&self) -> &RowSet {
        &self.counted
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp, reason = "tests")]
mod tests {
    use super::*;
    use crate::batches::RawTask;
    use crate::batches::{LogTable, Split};
    use proptest::prelude::*;

    /// Rows of (song, moment, label).
    fn table(rows: &[(u8, u8, bool)]) -> LogTable {
        let songs = RawColumn::known_before("song", Values::names(rows.iter().map(|r| r.0.to_string())));
        let labels = rows.iter().map(|r| f32::from(u8::from(r.2))).collect();
        let task = RawTask { name: "y".to_owned(), labels, weights: vec![] };
        let at = rows.iter().map(|r| u64::from(r.1)).collect();
        LogTable::new("rows", vec![0; rows.len()], at, vec![songs], vec![task]).unwrap()
    }

    fn described(rows: &[(u8, u8, bool)], apart: Apart) -> Vec<f32> {
        let table = table(rows);
        let split = Split::new(&table, |_| Some(Part::Train));
        let column = table.column("song").unwrap();
        let odds = Odds::fit("odds", column, "y", 2.0, apart, &split.training(&table).unwrap()).unwrap();
        let Values::Names { names, codes } = &column.values else { unreachable!() };
        odds.of("odds", names, codes, split.rows(Part::Train).unwrap(), Part::Train).unwrap()
    }

    proptest! {
        /// The property that makes it honest: whatever a row's label is, the number beside it is the same.
        #[test]
        fn no_row_knows_its_own_label(
            rows in prop::collection::vec((0u8..4, 0u8..6, any::<bool>()), 2..40),
            which in any::<prop::sample::Index>(),
            earlier in any::<bool>(),
        ) {
            let apart = if earlier { Apart::Earlier } else { Apart::Folds(3) };
            let which = which.index(rows.len());
            let mut flipped = rows.clone();
            flipped[which].2 = !flipped[which].2;
            prop_assert_eq!(described(&rows, apart)[which], described(&flipped, apart)[which]);
            if earlier {
                let now = rows[which].1;
                let after = described(&flipped, apart);
                for (i, before) in described(&rows, apart).into_iter().enumerate() {
                    prop_assert!(rows[i].1 > now || before == after[i], "row {} is not later", i);
                }
            }
        }
    }

    #[test]
    fn few_rows_are_drawn_to_the_rate_of_all() {
        // Song 0: 1 of 1; song 2: 80 of 100; song 1 never.
        let mut rows = vec![(0, 0, true)];
        rows.extend((0..100).map(|i| (2, 0, i < 80)));
        let table = table(&rows);
        let split = Split::new(&table, |_| Some(Part::Train));
        let column = table.column("song").unwrap();
        let odds = Odds::fit("odds", column, "y", 10.0, Apart::default(), &split.training(&table).unwrap()).unwrap();
        let names = ["0", "2", "1"].map(str::to_owned);
        let rate: f64 = 82.0 / 103.0;
        let logit = |r: f64| libm::log(r / (1.0 - r));
        let want = [(1.0 + 10.0 * rate) / 11.0, (80.0 + 10.0 * rate) / 110.0, rate];
        for (got, want) in odds.of_new(&names, &[0, 1, 2], &[0, 1, 2]).into_iter().zip(want) {
            assert!((f64::from(got) - logit(want)).abs() < 1e-6, "{got} for {}", logit(want));
        }
        assert_eq!(odds.counted().len(), 101);
    }
}
