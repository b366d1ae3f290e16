//! The door to asking the server for songs, in the full engine; documented in the package's TypeScript face.

use super::recommender::{Recommender, millis};
use crate::client::AskConfig;
use crate::ids::Millis;
use crate::privacy::NoiseKey;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
impl Recommender {
    /// See [`crate::client::Recommender::set_recall_consent`].
    #[wasm_bindgen(js_name = setRecallConsent)]
    pub fn set_recall_consent(&mut self, consent: bool) {
        self.engine.set_recall_consent(consent);
    }

    /// See [`crate::client::Recommender::ask_recall`]; the noise comes from the platform's generator. `pause` in milliseconds.
    #[wasm_bindgen(js_name = askRecall)]
    pub fn ask_recall(&mut self, songs: u32, epsilon: f64, pause: f64, now: f64) -> Result<Option<Vec<u8>>, JsValue> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|_| super::error::with_code("the platform gives no random numbers", "random/unavailable"))?;
        let config = AskConfig { songs, epsilon, pause: Millis(millis(pause).0), ..AskConfig::default() };
        Ok(self.engine.ask_recall(&config, NoiseKey::new(key), millis(now))?.map(<[u8]>::to_vec))
    }

    /// See [`crate::client::Recommender::record_asked`].
    pub fn asked(&mut self, now: f64) {
        self.engine.record_asked(millis(now));
    }

    /// See [`crate::client::Recommender::take_answer`].
    #[wasm_bindgen(js_name = takeAnswer)]
    pub fn take_answer(&mut self, bytes: &[u8]) -> Result<usize, JsValue> {
        Ok(self.engine.take_answer(bytes)?)
    }

    /// See [`crate::client::Recommender::abandon_question`].
    #[wasm_bindgen(js_name = abandonQuestion)]
    pub fn abandon_question(&mut self) {
        self.engine.abandon_question();
    }

    /// See [`crate::client::Recommender::recall_account`]: how many questions, and the sum of `K·ε`.
    #[wasm_bindgen(js_name = recallAccount)]
    #[allow(clippy::cast_precision_loss, reason = "counts stay below 2⁵³")]
    pub fn recall_account(&self) -> Vec<f64> {
        let account = self.engine.recall_account();
        vec![account.questions as f64, account.epsilon]
    }

    /// See [`crate::client::Recommender::recall_state`].
    #[wasm_bindgen(js_name = recallState)]
    pub fn recall_state(&self) -> Vec<u8> {
        self.engine.recall_state()
    }

    /// See [`crate::client::Recommender::restore_recall`].
    #[wasm_bindgen(js_name = restoreRecall)]
    pub fn restore_recall(&mut self, bytes: &[u8], songs: bool) -> Result<usize, JsValue> {
        Ok(self.engine.restore_recall(bytes, songs)?)
    }
}
