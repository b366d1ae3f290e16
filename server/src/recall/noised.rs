//! Songs for a device that asks with noised directions: for each direction the exact best by inner product, then their union.

use super::ExactIndex;
use crate::stage::Query;
use sottovoce::math::dequantize_row;
use sottovoce::protocol::{CatalogueShard, RecallQuery};

/// The catalogue as it would ride to a device, searchable. Four bytes a coordinate beside the shards themselves.
#[derive(Clone, Debug)]
pub struct NoisedRecall {
    index: ExactIndex,
    shards: Vec<CatalogueShard>,
    dimension: u32,
}

impl NoisedRecall {
    /// The number of an answer in the place of a shard's: no shard of the catalogue has it.
    pub const ANSWER: u32 = u32::MAX;

    /// Takes the shards that devices would download, in their order, so that an answer holds the very rows that a download would.
    #[must_use]
    pub fn new(shards: Vec<CatalogueShard>) -> Self {
        let dimension = shards.first().map_or(0, |shard| shard.dimension);
        let d = dimension as usize;
        let mut rows = vec![0.0; shards.iter().map(|shard| shard.songs.len() * d).sum()];
        let codes = shards.iter().flat_map(|shard| shard.rows.chunks_exact(d.max(1)).zip(&shard.scales));
        for (row, (codes, scale)) in rows.chunks_exact_mut(d.max(1)).zip(codes) {
            dequantize_row(codes, *scale, row);
        }
        Self { index: ExactIndex::new(d, &rows), shards, dimension }
    }

    /// The songs' dimension; 0 for a catalogue without songs.
    #[must_use]
    pub fn dimension(&self) -> u32 {
        self.dimension
    }

    /// The places in the catalogue of the songs that answer a question, ascending: of every direction's best the first, of each the
    /// second, and so on, until there are as many different ones as were asked for. Nothing where the dimension is another.
    #[must_use]
    pub fn places(&self, query: &RecallQuery) -> Vec<u32> {
        if query.dimension() != self.dimension {
            return vec![];
        }
        let wanted = Query { k: query.songs() as usize, ..Query::default() };
        let best = |codes: &[i8]| {
            let direction: Vec<f32> = codes.iter().map(|code| f32::from(*code)).collect();
            self.index.search(&direction, &wanted)
        };
        let lists: Vec<_> = query.directions().map(best).collect();
        let mut taken = vec![false; self.index.songs()];
        let mut places = Vec::with_capacity(wanted.k.min(taken.len()));
        for candidate in (0..wanted.k).flat_map(|rank| lists.iter().filter_map(move |list| list.get(rank))) {
            if places.len() == wanted.k {
                break;
            }
            if !std::mem::replace(&mut taken[candidate.song.0 as usize], true) {
                places.push(candidate.song.0);
            }
        }
        places.sort_unstable();
        places
    }

    /// The songs at those places, as one shard.
    #[must_use]
    pub fn shard(&self, places: &[u32]) -> CatalogueShard {
        let d = self.dimension as usize;
        let mut answer = CatalogueShard { index: Self::ANSWER, dimension: self.dimension, ..CatalogueShard::default() };
        let boosted = self.shards.iter().any(|shard| !shard.boosts.is_empty());
        let (mut first, mut rest) = (0usize, places);
        for shard in &self.shards {
            let next = first + shard.songs.len();
            let (here, after) = rest.split_at(rest.partition_point(|place| (*place as usize) < next));
            for i in here.iter().map(|place| *place as usize - first) {
                answer.songs.push(shard.songs[i]);
                answer.artists.push(shard.artists[i]);
                answer.albums.push(shard.albums[i]);
                answer.styles.push(shard.styles[i]);
                answer.languages.push(shard.languages[i]);
                answer.years.push(shard.years[i]);
                answer.popularity.push(shard.popularity[i]);
                answer.plays.push(shard.plays[i]);
                answer.scales.push(shard.scales[i]);
                answer.rows.extend_from_slice(&shard.rows[i * d..][..d]);
                if boosted {
                    answer.boosts.push(shard.boosts.get(i).copied().unwrap_or(1.0));
                }
            }
            (first, rest) = (next, after);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sottovoce::ids::{ArtistId, SongId};
    use sottovoce::privacy::{Epsilon, Interest, Noise, NoiseKey, NoisedEmbedding};
    use sottovoce::protocol::{decode, encode};

    const D: usize = 4;

    /// `n` songs with even ids, in shards of three.
    fn shards(n: u32, boosts: bool) -> Vec<CatalogueShard> {
        let songs: Vec<u32> = (0..n).collect();
        let shard = |(index, songs): (u32, &[u32])| CatalogueShard {
            index,
            dimension: 4,
            songs: songs.iter().map(|i| SongId(2 * i)).collect(),
            artists: songs.iter().map(|i| ArtistId(*i)).collect(),
            years: songs.iter().map(|i| 1900 + u16::try_from(*i).unwrap()).collect(),
            popularity: vec![0.5; songs.len()],
            plays: songs.to_vec(),
            scales: vec![0.01; songs.len()],
            rows: songs
                .iter()
                .flat_map(|i| (0..4u32).map(move |j| i8::try_from((i * 37 + j * 53) % 199).unwrap_or(-7)))
                .collect(),
            boosts: if boosts && index == 1 { vec![2.0; songs.len()] } else { vec![] },
            ..CatalogueShard::default()
        };
        (0..).zip(songs.chunks(3)).map(shard).map(CatalogueShard::filled).collect()
    }

    fn directions(n: usize) -> Vec<NoisedEmbedding> {
        let mut noise = Noise::new(NoiseKey::new([1; 32]));
        let epsilon = Epsilon::new(0.1).unwrap();
        (0..n).map(|_| Interest::new(vec![0.0; D]).clip(1.0).noised(epsilon, &mut noise)).collect()
    }

    proptest! {
        #[test]
        fn an_answer_is_songs_of_the_catalogue_as_a_download_holds_them(n in 0u32..40, k in 1u32..50, rows in 1usize..5, boosts: bool) {
            let whole = shards(n, boosts);
            let recall = NoisedRecall::new(whole.clone());
            let places = recall.places(&RecallQuery::new(k, &directions(rows)).unwrap());
            let known = whole.iter().flat_map(|s| s.rows.chunks_exact(D)).filter(|r| r.iter().any(|c| *c != 0)).count();
            prop_assert_eq!(places.len(), if n == 0 { 0 } else { known.min(k as usize) });
            let answer = recall.shard(&places);
            if n > 0 {
                prop_assert_eq!(&decode::<CatalogueShard>(&encode(&answer)).unwrap(), &answer, "a device takes it");
            }
            for (i, song) in answer.songs.iter().enumerate() {
                let (shard, at) = (song.0 as usize / 6, song.0 as usize / 2 % 3);
                prop_assert_eq!(&answer.rows[i * D..][..D], &whole[shard].rows[at * D..][..D]);
                prop_assert_eq!((answer.years[i], answer.plays[i]), (whole[shard].years[at], whole[shard].plays[at]));
            }
        }
    }

    #[test]
    fn one_direction_gets_the_exact_best_and_two_share() {
        let recall = NoisedRecall::new(shards(30, false));
        let two = directions(2);
        let best = |direction: &NoisedEmbedding| {
            let direction: Vec<f32> = direction.codes().iter().map(|c| f32::from(*c)).collect();
            let found = recall.index.search(&direction, &Query { k: 30, ..Query::default() });
            found.iter().map(|c| c.song.0).collect::<Vec<u32>>()
        };
        let (a, b) = (best(&two[0]), best(&two[1]));
        let mut alone = a[..6].to_vec();
        alone.sort_unstable();
        assert_eq!(recall.places(&RecallQuery::new(6, &two[..1]).unwrap()), alone);
        let shared = recall.places(&RecallQuery::new(6, &two).unwrap());
        assert_eq!(shared.len(), 6);
        assert!(shared.contains(&a[0]) && shared.contains(&b[0]) && shared.contains(&a[1]) && shared.contains(&b[1]));
    }

    #[test]
    fn another_dimension_has_no_answer() {
        let mut noise = Noise::new(NoiseKey::new([1; 32]));
        let other = Interest::new(vec![1.0; 3]).clip(1.0).noised(Epsilon::new(1.0).unwrap(), &mut noise);
        assert!(NoisedRecall::new(shards(9, false)).places(&RecallQuery::new(5, &[other]).unwrap()).is_empty());
    }
}
