//! What probabilities are worth against what came of them: how well they order (AUC, GAUC) and how true they are (log loss, Brier, RMSE,
//! calibration).
//!
//! | figure | formula |
//! |---|---|
//! | AUC | share of pairs of unlike label in the right order, ties half |
//! | GAUC | `Σ_l n_l·AUC_l / Σ_l n_l` over listeners `l` with both classes, `n_l` the weight of their rows |
//! | log loss | `−Σ w (y ln p + (1−y) ln(1−p)) / Σ w`, `p` no nearer to 0 and 1 than 2⁻⁵² |
//! | Brier | `Σ w (p−y)² / Σ w`; RMSE is its root |
//!
//! Rows are checked once, where they come in; after that every figure is there. Rows of weight 0 have no label and are left out.
//!
//! Source: Zhu et al., *Optimized Cost per Click in Taobao Display Advertising*, KDD 2017, §5.1 (GAUC); Brier, *Monthly Weather Review*
//! 78(1), 1950.

use super::{EvalError, Sorted};

/// Probabilities beside their labels, checked: finite, from 0 to 1, of both classes.
///
/// # Example
/// ```
/// use sottovoce_server::eval::Predictions;
/// let p = Predictions::new(&[0.2, 0.6, 0.6, 0.9], &[false, false, true, true], &[1.0; 4], &[7, 7, 7, 9])?;
/// assert_eq!((p.auc(), p.gauc().skipped), (0.875, 1));
/// assert!(Predictions::new(&[0.5, f64::NAN], &[true, false], &[1.0; 2], &[0; 2]).is_err());
/// # Ok::<(), sottovoce_server::eval::EvalError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Predictions {
    pub(super) scores: Vec<f64>,
    pub(super) labels: Vec<bool>,
    pub(super) weights: Vec<f64>,
    /// From 0, in the order of the listeners' numbers.
    listeners: Vec<u32>,
    count: usize,
}

/// The area within listeners.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Gauc {
    /// The mean, each listener counted by the weight of their rows; a half where nobody has both classes.
    pub value: f64,
    /// Listeners with both classes.
    pub listeners: usize,
    /// Listeners with one class only: nothing can be said of them.
    pub skipped: usize,
}

impl Predictions {
    /// Puts rows beside each other: probability, label, weight, listener.
    ///
    /// # Errors
    /// [`EvalError::Lengths`]; [`EvalError::NonFiniteRow`] for a score that is no number, [`EvalError::NoProbability`] for one outside 0
    /// to 1, [`EvalError::Weight`] for a weight that is negative or no number, [`EvalError::OneClass`] where all rows that count have
    /// one label, none at all among it.
    pub fn new(scores: &[f64], labels: &[bool], weights: &[f64], listeners: &[u32]) -> Result<Self, EvalError> {
        for (what, got) in [("labels", labels.len()), ("weights", weights.len()), ("listeners", listeners.len())] {
            if got != scores.len() {
                return Err(EvalError::Lengths { what, expected: scores.len(), got });
            }
        }
        for (row, score) in scores.iter().enumerate() {
            if !score.is_finite() {
                return Err(EvalError::NonFiniteRow { row, score: *score });
            }
            if !(0.0..=1.0).contains(score) {
                return Err(EvalError::NoProbability { row, score: *score });
            }
        }
        if let Some((row, weight)) = weights.iter().enumerate().find(|(_, w)| !(w.is_finite() && **w >= 0.0)) {
            return Err(EvalError::Weight { row, weight: *weight });
        }
        let rows: Vec<usize> = (0..scores.len()).filter(|row| weights[*row] > 0.0).collect();
        let yes = rows.iter().filter(|row| labels[**row]).count();
        if yes == 0 || yes == rows.len() {
            return Err(EvalError::OneClass { rows: rows.len(), label: yes > 0 });
        }
        let mut known: Vec<u32> = rows.iter().map(|row| listeners[*row]).collect();
        known.sort_unstable();
        known.dedup();
        // Every listener of a row is among the known.
        let number = |listener: u32| u32::try_from(known.partition_point(|k| *k < listener)).unwrap_or(u32::MAX);
        Ok(Self {
            scores: rows.iter().map(|row| scores[*row]).collect(),
            labels: rows.iter().map(|row| labels[*row]).collect(),
            weights: rows.iter().map(|row| weights[*row]).collect(),
            listeners: rows.iter().map(|row| number(listeners[*row])).collect(),
            count: known.len(),
        })
    }

    /// How many rows count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether none does; never, once made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// How many listeners they are of.
    #[must_use]
    pub fn listeners(&self) -> usize {
        self.count
    }

    /// The area under the ROC curve.
    #[must_use]
    pub fn auc(&self) -> f64 {
        self.resampling().auc()
    }

    /// The area within listeners.
    #[must_use]
    pub fn gauc(&self) -> Gauc {
        let within = self.within();
        let counted = within.iter().flatten().count();
        let value = mean_within(&within, &vec![1.0; self.count]);
        Gauc { value, listeners: counted, skipped: self.count - counted }
    }

    /// The mean of `−ln` of what was said to be the probability of what happened.
    #[must_use]
    pub fn log_loss(&self) -> f64 {
        self.mean(log_loss_of)
    }

    /// The mean squared error of the probability.
    #[must_use]
    pub fn brier(&self) -> f64 {
        self.mean(|p, yes| (p - f64::from(u8::from(yes))).powi(2))
    }

    /// Its root.
    #[must_use]
    pub fn rmse(&self) -> f64 {
        self.brier().sqrt()
    }

    fn mean(&self, loss: impl Fn(f64, bool) -> f64) -> f64 {
        let rows = self.scores.iter().zip(&self.labels).zip(&self.weights);
        let (sum, weight) = rows.fold((0.0, 0.0), |(sum, all), ((p, y), w)| (sum + w * loss(*p, *y), all + w));
        sum / weight
    }

    /// Of each listener with both classes the area and the weight of their rows.
    fn within(&self) -> Vec<Option<(f64, f64)>> {
        let mut of: Vec<Vec<usize>> = vec![Vec::new(); self.count];
        self.listeners.iter().enumerate().for_each(|(row, listener)| of[*listener as usize].push(row));
        let one = |rows: Vec<usize>| {
            let yes = rows.iter().filter(|row| self.labels[**row]).count();
            if yes == 0 || yes == rows.len() {
                return None;
            }
            let scores: Vec<f64> = rows.iter().map(|row| self.scores[*row]).collect();
            let labels: Vec<bool> = rows.iter().map(|row| self.labels[*row]).collect();
            let weights: Vec<f64> = rows.iter().map(|row| self.weights[*row]).collect();
            let sorted = Sorted::weighted(&scores, &labels, &weights, &vec![0; rows.len()]).ok()?;
            Some((sorted.auc(&[1.0]), weights.iter().sum()))
        };
        of.into_iter().map(one).collect()
    }

    /// What a bootstrap over listeners measures again and again, sorted once.
    #[must_use]
    pub fn resampling(&self) -> Resampling {
        let mut losses = vec![(0.0, 0.0); self.count];
        for (row, listener) in self.listeners.iter().enumerate() {
            let (sum, weight) = &mut losses[*listener as usize];
            *sum += self.weights[row] * log_loss_of(self.scores[row], self.labels[row]);
            *weight += self.weights[row];
        }
        let sorted = Sorted::weighted(&self.scores, &self.labels, &self.weights, &self.listeners).ok();
        Resampling { sorted, within: self.within(), losses }
    }
}

fn log_loss_of(p: f64, yes: bool) -> f64 {
    let p = p.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    -libm::log(if yes { p } else { 1.0 - p })
}

fn mean_within(within: &[Option<(f64, f64)>], weights: &[f64]) -> f64 {
    let (mut sum, mut all) = (0.0, 0.0);
    for ((area, rows), drawn) in within.iter().zip(weights).filter_map(|(w, drawn)| w.map(|w| (w, drawn))) {
        sum += drawn * rows * area;
        all += drawn * rows;
    }
    if all > 0.0 { sum / all } else { 0.5 }
}

/// Predictions, ready to be measured under any drawing of their listeners.
#[derive(Clone, Debug)]
pub struct Resampling {
    sorted: Option<Sorted>,
    within: Vec<Option<(f64, f64)>>,
    /// By listener: the sum of their rows' losses, and of their weights.
    losses: Vec<(f64, f64)>,
}

impl Resampling {
    /// What [`Resampling::measure`] answers, in its order.
    pub const FIGURES: [&'static str; 3] = ["auc", "gauc", "log_loss"];

    /// AUC, GAUC and log loss with each listener counted `drawn[listener]` times.
    #[must_use]
    pub fn measure(&self, drawn: &[f64]) -> [f64; 3] {
        let area = self.sorted.as_ref().map_or(0.5, |sorted| sorted.auc(drawn));
        let (mut sum, mut all) = (0.0, 0.0);
        for ((loss, weight), drawn) in self.losses.iter().zip(drawn) {
            sum += drawn * loss;
            all += drawn * weight;
        }
        [area, mean_within(&self.within, drawn), if all > 0.0 { sum / all } else { 0.0 }]
    }

    fn auc(&self) -> f64 {
        let all = vec![1.0; self.losses.len()];
        self.sorted.as_ref().map_or(0.5, |sorted| sorted.auc(&all))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// What scikit-learn and numpy say; `tests/golden/ranking_metrics.py` wrote it.
    #[derive(Deserialize)]
    struct Golden {
        bins: usize,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        scores: Vec<f64>,
        labels: Vec<u8>,
        weights: Vec<f64>,
        listeners: Vec<u32>,
        auc: f64,
        gauc: (f64, usize, usize),
        log_loss: f64,
        rmse: f64,
        brier: f64,
        bins: Vec<(f64, f64, usize, f64)>,
        ece: f64,
        ratio: f64,
    }

    #[test]
    fn every_figure_is_scikit_learns() {
        let golden: Golden = serde_json::from_str(include_str!("../../tests/golden/ranking_metrics.json")).unwrap();
        for case in golden.cases {
            let labels: Vec<bool> = case.labels.iter().map(|label| *label == 1).collect();
            let p = Predictions::new(&case.scores, &labels, &case.weights, &case.listeners).unwrap();
            let near = |what: &str, got: f64, want: f64| {
                assert!((got - want).abs() < 1e-9, "{}: {what} is {got}, not {want}", case.name);
            };
            near("AUC", p.auc(), case.auc);
            let gauc = p.gauc();
            near("GAUC", gauc.value, case.gauc.0);
            assert_eq!((gauc.listeners, gauc.skipped), (case.gauc.1, case.gauc.2), "{}", case.name);
            near("log loss", p.log_loss(), case.log_loss);
            near("RMSE", p.rmse(), case.rmse);
            near("Brier", p.brier(), case.brier);
            let calibration = p.calibration(golden.bins).unwrap();
            assert_eq!(calibration.bins.len(), case.bins.len(), "{}", case.name);
            for (bin, want) in calibration.bins.iter().zip(&case.bins) {
                near("a bin's mean", bin.predicted, want.0);
                near("a bin's rate", bin.observed, want.1);
                assert_eq!(bin.rows, want.2, "{}", case.name);
            }
            near("ECE", calibration.ece, case.ece);
            near("ratio", calibration.ratio, case.ratio);
            // Everybody once is what the figures are without drawing.
            let [auc, within, loss] = p.resampling().measure(&vec![1.0; p.listeners()]);
            near("AUC again", auc, case.auc);
            near("GAUC again", within, case.gauc.0);
            near("log loss again", loss, case.log_loss);
        }
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        let make = |scores: &[f64], labels: &[bool], weights: &[f64]| {
            Predictions::new(scores, labels, weights, &vec![0; scores.len()]).map(|p| p.len())
        };
        let both = [true, false];
        assert!(matches!(make(&[0.5, f64::NAN], &both, &[1.0; 2]), Err(EvalError::NonFiniteRow { row: 1, .. })));
        assert!(matches!(make(&[0.5, f64::INFINITY], &both, &[1.0; 2]), Err(EvalError::NonFiniteRow { .. })));
        assert!(matches!(make(&[1.5, 0.5], &both, &[1.0; 2]), Err(EvalError::NoProbability { row: 0, .. })));
        assert!(matches!(make(&[0.5, 0.5], &both, &[1.0, -1.0]), Err(EvalError::Weight { row: 1, .. })));
        assert!(matches!(make(&[0.5, 0.5], &[true; 2], &[1.0; 2]), Err(EvalError::OneClass { rows: 2, label: true })));
        // The other class has no weight: it is not there.
        assert!(matches!(make(&[0.5, 0.5], &both, &[0.0, 1.0]), Err(EvalError::OneClass { rows: 1, label: false })));
        assert!(matches!(make(&[], &[], &[]), Err(EvalError::OneClass { rows: 0, .. })));
        assert!(matches!(make(&[0.5, 0.5], &[true], &[1.0; 2]), Err(EvalError::Lengths { what: "labels", .. })));
        let two = Predictions::new(&[0.5, 0.5], &both, &[1.0; 2], &[0; 2]).unwrap();
        assert!(matches!(two.calibration(0), Err(EvalError::NoBins)));
    }
}
