//! The door of `sottovoce/slim`: ranking alone. Only numbers pass, so that the page carries no table of JavaScript values; names, errors
//! and sentences are in the package's TypeScript face.

use crate::client::{EngineConfig, Ranker};
use crate::ids::{Millis, SongId};
use crate::session::{Behaviour, Fraction, Impression, ListenEvent};
use wasm_bindgen::prelude::*;

/// The ranking, as JavaScript sees it.
#[wasm_bindgen(js_name = Recommender)]
#[derive(Debug)]
pub struct Slim {
    engine: Ranker,
}

#[wasm_bindgen(js_class = Recommender)]
impl Slim {
    /// A new ranking. `settings`: pool, diversity, artist gap, session, half-life in minutes, no repeat, explore, explore budget; NaN is
    /// the usual, and so is what is left out.
    #[wasm_bindgen(constructor)]
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    pub fn new(settings: &[f32]) -> Self {
        let mut config = EngineConfig::default();
        for (field, &value) in settings.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
            let count = value as u32;
            match field {
                0 => config.pool = count as usize,
                1 => config.diversity = value,
                2 => config.artist_gap = count as usize,
                3 => config.session = value,
                4 => config.half_life_minutes = value,
                5 => config.no_repeat = count as usize,
                6 => config.explore = value,
                _ => config.explore_budget = count,
            }
        }
        Self { engine: Ranker::new(config) }
    }

    /// See [`Ranker::load_shard`]; a refusal is its number below 0.
    #[wasm_bindgen(js_name = loadShard)]
    #[must_use]
    pub fn load_shard(&mut self, bytes: &[u8]) -> i32 {
        match self.engine.load_shard(bytes) {
            Ok(new) => i32::try_from(new).unwrap_or(i32::MAX),
            Err(refused) => -i32::from(refused as u8),
        }
    }

    /// See [`Ranker::observe`]; false too for a behaviour that is none. `behaviour`: 0 skip, 1 complete, 2 like, 3 dislike, 4 ignore.
    #[must_use]
    pub fn observe(&mut self, song: u32, slot: u16, shown_at: f64, at: f64, behaviour: u8, heard: f32) -> bool {
        Behaviour::from_u8(behaviour).is_some_and(|behaviour| {
            let impression = Impression { song: SongId(song), slot, at: millis(shown_at) };
            let feedback = behaviour.feedback(Fraction::new(heard));
            self.engine.observe(ListenEvent { impression, feedback, at: millis(at) })
        })
    }

    /// See [`Ranker::undo`]; the song whose event was taken back, or −1.
    pub fn undo(&mut self) -> f64 {
        self.engine.undo().map_or(-1.0, |song| song.0.into())
    }

    /// See [`Ranker::recommend`].
    pub fn recommend(&mut self, candidates: Option<Vec<u32>>, k: usize, now: f64) -> Vec<u32> {
        let candidates: Option<Vec<SongId>> = candidates.map(|songs| songs.into_iter().map(SongId).collect());
        self.engine.recommend(candidates.as_deref(), k, millis(now)).iter().map(|ranked| ranked.song.0).collect()
    }

    /// The songs of the last list, nine numbers each: song, session, diversity, popularity, explore, weight, forgone, why, and the rule
    /// (0 none, 1 passed over, 2 gap relaxed).
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "song numbers stay within 2²⁴")]
    pub fn explain(&self) -> Vec<f32> {
        let mut rows = Vec::new();
        for r in self.engine.ranked() {
            let rule = if r.relaxed { 2.0 } else { f32::from(u8::from(r.passed_over)) };
            let why = f32::from(r.why as u8);
            let song = r.song.0 as f32;
            rows.extend_from_slice(&[
                song,
                r.session,
                r.diversity,
                r.popularity,
                r.explore,
                r.weight,
                r.forgone,
                why,
                rule,
            ]);
        }
        rows
    }

    /// How many songs are resident.
    #[must_use]
    pub fn songs(&self) -> usize {
        self.engine.len()
    }
}

/// A JavaScript time as an integer; NaN and negatives become 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is what is wanted")]
fn millis(value: f64) -> Millis {
    Millis(value as u64)
}
