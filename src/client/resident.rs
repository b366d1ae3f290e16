//! The songs that live on the device: what the catalogue shards brought, as blocks that score fast.

use crate::ids::{ArtistId, SongId};
use crate::math::{ItemBlocks, dequantize_row};
use crate::protocol::CatalogueShard;

/// Songs known to the device, by slot: a dense number from 0 in the order of arrival.
#[derive(Clone, Debug)]
pub struct Resident {
    blocks: ItemBlocks,
    songs: Vec<SongId>,
    artists: Vec<ArtistId>,
    popularity: Vec<f32>,
    plays: Vec<u32>,
    total_plays: u64,
    /// Slot + 1 by song id; 0 = not here.
    slots: Vec<u32>,
}

impl Default for Resident {
    fn default() -> Self {
        Self {
            blocks: ItemBlocks::new(0),
            songs: Vec::new(),
            artists: Vec::new(),
            popularity: Vec::new(),
            plays: Vec::new(),
            total_plays: 0,
            slots: Vec::new(),
        }
    }
}

impl Resident {
    /// A shard's ids may be sparse, but not so sparse that the slot table would eat the device's memory.
    pub const MAX_SONG_ID: u32 = 1 << 24;

    /// Takes a shard in; songs that are here already are renewed. `None`, and nothing changed, if its dimension differs from
    /// what is here or an id is over [`Self::MAX_SONG_ID`]; otherwise how many songs were new.
    pub fn add(&mut self, shard: &CatalogueShard) -> Option<usize> {
        let d = shard.dimension as usize;
        let last = shard.songs.last().map_or(0, |s| s.0);
        if (!self.songs.is_empty() && d != self.blocks.dimension()) || last > Self::MAX_SONG_ID {
            return None;
        }
        if self.songs.is_empty() {
            self.blocks.reset(d);
        }
        self.slots.resize(self.slots.len().max(last as usize + 1), 0);
        self.blocks.reserve(self.songs.len() + shard.songs.len());
        let before = self.songs.len();
        let mut row = vec![0.0; d];
        for (i, song) in shard.songs.iter().enumerate() {
            dequantize_row(&shard.rows[i * d..(i + 1) * d], shard.scales[i], &mut row);
            match self.slot(*song) {
                Some(slot) => {
                    self.blocks.set(slot, &row);
                    self.artists[slot as usize] = shard.artists[i];
                    self.popularity[slot as usize] = shard.popularity[i];
                    self.total_plays -= u64::from(self.plays[slot as usize]);
                    self.plays[slot as usize] = shard.plays[i];
                }
                None => {
                    let slot = self.blocks.push(&row);
                    self.slots[song.0 as usize] = slot + 1;
                    self.songs.push(*song);
                    self.artists.push(shard.artists[i]);
                    self.popularity.push(shard.popularity[i]);
                    self.plays.push(shard.plays[i]);
                }
            }
            self.total_plays += u64::from(shard.plays[i]);
        }
        Some(self.songs.len() - before)
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
    pub fn blocks(&self) -> &ItemBlocks {
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

    /// The popularity at each slot.
    #[must_use]
    pub fn popularity(&self) -> &[f32] {
        &self.popularity
    }

    /// How often the songs at each slot were played, by everybody.
    #[must_use]
    pub fn plays(&self) -> &[u32] {
        &self.plays
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
        CatalogueShard {
            index: 0,
            dimension: 2,
            songs: songs.iter().map(|&s| SongId(s)).collect(),
            artists: songs.iter().map(|&s| ArtistId(s)).collect(),
            popularity: vec![0.5; songs.len()],
            plays: vec![10; songs.len()],
            scales: vec![0.5; songs.len()],
            rows: vec![value; 2 * songs.len()],
        }
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
    fn a_shard_of_another_dimension_or_with_a_wild_id_changes_nothing() {
        let mut resident = Resident::default();
        resident.add(&shard(&[1], 1));
        let other = CatalogueShard { dimension: 1, rows: vec![1], ..shard(&[2], 1) };
        assert_eq!(resident.add(&other), None);
        assert_eq!(resident.add(&shard(&[u32::MAX], 1)), None);
        assert_eq!(resident.len(), 1);
    }
}
