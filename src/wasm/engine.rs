//! The door beyond bare ranking: weights, scenes, the ledger, the saved state; documented in the package's TypeScript face.

use super::recommender::{Recommender, millis, numbers, songs};
use super::view::fields;
use super::views;
use crate::client::{self, EngineConfig};
use crate::ids::SongId;
use wasm_bindgen::prelude::*;

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
        config.set(name, value).map_err(|e| super::error::setting(name, e))
    })?;
    Ok((config, around))
}

#[wasm_bindgen]
impl Recommender {
    /// See [`client::Recommender::configure`]; fields that are not named stay.
    pub fn configure(&mut self, config: JsValue) -> Result<(), JsValue> {
        let (config, _) = request(&self.engine, &config)?;
        self.engine.configure(config);
        Ok(())
    }

    /// See [`client::Recommender::receive`].
    pub fn receive(&mut self, bytes: &[u8]) -> Result<JsValue, JsValue> {
        Ok(views::received(self.engine.receive(bytes)?).into())
    }

    /// See [`client::Recommender::recommend_with`]; `options` are fields of the configuration for this one slate, and `around`.
    pub fn recommend(
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

    /// See [`client::Recommender::ledger`].
    pub fn ledger(&self) -> JsValue {
        views::ledger(self.engine.ledger()).into()
    }

    /// See [`client::Recommender::record_received`].
    #[wasm_bindgen(js_name = recordDownload)]
    pub fn record_download(&mut self, message: &str, bytes: u32, meaning: &str, now: f64) {
        self.engine.record_received(message, bytes, meaning, millis(now));
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

    /// The remembered events, oldest first.
    pub fn history(&self) -> JsValue {
        views::history(&self.engine).into()
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

    /// See [`client::Recommender::consent`].
    pub fn consent(&self) -> bool {
        self.engine.consent()
    }

    /// See [`client::Recommender::set_consent`].
    #[wasm_bindgen(js_name = setConsent)]
    pub fn set_consent(&mut self, consent: bool) {
        self.engine.set_consent(consent);
    }
}
