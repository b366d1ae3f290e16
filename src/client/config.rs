//! How the engine behaves; every field has a default that a player can live with.

/// How the engine behaves.
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(target_arch = "wasm32", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(target_arch = "wasm32", serde(default, deny_unknown_fields, rename_all = "camelCase"))]
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
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            history: 500,
            pool: 500,
            diversity: 0.3,
            artist_gap: 3,
            session: 1.5,
            half_life_minutes: 20.0,
            no_repeat: 40,
            explore: 0.05,
            explore_budget: 20,
            personal_rate: 0.05,
        }
    }
}
