//! Ranking alone, for the smallest page: songs, this session, the best pool, the same determinantal point process and the same gap
//! between two songs of one artist. No tower, no training, no rounds, no store; nothing is drawn, so the same calls give the same
//! list, and it is the list of a [`crate::client::Recommender`] that has no weights (`tests.rs`).

use super::gap::Gap;
use crate::client::ranking::{explore, half_life_ms, spread};
use crate::client::{EngineConfig, Resident};
use crate::ids::{Millis, SongId};
use crate::math::{Int8Blocks, ItemBlocks, Real, TopK};
use crate::protocol::{CatalogueShard, DecodeError, decode};
use crate::rerank::{Dpp, DppConfig, Why, log_weight, sharpness, why};
use crate::session::{Feedback, ListenEvent, Memory, SessionConfig};
use sottovoce_lanes::blocks;

/// Why a shard was refused. The numbers are what JavaScript sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Refused {
    /// Not a message, or one whose parts contradict each other.
    Malformed = 1,
    /// Written by another version of the protocol.
    Version = 2,
    /// Another message than a catalogue shard.
    Kind = 3,
    /// Its dimension is not that of the songs already here, or a song's number is too large.
    Dimension = 4,
    /// Longer than any message.
    TooLong = 5,
}

impl From<DecodeError> for Refused {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::TooLong { .. } => Self::TooLong,
            DecodeError::Version { .. } => Self::Version,
            DecodeError::Kind { .. } => Self::Kind,
            DecodeError::Malformed { .. } | DecodeError::Invalid { .. } => Self::Malformed,
        }
    }
}

/// An event with what undoing it needs.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Held {
    event: ListenEvent,
    slot: u32,
    disliked_before: bool,
}

/// A song of a list, with what it got its place for. The parts are as they entered the score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Which song.
    pub song: SongId,
    /// From this session's memory.
    pub session: f32,
    /// From popularity.
    pub popularity: f32,
    /// From exploring.
    pub explore: f32,
    /// The traffic weight its quality was multiplied by; 1 is none.
    pub weight: f32,
    /// How much score was passed over for it.
    pub forgone: f32,
    /// How far it is from what stands before it: 1 where nothing is like it, near 0 for a copy.
    pub diversity: f32,
    /// What spoke most for it.
    pub why: Why,
    /// Whether others of a higher gain were refused for their artist.
    pub passed_over: bool,
    /// Whether it stands closer to one by the same artist than asked for.
    pub relaxed: bool,
}

/// A ranking of songs that follows one listener's session. Of its settings it heeds the pool, diversity, the artist gap, the weight and
/// half-life of the session, for how long a song does not come again, and exploring.
#[derive(Debug, Default)]
pub struct Ranker {
    config: EngineConfig,
    items: Resident,
    /// By slot: never to come again, until it is liked.
    disliked: Vec<bool>,
    /// Newest last; up to `no_repeat + undo_depth`, of which the newest `no_repeat` do not come again.
    held: Vec<Held>,
    /// Whether there were older ones.
    forgot: bool,
    /// Before the oldest of `held`: playing `held` again from here gives the present, so nothing more is kept for undoing.
    base: Memory,
    ranked: Vec<Ranked>,
    scratch: Scratch,
}

/// Storage that is used again.
#[derive(Debug, Default)]
struct Scratch {
    row: Vec<f32>,
    query: Vec<f32>,
    /// By slot.
    near: Vec<f32>,
    barred: Vec<bool>,
    /// By candidate.
    among: Vec<u32>,
    total: Vec<f32>,
    /// By place in the pool.
    pool: Vec<u32>,
    parts: Vec<[f32; 4]>,
    score: Vec<f32>,
    /// Their logarithms.
    quality: Vec<f32>,
    items: ItemBlocks,
    top: TopK,
    dpp: Dpp,
    gap: Gap,
}

impl Ranker {
    /// Without songs yet.
    #[must_use]
    pub fn new(config: EngineConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// How many songs are here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// True before the first shard.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Takes a catalogue shard in; songs that are here already are renewed. Returns how many were new.
    ///
    /// # Errors
    /// [`Refused`]; nothing changes then.
    pub fn load_shard(&mut self, bytes: &[u8]) -> Result<usize, Refused> {
        let shard: CatalogueShard = decode(bytes)?;
        let first = self.items.is_empty();
        let added = self.items.add(&shard).ok_or(Refused::Dimension)?;
        if first {
            self.base = Memory::empty(self.items.dimension());
        }
        self.disliked.resize(self.items.len(), false);
        Ok(added)
    }

    /// Takes note of what the listener did; false, and nothing changed, if the song is not here.
    pub fn observe(&mut self, event: ListenEvent) -> bool {
        let Some(slot) = self.items.slot(event.impression.song) else { return false };
        if self.held.len() >= self.config.no_repeat.max(1) + SessionConfig::default().undo_depth {
            self.forgot = true;
            let oldest = self.held.remove(0);
            take(&mut self.base, &oldest, self.items.blocks(), &self.config, &mut self.scratch.row);
        }
        let disliked = &mut self.disliked[slot as usize];
        self.held.push(Held { event, slot, disliked_before: *disliked });
        match event.feedback {
            Feedback::Dislike => *disliked = true,
            Feedback::Like => *disliked = false,
            _ => {}
        }
        true
    }

    /// Takes the newest event back: afterwards everything is as if it had never come. `None` where there is none, or where it is too
    /// long ago.
    pub fn undo(&mut self) -> Option<SongId> {
        if self.forgot && self.held.len() <= self.config.no_repeat.max(1) {
            return None;
        }
        let last = self.held.pop()?;
        self.disliked[last.slot as usize] = last.disliked_before;
        Some(last.event.impression.song)
    }

    /// The list that was made last.
    #[must_use]
    pub fn ranked(&self) -> &[Ranked] {
        &self.ranked
    }

    /// The next songs, best first, none twice: `k` of them, or as many as there are, among `candidates` or all that are here.
    /// Disliked songs never come, those just heard not yet.
    pub fn recommend(&mut self, candidates: Option<&[SongId]>, k: usize, now: Millis) -> &[Ranked] {
        self.remember(now);
        self.score(candidates);
        self.draw(k);
        self.choose(k);
        &self.ranked
    }

    /// How near each song is to this session.
    fn remember(&mut self, now: Millis) {
        let Scratch { row, query, near, .. } = &mut self.scratch;
        let mut memory = self.base.clone();
        for held in &self.held {
            take(&mut memory, held, self.items.blocks(), &self.config, row);
        }
        memory.taste_into(now, half_life_ms(&self.config), SessionConfig::default().negative_weight, query);
        self.items.blocks().dot_all(query, near);
    }

    /// `z` of every candidate, popularity in units of its own spread; negative infinity for what must not come.
    fn score(&mut self, candidates: Option<&[SongId]>) {
        let exploring = explore(&self.config).among(self.items.total_plays());
        let mut among = std::mem::take(&mut self.scratch.among);
        among.clear();
        match candidates {
            Some(songs) => among.extend(songs.iter().filter_map(|song| self.items.slot(*song))),
            None => among.extend((0u32..).take(self.items.len())),
        }
        self.scratch.among = among;
        let Scratch { among, total, near, barred, .. } = &mut self.scratch;
        barred.clear();
        barred.extend_from_slice(&self.disliked);
        for held in newest(&self.held, &self.config) {
            barred[held.slot as usize] = true;
        }
        total.clear();
        total.extend(among.iter().map(|slot| self.items.popularity()[*slot as usize]));
        let (mean, spread) = spread(total);
        for (total, slot) in total.iter_mut().zip(among) {
            let slot = *slot as usize;
            *total = (*total - mean) / spread + self.config.session * near[slot];
            *total += exploring.bonus(self.items.plays()[slot]);
            *total = if barred[slot] { f32::NEG_INFINITY } else { *total + boost(&self.items, slot) };
        }
    }

    /// The best by `z`, with the parts by which it came about: session, popularity, exploring, weight.
    fn draw(&mut self, k: usize) {
        let exploring = explore(&self.config).among(self.items.total_plays());
        let Scratch { among, total, near, pool, parts, score, quality, items, top, .. } = &mut self.scratch;
        top.select(total, self.config.pool.max(k), pool);
        parts.clear();
        score.clear();
        for place in pool.iter_mut() {
            let z = total[*place as usize];
            *place = among[*place as usize];
            let slot = *place as usize;
            let session = self.config.session * near[slot];
            let bonus = exploring.bonus(self.items.plays()[slot]);
            let boost = boost(&self.items, slot);
            let popularity = z - session - bonus - boost;
            parts.push([session, popularity, bonus, Real::exp(boost)]);
            score.push(session + popularity + bonus);
        }
        self.items.blocks().gather(pool, items);
        // As `rerank::reranker` does it.
        let alpha = sharpness(self.config.diversity);
        quality.clear();
        quality.extend(score.iter().zip(&*parts).map(|(z, parts)| alpha * z + log_weight(parts[3])));
    }

    /// One greedy step a slot.
    fn choose(&mut self, k: usize) {
        let Scratch { pool, parts, score, quality, items, dpp, gap, .. } = &mut self.scratch;
        let (songs, wanted) = (&self.items, self.config.artist_gap);
        let mut before = newest(&self.held, &self.config).take(wanted).map(|held| songs.artist(held.slot));
        // Of a song that is a candidate twice, the first counts.
        let mut artists = pool.iter().enumerate().map(|(place, slot)| {
            let again = pool[..place].contains(slot);
            (!again).then(|| songs.artist(*slot))
        });
        let target = gap.start(wanted, &mut artists, &mut before, k);
        let mut means = [0.0f32; 4];
        for parts in &*parts {
            for (mean, part) in means[1..].iter_mut().zip(parts) {
                *mean += part;
            }
        }
        #[allow(clippy::cast_precision_loss, reason = "a pool stays below 2²⁴")]
        let count = parts.len().max(1) as f32;
        means = means.map(|sum| sum / count);
        dpp.start_by_log(items, &[], quality, DppConfig::default());
        self.ranked.clear();
        while self.ranked.len() < target {
            let next = gap.tries().find_map(|tried| dpp.next(items, &mut |candidate| gap.allows(candidate, tried)));
            let Some(pick) = next else { break };
            let i = pick.candidate;
            let ([session, popularity, explore, weight], z) = (parts[i], score[i]);
            let forgone = blocks::largest(score) - z;
            score[i] = f32::NEG_INFINITY;
            let between = usize::try_from(gap.choose(i)).unwrap_or(0);
            self.ranked.push(Ranked {
                song: songs.song(pool[i]),
                session,
                popularity,
                explore,
                weight,
                forgone,
                diversity: pick.novelty,
                why: why(&[0.0, session, popularity, explore], &means, forgone, weight > 1.0),
                passed_over: pick.refused > 0,
                relaxed: between < wanted,
            });
        }
    }
}

/// The logarithm of a song's traffic weight.
fn boost(items: &Resident, slot: usize) -> f32 {
    items.boosts().get(slot).copied().unwrap_or(0.0)
}

/// The events whose songs do not come again yet, newest first.
fn newest<'a>(held: &'a [Held], config: &EngineConfig) -> impl Iterator<Item = &'a Held> {
    held.iter().rev().take(config.no_repeat.max(1))
}

/// Takes an event into a memory.
fn take(memory: &mut Memory, held: &Held, blocks: &Int8Blocks, config: &EngineConfig, row: &mut Vec<f32>) {
    row.resize(blocks.dimension(), 0.0);
    blocks.row(held.slot, row);
    memory.push(&held.event, row, half_life_ms(config));
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
