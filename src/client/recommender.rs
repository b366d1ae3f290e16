//! The engine: one listener, one device. Bytes and events come in, slates and messages come out; fetch, storage and the clock
//! belong to the caller.

use super::learn::{Past, Remembered, personal_step};
use super::ranking::{Ranking, session};
use super::round::{Invited, Outgoing, UpdateKey};
use super::store::Snapshot;
use super::{EngineConfig, Error, Resident};
use crate::ids::{Millis, RoundId, SongId, WeightsVersion};
use crate::math::Rng;
use crate::privacy::{Direction, Ledger, LedgerEntry};
use crate::protocol::{
    CatalogueShard, Message, Receipt, RoundOffer, TowerShape, TowerWeights, WeightUpdate, decode, kind,
};
use crate::rerank::Slate;
use crate::session::{ListenEvent, Session};
use crate::tower::{Context, Embedding, TowerInput, UserTower};
use std::sync::Arc;

/// What a message from the server was.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Received {
    /// New shared weights are in place.
    Weights(WeightsVersion),
    /// A round is on offer.
    Offer(RoundOffer),
    /// The answer to an update.
    Receipt(Receipt),
}

/// A recommender for one listener.
///
/// # Example
/// ```
/// use sottovoce::client::{EngineConfig, Recommender};
/// use sottovoce::ids::*;
/// use sottovoce::protocol::{self, CatalogueShard};
///
/// let mut engine = Recommender::new(EngineConfig::default(), 7);
/// let shard = CatalogueShard {
///     index: 0,
///     dimension: 2,
///     songs: (0..4).map(SongId).collect(),
///     artists: (0..4).map(ArtistId).collect(),
///     popularity: vec![0.1, 0.2, 0.9, 0.4],
///     scales: vec![0.01; 4],
///     plays: vec![3; 4],
///     rows: vec![100, 0, 0, 100, 70, 70, -100, 0],
/// };
/// engine.load_shard(&protocol::encode(&shard))?;
/// let slate = engine.recommend(None, 3, Millis(0));
/// assert_eq!(slate.placements().len(), 3);
/// # Ok::<(), sottovoce::client::Error>(())
/// ```
#[derive(Debug)]
pub struct Recommender {
    config: EngineConfig,
    rng: Rng,
    items: Arc<Resident>,
    tower: Option<(WeightsVersion, TowerShape, UserTower)>,
    context: Context,
    history: Vec<Remembered>,
    heard: u64,
    session: Session,
    embedding: Option<Embedding>,
    ranking: Ranking,
    consent: bool,
    invited: Option<Invited>,
    outgoing: Option<Outgoing>,
    contributed: Option<RoundId>,
    ledger: Ledger,
}

impl Recommender {
    /// A new listener. All randomness comes from `seed`: the same seed and the same inputs give the same bits.
    #[must_use]
    pub fn new(config: EngineConfig, seed: u64) -> Self {
        Self::with_items(config, seed, Arc::default())
    }

    /// As [`Recommender::new`], over songs that are loaded already and may be shared between many listeners (the simulator).
    #[must_use]
    pub fn with_items(config: EngineConfig, seed: u64, items: Arc<Resident>) -> Self {
        Self {
            config,
            rng: Rng::new(seed),
            session: session(&config, items.dimension()),
            items,
            tower: None,
            context: Context::default(),
            history: Vec::new(),
            heard: 0,
            embedding: None,
            ranking: Ranking::default(),
            consent: false,
            invited: None,
            outgoing: None,
            contributed: None,
            ledger: Ledger::default(),
        }
    }

    /// Takes a catalogue shard in; returns how many songs were new.
    ///
    /// # Errors
    /// [`Error::Decode`], [`Error::ShardDimension`]; nothing changes then.
    pub fn load_shard(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let shard: CatalogueShard = decode(bytes)?;
        let first = self.items.is_empty();
        if let (true, Some((_, shape, _))) = (first, &self.tower)
            && shape.dimension != shard.dimension
        {
            return Err(Error::WeightsDimension { weights: shape.dimension as usize, songs: shard.dimension as usize });
        }
        let resident = self.items.dimension();
        let added = Arc::make_mut(&mut self.items).add(&shard).ok_or(Error::ShardDimension {
            index: shard.index,
            dimension: shard.dimension,
            resident,
        })?;
        // Events may have been restored before their songs came.
        self.replay_session();
        Ok(added)
    }

    /// Takes a message from the server: weights, a round offer or a receipt.
    ///
    /// # Errors
    /// [`Error::Decode`], [`Error::NotADownlink`], [`Error::WeightsLength`], [`Error::WeightsDimension`]; nothing changes then.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Received, Error> {
        match kind(bytes)? {
            TowerWeights::KIND => self.take_weights(&decode::<TowerWeights>(bytes)?).map(Received::Weights),
            RoundOffer::KIND => {
                let offer: RoundOffer = decode(bytes)?;
                self.invited = Some(Invited::new(offer));
                Ok(Received::Offer(offer))
            }
            Receipt::KIND => {
                let receipt: Receipt = decode(bytes)?;
                self.outgoing = self.outgoing.take().filter(|o| !o.answered_by(&receipt));
                Ok(Received::Receipt(receipt))
            }
            kind => Err(Error::NotADownlink { kind }),
        }
    }

    fn take_weights(&mut self, weights: &TowerWeights) -> Result<WeightsVersion, Error> {
        let songs = self.items.dimension();
        if !self.items.is_empty() && songs != weights.shape.dimension as usize {
            return Err(Error::WeightsDimension { weights: weights.shape.dimension as usize, songs });
        }
        let mut tower = tower(weights.shape, &weights.values)?;
        if let Some((_, shape, old)) = &self.tower
            && *shape == weights.shape
        {
            let shared = tower.shared().len();
            tower.weights_mut()[shared..].copy_from_slice(old.personal());
        }
        self.tower = Some((weights.version, weights.shape, tower));
        self.embedding = None;
        Ok(weights.version)
    }

    /// Tells the engine the listener's surroundings. They stay on the device.
    pub fn set_context(&mut self, context: Context) {
        if self.context != context {
            self.context = context;
            self.embedding = None;
        }
    }

    /// Takes note of what the listener did: the session moves at once, the personal weights take a step.
    ///
    /// # Errors
    /// [`Error::UnknownSong`] if the song is not resident; nothing changes then.
    pub fn observe(&mut self, event: ListenEvent) -> Result<(), Error> {
        let song = event.impression.song;
        let slot = self.items.slot(song).ok_or(Error::UnknownSong { song })?;
        self.push_to_session(&event, slot);
        if self.history.len() >= self.config.history.max(1) {
            self.history.remove(0);
        }
        self.history.push(Remembered { event, context: self.context });
        self.heard += 1;
        self.embedding = None;
        if let (Some((_, _, tower)), true) = (&mut self.tower, self.config.personal_rate > 0.0) {
            let newest = self.history.len().saturating_sub(TowerInput::HISTORY + 1);
            let past = Past::new(&self.history[newest..], &self.items);
            let mut rng = self.rng.split("personal").split_at(self.heard);
            personal_step(tower, &past, &self.items, self.config.personal_rate, &mut rng);
        }
        Ok(())
    }

    /// Takes the newest event back, if there is one. The personal weights keep their one small step.
    pub fn undo(&mut self) -> Option<ListenEvent> {
        let last = self.history.pop()?;
        self.heard -= 1;
        self.embedding = None;
        self.replay_session();
        Some(last.event)
    }

    /// The next songs: score, keep the best [`EngineConfig::pool`], re-rank for quality and diversity under the rules.
    /// `candidates` of `None` means every resident song (private recall); unknown ones are passed over.
    pub fn recommend(&mut self, candidates: Option<&[SongId]>, k: usize, now: Millis) -> &Slate {
        let embedding = match self.embedding.take() {
            Some(embedding) => embedding,
            None => self.embed(),
        };
        let slate = self.ranking.rank(&self.config, &self.items, &embedding, &self.session, candidates, k, now);
        self.embedding = Some(embedding);
        slate
    }

    /// What each of `songs` is worth at this moment, as [`Recommender::recommend`] compares them before it looks at diversity and
    /// rules: tower, popularity, session and exploring, in units of the tower's spread over these very songs. Nothing is barred.
    /// NaN for a song that is not resident. The slate stays as it was.
    pub fn scores(&mut self, songs: &[SongId], now: Millis) -> &[f32] {
        let embedding = match self.embedding.take() {
            Some(embedding) => embedding,
            None => self.embed(),
        };
        let scores = self.ranking.scores(&self.config, &self.items, &embedding, &self.session, songs, now);
        self.embedding = Some(embedding);
        scores
    }

    /// The slate that [`Recommender::recommend`] made last.
    #[must_use]
    pub fn slate(&self) -> &Slate {
        self.ranking.slate()
    }

    /// The user embedding of the present moment, and how it turns into logits. It stays on the device.
    #[must_use]
    pub fn embed(&self) -> Embedding {
        let Some((_, _, tower)) = &self.tower else {
            // No weights yet: the crowd decides, and the session.
            return Embedding { vector: vec![0.0; self.items.dimension()], sharpness: 0.0, popularity: 1.0 };
        };
        let newest = self.history.len().saturating_sub(TowerInput::HISTORY);
        let past = Past::new(&self.history[newest..], &self.items);
        tower.embed(&TowerInput { history: &past.heard(), context: self.context })
    }

    /// Whether the listener agreed to contribute to rounds. Off until set.
    #[must_use]
    pub fn consent(&self) -> bool {
        self.consent
    }

    /// Sets the agreement. Taking it back also drops what waits to go out.
    pub fn set_consent(&mut self, consent: bool) {
        self.consent = consent;
        if !consent {
            self.invited = None;
            self.outgoing = None;
        }
    }

    /// Trains for the round on offer and queues one message; see [`Recommender::outbox`]. Returns how many lessons it was made
    /// from; 0 means there was nothing to learn from, or that this round has the device's update already.
    ///
    /// # Errors
    /// [`Error::ConsentOff`], [`Error::NoOffer`], [`Error::WeightsVersion`].
    pub fn contribute(&mut self, key: UpdateKey) -> Result<usize, Error> {
        if !self.consent {
            return Err(Error::ConsentOff);
        }
        let invited = self.invited.take().ok_or(Error::NoOffer)?;
        let round = invited.offer().round;
        if self.contributed.is_some_and(|last| last >= round) {
            return Ok(0);
        }
        let Some((version, _, tower)) = &self.tower else {
            let needed = invited.offer().weights;
            self.invited = Some(invited);
            return Err(Error::WeightsVersion { needed, held: None });
        };
        let past = Past::new(&self.history, &self.items);
        match invited.contribute(tower, *version, &past, &self.items, &self.rng, key) {
            Ok(Some((outgoing, lessons))) => {
                self.outgoing = Some(outgoing);
                self.contributed = Some(round);
                Ok(lessons)
            }
            Ok(None) => Ok(0),
            Err(error) => {
                self.invited = Some(invited);
                Err(error)
            }
        }
    }

    /// The message that waits to go out, if there is one. It stays until its receipt comes, so that a lost connection loses
    /// nothing; its key makes a second sending count once.
    #[must_use]
    pub fn outbox(&self) -> Option<&Outgoing> {
        self.outgoing.as_ref()
    }

    /// Drops the message of `round`: it can no longer count there (the round is gone, or the server refuses it for good).
    pub fn abandon(&mut self, round: RoundId) {
        self.outgoing = self.outgoing.take().filter(|o| o.round != round);
    }

    /// Writes into the ledger that the message of the outbox went out once.
    pub fn record_sent(&mut self, now: Millis) {
        if let Some(outgoing) = &self.outgoing {
            self.ledger.record(LedgerEntry {
                at: now,
                direction: Direction::Up,
                message: WeightUpdate::NAME.into(),
                bytes: u32::try_from(outgoing.bytes.len()).unwrap_or(u32::MAX),
                meaning: format!(
                    "How round {} should change the shared model, as clipped numbers; no song, no event, no time.",
                    outgoing.round
                ),
            });
        }
    }

    /// Writes into the ledger that something came down.
    pub fn record_received(&mut self, message: &str, bytes: u32, meaning: &str, now: Millis) {
        self.ledger.record(LedgerEntry {
            at: now,
            direction: Direction::Down,
            message: message.into(),
            bytes,
            meaning: meaning.into(),
        });
    }

    /// Everything that crossed the wire.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The round on offer, if there is one.
    #[must_use]
    pub fn offer(&self) -> Option<&RoundOffer> {
        self.invited.as_ref().map(Invited::offer)
    }

    /// The version of the shared weights in use.
    #[must_use]
    pub fn weights_version(&self) -> Option<WeightsVersion> {
        self.tower.as_ref().map(|(version, _, _)| *version)
    }

    /// The tower in use.
    #[must_use]
    pub fn tower(&self) -> Option<&UserTower> {
        self.tower.as_ref().map(|(_, _, tower)| tower)
    }

    /// The resident songs.
    #[must_use]
    pub fn items(&self) -> &Resident {
        &self.items
    }

    /// The remembered events, oldest first. They never leave by themselves; this is for the listener's own export.
    #[must_use]
    pub fn history(&self) -> &[Remembered] {
        &self.history
    }

    /// How many events were ever observed, forgotten ones included.
    #[must_use]
    pub fn heard(&self) -> u64 {
        self.heard
    }

    /// Everything the engine keeps, for the page's store. Not a message: nothing can send it.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        Snapshot {
            history: self.history.clone(),
            heard: self.heard,
            weights: self.tower.as_ref().map(|(version, shape, tower)| (*version, *shape, tower.weights().to_vec())),
            consent: self.consent,
            contributed: self.contributed,
            outgoing: self.outgoing.clone(),
            ledger: self.ledger.clone(),
        }
        .to_bytes()
    }

    /// Takes up where [`Recommender::snapshot`] left off.
    ///
    /// # Errors
    /// [`Error::Snapshot`], [`Error::SnapshotVersion`], [`Error::WeightsLength`]; the present state stays then.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let snapshot = Snapshot::from_bytes(bytes)?;
        let restored = match snapshot.weights {
            None => None,
            Some((version, shape, values)) => {
                let shared = values.len().saturating_sub(shape.dimension as usize);
                let mut tower = tower(shape, &values[..shared])?;
                tower.weights_mut().copy_from_slice(&values);
                Some((version, shape, tower))
            }
        };
        // Weights for other songs than those here are out of date: they will be fetched again.
        let fits = |shape: &TowerShape| self.items.is_empty() || shape.dimension as usize == self.items.dimension();
        self.tower = restored.filter(|(_, shape, _)| fits(shape));
        self.history = snapshot.history;
        self.heard = snapshot.heard;
        self.consent = snapshot.consent;
        self.contributed = snapshot.contributed;
        self.outgoing = snapshot.outgoing;
        self.ledger = snapshot.ledger;
        self.invited = None;
        self.embedding = None;
        self.replay_session();
        Ok(())
    }

    /// Forgets the listener: history, session, personal weights, ledger, consent and what waits to go out. Songs and shared
    /// weights stay; they say nothing of the listener.
    pub fn forget(&mut self) {
        if let Some((_, _, tower)) = &mut self.tower {
            let shared = tower.shared().len();
            tower.weights_mut()[shared..].fill(0.0);
        }
        self.context = Context::default();
        self.history.clear();
        self.heard = 0;
        self.consent = false;
        self.invited = None;
        self.outgoing = None;
        self.contributed = None;
        self.ledger = Ledger::default();
        self.embedding = None;
        self.ranking = Ranking::default();
        self.replay_session();
    }

    fn push_to_session(&mut self, event: &ListenEvent, slot: u32) {
        let mut row = vec![0.0; self.items.dimension()];
        self.items.blocks().row(slot, &mut row);
        self.session.push(*event, &row, self.items.artist(slot));
    }

    fn replay_session(&mut self) {
        self.session = session(&self.config, self.items.dimension());
        for i in 0..self.history.len() {
            let event = self.history[i].event;
            if let Some(slot) = self.items.slot(event.impression.song) {
                self.push_to_session(&event, slot);
            }
        }
        self.embedding = None;
    }
}

fn tower(shape: TowerShape, shared: &[f32]) -> Result<UserTower, Error> {
    UserTower::new(shape, shared).ok_or_else(|| Error::WeightsLength {
        expected: crate::tower::TowerLayout::new(shape).shared(),
        got: shared.len(),
    })
}
