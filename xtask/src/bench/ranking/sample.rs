//! A few figures of as many seeds: mean, deviation, and an interval of the mean.

use serde_json::{Value, json};

/// Mean and standard deviation; no deviation of one.
pub(super) fn moments(values: &[f64]) -> Option<(f64, f64)> {
    let n = count(values);
    if values.is_empty() {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    Some((mean, if values.len() < 2 { 0.0 } else { (squares / (n - 1.0)).sqrt() }))
}

/// Half the width of the mean's 95 % interval by Student's t; none of fewer than two.
pub(super) fn half_width(values: &[f64]) -> Option<f64> {
    /// `t` at 97.5 % for 1 to 10 degrees of freedom; beyond, the last is a little too wide.
    const T: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    let freedom = values.len().checked_sub(2)?;
    let (_, deviation) = moments(values)?;
    Some(T[freedom.min(T.len() - 1)] * deviation / count(values).sqrt())
}

/// `{"mean", "sd", "n"}`, to five digits.
pub(super) fn of(values: &[f64]) -> Value {
    moments(values).map_or(Value::Null, |(mean, sd)| json!({ "mean": round(mean), "sd": round(sd), "n": values.len() }))
}

/// Five digits behind the point.
pub(super) fn round(value: f64) -> f64 {
    (value * 1e5).round() / 1e5
}

#[allow(clippy::cast_precision_loss, reason = "a handful of seeds")]
fn count(values: &[f64]) -> f64 {
    values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_the_interval_are_the_textbooks() {
        let values = [0.001, 0.002, 0.003, 0.004, 0.005];
        assert_eq!(of(&values), json!({ "mean": 0.003, "sd": 0.00158, "n": 5 }));
        let half = half_width(&values).expect("five values");
        assert!((half - 2.776 * 0.001_581_138_8 / 5f64.sqrt()).abs() < 1e-9, "{half}");
        assert_eq!(half_width(&[1.0]), None);
        assert_eq!(moments(&[]), None);
    }
}
