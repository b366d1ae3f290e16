//! A small world in which people look at slates from the top and stop somewhere: what samplers claim is held against it (rows X1, X2).
//!
//! A song has features `x` that listeners care about and one, `z`, that only the old ranker does (how new it is, who pays for it). The
//! old ranker orders a slate by `ρ·x·θ/‖θ‖ + √(1−ρ²)·z`. A listener looks at the first song and goes on to the next with probability
//! `γ`; a song that is looked at is clicked with probability `σ(b + κ·x·θ/‖θ‖)`, whatever its place. So the click, given the look, is
//! honest, and the look depends on `z`.
//!
//! Source: Craswell et al., *An Experimental Comparison of Click Position-Bias Models*, WSDM 2008, §3 (a listener goes down the list).

use sottovoce::math::Rng;

/// The world's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct ClickWorld {
    /// How many features listeners care about.
    pub features: usize,
    /// How many songs a slate has.
    pub slate: usize,
    /// `γ`: how probable it is to look one place further.
    pub further: f64,
    /// `b`: the log-odds of a click on an ordinary song that is looked at.
    pub usual: f64,
    /// `κ`: how much taste matters.
    pub taste: f64,
    /// `ρ`: how much of taste the old ranker knows.
    pub ranker: f64,
    /// The seed.
    pub seed: u64,
}

impl Default for ClickWorld {
    fn default() -> Self {
        Self { features: 8, slate: 20, further: 0.85, usual: -0.5, taste: 1.5, ranker: 0.3, seed: 1 }
    }
}

/// What was shown, slate after slate, each from its top.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clicks {
    /// `rows × (features + 1)`: `x`, then `z`.
    pub features: Vec<f32>,
    /// Whether it was clicked.
    pub clicked: Vec<bool>,
    /// Whether it was looked at: no log has this.
    pub looked: Vec<bool>,
    /// The chance of a click if it is looked at: true preference, which no log has either.
    pub preference: Vec<f64>,
}

impl ClickWorld {
    /// Shows so many slates.
    #[must_use]
    pub fn show(&self, slates: usize) -> Clicks {
        let mut rng = Rng::new(self.seed).split("clicks");
        // What listeners care about is the world's, not a draw's: two logs of one seed have one taste.
        let mut taste: Vec<f64> = (0..self.features).map(|_| f64::from(rng.normal())).collect();
        let length = taste.iter().map(|t| t * t).sum::<f64>().sqrt().max(1e-12);
        taste.iter_mut().for_each(|t| *t /= length);
        let mut log = Clicks::default();
        for _ in 0..slates {
            let mut songs: Vec<(f64, Vec<f32>)> = (0..self.slate).map(|_| self.song(&taste, &mut rng)).collect();
            songs.sort_by(|a, b| b.0.total_cmp(&a.0));
            let mut looking = true;
            for (_, song) in songs {
                let liking: f64 = song.iter().zip(&taste).map(|(x, t)| f64::from(*x) * t).sum();
                let preference = 1.0 / (1.0 + libm::exp(-(self.usual + self.taste * liking)));
                let clicked = looking && rng.uniform_f64() < preference;
                log.features.extend_from_slice(&song);
                log.clicked.push(clicked);
                log.looked.push(looking);
                log.preference.push(preference);
                looking = looking && rng.uniform_f64() < self.further;
            }
        }
        log
    }

    /// A song and where the old ranker would have it.
    fn song(&self, taste: &[f64], rng: &mut Rng) -> (f64, Vec<f32>) {
        let song: Vec<f32> = (0..=self.features).map(|_| rng.normal()).collect();
        let liking: f64 = song.iter().zip(taste).map(|(x, t)| f64::from(*x) * t).sum();
        let other = f64::from(song[self.features]);
        (self.ranker * liking + (1.0 - self.ranker * self.ranker).max(0.0).sqrt() * other, song)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_die_away_and_clicks_given_a_look_do_not() {
        let world = ClickWorld { ranker: 0.0, ..ClickWorld::default() };
        let log = world.show(4_000);
        assert_eq!((log.clicked.len(), log.features.len()), (80_000, 80_000 * 9));
        assert!(log.clicked.iter().zip(&log.looked).all(|(clicked, looked)| !clicked || *looked));
        let at = |place: usize, of: &[bool]| (place..80_000).step_by(20).filter(|i| of[*i]).count() as f64;
        assert!((at(0, &log.looked) - 4_000.0).abs() < 0.5);
        assert!((at(4, &log.looked) / 4_000.0 - 0.85f64.powi(4)).abs() < 0.03);
        let rate = |place| at(place, &log.clicked) / at(place, &log.looked);
        assert!((rate(0) - rate(6)).abs() < 0.05, "{} {}", rate(0), rate(6));
    }
}
