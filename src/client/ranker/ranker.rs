//! Ranking alone, for the smallest page: songs, this session, the best pool, the same determinantal point process and the same gap
//! between two songs of one artist. No tower, no training, no rounds, no store; nothing is drawn, so the same calls give the same
//! list, and it is the list of a [`crate::client::Recommender`] that has no weights (`tests.rs`).

use super::gap::Gap;
use super::shard::{Columns, Refused};
use crate::client::EngineConfig;
use crate::client::ranking::{explore, half_life_ms, spread};
use crate::ids::{ArtistId, Millis, SongId};
use crate::math::{Int8Blocks, ItemBlocks, Real, TopK};
use crate::rerank::{Dpp, DppConfig, Why, bounded, explore_bonus, largest_of, why};
use crate::session::{Feedback, ListenEvent, Memory, SessionConfig};

/// A song of the catalogue, as far as ranking needs it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Song {
    id: SongId,
    artist: ArtistId,
    popularity: f32,
    plays: u32,
    /// The logarithm of its traffic weight.
    boost: f32,
    /// Never to come again, until it is liked.
    disliked: bool,
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
    blocks: Int8Blocks,
    songs: Vec<Song>,
    /// Slot + 1 by song id; 0 = not here.
    slots: Vec<u32>,
    total_plays: u64,
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
    quality: Vec<f32>,
    items: ItemBlocks,
    top: TopK,
    dpp: Dpp,
    gap: Gap,
}

impl Ranker {
    /// A shard's ids may be sparse, but not so sparse that the slot table would eat the device's memory.
    const MAX_SONG_ID: u32 = crate::client::Resident::MAX_SONG_ID;

    /// Without songs yet.
    #[must_use]
    pub fn new(config: EngineConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// How many songs are here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.songs.len()
    }

    /// True before the first shard.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.songs.is_empty()
    }

    fn slot(&self, song: SongId) -> Option<u32> {
        self.slots.get(song.0 as usize)?.checked_sub(1)
    }

    /// Takes a catalogue shard in; songs that are here already are renewed. Returns how many were new.
    ///
    /// # Errors
    /// [`Refused`]; nothing changes then.
    pub fn load_shard(&mut self, bytes: &[u8]) -> Result<usize, Refused> {
        let shard = Columns::of(bytes)?;
        let d = shard.dimension;
        let last = shard.songs.last().map_or(0, |id| u32::from_le_bytes(*id));
        if (!self.songs.is_empty() && d != self.blocks.dimension()) || last > Self::MAX_SONG_ID {
            return Err(Refused::Dimension);
        }
        if self.songs.is_empty() {
            self.blocks = Int8Blocks::new(d);
            self.base = Memory::empty(d);
        }
        self.slots.resize(self.slots.len().max(last as usize + 1), 0);
        self.blocks.reserve(shard.songs.len());
        let before = self.songs.len();
        let mut codes = [0; 256];
        let codes = &mut codes[..d];
        for (i, row) in shard.rows.chunks_exact(d).enumerate() {
            let number = |column: &[[u8; 4]]| column.get(i).copied().map_or(0, u32::from_le_bytes);
            let id = SongId(number(shard.songs));
            codes.iter_mut().zip(row).for_each(|(code, byte)| *code = byte.cast_signed());
            let scale = f32::from_bits(number(shard.scales));
            let slot = self.slot(id);
            let mut song = Song {
                id,
                artist: ArtistId(number(shard.artists)),
                popularity: f32::from_bits(number(shard.popularity)),
                plays: number(shard.plays),
                boost: shard.boosts.get(i).map_or(0.0, |boost| Real::ln(f32::from_le_bytes(*boost))),
                disliked: false,
            };
            self.total_plays += u64::from(song.plays);
            if let Some(slot) = slot {
                self.blocks.set(slot, codes, scale);
                let old = &mut self.songs[slot as usize];
                self.total_plays -= u64::from(old.plays);
                song.disliked = old.disliked;
                if shard.boosts.is_empty() {
                    song.boost = old.boost;
                }
                *old = song;
            } else {
                self.slots[id.0 as usize] = self.blocks.push(codes, scale) + 1;
                self.songs.push(song);
            }
        }
        Ok(self.songs.len() - before)
    }

    /// Takes note of what the listener did; false, and nothing changed, if the song is not here.
    pub fn observe(&mut self, event: ListenEvent) -> bool {
        let Some(slot) = self.slot(event.impression.song) else { return false };
        if self.held.len() >= self.config.no_repeat.max(1) + SessionConfig::default().undo_depth {
            self.forgot = true;
            let oldest = self.held.remove(0);
            take(&mut self.base, &oldest, &self.blocks, &self.config, &mut self.scratch.row);
        }
        let disliked = &mut self.songs[slot as usize].disliked;
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
        self.songs[last.slot as usize].disliked = last.disliked_before;
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
            take(&mut memory, held, &self.blocks, &self.config, row);
        }
        memory.taste_into(now, half_life_ms(&self.config), SessionConfig::default().negative_weight, query);
        self.blocks.dot_max(query, near);
    }

    /// `z` of every candidate, popularity in units of its own spread; negative infinity for what must not come.
    fn score(&mut self, candidates: Option<&[SongId]>) {
        let explore = explore(&self.config);
        let mut among = std::mem::take(&mut self.scratch.among);
        among.clear();
        match candidates {
            Some(songs) => among.extend(songs.iter().filter_map(|song| self.slot(*song))),
            None => among.extend((0u32..).take(self.songs.len())),
        }
        self.scratch.among = among;
        let Scratch { among, total, near, barred, .. } = &mut self.scratch;
        barred.clear();
        barred.extend(self.songs.iter().map(|song| song.disliked));
        for held in newest(&self.held, &self.config) {
            barred[held.slot as usize] = true;
        }
        total.clear();
        total.extend(among.iter().map(|slot| self.songs[*slot as usize].popularity));
        let (mean, spread) = spread(total);
        for (total, slot) in total.iter_mut().zip(among) {
            let slot = *slot as usize;
            let song = &self.songs[slot];
            *total = (*total - mean) / spread + self.config.session * near[slot];
            if explore.weight > 0.0 {
                *total += explore_bonus(self.total_plays, song.plays, explore);
            }
            *total = if barred[slot] { f32::NEG_INFINITY } else { *total + song.boost };
        }
    }

    /// The best by `z`, with the parts by which it came about: session, popularity, exploring, weight.
    fn draw(&mut self, k: usize) {
        let explore = explore(&self.config);
        let Scratch { among, total, near, pool, parts, score, quality, items, top, .. } = &mut self.scratch;
        top.select(total, self.config.pool.max(k), pool);
        parts.clear();
        score.clear();
        for place in pool.iter_mut() {
            let z = total[*place as usize];
            *place = among[*place as usize];
            let song = &self.songs[*place as usize];
            let session = self.config.session * near[*place as usize];
            let bonus = if explore.weight > 0.0 { explore_bonus(self.total_plays, song.plays, explore) } else { 0.0 };
            let popularity = z - session - bonus - song.boost;
            parts.push([session, popularity, bonus, Real::exp(song.boost)]);
            score.push(session + popularity + bonus);
        }
        self.blocks.gather(pool, items);
        // See `rerank::reranker`: by this quality the greedy objective is `θ·Σ z + (1 − θ)·log det S`.
        let diversity = self.config.diversity.clamp(0.01, 1.0);
        let (alpha, best) = ((1.0 - diversity) / (2.0 * diversity), largest_of(score));
        quality.clear();
        quality.extend(
            score
                .iter()
                .zip(&*parts)
                .map(|(z, parts)| parts[3].clamp(1e-6, 1e6) * Real::exp(bounded(alpha * (z - best)))),
        );
    }

    /// One greedy step a slot.
    fn choose(&mut self, k: usize) {
        let Scratch { pool, parts, score, quality, items, dpp, gap, .. } = &mut self.scratch;
        let (songs, wanted) = (&self.songs, self.config.artist_gap);
        let mut before = newest(&self.held, &self.config).take(wanted).map(|held| songs[held.slot as usize].artist);
        // Of a song that is a candidate twice, the first counts.
        let mut artists = pool.iter().enumerate().map(|(place, slot)| {
            let again = pool[..place].contains(slot);
            (!again).then(|| songs[*slot as usize].artist)
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
        dpp.start(items, quality, DppConfig::default());
        self.ranked.clear();
        while self.ranked.len() < target {
            let next = gap.tries().find_map(|tried| dpp.next(items, &mut |candidate| gap.allows(candidate, tried)));
            let Some(pick) = next else { break };
            let i = pick.candidate;
            let ([session, popularity, explore, weight], z) = (parts[i], score[i]);
            let forgone = largest_of(score) - z;
            score[i] = f32::NEG_INFINITY;
            let between = usize::try_from(gap.choose(i)).unwrap_or(0);
            self.ranked.push(Ranked {
                song: songs[pool[i] as usize].id,
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
