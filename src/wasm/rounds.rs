//! The door to the rounds, in the full engine; documented in the package's TypeScript face.

use super::recommender::{Recommender, millis};
use crate::client::UpdateKey;
use crate::ids::RoundId;
use wasm_bindgen::prelude::*;

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
    /// See [`client::Recommender::contribute`]; the update's key comes from the platform's generator.
    pub fn contribute(&mut self) -> Result<usize, JsValue> {
        let mut key = [0; 16];
        getrandom::fill(&mut key)
            .map_err(|_| super::error::with_code("the platform gives no random numbers", "random/unavailable"))?;
        Ok(self.engine.contribute(UpdateKey(key))?)
    }

    /// See [`client::Recommender::outbox`].
    #[allow(clippy::cast_precision_loss, reason = "round ids stay below 2⁵³")]
    pub fn outbox(&self) -> Option<Outgoing> {
        let outgoing = self.engine.outbox()?;
        Some(Outgoing { round: outgoing.round.0 as f64, key: outgoing.key.hex(), bytes: outgoing.bytes.clone() })
    }

    /// See [`client::Recommender::abandon`].
    pub fn abandon(&mut self, round: f64) {
        self.engine.abandon(RoundId(millis(round).0));
    }

    /// See [`client::Recommender::record_sent`].
    pub fn sent(&mut self, now: f64) {
        self.engine.record_sent(millis(now));
    }
}
