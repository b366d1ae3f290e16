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
    /// [`ConfigError`]; nothing changes then.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), ConfigError> {
        let field = FIELDS.iter().find(|field| field.name == name).ok_or(ConfigError::Unknown)?;
        if !(field.low..=field.high).contains(&value) {
            return Err(ConfigError::Range { low: field.low, high: field.high });
        }
        (field.set)(self, value);
        Ok(())
    }
}

/// A field that can be set by name.
struct Field {
    name: &'static str,
    /// The least and the largest value it takes.
    low: f64,
    high: f64,
    set: fn(&mut EngineConfig, f64),
}

const fn field(name: &'static str, low: f64, high: f64, set: fn(&mut EngineConfig, f64)) -> Field {
    Field { name, low, high, set }
}

/// Methods are 0 (DPP), 1 (MMR) and 2 (SSD).
const FIELDS: &[Field] = &[
    field("history", 1.0, 1e5, |c, v| c.history = count(v) as usize),
    field("pool", 1.0, 1e5, |c, v| c.pool = count(v) as usize),
    field("diversity", 0.0, 1.0, |c, v| c.diversity = number(v)),
    field("artistGap", 0.0, 100.0, |c, v| c.artist_gap = count(v) as usize),
    field("session", 0.0, 100.0, |c, v| c.session = number(v)),
    field("halfLifeMinutes", 0.01, 1e6, |c, v| c.half_life_minutes = number(v)),
    field("noRepeat", 1.0, 1e4, |c, v| c.no_repeat = count(v) as usize),
    field("explore", 0.0, 100.0, |c, v| c.explore = number(v)),
    field("exploreBudget", 0.0, 1e9, |c, v| c.explore_budget = count(v)),
    field("personalRate", 0.0, 10.0, |c, v| c.personal_rate = number(v)),
    field("maxPerArtist", 0.0, 1e4, |c, v| c.max_per_artist = count(v)),
    field("complete", 0.0, 10.0, |c, v| c.utility.complete = number(v)),
    field("like", 0.0, 10.0, |c, v| c.utility.like = number(v)),
    field("skip", 0.0, 10.0, |c, v| c.utility.skip = number(v)),
    field("quota", 0.0, 1.0, |c, v| c.quota = count(v) > 0),
    #[cfg(feature = "full")]
    field("method", 0.0, 2.0, |c, v| c.method = [Method::Dpp, Method::Mmr, Method::Ssd][count(v) as usize % 3]),
    #[cfg(feature = "full")]
    field("window", 0.0, 1e4, |c, v| c.window = count(v) as usize),
    #[cfg(feature = "full")]
    field("maxPerStyle", 0.0, 1e4, |c, v| c.max_per_style = count(v)),
    #[cfg(feature = "full")]
    field("stylePrior", 0.0, 1.0, |c, v| c.style_prior = number(v)),
];

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and ranges are checked")]
fn count(value: f64) -> u32 {
    value as u32
}

#[allow(clippy::cast_possible_truncation, reason = "the nearest will do")]
fn number(value: f64) -> f32 {
    value as f32
}

/// Why a setting was refused.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no such field.
    #[error("there is no such setting; see EngineConfig for those there are")]
    Unknown,
    /// The value is outside the field's range.
    #[error("the value is not within {low} to {high}")]
    Range {
        /// The least it takes.
        low: f64,
        /// The largest it takes.
        high: f64,
    },
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
