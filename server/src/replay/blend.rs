//! How much each thing that is known counts: logistic regression by Newton's method, fitted on days before the test.

use nalgebra::{DMatrix, DVector};

/// Weights of a few columns, and a constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Logistic {
    /// The constant first.
    pub weights: Vec<f64>,
}

impl Logistic {
    /// Fits rows of `width` columns. A ridge of one row keeps a column that says nothing near 0.
    #[must_use]
    pub fn fit(rows: &[Vec<f64>], outcomes: &[bool], width: usize) -> Self {
        let d = width + 1;
        let mut weights = DVector::zeros(d);
        for _ in 0..25 {
            let mut gradient: DVector<f64> = -&weights;
            let mut curvature = DMatrix::identity(d, d);
            for (row, outcome) in rows.iter().zip(outcomes) {
                let x = DVector::from_fn(d, |i, _| if i == 0 { 1.0 } else { row[i - 1] });
                let p = 1.0 / (1.0 + libm::exp(-weights.dot(&x)));
                gradient.axpy(f64::from(u8::from(*outcome)) - p, &x, 1.0);
                curvature.ger(p * (1.0 - p), &x, &x, 1.0);
            }
            let Some(step) = curvature.cholesky().map(|c| c.solve(&gradient)) else { break };
            weights += &step;
            if step.norm() < 1e-9 {
                break;
            }
        }
        Self { weights: weights.iter().copied().collect() }
    }

    /// The log-odds of a row.
    #[must_use]
    pub fn of(&self, row: &[f64]) -> f64 {
        self.weights[0] + self.weights[1..].iter().zip(row).map(|(w, x)| w * x).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sottovoce::math::Rng;

    #[test]
    fn finds_the_weights_that_made_the_rows() {
        let mut rng = Rng::new(3);
        let truth = [-1.0, 0.8, 0.0, -0.5];
        let rows: Vec<Vec<f64>> = (0..30_000).map(|_| (0..3).map(|_| f64::from(rng.normal())).collect()).collect();
        let outcomes: Vec<bool> = rows
            .iter()
            .map(|row| {
                let z: f64 = truth[0] + truth[1..].iter().zip(row).map(|(w, x)| w * x).sum::<f64>();
                f64::from(rng.uniform()) < 1.0 / (1.0 + libm::exp(-z))
            })
            .collect();
        let fitted = Logistic::fit(&rows, &outcomes, 3);
        for (got, want) in fitted.weights.iter().zip(truth) {
            assert!((got - want).abs() < 0.06, "{:?}", fitted.weights);
        }
        // Outcomes that a line parts would send the weights to infinity; the ridge holds them.
        let parted = Logistic::fit(&[vec![1.0], vec![-1.0]], &[true, false], 1);
        assert!(parted.weights.iter().all(|w| w.is_finite()) && parted.of(&[1.0]) > 0.0);
    }
}
