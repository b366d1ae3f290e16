//! One simulated device in secure rounds: it does what its engine asks for, as a page does, over whatever wire it is given.

use super::SimulatedListener;
use chacha20::ChaCha20Rng;
use serde::Deserialize;
use sottovoce::client::secure::{Errand, RoundState};
use sottovoce::client::{self, Recommender};
use sottovoce::ids::Millis;
use sottovoce::protocol::{CandidateBlock, Message as _};
use std::future::Future;

/// What came back: a status of HTTP (0 for no answer at all) and a body.
pub type Reply = (u16, Vec<u8>);

/// How a device reaches its server. The bytes are those of HTTP; whether a socket lies in between is nobody's business.
pub trait Wire: Send + Sync {
    /// `body` is what is sent, `None` asks. `path` is relative to the server's own.
    fn request(&self, path: &str, body: Option<Vec<u8>>) -> impl Future<Output = Reply> + Send;
}

/// A device with its listener, its secrets and its store, which here is memory.
#[derive(Debug)]
pub struct RoundDevice {
    engine: Recommender,
    rng: ChaCha20Rng,
    /// ETags of the shards that its songs came in; of those that it was made with it knows none.
    held: Vec<String>,
}

/// What there is to download, as far as a device reads it.
#[derive(Debug, Deserialize)]
struct Manifest {
    shards: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    etag: String,
    embeddings: String,
}

impl RoundDevice {
    /// Of a listener; `rng` is a cryptographic source whose draws nobody else sees.
    #[must_use]
    pub fn new(listener: SimulatedListener, rng: ChaCha20Rng) -> Self {
        Self { engine: listener.into_engine(), rng, held: Vec::new() }
    }

    /// The engine.
    pub fn engine(&mut self) -> &mut Recommender {
        &mut self.engine
    }

    /// Where its rounds stand.
    #[must_use]
    pub fn state(&self) -> RoundState {
        self.engine.round_state()
    }

    /// Does what is to be done until there is nothing now. Says when to ask again.
    ///
    /// # Errors
    /// What the engine says to an answer of ours: never on a whole wire.
    pub async fn errands(
        &mut self,
        wire: &impl Wire,
        now: impl Fn() -> Millis,
    ) -> Result<Option<Millis>, client::Error> {
        while let Some(errand) = self.engine.round_errand(now(), &mut self.rng)? {
            match errand {
                Errand::Get { path, message } => {
                    if message == CandidateBlock::NAME {
                        self.renew(wire).await?; // a vertical round moves the songs, and is trained where they are now
                    }
                    let (status, body) = wire.request(&path, None).await;
                    self.engine.round_answer(status, &body, now())?;
                }
                Errand::Put { path, body, .. } => {
                    let (status, body) = wire.request(&path, Some(body)).await;
                    if status != 0 {
                        self.engine.round_sent(now());
                    }
                    self.engine.round_answer(status, &body, now())?;
                }
                Errand::Keep { bytes } => self.engine.round_kept(&bytes)?,
                Errand::Mask { .. } => self.engine.round_stream(&[])?, // the processor's own AES is as good as any
            }
        }
        Ok(self.engine.round_state().retry_at)
    }

    /// Fetches the shards that are others than before. Where the catalogue does not come, the songs stay where they are.
    async fn renew(&mut self, wire: &impl Wire) -> Result<(), client::Error> {
        let (200, body) = wire.request("v1/catalogue", None).await else { return Ok(()) };
        let Ok(Manifest { shards }) = serde_json::from_slice(&body) else { return Ok(()) };
        for (i, Entry { etag, embeddings }) in shards.iter().enumerate() {
            if self.held.get(i) == Some(etag) {
                continue;
            }
            let (200, shard) = wire.request(embeddings.trim_start_matches('/'), None).await else { return Ok(()) };
            self.engine.load_shard(&shard)?;
        }
        self.held = shards.into_iter().map(|shard| shard.etag).collect();
        Ok(())
    }
}
