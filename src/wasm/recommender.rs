//! The engine as a JavaScript class; every method is documented in the package's TypeScript face.

use super::views::{ExportView, LedgerView, ReceivedView, export, to_js};
use crate::client::{self, EngineConfig, UpdateKey};
use crate::ids::{Millis, RoundId, SongId};
use crate::session::{Behaviour, Fraction, Impression, ListenEvent};
use crate::tower::Context;
use wasm_bindgen::prelude::*;

/// The engine, as JavaScript sees it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Recommender {
    engine: client::Recommender,
}

/// What one slate is asked for, beside the engine's own way of behaving.
fn request(engine: &client::Recommender, options: &JsValue) -> Result<(EngineConfig, Option<SongId>), JsValue> {
    let (mut config, mut around) = (*engine.config(), None);
    super::views::fields(options, |name, value| {
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

fn numbers(songs: impl IntoIterator<Item = SongId>) -> Vec<u32> {
    songs.into_iter().map(|song| song.0).collect()
}

fn songs(numbers: &[u32]) -> Vec<SongId> {
    numbers.iter().map(|&n| SongId(n)).collect()
}

/// A message that waits to go out.
#[wasm_bindgen(getter_with_clone)]
#[derive(Debug)]
pub struct Outgoing {
    /// Which round.
    #[wasm_bindgen(readonly)]
    pub round: f64,
    /// 32 hex digits.
    #[wasm_bindgen(readonly)]
    pub key: String,
    /// The body to PUT.
    #[wasm_bindgen(readonly)]
    pub bytes: Vec<u8>,
}

#[wasm_bindgen]
impl Recommender {
    /// A new engine; `config` may be undefined or name only some fields.
    #[wasm_bindgen(constructor)]
    pub fn new(config: JsValue, seed: u64) -> Result<Recommender, JsValue> {
        let mut engine = EngineConfig::default();
        super::views::fields(&config, |name, value| {
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

    /// See [`client::Recommender::index`].
    pub fn index(&mut self) {
        self.engine.index();
    }

    /// See [`client::Recommender::load_shard`].
    #[wasm_bindgen(js_name = loadShard)]
    pub fn load_shard(&mut self, bytes: &[u8]) -> Result<usize, JsValue> {
        Ok(self.engine.load_shard(bytes)?)
    }

    /// See [`client::Recommender::receive`].
    pub fn receive(&mut self, bytes: &[u8]) -> Result<JsValue, JsValue> {
        Ok(to_js(&ReceivedView::from(self.engine.receive(bytes)?)))
    }

    /// See [`client::Recommender::set_context`].
    #[wasm_bindgen(js_name = setContext)]
    pub fn set_context(&mut self, context: JsValue) -> Result<(), JsValue> {
        let mut known = Context::default();
        super::views::fields(&context, |name, value| {
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

    /// See [`client::Recommender::import`]; columns of equal length.
    #[wasm_bindgen(js_name = importHistory)]
    pub fn import_history(
        &mut self,
        song: &[u32],
        at: &[f64],
        behaviour: &[u8],
        heard: &[f32],
    ) -> Result<usize, JsValue> {
        let n = song.len();
        if [at.len(), behaviour.len(), heard.len()] != [n; 3] {
            return Err(super::error::with_code("the columns differ in length", "import/columns"));
        }
        let event = |i: usize| {
            let at = millis(at[i]);
            let feedback = Behaviour::from_u8(behaviour[i])?.feedback(Fraction::new(heard[i]));
            Some(ListenEvent { impression: Impression { song: SongId(song[i]), slot: 0, at }, feedback, at })
        };
        Ok(self.engine.import((0..n).filter_map(event)))
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

    /// See [`client::Recommender::interests`].
    pub fn interests(&mut self, k: usize) -> JsValue {
        super::views::interests(self.engine.interests(k))
    }

    /// See [`client::Recommender::less_of`].
    #[wasm_bindgen(js_name = lessOf)]
    pub fn less_of(&mut self, index: usize) -> bool {
        self.engine.less_of(index)
    }

    /// See [`client::Recommender::muted`].
    pub fn muted(&self, k: usize) -> JsValue {
        super::views::muted(self.engine.muted(k))
    }

    /// See [`client::Recommender::unmute`].
    pub fn unmute(&mut self, index: usize) -> bool {
        self.engine.unmute(index)
    }

    /// See [`client::Recommender::portrait`].
    pub fn portrait(&self) -> JsValue {
        super::views::portrait(self.engine.portrait())
    }

    /// See [`client::Recommender::library`], as columns.
    pub fn library(&self) -> JsValue {
        super::views::library(self.engine.library())
    }

    /// See [`client::Recommender::similarity`].
    pub fn similarity(&self, of: &[u32]) -> Vec<f32> {
        self.engine.similarity(&songs(of))
    }

    /// See [`client::Recommender::session_vector`].
    #[wasm_bindgen(js_name = sessionVector)]
    pub fn session_vector(&self, now: f64) -> Vec<f32> {
        self.engine.session_vector(millis(now))
    }

    /// See [`client::Recommender::near`].
    pub fn near(&self, song: u32, k: usize) -> Vec<u32> {
        numbers(self.engine.near(SongId(song), k))
    }

    /// Why each song of the last slate is there.
    pub fn explain(&self) -> JsValue {
        super::views::explain(self.engine.slate())
    }

    /// The embedding of a resident song.
    pub fn embedding(&self, song: u32) -> Option<Vec<f32>> {
        let items = self.engine.items();
        let slot = items.slot(SongId(song))?;
        let mut row = vec![0.0; items.dimension()];
        items.blocks().row(slot, &mut row);
        Some(row)
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

    /// See [`client::Recommender::contribute`]; the update's key comes from the platform's generator.
    pub fn contribute(&mut self) -> Result<usize, JsValue> {
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(|e| super::error::with_code(&e.to_string(), "random/unavailable"))?;
        Ok(self.engine.contribute(UpdateKey(key))?)
    }

    /// See [`client::Recommender::outbox`].
    #[allow(clippy::cast_precision_loss, reason = "round ids stay below 2⁵³")]
    pub fn outbox(&self) -> Option<Outgoing> {
        let outgoing = self.engine.outbox()?;
        Some(Outgoing { round: outgoing.round.0 as f64, key: outgoing.key.to_string(), bytes: outgoing.bytes.clone() })
    }

    /// See [`client::Recommender::abandon`].
    pub fn abandon(&mut self, round: f64) {
        self.engine.abandon(RoundId(millis(round).0));
    }

    /// See [`client::Recommender::record_sent`].
    pub fn sent(&mut self, now: f64) {
        self.engine.record_sent(millis(now));
    }

    /// See [`client::Recommender::record_received`].
    #[wasm_bindgen(js_name = recordDownload)]
    pub fn record_download(&mut self, message: &str, bytes: u32, meaning: &str, now: f64) {
        self.engine.record_received(message, bytes, meaning, millis(now));
    }

    /// See [`client::Recommender::ledger`].
    pub fn ledger(&self) -> JsValue {
        to_js(&LedgerView::from(self.engine.ledger()))
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
        to_js::<ExportView<'_>>(&export(&self.engine))
    }

    /// The remembered events, oldest first.
    pub fn history(&self) -> JsValue {
        to_js(&super::views::history(&self.engine))
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
fn millis(value: f64) -> Millis {
    Millis(value as u64)
}
