//! The public block of candidates that a vertical round is trained over. Of the full engine alone.

use super::codec::{DecodeError, Reader, Writer};
use super::message::{Downlink, Message, finite, invalid, sealed};
use crate::ids::{SongId, WeightsVersion};

/// Candidates and their present embeddings, the same for every device of a round: what a device gives back for them is a number for each of
/// `songs × dimension`, whatever it heard, so that neither the shape nor the length of its answer tells of its listener.
///
/// A round may have several blocks, one a scenario with an item tower of its own; they come one by one, and an update holds their parts
/// in the order of [`CandidateBlock::index`].
#[derive(Clone, Debug, PartialEq, Default)]
pub struct CandidateBlock {
    /// The weights that these embeddings belong to; a round that starts from others has other blocks.
    pub weights: WeightsVersion,
    /// Which block of the round, from 0.
    pub index: u32,
    /// How many blocks the round has, 1 to [`CandidateBlock::MOST`].
    pub count: u32,
    /// Which of the tower's tasks ranks them, by its number: 0 (*complete*) or 1 (*like*).
    pub task: u32,
    /// So many wanted songs after a cut of the past are what has to be found: 1 for the next one alone.
    pub ahead: u32,
    /// Cuts that are drawn for each pass over the past, at most.
    pub lessons: u32,
    /// The embeddings' dimension `d`, 1 to 256.
    pub dimension: u32,
    /// The candidates, ascending.
    pub songs: Vec<SongId>,
    /// Popularity of each in `[0, 1]`, as in the catalogue.
    pub popularity: Vec<f32>,
    /// `ln π` of each: the chance with which it was drawn into the block. Empty where all candidates are in it.
    pub log_chance: Vec<f32>,
    /// `songs.len() × d` numbers, row by row.
    pub rows: Vec<f32>,
}

impl CandidateBlock {
    /// No round has more blocks.
    pub const MOST: u32 = 4;
}

impl sealed::Sealed for CandidateBlock {}
impl Message for CandidateBlock {
    const KIND: u8 = 16;
    const NAME: &'static str = "candidate block";

    fn write(&self, w: &mut Writer) {
        w.array(11);
        w.uint(self.weights.0);
        for value in [self.index, self.count, self.task, self.ahead, self.lessons, self.dimension] {
            w.uint(value.into());
        }
        w.tensor(&self.songs);
        w.tensor(&self.popularity);
        w.tensor(&self.log_chance);
        w.tensor(&self.rows);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(11)?;
        let weights = WeightsVersion(r.uint()?);
        let mut values = [0u32; 6];
        for value in &mut values {
            *value = r.narrow()?;
        }
        let [index, count, task, ahead, lessons, dimension] = values;
        let (songs, popularity) = (r.tensor()?, r.tensor()?);
        let (log_chance, rows) = (r.tensor()?, r.tensor()?);
        Ok(Self { weights, index, count, task, ahead, lessons, dimension, songs, popularity, log_chance, rows })
    }

    fn validate(&self) -> Result<(), DecodeError> {
        let n = self.songs.len();
        if !(1..=Self::MOST).contains(&self.count) || self.index >= self.count {
            return Err(invalid("block", "not one of 1 to 4"));
        }
        if self.task > 1 || self.ahead == 0 || !(1..=4096).contains(&self.lessons) {
            return Err(invalid("lessons", "a task that ranks nothing, or a count that is zero or too large"));
        }
        if !(1..=256).contains(&self.dimension) || self.rows.len() != n * self.dimension as usize {
            return Err(invalid("rows", "not songs × dimension values, of 1 to 256 each"));
        }
        if n < 2 || !self.songs.is_sorted_by(|a, b| a < b) {
            return Err(invalid("songs", "fewer than two, or not strictly ascending"));
        }
        if self.popularity.len() != n || !self.popularity.iter().all(|p| (0.0..=1.0).contains(p)) {
            return Err(invalid("popularity", "not one a song within 0 to 1"));
        }
        if !(self.log_chance.is_empty() || self.log_chance.len() == n)
            || !self.log_chance.iter().all(|ln| (-50.0..=0.0).contains(ln))
        {
            return Err(invalid("log_chance", "not one a song, or not the logarithm of a chance"));
        }
        finite("rows", &self.rows)
    }
}
impl Downlink for CandidateBlock {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{decode, encode};

    fn block() -> CandidateBlock {
        CandidateBlock {
            weights: WeightsVersion(3),
            count: 1,
            ahead: 1,
            lessons: 8,
            dimension: 2,
            songs: vec![SongId(1), SongId(4)],
            popularity: vec![0.5, 1.0],
            log_chance: vec![-0.5, 0.0],
            rows: vec![1.0, 2.0, 3.0, -4.0],
            ..CandidateBlock::default()
        }
    }

    #[test]
    fn a_block_comes_back_as_it_went() {
        assert_eq!(decode::<CandidateBlock>(&encode(&block())), Ok(block()));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let wrong: [fn(&mut CandidateBlock); 12] = [
            |b| b.count = 0,
            |b| b.index = 1,
            |b| b.task = 2,
            |b| b.ahead = 0,
            |b| b.lessons = 0,
            |b| b.dimension = 1,
            |b| b.songs = vec![SongId(4), SongId(4)],
            |b| b.popularity[0] = f32::NAN,
            |b| b.log_chance = vec![0.5, 0.0],
            |b| b.log_chance = vec![0.0],
            |b| b.rows[3] = f32::INFINITY,
            |b| b.rows.truncate(2),
        ];
        for spoil in wrong {
            let mut bad = block();
            spoil(&mut bad);
            assert!(matches!(decode::<CandidateBlock>(&encode(&bad)), Err(DecodeError::Invalid { .. })), "{bad:?}");
        }
        let bytes = encode(&block());
        for end in 0..bytes.len() {
            assert!(decode::<CandidateBlock>(&bytes[..end]).is_err());
        }
    }
}
