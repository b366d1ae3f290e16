//! The engine as a JavaScript class; every method is documented in the package's TypeScript face.

use super::view::fields;
use super::views;
use crate::client::{self, EngineConfig};
use crate::ids::{Millis, SongId};
use crate::session::{Behaviour, Fraction, Impression, ListenEvent};
use crate::tower::Context;
use wasm_bindgen::prelude::*;

/// The engine, as JavaScript sees it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Recommender {
    pub(super) engine: client::Recommender,
}

pub(super) fn numbers(songs: impl IntoIterator<Item = SongId>) -> Vec<u32> {
    songs.into_iter().map(|song| song.0).collect()
}

pub(super) fn songs(numbers: &[u32]) -> Vec<SongId> {
    numbers.iter().map(|&n| SongId(n)).collect()
}

#[wasm_bindgen]
impl Recommender {
    /// A new engine; `config` may be undefined or name only some fields.
    #[wasm_bindgen(constructor)]
    pub fn new(config: JsValue, seed: u64) -> Result<Recommender, JsValue> {
        let mut engine = EngineConfig::default();
        fields(&config, &mut |name, value| engine.set(name, value).map_err(|e| super::error::setting(name, e)))?;
        Ok(Self { engine: client::Recommender::new(engine, seed) })
    }

    /// See [`client::Recommender::load_shard`].
    #[wasm_bindgen(js_name = loadShard)]
    pub fn load_shard(&mut self, bytes: &[u8]) -> Result<usize, JsValue> {
        Ok(self.engine.load_shard(bytes)?)
    }

    /// See [`client::Recommender::set_context`].
    #[wasm_bindgen(js_name = setContext)]
    pub fn set_context(&mut self, context: JsValue) -> Result<(), JsValue> {
        let mut known = Context::default();
        fields(&context, &mut |name, value| {
            if !known.set(name, value) {
                return Err(super::error::with_code(
                    "context has hour 0 to 23, weekday 0 to 6, device 0 to 6, scene 0 to 7 and locale 0 to 65535",
                    "context/invalid",
                ));
            }
            Ok(())
        })?;
        self.engine.set_context(known);
        Ok(())
    }

    /// See [`client::Recommender::observe`]. `behaviour`: 0 skip, 1 complete, 2 like, 3 dislike, 4 ignore.
    pub fn observe(
        &mut self,
        song: u32,
        slot: u16,
        shown_at: f64,
        at: f64,
        behaviour: u8,
        heard: f32,
    ) -> Result<(), JsValue> {
        let behaviour = Behaviour::from_u8(behaviour).ok_or_else(|| {
            super::error::with_code("behaviour is 0 skip, 1 complete, 2 like, 3 dislike or 4 ignore", "event/behaviour")
        })?;
        let impression = Impression { song: SongId(song), slot, at: millis(shown_at) };
        let feedback = behaviour.feedback(Fraction::new(heard));
        Ok(self.engine.observe(ListenEvent { impression, feedback, at: millis(at) })?)
    }

    /// See [`client::Recommender::undo`]; the song whose event was taken back.
    pub fn undo(&mut self) -> Option<u32> {
        self.engine.undo().map(|event| event.impression.song.0)
    }

    /// Why each song of the last slate is there.
    pub fn explain(&self) -> JsValue {
        views::explain(self.engine.slate()).into()
    }

    /// How many songs are resident.
    pub fn songs(&self) -> usize {
        self.engine.items().len()
    }
}

/// A JavaScript time or id as an integer; NaN and negatives become 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is what is wanted")]
pub(super) fn millis(value: f64) -> Millis {
    Millis(value as u64)
}
