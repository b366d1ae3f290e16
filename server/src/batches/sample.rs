//! Which rows a model learns from (rows X1, X2, X4).
//!
//! A listener looks at a slate from the top and stops somewhere. What stands below was not refused but never seen, and a model that
//! takes it for refused learns the order of the old slate. **Skip-above** keeps, beside the clicks, only what stands above a slate's last
//! click: it was passed over with open eyes. **Click-around** keeps only what stands next to a click.
//!
//! Source: Joachims et al., *Accurately Interpreting Clickthrough Data as Implicit Feedback*, SIGIR 2005, §5 (strategies "Click > Skip
//! Above" and "Click > No-Click Next", of which "Skip Previous" is the other side).

use super::raw::Values;
use super::{BatchError, Columns, LogTable};
use sottovoce::math::Rng;
use std::collections::HashSet;

/// Rows that were shown together, each slate from its top to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slates {
    rows: Vec<u32>,
    ends: Vec<usize>,
}

impl Slates {
    /// Appends a slate, its first song first.
    pub fn push(&mut self, rows: &[u32]) {
        self.rows.extend_from_slice(rows);
        self.ends.push(self.rows.len());
    }

    /// Where a log does not say what was shown together: a listener's rows in the table's order, until a pause (in milliseconds).
    #[must_use]
    pub fn by_pause(table: &LogTable, rows: &[u32], pause: u64) -> Self {
        let (at, listeners) = (table.at(), table.listeners());
        let together = |a: &u32, b: &u32| {
            let (a, b) = (*a as usize, *b as usize);
            listeners[a] == listeners[b] && at[b].abs_diff(at[a]) <= pause
        };
        let mut slates = Self::default();
        rows.chunk_by(together).for_each(|slate| slates.push(slate));
        slates
    }

    /// The slates.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.rows[start..*end])
    }
}

/// Clicks, and what stands above a slate's last click (X1). Slates without a click say nothing.
///
/// # Example
/// ```
/// use sottovoce_server::batches::{Slates, click_around, skip_above};
/// let mut slates = Slates::default();
/// slates.push(&[0, 1, 2, 3, 4, 5]);
/// slates.push(&[6, 7]);
/// let clicked = |row| row == 2 || row == 3;
/// assert_eq!(skip_above(&slates, clicked), [0, 1, 2, 3]);
/// assert_eq!(click_around(&slates, clicked, 1), [1, 2, 3, 4]);
/// ```
#[must_use]
pub fn skip_above(slates: &Slates, clicked: impl Fn(u32) -> bool) -> Vec<u32> {
    let kept = slates.iter().flat_map(|slate| {
        let last = slate.iter().rposition(|row| clicked(*row));
        slate[..last.map_or(0, |last| last + 1)].iter().copied()
    });
    kept.collect()
}

/// Clicks, and what stands at most `reach` places above or below one (X2).
#[must_use]
pub fn click_around(slates: &Slates, clicked: impl Fn(u32) -> bool, reach: usize) -> Vec<u32> {
    let mut kept = Vec::new();
    for slate in slates.iter() {
        let near = |place: usize| {
            let window = place.saturating_sub(reach)..slate.len().min(place + reach + 1);
            slate[window].iter().any(|row| clicked(*row))
        };
        kept.extend((0..slate.len()).filter(|place| near(*place)).map(|place| slate[place]));
    }
    kept
}

/// Rows of one placement: what a model that ranks there learns from (X4).
///
/// # Errors
/// [`BatchError::UnknownColumn`], [`BatchError::WrongKind`]; [`BatchError::Setting`] for a placement that no row has.
pub fn on_placement(table: &LogTable, rows: &[u32], column: &str, placement: &str) -> Result<Vec<u32>, BatchError> {
    let feature = || format!("placement {placement}");
    let raw = table.column(column).ok_or_else(|| BatchError::UnknownColumn {
        feature: feature(),
        column: column.to_owned(),
        known: super::table::listed(table.columns().iter().map(|column| column.name.as_str())),
    })?;
    let Values::Names { names, codes } = &raw.values else {
        let (column, got) = (column.to_owned(), raw.values.kind());
        return Err(BatchError::WrongKind { feature: feature(), column, expected: "a column of names", got });
    };
    let code = names.iter().zip(0u32..).find(|(name, _)| *name == placement).map(|(_, code)| code);
    let kept: Vec<u32> = rows.iter().copied().filter(|row| Some(codes[*row as usize]) == code).collect();
    if kept.is_empty() {
        let expected = "one that a row of the part has";
        return Err(BatchError::Setting {
            feature: feature(),
            setting: "placement",
            expected,
            got: placement.to_owned(),
        });
    }
    Ok(kept)
}

/// A song for a row: the one that was played there, or one drawn from the whole platform in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The row's place in the columns: the listener's side is read there.
    pub place: u32,
    /// The song's number in its id column.
    pub song: u32,
    /// Whether it was played.
    pub label: bool,
}

/// How songs are drawn from the whole platform.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WholePlatform {
    /// Songs drawn for each that was played.
    pub negatives: usize,
    /// A song of `n` rows is drawn in proportion to `n^power`: 0 for all alike, 1 as often as they are shown, .75 as word2vec does.
    pub power: f64,
    /// The seed.
    pub seed: u64,
}

/// Samples for recall (X4): every row with label 1 of a task, wherever it was shown, and songs drawn from all that the columns know in
/// place of those that a placement happened to show. What a listener has played, by these rows, is not drawn against them; a song that
/// nobody was shown is not drawn at all, and after 64 draws in a row of their own songs a listener gets fewer.
///
/// Source: Covington et al., *Deep Neural Networks for YouTube Recommendations*, RecSys 2016, §3.1 and §3.4; Mikolov et al.,
/// *Distributed Representations of Words and Phrases*, NIPS 2013, §2.2 (the power).
///
/// # Errors
/// [`BatchError::UnknownFeature`], [`BatchError::UnknownTask`]; [`BatchError::Setting`] for a power that is no number.
pub fn whole_platform(columns: &Columns, song: &str, task: &str, how: WholePlatform) -> Result<Vec<Drawn>, BatchError> {
    let ids = columns.id(song).ok_or_else(|| BatchError::UnknownFeature {
        feature: "whole platform".to_owned(),
        other: song.to_owned(),
        known: super::table::listed(columns.ids.iter().map(|c| c.name.as_str())),
    })?;
    let known = || super::table::listed(columns.tasks.iter().map(|c| c.name.as_str()));
    let task = columns.task(task).ok_or_else(|| BatchError::UnknownTask { task: task.to_owned(), known: known() })?;
    if !how.power.is_finite() {
        let (feature, got) = ("whole platform".to_owned(), how.power.to_string());
        return Err(BatchError::Setting { feature, setting: "power", expected: "a number", got });
    }
    let mut counts = vec![0u32; ids.size as usize];
    ids.values.iter().for_each(|song| counts[*song as usize] += 1);
    // 0 is whatever the vocabulary has not: no song at all.
    counts[0] = 0;
    let mut sum = 0.0;
    let cumulative: Vec<f64> = counts
        .iter()
        .map(|n| {
            sum += if *n == 0 { 0.0 } else { libm::pow(f64::from(*n), how.power) };
            sum
        })
        .collect();
    let played = |place: usize| task.labels[place] > 0.5 && task.weights[place] > 0.0 && ids.values[place] != 0;
    let own: HashSet<(u32, u32)> =
        (0..columns.len()).filter(|p| played(*p)).map(|p| (columns.listeners[p], ids.values[p])).collect();
    let mut rng = Rng::new(how.seed).split("whole platform");
    let mut drawn = Vec::new();
    for place in (0..columns.len()).filter(|place| played(*place)) {
        let at = u32::try_from(place).unwrap_or(u32::MAX);
        drawn.push(Drawn { place: at, song: ids.values[place], label: true });
        for _ in 0..how.negatives {
            let mut draw = || {
                let target = rng.uniform_f64() * sum;
                u32::try_from(cumulative.partition_point(|c| *c <= target)).unwrap_or(u32::MAX)
            };
            let fresh = (0..64).map(|_| draw()).find(|song| !own.contains(&(columns.listeners[place], *song)));
            drawn.extend(fresh.map(|song| Drawn { place: at, song, label: false }));
        }
    }
    Ok(drawn)
}
