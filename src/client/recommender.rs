//! The engine: one listener, one device. Bytes and events come in, slates and messages come out; fetch, storage and the clock
//! belong to the caller.
//!
//! This file holds what happens while music plays. Rounds are in `federation`, the saved state in `keeping`, what the listener may
//! see and change of the engine's view of them in `insight`.

use super::learn::PersonalStep;
use super::ranking::{Listener, Ranking, Request, session};
use super::round::Invited;
use super::store::Kept;
use super::{EngineConfig, Error, Library, Past, Remembered, Resident};
use crate::ids::{Millis, SongId, WeightsVersion};
use crate::learn::Scratch;
use crate::math::{IvfConfig, Rng};
use crate::protocol::{CatalogueShard, TowerShape, decode};
use crate::rerank::Slate;
use crate::session::{ListenEvent, Session};
use crate::tower::{Context, Embedding, TowerInput, UserTower};
use std::sync::Arc;

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
///     dimension: 2,
///     songs: (0..4).map(SongId).collect(),
///     artists: (0..4).map(ArtistId).collect(),
///     popularity: vec![0.1, 0.2, 0.9, 0.4],
///     scales: vec![0.01; 4],
///     plays: vec![3; 4],
///     rows: vec![100, 0, 0, 100, 70, 70, -100, 0],
///     ..CatalogueShard::default()
/// };
/// engine.load_shard(&protocol::encode(&shard.filled()))?;
/// let slate = engine.recommend(None, 3, Millis(0));
/// assert_eq!(slate.placements().len(), 3);
/// # Ok::<(), sottovoce::client::Error>(())
/// ```
#[derive(Debug)]
pub struct Recommender {
    pub(super) config: EngineConfig,
    pub(super) rng: Rng,
    pub(super) items: Arc<Resident>,
    pub(super) tower: Option<(WeightsVersion, TowerShape, UserTower)>,
    pub(super) context: Context,
    pub(super) kept: Kept,
    pub(super) session: Session,
    /// The newest events as the tower reads them.
    pub(super) past: Past,
    pub(super) embedding: Embedding,
    pub(super) embedded: bool,
    pub(super) ranking: Ranking,
    pub(super) scratch: Scratch<f32>,
    personal: PersonalStep,
    row: Vec<f32>,
    pub(super) invited: Option<Invited>,
    #[cfg(feature = "full")]
    pub(super) asking: super::asking::Asking,
    #[cfg(feature = "secagg")]
    pub(super) secure: super::secure::Secure,
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
            kept: Kept::default(),
            past: Past::default(),
            embedding: Embedding::default(),
            embedded: false,
            ranking: Ranking::default(),
            scratch: Scratch::default(),
            personal: PersonalStep::default(),
            row: Vec::new(),
            invited: None,
            #[cfg(feature = "full")]
            asking: super::asking::Asking::default(),
            #[cfg(feature = "secagg")]
            secure: super::secure::Secure::default(),
        }
    }

    /// How the engine behaves.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// Changes how the engine behaves, from the next slate on.
    pub fn configure(&mut self, config: EngineConfig) {
        let remembers = |c: &EngineConfig| (c.no_repeat, c.half_life_minutes.to_bits(), c.history);
        let anew = remembers(&config) != remembers(&self.config);
        self.config = config;
        self.embedded = false;
        if anew {
            self.replay();
        }
    }

    /// Takes a catalogue shard in; returns how many songs were new.
    ///
    /// # Errors
    /// [`Error::Decode`], [`Error::ShardDimension`], [`Error::SongsShared`]; nothing changes then.
    pub fn load_shard(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let shard: CatalogueShard = decode(bytes)?;
        let first = self.items.is_empty();
        if let (true, Some((_, shape, _))) = (first, &self.tower)
            && shape.dimension != shard.dimension
        {
            return Err(Error::WeightsDimension { weights: shape.dimension as usize, songs: shard.dimension as usize });
        }
        let resident = self.items.dimension();
        let items = Arc::get_mut(&mut self.items).ok_or(Error::SongsShared)?;
        let added = items.add(&shard).ok_or(Error::ShardDimension {
            index: shard.index,
            dimension: shard.dimension,
            resident,
        })?;
        // Events may have been restored before their songs came.
        self.replay();
        Ok(added)
    }

    /// Sorts a large catalogue into cells, so that a slate looks at a part of it; see [`Resident::index`]. Does nothing below
    /// [`Resident::INDEX_FROM`] songs, nor where other engines share them.
    pub fn index(&mut self) {
        if self.items.len() >= Resident::INDEX_FROM && self.items.cells().is_none() {
            let mut rng = self.rng.split("cells");
            if let Some(items) = Arc::get_mut(&mut self.items) {
                items.index(IvfConfig::default(), &mut rng);
            }
        }
    }

    /// Tells the engine the listener's surroundings. They stay on the device.
    pub fn set_context(&mut self, context: Context) {
        if self.context != context {
            self.context = context;
            self.embedded = false;
        }
    }

    /// Takes note of what the listener did: the session moves at once, the personal weights take a step. Costs the same whatever came
    /// before.
    ///
    /// # Errors
    /// [`Error::UnknownSong`] if the song is not resident; nothing changes then.
    pub fn observe(&mut self, event: ListenEvent) -> Result<(), Error> {
        let song = event.impression.song;
        if self.items.slot(song).is_none() {
            return Err(Error::UnknownSong { song });
        }
        let remembered = Remembered { event, context: self.context };
        self.take_in(remembered);
        self.kept.library.note(&event);
        self.remember(remembered);
        self.kept.heard += 1;
        if let (Some((_, _, tower)), true) = (&mut self.tower, self.config.personal_rate > 0.0) {
            let mut rng = self.rng.split("personal").split_at(self.kept.heard);
            self.personal.take(tower, &self.past, &self.items, self.config.personal_rate, &mut rng);
        }
        Ok(())
    }

    /// Takes the newest event back, if there is one and it is not too long ago. The personal weights keep their one small step.
    pub fn undo(&mut self) -> Option<ListenEvent> {
        if self.kept.history.is_empty() || !self.kept.library.undo() {
            return None;
        }
        let last = self.kept.history.pop()?;
        self.kept.heard -= 1;
        self.replay();
        Some(last.event)
    }

    /// The next songs: score, keep the best [`EngineConfig::pool`], re-rank for quality and diversity under the rules.
    /// `candidates` of `None` means every resident song (private recall); unknown ones are passed over.
    pub fn recommend(&mut self, candidates: Option<&[SongId]>, k: usize, now: Millis) -> &Slate {
        self.recommend_with(&self.config.clone(), Request { candidates, k, now, around: None })
    }

    /// What each of `songs` is worth at this moment, as [`Recommender::recommend`] compares them before it looks at diversity and
    /// rules: tower, popularity, session and exploring, in units of the tower's spread over these very songs. Nothing is barred.
    /// NaN for a song that is not resident. The slate stays as it was.
    pub fn scores(&mut self, songs: &[SongId], now: Millis) -> &[f32] {
        if !self.embedded {
            self.embed_now(&self.config.clone());
        }
        let Self { ranking, config, items, embedding, session, kept, .. } = self;
        let listener = Listener { user: embedding, session, library: &kept.library, tastes: &kept.tastes };
        ranking.scores(config, items, listener, songs, now)
    }

    /// As [`Recommender::recommend`], behaving otherwise for this one slate: a scene of the player.
    pub fn recommend_with(&mut self, config: &EngineConfig, request: Request<'_>) -> &Slate {
        if !self.embedded || config.utility != self.config.utility {
            self.embed_now(config);
        }
        let Self { ranking, items, embedding, session, kept, .. } = self;
        let listener = Listener { user: embedding, session, library: &kept.library, tastes: &kept.tastes };
        ranking.rank(config, items, listener, request)
    }

    /// The slate that was made last.
    #[must_use]
    pub fn slate(&self) -> &Slate {
        self.ranking.slate()
    }

    /// The listener's interests at the present moment. They stay on the device.
    pub fn embed(&mut self) -> &Embedding {
        if !self.embedded {
            self.embed_now(&self.config.clone());
        }
        &self.embedding
    }

    fn embed_now(&mut self, config: &EngineConfig) {
        // Kept only for the engine's own way of behaving.
        self.embedded = config.utility == self.config.utility;
        let Some((_, _, tower)) = &self.tower else {
            // No weights yet: the crowd decides, and the session.
            let d = self.items.dimension();
            self.embedding = Embedding { queries: vec![0.0; d], interests: vec![0.0; d], popularity: 1.0 };
            return;
        };
        let input = self.past.input(self.past.len(), self.context);
        tower.embed_into(&input, config.utility, &mut self.scratch, &mut self.embedding);
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
        &self.kept.history[self.kept.history.len().saturating_sub(self.config.history.max(1))..]
    }

    /// How many events were ever observed, forgotten ones included.
    #[must_use]
    pub fn heard(&self) -> u64 {
        self.kept.heard
    }

    /// What was ever heard, song by song.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.kept.library
    }

    pub(super) fn remember(&mut self, remembered: Remembered) {
        let keep = self.config.history.max(1);
        if self.kept.history.len() >= 2 * keep {
            self.kept.history.drain(..self.kept.history.len() - keep);
        }
        self.kept.history.push(remembered);
    }

    /// Session and past, from one event of a resident song.
    fn take_in(&mut self, remembered: Remembered) {
        let song = remembered.event.impression.song;
        let Some(slot) = self.items.slot(song) else { return };
        self.row.resize(self.items.dimension(), 0.0);
        self.items.blocks().row(slot, &mut self.row);
        self.session.push(remembered.event, &self.row, self.items.artist(slot));
        self.past.push(&remembered, &self.items);
        self.past.trim(TowerInput::HISTORY + 8);
        self.embedded = false;
    }

    /// Session and past anew, from the history: after a restore, an undo, or new songs.
    pub(super) fn replay(&mut self) {
        self.session = session(&self.config, self.items.dimension());
        self.past = Past::default();
        let oldest = self.kept.history.len() - self.history().len();
        for i in oldest..self.kept.history.len() {
            self.take_in(self.kept.history[i]);
        }
        self.embedded = false;
    }
}
