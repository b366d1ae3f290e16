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

/// What one slate is asked for, beside the engine's own way of behaving.
fn request(engine: &client::Recommender, options: &JsValue) -> Result<(EngineConfig, Option<SongId>), JsValue> {
    let (mut config, mut around) = (*engine.config(), None);
    fields(options, &mut |name, value| {
        if name == "around" {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
            let song = value as u32;
            around = Some(SongId(song));
            return Ok(());
        }
        config.set(name, value).map_err(|e| super::error::with_code(e, "config/invalid"))
    })?;
    Ok((config, around))
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
        fields(&config, &mut |name, value| {
            engine.set(name, value).map_err(|e| super::error::with_code(e, "config/invalid"))
        })?;
        Ok(Self { engine: client::Recommender::new(engine, seed) })
    }

    /// See [`client::Recommender::configure`]; fields that are not named stay.
    pub fn configure(&mut self, config: JsValue) -> Result<(), JsValue> {
        let (config, _) = request(&self.engine, &config)?;
        self.engine.configure(config);
        Ok(())
    }

    /// See [`client::Recommender::load_shard`].
    #[wasm_bindgen(js_name = loadShard)]
    pub fn load_shard(&mut self, bytes: &[u8]) -> Result<usize, JsValue> {
        Ok(self.engine.load_shard(bytes)?)
    }

    /// See [`client::Recommender::receive`].
    pub fn receive(&mut self, bytes: &[u8]) -> Result<JsValue, JsValue> {
        Ok(views::received(self.engine.receive(bytes)?).into())
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

    /// See [`client::Recommender::recommend`].
    pub fn recommend(&mut self, candidates: Option<Vec<u32>>, k: usize, now: f64) -> Vec<u32> {
        let candidates = candidates.map(|c| songs(&c));
        numbers(self.engine.recommend(candidates.as_deref(), k, millis(now)).songs())
    }

    /// See [`client::Recommender::recommend_with`]; `options` are fields of the configuration for this one slate, and `around`.
    #[wasm_bindgen(js_name = recommendWith)]
    pub fn recommend_with(
        &mut self,
        candidates: Option<Vec<u32>>,
        k: usize,
        now: f64,
        options: JsValue,
    ) -> Result<Vec<u32>, JsValue> {
        let (config, around) = request(&self.engine, &options)?;
        let candidates = candidates.map(|c| songs(&c));
        let request = client::Request { candidates: candidates.as_deref(), k, now: millis(now), around };
        Ok(numbers(self.engine.recommend_with(&config, request).songs()))
    }

    /// Why each song of the last slate is there.
    pub fn explain(&self) -> JsValue {
        views::explain(self.engine.slate()).into()
    }

    /// See [`client::Recommender::record_received`].
    #[wasm_bindgen(js_name = recordDownload)]
    pub fn record_download(&mut self, message: &str, bytes: u32, meaning: &str, now: f64) {
        self.engine.record_received(message, bytes, meaning, millis(now));
    }

    /// See [`client::Recommender::ledger`].
    pub fn ledger(&self) -> JsValue {
        views::ledger(self.engine.ledger()).into()
    }

    /// See [`client::Recommender::weights_version`].
    #[wasm_bindgen(js_name = weightsVersion)]
    #[allow(clippy::cast_precision_loss, reason = "versions stay below 2⁵³")]
    pub fn weights_version(&self) -> Option<f64> {
        self.engine.weights_version().map(|v| v.0 as f64)
    }

    /// Whether the round on offer starts from other weights than held.
    #[wasm_bindgen(js_name = needsWeights)]
    pub fn needs_weights(&self) -> bool {
        match (self.engine.offer(), self.engine.weights_version()) {
            (Some(offer), held) => held != Some(offer.weights),
            (None, held) => held.is_none(),
        }
    }

    /// See [`client::Recommender::snapshot`].
    pub fn snapshot(&self) -> Vec<u8> {
        self.engine.snapshot()
    }

    /// See [`client::Recommender::restore`].
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), JsValue> {
        Ok(self.engine.restore(bytes)?)
    }

    /// Everything the engine knows of the listener, as an object.
    #[wasm_bindgen(js_name = exportData)]
    pub fn export_data(&self) -> JsValue {
        views::export(&self.engine).into()
    }

    /// See [`client::Recommender::forget`].
    #[wasm_bindgen(js_name = deleteData)]
    pub fn delete_data(&mut self) {
        self.engine.forget();
    }

    /// How many events were ever observed.
    #[allow(clippy::cast_precision_loss, reason = "counts stay below 2⁵³")]
    pub fn seen(&self) -> f64 {
        self.engine.heard() as f64
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
