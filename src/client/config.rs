//! How the engine behaves; every field has a default that a player can live with.

use crate::rerank::Method;
use crate::tower::Utility;

/// How the engine behaves.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct EngineConfig {
    /// How many events are remembered, and can be learned from.
    pub history: usize,
    /// How many candidates survive scoring and reach the re-ranker.
    pub pool: usize,
    /// How strongly the re-ranker weighs diversity, from 0 (relevance alone) to 1.
    pub diversity: f32,
    /// At least so many slots between two songs of one artist.
    pub artist_gap: usize,
    /// `γ`: weight of this session's decayed memory, in standard deviations of the tower's scores.
    pub session: f32,
    /// How long until an event counts half, in minutes.
    pub half_life_minutes: f32,
    /// A song heard among the last so many events is not proposed again.
    pub no_repeat: usize,
    /// Weight of the bonus for songs that few have heard, in the same units; 0 turns exploring off.
    pub explore: f32,
    /// From so many plays on, a song gets no bonus.
    pub explore_budget: u32,
    /// Step size of the personal weights after each event; 0 turns it off.
    pub personal_rate: f32,
    /// How the slate weighs sameness.
    pub method: Method,
    /// How many of the latest slots a song should differ from; 0 is all of them.
    pub window: usize,
    /// At most so many songs of one artist in a slate; 0 is no bound.
    pub max_per_artist: u32,
    /// At most so many songs of one style in a slate; 0 is no bound.
    pub max_per_style: u32,
    /// How much more alike two songs of one style count than their embeddings say.
    pub style_prior: f32,
    /// Whether each interest has an equal share of the pool.
    pub quota: bool,
    /// How much hearing to the end, liking and skipping count.
    pub utility: Utility,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            history: 2000,
            pool: 500,
            diversity: 0.3,
            artist_gap: 3,
            session: 1.5,
            half_life_minutes: 20.0,
            no_repeat: 40,
            explore: 0.05,
            explore_budget: 20,
            personal_rate: 0.05,
            method: Method::Dpp,
            window: 0,
            max_per_artist: 0,
            max_per_style: 0,
            style_prior: 0.0,
            quota: false,
            utility: Utility::default(),
        }
    }
}

impl EngineConfig {
    /// Sets one field by the name that other languages use (`halfLifeMinutes`). Counts are cut to whole numbers.
    ///
    /// # Errors
    /// The field's allowed range, or that there is no such field.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), &'static str> {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and ranges are checked"
        )]
        let (count, number) = (value as u32, value as f32);
        let within = |low: f64, high: f64| (low..=high).contains(&value);
        match name {
            "history" if within(1.0, 1e5) => self.history = count as usize,
            "history" => return Err("history is 1 to 100000"),
            "pool" if within(1.0, 1e5) => self.pool = count as usize,
            "pool" => return Err("pool is 1 to 100000"),
            "diversity" if within(0.0, 1.0) => self.diversity = number,
            "diversity" => return Err("diversity is 0 to 1"),
            "artistGap" if within(0.0, 100.0) => self.artist_gap = count as usize,
            "artistGap" => return Err("artistGap is 0 to 100"),
            "session" if within(0.0, 100.0) => self.session = number,
            "session" => return Err("session is 0 to 100"),
            "halfLifeMinutes" if within(0.01, 1e6) => self.half_life_minutes = number,
            "halfLifeMinutes" => return Err("halfLifeMinutes is 0.01 to 1000000"),
            "noRepeat" if within(1.0, 1e4) => self.no_repeat = count as usize,
            "noRepeat" => return Err("noRepeat is 1 to 10000"),
            "explore" if within(0.0, 100.0) => self.explore = number,
            "explore" => return Err("explore is 0 to 100"),
            "exploreBudget" if within(0.0, 1e9) => self.explore_budget = count,
            "exploreBudget" => return Err("exploreBudget is 0 to 1000000000"),
            "personalRate" if within(0.0, 10.0) => self.personal_rate = number,
            "personalRate" => return Err("personalRate is 0 to 10"),
            "method" if within(0.0, if cfg!(feature = "full") { 2.0 } else { 0.0 }) => {
                self.method = [Method::Dpp, Method::Mmr, Method::Ssd][count as usize % 3];
            }
            "method" => return Err("method is 0 (DPP), and in the full engine 1 (MMR) or 2 (SSD)"),
            "window" if within(0.0, 1e4) => self.window = count as usize,
            "window" => return Err("window is 0 (all) to 10000"),
            "maxPerArtist" if within(0.0, 1e4) => self.max_per_artist = count,
            "maxPerArtist" => return Err("maxPerArtist is 0 (no bound) to 10000"),
            "maxPerStyle" if within(0.0, 1e4) => self.max_per_style = count,
            "maxPerStyle" => return Err("maxPerStyle is 0 (no bound) to 10000"),
            "stylePrior" if within(0.0, 1.0) => self.style_prior = number,
            "stylePrior" => return Err("stylePrior is 0 to 1"),
            "quota" if within(0.0, 1.0) => self.quota = count > 0,
            "quota" => return Err("quota is 0 or 1"),
            "complete" if within(0.0, 10.0) => self.utility.complete = number,
            "complete" => return Err("complete is 0 to 10"),
            "like" if within(0.0, 10.0) => self.utility.like = number,
            "like" => return Err("like is 0 to 10"),
            "skip" if within(0.0, 10.0) => self.utility.skip = number,
            "skip" => return Err("skip is 0 to 10"),
            _ => {
                return Err("no such field: history, pool, diversity, artistGap, session, halfLifeMinutes, noRepeat, \
                            explore, exploreBudget, personalRate, method, window, maxPerArtist, maxPerStyle, stylePrior, quota, complete, like \
                            or skip");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_set_by_name_within_their_range() {
        let mut config = EngineConfig::default();
        assert_eq!(config.set("artistGap", 5.0), Ok(()));
        assert_eq!(config.artist_gap, 5);
        for (name, value) in [("diversity", 1.5), ("pool", f64::NAN), ("history", 0.0), ("artist_gap", 1.0)] {
            let before = config;
            assert!(config.set(name, value).is_err(), "{name} = {value}");
            assert_eq!(config, before);
        }
    }
}
