//! Whether a score tells apart what was finished from what was not: the area under the ROC curve, over all impressions and
//! within each listener (row M1).
//!
//! Ties count half. Rows are weighed by how often their listener is drawn, so that one sorting serves every resample.

use super::EvalError;

/// Rows by rising score, with their labels and listeners; asked again and again with other weights.
#[derive(Clone, Debug)]
pub struct Sorted {
    /// Runs of equal score: rows as (listener, label, weight).
    rows: Vec<(u32, bool, f64)>,
    ends: Vec<usize>,
}

impl Sorted {
    /// Sorts rows by their score.
    ///
    /// # Errors
    /// [`EvalError::NonFiniteRow`].
    pub fn new(scores: &[f64], labels: &[bool], listeners: &[u32]) -> Result<Self, EvalError> {
        Self::weighted(scores, labels, &vec![1.0; scores.len()], listeners)
    }

    /// The same for rows that do not all count alike.
    ///
    /// # Errors
    /// [`EvalError::NonFiniteRow`].
    pub fn weighted(scores: &[f64], labels: &[bool], weights: &[f64], listeners: &[u32]) -> Result<Self, EvalError> {
        if let Some((row, score)) = scores.iter().enumerate().find(|(_, s)| !s.is_finite()) {
            return Err(EvalError::NonFiniteRow { row, score: *score });
        }
        let rows = scores.len().min(labels.len()).min(listeners.len()).min(weights.len());
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        let rows = order.iter().map(|i| (listeners[*i], labels[*i], weights[*i])).collect();
        // 0 and −0 are one score.
        let runs = order.chunk_by(|a, b| scores[*a] >= scores[*b]);
        let ends = runs.scan(0, |end, run| {
            *end += run.len();
            Some(*end)
        });
        Ok(Self { rows, ends: ends.collect() })
    }

    /// The area with each listener counted `weights[listener]` times; a half where one of the classes is missing.
    #[must_use]
    pub fn auc(&self, weights: &[f64]) -> f64 {
        let (mut start, mut below, mut positive, mut area) = (0, 0.0, 0.0, 0.0);
        for end in &self.ends {
            let (mut yes, mut no) = (0.0, 0.0);
            for (listener, label, weight) in &self.rows[start..*end] {
                *(if *label { &mut yes } else { &mut no }) += weight * weights[*listener as usize];
            }
            area += yes * (below + no / 2.0);
            below += no;
            positive += yes;
            start = *end;
        }
        if positive > 0.0 && below > 0.0 { area / (positive * below) } else { 0.5 }
    }
}

/// The area under the ROC curve of a score; a half where one of the classes is missing.
///
/// # Errors
/// [`EvalError::NonFiniteRow`].
///
/// # Example
/// ```
/// # use sottovoce_server::eval::auc;
/// assert_eq!(auc(&[0.1, 0.4, 0.4, 0.9], &[false, false, true, true]).unwrap(), 0.875);
/// ```
pub fn auc(scores: &[f64], labels: &[bool]) -> Result<f64, EvalError> {
    Ok(Sorted::new(scores, labels, &vec![0; labels.len()])?.auc(&[1.0]))
}

/// The area within each listener's rows; `None` for listeners without both classes. `listeners` is sorted.
///
/// # Errors
/// [`EvalError::NonFiniteRow`].
pub fn auc_within(
    scores: &[f64],
    labels: &[bool],
    listeners: &[u32],
    count: usize,
) -> Result<Vec<Option<f64>>, EvalError> {
    let mut areas = vec![None; count];
    let mut start = 0;
    for run in listeners.chunk_by(|a, b| a == b) {
        let rows = start..start + run.len();
        start = rows.end;
        let yes = labels[rows.clone()].iter().filter(|label| **label).count();
        if yes > 0 && yes < run.len() {
            areas[run[0] as usize] = Some(auc(&scores[rows.clone()], &labels[rows])?);
        }
    }
    Ok(areas)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_share_of_pairs_in_order(
            rows in prop::collection::vec((0i8..6, any::<bool>(), 0u32..4), 1..40),
            weights in prop::collection::vec(0u8..4, 4),
        ) {
            let scores: Vec<f64> = rows.iter().map(|r| f64::from(r.0)).collect();
            let labels: Vec<bool> = rows.iter().map(|r| r.1).collect();
            let listeners: Vec<u32> = rows.iter().map(|r| r.2).collect();
            let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            let (mut pairs, mut right) = (0.0, 0.0);
            for (a, _) in labels.iter().enumerate().filter(|(_, l)| **l) {
                for (b, _) in labels.iter().enumerate().filter(|(_, l)| !**l) {
                    let weight = weights[listeners[a] as usize] * weights[listeners[b] as usize];
                    pairs += weight;
                    right += weight * match scores[a].total_cmp(&scores[b]) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                }
            }
            let want = if pairs > 0.0 { right / pairs } else { 0.5 };
            let got = Sorted::new(&scores, &labels, &listeners).unwrap().auc(&weights);
            prop_assert!((got - want).abs() < 1e-9, "{} for {}", got, want);
        }
    }

    #[test]
    fn within_a_listener_only_their_own_rows_count() {
        let scores = [0.1, 0.9, 5.0, 4.0, 7.0];
        let labels = [false, true, false, true, true];
        let areas = auc_within(&scores, &labels, &[0, 0, 2, 2, 3], 4).unwrap();
        assert_eq!(areas, [Some(1.0), None, Some(0.0), None]);
        assert!(matches!(auc(&[f64::NAN], &[true]), Err(EvalError::NonFiniteRow { row: 0, .. })));
    }
}
