//! Several tasks' probabilities as one score: what a list is ordered by (row Y6).
//!
//! | here | meaning |
//! |---|---|
//! | `u = Π p_t^{w_t}` | a weighted geometric mean: a song that one task gives up on is given up on |
//! | `w` | found on a validation part, by steps along one weight at a time |
//! | value@k | what the first `k` of a listener's rows are worth, over the worth of the best `k` |

use serde::{Deserialize, Serialize};

/// What weights are tried, times the one they replace; and what a weight of 0 becomes.
const STEPS: [f64; 6] = [0.0, 0.25, 0.5, 0.8, 1.25, 2.0];
/// Passes over the weights, at most; each must better the last.
const PASSES: usize = 20;

/// Why scores of several tasks are no score.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UtilityError {
    /// What does not fit together.
    #[error("{what}: {got} where {expected} are needed")]
    Shape {
        /// Of what.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        got: usize,
    },
    /// What is not within 0 and 1.
    #[error("task {task} says {got} of row {row}, which is no probability; score with a trained model's run")]
    Probability {
        /// Whose.
        task: usize,
        /// Of which row.
        row: usize,
        /// What it says.
        got: f64,
    },
    /// No listener has anything of value, so nothing can be ordered well or badly.
    #[error("no row of this part has a value above 0; choose a part with positive labels")]
    Worthless,
}

/// Weights of the tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Utility {
    /// `w`, a task each.
    pub weights: Vec<f64>,
}

/// Rows of several listeners: what they were worth, and how each task saw them.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// For each task a probability a row.
    pub probabilities: &'a [Vec<f64>],
    /// What came of a row, 0 and more.
    pub values: &'a [f64],
    /// Whose it is.
    pub listeners: &'a [u32],
}

impl Utility {
    /// `ln u` for every row: the order is the same, and nothing underflows.
    ///
    /// # Errors
    /// [`UtilityError::Shape`]; [`UtilityError::Probability`] for what is not within 0 and 1.
    pub fn scores(&self, probabilities: &[Vec<f64>]) -> Result<Vec<f64>, UtilityError> {
        let rows = probabilities.first().map_or(0, Vec::len);
        if probabilities.len() != self.weights.len() || probabilities.iter().any(|p| p.len() != rows) {
            let (expected, got) = (self.weights.len(), probabilities.len());
            return Err(UtilityError::Shape { what: "tasks, with as many rows each", expected, got });
        }
        let mut scores = vec![0.0; rows];
        for (task, (p, w)) in probabilities.iter().zip(&self.weights).enumerate() {
            if let Some((row, p)) = p.iter().enumerate().find(|(_, p)| !(0.0..=1.0).contains(*p)) {
                return Err(UtilityError::Probability { task, row, got: *p });
            }
            // A weight of 0 leaves a task out, even where it is sure that nothing happens.
            if *w > 0.0 {
                scores.iter_mut().zip(p).for_each(|(sum, p)| *sum += w * p.max(f64::MIN_POSITIVE).ln());
            }
        }
        Ok(scores)
    }

    /// The mean of value@k over listeners who have anything of value.
    ///
    /// # Errors
    /// As [`Utility::scores`]; [`UtilityError::Worthless`] where nobody has.
    pub fn value_at(&self, k: usize, judged: Judged<'_>) -> Result<f64, UtilityError> {
        let scores = self.scores(judged.probabilities)?;
        let rows = judged.values.len();
        for (what, got) in [("scores", scores.len()), ("listeners", judged.listeners.len())] {
            if got != rows {
                return Err(UtilityError::Shape { what, expected: rows, got });
            }
        }
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by(|a, b| judged.listeners[*a].cmp(&judged.listeners[*b]).then(scores[*b].total_cmp(&scores[*a])));
        let (mut sum, mut listeners) = (0.0, 0u32);
        for own in order.chunk_by(|a, b| judged.listeners[*a] == judged.listeners[*b]) {
            let mut best: Vec<f64> = own.iter().map(|row| judged.values[*row]).collect();
            best.sort_by(|a, b| b.total_cmp(a));
            let best: f64 = best.iter().take(k).sum();
            if best > 0.0 {
                sum += worth(own, &scores, judged.values, k) / best;
                listeners += 1;
            }
        }
        if listeners == 0 { Err(UtilityError::Worthless) } else { Ok(sum / f64::from(listeners)) }
    }

    /// The weights that order a part best, from every task alone and all alike on; rows decide nothing but the weights.
    ///
    /// # Errors
    /// As [`Utility::value_at`].
    pub fn tune(k: usize, judged: Judged<'_>) -> Result<Self, UtilityError> {
        let tasks = judged.probabilities.len();
        let alone = (0..tasks).map(|task| (0..tasks).map(|t| f64::from(u8::from(t == task))).collect());
        let starts: Vec<Vec<f64>> = alone.chain([vec![1.0; tasks]]).collect();
        let mut best = (f64::NEG_INFINITY, Self { weights: vec![1.0; tasks] });
        for weights in starts {
            let start = Self { weights };
            let value = start.value_at(k, judged)?;
            if value > best.0 {
                best = (value, start);
            }
        }
        for _ in 0..PASSES {
            let before = best.0;
            for task in 0..tasks {
                for step in STEPS {
                    let mut tried = best.1.clone();
                    let from = if tried.weights[task] > 0.0 { tried.weights[task] } else { 1.0 };
                    tried.weights[task] = from * step;
                    let value = tried.value_at(k, judged)?;
                    if value > best.0 {
                        best = (value, tried);
                    }
                }
            }
            if best.0 <= before {
                break;
            }
        }
        Ok(best.1)
    }
}

/// What the first `k` rows are worth; rows of one score at the border share what room is left.
fn worth(own: &[usize], scores: &[f64], values: &[f64], k: usize) -> f64 {
    let (mut sum, mut room) = (0.0, k as f64);
    for tied in own.chunk_by(|a, b| scores[*a].total_cmp(&scores[*b]).is_eq()) {
        let all: f64 = tied.iter().map(|row| values[*row]).sum();
        let share = (room / tied.len() as f64).min(1.0);
        sum += share * all;
        room -= tied.len() as f64;
        if room <= 0.0 {
            break;
        }
    }
    sum
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use sottovoce::math::Rng;

    /// Listeners whose songs are worth a click and a finish, which two tasks see with an error of their own.
    fn world(seed: u64) -> (Vec<Vec<f64>>, Vec<f64>, Vec<u32>) {
        let mut rng = Rng::new(seed);
        let (mut p, mut values, mut listeners) = (vec![vec![], vec![]], vec![], vec![]);
        for row in 0..6000 {
            let mut normal = || f64::from((0..12).map(|_| rng.uniform()).sum::<f32>()) - 6.0;
            let (click, finish) = (normal(), normal());
            let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
            p[0].push(sigmoid(click + 0.3 * normal()));
            p[1].push(sigmoid(finish + 0.9 * normal()));
            values.push(f64::from(u8::from(click > 0.5)) * (1.0 + 2.0 * f64::from(u8::from(finish > 0.5))));
            listeners.push(row / 60);
        }
        (p, values, listeners)
    }

    #[test]
    fn weights_from_one_part_order_another_better_than_any_task_alone() {
        let (valid, test) = (world(1), world(2));
        let (p, values, listeners) = &valid;
        let tuned = Utility::tune(10, Judged { probabilities: p, values, listeners }).unwrap();
        let (p, values, listeners) = &test;
        let judged = Judged { probabilities: p, values, listeners };
        let at_10 = |weights: Vec<f64>| Utility { weights }.value_at(10, judged).unwrap();
        let fused = at_10(tuned.weights);
        let (click, finish) = (at_10(vec![1.0, 0.0]), at_10(vec![0.0, 1.0]));
        assert!(fused > click + 0.03 && fused > finish + 0.03, "{fused} {click} {finish}");
    }

    #[test]
    fn ties_share_what_room_is_left() {
        let (p, values, listeners) = (vec![vec![0.9, 0.5, 0.5, 0.5]], vec![1.0, 3.0, 0.0, 0.0], vec![7; 4]);
        let value = Utility { weights: vec![1.0] };
        let value = value.value_at(2, Judged { probabilities: &p, values: &values, listeners: &listeners }).unwrap();
        // The first, and a third of the other three's 3; the best two are worth 4.
        assert!((value - 2.0 / 4.0).abs() < 1e-12, "{value}");
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        let utility = Utility { weights: vec![1.0] };
        assert!(matches!(utility.scores(&[vec![0.2, 1.5]]), Err(UtilityError::Probability { row: 1, .. })));
        assert!(matches!(utility.scores(&[vec![f64::NAN]]), Err(UtilityError::Probability { .. })));
        assert!(matches!(utility.scores(&[]), Err(UtilityError::Shape { .. })));
        let (p, values, listeners) = (vec![vec![0.5]], vec![0.0], vec![1]);
        let nothing = utility.value_at(1, Judged { probabilities: &p, values: &values, listeners: &listeners });
        assert!(matches!(nothing, Err(UtilityError::Worthless)));
    }
}
