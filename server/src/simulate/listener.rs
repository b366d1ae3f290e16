//! One simulated listener: the engine that runs in the page, fed from a log.

use crate::data::LoggedEvent;
use sottovoce::client::{self, EngineConfig, Outgoing, Recommender, Resident, UpdateKey};
use sottovoce::ids::Millis;
use sottovoce::session::{Impression, ListenEvent};
use std::sync::Arc;

/// A listener whose past is a log and whose device is the real one.
#[derive(Debug)]
pub struct SimulatedListener {
    engine: Recommender,
}

impl SimulatedListener {
    /// A listener who has lived through `log`. Events of songs that are not in `items` are left out.
    #[must_use]
    pub fn new(items: Arc<Resident>, log: &[LoggedEvent], seed: u64) -> Self {
        // The simulator measures the shared tower, so the personal one keeps still.
        let config = EngineConfig { personal_rate: 0.0, ..EngineConfig::default() };
        let mut engine = Recommender::with_items(config, seed, items);
        for event in log {
            let impression = Impression { song: event.song, slot: 0, at: event.at };
            // An unknown song is an event that this device could not have had.
            let _ = engine.observe(ListenEvent { impression, feedback: event.feedback, at: event.at });
        }
        engine.set_consent(true);
        Self { engine }
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Recommender {
        &self.engine
    }

    /// The engine, for whoever drives it in another way.
    #[must_use]
    pub fn into_engine(self) -> Recommender {
        self.engine
    }

    /// Takes part in a round in the open as a page does: the server's bytes in, the body of the PUT out. `None`: nothing to learn from.
    ///
    /// # Errors
    /// What the engine says to the server's bytes.
    pub fn contribute(
        &mut self,
        offer: &[u8],
        weights: &[u8],
        key: UpdateKey,
        now: Millis,
    ) -> Result<Option<Outgoing>, client::Error> {
        self.engine.receive(offer)?;
        self.engine.receive(weights)?;
        if self.engine.contribute(key)? == 0 {
            return Ok(None);
        }
        self.engine.record_sent(now);
        Ok(self.engine.outbox().cloned())
    }

    /// Hands the server's receipt to the engine.
    ///
    /// # Errors
    /// What the engine says to the bytes.
    pub fn receipt(&mut self, bytes: &[u8]) -> Result<(), client::Error> {
        self.engine.receive(bytes).map(|_| ())
    }
}
