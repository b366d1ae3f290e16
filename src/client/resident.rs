//! The songs that live on the device: what the catalogue shards brought, as the bytes they came in (row W11).

use crate::ids::{ArtistId, SongId};
use crate::math::{Int8Blocks, Ivf, IvfConfig, Rng};
use crate::protocol::CatalogueShard;
use crate::tower::Fields;

/// Songs known to the device, by slot: a dense number from 0 in the order of arrival.
#[derive(Clone, Debug, Default)]
pub struct Resident {
    blocks: Int8Blocks,
    songs: Vec<SongId>,
    artists: Vec<ArtistId>,
    fields: Vec<Fields>,
    years: Vec<u16>,
    popularity: Vec<f32>,
    /// `ln` of each song's boost; empty while all are 0.
    boosts: Vec<f32>,
    plays: Vec<u32>,
    total_plays: u64,
    version: u64,
    /// Slot + 1 by song id; 0 = not here.
    slots: Vec<u32>,
    cells: Option<Ivf>,
}

impl Resident {
    /// A shard's ids may be sparse, but not so sparse that the slot table would eat the device's memory.
    pub const MAX_SONG_ID: u32 = 1 << 24;

    /// From so many songs on, [`Resident::index`] is worth its while: below, looking at every song is as fast.
    pub const INDEX_FROM: usize = 200_000;

    /// Takes a shard in; songs that are here already are renewed. `None`, and nothing changed, if its dimension differs from
    /// what is here or an id is over [`Self::MAX_SONG_ID`]; otherwise how many songs were new.
    pub fn add(&mut self, shard: &CatalogueShard) -> Option<usize> {
        let d = shard.dimension as usize;
        let last = shard.songs.last().map_or(0, |s| s.0);
        if (!self.songs.is_empty() && d != self.blocks.dimension()) || last > Self::MAX_SONG_ID {
            return None;
        }
        if self.songs.is_empty() {
            self.blocks = Int8Blocks::new(d);
        }
        self.slots.resize(self.slots.len().max(last as usize + 1), 0);
        let before = self.songs.len();
        // Mostly all songs of a shard are new, and their rows go in at once.
        let new = shard.songs.iter().all(|song| self.slot(*song).is_none());
        if new {
            self.blocks.extend(&shard.rows, &shard.scales);
        }
        for (i, song) in shard.songs.iter().enumerate() {
            let held = self.slot(*song);
            let slot = held.map_or(self.songs.len(), |slot| slot as usize);
            if let (false, codes) = (new, &shard.rows[i * d..(i + 1) * d]) {
                match held {
                    Some(slot) => _ = self.blocks.set(slot, codes, shard.scales[i]),
                    None => self.blocks.extend(codes, &[shard.scales[i]]),
                }
            }
            if held.is_none() {
                #[allow(clippy::cast_possible_truncation, reason = "song ids are below 2²⁴")]
                let next = slot as u32 + 1;
                self.slots[song.0 as usize] = next;
                self.songs.push(*song);
                self.artists.push(ArtistId(0));
                self.fields.push(Fields::default());
                self.years.push(0);
                self.popularity.push(0.0);
                self.plays.push(0);
            }
            self.artists[slot] = shard.artists[i];
            self.fields[slot] = Fields {
                style: shard.styles[i],
                language: shard.languages[i],
                artist: shard.artists[i].0.wrapping_add(1),
                album: shard.albums[i],
            };
            self.years[slot] = shard.years[i];
            self.popularity[slot] = shard.popularity[i];
            self.total_plays += u64::from(shard.plays[i]);
            self.total_plays -= u64::from(std::mem::replace(&mut self.plays[slot], shard.plays[i]));
            if let Some(boost) = shard.boosts.get(i) {
                self.boosts.resize(self.songs.len(), 0.0);
                self.boosts[slot] = crate::math::Real::ln(*boost);
            }
        }
        if !self.boosts.is_empty() {
            self.boosts.resize(self.songs.len(), 0.0);
        }
        self.cells = None;
        self.version += 1;
        Some(self.songs.len() - before)
    }

    /// Sorts the songs into cells of like ones, so that a large catalogue need not be looked at whole. Worth calling once all shards
    /// are in, where there are [`Self::INDEX_FROM`] songs or more; new shards undo it.
    pub fn index(&mut self, config: IvfConfig, rng: &mut Rng) {
        self.cells = Some(Ivf::build(&self.blocks, config, rng));
    }

    /// The songs by cell, after [`Resident::index`].
    #[must_use]
    pub fn cells(&self) -> Option<&Ivf> {
        self.cells.as_ref()
    }

    /// How many songs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.songs.len()
    }

    /// True before the first shard.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.songs.is_empty()
    }

    /// The embeddings' dimension; 0 before the first shard.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.blocks.dimension()
    }

    /// The embeddings, by slot.
    #[must_use]
    pub fn blocks(&self) -> &Int8Blocks {
        &self.blocks
    }

    /// Where a song is.
    #[must_use]
    pub fn slot(&self, song: SongId) -> Option<u32> {
        self.slots.get(song.0 as usize).and_then(|s| s.checked_sub(1))
    }

    /// The song at a slot.
    #[must_use]
    pub fn song(&self, slot: u32) -> SongId {
        self.songs[slot as usize]
    }

    /// The artist at a slot.
    #[must_use]
    pub fn artist(&self, slot: u32) -> ArtistId {
        self.artists[slot as usize]
    }

    /// What the catalogue says about the song at a slot.
    #[must_use]
    pub fn fields(&self, slot: u32) -> Fields {
        self.fields[slot as usize]
    }

    /// The year in which each slot's song came out; 0 is "not known".
    #[must_use]
    pub fn years(&self) -> &[u16] {
        &self.years
    }

    /// The popularity at each slot.
    #[must_use]
    pub fn popularity(&self) -> &[f32] {
        &self.popularity
    }

    /// The logarithm of each slot's traffic weight; empty where no song has any.
    #[must_use]
    pub fn boosts(&self) -> &[f32] {
        &self.boosts
    }

    /// How often the songs at each slot were played, by everybody.
    #[must_use]
    pub fn plays(&self) -> &[u32] {
        &self.plays
    }

    /// Rises with every shard: what was worked out of the columns holds for one version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The sum of all plays.
    #[must_use]
    pub fn total_plays(&self) -> u64 {
        self.total_plays
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(songs: &[u32], value: i8) -> CatalogueShard {
        let n = songs.len();
        CatalogueShard {
            index: 0,
            dimension: 2,
            songs: songs.iter().map(|&s| SongId(s)).collect(),
            artists: songs.iter().map(|&s| ArtistId(s)).collect(),
            popularity: vec![0.5; n],
            plays: vec![10; n],
            scales: vec![0.5; n],
            rows: vec![value; 2 * n],
            ..CatalogueShard::default()
        }
        .filled()
    }

    #[test]
    fn a_shard_that_comes_twice_renews_its_songs() {
        let mut resident = Resident::default();
        assert_eq!(resident.add(&shard(&[3, 7], 2)), Some(2));
        assert_eq!(resident.add(&shard(&[7, 9], 4)), Some(1));
        assert_eq!((resident.len(), resident.total_plays()), (3, 30));
        let slot = resident.slot(SongId(7)).expect("resident");
        let mut row = [0.0; 2];
        resident.blocks().row(slot, &mut row);
        assert_eq!(row.map(f32::to_bits), [2.0f32; 2].map(f32::to_bits));
        assert_eq!(resident.slot(SongId(4)), None);
    }

    #[test]
    fn boosts_may_come_with_any_shard() {
        let mut resident = Resident::default();
        resident.add(&shard(&[1, 2], 1));
        assert!(resident.boosts().is_empty());
        resident.add(&CatalogueShard { boosts: vec![2.0, 1.0], ..shard(&[2, 5], 1) });
        resident.add(&shard(&[6], 1));
        let boosts: Vec<u32> = resident.boosts().iter().map(|b| b.to_bits()).collect();
        assert_eq!(boosts, [0.0, 2.0f32.ln(), 0.0, 0.0].map(f32::to_bits));
    }

    #[test]
    fn a_shard_of_another_dimension_or_with_a_wild_id_changes_nothing() {
        let mut resident = Resident::default();
        resident.add(&shard(&[1], 1));
        let other = CatalogueShard { dimension: 1, rows: vec![1], ..shard(&[2], 1) };
        assert_eq!(resident.add(&other), None);
        assert_eq!(resident.add(&shard(&[u32::MAX], 1)), None);
        assert_eq!(resident.len(), 1);
    }
}
