//! The floor: what is known without any engine, as sums of smoothed log-odds. Whoever does not beat it has learned nothing.
//!
//! `logit(r) = ln(r/(1 − r))` with `r = (yes + a·m)/(n + a)`, `m` the rate over everything: a song (listener, scene) of few
//! impressions is taken for an ordinary one.

use super::{Label, Shown};

/// Smoothed log-odds of one column's values.
#[derive(Clone, Debug, PartialEq)]
pub struct LogOdds {
    values: Vec<f64>,
    usual: f64,
}

impl LogOdds {
    /// Counts rows of (value, outcome). `smoothing` is `a`, in rows.
    #[must_use]
    pub fn fit(rows: impl Iterator<Item = (u32, bool)> + Clone, smoothing: f64) -> Self {
        let (mut yes, mut n): (Vec<f64>, Vec<f64>) = (vec![], vec![]);
        let (mut all_yes, mut all) = (0.0, 0.0);
        for (value, outcome) in rows {
            let value = value as usize;
            if value >= n.len() {
                yes.resize(value + 1, 0.0);
                n.resize(value + 1, 0.0);
            }
            n[value] += 1.0;
            all += 1.0;
            if outcome {
                yes[value] += 1.0;
                all_yes += 1.0;
            }
        }
        // At least one row of each outcome, so that a logit is a number.
        let rate = (all_yes + 1.0) / (all + 2.0);
        let logit = |r: f64| libm::log(r / (1.0 - r));
        let values = yes.iter().zip(&n).map(|(yes, n)| logit((yes + smoothing * rate) / (n + smoothing)));
        Self { values: values.collect(), usual: logit(rate) }
    }

    /// The log-odds of a value; those of everything for a value that was never seen.
    #[must_use]
    pub fn of(&self, value: u32) -> f64 {
        self.values.get(value as usize).copied().unwrap_or(self.usual)
    }

    /// The log-odds of everything.
    #[must_use]
    pub fn usual(&self) -> f64 {
        self.usual
    }
}

/// Log-odds of one label by song, scene and listener.
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    /// By song: what a server may tell every device.
    pub song: LogOdds,
    /// By scene (KuaiRand's `tab`).
    pub scene: LogOdds,
    /// By listener: what only a server that holds everyone's log knows.
    pub listener: LogOdds,
}

impl Prior {
    /// Counts these impressions.
    #[must_use]
    pub fn fit<'a>(shown: impl Iterator<Item = &'a Shown> + Clone, label: Label, smoothing: f64) -> Self {
        let column = |of: fn(&Shown) -> u32| LogOdds::fit(shown.clone().map(|s| (of(s), label.of(s))), smoothing);
        Self { song: column(|s| s.song.0), scene: column(|s| s.scene), listener: column(|s| s.listener.0) }
    }

    /// What is known of an impression without its listener, as the log-odds of its outcome.
    #[must_use]
    pub fn of_song(&self, shown: &Shown) -> f64 {
        self.song.of(shown.song.0) + self.scene.of(shown.scene) - self.scene.usual()
    }

    /// The floor: song, scene and listener added up.
    #[must_use]
    pub fn floor(&self, shown: &Shown) -> f64 {
        self.song.of(shown.song.0) + self.scene.of(shown.scene) + self.listener.of(shown.listener.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_are_drawn_to_the_rate_of_all() {
        // Value 0: 1 of 1; value 2: 80 of 100; value 1 never.
        let rows = (0..101).map(|i| if i == 0 { (0, true) } else { (2, i <= 80) });
        let odds = LogOdds::fit(rows, 10.0);
        let rate = 82.0 / 103.0;
        let logit = |r: f64| libm::log(r / (1.0 - r));
        assert!((odds.of(0) - logit((1.0 + 10.0 * rate) / 11.0)).abs() < 1e-12);
        assert!((odds.of(2) - logit((80.0 + 10.0 * rate) / 110.0)).abs() < 1e-12);
        assert!((odds.of(1) - odds.usual()).abs() < 1e-9 && (odds.of(99) - odds.usual()).abs() < 1e-12);
    }
}
